import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Ajv } from 'ajv';
import { XMLParser } from 'fast-xml-parser';

const folder = mkdtempSync(join(tmpdir(), 'mpip-fuzz-cli-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const MPIP = 'build/src/cli/mpip.js';

function mpip(...args: string[]) {
  return spawnSync(process.execPath, [MPIP, 'fuzz', ...args], { encoding: 'utf8', timeout: 120_000 });
}

function schema(name: string) {
  return new Ajv({ strict: false }).compile(
    JSON.parse(readFileSync(`docs/schema/${name}.schema.json`, 'utf8')) as object,
  );
}

/** A peer that ends when it gets a compact CM with the session id 255, as a command line. */
const FRAGILE = `${process.execPath} build/test/fuzz/fragile-peer.js`;

test('--self passes, with a summary and every kind of report', () => {
  const out = join(folder, 'self');
  const kinds = ['json', 'junit', 'markdown', 'sarif', 'text'];
  const reports = kinds.flatMap((kind) => ['--report', `${kind}=${join(folder, `self.${kind}`)}`]);
  const { status, stdout, stderr } = mpip('--self', '--runs', '40', '--seed', '7', '--out', out, ...reports);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /Fuzzed the reference: 40 exchanges, .*seed 7/);
  assert.match(stdout, /Verdict: pass\./);
  const summary = JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8')) as { runs: number };
  assert.equal(summary.runs, 40);
  const isValid = schema('fuzz-summary');
  assert.ok(isValid(summary), JSON.stringify(isValid.errors));
  const xml = new XMLParser({ ignoreAttributes: false }).parse(readFileSync(join(folder, 'self.junit'), 'utf8')) as {
    testsuites: Record<string, unknown>;
  };
  assert.equal(xml.testsuites['@_failures'], '0');
  assert.match(readFileSync(join(folder, 'self.markdown'), 'utf8'), /\| new > to-enable > asked \| \d+ \|/);
});

test('words that cannot be meant end with 2, and nothing is sent', () => {
  for (const [args, words] of [
    [[], /Give the peer/],
    [['8.8.8.8'], /--allow-target 8\.8\.8\.8/],
    [['--self', '127.0.0.1'], /not both/],
    [['--self', '--pid', '1'], /--pid belongs to a live PEER/],
    [['--self', '--source', '127.0.0.1'], /--source belongs to a live PEER/],
    [['--self', '--raw'], /--raw belongs to a live PEER/],
    [['127.0.0.1', '--udp-wrapper'], /give it with --self/],
    [['127.0.0.1', '--tcp-port', '7'], /--tcp-port needs --raw/],
    [['127.0.0.1', '--shard', '3/2'], /--shard must be I\/N/],
    [['127.0.0.1', '--service', 'discard'], /needs an echo service/],
    [['--self', '--report', 'pdf=x'], /choose text, json, junit, markdown, sarif/],
    [['127.0.0.1', '--exec', 'x', '--pid', '2'], /leave --pid and --restart out/],
    [['--self', '--runs', '0'], /--runs must be/],
    [['merge'], /Name the folders/],
  ] as const) {
    const { status, stderr } = mpip(...args);
    assert.equal(status, 2, stderr);
    assert.match(stderr, words);
  }
});

test('a silent peer ends with 3, a missing corpus or command with 4', () => {
  const silent = mpip('127.0.0.91', '--udp-port', '7991', '--out', join(folder, 'silent'));
  assert.equal(silent.status, 3);
  assert.match(silent.stderr, /does not return an ordinary datagram/);
  assert.equal(mpip('--self', '--corpus', join(folder, 'nothing')).status, 4);
  const gone = mpip('127.0.0.91', '--udp-port', '7991', '--exec', 'false', '--out', join(folder, 'gone'));
  assert.equal(gone.status, 4, gone.stderr);
  assert.match(gone.stderr, /ended when it was started/);
});

test('a live peer that ends is started again, its finding made small, replayed and merged', () => {
  const out = join(folder, 'live');
  const exec = ['--udp-port', '7992', '--exec', FRAGILE];
  const found = mpip('127.0.0.92', ...exec, '--time', '40', '--runs', '13', '--seed', '3', '--out', out);
  assert.equal(found.status, 1, found.stderr);
  assert.match(found.stdout, /CRITICAL .*The peer ended \(exit 9\)/);
  const summary = JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8')) as {
    findings: { folder: string; oracle: string }[];
  };
  const where = summary.findings.find(({ oracle }) => oracle === 'process-died')!.folder;
  const finding = JSON.parse(readFileSync(join(where, 'finding.json'), 'utf8')) as { play: { steps: unknown[] } };
  const isValid = schema('fuzz-finding');
  assert.ok(isValid(finding), JSON.stringify(isValid.errors));
  assert.ok(finding.play.steps.length <= 4, `${finding.play.steps.length} steps`);
  assert.match(readFileSync(join(where, 'peer-output.txt'), 'utf8'), /session 255/);

  const again = mpip('--replay', where, '127.0.0.92', ...exec);
  assert.equal(again.status, 1, again.stderr);
  assert.match(again.stdout, /Reproduced \(5 of 5\)/);
  const self = mpip('--self', '--replay', where);
  assert.equal(self.status, 0, self.stdout);
  assert.match(self.stdout, /Not reproduced \(0 of 5\)/);
  assert.equal(mpip('--replay', where, '127.0.0.91', '--udp-port', '7991').status, 3);
  // What was found on the reference with the wrapper is not played against the one without.
  const wrapped = join(folder, 'wrapped.json');
  const target = { kind: 'virtual', name: 'the reference with the UDP wrapper', address: '192.0.2.1', udpPort: 7000 };
  writeFileSync(wrapped, JSON.stringify({ ...finding, target }));
  assert.match(mpip('--replay', wrapped).stdout, /against the reference with the UDP wrapper:/);

  const merged = join(folder, 'merged');
  const both = mpip(
    'merge',
    out,
    join(folder, 'self'),
    '--out',
    merged,
    '--report',
    `sarif=${join(folder, 'merged.sarif')}`,
  );
  assert.equal(both.status, 1, both.stderr);
  assert.ok(existsSync(join(merged, 'findings')));
  const log = JSON.parse(readFileSync(join(folder, 'merged.sarif'), 'utf8')) as {
    version: string;
    runs: {
      results: { ruleId: string; ruleIndex: number; level: string }[];
      tool: { driver: { rules: { id: string }[] } };
    }[];
  };
  assert.equal(log.version, '2.1.0');
  const [run] = log.runs;
  for (const { ruleId, ruleIndex } of run!.results) assert.equal(run!.tool.driver.rules[ruleIndex]!.id, ruleId);
  assert.ok(run!.results.some(({ ruleId, level }) => ruleId === 'process-died' && level === 'error'));
});

test('SIGINT ends a run in order, with the summary written', async () => {
  const out = join(folder, 'interrupted');
  const child = spawn(process.execPath, [MPIP, 'fuzz', '--self', '--runs', '1000000', '--out', out], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  await new Promise<void>((resolve) => {
    child.stderr.on('data', (text: Buffer) => text.includes('seed') && setTimeout(resolve, 300));
  });
  child.kill('SIGINT');
  const code = await new Promise((resolve) => child.on('close', resolve));
  assert.equal(code, 0);
  assert.ok((JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8')) as { runs: number }).runs > 0);
});
