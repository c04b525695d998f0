import assert from 'node:assert/strict';
import { test } from 'node:test';
import { XMLParser } from 'fast-xml-parser';
import { COVERAGE_CLASSES, coverageOf } from '../../src/conformance/coverage.js';
import { htmlReport } from '../../src/conformance/reports/html.js';
import { textReport } from '../../src/conformance/reports/text.js';
import { REQUIREMENTS } from '../../src/conformance/requirements.js';
import type { RequirementStatus, RunResult } from '../../src/conformance/result.js';
import { play } from './reference-peer.js';

const STATUSES: readonly RequirementStatus[] = [
  'pass',
  'fail',
  'warn',
  'inconc',
  'untestable',
  'not-applicable',
  'not-run',
];

/** A run with every status: 1 requirement `pass`, 2 `fail`, 3 `warn` and so on, the rest `not-run`. */
async function everyStatus(): Promise<RunResult> {
  const statuses = STATUSES.flatMap((status, i) => Array<RequirementStatus>(i + 1).fill(status));
  const run = await play({ cases: [] });
  return { ...run, requirements: run.requirements.map((one, i) => ({ ...one, status: statuses[i] ?? 'not-run' })) };
}

test('every requirement is in one class: a verdict makes it tested, an inconclusive case does not', async () => {
  const { requirements } = await everyStatus();
  const { total, levels } = coverageOf(requirements);
  assert.deepEqual(total, {
    tested: 6,
    'not tested': 4,
    untestable: 5,
    'not applicable': 6,
    'not run': REQUIREMENTS.length - 21,
  });
  for (const name of COVERAGE_CLASSES) {
    assert.equal(
      [...levels.values()].reduce((sum, counts) => sum + counts[name], 0),
      total[name],
      name,
    );
  }
});

test('the text has the classes in a line', async () => {
  const words = textReport(await everyStatus()).replaceAll(/\s+/g, ' ');
  const [all, rest] = [REQUIREMENTS.length, REQUIREMENTS.length - 21];
  const line = `Requirements: ${all} in all; 6 tested (1 pass, 2 fail, 3 warn), 4 not tested, 5 untestable, 6 not applicable, ${rest} not run.`;
  assert.ok(words.includes(line), words);
});

test('the HTML has them in a table, a row for each level and one for all', async () => {
  const run = await everyStatus();
  const [table] = /<table id="coverage">.*?<\/table>/s.exec(htmlReport(run))!;
  const parser = new XMLParser({ isArray: (name) => name === 'tr' });
  const rows = (parser.parse(table) as { table: { tbody: { tr: { td: number[]; th: string }[] } } }).table.tbody.tr;
  const { total, levels } = coverageOf(run.requirements);
  const expected = [...levels, ['all', total] as const].map(([name, counts]) => [
    name,
    ...COVERAGE_CLASSES.map((column) => counts[column]),
  ]);
  assert.deepEqual(
    rows.map(({ th, td }) => [th, ...td]),
    expected,
  );
});
