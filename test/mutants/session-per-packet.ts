import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'session-per-packet',
  defect: 'Every packet begins a new session.',
  requirements: ['MPIP-SS-02', 'MPIP-SS-03'],
  killedBy: [],
  apply({ endpoint }) {
    endpoint.sessionToSend = (row, tuple, protocol, now) => {
      const peer = endpoint.nodes.at(row.address, row.port);
      const known = endpoint.sessions.byTuple(tuple, protocol, now);
      if (known !== undefined) endpoint.sessions.remove(known, now);
      return peer === undefined ? undefined : endpoint.sessions.create(peer, protocol, tuple, now);
    };
  },
};
