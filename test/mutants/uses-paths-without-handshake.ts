import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'uses-paths-without-handshake',
  defect: 'The initiator uses every path as soon as it has sent its SYN.',
  requirements: ['MPIP-HS-06', 'MPIP-HS-07'],
  killedBy: ['HS-client-path-carries-data', 'HS-unanswered-path-unused', 'HS-wrong-syn-ack-opens-nothing'],
  apply(host) {
    const { fakeTcp, state } = host.endpoint;
    const { start } = fakeTcp;
    fakeTcp.start = (session, locals, now) => {
      const isDone = start.call(fakeTcp, session, locals, now);
      for (const destination of session.peer.announced) {
        for (const source of locals) {
          if (destination === session.tuple.destination) continue;
          session.peer.answered.add(destination);
          const tuple = { ...session.tuple, source, destination };
          if (!session.paths.some((path) => path.tuple.source === source && path.tuple.destination === destination)) {
            const path = state.mesh.add(session, tuple, 500, now);
            if (path !== undefined) path.isUnproven = false;
          }
        }
      }
      return isDone;
    };
  },
};
