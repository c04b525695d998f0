import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

const pages = [
  'README.md',
  ...readdirSync('docs')
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

test('the generated parts of the pages are what the declarations give', () => {
  const result = spawnSync(process.execPath, ['scripts/generate.mjs', '--check'], { encoding: 'utf8' });
  assert.equal(result.status, 0, result.stderr);
});

test('every link from page to page leads somewhere', () => {
  for (const page of pages)
    for (const [, target] of readFileSync(page, 'utf8').matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) {
      if (/^[a-z]+:/.test(target!)) continue;
      assert.ok(existsSync(join(dirname(page), target!)), `${page}: ${target}`);
    }
});

test('every npm command that a page names exists', () => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
  for (const page of pages)
    for (const [, name] of readFileSync(page, 'utf8').matchAll(/npm run ([a-z:-]*[a-z])/g))
      assert.ok(Object.hasOwn(scripts, name!), `${page}: npm run ${name}`);
});
