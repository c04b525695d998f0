// Plays tests against the instrumented endpoint, in a thread of its own: a mutant may never come to an end.
import { parentPort, workerData } from 'node:worker_threads';

const { mutation, TESTS, verdictOf } = await import(workerData.bundle);
/** How many times as often as without it a mutant may be reached, and so many times more. */
const MORE_HITS = 100;
const FURTHER_HITS = 10_000;

/** Every test once, without any mutant: those that pass, how long they take and how often they reach which mutants. */
async function baseline() {
  const atStart = [...mutation.reached.keys()];
  const tests = [];
  for (const id of TESTS) {
    mutation.reached = new Map();
    const began = performance.now();
    const verdict = await verdictOf(id);
    const ms = performance.now() - began;
    if (verdict === 'pass') tests.push({ id, ms, reached: mutation.reached });
  }
  return { atStart, tests };
}

/** Plays tests until one does not pass. */
async function tryMutant({ id, tests }) {
  mutation.active = id;
  mutation.isEndless = false;
  let inconclusive;
  for (const test of tests) {
    mutation.hitsLeft = MORE_HITS * test.hits + FURTHER_HITS;
    const verdict = await verdictOf(test.id);
    if (mutation.isEndless) return { status: 'timeout', by: test.id };
    if (verdict === 'fail') return { status: 'killed', by: test.id };
    if (verdict !== 'pass') inconclusive ??= test.id;
  }
  return inconclusive === undefined ? { status: 'survived' } : { status: 'inconclusive', by: inconclusive };
}

parentPort.on('message', async (task) => {
  const answer = task === 'baseline' ? await baseline() : await tryMutant(task);
  mutation.active = -1;
  parentPort.postMessage(answer);
});
parentPort.postMessage('ready');
