import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';

interface Fate {
  status: string;
  by?: string;
}
interface Mutant extends Fate {
  id: number;
  file: string;
  place: string;
  mutator: string;
  original: string;
  replacement: string;
  own?: Fate;
}
interface Results {
  source: string;
  tests: number;
  ownTests?: number;
  files: Record<string, Record<string, number>>;
  left: Mutant[];
}

const lib = async (name: string) => import(pathToFileURL(resolve(`scripts/lib/mutation-${name}.mjs`)).href);
const { resultsOf, jsonOf, withCases, withOwn } = await lib('results');
const { pageOf } = await lib('page');
const { registryOf, verdictOf, REGISTRY } = await lib('registry');
const { Player, Trial } = await lib('trial');
const { bundle, instrument, ownTestFiles } = await lib('build');

// Below the root, where a bundle finds the packages.
mkdirSync('build-mutation', { recursive: true });
const folder = mkdtempSync('build-mutation/test-');
after(() => rmSync(folder, { recursive: true }));

function mutant(id: number, status: string, original = `a${id}`): Mutant {
  return { id, status, file: 'mesh.ts', place: 'PathMesh.add', mutator: 'Some', original, replacement: 'b' };
}

const CASES = { source: 'x', tests: 2, isAgain: false };
const own = ({ left }: Results) => left.map(({ id, own }) => [id, own?.by ?? own?.status]);

test('docs/mutation.json comes out as it was read', () => {
  const json = readFileSync('docs/mutation.json', 'utf8');
  assert.equal(jsonOf(resultsOf(json)), json);
});

test('what own tests find stands beside the mutants that no case finds, by the file of the test', () => {
  const mutants = [mutant(1, 'killed'), mutant(2, 'survived'), mutant(3, 'uncovered'), mutant(4, 'inconclusive')];
  const cases = withCases(undefined, mutants, CASES) as Results;
  assert.deepEqual(own(cases), [
    [2, undefined],
    [3, undefined],
    [4, undefined],
  ]);
  const found = [
    { ...mutant(2, 'killed'), by: 'network/nat.test.ts > a NAT > does it' },
    { ...mutant(3, 'timeout'), by: 'session.test.ts > ends' },
    mutant(4, 'survived'),
  ];
  const both = resultsOf(jsonOf(withOwn(cases, found, 9))) as Results;
  assert.deepEqual(own(both), [
    [2, 'network/nat'],
    [3, 'session'],
    [4, 'survived'],
  ]);
  assert.equal(both.ownTests, 9);
  assert.deepEqual(both.files, {
    'mesh.ts': { killed: 1, timeout: 0, inconclusive: 1, survived: 1, uncovered: 1 },
  });
});

test('what own tests found of a mutant stays known while it reads the same, and like no other', () => {
  const before = {
    ...withCases(undefined, [mutant(1, 'survived'), mutant(2, 'survived', 'c'), mutant(3, 'survived', 'd')], CASES),
    left: [1, 2, 3].map((id) => ({ ...mutant(id, 'survived', ' acd'[id]), own: { status: 'killed', by: `t${id}` } })),
  };
  const again = [
    mutant(7, 'survived', 'a'),
    mutant(8, 'survived', 'c'),
    mutant(9, 'uncovered', 'c'),
    mutant(1, 'survived', 'e'),
  ];
  assert.deepEqual(own(withCases(before, again, { ...CASES, source: 'y' })), [
    [7, 't1'],
    [8, undefined],
    [9, undefined],
    [1, undefined],
  ]);
  assert.deepEqual(own(withCases(before, again, CASES)), [
    [7, undefined],
    [8, undefined],
    [9, undefined],
    [1, 't1'],
  ]);
});

test('a run over what was left keeps the counts of what was found', () => {
  const before = withCases(undefined, [mutant(1, 'killed'), mutant(2, 'timeout'), mutant(3, 'survived')], CASES);
  const { files, left } = withCases(before, [mutant(3, 'killed')], { ...CASES, isAgain: true }) as Results;
  assert.deepEqual(files, { 'mesh.ts': { killed: 2, timeout: 1, inconclusive: 0, survived: 0, uncovered: 0 } });
  assert.deepEqual(left, []);
});

test('the page counts for each rule what own tests find, and names the files that find most', () => {
  const results = resultsOf(readFileSync('docs/mutation.json', 'utf8')) as Results;
  const total = results.left.length;
  const rows = (page: string) =>
    page.split('\n').filter((line) => line.includes('ICMP errors about packets with a CM'));
  const fits = ({ file, original }: Mutant) => file === 'icmp-errors.ts' && !original.includes('ounters.');
  const icmp = results.left.filter(fits).length;
  for (const one of results.left) delete one.own;
  delete results.ownTests;
  assert.match(rows(pageOf(results))[0]!, new RegExp(`^\\| ${icmp} \\| – \\| .* \\|  \\|$`));
  for (const [i, one] of results.left.entries()) one.own = { status: 'killed', by: i % 3 === 0 ? 'session' : 'icmp' };
  results.left.find(fits)!.own = { status: 'survived' };
  const page = pageOf({ ...results, ownTests: 5 }) as string;
  assert.match(
    rows(page)[0]!,
    new RegExp(`^\\| ${icmp} \\| ${icmp - 1} \\| .* \\| \`icmp\` \\d+, \`session\` \\d+ \\|$`),
  );
  const all = Object.values(results.files).reduce((sum, { killed, timeout }) => sum + killed! + timeout!, total);
  assert.match(page, new RegExp(`${((100 * (all - 1)) / all).toFixed(1)} % of ${all} by them and 5 own tests\\*`));
  delete results.left.findLast(fits)!.own;
  const partly = pageOf({ ...results, ownTests: 5 }) as string;
  assert.match(rows(partly)[0]!, new RegExp(`^\\| ${icmp} \\| ${icmp - 2} of ${icmp - 1} \\|`));
  assert.match(partly, new RegExp(`% of ${all - 1} by them and 5 own tests \\(1 are not tried`));
});

test('tests are kept by file, suite and name, and pass unless they throw', async () => {
  const { test: keep, describe } = registryOf('some.test.ts');
  describe('outer', () => describe('inner', () => keep('throws', () => assert.equal(1, 2))));
  keep('passes', () => {});
  assert.throws(() => keep('passes', () => {}), /two tests with the name passes/);
  assert.deepEqual([...REGISTRY.keys()], ['some.test.ts > outer > inner > throws', 'some.test.ts > passes']);
  assert.equal(await verdictOf('some.test.ts > outer > inner > throws'), 'fail');
  assert.equal(await verdictOf('some.test.ts > passes'), 'pass');
});

/** What a player loads: tests of a program of which `is(N)` is mutant N. */
const PROGRAM = `
import { mutation } from ${JSON.stringify(pathToFileURL(resolve('scripts/lib/mutation-switch.mjs')).href)};
export { mutation };
const is = (id) => { mutation.reached[id]++; return mutation.active === id && mutation.hit(); };
const atStart = is(1) ? 3 : 2;
let spoilt = false;
const PLAY = {
  start: () => atStart === 2,
  two: () => !is(2) & !is(3),
  spoil: () => { if (is(4)) spoilt = true; return true; },
  spoilt: () => { is(5); return !spoilt && !is(6); },
  endless: () => { while (is(7)); return true; },
};
export const TESTS = Object.keys(PLAY).map((name) => 'a.test.ts > ' + name);
export const verdictOf = async (id) => PLAY[id.slice(12)]() ? 'pass' : 'fail';
`;

test('a mutant is found by a test that fails with it and not without, or that never ends', async () => {
  const path = resolve(folder, 'program.mjs');
  writeFileSync(path, PROGRAM);
  const player = await new Player(path).begin();
  const { atStart, tests } = await player.baseline();
  await player.end();
  assert.deepEqual(atStart, [1]);
  assert.equal(tests.length, 5);
  for (const one of tests) one.ms = 1;
  const found = async (ids: number[]) =>
    ((await new Trial(path, { tests, atStart }).run(ids.map((id) => mutant(id, '')))) as Mutant[]).map(
      ({ id, status, by }) => [id, status, by?.slice('a.test.ts > '.length)],
    );
  assert.deepEqual(await found([1, 2, 3, 7, 9]), [
    [1, 'killed', 'start'],
    [2, 'killed', 'two'],
    [3, 'killed', 'two'],
    [7, 'timeout', 'endless'],
    [9, 'uncovered', undefined],
  ]);
  // What the fourth one leaves behind makes neither the fifth found, which does nothing, nor the sixth doubtful.
  assert.deepEqual(await found([4, 5, 4, 6]), [
    [4, 'survived', undefined],
    [5, 'survived', undefined],
    [4, 'survived', undefined],
    [6, 'killed', 'spoilt'],
  ]);
});

test('of the tests that reach a mutant the cheapest are played, up to a time, and three', async () => {
  const path = resolve(folder, 'cheapest.mjs');
  writeFileSync(path, PROGRAM);
  // One of them finds it, the dearest or the third.
  const fate = async (names: string[], mostMs: number) => {
    const tests = names.map((name, i) => {
      return { id: `a.test.ts > ${name}`, ms: 10 * (i + 1), reached: new Map([[3, 1]]) };
    });
    const [{ status }] = await new Trial(path, { tests: tests.toReversed(), atStart: [], mostMs }).run([mutant(3, '')]);
    return status;
  };
  const late = ['start', 'spoil', 'spoilt', 'endless', 'two'];
  assert.equal(await fate(late, 149), 'survived');
  assert.equal(await fate(late, 150), 'killed');
  assert.equal(await fate(['start', 'spoil', 'two', 'endless'], 10), 'killed');
});

test('the own tests are bundled with the mutants of the endpoint, and find some', async () => {
  const own = ownTestFiles(['slowest-delay']) as string[];
  assert.deepEqual(own, ['slowest-delay.test.ts']);
  const { mutants, contents } = await instrument(['src/endpoint/slowest-delay.ts', 'src/endpoint/leaving.ts']);
  const [trying, covering] = [resolve(folder, 'trying.mjs'), resolve(folder, 'covering.mjs')];
  await bundle(contents, { player: 'own', own, covering: false, outfile: trying });
  await bundle(contents, { player: 'own', own, covering: true, outfile: covering });
  const player = await new Player(covering).begin();
  const { atStart, tests, failing } = await player.baseline();
  await player.end();
  const names = [...readFileSync('test/endpoint/slowest-delay.test.ts', 'utf8').matchAll(/^test\('/gm)];
  assert.deepEqual([tests.length, failing], [names.length, []]);
  const results = (await new Trial(trying, { tests, atStart }).run(mutants)) as Mutant[];
  const fates = (file: string) => results.filter((one) => one.file === file).map(({ status }) => status);
  assert.ok(fates('slowest-delay.ts').filter((status) => status === 'killed').length > 10);
  assert.deepEqual(new Set(fates('leaving.ts')), new Set(['uncovered']));
});
