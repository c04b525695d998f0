import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { newCounters } from '../../../src/endpoint/counters.js';
import { Endpoint } from '../../../src/endpoint/index.js';
import { DEFAULT_LIMITS } from '../../../src/endpoint/limits.js';

const FOLDER = 'test/endpoint/security';
const page = readFileSync('docs/security.md', 'utf8');
/** Cells of the page's table of holes, by number. */
const holes = new Map(
  [...page.matchAll(/^\| R(\d+) \|(.*)\|$/gm)].map(([, number, rest]) => [
    Number(number),
    rest!.split('|').map((cell) => cell.trim()),
  ]),
);

test('the security page has a row for each of the 36 holes: what it is, what is done, the test, what remains', () => {
  assert.deepEqual(
    [...holes.keys()],
    Array.from({ length: 36 }, (_, i) => i + 1),
  );
  for (const [number, cells] of holes) {
    assert.equal(cells.length, 4, `R${number}`);
    assert.ok(
      cells.every((cell) => cell !== ''),
      `R${number}`,
    );
  }
});

test('each row names the file with tests whose names begin with its number; a row without test says why', () => {
  for (const [number, [, ours, file]] of holes) {
    if (file === '–') {
      assert.match(ours!, /^kernel code only: /, `R${number}`);
      continue;
    }
    const tests = readFileSync(`${FOLDER}/${file}.test.ts`, 'utf8');
    assert.match(tests, new RegExp(`^test\\(['"\`]R${number}: `, 'm'), `R${number} in ${file}`);
  }
});

test('no test of a hole is missing on the page', () => {
  for (const name of readdirSync(FOLDER)) {
    const tests = readFileSync(`${FOLDER}/${name}`, 'utf8');
    for (const [, number] of tests.matchAll(/^test\(['"`]R(\d+): /gm))
      assert.equal(`${holes.get(Number(number))?.[2]}.test.ts`, name, `R${number}`);
  }
});

test('the page gives the options and counters that there are, and the defaults', () => {
  const { settings } = new Endpoint({ addresses: [1] });
  for (const [name, value] of Object.entries(DEFAULT_LIMITS)) {
    assert.match(page, new RegExp(`^\\| \`limits\\.${name}\` \\| ${value}( a second)? \\|`, 'm'));
  }
  assert.match(page, new RegExp(`^\\| \`tableLimit\` \\| ${settings.tableLimit} \\|`, 'm'));
  assert.deepEqual([settings.returnProof, settings.ownAddressesOnly], [true, true]);
  const counters = /Reached limits show in the counters ([\s\S]*?)\./.exec(page)![1]!;
  for (const [, name] of counters.matchAll(/`(\w+)`/g)) assert.ok(Object.hasOwn(newCounters(), name!), name);
});
