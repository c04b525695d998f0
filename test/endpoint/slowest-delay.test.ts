import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildTcp, TcpFlags } from '../../src/codec/index.js';
import { SlowestDelay } from '../../src/endpoint/slowest-delay.js';
import { sequencesOf, WidePair } from '../support/wide-pair.js';

test('the excess is that over the slowest of the last quarter to half second, whatever the clocks say', () => {
  for (const offset of [0, 2 ** 31 - 3000, -(2 ** 31)]) {
    const slowest = new SlowestDelay();
    const excess = (delay: number, now: number) => slowest.excess((delay + offset) | 0, now);
    assert.equal(excess(1000, 0), 0);
    assert.equal(excess(6000, 10_000), 0);
    assert.equal(excess(1000, 20_000), 5000);
    assert.equal(excess(1500, 260_000), 4500, 'the window before counts');
    assert.equal(excess(1000, 520_000), 500);
    assert.equal(excess(800, 2_000_000), 0, 'after a pause nothing is known');
  }
});

/** What B's host got of a stream over two interfaces, of which A's second takes 15 ms longer, and when the gap was given up. */
function overUnlike(margin: number): { order: number[]; waited: number } {
  const constants = { 'reordering-margin': margin, 'reordering-slots': 1000, 'reordering-hold': 200_000 };
  const pair = new WidePair({ links: { a2: { delayMicros: 17_000 } }, b: { constants } });
  pair.connect();
  let next = pair.stream(300, 101, 3);
  pair.run(300);
  pair.b.delivered.length = 0;
  next = pair.stream(200, next, 3);
  pair.run(300);
  const order = sequencesOf(pair.b.delivered);
  // Then a segment that never comes, and one behind it.
  pair.b.delivered.length = 0;
  pair.a.host(
    buildTcp(pair.toB, { sequence: next + 50, acknowledgement: 901, flags: TcpFlags.ack }, new Uint8Array(1)),
  );
  const begun = pair.network.now;
  while (pair.b.delivered.length === 0 && pair.network.now - begun < 1e6) pair.run(1);
  return { order, waited: pair.network.now - begun };
}

test('with a margin the order holds over paths of unlike delay, and a lost segment is not waited for longer than the slowest path takes', () => {
  const { order, waited } = overUnlike(3000);
  assert.deepEqual(
    order,
    [...order].sort((a, b) => a - b),
  );
  assert.equal(order.length, 200);
  assert.ok(waited < 50_000, `waited ${waited}`);
  assert.ok(overUnlike(0).waited > 190_000, 'without it, as long as reordering-hold says');
});
