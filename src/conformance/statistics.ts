/**
 * What cases with random choices judge by: exact binomial bounds and the chi-square distribution. Every such case keeps
 * its false-alarm rate at 1e-8 at most.
 */

/** The false-alarm rate of a case: probability that a peer in order fails it by chance. */
export const FALSE_ALARM = 1e-8;

/** ln n!, by Stirling's series above 256. */
function logFactorial(n: number): number {
  for (let i = LOG_FACTORIALS.length; i <= Math.min(n, 256); i++)
    LOG_FACTORIALS.push(LOG_FACTORIALS[i - 1]! + Math.log(i));
  if (n <= 256) return LOG_FACTORIALS[n]!;
  return n * Math.log(n) - n + Math.log(2 * Math.PI * n) / 2 + 1 / (12 * n) - 1 / (360 * n ** 3);
}

const LOG_FACTORIALS = [0];

/** Probability of exactly `k` of `n` when each has probability `p`. */
export function binomial(n: number, k: number, p: number): number {
  if (p <= 0) return k === 0 ? 1 : 0;
  if (p >= 1) return k === n ? 1 : 0;
  const ways = logFactorial(n) - logFactorial(k) - logFactorial(n - k);
  return Math.exp(ways + k * Math.log(p) + (n - k) * Math.log1p(-p));
}

/** Smallest and largest count that is no reason for doubt. */
export interface Bounds {
  readonly least: number;
  readonly most: number;
}

/**
 * The counts among `n` that agree with a probability somewhere in `low`..`high`: outside lies less than `alpha`, whatever
 * the probability is.
 */
export function binomialBounds(n: number, low: number, high: number, alpha = FALSE_ALARM): Bounds {
  let least = 0;
  for (let below = binomial(n, 0, low); below <= alpha / 2 && least < n; below += binomial(n, least, low)) least++;
  let most = n;
  for (let above = binomial(n, n, high); above <= alpha / 2 && most > 0; above += binomial(n, most, high)) most--;
  return { least, most };
}

/** Pearson's statistic of counts against equal shares. */
export function chiSquare(counts: readonly number[]): number {
  const expected = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

/** Probability that a chi-square variable with `freedom` degrees is above `value`. */
export function chiSquareTail(value: number, freedom: number): number {
  // Q(a, x) by its recurrence from a = 1/2 or 1, which is exact for half-integers.
  const x = value / 2;
  let tail = freedom % 2 === 1 ? complementaryError(Math.sqrt(x)) : Math.exp(-x);
  let term = freedom % 2 === 1 ? 2 * Math.sqrt(x / Math.PI) * Math.exp(-x) : x * Math.exp(-x);
  for (let a = freedom % 2 === 1 ? 1.5 : 2; a <= freedom / 2; a++) {
    tail += term;
    term *= x / a;
  }
  return tail;
}

/** erfc for x >= 0, by its continued fraction above 2 and its series below. */
function complementaryError(x: number): number {
  if (x < 2) {
    let term = x;
    let sum = x;
    for (let n = 1; n < 100; n++) {
      term *= (-x * x) / n;
      sum += term / (2 * n + 1);
    }
    return 1 - (2 / Math.sqrt(Math.PI)) * sum;
  }
  let fraction = 0;
  for (let k = 60; k > 0; k--) fraction = k / 2 / (x + fraction);
  return Math.exp(-x * x) / (x + fraction) / Math.sqrt(Math.PI);
}

/** The value of chi-square that equal shares exceed with probability `alpha`. */
export function chiSquareLimit(freedom: number, alpha = FALSE_ALARM): number {
  let low = 0;
  let high = 1000;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (chiSquareTail(middle, freedom) > alpha) low = middle;
    else high = middle;
  }
  return high;
}
