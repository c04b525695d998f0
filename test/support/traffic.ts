/**
 * An application without any idea of MPIP, to run in a network namespace:
 *
 *     traffic.js serve ADDRESS PORT [UDP-PORT]            echoes TCP and UDP, at the same port or at two
 *     traffic.js discard ADDRESS PORT                     takes UDP datagrams and says nothing
 *     traffic.js name-server ADDRESS PORT                 answers DNS queries for hostN.example with 192.0.2.N
 *     traffic.js names ADDRESS PORT COUNT                 asks it through the system's resolver library
 *     traffic.js http ADDRESS PORT BYTES                  serves a file, prints its SHA-256
 *     traffic.js udp ADDRESS PORT COUNT LARGEST [LEAST]   echo of datagrams of different lengths
 *     traffic.js settle ADDRESS PORT COUNT LARGEST        the same until so many in a row came back
 *     traffic.js steady ADDRESS PORT MILLIS               a datagram every 20 ms, connected; says "talking" after ten answers,
 *                                                         then which errors came and what of the last quarter was lost
 *     traffic.js tcp ADDRESS PORT BYTES                   echo of a stream, compared by hash
 *     traffic.js stream ADDRESS PORT                      the same without an end, until SIGUSR2; SIGUSR1 asks for progress
 *     traffic.js talk ADDRESS PORT                        an idle TCP connection; SIGUSR1 sends a line, SIGUSR2 ends it
 *
 * The clients print one JSON line. Progress is `mark N`, an answer in `talk` is `answer N`.
 */
import { createHash } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
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

async function serve(udpPort = port): Promise<void> {
  const udp = createSocket('udp4');
  udp.on('message', (payload, from) => udp.send(payload, from.port, from.address));
  udp.bind(udpPort, address);
  await once(udp, 'listening');
  const tcp = createServer((socket) => socket.on('error', () => {}).pipe(socket));
  tcp.listen(port, address);
  await once(tcp, 'listening');
  console.log('serving');
}

async function discard(): Promise<void> {
  const udp = createSocket('udp4').on('message', () => {});
  udp.bind(port, address);
  await once(udp, 'listening');
  console.log('discarding');
}

/** A name server that is as strict as RFC 1035 allows: octets behind the question are a format error. */
async function serveNames(): Promise<void> {
  const socket = createSocket('udp4');
  socket.on('message', (query, from) => {
    let end = 12;
    while (query[end]! > 0) end += 1 + query[end]!;
    end += 5;
    const number = Number(/host(\d+)/.exec(query.toString('latin1'))?.[1]);
    const isWellFormed = query.length === end;
    const head = Buffer.from(query.subarray(0, 12));
    head.writeUInt16BE(isWellFormed ? 0x8180 : 0x8181, 2);
    head.writeUInt16BE(isWellFormed ? 1 : 0, 6);
    const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, number]);
    const answer = isWellFormed ? [head, query.subarray(12, end), record] : [head, query.subarray(12, end)];
    socket.send(Buffer.concat(answer), from.port, from.address);
  });
  socket.bind(port, address);
  await once(socket, 'listening');
  console.log('serving');
}

async function names(count: number): Promise<void> {
  const resolver = new Resolver({ timeout: 5000, tries: 2 });
  resolver.setServers([`${address}:${port}`]);
  let right = 0;
  for (let i = 1; i <= count; i++) if (`${await resolver.resolve4(`host${i}.example`)}` === `192.0.2.${i}`) right++;
  console.log(JSON.stringify({ asked: count, right }));
}

async function http(length: number): Promise<void> {
  const file = made(length, length);
  const server = createHttpServer((_request, response) => response.end(file));
  server.listen(port, address);
  await once(server, 'listening');
  console.log(`serving ${createHash('sha256').update(file).digest('hex')}`);
}

/** Sends datagrams one after the other and compares what comes back, until `isDone` says so. */
async function udp(
  largest: number,
  least: number,
  patienceMs: number,
  isDone: (sent: number, row: number) => boolean,
): Promise<void> {
  const socket = createSocket('udp4');
  socket.connect(port, address);
  await once(socket, 'connect');
  let sent = 0;
  let intact = 0;
  let row = 0;
  while (!isDone(sent, row)) {
    const payload = made(least + ((sent * 131) % (largest - least + 1)), ++sent);
    const answer = new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(false), patienceMs);
      // What was given up for lost may come yet.
      const compare = (data: Buffer) => {
        if (!data.equals(payload)) return;
        socket.off('message', compare);
        clearTimeout(timer);
        resolve(true);
      };
      socket.on('message', compare);
    });
    socket.send(payload);
    const isIntact = await answer;
    socket.removeAllListeners('message');
    if (isIntact) intact++;
    row = isIntact ? row + 1 : 0;
  }
  console.log(JSON.stringify({ sent, intact }));
  socket.close();
}

async function steady(millis: number): Promise<void> {
  const socket = createSocket('udp4');
  const errors = new Set<string>();
  const answered = new Set<number>();
  socket.on('error', (error) => errors.add((error as NodeJS.ErrnoException).code ?? error.message));
  socket.on('message', (payload) => {
    answered.add(payload.readUInt32LE());
    if (answered.size === 10) console.log('talking');
  });
  socket.connect(port, address);
  await once(socket, 'connect');
  const count = Math.floor(millis / 20);
  for (let i = 0; i < count; i++) {
    const payload = Buffer.alloc(100);
    payload.writeUInt32LE(i);
    socket.send(payload, (error) => error && errors.add((error as NodeJS.ErrnoException).code ?? error.message));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await new Promise((resolve) => setTimeout(resolve, 300));
  const late = Array.from({ length: Math.floor(count / 4) }, (_, i) => count - 1 - i);
  const lost = late.filter((i) => !answered.has(i)).length;
  console.log(JSON.stringify({ errors: [...errors], lost }));
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

async function stream(): Promise<void> {
  const socket = connect(port, address!);
  const sent = createHash('sha256');
  const received = createHash('sha256');
  let count = 0;
  let total = 0;
  let marks = 0;
  let asked = Number.POSITIVE_INFINITY;
  let isOver = false;
  process.on('SIGUSR1', () => {
    asked = count + 200_000;
  });
  process.on('SIGUSR2', () => {
    isOver = true;
  });
  socket.on('data', (data) => {
    received.update(data);
    count += data.length;
    if (count < asked) return;
    asked = Number.POSITIVE_INFINITY;
    console.log(`mark ${++marks}`);
  });
  await once(socket, 'connect');
  console.log('connected');
  for (let i = 0; !isOver; i++) {
    const chunk = made(16384, i);
    sent.update(chunk);
    total += chunk.length;
    if (!socket.write(chunk)) await once(socket, 'drain');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  socket.end();
  await once(socket, 'close');
  console.log(JSON.stringify({ sent: total, received: count, intact: sent.digest('hex') === received.digest('hex') }));
}

async function talk(): Promise<void> {
  const socket = connect(port, address!);
  let lines = 0;
  process.on('SIGUSR1', () => socket.write(`${++lines}\n`));
  process.on('SIGUSR2', () => socket.end());
  socket.on('data', (data) => console.log(`answer ${data.toString().trim()}`));
  await once(socket, 'connect');
  console.log('connected');
  await once(socket, 'close');
  console.log('{}');
}

const [first, second, third] = rest.map(Number);
if (mode === 'serve') await serve(first);
else if (mode === 'discard') await discard();
else if (mode === 'name-server') await serveNames();
else if (mode === 'names') await names(first!);
else if (mode === 'http') await http(first!);
else if (mode === 'udp') await udp(second!, third ?? 4, 5000, (sent) => sent === first);
else if (mode === 'settle') await udp(second!, 4, 300, (_, row) => row === first);
else if (mode === 'steady') await steady(first!);
else if (mode === 'stream') await stream();
else if (mode === 'talk') await talk();
else await tcp(first!);
