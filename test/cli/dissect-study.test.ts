import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Ajv } from 'ajv';
import { noBrowser, withPage } from '../support/browser.js';

const MPIP = 'build/src/cli/mpip.js';
const MOVED = 'fixtures/pcaps/linux-2015-link-down-up.pcap';
const folder = mkdtempSync(join(tmpdir(), 'mpip-study-'));
after(() => rmSync(folder, { recursive: true }));

function dissect(...args: string[]): { code: number | null; out: string; error: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MPIP, 'dissect', ...args], {
    encoding: 'utf8',
    maxBuffer: 64 << 20,
  });
  return { code: status, out: stdout, error: stderr };
}

test('--findings: severity, requirement and first frame, the worst first; exit code 1', () => {
  const { code, out } = dissect('--findings', MOVED);
  assert.equal(code, 1);
  assert.match(out, /^error {2}MPIP-WF-02 {3}frame 5, the first of 2: .* \[wrong-udp-length\]$/m);
  assert.match(out, /^error {2}MPIP-AD-03 {3}frame 73/m);
  assert.match(out, /^note .*\[path-zero\]$/m);
  assert.ok(out.indexOf('error') < out.indexOf('warn') && out.indexOf('warn') < out.indexOf('note'));
});

test('--findings: nothing is exit code 0; JSON and lines are as the schema says', () => {
  const nothing = dissect('--findings', 'fixtures/pcaps/linux-2015-disabled.pcap');
  assert.deepEqual([nothing.code, nothing.out.startsWith('Nothing found in')], [0, true]);
  const ajv = new Ajv({ allErrors: true });
  const schema = JSON.parse(readFileSync('docs/schema/dissect-findings.schema.json', 'utf8')) as { $id: string };
  const isDocument = ajv.compile(schema);
  const isFinding = ajv.compile({ $ref: `${schema.$id}#/definitions/finding` });
  assert.ok(
    isDocument(JSON.parse(dissect('--findings', '--format', 'json', MOVED).out)),
    ajv.errorsText(isDocument.errors),
  );
  const lines = dissect('--findings', '--format', 'ndjson', MOVED).out.trimEnd().split('\n');
  assert.ok(lines.length >= 6);
  for (const line of lines) assert.ok(isFinding(JSON.parse(line)), `${line}: ${ajv.errorsText(isFinding.errors)}`);
});

test('what cannot be combined is refused in a sentence', () => {
  for (const args of [
    ['--findings', '--summary'],
    ['--html', 'x.html', '--conversations'],
    ['--html', 'x.html', '--format', 'json'],
    ['--findings', '--format', 'csv'],
    ['--findings', '-Y', 'mpip'],
  ]) {
    const { code, error } = dissect(...args, MOVED);
    assert.equal(code, 2, args.join(' '));
    assert.match(error, /^mpip: .*\.\n$/);
  }
  assert.equal(dissect('--html', '/nowhere/x.html', MOVED).code, 4);
});

test('--html: one page, no requests, plots and diagrams drawn, readable without scripts', {
  skip: noBrowser,
}, async () => {
  const path = join(folder, 'page.html');
  assert.equal(dissect('--html', path, 'fixtures/pcaps/linux-2015-tcp-wrapper.pcap').code, 0);
  await withPage(path, async (page, log) => {
    assert.equal(await page.locator('h1').textContent(), 'What happened in this capture');
    await page.locator('figure.plot').first().scrollIntoViewIfNeeded();
    await page.locator('figure.plot .u-wrap canvas').first().waitFor();
    assert.ok((await page.locator('figure.plot').count()) >= 8);
    assert.ok((await page.locator('svg.sequence g.packet').count()) > 10);
    assert.ok((await page.locator('#findings tbody tr').count()) >= 3);
    assert.deepEqual(log.errors, []);
    assert.deepEqual(
      log.requests.filter((url) => !url.startsWith('file:')),
      [],
    );
    for (const width of [1280, 400]) {
      await page.setViewportSize({ width, height: 800 });
      // Plots are drawn anew a moment later.
      await page
        .waitForFunction('document.documentElement.scrollWidth <= document.documentElement.clientWidth', undefined, {
          timeout: 5000,
        })
        .catch(() => assert.fail(`the page scrolls sideways at ${width} pixels`));
    }
  });
  await withPage(
    path,
    async (page) => {
      assert.match((await page.locator('body').textContent())!, /Session 1: TCP, id 2/);
      assert.match((await page.locator('#findings').textContent())!, /MPIP-TX-02/);
    },
    { javaScript: false, colorScheme: 'dark' },
  );
});

test('--html of a capture without MPIP says so', () => {
  const { out } = dissect('--html', '-', 'fixtures/pcaps/linux-2015-disabled.pcap');
  assert.match(out, /No packet carries a control message/);
});

test('--html: of many paths the most used are drawn, up to the end of the session, and the page says so', () => {
  const { out } = dissect('--html', '-', MOVED);
  assert.match(out, /Drawn are the 8 of 21 paths with the most packets\./);
  const [plot] = [...out.matchAll(/<script type="application\/json">(.*?)<\/script>/g)].map(
    ([, json]) => JSON.parse(json!) as { times: number[]; lines: { label: string; values: number[] }[] },
  );
  assert.equal(plot!.lines.length, 8);
  assert.ok(plot!.lines.some(({ label }) => label.startsWith('16: ')));
  assert.ok(plot!.times.at(-1)! > 9, `the last point is at ${plot!.times.at(-1)} s`);
});
