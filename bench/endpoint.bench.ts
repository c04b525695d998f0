// A pair of endpoints, back to back in memory: packets of 1400 octets from one host to the other over four paths, next
// to the same loop with both endpoints replaced by a copy of the packet; the memory that ten million packets leave; and
// one node with 100,000 connections next to one with 100. Times are processor time.
//   node --expose-gc build/bench/endpoint.bench.js [--packets N] [--many N]
// With MPIP_BENCH_JSON results are printed as JSON too.

import { parseArgs } from 'node:util';
import { buildTcp, buildUdp, TcpFlags } from '../src/codec/index.js';
import { Endpoint, type PacketQueue } from '../src/endpoint/index.js';
import { BusyPair } from '../test/support/busy-pair.js';
import { ManySessions, PlainRecords } from './many-sessions.js';

const { values } = parseArgs({
  options: { packets: { type: 'string', default: '400000' }, many: { type: 'string', default: '10000000' } },
});
const many = Number(values.many);
const packets = Number(values.packets);
const [A1, A2, B1, B2] = [0x0a010001, 0x0a020001, 0x0a010002, 0x0a020002];
const toB = { source: A1, sourcePort: 40000, destination: B1, destinationPort: 7000 };
const toA = { source: B1, sourcePort: 7000, destination: A1, destinationPort: 40000 };
const PAYLOAD = new Uint8Array(1346);

interface Node {
  fromHost(packet: Uint8Array, now: number): void;
  fromNetwork(packet: Uint8Array, now: number, length: number): void;
  takeTransmits(): PacketQueue;
  takeDeliveries(): PacketQueue;
}

/** Moves what both nodes send until nothing is left; gives the number of packets delivered. */
function pump(a: Node, b: Node, now: number): number {
  let delivered = 0;
  for (let isBusy = true; isBusy; ) {
    isBusy = false;
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      const batch = from.takeTransmits();
      for (let i = 0; i < batch.length; i++) {
        const slot = batch.at(i);
        to.fromNetwork(slot.bytes, now, slot.length);
        isBusy = true;
      }
      delivered += to.takeDeliveries().length;
    }
  }
  return delivered;
}

function pair(mode: 'udp' | 'tcp'): [Endpoint, Endpoint, Uint8Array, Uint8Array] {
  const a = new Endpoint({ addresses: [A1, A2], mac: 0x020000000a01, seed: 1 });
  const b = new Endpoint({ addresses: [B1, B2], mac: 0x020000000b01, seed: 2 });
  const { ack, syn } = TcpFlags;
  const segment = (tuple: typeof toA, flags: number) =>
    buildTcp(tuple, { sequence: 1, acknowledgement: 1, flags }, new Uint8Array(0));
  for (const [tuple, node, flags] of [
    [toB, a, syn],
    [toA, b, syn | ack],
    [toB, a, ack],
    [toA, b, ack],
  ] as const) {
    node.fromHost(mode === 'tcp' ? segment(tuple, flags) : buildUdp(tuple, new Uint8Array(10)), 1_000_000);
    pump(a, b, 1_000_000);
  }
  for (let i = 0; i < 20; i++) {
    a.fromHost(mode === 'tcp' ? segment(toB, ack) : buildUdp(toB, new Uint8Array(10)), 1_000_000 + i);
    b.fromHost(mode === 'tcp' ? segment(toA, ack) : buildUdp(toA, new Uint8Array(10)), 1_000_000 + i);
    pump(a, b, 1_000_000 + i);
  }
  const data =
    mode === 'tcp' ? buildTcp(toB, { sequence: 1, acknowledgement: 1, flags: ack }, PAYLOAD) : buildUdp(toB, PAYLOAD);
  const answer = mode === 'tcp' ? segment(toA, ack) : buildUdp(toA, new Uint8Array(20));
  return [a, b, data, answer];
}

/** Nanoseconds a packet: data one way, an answer for every second packet, as TCP acknowledges. */
function measure(mode: 'udp' | 'tcp'): number {
  const [a, b, data, answer] = pair(mode);
  let now = 2_000_000;
  let sequence = 1;
  const start = nanosUsed();
  let count = 0;
  for (let i = 0; i < packets; i++) {
    if (mode === 'tcp') {
      new DataView(data.buffer).setUint32(24, sequence >>> 0);
      sequence += PAYLOAD.length;
    }
    a.fromHost(data, now);
    if (i % 2 === 1) b.fromHost(answer, now);
    count += pump(a, b, now);
    now += 15;
  }
  const nanos = nanosUsed() - start;
  if (count < packets * 1.49) throw new Error(`Only ${count} of ${packets * 1.5} packets were delivered.`);
  return nanos / (packets * 1.5);
}

/** The same packets with nothing done to them but the two copies that an endpoint makes on each side. */
function copies(): number {
  const data = buildUdp(toB, PAYLOAD);
  const answer = buildUdp(toA, new Uint8Array(20));
  const [first, second] = [new Uint8Array(2048), new Uint8Array(2048)];
  const start = nanosUsed();
  for (let i = 0; i < packets; i++) {
    first.set(data);
    second.set(first.subarray(0, data.length));
    if (i % 2 === 1) {
      first.set(answer);
      second.set(first.subarray(0, answer.length));
    }
  }
  return (nanosUsed() - start) / (packets * 1.5);
}

/** Octets in use on the heap and beside it. */
function octetsInUse(): number {
  global.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** What the last four fifths of many packets leave in memory, next to what there was. */
function memory(): void {
  const busy = new BusyPair();
  busy.run(many / 5);
  const before = octetsInUse();
  busy.run((4 * many) / 5);
  const after = octetsInUse();
  const octets = `${(before / 1e6).toFixed(2)} MB after ${(many / 5e6).toFixed(0)} million packets, ${(after / 1e6).toFixed(2)} MB after ${(many / 1e6).toFixed(0)} million`;
  const detail = `${octets}; connections of UDP and TCP that begin and expire, with loss and changes of addresses`;
  report('memory after all packets to that after a fifth', after / before, '1.0', detail);
}

/** A packet from the network and one of the host by turns; and what the same order costs over plain records. */
function sessions(): void {
  const [few, all] = [new ManySessions(100), new ManySessions(100_000)];
  const [base, most] = compare(few, all, 1);
  const more = (pieces: number, lines: number, steps: number) => {
    const records = [100, 100_000].map((count) => new PlainRecords(count, pieces, lines, steps));
    const [base, most] = compare(records[0]!, records[1]!, 1);
    return (most - base).toFixed(0);
  };
  // What a packet from the network and one of the host read, counted in the code; and if it was all in one row.
  const scattered = `40 places in 8 steps for each two packets, and nothing else, are ${more(40, 1, 8)} ns a packet more with 100,000`;
  const together = `16 lines of one record ${more(1, 16, 1)} ns`;
  const what = (base: number, most: number, how: string) =>
    `${most.toFixed(0)} ns to ${base.toFixed(0)} ns a packet; 100,000 connections with 400 peers, ${how}`;
  const name = 'a packet with 100,000 sessions to one with 100';
  report(
    `${name}, round robin`,
    most / base,
    'at most 1.5',
    what(base, most, `each two packets of another one; ${scattered}, ${together}`),
  );
  for (const train of [4, 16]) {
    const [base, most] = compare(few, all, train);
    report(`${name}, in trains of ${2 * train}`, most / base, 'at most 1.5', what(base, most, 'round robin'));
  }
}

interface Rounds {
  run(rounds: number, train: number): void;
}

/** Nanoseconds a packet of few and of many connections, by turns: the pair in the middle of five. */
function compare(few: Rounds, all: Rounds, train: number) {
  const cost = (node: Rounds) => {
    const start = nanosUsed();
    node.run(packets / 2, train);
    return (nanosUsed() - start) / packets;
  };
  cost(few);
  cost(all);
  const pairs = Array.from({ length: 5 }, () => [cost(few), cost(all)] as const);
  return pairs.sort((x, y) => x[1] / x[0] - y[1] / y[0])[2]!;
}

/** Processor time of this process, nanoseconds: what others do meanwhile counts as little as it can. */
function nanosUsed(): number {
  const { user, system } = process.cpuUsage();
  return 1000 * (user + system);
}

function report(name: string, ratio: number, goal: string, detail: string): void {
  console.log(`${name}: ${ratio.toFixed(2)}; ${detail}`);
  if (process.env.MPIP_BENCH_JSON) console.log(JSON.stringify({ name, ratio, goal, detail }));
}

for (const mode of ['udp', 'tcp'] as const) {
  measure(mode);
  const nanos = [measure(mode), measure(mode), measure(mode)].sort((x, y) => x - y)[1]!;
  const copy = [copies(), copies(), copies()].sort((x, y) => x - y)[1]!;
  const name = `pair of endpoints to a copy, ${mode}`;
  const detail = `${Math.round(1e9 / nanos).toLocaleString('en')} packets a second through the pair; ${nanos.toFixed(0)} ns to ${copy.toFixed(0)} ns a packet`;
  report(name, nanos / copy, 'at least 500,000 packets a second', detail);
}
sessions();
memory();
