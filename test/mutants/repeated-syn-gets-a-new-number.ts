import { readU32be, writeU32be } from '../../src/codec/bytes.js';
import { Flags, TcpFlags } from '../../src/codec/index.js';
import type { Mutant } from '../conformance/mutant.js';
import { onTransmit } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'repeated-syn-gets-a-new-number',
  defect: 'A fake SYN that comes again is answered with another number than before.',
  requirements: ['MPIP-HS-10'],
  killedBy: ['HS-repeated-syn-is-answered-alike'],
  apply(host) {
    const answered = new Map<string, number>();
    onTransmit(host, (packet) => {
      if (packet[9] !== 6 || packet[33] !== (TcpFlags.syn | TcpFlags.ack) || packet.at(-3) !== Flags.handshake) return;
      const tuple = packet.subarray(12, 24).join();
      const times = answered.get(tuple) ?? 0;
      answered.set(tuple, times + 1);
      writeU32be(packet, 24, (readU32be(packet, 24) + 100_000 * times) >>> 0);
    });
  },
};
