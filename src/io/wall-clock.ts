import { performance } from 'node:perf_hooks';

/** The wall clock in microseconds since 1970, never going back: the system's time at start plus a monotonic count. */
export function wallClock(): () => number {
  const start = Date.now() * 1000 - Number(process.hrtime.bigint() / 1000n);
  return () => start + Number(process.hrtime.bigint() / 1000n);
}

/** The wall clock in microseconds since 1970, the same in every process, at little cost. It does not follow when the clock is set. */
export function wallMicros(): number {
  return Math.round((performance.timeOrigin + performance.now()) * 1000);
}
