import { DatagramView, Flags } from '../../src/codec/index.js';
import { tupleOf } from '../../src/endpoint/transmitter.js';
import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'separate-feedback-packets',
  defect: 'Each data packet is followed by a packet with nothing but feedback.',
  requirements: ['MPIP-CM-03', 'MPIP-HB-04'],
  killedBy: ['CM-feedback-only-piggybacked', 'HB-none-while-feedback-fresh'],
  apply({ endpoint }) {
    const { sendData } = endpoint.outbound;
    const { sendCopy } = endpoint.transmitter;
    endpoint.outbound.sendData = (view, session, layout, now, length) => {
      const copy = new DatagramView();
      copy.parse(view.bytes.slice(0, length), 0, length);
      sendData.call(endpoint.outbound, view, session, layout, now, length);
      sendCopy.call(endpoint.transmitter, copy, tupleOf(copy), Flags.heartbeat, layout, now);
    };
  },
};
