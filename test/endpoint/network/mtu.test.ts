import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fragment } from '../../../src/codec/fragment.js';
import { buildUdp } from '../../../src/codec/index.js';
import { dataOf, tuplesOf, WidePair } from '../../support/wide-pair.js';

/** Datagrams without DF, so that routers may cut them; each is filled with its number. */
const loose = (pair: WidePair, size: number, i: number) =>
  buildUdp(pair.toB, new Uint8Array(size).fill(i), { identification: i, dontFragment: false });

test('packets with a CM that routers cut arrive whole and without their CM, by every path', () => {
  const pair = new WidePair({ access: { mtu: 600, oversize: 'fragment', delayMicros: 2000, jitterMicros: 1000 } });
  pair.talk('settle', 1000);
  pair.a.sent.length = 0;
  pair.b.delivered.length = 0;
  for (let i = 0; i < 200; i++) {
    pair.a.host(loose(pair, 1000 + i, i));
    pair.run(5);
  }
  pair.run(100);
  assert.equal(tuplesOf(dataOf(pair.a.sent)).length, 4);
  assert.ok(pair.b.endpoint.counters.reassembled >= 200);
  const got = pair.b.delivered.map(({ bytes }) => bytes).sort((x, y) => x.length - y.length);
  assert.deepEqual(
    got.map((bytes) => [bytes.length, bytes[30], bytes.at(-1)]),
    Array.from({ length: 200 }, (_, i) => [1028 + i, i, i]),
  );
  assert.deepEqual([...new Set(tuplesOf(pair.b.delivered))].length, 1);
});

test('a datagram that the host sends in fragments leaves so, without a CM, and arrives whole', () => {
  const pair = new WidePair();
  pair.talk('settle', 500);
  pair.a.sent.length = 0;
  pair.b.delivered.length = 0;
  const whole = loose(pair, 20_000, 3);
  for (const piece of fragment(whole, 1474)) pair.a.host(piece);
  pair.run(100);
  assert.equal(pair.a.sent.length, 14);
  assert.ok(pair.a.sent.every(({ cm }) => cm === undefined));
  assert.deepEqual(
    pair.b.delivered.map(({ bytes }) => bytes.subarray(20)),
    [whole.subarray(20)],
  );
});
