import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fragment } from '../../src/codec/fragment.js';
import { buildUdp, DatagramView, HeaderStatus, ipv4HeaderChecksum, parseIpv4 } from '../../src/codec/index.js';
import { type LinkOptions, type VirtualHost, VirtualNetwork } from '../../src/sim/network.js';
import { Router } from '../../src/sim/router.js';

const A = parseIpv4('10.0.1.1');
const B = parseIpv4('10.0.2.1');

function datagram(size: number, options: { dontFragment?: boolean; ttl?: number; destination?: number } = {}) {
  const { destination = B, ...rest } = options;
  return buildUdp({ source: A, sourcePort: 1, destination, destinationPort: 2 }, new Uint8Array(size - 28), rest);
}

/** A host that only listens. */
class Listener implements VirtualHost {
  readonly arrived: { at: number; packet: Uint8Array }[] = [];
  constructor(readonly addresses: readonly number[]) {}
  receive(packet: Uint8Array, at: number): void {
    this.arrived.push({ at, packet });
  }
  poll(): number {
    return Number.POSITIVE_INFINITY;
  }
  drain(): void {}
  get times(): number[] {
    return this.arrived.map(({ at }) => at);
  }
}

/** A — link — router — B; the link has the options, the rest takes no time. */
function line(options: LinkOptions, seed = 1) {
  const network = new VirtualNetwork({ seed });
  const a = new Listener([A]);
  const b = new Listener([B]);
  network.attach(a);
  network.attach(b);
  const router = new Router();
  const nicA = network.plug(A);
  const left = network.link(nicA, router, { delayMicros: 0 });
  const right = network.link(router, network.plug(B), options, { delayMicros: 0 });
  router.add('10.0.1.0/24', left.second);
  router.add('10.0.0.0/16', right.first);
  return { network, a, b, router, right: right.forward, left: left.forward, nicA };
}

test('a rate spaces datagrams by their length; the delay comes on top', () => {
  const { network, b } = line({ delayMicros: 1000, rate: 8_000_000 });
  for (const size of [100, 1000, 500]) network.send(datagram(size));
  network.runUntil(100_000);
  assert.deepEqual(b.times, [1100, 2100, 2600]);
});

test('the queue drops at its tail, by datagrams or by octets, and takes in again when it has emptied', () => {
  for (const options of [{ queuePackets: 3 }, { queueOctets: 350 }]) {
    const { network, b, right } = line({ delayMicros: 0, rate: 800_000, ...options });
    for (let i = 0; i < 5; i++) network.send(datagram(100));
    network.runUntil(500);
    assert.ok(right.backlogOctets > 0 && right.backlogOctets <= 300);
    network.runUntil(10_000);
    assert.equal(b.times.length, 3, JSON.stringify(options));
    assert.equal(right.counters.overflowed, 2);
    assert.equal(right.backlogOctets, 0);
    network.send(datagram(100));
    network.runUntil(20_000);
    assert.equal(b.times.length, 4);
  }
});

test('jitter overtakes unless the link keeps the order; reordering holds single datagrams back', () => {
  const order = (options: LinkOptions) => {
    const { network, b } = line(options, 3);
    for (let i = 0; i < 300; i++) {
      network.send(datagram(28 + i));
      network.runUntil(network.now + 100);
    }
    network.runUntil(1_000_000);
    const sizes = b.arrived.map(({ packet }) => packet.length);
    assert.equal(sizes.length, 300);
    return sizes.filter((size, i) => i > 0 && size < sizes[i - 1]!).length;
  };
  assert.ok(order({ jitterMicros: 5000 }) > 30);
  assert.equal(order({ jitterMicros: 5000, keepsOrder: true }), 0);
  const held = order({ reordering: 0.1, reorderingMicros: 350 });
  assert.ok(held > 10 && held < 60, `${held}`);
});

test('loss and duplication have their probabilities; a link that is down loses everything', () => {
  const { network, b, right } = line({ loss: 0.1, duplication: 0.2 });
  for (let i = 0; i < 5000; i++) network.send(datagram(100));
  network.runUntil(1000);
  assert.ok(Math.abs(b.times.length / 5000 - 1.2 * 0.9) < 0.03, `${b.times.length}`);
  right.isUp = false;
  const before = b.times.length;
  network.send(datagram(100));
  network.runUntil(2000);
  assert.equal(b.times.length, before);
});

test('MTU: a black hole, a report by ICMP, or fragments; with DF never fragments', () => {
  const hole = line({ mtu: 500 });
  hole.network.send(datagram(501));
  hole.network.send(datagram(500));
  hole.network.runUntil(1000);
  assert.deepEqual([hole.b.times.length, hole.a.times.length, hole.right.counters.oversized], [1, 0, 1]);

  for (const oversize of ['report', 'fragment'] as const) {
    const { network, a, b } = line({ mtu: 500, oversize });
    const packet = datagram(900, { dontFragment: true });
    network.send(packet);
    network.runUntil(1000);
    assert.equal(b.times.length, 0);
    const [icmp] = a.arrived;
    const { packet: bytes } = icmp!;
    assert.deepEqual([bytes[9], bytes[20], bytes[21], (bytes[26]! << 8) | bytes[27]!], [1, 3, 4, 500]);
    assert.deepEqual(bytes.subarray(40, 48), packet.subarray(12, 20), 'quotes the addresses');
  }

  const { network, b, right } = line({ mtu: 500, oversize: 'fragment' });
  network.send(datagram(900, { dontFragment: false }));
  network.runUntil(1000);
  assert.equal(right.counters.fragments, 2);
  const pieces = b.arrived.map((arrival) => arrival.packet);
  assert.ok(pieces.every((piece) => piece.length <= 500));
  assert.equal(
    pieces.reduce((sum, piece) => sum + piece.length - 20, 0),
    880,
  );
  const view = new DatagramView();
  assert.equal(view.parse(pieces[0]!), HeaderStatus.fragment);
});

test('fragments of fragments keep their offsets, and have valid headers', () => {
  const whole = buildUdp(
    { source: A, sourcePort: 1, destination: B, destinationPort: 2 },
    new Uint8Array(1000).fill(7),
    {
      dontFragment: false,
    },
  );
  const pieces = fragment(whole, 600).flatMap((piece) => fragment(piece, 300));
  const together = new Uint8Array(whole.length - 20);
  for (const [index, piece] of pieces.entries()) {
    const field = (piece[6]! << 8) | piece[7]!;
    together.set(piece.subarray(20), (field & 0x1fff) * 8);
    assert.equal((field & 0x2000) !== 0, index < pieces.length - 1);
    assert.equal((piece[10]! << 8) | piece[11]!, ipv4HeaderChecksum(piece, 0, 20));
  }
  assert.deepEqual(together, whole.subarray(20));
});

test('a router takes the longest prefix, counts the TTL down and drops what has no way', () => {
  const { network, b, router } = line({ delayMicros: 10 });
  network.send(datagram(100, { ttl: 64 }));
  network.send(datagram(100, { ttl: 1 }));
  network.send(datagram(100, { destination: parseIpv4('10.9.0.1') }));
  network.runUntil(1000);
  assert.equal(b.arrived.length, 1);
  const { packet } = b.arrived[0]!;
  assert.equal(packet[8], 63);
  assert.equal((packet[10]! << 8) | packet[11]!, ipv4HeaderChecksum(packet, 0, 20));
  assert.equal(router.dropped, 2);
  assert.throws(() => router.add('10.0.0.0', router.ports[0]!), RangeError);
});

test('a link may differ by direction and be changed; an interface may be down; an address is plugged once', () => {
  const { network, b, right, nicA } = line({ delayMicros: 10 });
  network.send(datagram(50));
  right.set({ delayMicros: 5000 });
  network.send(datagram(60));
  network.runUntil(10_000);
  assert.deepEqual(b.times, [5000, 5000], 'the link was reached after the change');
  nicA.isUp = false;
  network.send(datagram(70));
  network.runUntil(20_000);
  assert.equal(b.times.length, 2);
  assert.throws(() => network.plug(A), RangeError);
});

test('a host sees its own clock: offset, drift and steps, and is polled by it', () => {
  const polled: number[] = [];
  let wakeAt = 700_000_000;
  const host: VirtualHost = {
    addresses: [B],
    receive: () => {},
    poll: (now) => {
      polled.push(now);
      if (now >= wakeAt) wakeAt = Number.POSITIVE_INFINITY;
      return wakeAt;
    },
    drain: () => {},
  };
  const network = new VirtualNetwork();
  network.attach(host, { offsetMicros: 500_000_000, driftPpm: 100 });
  assert.equal(network.timeOf(host), 500_000_000);
  network.runUntil(100_000_000);
  assert.equal(network.timeOf(host), 600_010_000);
  network.runUntil(200_000_000);
  assert.ok(polled.at(-1)! >= 700_000_000 && polled.at(-1)! < 700_000_010, `${polled}`);
  network.changeClock(host, -500_000_000, 0);
  const before = network.timeOf(host);
  network.runUntil(300_000_000);
  assert.equal(network.timeOf(host) - before, 100_000_000);
  assert.ok(before < 300_000_000);
  assert.throws(() => network.timeOf({ ...host }), RangeError);
});

test('rate, queue and faults repeat exactly with the seed', () => {
  const run = (seed: number) => {
    const { network, b } = line(
      { rate: 1_000_000, queuePackets: 20, jitterMicros: 900, loss: 0.1, reordering: 0.1 },
      seed,
    );
    for (let i = 0; i < 500; i++) {
      network.send(datagram(100 + (i % 50)));
      network.runUntil(network.now + 600);
    }
    network.runUntil(network.now + 100_000);
    return b.arrived.map(({ at, packet }) => [at, packet.length]);
  };
  assert.deepEqual(run(5), run(5));
  assert.notDeepEqual(run(5), run(6));
});
