import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { dissectCapture } from '../../src/dissector/dissect-capture.js';
import { type PacketRecord, RECORD_FIELDS } from '../../src/dissector/record.js';

/** The plugin under test. */
export const PLUGIN = 'wireshark/mpip.lua';

/** Every field of a record that the plugin has too. */
export const MPIP_FIELDS = RECORD_FIELDS.filter((field) => field.startsWith('mpip.'));

/** Stands between the values of a field that is there more than once. */
const BETWEEN = ';';

const home = mkdtempSync(join(tmpdir(), 'mpip-tshark-'));
process.on('exit', () => rmSync(home, { recursive: true, force: true }));
/** Nothing of the user's own configuration and plugins counts. */
const env = { ...process.env, HOME: home, XDG_CONFIG_HOME: join(home, 'config'), LC_ALL: 'C.UTF-8', TZ: 'UTC' };

const hasTshark = spawnSync('tshark', ['--version'], { env }).status === 0;

/** Skips the test where there is no tshark; with CI=true that is a failure. @returns true when it was skipped */
export function skippedWithoutTshark(t: TestContext): boolean {
  if (hasTshark) return false;
  assert.notEqual(process.env.CI, 'true', 'tshark is needed to test the Wireshark plugin: apt-get install tshark');
  t.skip('tshark is not installed (apt-get install tshark), so the Wireshark plugin has not been tried here');
  return true;
}

/**
 * Runs tshark with the plugin. Whatever it prints, there is no Lua error in it.
 * @returns standard output
 */
export function tshark(...args: readonly string[]): string {
  return tsharkWith(PLUGIN, ...args);
}

/** As {@link tshark}, with another script. */
export function tsharkWith(script: string, ...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync('tshark', ['-n', '-X', `lua_script:${script}`, ...args], {
    env,
    encoding: 'utf8',
    maxBuffer: 1 << 30,
  });
  assert.equal(status, 0, stderr);
  assert.doesNotMatch(stderr, /lua/i);
  assert.doesNotMatch(stdout, /Lua Error|lua:\d+:/i);
  return stdout;
}

/** One line a frame: the values of `mpip.*` as text, what is absent left out. */
export function tsharkFields(file: string, ...args: readonly string[]): Record<string, string>[] {
  const fields = MPIP_FIELDS.flatMap((field) => ['-e', field]);
  const shape = ['-T', 'fields', '-E', 'occurrence=a', '-E', `aggregator=${BETWEEN}`];
  const lines = tshark('-r', file, ...args, ...shape, ...fields).split('\n');
  assert.equal(lines.pop(), '');
  return lines.map((line) => {
    const values = line.split('\t');
    return Object.fromEntries(
      MPIP_FIELDS.map((field, index) => [field, values[index] ?? '']).filter(([, value]) => value !== ''),
    );
  });
}

/** The same of the NDJSON of `mpip dissect --all`. */
export async function dissectFields(file: string, checksums = false): Promise<Record<string, string>[]> {
  const records: Record<string, string>[] = [];
  for await (const record of dissectCapture(file, { all: true, checksums })) records.push(plainFields(record));
  return records;
}

function plainFields(record: PacketRecord): Record<string, string> {
  const all = MPIP_FIELDS.map((field): [string, string] => {
    const value = record[field];
    if (value === undefined) return [field, ''];
    if (value === true) return [field, '1'];
    return [field, Array.isArray(value) ? value.join(BETWEEN) : String(value)];
  });
  return Object.fromEntries(all.filter(([, value]) => value !== ''));
}

/** Asserts that both say the same of every frame. */
export function assertSameFields(
  found: readonly Record<string, string>[],
  expected: readonly Record<string, string>[],
  name: string,
): void {
  assert.equal(found.length, expected.length, name);
  found.forEach((fields, index) => {
    assert.deepEqual(fields, expected[index], `${name}: frame ${index + 1}`);
  });
}
