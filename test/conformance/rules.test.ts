import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isBinding, REQUIREMENTS, requirement } from '../../src/conformance/requirements.js';
import { exitCodeOf, noCounts, type RunResult } from '../../src/conformance/result.js';
import { globPattern, SelectionError, select } from '../../src/conformance/select.js';
import { VERDICT_ORDER, worse } from '../../src/conformance/verdict.js';
import { MADE_CASES } from '../support/made-cases.js';

test('verdicts only get worse: none < pass < inconc < fail < error', () => {
  assert.deepEqual(VERDICT_ORDER, ['none', 'pass', 'inconc', 'fail', 'error']);
  for (const [i, a] of VERDICT_ORDER.entries()) {
    for (const [j, b] of VERDICT_ORDER.entries()) assert.equal(worse(a, b), VERDICT_ORDER[Math.max(i, j)]);
    assert.equal(worse(a, 'not-applicable'), a);
    assert.equal(worse('not-run', a), a);
  }
});

test('exit codes, first that applies: 4, 1, 3, 0', () => {
  const exit = (counts: Partial<ReturnType<typeof noCounts>>, isInterrupted = false) =>
    exitCodeOf({ counts: { ...noCounts(), ...counts }, isInterrupted } as RunResult);
  assert.equal(exit({ pass: 1 }), 0);
  assert.equal(exit({ pass: 1, 'not-applicable': 5, 'not-run': 5 }), 0);
  assert.equal(exit({ pass: 1, inconc: 1 }), 3);
  assert.equal(exit({ inconc: 1 }), 3);
  assert.equal(exit({ pass: 1, inconc: 1, fail: 1 }), 1);
  assert.equal(exit({ pass: 1, inconc: 1, fail: 1, error: 1 }), 4);
  assert.equal(exit({ pass: 1, none: 1 }), 4);
  assert.equal(exit({}), 4);
  assert.equal(exit({ 'not-applicable': 3, 'not-run': 2 }), 4);
  assert.equal(exit({ pass: 1 }, true), 4);
});

test('the catalogue holds what the paper states and what was judged, ids unique, every field filled', () => {
  assert.ok(REQUIREMENTS.length >= 158);
  assert.equal(new Set(REQUIREMENTS.map(({ id }) => id)).size, REQUIREMENTS.length);
  for (const { id, area, section, level, observable, text } of REQUIREMENTS) {
    assert.match(id, /^MPIP-[A-Z]{2,3}-\d\d$/);
    assert.equal(area, id.split('-')[1]);
    assert.match(section, /^[345](\.\d)*(, [34](\.\d)*)*$/);
    assert.ok(['MUST', 'MUST NOT', 'SHOULD', 'MAY'].includes(level), id);
    assert.ok(['yes', 'partly', 'no', 'lab'].includes(observable), id);
    assert.ok(text.length > 15 && !text.includes('|'), id);
  }
  assert.equal(requirement('MPIP-AV-09')!.level, 'MUST NOT');
  assert.ok(isBinding('MPIP-AV-09') && isBinding('MPIP-AV-14'));
  assert.ok(!isBinding('MPIP-AV-17') && !isBinding('MPIP-PA-04'));
});

test('filters choose by glob, area and requirement; all kinds must agree', () => {
  const ids = (selection: Parameters<typeof select>[1]) => select(MADE_CASES, selection).map(({ id }) => id);
  assert.equal(ids({}).length, MADE_CASES.length);
  assert.deepEqual(ids({ cases: ['AV-*'] }), ['AV-made-confirm', 'AV-made-ask']);
  assert.deepEqual(ids({ cases: ['av-MADE-as?'] }), ['AV-made-ask']);
  assert.deepEqual(ids({ cases: ['AV-*'], skip: ['*-ask'] }), ['AV-made-confirm']);
  assert.deepEqual(ids({ areas: ['SS', 'GEN'] }), ['SS-made-adopt', 'GEN-made-plain']);
  assert.deepEqual(ids({ requirements: ['MPIP-AV-02', 'MPIP-SS-04'] }), ['SS-made-adopt', 'AV-made-ask']);
  assert.deepEqual(ids({ requirements: ['MPIP-AV-02'], areas: ['SS'] }), []);
  assert.ok(!globPattern('A.V').test('AxV'));
});

test('a filter that matches nothing is an error with what could have been meant', () => {
  for (const [selection, message] of [
    [{ cases: ['AV-nothing'] }, "No case matches --case 'AV-nothing'"],
    [{ skip: ['XX*'] }, "No case matches --skip 'XX*'"],
    [{ areas: ['ZZ'] }, "There is no area 'ZZ'; known are"],
    [{ areas: ['HB'] }, "No case is in the area 'HB'"],
    [{ requirements: ['MPIP-AV-99'] }, "There is no requirement 'MPIP-AV-99'"],
    [{ requirements: ['MPIP-TX-01'] }, "No case covers the requirement 'MPIP-TX-01'"],
  ] as const) {
    assert.throws(
      () => select(MADE_CASES, selection),
      (error: unknown) => {
        assert.ok(error instanceof SelectionError);
        assert.ok(error.message.startsWith(message), error.message);
        assert.ok(error.candidates.length > 0);
        return true;
      },
    );
  }
});
