import { TcpFlags } from '../../src/codec/index.js';
import { reversedTuple } from '../../src/codec/rewrite.js';
import { tupleKey } from '../../src/endpoint/mesh.js';
import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'path-open-with-the-syn',
  defect: 'A path by a fake handshake is used as soon as the SYN is answered.',
  requirements: ['MPIP-HS-06'],
  killedBy: [
    'HS-only-an-ack-opens',
    'HS-path-only-after-three-packets',
    'HS-third-packet-of-another-session',
    'HS-wrong-acknowledgement-opens-nothing',
  ],
  apply(host) {
    const { fakeTcp, state } = host.endpoint;
    const { receive } = fakeTcp;
    fakeTcp.receive = (view, session, now) => {
      receive.call(fakeTcp, view, session, now);
      if ((view.tcpFlags & (TcpFlags.syn | TcpFlags.ack)) !== TcpFlags.syn) return;
      const tuple = reversedTuple(view);
      session.peer.answered.add(tuple.destination);
      if (!session.paths.some((path) => tupleKey(path.tuple) === tupleKey(tuple)))
        state.mesh.add(session, tuple, 500, now);
    };
  },
};
