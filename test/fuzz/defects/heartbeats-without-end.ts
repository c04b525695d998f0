import { buildUdp, Flags } from '../../../src/codec/index.js';
import { alsoSends, type Defect, onCm } from '../defect.js';

export const defect: Defect = {
  name: 'heartbeats-without-end',
  defect: 'A heartbeat starts a timer that nobody stops.',
  kind: 'amplification',
  like: 'R14',
  apply(host) {
    const send = alsoSends(host);
    let beat: Uint8Array | undefined;
    let due = Number.POSITIVE_INFINITY;
    onCm(host, (view, _packet, now) => {
      if (view.cm.flags !== Flags.heartbeat) return;
      const { source, sourcePort, destination, destinationPort } = view;
      const tuple = {
        source: destination,
        sourcePort: destinationPort,
        destination: source,
        destinationPort: sourcePort,
      };
      beat = buildUdp(tuple, new Uint8Array(0));
      due = now + 50_000;
    });
    const { poll } = host;
    host.poll = (now) => {
      const next = poll.call(host, now);
      if (beat !== undefined && now >= due) {
        send(beat);
        due = now + 50_000;
      }
      return Math.min(next, due);
    };
  },
};
