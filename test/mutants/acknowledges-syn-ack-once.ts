import { TcpFlags } from '../../src/codec/index.js';
import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'acknowledges-syn-ack-once',
  defect: 'A SYN-ACK of a fake handshake that comes again, as its ACK was lost, is not acknowledged again.',
  requirements: ['MPIP-HS-10'],
  killedBy: ['HS-repeated-syn-ack-is-acknowledged'],
  apply({ endpoint }) {
    const { fakeTcp } = endpoint;
    const { receive } = fakeTcp;
    const seen = new Set<string>();
    fakeTcp.receive = (view, session, now) => {
      const { source, sourcePort, destination, destinationPort, tcpFlags } = view;
      const tuple = `${source} ${sourcePort} ${destination} ${destinationPort}`;
      if (tcpFlags === (TcpFlags.syn | TcpFlags.ack)) {
        if (seen.has(tuple)) return;
        seen.add(tuple);
      }
      receive.call(fakeTcp, view, session, now);
    };
  },
};
