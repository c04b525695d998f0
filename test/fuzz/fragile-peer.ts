// A live peer with one defect, on 127.0.0.92:7992: it ends with 9 when it gets a compact CM with the session id 255.
import { parseIpv4 } from '../../src/codec/index.js';
import { ReferenceHost } from '../../src/endpoint/index.js';
import { UdpSockets } from '../../src/io/udp-sockets.js';
import { wallClock } from '../../src/io/wall-clock.js';
import { onCm } from './defect.js';

const ADDRESS = parseIpv4('127.0.0.92');
const PORT = 7992;
const now = wallClock();
const host = new ReferenceHost({ addresses: [ADDRESS], services: [{ name: 'echo', port: PORT }] });
onCm(host, ({ cm }) => {
  if (cm.layout !== 'compact' || cm.sessionId !== 255) return;
  process.stderr.write('fatal error: session 255 is outside the table\n');
  process.exit(9);
});
const sockets = new UdpSockets((packet, length) => {
  host.receive(packet, now(), length);
  host.poll(now());
  host.drain((answer) => sockets.send(answer));
});
await sockets.open({ address: ADDRESS, port: PORT });
setInterval(() => {
  host.poll(now());
  host.drain((answer) => sockets.send(answer));
}, 20);
process.on('SIGTERM', () => process.exit(0));
