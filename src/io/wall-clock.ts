/** The wall clock in microseconds since 1970, never going back: the system's time at start plus a monotonic count. */
export function wallClock(): () => number {
  const start = Date.now() * 1000 - Number(process.hrtime.bigint() / 1000n);
  return () => start + Number(process.hrtime.bigint() / 1000n);
}
