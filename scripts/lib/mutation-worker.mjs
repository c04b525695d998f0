// Plays tests against the instrumented endpoint, in a thread of its own: a mutant may never come to an end.
import { parentPort, workerData } from 'node:worker_threads';

const { mutation, TESTS, verdictOf } = await import(workerData.bundle);
/** How many times as often as without it a mutant may be reached, and so many times more. */
const MORE_HITS = 100;
const FURTHER_HITS = 10_000;

/** Tests once, without any mutant: of those that pass, how long they take and how often they reach which mutants. */
async function baseline(ids = TESTS) {
  const atStart = [...takeReached().keys()];
  const tests = [];
  const failing = [];
  for (const id of ids) {
    const before = process.cpuUsage();
    const verdict = await verdictOf(id);
    const { user, system } = process.cpuUsage(before);
    const reached = takeReached();
    if (verdict === 'pass') tests.push({ id, ms: (user + system) / 1000, reached });
    else failing.push(id);
  }
  return { atStart, tests, failing };
}

/** How often which mutants were reached since this was last asked. */
function takeReached() {
  const reached = new Map();
  mutation.reached.forEach((hits, id) => {
    if (hits > 0) reached.set(id, hits);
  });
  mutation.reached.fill(0);
  return reached;
}

/** Plays tests until one does not pass. */
async function tryMutant({ id, tests }) {
  mutation.active = id;
  mutation.isEndless = false;
  let inconclusive;
  for (const [i, test] of tests.entries()) {
    workerData.playing[0] = i;
    mutation.hitsLeft = MORE_HITS * test.hits + FURTHER_HITS;
    const verdict = await verdictOf(test.id);
    if (mutation.isEndless) return { status: 'timeout', by: test.id };
    if (verdict === 'fail') return { status: (await isSpoilt(test.id)) ? 'spoilt' : 'killed', by: test.id };
    if (verdict !== 'pass') inconclusive ??= test.id;
  }
  return inconclusive === undefined ? { status: 'survived' } : { status: 'inconclusive', by: inconclusive };
}

/** Whether a test that failed fails without the mutant, too: something was left behind in this thread. */
async function isSpoilt(test) {
  // What was loaded with the mutant switched on is no thread to say so.
  if (workerData.active !== undefined) return false;
  mutation.active = -1;
  return (await verdictOf(test)) !== 'pass';
}

parentPort.on('message', async (task) => {
  const answer = task.id === undefined ? await baseline(task.baseline) : await tryMutant(task);
  mutation.active = -1;
  parentPort.postMessage(answer);
});
parentPort.postMessage('ready');
