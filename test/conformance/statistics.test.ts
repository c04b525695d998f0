import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  binomial,
  binomialBounds,
  chiSquare,
  chiSquareLimit,
  chiSquareTail,
  FALSE_ALARM,
} from '../../src/conformance/statistics.js';

test('binomial probabilities are those of the definition', () => {
  assert.ok(Math.abs(binomial(10, 3, 0.25) - 120 * 0.25 ** 3 * 0.75 ** 7) < 1e-15);
  assert.equal(binomial(5, 0, 0), 1);
  assert.equal(binomial(5, 5, 1), 1);
  assert.equal(binomial(5, 4, 1), 0);
  for (const n of [40, 600]) {
    let sum = 0;
    for (let k = 0; k <= n; k++) sum += binomial(n, k, 0.3);
    assert.ok(Math.abs(sum - 1) < 1e-9, `${n}: ${sum}`);
  }
});

test('outside the bounds lies less than alpha, and one count further in would be more', () => {
  for (const [n, p] of [
    [256, 0.5],
    [480, 0.1],
    [64, 0.02],
  ] as const) {
    const { least, most } = binomialBounds(n, p, p);
    const sum = (from: number, to: number) => {
      let total = 0;
      for (let k = from; k <= to; k++) total += binomial(n, k, p);
      return total;
    };
    assert.ok(sum(0, least - 1) + sum(most + 1, n) <= FALSE_ALARM);
    assert.ok(sum(0, least) > FALSE_ALARM / 2);
    assert.ok(sum(most, n) > FALSE_ALARM / 2);
  }
  assert.deepEqual(binomialBounds(10, 0, 1), { least: 0, most: 10 });
});

test('the chi-square distribution agrees with tables', () => {
  // NIST/SEMATECH e-Handbook, 1.3.6.7.4: upper critical values.
  for (const [freedom, alpha, value] of [
    [1, 0.05, 3.841],
    [1, 0.001, 10.828],
    [2, 0.01, 9.21],
    [3, 0.05, 7.815],
    [3, 0.001, 16.266],
    [5, 0.05, 11.07],
    [8, 0.001, 26.125],
  ] as const) {
    assert.ok(Math.abs(chiSquareLimit(freedom, alpha) - value) < 0.001, `${freedom} ${alpha}`);
    assert.ok(Math.abs(chiSquareTail(value, freedom) - alpha) < alpha / 100);
  }
  assert.equal(chiSquare([10, 10, 10]), 0);
  assert.equal(chiSquare([15, 5]), 5);
});

/** Exact probability that `n` packets over `paths` equal paths give a chi-square above `limit`. */
function exactFalseAlarm(n: number, paths: number, limit: number): number {
  const expected = n / paths;
  // above[m][d]: probability that of m packets on two equal paths one gets d or more beyond half, either way.
  const pairTail = (m: number, room: number): number => {
    if (room < 0) return 1;
    // With c and m - c on the two: (c - e)^2 + (m - c - e)^2 = 2 (c - m/2)^2 + 2 (m/2 - e)^2.
    const reach = Math.sqrt(Math.max(0, room));
    let total = 0;
    for (let c = 0; c < m / 2 - reach - 1e-9; c++) total += 2 * binomial(m, c, 0.5);
    return total;
  };
  const cache = new Map<string, number>();
  const recurse = (left: number, count: number, sum: number): number => {
    if (count === 2) {
      const key = `${left} ${sum}`;
      let found = cache.get(key);
      if (found === undefined) {
        const room = (limit * expected - sum) / 2 - (left / 2 - expected) ** 2;
        found = pairTail(left, room);
        cache.set(key, found);
      }
      return found;
    }
    let total = 0;
    for (let k = 0; k <= left; k++) {
      const p = binomial(left, k, 1 / count);
      if (p > 1e-16) total += p * recurse(left - k, count - 1, sum + (k - expected) ** 2);
    }
    return total;
  };
  return recurse(n, paths, 0);
}

test('the limit of the case about equal shares is exceeded by chance at most once in 1e8 runs, computed exactly', () => {
  for (const [n, paths] of [
    [480, 2],
    [480, 3],
    [400, 4],
  ] as const) {
    const rate = exactFalseAlarm(n, paths, chiSquareLimit(paths - 1, FALSE_ALARM / 10));
    assert.ok(rate <= FALSE_ALARM && rate > FALSE_ALARM / 1000, `${n} packets, ${paths} paths: ${rate}`);
  }
});
