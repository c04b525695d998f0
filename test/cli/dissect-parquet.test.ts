import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import { TableWriter } from '../../src/cli/parquet/table-writer.js';
import { columnOf } from '../../src/cli/parquet/tables.js';
import { interruptDissect } from '../support/interrupted-dissect.js';

const MPIP = 'build/src/cli/mpip.js';
const UDP = 'fixtures/pcaps/linux-2015-udp.pcap';
const WRAPPER = 'fixtures/pcaps/linux-2015-tcp-wrapper.pcap';
const MOVED = 'fixtures/pcaps/linux-2015-link-down-up.pcap';
const folder = mkdtempSync(join(tmpdir(), 'mpip-parquet-'));
after(() => rmSync(folder, { recursive: true }));
const database = await (await DuckDBInstance.create(':memory:')).connect();

type Values = Record<string, unknown>;

function dissect(...args: string[]): { code: number | null; out: string; error: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MPIP, 'dissect', ...args], {
    encoding: 'utf8',
    maxBuffer: 64 << 20,
  });
  return { code: status, out: stdout, error: stderr };
}

const lines = (...args: string[]) =>
  dissect('--format', 'ndjson', ...args)
    .out.trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Values);

async function query(sql: string): Promise<Values[]> {
  return (await database.runAndReadAll(sql)).getRowObjectsJson() as Values[];
}

/** As DuckDB prints it: 64-bit numbers as text, what is not there as null. */
const plain = (value: unknown) => (typeof value === 'number' ? String(value) : (value ?? null));

for (const files of [[UDP], [WRAPPER], [UDP, WRAPPER]]) {
  test(`--parquet: DuckDB reads what mpip dissect prints of ${files.length} capture(s), ${files[0]}`, async () => {
    const target = join(folder, `of-${files.length}-${files[0] === UDP ? 'udp' : 'wrapper'}`);
    const { code, out, error } = dissect('--parquet', target, ...files);
    assert.deepEqual([code, out], [0, ''], error);
    const cms = await query(
      `SELECT * FROM '${target}/cms/*/*.parquet' ORDER BY frame_time_epoch, frame_file, frame_number`,
    );
    const at = (line: Values) => `${line['frame.time_epoch']} ${line['frame.file'] ?? files[0]}`;
    const expected = lines(...files).sort((a, b) =>
      at(a) === at(b) ? Number(a['frame.number']) - Number(b['frame.number']) : at(a) < at(b) ? -1 : 1,
    );
    assert.ok(expected.length > 20);
    assert.equal(cms.length, expected.length);
    for (const [index, line] of expected.entries()) {
      const row = cms[index]!;
      assert.equal(row.frame_file, line['frame.file'] ?? files[0]);
      for (const [field, value] of Object.entries(line))
        assert.deepEqual(plain(row[columnOf(field)]), plain(value), `frame ${line['frame.number']}: ${field}`);
      const columns = new Set(['frame_time', 'frame_file', 'date', ...Object.keys(line).map(columnOf)]);
      for (const [column, value] of Object.entries(row)) if (!columns.has(column)) assert.equal(value, null, column);
    }
    const [packets] = await query(
      `SELECT count(*)::INT AS n, count(DISTINCT date)::INT AS dates, bool_and(epoch_us(frame_time) = (frame_time_epoch::DECIMAL(28,9) * 1000000)::DECIMAL(28,3)::DECIMAL(28,0) OR abs(epoch_us(frame_time) - frame_time_epoch::DOUBLE * 1e6) < 2) AS same FROM read_parquet('${target}/packets/*/*.parquet', hive_partitioning = true)`,
    );
    assert.deepEqual(packets, { n: lines('--all', ...files).length, dates: packets!.dates, same: true });
    assert.ok(Number(packets!.dates) >= 1);
    const paths = await query(`SELECT * FROM '${target}/paths/*.parquet'`);
    const sessions = lines('--conversations', ...files).filter(({ type }) => type === 'session');
    const reports = sessions.flatMap((session) =>
      (session.directions as Values[]).flatMap((direction) =>
        (direction.paths as Values[]).map((path): Values => ({ session: session.number, ...path })),
      ),
    );
    assert.ok(reports.length >= 2);
    assert.equal(paths.length, reports.length);
    for (const [index, report] of reports.entries()) {
      for (const name of ['session', 'mpip.path_id', 'source', 'destination', 'packets', 'bytes', 'share', 'weight'])
        assert.deepEqual(plain(paths[index]![columnOf(name)]), plain(report[name]), name);
      const { max } = (report.feedback ?? { max: null }) as Values;
      assert.deepEqual(plain(paths[index]!.feedback_max), plain(max));
    }
    const findings = await query(`SELECT * FROM '${target}/findings/*.parquet'`);
    assert.deepEqual(
      findings.map(({ id, count, frame_number }) => [id, count, frame_number]),
      lines('--findings', ...files).map(({ id, count, 'frame.number': frame }) => [id, String(count), String(frame)]),
    );
  });
}

test('row groups and part files as they fill, a folder for each partition', async () => {
  const table = new TableWriter(
    join(folder, 'table'),
    { n: 'int64', list: 'strings' },
    { groupRows: 3, partGroups: 2 },
  );
  for (let n = 0; n < 20; n++) {
    table.add({ n, list: n % 3 === 0 ? undefined : Array(n % 3).fill(`${n}`) }, n < 15 ? 'date=a' : 'date=b');
    if (n === 9) assert.ok(readFileSync(join(folder, 'table/date=a/part-00000.parquet')).length > 100, 'as it fills');
  }
  table.close();
  assert.equal(readdirSync(join(folder, 'table/date=a')).length, 3);
  const rows = await query(`SELECT date, n, list FROM '${folder}/table/*/*.parquet' ORDER BY n`);
  assert.equal(rows.length, 20);
  assert.deepEqual(rows[14], { date: 'a', n: '14', list: ['14', '14'] });
  assert.deepEqual(rows[15], { date: 'b', n: '15', list: null });
});

test('--parquet: a folder with something in it is left alone; what cannot be combined is refused', () => {
  const full = join(folder, 'full');
  mkdirSync(full);
  writeFileSync(join(full, 'mine'), 'kept');
  const { code, error } = dissect('--parquet', full, UDP);
  assert.equal(code, 4);
  assert.match(error, /^mpip: The folder .* is not empty, .*\.\n$/);
  assert.deepEqual(readdirSync(full), ['mine']);
  assert.equal(dissect('--parquet', join(full, 'mine'), UDP).code, 4);
  for (const args of [
    ['--summary'],
    ['--html', 'x'],
    ['-Y', 'mpip'],
    ['--format', 'json'],
    ['--reassemble'],
    ['--follow', 'session=1'],
  ])
    assert.equal(dissect('--parquet', join(folder, 'no'), ...args, UDP).code, 2, args.join(' '));
});

test('the queries of docs/large-captures.md work', async () => {
  const target = join(folder, 'documented');
  assert.equal(dissect('--parquet', target, WRAPPER, MOVED).code, 0);
  const blocks = [...readFileSync('docs/large-captures.md', 'utf8').matchAll(/```sql\n([^`]*)```/g)];
  const queries = blocks.flatMap(([, sql]) => sql!.split(';').filter((one) => one.trim() !== ''));
  assert.ok(queries.length >= 5);
  for (const sql of queries) assert.ok((await query(sql.replaceAll("'capture/", `'${target}/`))).length > 0, sql);
});

test('--parquet, interrupted: the tables hold what was read until then, and end as they should; code 4', async () => {
  const target = join(folder, 'interrupted');
  await interruptDissect(['--parquet', target], readFileSync(MOVED), join(target, 'findings'));
  const [{ count }] = (await query(`SELECT count(*)::INT AS count FROM '${target}/packets/*/*.parquet'`)) as [
    { count: number },
  ];
  const all = lines('--all', MOVED).length;
  assert.ok(count > all / 4 && count < all, `${count} of ${all}`);
  for (const table of ['cms/*', 'paths', 'findings'])
    assert.ok((await query(`SELECT count(*) AS n FROM '${target}/${table}/*.parquet'`)).length === 1, table);
});
