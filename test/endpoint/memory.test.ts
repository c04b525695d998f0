import assert from 'node:assert/strict';
import { test } from 'node:test';
import v8 from 'node:v8';
import vm from 'node:vm';
import { Path } from '../../src/endpoint/index.js';
import { Session } from '../../src/endpoint/sessions.js';
import { BusyPair } from '../support/busy-pair.js';

v8.setFlagsFromString('--expose-gc');
const collectGarbage: () => void = vm.runInNewContext('gc');

/** Octets in use on the heap and beside it. */
function octetsInUse(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

test('200,000 packets of 1600 connections leave no rows, objects or octets behind', () => {
  const pair = new BusyPair();
  const most = new Map<string, number>();
  for (let i = 0; i < 50; i++) {
    pair.run(2000);
    for (const [name, rows] of Object.entries(pair.rows())) most.set(name, Math.max(rows, most.get(name) ?? 0));
  }
  const before = octetsInUse();
  pair.run(100_000);
  for (const [name, rows] of Object.entries(pair.rows()))
    assert.ok(
      rows <= 1.25 * most.get(name)! + 64,
      `${name}: ${rows} rows, at most ${most.get(name)} in the first half`,
    );
  const grown = octetsInUse() - before;
  // The engine's own noise is some hundred thousand octets; a leak of one small object a packet is 5 million and more.
  assert.ok(grown < 2_000_000, `${grown} octets more after 100,000 packets`);
  assert.ok(pair.delivered > 190_000);
  // The connections end: everything that belongs to them goes, in the tables and on the heap.
  pair.rest(60_000_000);
  const rows = pair.rows();
  for (const name of ['Table 3', 'Table 7', 'waiting', 'handshakes', 'holding'])
    assert.deepEqual([rows[`a: ${name}`], rows[`b: ${name}`]], [0, 0], name);
  if (v8.queryObjects !== undefined)
    assert.deepEqual([v8.queryObjects(Session), v8.queryObjects(Path)], [0, 0], 'sessions and paths on the heap');
});
