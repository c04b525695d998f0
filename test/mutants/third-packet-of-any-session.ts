import { TcpFlags } from '../../src/codec/index.js';
import { reversedTuple } from '../../src/codec/rewrite.js';
import { tupleKey } from '../../src/endpoint/mesh.js';
import type { Session } from '../../src/endpoint/sessions.js';
import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'third-packet-of-any-session',
  defect: 'The third packet of a fake handshake counts for the session of the SYN, whatever session it names.',
  requirements: ['MPIP-HS-06', 'MPIP-HS-01'],
  killedBy: ['HS-third-packet-of-another-session'],
  apply({ endpoint: { fakeTcp } }) {
    const begun = new Map<string, Session>();
    const { receive } = fakeTcp;
    fakeTcp.receive = (view, session, now) => {
      const key = tupleKey(reversedTuple(view));
      if ((view.tcpFlags & TcpFlags.syn) !== 0) begun.set(key, session);
      receive.call(fakeTcp, view, begun.get(key) ?? session, now);
    };
  },
};
