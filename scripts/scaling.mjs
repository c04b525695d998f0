// npm run scaling: the virtual network's answers to how MPIP scales (bench/scaling.ts), written into docs/scaling.md.
import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import { table as markdownTable } from './generate/table.mjs';
import { updateDocument } from './lib/generated.mjs';
import { ensureInstalled, ROOT } from './lib/run.mjs';

ensureInstalled();
const { transpile } = await import('./lib/transpile.mjs');
await transpile();
const { status, stdout } = spawnSync(
  process.execPath,
  ['--expose-gc', '--max-old-space-size=8000', 'build/bench/scaling.js'],
  { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
);
if (status !== 0) process.exit(4);
const { paths, delays, sessions, ids } = JSON.parse(stdout);
const percent = (part) => `${(100 * part).toFixed(1)} %`;
const seconds = (time) => (time === null ? 'not in 60 s' : `${time} s`);
const pathCells = (row) => [
  seconds(row.complete),
  percent(row.evenError),
  seconds(row.convergence),
  percent(row.finalShare),
  percent(row.fairShare),
  `${row.lostPercent.toFixed(1)} %`,
  `${(row.nanos / 1000).toFixed(1)} µs`,
];
const pathHead = [
  'all paths measured after',
  'largest error of an interface’s share',
  'slowed interface found after',
  'its share then',
  'what it could carry',
  'lost until found',
  'processor a packet',
];
updateDocument('docs/scaling.md', {
  paths: markdownTable(
    ['interfaces at each host', 'paths', ...pathHead],
    paths.map((row) => [row.interfaces, row.paths, ...pathCells(row)]),
  ),
  delays: markdownTable(
    ['one-way delay', ...pathHead],
    delays.map((row) => [`${row.delayMillis} ms`, ...pathCells(row)]),
  ),
  sessions: `${markdownTable(
    ['sessions', 'peers', 'rows of each table', 'memory a session', 'processor a packet'],
    sessions.map((row) => [
      row.sessions.toLocaleString('en'),
      row.peers,
      row.rows,
      row.octetsEach > 0 && row.sessions >= 1000 ? `${(row.octetsEach / 1000).toFixed(1)} kB` : '',
      `${(row.nanos / 1000).toFixed(2)} µs`,
    ]),
  )}\n\nProcessor times on ${cpus()[0].model}, Node ${process.version}.`,
  ids: markdownTable(
    ['layout', 'connections', 'with all four paths', 'with some', 'with their own tuple only', 'ordinary'],
    ids.map((row) => [row.layout, row.sessions, row.all, row.some, row.none, row.ordinary]),
  ),
});
console.log('Written to docs/scaling.md.');
