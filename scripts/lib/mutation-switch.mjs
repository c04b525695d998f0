import { workerData } from 'node:worker_threads';

/** Which mutant of the instrumented endpoint is switched on, and which of them are reached. */
export const mutation = {
  /** Id of the mutant; -1: none. */
  active: workerData?.active ?? -1,
  /** How often the mutant may be reached; one that never comes to an end is reached more often. */
  hitsLeft: Number.POSITIVE_INFINITY,
  /** True once it was reached too often. */
  isEndless: false,
  /** How often each mutant was reached since the object was made. */
  reached: new Map(),

  /** The mutant was reached. */
  hit() {
    if (--mutation.hitsLeft < 0) {
      mutation.isEndless = true;
      throw new Error('The mutant never comes to an end.');
    }
    return true;
  },

  cover(...ids) {
    for (const id of ids) mutation.reached.set(id, (mutation.reached.get(id) ?? 0) + 1);
  },
};
