import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PROFILE_NAMES } from '../../../src/codec/index.js';
import { A2, dataOf, shareFrom, tuplesOf, WidePair, type WidePairOptions } from '../../support/wide-pair.js';

const MBIT = 1_000_000;
const SIZE = 1000;

/** Datagrams of 1000 octets from A, one each 2 ms (4.1 Mb/s), answered by B with small ones; for `seconds`. */
function load(pair: WidePair, seconds: number): void {
  for (let i = 0; i < seconds * 500; i++) {
    pair.udp('a', `${i}`, SIZE);
    if (i % 4 === 0 && pair.b.delivered.length > 0) pair.udp('b', 'ack');
    pair.run(2);
  }
}

/** The part of A's data that left by its second interface in the last of `seconds`. */
function shareAfter(pair: WidePair, seconds: number): number {
  load(pair, seconds);
  pair.a.sent.length = 0;
  load(pair, 4);
  return shareFrom(pair.a.sent, A2);
}

for (const seed of [1, 2, 3]) {
  test(`Algorithm 1 leaves a congested interface and comes back, seed ${seed} (3.6.1)`, () => {
    const access = { delayMicros: 5000, rate: 10 * MBIT, queueOctets: 60_000 };
    const pair = new WidePair({ seed, access, a: { seed: seed * 7 }, b: { seed: seed * 7 + 1 } });
    const fair = shareAfter(pair, 3);
    assert.ok(fair > 0.4 && fair < 0.6, `fair ${fair}`);
    pair.links.a2.forward.set({ ...access, rate: MBIT });
    const congested = shareAfter(pair, 15);
    assert.ok(congested < 0.33, `congested ${congested}`);
    assert.ok(congested > 0.001, `kept alive: ${congested}`);
    pair.links.a2.forward.set(access);
    const recovered = shareAfter(pair, 45);
    assert.ok(recovered > 0.3 && recovered < 0.65, `recovered ${recovered}`);
  });
}

test('a longer way that is not congested keeps its share: only queuing delay counts', () => {
  const pair = new WidePair({ links: { a2: { delayMicros: 40_000 } } });
  const share = shareAfter(pair, 10);
  assert.ok(share > 0.4 && share < 0.6, `${share}`);
});

test('satellite: 300 ms on one interface and 10 ms on the other; UDP whole, all four paths carry', () => {
  const pair = new WidePair({ access: { delayMicros: 5000 }, links: { a2: { delayMicros: 295_000 } } });
  pair.talk('settle', 1000);
  pair.a.sent.length = 0;
  const before = pair.b.delivered.length;
  pair.talk('x', 500);
  pair.run(1000);
  assert.equal(tuplesOf(dataOf(pair.a.sent)).length, 4);
  const got = pair.b.delivered.slice(before).map(({ payload }) => payload);
  assert.equal(got.filter((text) => text.startsWith('x-')).length, 500);
  assert.equal(new Set(got).size, got.length);
});

/** Shares of the four paths in A's data after 5 s of talk, over 20 s, and what both hosts got. */
function sharesOf(options: WidePairOptions, meanwhile: (pair: WidePair, part: number) => void = () => {}) {
  const pair = new WidePair({
    startMicros: 1_000_000_000,
    ...options,
    access: { delayMicros: 5000, ...options.access },
  });
  pair.talk('settle', 500);
  pair.run(50);
  pair.a.sent.length = 0;
  pair.b.delivered.splice(1);
  for (let part = 0; part < 4; part++) {
    meanwhile(pair, part);
    pair.talk(`p${part}`, 500);
  }
  pair.run(100);
  const data = dataOf(pair.a.sent);
  const counts = tuplesOf(data).map((tuple) => data.filter((packet) => tuplesOf([packet])[0] === tuple).length);
  assert.deepEqual(
    pair.b.delivered.slice(1).map(({ payload }) => payload),
    ['p0', 'p1', 'p2', 'p3'].flatMap((label) => Array.from({ length: 500 }, (_, i) => `${label}-a${i}`)),
  );
  return counts.map((count) => count / data.length);
}

function assertEven(shares: readonly number[], what: string): void {
  assert.equal(shares.length, 4, what);
  for (const share of shares) assert.ok(Math.abs(share - 0.25) < 0.08, `${what}: ${shares.map((x) => x.toFixed(2))}`);
}

test('clocks: an offset of 500 s either way, drift of 100 ppm, and both, leave the shares alone (3.4)', () => {
  assertEven(sharesOf({}), 'none');
  for (const offsetMicros of [500_000_000, -500_000_000, 3_000_000_000]) {
    assertEven(sharesOf({ clocks: { a: { offsetMicros } } }), `A ahead by ${offsetMicros}`);
    assertEven(sharesOf({ clocks: { b: { offsetMicros } } }), `B ahead by ${offsetMicros}`);
  }
  for (const driftPpm of [100, -100]) {
    assertEven(sharesOf({ clocks: { b: { driftPpm } } }), `drift ${driftPpm}`);
    assertEven(sharesOf({ clocks: { a: { driftPpm, offsetMicros: 77_777_777 } } }), `drift ${driftPpm} and offset`);
  }
});

for (const step of [500_000_000, -500_000_000]) {
  test(`a clock that steps by ${step / 1e6} s in mid-flow: no datagram is lost, the shares stay even`, () => {
    for (const host of ['a', 'b'] as const) {
      const shares = sharesOf({ startMicros: 2_000_000_000 }, (pair, part) => {
        if (part === 1) pair.network.changeClock(pair[host], step);
      });
      assertEven(shares, `step at ${host}`);
    }
  });
}

/** Smallest and largest share of a path in A's data, in windows of 5 s over two minutes, on four equal paths. */
function drift(jitterMicros: number, band: number, seed: number): [number, number] {
  const constants = { 'weight-dead-band': band };
  const pair = new WidePair({
    seed,
    access: { jitterMicros },
    a: { constants, seed },
    b: { constants, seed: seed + 7 },
  });
  pair.talk('settle', 500);
  const all: number[] = [];
  for (let window = 0; window < 24; window++) {
    pair.a.sent.length = 0;
    pair.b.delivered.splice(1);
    pair.a.delivered.length = 0;
    pair.b.sent.length = 0;
    pair.talk('x', 500);
    const counts = new Map<string, number>();
    for (const packet of dataOf(pair.a.sent)) {
      const [tuple] = tuplesOf([packet]) as [string];
      counts.set(tuple, (counts.get(tuple) ?? 0) + 1);
    }
    for (const count of counts.values()) all.push(count / 500);
    assert.equal(counts.size, 4);
  }
  return [Math.min(...all), Math.max(...all)];
}

test('jitter of 200 µs: to the letter Algorithm 1 drives equal paths apart, a dead band of 1 ms keeps them even (decision 54)', () => {
  for (const seed of [1, 2]) {
    const [least, most] = drift(200, 0, seed);
    assert.ok(least < 0.05 && most > 0.35, `to the letter: ${least} to ${most}`);
    const even = drift(200, 1000, seed);
    assert.ok(even[0] > 0.17 && even[1] < 0.34, `dead band: ${even}`);
  }
});

test('a dead band of 1 ms still leaves a congested interface and comes back (decision 54)', () => {
  const access = { delayMicros: 5000, rate: 10 * MBIT, queueOctets: 60_000 };
  const constants = { 'weight-dead-band': 1000 };
  const pair = new WidePair({ access, a: { constants }, b: { constants } });
  pair.links.a2.forward.set({ ...access, rate: MBIT });
  const congested = shareAfter(pair, 15);
  assert.ok(congested < 0.33 && congested > 0.001, `congested ${congested}`);
  pair.links.a2.forward.set(access);
  const recovered = shareAfter(pair, 45);
  assert.ok(recovered > 0.3 && recovered < 0.65, `recovered ${recovered}`);
});

test('traffic of the lowest delay only: a path that becomes faster is found within seconds (decision 53)', () => {
  for (const isTcp of [false, true]) {
    const pair = new WidePair({ links: { a2: { delayMicros: 30_000 } } });
    for (const node of [pair.a, pair.b]) node.endpoint.setRules([{ priority: 'responsiveness' }]);
    if (isTcp) pair.connect();
    let sequence = 101;
    const talk = (count: number) => {
      if (isTcp) sequence = pair.stream(count, sequence);
      else pair.talk('x', count);
    };
    talk(1500);
    pair.a.sent.length = 0;
    talk(1500);
    assert.ok(shareFrom(pair.a.sent, A2) < 0.01, `slow: ${shareFrom(pair.a.sent, A2)}`);
    assert.equal(tuplesOf(dataOf(pair.a.sent)).length, 4, 'all are measured');
    pair.links.a2.forward.set({ delayMicros: 200 });
    talk(2000);
    pair.a.sent.length = 0;
    talk(1000);
    assert.ok(shareFrom(pair.a.sent, A2) > 0.95, `fast: ${shareFrom(pair.a.sent, A2)}`);
  }
});

test('a clock that steps back does not stop Algorithm 1, expiry or heartbeats', () => {
  const access = { delayMicros: 5000, rate: 10 * MBIT, queueOctets: 60_000 };
  const pair = new WidePair({ startMicros: 1_000_000_000, access });
  load(pair, 3);
  for (const host of [pair.a, pair.b]) pair.network.changeClock(host, -500_000_000);
  pair.links.a2.forward.set({ ...access, rate: MBIT });
  const congested = shareAfter(pair, 15);
  assert.ok(congested < 0.33, `${congested}`);
  pair.run(130_000);
  assert.equal(pair.a.endpoint.sessions.size + pair.b.endpoint.sessions.size, 0);
});

for (const profile of PROFILE_NAMES.filter((name) => name.startsWith('linux'))) {
  test(`midnight of ${profile}: the timestamps step, the shares stay even`, () => {
    const startMicros = 20_000 * 86_400_000_000 - 12_000_000;
    for (const offsetMicros of [0, 3_000_000])
      assertEven(sharesOf({ startMicros, a: { profile }, b: { profile }, clocks: { b: { offsetMicros } } }), profile);
  });
}
