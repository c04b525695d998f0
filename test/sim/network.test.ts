import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { buildUdp, parseIpv4 } from '../../src/codec/index.js';
import { EventQueue } from '../../src/sim/event-queue.js';
import { type VirtualHost, VirtualNetwork } from '../../src/sim/network.js';

const A = parseIpv4('192.0.2.1');
const B = parseIpv4('192.0.2.2');
const datagram = (payload: string, source = A, destination = B) =>
  buildUdp({ source, sourcePort: 1, destination, destinationPort: 2 }, new TextEncoder().encode(payload));
const textOf = (packet: Uint8Array) => Buffer.from(packet.subarray(28)).toString();

/** A host that notes what arrives and can be told to wake at a time. */
class Recorder implements VirtualHost {
  readonly arrived: [number, string][] = [];
  readonly polled: number[] = [];
  outbox: Uint8Array[] = [];
  wakeAt = Number.POSITIVE_INFINITY;

  constructor(readonly addresses: readonly number[]) {}

  receive(packet: Uint8Array, now: number): void {
    this.arrived.push([now, textOf(packet)]);
  }

  poll(now: number): number {
    this.polled.push(now);
    if (now >= this.wakeAt) this.wakeAt = Number.POSITIVE_INFINITY;
    return this.wakeAt;
  }

  drain(send: (packet: Uint8Array) => void): void {
    for (const packet of this.outbox) send(packet);
    this.outbox = [];
  }
}

test('a datagram arrives at its destination after the delay, and only there', () => {
  const network = new VirtualNetwork({ delayMicros: 70, startMicros: 1000 });
  const a = new Recorder([A]);
  const b = new Recorder([B]);
  network.attach(a);
  network.attach(b);
  network.send(datagram('x'));
  network.runUntil(1069);
  assert.deepEqual(b.arrived, []);
  network.runUntil(2000);
  assert.deepEqual(b.arrived, [[1070, 'x']]);
  assert.deepEqual(a.arrived, []);
  assert.equal(network.now, 2000);
});

test('the caller may use its buffer again at once', () => {
  const network = new VirtualNetwork();
  const b = new Recorder([B]);
  network.attach(b);
  const packet = datagram('first');
  network.send(packet);
  packet.fill(0);
  network.runUntil(100);
  assert.deepEqual(
    b.arrived.map(([, text]) => text),
    ['first'],
  );
});

test('hosts are polled when they ask to be, and what they send then travels', () => {
  const network = new VirtualNetwork({ delayMicros: 10 });
  const a = new Recorder([A]);
  const b = new Recorder([B]);
  a.wakeAt = 500;
  network.attach(a);
  network.attach(b);
  a.outbox = [datagram('timer')];
  network.runUntil(1000);
  assert.ok(a.polled.includes(500));
  assert.deepEqual(b.arrived, [[510, 'timer']]);
});

test('loss, duplication and jitter follow the seed: same seed same run, other seed other run', () => {
  const run = (seed: number) => {
    const network = new VirtualNetwork({ seed, loss: 0.2, duplication: 0.2, jitterMicros: 1000 });
    const b = new Recorder([B]);
    network.attach(b);
    for (let i = 0; i < 200; i++) network.send(datagram(String(i)));
    network.runUntil(10_000);
    return b.arrived;
  };
  assert.deepEqual(run(7), run(7));
  assert.notDeepEqual(run(7), run(8));
  const texts = run(7).map(([, text]) => text);
  assert.ok(new Set(texts).size < 200, 'some were lost');
  assert.ok(texts.length > new Set(texts).size, 'some came twice');
  assert.notDeepEqual(
    texts,
    [...texts].sort((x, y) => Number(x) - Number(y)),
    'some were overtaken',
  );
});

test('a datagram for nobody is reported as unreachable; an address is given once', () => {
  const network = new VirtualNetwork();
  const kinds: string[] = [];
  network.observer = ({ kind }) => kinds.push(kind);
  network.send(datagram('x'));
  network.runUntil(100);
  assert.deepEqual(kinds, ['sent', 'unreachable']);
  network.attach(new Recorder([A]));
  assert.throws(() => network.attach(new Recorder([A])), RangeError);
});

test('the event queue gives actions by time and, at one time, in the order they were pushed', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20)), (times) => {
      const queue = new EventQueue();
      const happened: [number, number][] = [];
      const note = (row: [number, number]) => happened.push(row);
      for (const [order, time] of times.entries()) {
        if (order % 2 === 0) queue.push(time, () => note([time, order]));
        else queue.push(time, note, [time, order]);
      }
      for (let i = 0; i < times.length; i++) queue.run();
      const expected = times
        .map((time, order): [number, number] => [time, order])
        .sort((x, y) => x[0] - y[0] || x[1] - y[1]);
      assert.deepEqual(happened, expected);
      assert.throws(() => queue.run(), RangeError);
    }),
  );
});
