import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'tcp-enabled-but-ordinary',
  defect: 'Queries on TCP are confirmed, but the segments of the connection stay without a CM.',
  requirements: ['MPIP-AV-05'],
  killedBy: ['AV-tcp-confirm-enables'],
  apply({ endpoint }) {
    const { transmitter, outbound } = endpoint;
    const { sendData } = outbound;
    outbound.sendData = (view, session, layout, now, length) => {
      if (view.protocol === 6) transmitter.sendPlain(view.bytes, length);
      else sendData.call(outbound, view, session, layout, now, length);
    };
  },
};
