import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { CASES, type CatalogueEntry, REQUIREMENTS, type RunResult } from '../../src/conformance/index.js';

const folder = mkdtempSync(join(tmpdir(), 'mpip-report-'));
after(() => rmSync(folder, { recursive: true }));

function mpip(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['build/src/cli/mpip.js', ...args], {
    encoding: 'utf8',
  });
  return { code: status, out: stdout, error: stderr };
}

const path = (name: string) => join(folder, name);

test('mpip requirements: every requirement, with the cases that cover it or a reason', () => {
  const { code, out } = mpip('requirements', '--format', 'json');
  assert.equal(code, 0);
  const entries = JSON.parse(out) as CatalogueEntry[];
  assert.deepEqual(
    entries.map(({ id }) => id),
    REQUIREMENTS.map(({ id }) => id),
  );
  const known = new Set(CASES.map(({ id }) => id));
  for (const entry of entries) {
    assert.ok(entry.cases.every((id) => known.has(id)));
    assert.ok(entry.cases.length === 0 || entry.withoutCase === null);
    if (entry.observable === 'no' || entry.observable === 'lab') assert.ok(entry.withoutCase !== null, entry.id);
  }
  const covered = new Set(CASES.flatMap(({ requirements }) => requirements));
  assert.equal(entries.filter(({ cases }) => cases.length > 0).length, covered.size);
  const one = mpip('requirements', '--requirement', 'mpip-av-14');
  assert.match(
    one.out,
    /^MPIP-AV-14 {2}MUST, section 3\.2, seen from outside: yes\n {2}Queries to a silent.*\n {2}Cases: AV-/,
  );
  assert.match(mpip('requirements', '--area', 'AV', '--format', 'markdown').out, /\n## AV\n\n\| id \|/);
});

test('mpip requirements and mpip report refuse what they do not know', () => {
  const rows: [string[], number, RegExp][] = [
    [['requirements', '--requirement', 'MPIP-AV-144'], 2, /did you mean 'MPIP-AV-14'\?/],
    [['requirements', '--area', 'ZZZZZ'], 2, /There is no area 'ZZZZZ'/],
    [['requirements', '--area', 'AV', '--requirement', 'MPIP-CM-01'], 2, /No requirement is in these areas/],
    [['requirements', '--format', 'xml'], 2, /choose text, json, markdown/],
    [['report'], 2, /mpip report diff BEFORE\.json AFTER\.json, or mpip report render/],
    [['report', 'diff', 'a.json'], 2, /Give two reports to compare/],
    [['report', 'diff', path('absent'), path('absent')], 4, /cannot be read/],
    [['report', 'diff', 'package.json', 'package.json'], 4, /is no report of mpip check/],
    [['report', 'diff', 'README.md', 'README.md'], 4, /is no report of mpip check/],
    [['report', 'render', 'README.md'], 4, /is no report of mpip check/],
    [['report', 'render', 'a', 'b'], 2, /Give one report or journal/],
    [['report', 'render', 'a', '--format', 'json'], 2, /--format belongs to mpip report diff/],
    [['report', 'diff', 'a', 'b', '--report', 'text=-'], 2, /--report belongs to mpip report render/],
  ];
  for (const [args, code, words] of rows) {
    const outcome = mpip(...args);
    assert.equal(outcome.code, code, args.join(' '));
    assert.match(outcome.error, words);
    assert.equal(outcome.out, '');
  }
});

test('a list of known failures: written by a run, accepted by the next, stale when the case passes', () => {
  const report = path('run.json');
  const list = path('known');
  const some = ['--case', 'AV-query-*', '--case', 'SS-adopts*', '--seed', '7'];
  // The reference answers as the paper says; a wrong expectation of its constants makes cases fail.
  const wrong = ['check', '--self', ...some, '--pixit', 'query-limit=9'];
  const failing = mpip(...wrong, '--report', `json=${report}`);
  assert.ok([0, 1].includes(failing.code!), failing.error);
  const run = JSON.parse(readFileSync(report, 'utf8')) as RunResult;
  const passing = run.cases.find(({ verdict }) => verdict === 'pass')!;
  writeFileSync(list, `${passing.id} some-cause # an old one\n`);
  const stale = mpip(...wrong, '--known-failing', list);
  assert.equal(stale.code, 4);
  assert.match(stale.out, new RegExp(`pass now, to be taken off the list: ${passing.id}`));
  const updated = mpip(...wrong, '--known-failing', list, '--update-known-failing');
  assert.equal(updated.code, 0, updated.out);
  assert.ok(!readFileSync(list, 'utf8').includes(passing.id));
  assert.equal(mpip(...wrong, '--known-failing', list).code, 0);
  assert.match(mpip('check', '--self', '--update-known-failing').error, /needs --known-failing FILE/);
  writeFileSync(list, 'what is this\n');
  const unreadable = mpip('check', '--self', '--known-failing', list);
  assert.deepEqual([unreadable.code, /Line 1 \('what is this'\)/.test(unreadable.error)], [4, true]);
});

test('mpip report diff: the same run twice has no difference; a verdict turned over is a new failure', () => {
  const [before, after_] = [path('before.json'), path('after.json')];
  assert.equal(mpip('check', '--self', '--case', 'AV-*', '--seed', '3', '--report', `json=${before}`).code, 0);
  const same = mpip('report', 'diff', before, before);
  assert.equal(same.code, 0);
  assert.match(same.out, /No difference in \d+ cases/);
  const run = JSON.parse(readFileSync(before, 'utf8')) as RunResult;
  const cases = run.cases.map((result, i) => (i === 0 ? { ...result, verdict: 'fail' } : result));
  writeFileSync(after_, JSON.stringify({ ...run, cases }));
  const different = mpip('report', 'diff', before, after_, '--format', 'markdown');
  assert.equal(different.code, 1);
  assert.match(different.out, new RegExp(`### New failures \\(1\\)\n\n- \`${run.cases[0]!.id}\``));
});
