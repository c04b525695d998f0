// Plays cases of mpip check against the instrumented endpoint, in a thread of its own: a mutant may never come to an end.
import { pathToFileURL } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';

const load = (path) => import(pathToFileURL(`${workerData.build}/${path}`).href);
const { CASES } = await load('src/conformance/cases/index.js');
const { play } = await load('test/conformance/reference-peer.js');
globalThis.__stryker__ ??= {};
const stryker = globalThis.__stryker__;
const MODES = ['fake-tcp', 'udp-wrapper'];

/** The verdict of one case in one mode; a warning is a failure. */
async function verdictOf(testCase, tcpMode) {
  try {
    const { cases } = await play({ cases: [testCase], tcpMode, seed: 1 });
    const [{ verdict, warnings }] = cases;
    return warnings.length > 0 ? 'fail' : verdict;
  } catch {
    // The endpoint threw: whoever calls it would have seen that.
    return 'fail';
  }
}

/** Every case once, without any mutant: what it covers, and whether it passes. */
async function baseline() {
  const tests = [];
  for (const testCase of CASES) {
    for (const tcpMode of MODES) {
      stryker.currentTestId = `${testCase.id} ${tcpMode}`;
      const began = performance.now();
      const verdict = await verdictOf(testCase, tcpMode);
      if (verdict === 'pass') tests.push({ id: stryker.currentTestId, ms: performance.now() - began });
    }
  }
  stryker.currentTestId = undefined;
  const { perTest } = stryker.mutantCoverage;
  return tests.map(({ id, ms }) => ({ id, ms, covers: Object.keys(perTest[id] ?? {}) }));
}

/** Plays tests until one does not pass. */
async function tryMutant({ id, tests }) {
  stryker.activeMutant = id;
  let inconclusive;
  for (const test of tests) {
    const [caseId, tcpMode] = test.split(' ');
    const verdict = await verdictOf(
      CASES.find((testCase) => testCase.id === caseId),
      tcpMode,
    );
    if (verdict === 'fail' || verdict === 'error') {
      stryker.activeMutant = undefined;
      return { status: 'killed', by: caseId };
    }
    if (verdict !== 'pass') inconclusive ??= caseId;
  }
  stryker.activeMutant = undefined;
  return inconclusive === undefined ? { status: 'survived' } : { status: 'inconclusive', by: inconclusive };
}

parentPort.on('message', async (task) => {
  parentPort.postMessage(task === 'baseline' ? await baseline() : await tryMutant(task));
});
parentPort.postMessage('ready');
