import { TcpFlags } from '../../src/codec/index.js';
import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'never-answers-fake-syn',
  defect: 'The SYN of a fake handshake is not answered.',
  requirements: ['MPIP-HS-04'],
  killedBy: ['HS-syn-is-answered-on-its-path'],
  apply(host) {
    const { fakeTcp } = host.endpoint;
    const { receive } = fakeTcp;
    fakeTcp.receive = (view, session, now) => {
      if ((view.tcpFlags & (TcpFlags.syn | TcpFlags.ack)) !== TcpFlags.syn) receive.call(fakeTcp, view, session, now);
    };
  },
};
