import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  formatKnownFailing,
  type KnownFailure,
  parseKnownFailing,
  updatedKnownFailing,
  withKnownFailing,
} from '../../src/conformance/known-failing.js';
import { diffExitCode, diffReports } from '../../src/conformance/report-diff.js';
import { diffMarkdown, diffText } from '../../src/conformance/reports/diff.js';
import { type CaseResult, exitCodeOf, noCounts, type RunResult } from '../../src/conformance/result.js';
import type { Verdict } from '../../src/conformance/verdict.js';

const CATALOGUE = new Set(['AV-one', 'AV-two', 'SS-three', 'SS-four']);

/** A run of cases, given as `ID: [verdict, cause]`. */
function runOf(verdicts: Record<string, readonly [Verdict, string]>): RunResult {
  const counts = noCounts();
  const cases = Object.entries(verdicts).map(([id, [verdict, code]]): CaseResult => {
    counts[verdict]++;
    return {
      id,
      area: 'AV',
      purpose: 'Something.',
      requirements: ['MPIP-AV-06'],
      verdict,
      cause: { code, text: `Because of ${code}.` },
      warnings: [],
      evidence: { file: null, link: 'virtual', frames: [] },
      durationMs: 1,
    };
  });
  return {
    tool: 'mpip',
    version: '0.0.0',
    reportVersion: 1,
    seed: 1,
    profile: 'paper',
    profileFound: null,
    explanation: null,
    link: 'virtual',
    iut: { address: '192.0.2.1', udpPort: 7000, tcpPort: null, nodeId: null, layout: null, services: {} },
    verdict: 'pass',
    counts,
    preliminary: null,
    isInterrupted: false,
    selection: { known: 4, chosen: cases.length },
    evidenceFolder: null,
    cases,
    requirements: [],
    durationMs: 0,
  };
}

test('a failure with the known cause does not fail the run; with another cause it does', () => {
  const entries = parseKnownFailing('AV-one  no-confirm  # reported\n');
  const known = withKnownFailing(
    runOf({ 'AV-one': ['fail', 'no-confirm'], 'AV-two': ['pass', 'ok'] }),
    entries,
    CATALOGUE,
  );
  assert.deepEqual(known.knownFailing, { known: ['AV-one'], stale: [], unmatched: [] });
  assert.equal(known.cases[0]!.isKnownFailing, true);
  assert.equal(exitCodeOf(known), 0);
  const other = withKnownFailing(runOf({ 'AV-one': ['fail', 'late-confirm'] }), entries, CATALOGUE);
  assert.deepEqual(other.knownFailing, { known: [], stale: [], unmatched: [] });
  assert.equal(exitCodeOf(other), 1);
});

test('an entry whose case passes, or that does not exist, makes the run a fault of its list', () => {
  const run = runOf({ 'AV-one': ['pass', 'ok'] });
  const stale = withKnownFailing(run, parseKnownFailing('AV-one no-confirm'), CATALOGUE);
  assert.deepEqual(stale.knownFailing!.stale, ['AV-one']);
  assert.equal(exitCodeOf(stale), 4);
  const unmatched = withKnownFailing(run, parseKnownFailing('AV-onn no-confirm'), CATALOGUE);
  assert.deepEqual(unmatched.knownFailing!.unmatched, ['AV-onn']);
  assert.equal(exitCodeOf(unmatched), 4);
});

test('of a case that was left out or could not be judged nothing is said', () => {
  const entries = parseKnownFailing('AV-one a\nAV-two b\nSS-three c');
  const run = withKnownFailing(
    runOf({ 'AV-one': ['inconc', 'unsure'], 'AV-two': ['not-run', 'slow'], 'SS-four': ['pass', 'ok'] }),
    entries,
    CATALOGUE,
  );
  assert.deepEqual(run.knownFailing, { known: [], stale: [], unmatched: [] });
  assert.equal(exitCodeOf(run), 3);
});

test('the list written anew keeps notes and what was not judged, and drops what passes or is gone', () => {
  const entries = parseKnownFailing('# head\nAV-one a # why\nAV-two b\nSS-three c # later\nAV-gone d\n');
  const run = runOf({ 'AV-one': ['fail', 'new-cause'], 'AV-two': ['pass', 'ok'], 'SS-four': ['fail', 'z'] });
  const text = formatKnownFailing(updatedKnownFailing(run, entries, CATALOGUE));
  assert.deepEqual(text.split('\n').slice(1), [
    'AV-one    new-cause  # why',
    'SS-four   z',
    'SS-three  c  # later',
    '',
  ]);
  const again = withKnownFailing(run, parseKnownFailing(text), CATALOGUE);
  assert.equal(exitCodeOf(again), 0);
});

test("the list brought up to date keeps a person's comments and order; what is new follows", () => {
  const before = '# The lab\n\n# until the next kernel\nSS-three c\nAV-one a # why\n\nAV-two b\n# end\n';
  const run = runOf({ 'AV-one': ['fail', 'new-cause'], 'AV-two': ['pass', 'ok'], 'SS-four': ['fail', 'z'] });
  const updated = updatedKnownFailing(run, parseKnownFailing(before), CATALOGUE);
  assert.equal(
    formatKnownFailing(updated, before),
    '# The lab\n\n# until the next kernel\nSS-three  c\nAV-one    new-cause  # why\n\n# end\nSS-four   z\n',
  );
  const again = formatKnownFailing(updated, before);
  assert.equal(formatKnownFailing(updated, again), again, 'once more changes nothing');
});

test('a line of another form, and a case named twice, are refused with their line', () => {
  assert.throws(() => parseKnownFailing('\nAV-one\n'), /^KnownFailingError: Line 2 \('AV-one'\)/);
  assert.throws(() => parseKnownFailing('AV-one Cause'), /Line 1/);
  assert.throws(() => parseKnownFailing('AV-one a\nAV-one b'), /Line 2 names AV-one again \(first in line 1\)/);
  assert.deepEqual(parseKnownFailing('# nothing\r\n\r\n'), []);
});

test('property: what is written is read back', () => {
  const word = fc.stringMatching(/^[a-z0-9]+(-[a-z0-9]+){0,3}$/);
  const entry = fc.record(
    {
      case: fc.stringMatching(/^[A-Z]{2}(-[a-z0-9]{1,5}){1,4}$/),
      cause: word,
      note: fc.stringMatching(/^[!-~]([ -~]{0,20}[!-~])?$/),
    },
    { requiredKeys: ['case', 'cause'] },
  );
  const entries = fc.uniqueArray(entry, { selector: (item) => item.case });
  fc.assert(
    fc.property(entries, (list) => {
      const read = parseKnownFailing(formatKnownFailing(list as KnownFailure[]));
      assert.deepEqual(
        read.map(({ line: _, ...rest }) => rest),
        list.map((item) => ({ ...item })),
      );
    }),
  );
});

test('the difference of two runs: new, still failing, fixed, unsure, gone', () => {
  const before = runOf({
    'AV-one': ['pass', 'ok'],
    'AV-two': ['fail', 'a'],
    'SS-three': ['fail', 'b'],
    'SS-four': ['pass', 'ok'],
  });
  const after = runOf({
    'AV-one': ['fail', 'x'],
    'AV-two': ['fail', 'c'],
    'SS-three': ['pass', 'ok'],
    'SS-four': ['inconc', 'y'],
  });
  const diff = diffReports(before, after);
  assert.deepEqual(
    diff.changes.map(({ id, change }) => [id, change]),
    [
      ['AV-one', 'new-failure'],
      ['AV-two', 'still-failing'],
      ['SS-four', 'now-inconclusive'],
      ['SS-three', 'fixed'],
    ],
  );
  assert.equal(diffExitCode(diff), 1);
  assert.match(diffText(diff), /New failures \(1\)\n {2}AV-one {2}pass -> fail \(x\)\n {4}Because of x\./);
  assert.match(diffText(diff), /AV-two {2}fail \(a\) -> fail \(c\)/);
  assert.match(diffMarkdown(diff), /### Fixed \(1\)\n\n- `SS-three`: fail \(b\) → pass/);
  const gone = diffReports(
    before,
    runOf({ 'AV-two': ['fail', 'a'], 'SS-three': ['fail', 'b'], 'SS-four': ['not-run', 'slow'] }),
  );
  assert.deepEqual(
    gone.changes.filter(({ change }) => change === 'no-longer-played').map(({ id }) => id),
    ['SS-four', 'AV-one'],
  );
  assert.equal(diffExitCode(gone), 3);
  const same = diffReports(before, before);
  assert.deepEqual([same.unchanged, diffExitCode(same)], [2, 0]);
});
