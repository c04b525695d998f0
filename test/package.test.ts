import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';

const root = process.cwd();
const folder = mkdtempSync(join(tmpdir(), 'mpip-package-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as {
  name: string;
  version: string;
  exports: Record<string, unknown>;
};
const modules = Object.keys(manifest.exports)
  .filter((path) => path !== './package.json')
  .map((path) => `${manifest.name}/${path.slice(2)}`);

/** Runs a command to its end and demands that it succeeds. */
function run(command: string, args: string[], cwd: string): string {
  const result = spawnSync(command, args, { cwd, encoding: 'utf8' });
  assert.equal(result.status, 0, `${command} ${args.join(' ')}\n${result.stdout}\n${result.stderr}`);
  return result.stdout;
}

/** Builds dist/ when it is missing or older than a source. */
async function ensureBuilt(): Promise<void> {
  const lib = pathToFileURL(resolve('scripts/lib/run.mjs')).href;
  const { filesBelow } = (await import(lib)) as {
    filesBelow: (folder: string, test: (name: string) => boolean) => string[];
  };
  const newest = Math.max(...filesBelow('src', (name) => name.endsWith('.ts')).map((path) => statSync(path).mtimeMs));
  const oldest = ['dist/bin/mpip.js', 'dist/codec/index.d.ts'].map((path) =>
    existsSync(path) ? statSync(path).mtimeMs : 0,
  );
  if (Math.min(...oldest) < newest) run(process.execPath, ['scripts/build.mjs'], root);
}

test('the packed package can be installed in an empty TypeScript project and every export imported', async (t) => {
  await ensureBuilt();
  const [packed] = JSON.parse(run('npm', ['pack', '--json', '--pack-destination', folder], root)) as {
    filename: string;
    files: { path: string }[];
  }[];
  for (const { path } of packed!.files)
    assert.match(
      path,
      /^(dist\/|docs\/|pics\/|wireshark\/|kaitai\/|README\.md$|LICENSE$|package\.json$)/,
      'a file that has no place in the package',
    );

  writeFileSync(join(folder, 'package.json'), '{ "name": "empty", "private": true, "type": "module" }\n');
  const install = ['install', `./${packed!.filename}`, '--prefer-offline', '--no-audit', '--no-fund'];
  const installed = spawnSync('npm', install, { cwd: folder, encoding: 'utf8' });
  if (/EAI_AGAIN|ENOTFOUND|ECONNREFUSED|ETIMEDOUT/.test(installed.stderr))
    return t.skip('the package registry cannot be reached, so the tarball was not installed');
  assert.equal(installed.status, 0, installed.stderr);

  const lines = modules.map((name, i) => `import * as module${i} from '${name}';`);
  const counts = modules.map((name, i) => `'${name}': Object.keys(module${i}).length`);
  writeFileSync(
    join(folder, 'use.ts'),
    `${lines.join('\n')}
import { type ControlMessage, decode, emptyControlMessage, encode } from 'mpip/codec';
import manifest from 'mpip/package.json' with { type: 'json' };
const message: ControlMessage = { ...emptyControlMessage(), nodeId: 0x9df8, sessionId: 7 };
const session: number = decode(encode(message), 'compact').sessionId;
// @ts-expect-error a layout that does not exist: the types are there and are looked at
const wrong: ControlMessage = { ...message, layout: 'half' };
console.log(JSON.stringify({ session, layout: wrong.layout, version: manifest.version, exports: { ${counts.join(', ')} } }));
`,
  );
  const options = {
    target: 'ES2022',
    module: 'NodeNext',
    moduleResolution: 'NodeNext',
    strict: true,
    skipLibCheck: false,
    resolveJsonModule: true,
    lib: ['ES2023'],
    // Our declarations name types of Node; nothing else of the repository is in reach.
    typeRoots: [join(root, 'node_modules/@types')],
    types: ['node'],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: ['use.ts'] }));
  run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc')], folder);
  const seen = JSON.parse(run(process.execPath, ['use.js'], folder)) as {
    session: number;
    version: string;
    exports: Record<string, number>;
  };
  assert.equal(seen.session, 7);
  assert.equal(seen.version, manifest.version);
  assert.deepEqual(Object.keys(seen.exports), modules);
  for (const [name, count] of Object.entries(seen.exports)) assert.ok(count > 0, `${name} exports nothing`);

  for (const bin of ['mpip', 'mpip-check'])
    assert.match(
      run(join(folder, 'node_modules/.bin', bin), ['--version'], folder),
      new RegExp(`^${manifest.version}`),
    );
});
