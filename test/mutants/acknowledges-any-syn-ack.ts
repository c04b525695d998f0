import { Flags, TcpFlags } from '../../src/codec/index.js';
import { reversedTuple } from '../../src/codec/rewrite.js';
import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'acknowledges-any-syn-ack',
  defect: 'Every SYN-ACK with the handshake flag is acknowledged, also when there was no SYN.',
  requirements: ['MPIP-HS-10'],
  killedBy: ['HS-unasked-syn-ack-is-not-acknowledged'],
  apply({ endpoint: { fakeTcp, state } }) {
    const { receive } = fakeTcp;
    fakeTcp.receive = (view, session, now) => {
      const isAnswer = view.tcpFlags === (TcpFlags.syn | TcpFlags.ack);
      if (!isAnswer || fakeTcp.isUnderWay(reversedTuple(view))) return receive.call(fakeTcp, view, session, now);
      const cm = state.composer.compose(session.peer.layout, Flags.handshake, now);
      cm.sessionId = session.id;
      const { acknowledgement: sequence, sequence: other } = view;
      const fields = { sequence, acknowledgement: (other + 1) >>> 0, flags: TcpFlags.ack };
      state.control.segment(state.transmits.filling, reversedTuple(view), fields, cm, false);
    };
  },
};
