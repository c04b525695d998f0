import { DatagramView } from '../../src/codec/index.js';
import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'query-copy-with-other-user-data',
  defect: 'The query copy carries user data of its own instead of that of the packet.',
  requirements: ['MPIP-AV-04'],
  killedBy: ['AV-query-copy-beside-original', 'GEN-ordinary-traffic-unharmed'],
  apply({ endpoint }) {
    const { sendCopy } = endpoint.transmitter;
    endpoint.transmitter.sendCopy = (view, tuple, flags, layout, now) => {
      const copy = new DatagramView();
      const bytes = view.bytes.slice(0, view.end);
      for (let i = view.payloadOffset; i < bytes.length; i++) bytes[i] = bytes[i]! ^ 0x55;
      copy.parse(bytes, 0, bytes.length);
      sendCopy.call(endpoint.transmitter, copy, tuple, flags, layout, now);
    };
  },
};
