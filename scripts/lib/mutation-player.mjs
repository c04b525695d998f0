// Plays cases of mpip check against the endpoint; bundled with the instrumented endpoint by mutation-build.mjs.
import { leftOut } from '../../src/conformance/applicability.ts';
import { CASES } from '../../src/conformance/cases/index.ts';
import { runCase } from '../../src/conformance/run-case.ts';
import { suiteOptions } from '../../test/conformance/reference-peer.ts';
import { mutation } from './mutation-switch.mjs';

export { mutation };

/** How the peer carries TCP; what the wrapper changes for cases without TCP shows in what they reach. */
const MODES = ['fake-tcp', 'udp-wrapper'];
const SETTINGS = new Map(MODES.map((tcpMode) => [tcpMode, suiteOptions({ tcpMode })]));

/** The tests: cases by mode, as `ID MODE`. */
export const TESTS = CASES.flatMap((testCase) =>
  MODES.filter((mode) => leftOut(testCase, SETTINGS.get(mode), SETTINGS.get(mode)) === undefined).map(
    (mode) => `${testCase.id} ${mode}`,
  ),
);
const BY_ID = new Map(CASES.map((testCase) => [testCase.id, testCase]));

/** The verdict of a test: `pass`, `fail` (a warning and an exception of the endpoint too), or `inconc`. */
export async function verdictOf(test) {
  const [id, mode] = test.split(' ');
  try {
    const { log } = await runCase(BY_ID.get(id), SETTINGS.get(mode));
    return log.warnings.length > 0 || log.verdict === 'error' ? 'fail' : log.verdict;
  } catch {
    return 'fail';
  }
}
