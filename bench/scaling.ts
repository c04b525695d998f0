// How MPIP scales, in the virtual network: with the number of paths, the delay and the number of sessions. Everything but
// the cost of a packet and the memory is the same in every run.
//   node --expose-gc build/bench/scaling.js
// Prints one JSON object; `npm run scaling` puts it into docs/scaling.md.

import { buildUdp, formatIpv4, type Ipv4, type Tuple } from '../src/codec/index.js';
import { Endpoint } from '../src/endpoint/index.js';
import { statusOf } from '../src/endpoint/status.js';
import { type Link, VirtualNetwork } from '../src/sim/network.js';
import { Router } from '../src/sim/router.js';

const MBIT = 1e6;
const SECOND = 1_000_000;
const DATAGRAM = 1000;
/** Octets of a datagram of 1000 with headers and CM. */
const ON_WIRE = DATAGRAM + 54;

/** An endpoint whose host counts what it gets. */
class CountingHost {
  delivered = 0;
  readonly octetsBySource = new Map<Ipv4, number>();
  readonly endpoint: Endpoint;

  constructor(
    readonly addresses: readonly Ipv4[],
    mac: number,
    seed: number,
  ) {
    this.endpoint = new Endpoint({ addresses, mac, seed });
  }

  receive(packet: Uint8Array, now: number): void {
    this.endpoint.fromNetwork(packet, now);
    this.delivered += this.endpoint.takeDeliveries().length;
  }

  poll(now: number): number {
    const next = this.endpoint.poll(now);
    this.delivered += this.endpoint.takeDeliveries().length;
    return next;
  }

  drain(send: (packet: Uint8Array) => void): void {
    const batch = this.endpoint.takeTransmits();
    for (let i = 0; i < batch.length; i++) {
      const { bytes, length } = batch.at(i);
      const packet = bytes.subarray(0, length);
      const source = new DataView(packet.buffer, packet.byteOffset).getUint32(12);
      this.octetsBySource.set(source, (this.octetsBySource.get(source) ?? 0) + length);
      send(packet);
    }
  }
}

/** Two hosts with some interfaces each, all on one router. */
class Mesh {
  readonly network = new VirtualNetwork({ seed: 1, startMicros: SECOND });
  readonly router = new Router();
  readonly a: CountingHost;
  readonly b: CountingHost;
  readonly links = new Map<Ipv4, Link>();
  readonly #toB: Tuple;
  readonly #toA: Tuple;
  sent = 0;

  constructor(interfaces: number, delayMicros: number, rate: number) {
    const own = (net: number) =>
      Array.from({ length: interfaces }, (_, i) => ((net << 24) | ((i + 1) << 16) | 1) >>> 0);
    this.a = new CountingHost(own(10), 0x020000000a01, 11);
    this.b = new CountingHost(own(11), 0x020000000b01, 12);
    for (const host of [this.a, this.b]) this.network.attach(host);
    for (const address of [...this.a.addresses, ...this.b.addresses]) {
      const link = this.network.link(this.network.plug(address), this.router, {
        delayMicros: delayMicros / 2,
        rate,
        // 12 ms, as the lab's.
        queueOctets: Math.max(4 * ON_WIRE, (rate / 8) * 0.012),
      });
      this.router.add(`${formatIpv4(address)}/32`, link.second);
      this.links.set(address, link);
    }
    this.#toB = {
      source: this.a.addresses[0]!,
      sourcePort: 40000,
      destination: this.b.addresses[0]!,
      destinationPort: 7000,
    };
    this.#toA = {
      source: this.#toB.destination,
      sourcePort: 7000,
      destination: this.#toB.source,
      destinationPort: 40000,
    };
  }

  /** Datagrams at a rate in bit/s on the wire for a time, every fourth one answered. */
  load(rate: number, micros: number): void {
    const gap = (ON_WIRE * 8 * 1e6) / rate;
    const end = this.network.now + micros;
    const data = buildUdp(this.#toB, new Uint8Array(DATAGRAM));
    const answer = buildUdp(this.#toA, new Uint8Array(20));
    for (let next = this.network.now; next < end; next += gap) {
      this.network.runUntil(Math.round(next));
      this.a.endpoint.fromHost(data, this.network.now);
      this.network.wake(this.a);
      if (this.sent++ % 4 === 0 && this.b.delivered > 0) {
        this.b.endpoint.fromHost(answer, this.network.now);
        this.network.wake(this.b);
      }
    }
    this.network.runUntil(end);
  }

  /** Paths of the session as A sees them. */
  paths() {
    return statusOf(this.a.endpoint).paths;
  }

  /** Part of what A sent since the last call that left by one address. */
  share(address: Ipv4): number {
    const { octetsBySource } = this.a;
    const all = [...octetsBySource.values()].reduce((sum, octets) => sum + octets, 0);
    const own = octetsBySource.get(address) ?? 0;
    octetsBySource.clear();
    return all === 0 ? 0 : own / all;
  }
}

interface PathRow {
  readonly interfaces: number;
  readonly paths: number;
  readonly delayMillis: number;
  /** Seconds until every path is there, and has been measured. */
  readonly complete: number | null;
  readonly evenError: number;
  /** Seconds until the share of a slowed interface is near that of its capacity. */
  readonly convergence: number | null;
  readonly finalShare: number;
  readonly fairShare: number;
  readonly lostPercent: number;
  readonly nanos: number;
}

/** One interface of A is slowed to a quarter; how long until its share follows? */
function pathsRow(interfaces: number, delayMillis: number): PathRow {
  const rate = (20 * MBIT) / interfaces;
  const mesh = new Mesh(interfaces, delayMillis * 1000, rate);
  const offered = 0.6 * rate * interfaces;
  const began = process.cpuUsage().user;
  const start = mesh.network.now;
  const wanted = interfaces * interfaces;
  let complete: number | null = null;
  while (mesh.network.now - start < 60 * SECOND) {
    mesh.load(offered, SECOND / 4);
    const paths = mesh.paths();
    if (complete === null && paths.length === wanted && paths.every(({ samples }) => samples > 0))
      complete = (mesh.network.now - start) / SECOND;
    if (complete !== null && mesh.network.now - start >= 20 * SECOND) break;
  }
  mesh.share(mesh.a.addresses[0]!);
  mesh.load(offered, 5 * SECOND);
  const fair = 1 / interfaces;
  const even = mesh.a.addresses.map((address) => mesh.a.octetsBySource.get(address) ?? 0);
  const sum = even.reduce((total, octets) => total + octets, 0);
  const evenError = Math.max(...even.map((octets) => Math.abs(octets / sum / fair - 1)));
  const slow = mesh.a.addresses[interfaces - 1]!;
  const link = mesh.links.get(slow)!;
  link.forward.set({ ...link.forward.options, rate: rate / 4 });
  // What fits by the slowed one of what is offered, at most; below it nothing queues.
  const room = rate / 4 / offered;
  mesh.share(slow);
  const changed = mesh.network.now;
  const [sentBefore, deliveredBefore] = [mesh.sent, mesh.b.delivered];
  let convergence: number | null = null;
  while (mesh.network.now - changed < 60 * SECOND) {
    mesh.load(offered, SECOND);
    if (mesh.share(slow) <= room * 1.1) {
      convergence = (mesh.network.now - changed) / SECOND;
      break;
    }
  }
  const lost = 1 - (mesh.b.delivered - deliveredBefore) / (mesh.sent - sentBefore);
  mesh.share(slow);
  mesh.load(offered, 20 * SECOND);
  const finalShare = mesh.share(slow);
  const packets = mesh.sent * 1.25;
  return {
    interfaces,
    paths: wanted,
    delayMillis,
    complete,
    evenError,
    convergence,
    finalShare,
    fairShare: room,
    lostPercent: Math.max(0, 100 * lost),
    nanos: ((process.cpuUsage().user - began) * 1000) / packets,
  };
}

interface SessionRow {
  readonly sessions: number;
  readonly peers: number;
  readonly rows: string;
  readonly octetsEach: number;
  readonly nanos: number;
  readonly ordinary: number;
}

/** Sessions of a node with as many peers as their ids need; every packet is of another session. */
function sessionsRow(sessions: number, perPeer: number): SessionRow {
  const peers = Math.ceil(sessions / perPeer);
  const hub: Ipv4 = 0x0a000001;
  const node = new Endpoint({
    addresses: [hub],
    mac: 0x02000000ee01,
    seed: 1,
    tableLimit: Number.POSITIVE_INFINITY,
    limits: {
      sessions: Number.POSITIVE_INFINITY,
      answers: Number.POSITIVE_INFINITY,
      answersPerAddress: Number.POSITIVE_INFINITY,
    },
  });
  const heap = () => {
    globalThis.gc?.();
    return process.memoryUsage().heapUsed;
  };
  const far = Array.from({ length: peers }, (_, i) => {
    const address = (0x0b000001 + i) >>> 0;
    return { address, node: new Endpoint({ addresses: [address], mac: 0x020000010000 + i + 1, seed: i + 2 }) };
  });
  let now = SECOND;
  const before = heap();
  const packets: { data: Uint8Array; peer: Endpoint }[] = [];
  for (let i = 0; i < sessions; i++) {
    const { address, node: peer } = far[i % peers]!;
    const tuple = {
      source: address,
      sourcePort: 10_000 + Math.floor(i / peers),
      destination: hub,
      destinationPort: 7000,
    };
    const back = { source: hub, sourcePort: 7000, destination: address, destinationPort: tuple.sourcePort };
    for (let k = 0; k < 4; k++) {
      now += 5;
      peer.fromHost(buildUdp(tuple, new Uint8Array(100)), now);
      exchangeBetween(node, peer, now);
      node.fromHost(buildUdp(back, new Uint8Array(100)), now);
      exchangeBetween(node, peer, now);
    }
    packets.push({ data: buildUdp(back, new Uint8Array(100)), peer });
  }
  const status = statusOf(node);
  const octetsEach = (heap() - before) / sessions;
  const count = Math.max(200_000, sessions);
  const began = process.cpuUsage().user;
  for (let i = 0; i < count; i++) {
    now += 5;
    node.fromHost(packets[(i * 7919) % sessions]!.data, now);
    node.takeTransmits();
  }
  const nanos = ((process.cpuUsage().user - began) * 1000) / count;
  return {
    sessions,
    peers,
    rows: `2: ${status.availability.length}, 3: ${status.paths.length}, 4: ${status.nodes.length}, 5: ${status.feedback.length}, 7: ${status.sessions.length}`,
    octetsEach,
    nanos,
    ordinary: sessions - status.sessions.length,
  };
}

interface IdRow {
  readonly layout: string;
  readonly sessions: number;
  /** Sessions with every path, with some, with none but the connection's own tuple, and without a row. */
  readonly all: number;
  readonly some: number;
  readonly none: number;
  readonly ordinary: number;
}

/** Connections between two hosts of two interfaces: ids of paths and sessions are unique for each peer. */
function idsRow(layout: 'paper' | 'paper-full', sessions: number): IdRow {
  const [own, far] = [
    [0x0a000001, 0x0a010001],
    [0x0b000001, 0x0b010001],
  ] as const;
  const a = new Endpoint({ addresses: own, mac: 0x020000000a01, seed: 1, profile: layout });
  const b = new Endpoint({ addresses: far, mac: 0x020000000b01, seed: 2, profile: layout });
  let now = SECOND;
  for (let i = 0; i < sessions; i++) {
    const toB = { source: own[0], sourcePort: 10_000 + i, destination: far[0], destinationPort: 7000 };
    const toA = { source: far[0], sourcePort: 7000, destination: own[0], destinationPort: 10_000 + i };
    for (let k = 0; k < 12; k++) {
      now += 20_000;
      a.fromHost(buildUdp(toB, new Uint8Array(100)), now);
      exchangeBetween(a, b, now);
      b.fromHost(buildUdp(toA, new Uint8Array(100)), now);
      exchangeBetween(a, b, now);
    }
  }
  const status = statusOf(a);
  const counts = status.sessions.map(
    ({ sessionId }) => status.paths.filter((path) => path.sessionId === sessionId).length,
  );
  return {
    layout: layout === 'paper' ? 'compact' : 'full',
    sessions,
    all: counts.filter((count) => count >= 4).length,
    some: counts.filter((count) => count > 1 && count < 4).length,
    none: counts.filter((count) => count <= 1).length,
    ordinary: sessions - counts.length,
  };
}

/** Moves what two endpoints send until nothing is left. */
function exchangeBetween(one: Endpoint, other: Endpoint, now: number): void {
  for (let moved = 1; moved > 0; ) {
    moved = 0;
    for (const [from, to] of [
      [one, other],
      [other, one],
    ] as const) {
      const batch = from.takeTransmits();
      for (let i = 0; i < batch.length; i++) to.fromNetwork(batch.at(i).bytes, now, batch.at(i).length);
      moved += batch.length;
      to.takeDeliveries();
    }
  }
}

const only = process.argv[2];
const paths =
  only !== undefined && only !== 'paths'
    ? []
    : [1, 2, 3, 4, 6, 8].map((interfaces) => pathsRow(interfaces, 10)).filter(({ paths: count }) => count > 1);
const delays =
  only !== undefined && only !== 'paths' ? [] : [1, 10, 50, 150, 300, 600].map((delay) => pathsRow(2, delay));
const sessions =
  only !== undefined && only !== 'sessions'
    ? []
    : [10, 100, 1000, 10_000, 100_000].map((count) => sessionsRow(count, 200));
const ids =
  only === undefined || only === 'ids'
    ? (['paper', 'paper-full'] as const).flatMap((layout) =>
        [10, 60, 100, 250, 400].map((count) => idsRow(layout, count)),
      )
    : [];
console.log(JSON.stringify({ paths, delays, sessions, ids }));
