import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Libc } from '../../src/io/linux/libc.js';
import { SendBuffer } from '../../src/io/linux/send-buffer.js';

/**
 * A socket whose interface sends `rate` octets a microsecond; it is noticed `latency` microseconds after it is half empty,
 * or by turns. The last time it seems to be `hasteAtEnd` times as fast.
 */
function fill(rate: number, latency: number | readonly number[], rounds: number, hasteAtEnd = 1): SendBuffer {
  let held = 0;
  const libc = {
    ioctl: (_fd: number, _request: number, answer: Uint8Array) => {
      new DataView(answer.buffer).setInt32(0, held, true);
      return 0;
    },
    setsockopt: () => 0,
  } as unknown as Libc;
  const buffer = new SendBuffer(3, libc);
  let now = 0;
  for (let round = 0; round < rounds; round++) {
    held = buffer.size;
    buffer.filled(now);
    const late = typeof latency === 'number' ? latency : latency[round % latency.length]!;
    const elapsed = held / 2 / rate + late;
    now += elapsed / (round === rounds - 1 ? hasteAtEnd : 1);
    held = Math.max(0, held - elapsed * rate);
    buffer.drained(now);
  }
  return buffer;
}

test('the buffer becomes what its interface sends in 8 ms, whatever its rate', () => {
  for (const mbits of [10, 40, 100, 1000]) {
    // A packet of 1538 octets on the wire counts for 2304.
    const rate = ((mbits / 8) * 2304) / 1538;
    for (const latency of [0, 500]) {
      const { size } = fill(rate, latency, 200);
      assert.ok(Math.abs(size / (rate * 8000) - 1) < 0.1, `${mbits} Mbit/s, ${latency} µs: ${size / rate} µs`);
    }
  }
});

test('a process that stands still for longer than the buffer lasts makes it grow, to twice at most', () => {
  const rate = 18.7;
  assert.ok(fill(rate, 20_000, 200).size > 8000 * rate);
  const buffer = fill(rate, 0, 200);
  assert.ok(Math.abs(buffer.size / (8000 * rate) - 1) < 0.1);
  assert.ok(fill(rate, [0, 20_000], 400).size < 2.2 * 8000 * rate);
});

test('one measurement that went wrong changes little', () => {
  const rate = 18.7;
  const { size } = fill(rate, 0, 100, 40);
  assert.ok(size < 1.3 * 8000 * rate, `${size / rate}`);
});

test('however slow the interface, a few packets fit; however fast, there is a bound', () => {
  assert.ok(fill(0.01, 0, 200).size >= 4 * 2304);
  assert.equal(fill(1e6, 0, 500).size, 8 * 1024 * 1024);
});
