import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Player } from '../../src/fuzz/attempt.js';
import { Campaign, type CampaignOptions } from '../../src/fuzz/campaign.js';
import { readCorpus } from '../../src/fuzz/corpus.js';
import { Coverage } from '../../src/fuzz/coverage.js';
import { corpusOf, readFinding } from '../../src/fuzz/finding.js';
import { Generator, mixSeed } from '../../src/fuzz/generator.js';
import { mutatorNames } from '../../src/fuzz/mutators.js';
import { groupOf } from '../../src/fuzz/oracle.js';
import type { Step } from '../../src/fuzz/step.js';
import { mergedSummary } from '../../src/fuzz/summary.js';
import { capturePackets } from '../../src/io/capture-reader.js';
import { SEED } from '../support/runs.js';
import { defectiveTarget, loadDefect } from './defect.js';

const folder = mkdtempSync(join(tmpdir(), 'mpip-fuzz-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const SETTINGS = {
  mutators: mutatorNames('virtual'),
  sendsTcp: true,
  corpusSize: 0,
  mayImpersonate: true,
  longestPause: 121_000_000,
};

function options(extra: Partial<CampaignOptions> = {}): CampaignOptions {
  return {
    target: defectiveTarget(),
    seed: SEED,
    runs: 40,
    time: 120_000,
    shard: { index: 1, of: 1 },
    corpus: [],
    regressions: [],
    folder: undefined,
    longestPause: 121_000_000,
    ...extra,
  };
}

/** Every packet that a run of exchanges sends, as hexadecimal. */
async function packetsOf(seed: number): Promise<string[]> {
  const target = defectiveTarget();
  const player = new Player(target, []);
  const generator = new Generator(SETTINGS);
  const coverage = new Coverage();
  const sent: string[] = [];
  for (let run = 0; run < 30; run++) {
    const steps = generator.exchange(mixSeed(seed, run));
    const play = { steps: steps.map(({ value_ }) => value_), seed: mixSeed(seed, run), repeat: 1 };
    const { exchange } = await player.play(play, coverage);
    for (const { packet, isSent } of exchange.log) if (isSent) sent.push(Buffer.from(packet).toString('hex'));
    if (coverage.isNew) generator.keep(steps);
  }
  return sent;
}

test('the same seed against the same target gives the same packets, octet for octet', async () => {
  const first = await packetsOf(SEED);
  assert.ok(first.length > 500);
  assert.deepEqual(await packetsOf(SEED), first);
  assert.notDeepEqual(await packetsOf(SEED + 1), first);
});

test('the reference withstands; edges, mutators and requirements are counted', async () => {
  const summary = await new Campaign(options({ runs: 120 })).run();
  assert.deepEqual(
    summary.findings.map(({ title, group, reproduced: { n, of } }) => `${group}, ${n} of ${of}: ${title}`),
    [],
  );
  assert.equal(summary.verdict, 'pass');
  assert.equal(summary.runs, 120);
  const { edges, edgesNeverReached, mutatorsNeverUsed, requirements, flagsReceived } = summary.coverage;
  assert.ok(Object.keys(edges).length > 30, `${edgesNeverReached}`);
  assert.deepEqual(mutatorsNeverUsed, []);
  assert.ok(requirements['MPIP-AV-06']! > 100 && requirements['MPIP-SS-03']! > 100);
  for (const flag of ['enable', 'enabled', 'normal', 'heartbeat']) assert.ok(flagsReceived[flag]! > 0, flag);
});

test('a finding is small, can be played again from its folder alone, and its capture opens', async () => {
  const defect = await loadDefect('crash-on-session-255');
  const campaign = new Campaign(options({ target: defectiveTarget(defect), runs: 500, folder, mostFindings: 1 }));
  const summary = await campaign.run();
  assert.equal(summary.verdict, 'fail');
  const [found] = summary.findings;
  assert.equal(found!.oracle, 'process-died');
  const finding = readFinding(found!.folder!);
  assert.deepEqual(finding.reproduced, { n: 5, of: 5 });
  assert.equal(finding.play.steps.length, 1, JSON.stringify(finding.play.steps));
  assert.ok(finding.minimised.from > 1);
  for (const name of ['finding.json', 'repro.pcapng', 'replay.sh']) assert.ok(existsSync(join(found!.folder!, name)));
  const comments: string[] = [];
  let packets = 0;
  for await (const packet of capturePackets(join(found!.folder!, 'repro.pcapng'))) {
    packets++;
    comments.push(...(packet.comments ?? []));
  }
  assert.ok(packets >= finding.packets);
  assert.ok(
    comments.some((comment) => comment.startsWith('step 1: ')),
    comments.join('\n'),
  );

  const again = await new Player(defectiveTarget(defect), corpusOf(finding)).again(finding.play);
  assert.ok(again.violations.some((violation) => groupOf(violation) === finding.group));
  const sound = await new Player(defectiveTarget(), corpusOf(finding)).again(finding.play);
  assert.deepEqual(sound.violations, []);
  // As a regression it is the first thing that is played.
  const later = new Campaign(
    options({ target: defectiveTarget(defect), runs: 1, regressions: [finding], mostFindings: 1 }),
  );
  assert.match((await later.run()).findings[0]!.group, /process-died/);
  assert.match(readFileSync(join(found!.folder!, 'replay.sh'), 'utf8'), /fuzz --replay/);
});

test('counterexamples of earlier runs stay repaired', async () => {
  const names = readdirSync('test/fuzz/regressions').filter((name) => name.endsWith('.json'));
  assert.ok(names.length > 0);
  for (const name of names) {
    const finding = readFinding(join('test/fuzz/regressions', name));
    const { violations } = await new Player(defectiveTarget(), corpusOf(finding)).again(finding.play);
    assert.deepEqual(violations, [], name);
  }
});

test('shards play disjoint exchanges, and merged they are what one run is', async () => {
  const seeds = (shard: number) => {
    const played: number[] = [];
    const target = defectiveTarget();
    const begin = target.begin.bind(target);
    target.begin = (seed) => {
      played.push(seed);
      return begin(seed);
    };
    return { target, played, shard: { index: shard, of: 3 } };
  };
  const parts = [1, 2, 3].map(seeds);
  const summaries = [];
  for (const { target, shard } of parts) summaries.push(await new Campaign(options({ target, shard, runs: 12 })).run());
  const all = parts.flatMap(({ played }) => played);
  assert.equal(new Set(all).size, 12);
  assert.deepEqual(new Set(all), new Set(Array.from({ length: 12 }, (_, run) => mixSeed(SEED, run))));
  const merged = mergedSummary(summaries);
  assert.equal(merged.runs, 12);
  assert.equal(
    merged.messages,
    summaries.reduce((sum, { messages }) => sum + messages, 0),
  );
  assert.equal(merged.verdict, 'pass');
});

test('merging keeps of one group the finding that shows most surely', () => {
  const base = {
    tool: 'mpip',
    version: '',
    seed: 1,
    shard: '1/2',
    target: '',
    runs: 1,
    messages: 1,
    seconds: 1,
  } as const;
  const coverage = new Coverage().report();
  const finding = {
    id: 'a',
    oracle: 'process-died',
    severity: 'critical',
    group: 'process-died/x',
    title: '',
    requirements: [],
    folder: null,
    count: 2,
    packets: 9,
    reproduced: { n: 1, of: 5 },
    firstSeen: { messages: 1, seconds: 1 },
  } as const;
  const better = { ...finding, packets: 12, reproduced: { n: 5, of: 5 } };
  const summary = { ...base, verdict: 'fail' as const, coverage };
  const merged = mergedSummary([
    { ...summary, findings: [finding] },
    { ...summary, findings: [better] },
  ]);
  assert.deepEqual(merged.findings, [{ ...better, count: 4 }]);
});

test('a corpus of recordings and vectors is read, and its packets are sent as a fuzzed node', async () => {
  const recordings = await readCorpus('fixtures/pcaps');
  assert.ok(recordings.length > 500);
  const vectors = await readCorpus('fixtures/vectors');
  assert.ok(vectors.some(({ name }) => name.startsWith('datagrams.json:')));
  const step: Step = {
    kind: 'corpus',
    index: 5,
    actor: 0,
    connection: 0,
    address: 0,
    adopted: true,
    mutations: [],
  };
  const { exchange, violations } = await new Player(defectiveTarget(), recordings).again({
    steps: [step],
    seed: 1,
    repeat: 1,
  });
  assert.deepEqual(violations, []);
  assert.ok(exchange.log.some(({ isSent, step: at }) => isSent && at === 0));
  const summary = await new Campaign(options({ corpus: [...recordings, ...vectors], runs: 60 })).run();
  assert.deepEqual(summary.findings, []);
  assert.ok(summary.coverage.steps.corpus! > 20);
});

test('an interruption ends the run; what was found until then is in the summary', async () => {
  const interrupt = new AbortController();
  const campaign = new Campaign(
    options({ runs: 100_000, signal: interrupt.signal, onProgress: ({ runs }) => runs >= 5 && interrupt.abort() }),
  );
  const summary = await campaign.run();
  assert.ok(summary.runs >= 5 && summary.runs < 100);
});

test('what a peer printed last is told on one line, without orders to a terminal', async () => {
  const target = defectiveTarget({
    name: 'prints',
    defect: 'It ends with colours.',
    kind: 'crash',
    apply(host) {
      host.poll = () => {
        throw new Error('\u001b]0;title\u0007\u001b[31mno\r\nway\u009b2J');
      };
    },
  });
  const summary = await new Campaign(options({ target, runs: 1 })).run();
  assert.match(summary.findings[0]!.title, /^The peer ended \(Error\): {2}]0;title \[31mno way 2J/);
});
