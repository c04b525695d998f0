// npm run bench [-- NAME...] [--write]: runs the benchmarks one after the other and shows their ratios in a table each.
// NAME is a part of a file's name. --write also puts the tables into docs/performance.md, with commit and command.
// A benchmark prints what it likes; lines that are JSON objects with name, ratio, goal and detail become its table, in the part
// of the page that has the benchmark's name.
import { spawn, spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { installCommands } from './lib/commands.mjs';
import { ensureInstalled, filesBelow, ROOT } from './lib/run.mjs';

ensureInstalled();
const { transpile } = await import('./lib/transpile.mjs');
const { updateDocument } = await import('./lib/generated.mjs');
const names = process.argv.slice(2).filter((arg) => !arg.startsWith('--'));
const isWritten = process.argv.includes('--write');
await transpile();
const files = filesBelow('build/bench', (name) => name.endsWith('.bench.js')).filter(
  (path) => names.length === 0 || names.some((name) => path.includes(name)),
);
if (files.length === 0) {
  console.error(`No benchmark matches ${names.join(', ')}.`);
  process.exit(2);
}
if (files.some((path) => path.includes('peer-live')))
  installCommands('benchmarks', ['ethtool', 'ip', 'iperf3', 'mptcpize', 'tc']);
// The commands that users run are in the bundle.
if (files.some((path) => /(check|dissect)\.bench/.test(path)))
  spawnSync(process.execPath, [join(ROOT, 'scripts/build.mjs'), '--fast'], { stdio: 'inherit' });
/** Result lines by the benchmark's name. */
const results = new Map();
let isBroken = false;
for (const file of files) {
  console.log(`== ${file.replace(/^build\/|\.js$/g, '')}`);
  const rows = [];
  results.set(basename(file, '.bench.js'), rows);
  if ((await runBench(file, rows)) !== 0) {
    console.log(`${file} failed.`);
    isBroken = true;
  }
}
for (const [name, rows] of results) if (rows.length > 0) console.log(`\n${name}\n\n${table(rows)}`);
if (isWritten && !isBroken) {
  const commit = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: ROOT, encoding: 'utf8' }).stdout.trim();
  const command = ['npm run bench --', ...names, '--write'].join(' ');
  const place = `Measured at commit ${commit} with \`${command}\`, Node ${process.version}, ${cpus()[0].model}, ${cpus().length} cores.`;
  const parts = [...results].filter(([, rows]) => rows.length > 0);
  const written = Object.fromEntries(parts.map(([name, rows]) => [name, `${place}\n\n${table(rows)}`]));
  updateDocument('docs/performance.md', written);
  console.log(`\nWritten to docs/performance.md: ${Object.keys(written).join(', ')}.`);
}
process.exitCode = isBroken ? 4 : 0;

/** Runs one benchmark, shows its lines and adds its results to `rows`. Resolves to its exit code. */
function runBench(file, rows) {
  const child = spawn(process.execPath, ['--expose-gc', file], {
    cwd: ROOT,
    env: { ...process.env, MPIP_BENCH_JSON: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    const result = line.startsWith('{') ? parsed(line) : undefined;
    if (result === undefined) console.log(line);
    else rows.push(result);
  });
  return new Promise((resolve) => child.on('close', (code) => resolve(code ?? 4)));
}

/** A result line, or undefined. */
function parsed(line) {
  try {
    const object = JSON.parse(line);
    return typeof object.name === 'string' && object.ratio !== undefined ? object : undefined;
  } catch {
    return undefined;
  }
}

function table(rows) {
  const cells = rows.map(({ name, ratio, goal, detail }) => [
    name,
    typeof ratio === 'number' ? String(Math.round(ratio * 100) / 100) : String(ratio),
    goal ?? '',
    detail ?? '',
  ]);
  const head = ['what', 'ratio', 'goal', 'detail'];
  return [head, head.map(() => '---'), ...cells].map((row) => `| ${row.join(' | ')} |`).join('\n');
}
