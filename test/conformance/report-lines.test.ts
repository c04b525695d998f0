import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import Ajv from 'ajv';
import { parseIpv4 } from '../../src/codec/index.js';
import { runSuite } from '../../src/conformance/engine.js';
import { journalLine } from '../../src/conformance/journal.js';
import { ndjsonReport } from '../../src/conformance/reports/json.js';
import type { RunResult } from '../../src/conformance/result.js';
import { VirtualLink } from '../../src/conformance/virtual-link.js';
import { MADE_CASES } from '../support/made-cases.js';
import { TinyPeer } from '../support/tiny-peer.js';

const PEER = parseIpv4('192.0.2.1');
const folder = mkdtempSync(join(tmpdir(), 'mpip-lines-'));
after(() => rmSync(folder, { recursive: true }));

const schemaOf = (name: string) => JSON.parse(readFileSync(`docs/schema/${name}`, 'utf8')) as object;
const ajv = new Ajv.default({ allErrors: true, allowUnionTypes: true, formats: { ipv4: true } });
ajv.addSchema(schemaOf('check-report.schema.json'), 'check-report.schema.json');
const validate = ajv.compile(schemaOf('check-report-line.schema.json'));

/** A run in which a case fails: the peer answers with a session id of its own. */
function play(): Promise<RunResult> {
  return runSuite({
    link: new VirtualLink({
      createPeer: () => new TinyPeer({ addresses: [PEER], services: { 7000: 'echo' }, ownSession: true }),
    }),
    address: PEER,
    services: new Map([['echo', 7000]]),
    cases: MADE_CASES,
    keepExchanges: true,
    evidence: folder,
  });
}

test('every line of an NDJSON report satisfies the published schema', async () => {
  const run = await play();
  assert.equal(run.counts.fail, 1);
  const lines = ndjsonReport(run).trim().split('\n');
  for (const line of lines) assert.ok(validate(JSON.parse(line)), `${ajv.errorsText(validate.errors)}: ${line}`);
});

test('every line of a journal satisfies it, too', async () => {
  const { cases, requirements, verdict, counts, isInterrupted, durationMs, explanation, knownFailing, ...head } =
    await play();
  const order = cases.map(({ id, area, purpose, requirements: about }) => ({ id, area, purpose, requirements: about }));
  const lines = [journalLine.head({ ...head, order }), ...cases.map((result) => journalLine.case(result))];
  for (const line of lines) assert.ok(validate(JSON.parse(line)), `${ajv.errorsText(validate.errors)}: ${line}`);
});

test('the schema refuses a line without a type, of an unknown type, and one that lacks or changes a part', async () => {
  for (const line of ndjsonReport(await play())
    .trim()
    .split('\n')
    .map((text) => JSON.parse(text) as object)) {
    const { type } = line as { type: string };
    assert.ok(!validate({ ...line, type: undefined }));
    assert.ok(!validate({ ...line, type: 'fine' }));
    const [part, wrong] = {
      run: ['seed', -1],
      case: ['verdict', 'fine'],
      requirement: ['status', 'fine'],
      summary: ['verdict', 'fine'],
    }[type]! as [string, unknown];
    assert.ok(!validate({ ...line, [part]: wrong }), type);
    assert.ok(!validate({ ...line, [part]: undefined }), type);
  }
});
