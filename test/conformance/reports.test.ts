import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import Ajv from 'ajv';
import { XMLParser } from 'fast-xml-parser';
import { Lexer, type Tokens } from 'marked';
import { type FinalResults, Parser, type Result } from 'tap-parser';
import { parseIpv4, TrailerView } from '../../src/codec/index.js';
import type { TestCase } from '../../src/conformance/case.js';
import { runSuite } from '../../src/conformance/engine.js';
import { jsonReport, ndjsonReport } from '../../src/conformance/reports/json.js';
import { junitReport } from '../../src/conformance/reports/junit.js';
import { markdownReport } from '../../src/conformance/reports/markdown.js';
import { tapReport } from '../../src/conformance/reports/tap.js';
import { textReport } from '../../src/conformance/reports/text.js';
import { REQUIREMENTS } from '../../src/conformance/requirements.js';
import type { RunResult } from '../../src/conformance/result.js';
import type { Tester } from '../../src/conformance/tester.js';
import { VirtualLink } from '../../src/conformance/virtual-link.js';
import { capturePackets } from '../../src/io/capture-reader.js';
import { LINKTYPE_RAW } from '../../src/io/link-type.js';
import { MADE_CASES, makeCase } from '../support/made-cases.js';
import { TinyPeer } from '../support/tiny-peer.js';

const PEER = parseIpv4('192.0.2.1');
const folder = mkdtempSync(join(tmpdir(), 'mpip-check-'));
after(() => rmSync(folder, { recursive: true }));

const EVERY_VERDICT = [
  ...MADE_CASES,
  makeCase('GEN-made-fault', async () => {
    throw new TypeError('a fault with <angle> & "quotes"');
  }),
  makeCase('GEN-made-inconc', async (t: Tester) => t.inconc('unsure', 'Nobody < knows & "why".')),
  makeCase('GEN-made-chargen', async () => {}, { services: ['chargen'] }),
  makeCase(
    'GEN-made-advice',
    async (t: Tester) => t.fail('advice', 'It is not advised.', { expected: 1, seen: 2, packet: undefined }),
    {
      requirements: ['MPIP-HB-04'],
    },
  ),
];

/** A run with every verdict in it: the peer answers with a session id of its own. */
function play(evidence?: string): Promise<RunResult> {
  return runSuite({
    link: new VirtualLink({
      createPeer: () => new TinyPeer({ addresses: [PEER], services: { 7000: 'echo' }, ownSession: true }),
    }),
    address: PEER,
    services: new Map([['echo', 7000]]),
    cases: EVERY_VERDICT,
    keepExchanges: true,
    ...(evidence === undefined ? {} : { evidence }),
  });
}

test('the JSON report satisfies its published schema', async () => {
  const schema = JSON.parse(readFileSync('docs/schema/check-report.schema.json', 'utf8')) as object;
  const validate = new Ajv.default({ allErrors: true, allowUnionTypes: true, formats: { ipv4: true } }).compile(schema);
  const report = JSON.parse(jsonReport(await play(join(folder, 'schema')))) as RunResult;
  assert.ok(validate(report), JSON.stringify(validate.errors));
  const broken = { ...report, verdict: 'fine' };
  assert.ok(!validate(broken), 'the schema refuses an unknown verdict');
});

test('NDJSON: a run, each case, each requirement, a summary; the same content as JSON', async () => {
  const run = await play();
  const lines = ndjsonReport(run)
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const count = (type: string) => lines.filter((line) => line.type === type).length;
  assert.deepEqual(
    [count('run'), count('case'), count('requirement'), count('summary')],
    [1, EVERY_VERDICT.length, REQUIREMENTS.length, 1],
  );
  assert.equal(lines[0]!.type, 'run');
  assert.equal(lines.at(-1)!.type, 'summary');
  assert.deepEqual(lines.at(-1)!.counts, run.counts);
  const { type: _, ...first } = lines[1]!;
  assert.deepEqual(first, JSON.parse(JSON.stringify(run.cases[0])));
});

test('JUnit: fail is failure, a tester fault error, what says nothing skipped with its reason', async () => {
  const run = await play();
  const parser = new XMLParser({
    ignoreAttributes: false,
    attributeNamePrefix: '',
    isArray: (name) => name === 'testsuite' || name === 'testcase',
  });
  const { testsuites } = parser.parse(junitReport(run)) as {
    testsuites: { tests: string; failures: string; errors: string; skipped: string; testsuite: { testcase: Item[] }[] };
  };
  interface Item {
    name: string;
    failure?: { message: string; type: string };
    error?: { message: string };
    skipped?: { message: string };
  }
  const items = new Map(testsuites.testsuite.flatMap((suite) => suite.testcase).map((item) => [item.name, item]));
  assert.equal(items.size, EVERY_VERDICT.length);
  assert.deepEqual(
    [testsuites.tests, testsuites.failures, testsuites.errors, testsuites.skipped],
    ['8', '1', '1', '2'],
  );
  assert.equal(items.get('SS-made-adopt')!.failure!.type, 'wrong-session');
  assert.match(items.get('SS-made-adopt')!.failure!.message, /Expected session id 77, seen session id 178/);
  assert.match(items.get('GEN-made-fault')!.error!.message, /a fault with <angle> & "quotes"/);
  assert.equal(items.get('GEN-made-inconc')!.skipped!.message, 'inconc: unsure: Nobody < knows & "why".');
  assert.match(items.get('GEN-made-chargen')!.skipped!.message, /^not-applicable: service: /);
  const passed = items.get('AV-made-confirm')!;
  assert.ok(!passed.failure && !passed.error && passed.skipped === undefined);
});

/** A report as a strict TAP parser reads it. */
function readTap(text: string): { results: FinalResults; points: Map<string, Result> } {
  const points = new Map<string, Result>();
  const parser = new Parser({ strict: true });
  parser.on('assert', (point) => points.set(point.name.split(':')[0]!, point));
  let results: FinalResults | undefined;
  parser.on('complete', (final) => {
    results = final;
  });
  parser.end(text);
  return { results: results!, points };
}

test('TAP: fail is not ok with its reason, what says nothing is skipped, what is known is to do', async () => {
  const run = await play(join(folder, 'tap'));
  const { results, points } = readTap(tapReport(run));
  assert.deepEqual(
    results.failures.filter((failure) => failure.tapError !== null),
    [],
  );
  assert.deepEqual([results.count, results.fail, results.skip, results.todo], [EVERY_VERDICT.length, 2, 2, 0]);
  const failed = points.get('SS-made-adopt')!;
  assert.equal(failed.ok, false);
  assert.deepEqual(
    [failed.diag.cause, failed.diag.severity, failed.diag.expected, failed.diag.seen, failed.diag.requirements],
    ['wrong-session', 'fail', 'session id 77', 'session id 178', ['MPIP-SS-04']],
  );
  assert.match(points.get('GEN-made-inconc')!.skip as string, /^inconc \(unsure\): Nobody < knows & "why"\.$/);
  assert.equal(points.get('AV-made-confirm')!.ok, true);
  const known = { ...run, cases: run.cases.map((c) => (c.verdict === 'fail' ? { ...c, isKnownFailing: true } : c)) };
  assert.equal(readTap(tapReport(known)).results.todo, 1);
  assert.equal(
    readTap(tapReport({ ...run, isInterrupted: true })).results.bailout,
    'The run was interrupted; cases without a verdict were not run.',
  );
});

test('Markdown: one table of counts, one of failures with their packet, nothing that a reader would take for markup', async () => {
  const run = await play(join(folder, 'markdown'));
  const tokens = new Lexer({ gfm: true }).lex(markdownReport(run));
  const tables = tokens.filter((token): token is Tokens.Table => token.type === 'table');
  assert.equal(tables.length, 4, 'counts, failed, inconclusive, requirements');
  assert.deepEqual(
    tables[0]!.rows[0]!.map((cell) => Number(cell.text)),
    Object.values(run.counts).filter((count) => count > 0),
  );
  const failed = tables[1]!.rows.map((row) => row[0]!.text);
  assert.deepEqual(failed.sort(), ['`GEN-made-fault`', '`SS-made-adopt`']);
  for (const { header, rows } of tables) for (const row of rows) assert.equal(row.length, header.length);
  const blocks = tokens.filter((token): token is Tokens.Code => token.type === 'code');
  assert.match(blocks[0]!.text, /^0000 {2}45 00 /);
  assert.ok(!JSON.stringify(tables).includes('"type":"html"'), 'the angle brackets of a cause are text');
});

test('the text says for each case what happened, marks the octet and names what is not covered', async () => {
  const evidence = join(folder, 'text');
  const text = textReport(await play(evidence), { reports: ['r.json (json)'] }).replaceAll(evidence, 'FOLDER');
  assert.match(text, /^fail\s+SS-made-adopt {2}/m);
  assert.match(
    text.replaceAll(/\s+/g, ' '),
    /The reply carries another session id\. Expected session id 77, seen session id 178\. See octet 48 \(mpip\.session_id\) of frame \d+\. \[wrong-session\]/,
  );
  assert.match(text, /Frame \d+ \(received\), octet \d+ \(mpip\.session_id\) of FOLDER\/SS-made-adopt\.pcapng:/);
  assert.match(text, /\[b2\]/);
  assert.match(text, /^warn\s+GEN-made-advice/m);
  assert.match(text, /^ {2}fail MPIP-SS-04 \(MUST, section 3\.7\.1\):/m);
  assert.match(text, /^ {2}warn MPIP-HB-04 \(SHOULD/m);
  assert.match(text, /Requirements: \d+ in all; \d+ tested \(/);
  assert.match(text, /Verdict: error — 4 pass, 1 fail, 1 inconc, 1 error, 1 not-applicable\./);
  assert.match(text, /Report: {3}r\.json \(json\)\nEvidence: FOLDER/);
  assert.ok(!text.includes('\u001b'), 'no colour unless asked for');
});

test('a mark over the end of a line is closed and opened again', async () => {
  const cases = [
    makeCase('GEN-made-mark', async (t: Tester) => {
      const port = await t.node().port();
      t.fail('marked', 'Marked.', { expected: 1, packet: port.send('echo', t.payload(40)), octet: 14, octets: 4 });
    }),
  ];
  const link = new VirtualLink({ createPeer: () => new TinyPeer({ addresses: [PEER], services: { 7000: 'echo' } }) });
  const run = await runSuite({ link, address: PEER, services: new Map([['echo', 7000]]), cases });
  const text = textReport(run);
  assert.match(text, /octets 14-17/);
  assert.match(text, /0000 ( [0-9a-f]{2}){14}\[[0-9a-f]{2} [0-9a-f]{2}\]\n/);
  assert.match(text, /0010 \[[0-9a-f]{2} [0-9a-f]{2}\][0-9a-f]{2} /);
});

test('when every case ends for one reason it is told once', async () => {
  const link = new VirtualLink({
    createPeer: () => new TinyPeer({ addresses: [PEER], services: { 7000: 'silent' } }),
  });
  const services = new Map([['echo', 7000]] as const);
  const told = async (cases: readonly TestCase[]) =>
    textReport(await runSuite({ link, address: PEER, services, cases }));
  const text = await told(MADE_CASES);
  assert.equal(text.split('answers no ordinary').length, 2);
  assert.match(await told(MADE_CASES.slice(0, 1)), /^The case could not be judged/m);
  assert.match(text, /^None of the 4 cases could be judged/m);
  assert.match(text, /^The service echo on UDP port 7000 of 192\.0\.2\.1 answers no ordinary datagram/m);
});

test('evidence: our reader finds the packets, and the comment on the one that decided', async () => {
  const evidence = join(folder, 'evidence');
  const run = await play(evidence);
  const failed = run.cases.find((result) => result.verdict === 'fail')!;
  assert.equal(failed.evidence.link, 'virtual');
  const packets = [];
  for await (const packet of capturePackets(failed.evidence.file!)) packets.push(packet);
  const [frame] = failed.evidence.frames;
  assert.ok(packets.length >= frame!);
  for (const [i, packet] of packets.entries()) {
    assert.equal(packet.linkType, LINKTYPE_RAW);
    assert.deepEqual(
      packet.comments ?? [],
      i + 1 === frame
        ? [
            `SS-made-adopt | MPIP-SS-04 | fail (wrong-session): The reply carries another session id. Expected session id 77, seen session id 178. See octet 48 (mpip.session_id) of frame ${frame}.`,
          ]
        : [],
    );
  }
  const view = new TrailerView();
  assert.ok(view.locate(packets[frame! - 1]!.buffer));
  assert.equal(view.cm.sessionId, 178);
  const octets = Buffer.from(readFileSync(failed.evidence.file!)).toString('latin1');
  assert.match(octets, /case SS-made-adopt: /);
  assert.match(octets, /link virtual: /);
  assert.ok(readFileSync(join(evidence, 'preliminary.pcapng')).length > 0);
});

test('tshark reads the evidence, and the comment stands at the frame that the report names', async (t) => {
  if (spawnSync('tshark', ['--version']).status !== 0) {
    assert.notEqual(process.env.CI, 'true', 'tshark is needed to check the evidence: apt-get install tshark');
    t.skip(
      'tshark is not installed (apt-get install tshark), so nothing but our own reader has read the evidence here',
    );
    return;
  }
  const run = await play(join(folder, 'for-tshark'));
  const { file, frames } = run.cases.find((result) => result.verdict === 'fail')!.evidence;
  const { status, stdout, stderr } = spawnSync('tshark', ['-r', file!, '-T', 'fields', '-e', 'frame.comment'], {
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  assert.match(stdout.split('\n')[frames[0]! - 1]!, /SS-made-adopt \| MPIP-SS-04 \| fail/);
});

test('without a folder no evidence is named', async () => {
  const run = await play();
  assert.equal(run.evidenceFolder, null);
  for (const result of run.cases) assert.equal(result.evidence.file, null);
});
