import { readU32be, writeU32be } from '../../src/codec/bytes.js';
import type { Mutant } from '../conformance/mutant.js';
import { onTransmit } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'fake-paths-have-own-numbers',
  defect: "On a fake path segments get the sequence numbers of its handshake instead of the connection's.",
  requirements: ['MPIP-HS-09'],
  killedBy: ['HS-data-unchanged-on-fake-path'],
  apply(host) {
    onTransmit(host, (packet) => {
      if (packet[9] !== 6 || packet.at(-3) !== 0 || packet[19] !== 2 || packet.length < 70) return;
      writeU32be(packet, 24, (readU32be(packet, 24) + 77777) >>> 0);
    });
  },
};
