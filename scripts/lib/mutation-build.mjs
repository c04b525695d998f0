// The endpoint with all mutants of StrykerJS in it, and what a person has to know of each one.
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { createInstrumenter } from '@stryker-mutator/instrumenter';
import { build } from 'esbuild';
import { createInjector } from 'typed-inject';
import ts from 'typescript';
import { filesBelow, ROOT } from './run.mjs';

/** Log lines and error texts: whether a word stands in a counter's name or a sentence is nothing that a case is about. */
const EXCLUDED = ['StringLiteral'];
/** The endpoint's own tests that need more than the virtual clock, by the path below test/endpoint. */
export const NOT_VIRTUAL = {
  'memory.test.ts': 'counts the octets of the whole process',
  'security/page.test.ts': 'reads docs/security.md',
};
/** Octets of a mutant's text, before and after, that are kept. */
const MOST_TEXT = 70;

/** Every mutant of some sources, all of `src/endpoint` unless others are named, and these instrumented, by path. */
export async function instrument(sourceFiles = filesBelow('src/endpoint', (name) => name.endsWith('.ts'))) {
  const log = new Proxy({}, { get: (_target, name) => (String(name).startsWith('is') ? () => false : () => {}) });
  const instrumenter = createInjector()
    .provideValue('logger', log)
    .provideValue('getLogger', () => log)
    .injectFunction(createInstrumenter);
  const files = sourceFiles.map((path) => ({
    name: join(ROOT, path),
    content: readFileSync(join(ROOT, path), 'utf8'),
    mutate: true,
  }));
  const result = await instrumenter.instrument(files, { plugins: null, excludedMutations: EXCLUDED, ignorers: [] });
  const sources = new Map(files.map(({ name, content }) => [name, sourceOf(name, content)]));
  const mutants = result.mutants
    .filter(({ status }) => status !== 'Ignored')
    .map(({ id, fileName, location, mutatorName, replacement }) => {
      const source = sources.get(fileName);
      const [start, end] = [location.start, location.end].map(({ line, column }) =>
        source.getPositionOfLineAndCharacter(line, column),
      );
      return {
        id: Number(id),
        file: relative(join(ROOT, 'src/endpoint'), fileName),
        place: placeOf(source, start, end),
        mutator: mutatorName,
        original: inOneLine(source.text.slice(start, end)),
        replacement: inOneLine(replacement),
      };
    });
  return { mutants, contents: new Map(result.files.map(({ name, content }) => [name, content])) };
}

function sourceOf(name, content) {
  return ts.createSourceFile(name, content, ts.ScriptTarget.Latest, true);
}

/** The class member, function or constant that a part of a file belongs to: `Mesh.answer`, `CONTEST_MICROS`. */
function placeOf(source, start, end) {
  const names = [];
  const visit = (node) => {
    if (node.getStart(source) > start || node.getEnd() < end) return;
    const name = nameOf(node, source);
    // What is named inside a function is not known outside.
    if (name !== undefined && (names.length === 0 || (names.length === 1 && ts.isClassLike(node.parent))))
      names.push(name);
    ts.forEachChild(node, visit);
  };
  ts.forEachChild(source, visit);
  return names.join('.');
}

function nameOf(node, source) {
  if (ts.isConstructorDeclaration(node)) return 'constructor';
  const isNamed =
    ts.isClassLike(node) ||
    ts.isFunctionDeclaration(node) ||
    ts.isMethodDeclaration(node) ||
    ts.isPropertyDeclaration(node) ||
    ts.isAccessor(node) ||
    ts.isVariableDeclaration(node);
  return isNamed ? node.name?.getText(source) : undefined;
}

function inOneLine(text) {
  return text.replace(/\s+/g, ' ').slice(0, MOST_TEXT);
}

/** What is played: the cases of mpip check, or the endpoint's own tests. */
const PLAYERS = { cases: 'scripts/lib/mutation-player.mjs', own: 'scripts/lib/mutation-own-player.mjs' };

/** The endpoint's own tests, as paths below test/endpoint, whose path from the root has one of `patterns` in it. */
export function ownTestFiles(patterns = ['']) {
  return filesBelow('test/endpoint', (name) => name.endsWith('.test.ts'))
    .filter((path) => patterns.some((pattern) => path.includes(pattern)))
    .map((path) => relative('test/endpoint', path))
    .filter((path) => !Object.hasOwn(NOT_VIRTUAL, path));
}

/**
 * Builds what plays `cases` or `own` tests, of the files `own`, and the instrumented endpoint into one file. `covering`: it
 * counts which mutants are reached; without, asking whether a mutant is switched on costs one comparison of numbers.
 */
export async function bundle(contents, { player, own = [], covering, outfile }) {
  await build({
    absWorkingDir: ROOT,
    entryPoints: [PLAYERS[player]],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    logLevel: 'error',
    packages: 'external',
    plugins: [
      {
        name: 'instrumented',
        setup: (builder) => {
          builder.onLoad({ filter: /src\/endpoint\/.*\.ts$/ }, ({ path }) => {
            const content = contents.get(path);
            return content === undefined ? undefined : { contents: switchable(content, covering), loader: 'ts' };
          });
          // The sources name files as they will be called when compiled.
          builder.onResolve({ filter: /^\..*\.js$/ }, ({ path, resolveDir }) => {
            const own = join(resolveDir, path.replace(/\.js$/, '.ts'));
            return ts.sys.fileExists(own) ? { path: own } : undefined;
          });
        },
      },
      { name: 'own tests', setup: (builder) => resolveOwnTests(builder, own) },
    ],
  });
}

/** `own-tests` imports the files, and `node:test` is for each of them a registry that knows its name. */
function resolveOwnTests(builder, own) {
  const registry = JSON.stringify(join(ROOT, 'scripts/lib/mutation-registry.mjs'));
  builder.onResolve({ filter: /^own-tests$/ }, () => ({ path: 'own-tests', namespace: 'own-tests' }));
  builder.onLoad({ filter: /^/, namespace: 'own-tests' }, () => ({
    contents: own.map((path) => `import './test/endpoint/${path}';`).join('\n'),
    resolveDir: ROOT,
  }));
  builder.onResolve({ filter: /^node:test$/ }, ({ importer }) => ({
    path: relative(join(ROOT, 'test/endpoint'), importer),
    namespace: 'registry',
  }));
  builder.onLoad({ filter: /^/, namespace: 'registry' }, ({ path }) => ({
    contents: `import { registryOf } from ${registry};\nexport const { test, describe } = registryOf(${JSON.stringify(path)});`,
    resolveDir: ROOT,
  }));
}

/** StrykerJS asks its helpers by texts, in every place that has a mutant; see mutation-switch.mjs for what stands here instead. */
function switchable(content, covering) {
  const helpers = /function stryNS_9fa48\(\) \{[\s\S]*?\nfunction stryMutAct_9fa48\(id\) \{[\s\S]*?\n\}\n/;
  if (!helpers.test(content)) return content;
  const body = content
    .replace(helpers, '')
    .replace(/stryMutAct_9fa48\("(\d+)"\)/g, '(mutation.active === $1 && mutation.hit())')
    .replace(/stryCov_9fa48\(([^)]*)\)/g, (_call, ids) =>
      covering ? `(${ids.replace(/"(\d+)"/g, 'mutation.reached[$1]++')})` : '0',
    );
  const path = JSON.stringify(join(ROOT, 'scripts/lib/mutation-switch.mjs'));
  return `import { mutation } from ${path};\n${body}`;
}
