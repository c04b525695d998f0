import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Ajv } from 'ajv';
import type { RunResult } from '../../src/conformance/index.js';

const MPIP = 'build/src/cli/mpip.js';
const UDP = 'fixtures/pcaps/linux-2017-udp.pcap';

function check(...args: string[]): { code: number | null; out: string; error: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MPIP, 'check', ...args], {
    encoding: 'utf8',
    maxBuffer: 64 << 20,
  });
  return { code: status, out: stdout, error: stderr };
}

test('a capture of a deviating peer: exit code 1, frame and octet named, what is not seen in one sentence', () => {
  const { code, out } = check('--capture', UDP);
  assert.equal(code, 1);
  assert.match(out, /fail +WF-passive-udp-length/);
  assert.match(
    out.replaceAll(/\s+/g, ' '),
    /Expected 54, seen 28\. Frame 14, octet 24 of the IP packet, sent by node 0b:01/,
  );
  assert.match(out, /Not seen in the capture, \d+: /);
  assert.match(out, /fail MPIP-WF-02/);
});

test('the JSON report is as the schema says, with the ids of requirements', () => {
  const { code, out } = check('--capture', UDP, '--report', 'json=-');
  assert.equal(code, 1);
  const report = JSON.parse(out) as RunResult;
  const ajv = new Ajv({ allErrors: true, formats: { ipv4: true } });
  const isReport = ajv.compile(JSON.parse(readFileSync('docs/schema/check-report.schema.json', 'utf8')) as object);
  assert.ok(isReport(report), ajv.errorsText(isReport.errors));
  assert.equal(report.link, 'capture');
  assert.equal(report.requirements.find(({ id }) => id === 'MPIP-WF-02')!.status, 'fail');
  assert.deepEqual(report.cases.find(({ id }) => id === 'WF-passive-udp-length')!.evidence.frames, [14]);
});

test('filters and the address of a node choose what is judged; passing alone is exit code 0', () => {
  assert.equal(check('--capture', UDP, '--requirement', 'MPIP-CK-01').code, 0);
  assert.equal(check('10.1.0.1', '--capture', UDP, '--area', 'WF').code, 0);
  assert.equal(check('10.1.0.2', '--capture', UDP, '--area', 'WF').code, 1);
  assert.equal(check('--capture', UDP, '--area', 'SS').code, 3);
});

test('a capture without MPIP proves nothing: exit code 4, as for one that cannot be read', () => {
  const { code, error } = check('--capture', 'fixtures/pcaps/linux-2015-disabled.pcap');
  assert.equal(code, 4);
  assert.match(error, /no packet carries a control message/);
  assert.equal(check('--capture', UDP, '--capture', '/nowhere/a.pcap').code, 4);
});

test('undeclared capabilities are not applicable', () => {
  const file = 'fixtures/pcaps/linux-2015-tcp-fake.pcap';
  const cases = (...more: string[]) =>
    (JSON.parse(check('--capture', file, '--area', 'HS', '--report', 'json=-', ...more).out) as RunResult).cases;
  assert.ok(cases().some(({ verdict }) => verdict === 'pass'));
  assert.ok(cases('--pics', 'paper-wrapper').every(({ verdict }) => verdict === 'not-applicable'));
});

test('an HTML, JUnit, TAP and Markdown report are made as well', () => {
  for (const [kind, pattern] of [
    ['html', /<title>/],
    ['junit', /<testsuite/],
    ['tap', /^TAP version 14/],
    ['markdown', /WF-passive-udp-length/],
  ] as const) {
    assert.match(check('--capture', UDP, '--report', `${kind}=-`).out, pattern);
  }
});
