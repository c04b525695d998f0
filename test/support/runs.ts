/** How often property tests run: a slice in `npm test` and `npm run verify`, the counts in full in `npm run nightly`. */

/** How many times more runs a nightly makes. */
const NIGHTLY_FACTOR = 50;

/** The seed of every property test; `MPIP_SEED` replays another. fast-check prints it with each failure. */
export const SEED = Number(process.env.MPIP_SEED ?? 20150909);

/** True in `npm run nightly`. */
export const IS_NIGHTLY = process.env.MPIP_NIGHTLY === '1';

/** fast-check parameters for a property that runs `slice` times in a test and 50 times as often at night. */
export function runs(slice: number): { numRuns: number; seed: number } {
  return { numRuns: IS_NIGHTLY ? slice * NIGHTLY_FACTOR : slice, seed: SEED };
}
