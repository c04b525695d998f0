import { workerData } from 'node:worker_threads';

/** Ids of mutants are smaller. */
const MOST_MUTANTS = 2 ** 16;

/** Which mutant of the instrumented endpoint is switched on, and which of them are reached. */
export const mutation = {
  /** Id of the mutant; -1: none. */
  active: workerData?.active ?? -1,
  /** How often the mutant may be reached; one that never comes to an end is reached more often. */
  hitsLeft: Number.POSITIVE_INFINITY,
  /** True once it was reached too often. */
  isEndless: false,
  /** How often each mutant was reached since this was emptied, by id. */
  reached: new Float64Array(MOST_MUTANTS),

  /** The mutant was reached. */
  hit() {
    if (--mutation.hitsLeft < 0) {
      mutation.isEndless = true;
      throw new Error('The mutant never comes to an end.');
    }
    return true;
  },
};
