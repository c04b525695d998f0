import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parseIpv4 } from '../../src/codec/index.js';
import { runSuite } from '../../src/conformance/engine.js';
import { exchangeOf } from '../../src/conformance/exchange.js';
import { htmlReport } from '../../src/conformance/reports/html.js';
import { markdownReport } from '../../src/conformance/reports/markdown.js';
import type { RunResult } from '../../src/conformance/result.js';
import type { Tester } from '../../src/conformance/tester.js';
import { VirtualLink } from '../../src/conformance/virtual-link.js';
import { noBrowser, withPage } from '../support/browser.js';
import { MADE_CASES, makeCase } from '../support/made-cases.js';
import { TinyPeer } from '../support/tiny-peer.js';

const PEER = parseIpv4('192.0.2.1');
const folder = mkdtempSync(join(tmpdir(), 'mpip-html-'));
after(() => rmSync(folder, { recursive: true }));

const CASES = [
  ...MADE_CASES,
  makeCase('GEN-made-inconc', async (t: Tester) => t.inconc('unsure', '<script>alert("x")</script> & so on.')),
  makeCase('GEN-made-long', async (t: Tester) => {
    for (let i = 0; i < 40; i++) (await t.node().port()).send('echo', t.payload());
    t.pass('Forty.');
  }),
];

function play(): Promise<RunResult> {
  return runSuite({
    link: new VirtualLink({
      createPeer: () => new TinyPeer({ addresses: [PEER], services: { 7000: 'echo' }, ownSession: true }),
    }),
    address: PEER,
    services: new Map([['echo', 7000]]),
    cases: CASES,
    keepExchanges: true,
    seed: 5,
  });
}

async function pagePath(run: RunResult): Promise<string> {
  const path = join(folder, `${Math.random()}.html`);
  writeFileSync(path, htmlReport(run));
  return path;
}

test('the answer to --explain stands in the page and in the Markdown report, and means nothing to either', async () => {
  const explanation = {
    seen: ['Ordinary datagrams <b>pass</b>.'],
    reasons: [{ code: 'no-mpip', text: 'The peer *does not* speak MPIP.', frames: [] }],
  };
  const run = await play();
  const html = htmlReport({ ...run, explanation });
  assert.match(
    html,
    /Why is it not multipathing\?<\/h2><ul><li>Ordinary datagrams &lt;b&gt;pass&lt;\/b&gt;\.<\/li><\/ul>/,
  );
  assert.match(html, /<p>The peer \*does not\* speak MPIP\. <code>no-mpip<\/code><\/p>/);
  const markdown = markdownReport({ ...run, explanation });
  assert.match(
    markdown,
    /\n- Ordinary datagrams &lt;b&gt;pass&lt;\/b&gt;\.\n\nThe peer \\\*does not\\\* speak MPIP\. \(`no-mpip`\)\n/,
  );
  assert.doesNotMatch(htmlReport(run) + markdownReport(run), /Why is it not multipathing/);
});

test('the page opens offline, shows each case with its verdict, and filters by verdict and words', {
  skip: noBrowser,
}, async () => {
  const run = await play();
  await withPage(await pagePath(run), async (page, log) => {
    assert.equal(await page.locator('details.case').count(), CASES.length);
    for (const { id, verdict } of run.cases) {
      assert.equal(await page.locator(`#${id}`).getAttribute('data-verdict'), verdict);
    }
    const failed = run.cases.filter(({ verdict }) => verdict === 'fail').map(({ id }) => `#${id}`);
    const links = page.locator('#failures a');
    assert.deepEqual(await links.evaluateAll((list) => list.map((link) => link.getAttribute('href'))), failed);
    const shown = page.locator('details.case:visible');
    await page.getByRole('button', { name: 'fail' }).click();
    assert.deepEqual(await shown.evaluateAll((list) => list.map((item) => item.id)), ['SS-made-adopt']);
    await page.getByRole('button', { name: 'fail' }).click();
    await page.locator('#words').fill('mpip-ss-04 wrong-session');
    assert.deepEqual(await shown.evaluateAll((list) => list.map((item) => item.id)), ['SS-made-adopt']);
    assert.equal(await page.locator('#shown').innerText(), `1 of ${CASES.length} cases`);
    await page.locator('#words').fill('');
    assert.equal(await shown.count(), CASES.length);
    assert.deepEqual(log.errors, []);
    assert.deepEqual(
      log.requests.filter((url) => !url.startsWith('file:')),
      [],
      'nothing is fetched',
    );
  });
});

test('the page fits a phone: nothing makes it scroll sideways', { skip: noBrowser }, async () => {
  await withPage(await pagePath(await play()), async (page) => {
    for (const width of [1280, 375]) {
      await page.setViewportSize({ width, height: 800 });
      const { scrollWidth, clientWidth } = (await page.evaluate(
        '(({ scrollWidth, clientWidth }) => ({ scrollWidth, clientWidth }))(document.documentElement)',
      )) as { scrollWidth: number; clientWidth: number };
      assert.equal(scrollWidth, clientWidth, `at ${width} pixels`);
    }
  });
});

test('a failed case stands open: cause, marked octets, and an arrow for each packet from end to end', {
  skip: noBrowser,
}, async () => {
  const run = await play();
  const failed = run.cases.find(({ id }) => id === 'SS-made-adopt')!;
  await withPage(await pagePath(run), async (page, log) => {
    const item = page.locator('#SS-made-adopt');
    assert.equal(await item.getAttribute('open'), '');
    assert.match(
      await item.innerText(),
      /The reply carries another session id\. Expected session id 77, seen session id 178\./,
    );
    assert.equal(await item.locator('mark').innerText(), 'b2');
    assert.equal(await item.locator('svg .packet').count(), failed.exchange!.length);
    assert.equal(await item.locator('svg .packet.decides').count(), failed.evidence.frames.length);
    // Every arrow begins and ends at a line of life.
    const arrows = await item
      .locator('svg .packet line')
      .evaluateAll((list) => list.map((line) => [Number(line.getAttribute('x1')), Number(line.getAttribute('x2'))]));
    const lives = await item
      .locator('svg line.life')
      .evaluateAll((list) => list.map((line) => Number(line.getAttribute('x1'))));
    for (const [from, to] of arrows) {
      assert.ok(lives.includes(from!));
      assert.ok(lives.some((x) => Math.abs(x - to!) === 7));
    }
    assert.deepEqual(log.errors, []);
  });
});

test('without scripts everything is there to read; nothing that a peer or case says becomes markup', {
  skip: noBrowser,
}, async () => {
  const run = await play();
  await withPage(
    await pagePath(run),
    async (page) => {
      assert.equal(await page.locator('details.case:visible').count(), CASES.length);
      assert.equal(await page.locator('.chips:visible').count(), 0);
      assert.match(await page.locator('#GEN-made-inconc').innerHTML(), /&lt;script&gt;alert/);
      assert.equal(await page.locator('script').count(), 1, 'our own');
      assert.equal(await page.locator('table:not(#coverage) tbody tr').count(), run.requirements.length);
    },
    { javaScript: false, colorScheme: 'dark' },
  );
});

test('of a long case the first packets are shown, those that decided and those before them', async () => {
  const run = await play();
  const long = run.cases.find(({ id }) => id === 'GEN-made-long')!;
  assert.ok(long.exchange!.length <= 24);
  assert.equal(long.exchange![0]!.frame, 1);
  assert.match(htmlReport(run), /… \d+ packets not shown/);
  assert.deepEqual(exchangeOf([], [], 0), []);
  const kept = run.cases.find(({ id }) => id === 'SS-made-adopt')!;
  const frames = kept.exchange!.filter(({ decides }) => decides).map(({ frame }) => frame);
  assert.deepEqual(frames, kept.evidence.frames);
});
