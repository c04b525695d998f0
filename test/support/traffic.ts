/**
 * An application without any idea of MPIP, to run in a network namespace:
 *
 *     traffic.js serve ADDRESS PORT                       echoes UDP and TCP
 *     traffic.js udp ADDRESS PORT COUNT LARGEST [LEAST]   echo of datagrams of different lengths
 *     traffic.js tcp ADDRESS PORT BYTES                   echo of a stream, compared by hash
 *
 * The clients print one JSON line.
 */
import { createHash } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { Random } from '../../src/codec/index.js';

const [mode, address, portText, ...rest] = process.argv.slice(2);
const port = Number(portText);

/** Octets that differ from place to place. */
function made(length: number, seed: number): Buffer {
  const random = new Random(seed);
  const bytes = Buffer.alloc(length);
  for (let i = 0; i + 4 <= length; i += 4) bytes.writeUInt32LE(random.below(2 ** 32), i);
  return bytes;
}

async function serve(): Promise<void> {
  const udp = createSocket('udp4');
  udp.on('message', (payload, from) => udp.send(payload, from.port, from.address));
  udp.bind(port, address);
  await once(udp, 'listening');
  const tcp = createServer((socket) => socket.on('error', () => {}).pipe(socket));
  tcp.listen(port, address);
  await once(tcp, 'listening');
  console.log('serving');
}

async function udp(count: number, largest: number, least = 4): Promise<void> {
  const socket = createSocket('udp4');
  socket.connect(port, address);
  await once(socket, 'connect');
  let intact = 0;
  for (let i = 0; i < count; i++) {
    const payload = made(least + ((i * 131) % (largest - least + 1)), i);
    socket.send(payload);
    const answer = await Promise.race([
      once(socket, 'message').then(([data]) => data as Buffer),
      new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), 1000).unref()),
    ]);
    if (answer?.equals(payload)) intact++;
  }
  console.log(JSON.stringify({ sent: count, intact }));
  socket.close();
}

async function tcp(length: number): Promise<void> {
  const socket = connect(port, address!);
  const sent = createHash('sha256');
  const received = createHash('sha256');
  let count = 0;
  socket.on('data', (data) => {
    received.update(data);
    count += data.length;
  });
  await once(socket, 'connect');
  for (let at = 0; at < length; at += 65536) {
    const chunk = made(Math.min(65536, length - at), at);
    sent.update(chunk);
    if (!socket.write(chunk)) await once(socket, 'drain');
  }
  socket.end();
  await once(socket, 'close');
  console.log(JSON.stringify({ received: count, intact: sent.digest('hex') === received.digest('hex') }));
}

const [first, second, third] = rest.map(Number);
if (mode === 'serve') await serve();
else if (mode === 'udp') await udp(first!, second!, third);
else await tcp(first!);
