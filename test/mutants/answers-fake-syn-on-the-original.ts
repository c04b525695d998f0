import { readU32be, writeU32be } from '../../src/codec/bytes.js';
import { Flags, TcpFlags } from '../../src/codec/index.js';
import type { Mutant } from '../conformance/mutant.js';
import { onTransmit } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'answers-fake-syn-on-the-original',
  defect: 'The SYN-ACK of a fake handshake goes by the original path.',
  requirements: ['MPIP-HS-04'],
  killedBy: ['HS-syn-is-answered-on-its-path'],
  apply(host) {
    let original = 0;
    const { inbound } = host.endpoint;
    const { receiveHandshake } = inbound;
    inbound.receiveHandshake = (view, peer, sessionId, now) => {
      original = peer.sessions.get(sessionId)?.tuple.destination ?? 0;
      receiveHandshake.call(inbound, view, peer, sessionId, now);
    };
    onTransmit(host, (packet) => {
      if (packet[9] !== 6 || packet[33] !== (TcpFlags.syn | TcpFlags.ack) || packet.at(-3) !== Flags.handshake) return;
      if (original !== 0 && readU32be(packet, 16) !== original) writeU32be(packet, 16, original);
    });
  },
};
