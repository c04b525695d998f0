import { readU32be, writeU32be } from '../../src/codec/bytes.js';
import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'fake-paths-have-own-numbers',
  defect: "On a fake path segments get the sequence numbers of its handshake instead of the connection's.",
  requirements: ['MPIP-HS-09'],
  killedBy: ['HS-data-unchanged-on-fake-path'],
  apply({ endpoint }) {
    const { transmitter, state } = endpoint;
    const { sendInSession } = transmitter;
    transmitter.sendInSession = (view, session, path, ...rest) => {
      const octets = sendInSession.call(transmitter, view, session, path, ...rest);
      if (path?.encapsulation === 'fake-tcp') {
        const { filling } = state.transmits;
        const { bytes } = filling.at(filling.length - 1);
        writeU32be(bytes, 24, (readU32be(bytes, 24) + 77777) >>> 0);
      }
      return octets;
    };
  },
};
