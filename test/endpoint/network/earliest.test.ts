import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SchedulerName } from '../../../src/endpoint/index.js';
import { type Load, steadyLoad } from '../../support/steady-load.js';
import { WidePair, type WidePairOptions } from '../../support/wide-pair.js';

/** 10 Mbit/s, 0.2 ms, and a queue of 12 ms. */
const ACCESS = { delayMicros: 200, rate: 10e6, queueOctets: 15_000 };
const SLOW = { ...ACCESS, rate: 4e6 };
const FAR = { ...ACCESS, delayMicros: 5_200 };

function load(
  options: WidePairOptions,
  more: Partial<Load> & { mbits: number },
  scheduler: SchedulerName = 'earliest',
) {
  const nodes = { a: { scheduler, ...options.a }, b: { scheduler, ...options.b } };
  return steadyLoad({ access: ACCESS, ...options, ...nodes }, { seconds: 5, settling: 2, ...more });
}

/** The part of the data that left by A's interface 1 or 2, or went to B's. */
function by(shares: Readonly<Record<string, number>>, which: string): number {
  let sum = 0;
  for (const [way, share] of Object.entries(shares)) if (way.includes(which)) sum += share;
  return sum;
}

for (const seed of [1, 2, 3]) {
  test(`equal paths at 90 % of their rate: nothing is lost, no queue grows, the order nearly holds; seed ${seed}`, () => {
    const options = { seed, a: { seed: seed * 5 }, b: { seed: seed * 5 + 1 } };
    const result = load(options, { mbits: 18 });
    assert.equal(result.arrived, 1);
    assert.ok(Math.abs(by(result.shares, '1-') - 0.5) < 0.05, JSON.stringify(result.shares));
    assert.ok(Math.abs(by(result.shares, '-1') - 0.5) < 0.05, JSON.stringify(result.shares));
    // Two links send it in 1.7 ms without any queue.
    assert.ok(result.meanDelay < 4000 && result.longestDelay < 12_000, `${result.meanDelay}, ${result.longestDelay}`);
    assert.ok(result.latest < 5000, `late by ${result.latest}`);
    const paper = load(options, { mbits: 18 }, 'paper');
    assert.ok(result.late < paper.late / 3, `late ${result.late}, with the paper's choice ${paper.late}`);
    assert.ok(result.meanDelay < paper.meanDelay, `${result.meanDelay}, ${paper.meanDelay}`);
  });

  test(`one interface of 4 Mbit/s and one of 10: the shares follow the rates, at either end; seed ${seed}`, () => {
    for (const slow of ['a2', 'b2'] as const) {
      const options = { seed, links: { [slow]: SLOW } };
      const result = load(options, { mbits: 13 });
      assert.ok(result.arrived > 0.995, `${slow}: ${result.arrived}`);
      const share = by(result.shares, slow === 'a2' ? '2-' : '-2');
      assert.ok(share > 0.22 && share < 0.32, `${slow}: ${JSON.stringify(result.shares)}`);
      assert.ok(result.longestDelay < 20_000, `${slow}: ${result.longestDelay}`);
      assert.ok(result.latest < 8000, `${slow}: late by ${result.latest}`);
    }
  });
}

test('more than the paths carry: both interfaces are used to the full', () => {
  // Without the CM and the headers 0.95 of what the links carry.
  assert.ok(load({}, { mbits: 22 }).mbits > 0.97 * 0.95 * 20);
  assert.ok(load({ links: { a2: SLOW } }, { mbits: 16 }).mbits > 0.97 * 0.95 * 14);
});

test('traffic in one direction: ten heartbeats a second for each path are enough', () => {
  for (const [links, mbits] of [
    [{}, 17],
    [{ a2: SLOW }, 12],
  ] as const) {
    const result = load({ links }, { mbits, answers: 0 });
    assert.ok(result.arrived > 0.985, `${mbits}: ${result.arrived}`);
    const paper = load({ links }, { mbits, answers: 0 }, 'paper');
    assert.ok(
      1 - paper.arrived > 5 * (1 - result.arrived),
      `${result.arrived}, with the paper's choice ${paper.arrived}`,
    );
  }
});

test('5 ms more on one interface: small traffic leaves it alone, large traffic fills both in order', () => {
  const little = load({ links: { a2: FAR } }, { mbits: 5 });
  assert.ok(by(little.shares, '2-') < 0.05, JSON.stringify(little.shares));
  assert.ok(little.meanDelay < 3500, `${little.meanDelay}`);
  const much = load({ links: { a2: FAR } }, { mbits: 18 });
  assert.equal(much.arrived, 1);
  assert.ok(by(much.shares, '2-') > 0.4, JSON.stringify(much.shares));
  assert.ok(much.latest < 4000, `late by ${much.latest}`);
  const both = load({ access: FAR }, { mbits: 18 });
  assert.ok(both.arrived > 0.99, `${both.arrived}`);
});

test('jitter, loss, offset and drift of the clocks: as without', () => {
  for (const [what, options, least] of [
    ['jitter of 1 ms', { access: { ...ACCESS, jitterMicros: 1000 } }, 1],
    ['jitter of 5 ms in order', { access: { ...ACCESS, jitterMicros: 5000, keepsOrder: true } }, 0.99],
    ['loss of 1 %', { links: { a2: { ...ACCESS, loss: 0.01 } } }, 0.99],
    ['clocks', { clocks: { a: { offsetMicros: -7e8 }, b: { offsetMicros: 5e8, driftPpm: 100 } } }, 0.999],
  ] as const) {
    const result = load(options, { mbits: 18 });
    assert.ok(result.arrived >= least, `${what}: ${result.arrived}`);
    assert.ok(Math.abs(by(result.shares, '1-') - 0.5) < 0.05, `${what}: ${JSON.stringify(result.shares)}`);
    assert.ok(result.meanDelay < 13_000, `${what}: ${result.meanDelay}`);
  }
});

test('a clock that is set forward or back in mid-flow costs a few packets at most', () => {
  for (const host of ['a', 'b'] as const)
    for (const step of [1e6, -1e6, 500e6, -500e6]) {
      const each = (pair: WidePair, second: number) => {
        if (second === 2) pair.network.changeClock(pair[host], step);
      };
      const result = load({ startMicros: 2_000_000_000 }, { mbits: 16, each });
      assert.ok(result.arrived > 0.97, `${host} by ${step}: ${result.arrived}`);
      assert.ok(by(result.shares, '1-') > 0.35 && by(result.shares, '2-') > 0.35, JSON.stringify(result.shares));
    }
});

test('an interface that goes dead without a word: its traffic is elsewhere within a quarter of a second', () => {
  const each = (pair: WidePair, second: number) => {
    if (second === 2) pair.links.a2.forward.isUp = false;
  };
  // 8 Mbit/s for three seconds: a quarter of a second is 8 % of them.
  const result = load({}, { mbits: 8, each });
  assert.ok(result.arrived > 0.9, `${result.arrived}`);
  const paper = load({}, { mbits: 8, each }, 'paper');
  assert.ok(paper.arrived < 0.8, `with the paper's choice ${paper.arrived}`);
});

test('while nothing but single packets are sent, none goes to a dead interface to see whether it lives', () => {
  const arrivals = (scheduler: SchedulerName) => {
    const pair = new WidePair({ access: ACCESS, a: { scheduler }, b: { scheduler } });
    pair.talk('much', 600, 5);
    pair.links.a2.forward.isUp = false;
    pair.talk('settle', 300, 5);
    pair.b.delivered.splice(1);
    pair.talk('few', 20, 400);
    return pair.b.delivered.filter(({ payload }) => payload.startsWith('few')).length;
  };
  assert.ok(arrivals('earliest') >= 18, `${arrivals('earliest')} of 20`);
  assert.ok(arrivals('paper') < 18, `with the paper's choice ${arrivals('paper')}`);
});

test('every path was given packets when half of them died: those that follow, few as they are, find the others', () => {
  for (const seed of [1, 2, 3]) {
    const pair = new WidePair({ access: ACCESS, seed, a: { scheduler: 'earliest' }, b: { scheduler: 'earliest' } });
    pair.talk('much', 600, 5);
    // Nothing comes back for a while, so that no path looks better than another.
    for (const name of ['a1', 'a2'] as const) pair.links[name].back.isUp = false;
    pair.talk('unheard', 200, 2);
    for (const name of ['a1', 'a2'] as const) pair.links[name].back.isUp = name === 'a1';
    pair.links.a2.forward.isUp = false;
    pair.a.delivered.length = 0;
    pair.talk('few', 8, 300);
    const answers = pair.a.delivered.filter(({ payload }) => payload.startsWith('few'));
    assert.ok(answers.length >= 4, `seed ${seed}: ${answers.length} of 8 came back`);
  }
});

test('an interface that becomes slower, and fast again, is left and comes back', () => {
  const shares: Record<string, number>[] = [];
  for (const [rate, back] of [
    [1e6, 9],
    [1e6, 3],
  ] as const) {
    const each = (pair: WidePair, second: number) => {
      if (second === 1) pair.links.a2.forward.set({ ...ACCESS, rate });
      if (second === back) pair.links.a2.forward.set(ACCESS);
    };
    const result = load({}, { mbits: back === 9 ? 9 : 17, each, settling: 4 });
    assert.ok(result.arrived > 0.98, `${back}: ${result.arrived}`);
    shares.push({ ...result.shares });
  }
  assert.ok(by(shares[0]!, '2-') < 0.15, JSON.stringify(shares[0]));
  assert.ok(by(shares[1]!, '2-') > 0.35, JSON.stringify(shares[1]));
});

test('every path stays measured, however little it carries', () => {
  const result = load({ links: { a2: FAR, b2: FAR } }, { mbits: 4, seconds: 4 });
  assert.equal(Object.keys(result.shares).length, 4, JSON.stringify(result.shares));
});

test('a rule that asks for the lowest delay counts for more than the scheduler', () => {
  const each = (pair: WidePair) => pair.a.endpoint.setRules([{ priority: 'responsiveness' }]);
  const result = load({ links: { a1: FAR } }, { mbits: 3, each });
  assert.ok(by(result.shares, '2-') > 0.95, JSON.stringify(result.shares));
});
