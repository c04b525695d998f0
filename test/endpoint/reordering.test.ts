import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { buildTcp, DatagramView, TcpFlags } from '../../src/codec/index.js';
import { ReorderingBuffer } from '../../src/endpoint/index.js';

const tuple = { source: 1, sourcePort: 2, destination: 3, destinationPort: 4 };

/** Feeds segments of `size` octets, given by their index, and notes what comes out. */
class Feeder {
  readonly out: number[] = [];
  readonly buffer: ReorderingBuffer;

  constructor(
    private readonly first: number,
    private readonly size = 10,
    slots = 10,
  ) {
    this.buffer = new ReorderingBuffer(slots, 50_000, false);
    this.feed(-1);
    this.out.length = 0;
  }

  feed(index: number, now = 0, flags: number = TcpFlags.ack, size = this.size): void {
    const view = new DatagramView();
    const sequence = (this.first + index * this.size) >>> 0;
    view.parse(buildTcp(tuple, { sequence, flags }, new Uint8Array(size)));
    if (this.buffer.passes(view)) this.out.push(index);
    else this.buffer.accept(view, now, (packet) => this.#note(packet));
  }

  flush(): void {
    this.buffer.flush((packet) => this.#note(packet));
  }

  #note(packet: Uint8Array): void {
    const view = new DatagramView();
    view.parse(packet);
    this.out.push(((view.sequence - this.first) | 0) / this.size);
  }
}

test('in sequence: delivered at once, nothing held', () => {
  const feeder = new Feeder(1000);
  for (let i = 0; i < 5; i++) feeder.feed(i);
  assert.deepEqual(feeder.out, [0, 1, 2, 3, 4]);
  assert.equal(feeder.buffer.size, 0);
});

test('across 2^32 the order is that of the stream', () => {
  const feeder = new Feeder(2 ** 32 - 25);
  for (const index of [2, 4, 1, 3, 0, 5]) feeder.feed(index);
  assert.deepEqual(feeder.out, [0, 1, 2, 3, 4, 5]);
});

test('the tenth held segment flushes everything in order; S is then the highest end', () => {
  const feeder = new Feeder(0);
  for (const index of [9, 8, 7, 6, 5, 4, 3, 2, 1]) feeder.feed(index);
  assert.deepEqual(feeder.out, []);
  assert.equal(feeder.buffer.size, 9);
  feeder.feed(10);
  assert.deepEqual(feeder.out, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  assert.equal(feeder.buffer.next, 110);
  feeder.feed(0);
  assert.equal(feeder.out.at(-1), 0, 'the late one passes');
});

test('the deadline is 50 ms after the oldest held segment', () => {
  const feeder = new Feeder(0);
  assert.equal(feeder.buffer.deadline, Number.POSITIVE_INFINITY);
  feeder.feed(3, 2000);
  feeder.feed(2, 1000);
  assert.equal(feeder.buffer.deadline, 51_000);
  feeder.flush();
  assert.deepEqual(feeder.out, [2, 3]);
});

test('SYN and FIN count one; RST and pure acknowledgements ahead pass at once', () => {
  const feeder = new Feeder(0, 1);
  feeder.feed(100, 0, TcpFlags.syn, 0);
  assert.equal(feeder.buffer.next, 101);
  feeder.feed(101, 0, TcpFlags.fin | TcpFlags.ack, 0);
  assert.equal(feeder.buffer.next, 102);
  feeder.feed(200, 0, TcpFlags.rst, 0);
  feeder.feed(200, 0, TcpFlags.ack, 0);
  assert.deepEqual(feeder.out, [100, 101, 200, 200]);
  assert.equal(feeder.buffer.size, 0);
});

test('a retransmission that overlaps what is held: nothing is lost, S goes on from the highest end', () => {
  const feeder = new Feeder(0, 10);
  feeder.feed(1);
  feeder.feed(0, 0, TcpFlags.ack, 30);
  assert.deepEqual(feeder.out, [0, 1]);
  assert.equal(feeder.buffer.next, 30);
});

test('a segment that somebody made up far ahead puts S wrong until the next one of the stream comes', () => {
  const feeder = new Feeder(0, 16);
  const far = 2 ** 26;
  feeder.feed(far);
  feeder.flush();
  for (const index of [0, 2, 1]) feeder.feed(index);
  assert.deepEqual(feeder.out, [far, 0, 1, 2], '2 waits for 1 again');
  const late = new Feeder(0, 16);
  for (const index of [0, 1, 2, 0, 4, 3]) late.feed(index);
  assert.deepEqual(late.out, [0, 1, 2, 0, 3, 4], 'what is a little late changes nothing');
});

test('any shuffle within the buffer comes out in order, each segment once', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], { minLength: 10 }),
      (first, order) => {
        const feeder = new Feeder(first, 7);
        for (const index of order) feeder.feed(index);
        feeder.flush();
        assert.deepEqual(feeder.out, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
      },
    ),
  );
});

test('any sequence of segments: every one comes out exactly once', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(40), { maxLength: 80 }), fc.integer({ min: 1, max: 12 }), (order, slots) => {
      const feeder = new Feeder(2 ** 32 - 100, 5, slots);
      for (const index of order) feeder.feed(index);
      assert.ok(feeder.buffer.size < slots);
      feeder.flush();
      const byIndex = (a: number, b: number) => a - b;
      assert.deepEqual([...feeder.out].sort(byIndex), [...order].sort(byIndex));
    }),
  );
});

test('a gradual buffer waits for each missing segment as long as was said, and no longer than the hold', () => {
  const out: number[] = [];
  const buffer = new ReorderingBuffer(1000, 50_000, true);
  const view = new DatagramView();
  const deliver = (packet: Uint8Array) => {
    const seen = new DatagramView();
    seen.parse(packet);
    out.push(seen.sequence / 10);
  };
  const feed = (index: number, now: number, patience: number) => {
    view.parse(buildTcp(tuple, { sequence: index * 10, flags: TcpFlags.ack }, new Uint8Array(10)));
    if (buffer.passes(view)) out.push(index);
    else buffer.accept(view, now, deliver, patience);
  };
  feed(0, 0, 0);
  feed(2, 0, 3000);
  feed(3, 100, 3000);
  feed(6, 200, 9000);
  feed(9, 300, 1e9);
  assert.deepEqual(out, [0]);
  assert.equal(buffer.deadline, 3000);
  buffer.release(3000, deliver);
  assert.deepEqual(out, [0, 2, 3], 'what follows on it goes up too, what is behind another gap does not');
  assert.equal(buffer.deadline, 9200);
  feed(5, 4000, 3000);
  feed(4, 4100, 3000);
  assert.deepEqual(out, [0, 2, 3, 4, 5, 6], 'a late segment closes its gap');
  assert.equal(buffer.deadline, 50_300);
  buffer.release(50_300, deliver);
  assert.deepEqual(out, [0, 2, 3, 4, 5, 6, 9]);
  assert.equal(buffer.size, 0);
  feed(1, 60_000, 0);
  assert.equal(out.at(-1), 1, 'late segments pass');
});
