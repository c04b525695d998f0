import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'sessions-ignore-own-port',
  defect: 'A session is found by the remote address and port alone; two services share it.',
  requirements: ['MPIP-SS-02'],
  killedBy: ['SS-each-connection-its-session'],
  apply({ endpoint }) {
    const { byTuple } = endpoint.sessions;
    endpoint.sessions.byTuple = (tuple, protocol, now) => {
      const { destination, destinationPort } = tuple;
      for (const { tuple: other } of endpoint.sessions.rows())
        if (other.destination === destination && other.destinationPort === destinationPort)
          return byTuple.call(endpoint.sessions, other, protocol, now);
      return undefined;
    };
  },
};
