import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { Ajv } from 'ajv';
import { equalClaim, orderClaim, ratioGoal, type Systems, shareClaim } from '../../src/lab/experiment.js';
import { EXPERIMENTS } from '../../src/lab/experiments.js';
import { fairness } from '../../src/lab/experiments-beyond.js';
import { slopeOf } from '../../src/lab/experiments-clock.js';
import { judgedAnew } from '../../src/lab/judge.js';
import { sharesOf, stallIn } from '../../src/lab/measurements.js';
import { type Sample, samplesOf } from '../../src/lab/nodes.js';
import { type ExperimentResult, type LabResults, median, type Run, summarise } from '../../src/lab/results.js';
import { isWhole, merged } from '../../src/lab/run-lab.js';

const run = (value: number, figures: Record<string, number> = {}): Run => ({
  value,
  figures,
  samples: [],
  received: [],
  interval: 0.25,
});
const systems = (medians: Record<string, number>): Systems =>
  Object.fromEntries(Object.entries(medians).map(([id, value]) => [id, summarise(id, 'Mbit/s', [run(value)], [])]));
const sample = (time: number, ...paths: [octets: number, delay: number | null][]): Sample => ({
  time,
  paths: paths.map(([octets, delay], i) => ({
    id: i + 1,
    from: `a${i + 1}`,
    to: 'b1',
    octets,
    delay,
    weight: 500,
    queuing: 0,
  })),
});

describe('what is made of runs', () => {
  test('the median, the spread, and the run nearest to the median', () => {
    assert.equal(median([3, 1, 2]), 2);
    assert.equal(median([4, 1, 2, 3]), 2.5);
    assert.ok(Number.isNaN(median([])));
    const result = summarise('x', 'Mbit/s', [run(10, { r: 1 }), run(30, { r: 5 }), run(12, { r: 2 })], ['broken']);
    assert.deepEqual([result.medianMbps, result.min, result.max, result.figures.r], [12, 10, 30, 2]);
    assert.equal(result.typical?.value, 12);
    assert.deepEqual(result.errors, ['broken']);
    assert.equal(summarise('x', 's', [run(1)], []).medianMbps, undefined, 'seconds are no Mbit/s');
  });

  test('shares count from the end of the settling time', () => {
    const samples = [sample(0, [0, 1], [0, 1]), sample(2, [1000, 1], [0, 1]), sample(4, [1300, 1], [700, 1])];
    assert.deepEqual(sharesOf(samples, 2), { 'share a1 → b1, %': 30, 'share a2 → b1, %': 70 });
    assert.deepEqual(sharesOf([], 0), {});
  });

  test('the longest silence, and when half of the rate is back', () => {
    const rates = [100, 100, 100, 0, 0, 30, 0, 60, 100];
    assert.deepEqual(stallIn(rates, 0.5, 1.5), { stall: 1, recovery: 2 });
    assert.deepEqual(stallIn([100, 100, 100, 100], 0.5, 1), { stall: 0, recovery: 0 });
    assert.deepEqual(stallIn([100, 100, 0, 0], 0.5, 1), { stall: 1, recovery: 1 }, 'never back: as long as was looked');
  });

  test('the paths that are shown are those of the session that sent most in the end', () => {
    const path = (sessionId: number, pathId: number, octetsSent: number) => ({
      sessionId,
      pathId,
      octetsSent,
      tuple: { source: 'a1', destination: 'b1' },
      weight: 1,
      queuing: 0,
      delay: null,
    });
    const control = path(1, 1, 900);
    const seen = [
      { time: 0, status: { paths: [control] } },
      { time: 1, status: { paths: [control, path(2, 5, 300)] } },
      { time: 2, status: { paths: [control, path(2, 5, 600), path(2, 6, 400)] } },
    ];
    const ids = samplesOf(seen).map(({ paths }) => paths.map(({ id }) => id));
    assert.deepEqual(ids, [[], [5], [5, 6]]);
    assert.deepEqual(samplesOf([]), []);
  });

  test('the slope of delays that grow', () => {
    const samples = Array.from({ length: 40 }, (_, i) => sample(i / 4, [0, 1000 + 50 * i], [0, null]));
    assert.ok(Math.abs(slopeOf(samples, 0) - 200) < 1e-6);
    assert.ok(Number.isNaN(slopeOf([], 0)));
  });

  test("Jain's index", () => {
    assert.equal(fairness([5, 5, 5, 5]), 1);
    assert.equal(fairness([8, 0, 0, 0]), 0.25);
  });
});

describe('a run into the folder of an earlier one', () => {
  const played = (name: string, seconds: number, runs = 1, rounds = 1) =>
    ({
      name,
      seconds,
      rounds,
      systems: {
        x: summarise(
          'x',
          's',
          Array.from({ length: runs }, () => run(1)),
          [],
        ),
      },
    }) as unknown as ExperimentResult;

  test('takes the place of the same experiments, and leaves the others where they are', () => {
    const earlier = { experiments: [played('a', 1), played('b', 1), played('c', 1)] } as unknown as LabResults;
    const after = merged(earlier, [played('d', 2), played('b', 2)]);
    assert.deepEqual(
      after.map(({ name, seconds }) => `${name}${seconds}`),
      ['a1', 'b2', 'c1', 'd2'],
    );
    assert.deepEqual(merged(undefined, [played('d', 2)]).length, 1);
  });

  test('is whole when every contender had all of its turns, failed ones too', () => {
    assert.ok(isWhole(played('a', 1, 3, 3)));
    assert.ok(!isWhole(played('a', 1, 2, 3)));
    const failed = { ...played('a', 1), rounds: 2, systems: { x: summarise('x', 's', [run(1)], ['broken']) } };
    assert.ok(isWhole(failed));
  });
});

describe('judgements', () => {
  test('a goal is met by the best system, at the bound itself too', () => {
    const goal = ratioGoal('g', ['mpip', 'mpip-scheduler'], 'mptcp', { atLeast: 0.9 });
    assert.equal(goal.judge(systems({ mpip: 50, 'mpip-scheduler': 90, mptcp: 100 })).verdict, 'met');
    assert.equal(goal.judge(systems({ mpip: 50, 'mpip-scheduler': 89, mptcp: 100 })).verdict, 'missed');
    assert.equal(goal.judge(systems({ mpip: 50 })).verdict, 'not measured');
    const low = ratioGoal('g', ['on'], 'off', { atMost: 0.7 });
    assert.equal(low.judge(systems({ on: 70, off: 100 })).verdict, 'met');
    assert.equal(low.judge(systems({ on: 71, off: 100 })).verdict, 'missed');
    assert.equal(ratioGoal('g', ['x'], 1, { atMost: 1 }).judge(systems({ x: 0.4 })).verdict, 'met');
  });

  test('a statement of the paper is reproduced, not reproduced or reversed', () => {
    const claim = orderClaim('c', 'a', 'b');
    const verdict = (a: number, b: number) => claim(systems({ a, b })).verdict;
    assert.deepEqual(
      [verdict(110, 100), verdict(101, 100), verdict(90, 100)],
      ['reproduced', 'not reproduced', 'reversed'],
    );
    const less = orderClaim('c', 'a', 'b', 0.03, -1);
    assert.equal(less(systems({ a: 80, b: 100 })).verdict, 'reproduced');
    assert.equal(less(systems({ a: 120, b: 100 })).verdict, 'reversed');
    assert.equal(equalClaim('c', 'a', 'b')(systems({ a: 95, b: 100 })).verdict, 'reproduced');
    assert.equal(equalClaim('c', 'a', 'b')(systems({ a: 80, b: 100 })).verdict, 'not reproduced');
    assert.equal(claim({}).verdict, 'not measured');
  });

  test('a statement on shares counts the paths that it is about', () => {
    const figures = { 'share a → x, %': 5, 'share b → x, %': 60, 'share b → y, %': 35, retransmits: 99 };
    const measured = { mpip: summarise('MPIP', 'Mbit/s', [run(1, figures)], []) };
    const firstTwo = shareClaim('c', 'mpip', (_path, rank) => rank < 2, { atLeast: 95 });
    assert.deepEqual(firstTwo(measured), { text: 'c', verdict: 'reproduced', numbers: 'MPIP: 95 %' });
    const fromA = (atMost: number) => shareClaim('c', 'mpip', (path) => path.includes('a →'), { atMost });
    assert.equal(fromA(5)(measured).verdict, 'reproduced');
    assert.equal(fromA(4)(measured).verdict, 'not reproduced');
    assert.equal(firstTwo({}).verdict, 'not measured');
  });

  test('both together are best only when they beat the better of the two', () => {
    const [, together] = EXPERIMENTS.find(({ name }) => name === 'table8-pairwise-limit')!.claims!;
    const verdict = (both: number) => together!(systems({ mptcp: 100, mpip: 120, 'mpip+mptcp': both })).verdict;
    assert.deepEqual([verdict(130), verdict(119), verdict(110)], ['reproduced', 'not reproduced', 'reversed']);
  });

  test('an earlier run is judged by the goals of today, also where nothing was measured', () => {
    const result = (name: string, medians: Record<string, number>) =>
      ({
        name,
        goal: 'of old',
        verdict: 'met',
        judgements: [],
        systems: systems(medians),
      }) as unknown as ExperimentResult;
    const written = {
      experiments: [
        result('table8-nolimit', { mptcp: 100, mpip: 50, 'mpip-scheduler': Number.NaN }),
        result('gone', { mpip: 1 }),
      ],
    };
    const read = JSON.parse(JSON.stringify(written)) as LabResults;
    const [known, unknown] = judgedAnew(read, EXPERIMENTS).experiments;
    assert.equal(known!.verdict, 'missed');
    assert.match(known!.judgements[0]!.numbers, /50.0 to 100.0: 0.500/);
    assert.equal(unknown!.goal, 'of old');
  });
});

describe('the experiments', () => {
  test('names and contenders are unique, and every experiment says what it is', () => {
    const names = EXPERIMENTS.map(({ name }) => name);
    assert.equal(new Set(names).size, names.length);
    for (const { name, contenders, about, source, seconds } of EXPERIMENTS) {
      const ids = contenders('x').map(({ id }) => id);
      assert.equal(new Set(ids).size, ids.length, name);
      assert.ok(about.endsWith('.') && source !== '' && seconds > 0, name);
    }
  });

  test("figures and goals name contenders that take part, and the lab's requirements are all covered", () => {
    for (const { name, contenders, paper = {}, goal, claims = [] } of EXPERIMENTS) {
      const all = contenders('x').map(({ id }) => id);
      for (const id of Object.keys(paper)) assert.ok(all.includes(id), `${name}: ${id}`);
      const figures = Object.fromEntries(
        ['growth of the delays, µs a second', 'transfer beside it, Mbit/s', 'share x, %'].map((figure) => [figure, 1]),
      );
      const measured = Object.fromEntries(all.map((id) => [id, summarise(id, 'Mbit/s', [run(1, figures)], [])]));
      for (const judge of [...(goal === undefined ? [] : [goal.judge]), ...claims])
        assert.notEqual(judge(measured).verdict, 'not measured', name);
    }
    const said = EXPERIMENTS.flatMap(({ claims = [] }) => claims.map((claim) => claim({}).text)).join(' ');
    for (const number of ['01', '02', '03', '04', '05', '06', '07', '08'])
      assert.ok(said.includes(`EV-${number}`), number);
  });

  test('the page on the lab names every experiment', () => {
    const page = readFileSync('docs/lab.md', 'utf8');
    for (const { name } of EXPERIMENTS) assert.ok(page.includes(name), name);
  });
});

test('the committed run has every experiment, whole, as the schema says, judged by the goals of today', () => {
  const read = (path: string) => JSON.parse(readFileSync(path, 'utf8'));
  const results = read('docs/evaluation/results.json') as LabResults;
  const isResults = new Ajv({ allErrors: true, formats: { 'date-time': true } }).compile(
    read('docs/schema/lab-results.schema.json'),
  );
  assert.ok(isResults(results), JSON.stringify(isResults.errors));
  assert.ok(results.isComplete);
  assert.deepEqual(
    results.experiments.map(({ name }) => name),
    EXPERIMENTS.map(({ name }) => name),
  );
  const judgements = (run: LabResults) => run.experiments.map((experiment) => experiment.judgements);
  assert.deepEqual(
    judgements(results),
    judgements(judgedAnew(results, EXPERIMENTS)),
    'run: mpip lab report docs/evaluation',
  );
});
