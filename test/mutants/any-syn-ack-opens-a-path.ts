import { readU32be, writeU32be } from '../../src/codec/bytes.js';
import { Flags, TcpFlags } from '../../src/codec/index.js';
import type { Mutant } from '../conformance/mutant.js';
import { onReceipt, onTransmit } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'any-syn-ack-opens-a-path',
  defect: 'What the SYN-ACK of a fake handshake acknowledges is not looked at.',
  requirements: ['MPIP-HS-06', 'MPIP-HS-10'],
  killedBy: ['HS-wrong-syn-ack-opens-nothing'],
  apply(host) {
    const own = new Map<string, number>();
    const isStep = (packet: Uint8Array, flags: number) =>
      packet[9] === 6 && packet[33] === flags && packet.at(-3) === Flags.handshake;
    onTransmit(host, (packet) => {
      if (isStep(packet, TcpFlags.syn)) own.set(packet.subarray(12, 20).join(), readU32be(packet, 24));
    });
    onReceipt(host.endpoint, (packet) => {
      const way = [...packet.subarray(16, 20), ...packet.subarray(12, 16)].join();
      const sequence = isStep(packet, TcpFlags.syn | TcpFlags.ack) ? own.get(way) : undefined;
      if (sequence === undefined) return packet;
      const copy = packet.slice();
      writeU32be(copy, 28, (sequence + 1) >>> 0);
      return copy;
    });
  },
};
