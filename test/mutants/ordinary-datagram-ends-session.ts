import { TrailerView, UDP } from '../../src/codec/index.js';
import { type Mutant, onReceipt } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'ordinary-datagram-ends-session',
  defect: 'An ordinary datagram of a connection ends its session.',
  requirements: ['MPIP-SS-03'],
  killedBy: ['SS-begun-by-us-untouched-by-ordinary-data', 'SS-both-begin-lower-wins', 'SS-each-connection-its-session'],
  apply({ endpoint }) {
    onReceipt(endpoint, (packet, now) => {
      const view = new TrailerView();
      if (view.locate(packet)) return packet;
      const { source, sourcePort, destination, destinationPort } = view;
      const tuple = {
        source: destination,
        sourcePort: destinationPort,
        destination: source,
        destinationPort: sourcePort,
      };
      const session = endpoint.sessions.byTuple(tuple, UDP, now);
      if (session !== undefined && session.origin === 'peer') {
        endpoint.sessions.remove(session, now);
        session.peer.formerSessions.clear();
      }
      return packet;
    });
  },
};
