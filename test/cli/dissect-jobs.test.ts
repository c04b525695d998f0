import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { makeCapture } from '../../bench/make-capture.js';
import { runDissect } from '../../src/cli/commands/dissect.js';
import type { Output } from '../../src/cli/output.js';
import { progressLine } from '../../src/cli/reading-progress.js';
import { summariseDivided } from '../../src/cli/summary-jobs.js';
import { Summary } from '../../src/dissector/summary.js';

const folder = mkdtempSync(join(tmpdir(), 'mpip-jobs-'));
after(() => rmSync(folder, { recursive: true }));
const big = join(folder, 'big.pcap');
makeCapture(big, 100_000, 7);

async function summary(jobs: number | undefined, checksums = false, files: readonly string[] = [big]) {
  let out = '';
  let error = '';
  const output: Output = {
    out: (text) => {
      out += text;
    },
    octets: () => {},
    error: (text) => {
      error += text;
    },
    flush: async () => {},
    isOpen: true,
    colour: false,
  };
  const request = {
    files,
    format: 'json',
    fields: [],
    all: false,
    summary: true,
    conversations: false,
    checksums,
    ...(jobs === undefined ? {} : { jobs }),
  } as const;
  const code = await runDissect(request, output);
  return { code, out, error };
}

test('--jobs: the summary of a large file is the same in one piece and in several', async () => {
  const whole = await summary(undefined, true);
  assert.equal((JSON.parse(whole.out) as { mpip: number }).mpip, 50_000);
  for (const jobs of [1, 2, 3, 5]) assert.deepEqual(await summary(jobs, true), whole, `${jobs} jobs`);
});

/** Writes the records of the big capture that `wanted` says into a file of their own. */
function partOfBig(name: string, wanted: (index: number) => boolean): string {
  const bytes = readFileSync(big);
  const pieces = [bytes.subarray(0, 24)];
  for (let at = 24, index = 0; at < bytes.length; index++) {
    const end = at + 16 + bytes.readUInt32LE(at + 8);
    if (wanted(index)) pieces.push(bytes.subarray(at, end));
    at = end;
  }
  const path = join(folder, name);
  writeFileSync(path, Buffer.concat(pieces));
  return path;
}

test('--jobs: files that follow each other in time are divided, others read in one piece; the sums are those of one pass', async () => {
  const early = partOfBig('early.pcap', (index) => index < 20_000);
  const late = partOfBig('late.pcap', (index) => index >= 20_000 && index < 42_000);
  const later = partOfBig('later.pcap', (index) => index >= 21_000 && index < 42_000);
  for (const [files, isDivided] of [
    [[late, early], true],
    [[late, later], false],
  ] as const) {
    const whole = JSON.parse((await summary(undefined, true, files)).out) as Record<string, unknown>;
    const sums = new Summary({ checksums: true });
    const divided = await summariseDivided(files, 3, true, sums, { colour: false } as Output);
    assert.equal(divided !== undefined, isDivided, files.join(' '));
    if (divided === undefined) assert.deepEqual(await summary(3, true, files), await summary(undefined, true, files));
    else assert.deepEqual({ files, ...sums.report(divided) }, whole);
  }
  appendFileSync(early, Buffer.from([1, 2, 3]));
  const files = [late, early];
  const broken = await summary(2, true, files);
  assert.match(broken.error, /early\.pcap: .*truncated/);
  assert.deepEqual(broken, await summary(undefined, true, files));
});

test('--jobs: a truncated end is said once, in the words of one piece', async () => {
  appendFileSync(big, Buffer.from([1, 2, 3]));
  const whole = await summary(undefined, true);
  assert.equal(whole.code, 4);
  assert.match(whole.error, /big\.pcap: The capture is truncated: it ends at byte \d+/);
  assert.deepEqual(await summary(2, true), whole);
});

test('--jobs: from the command line, and what it refuses', () => {
  const mpip = (...args: string[]) =>
    spawnSync(process.execPath, ['build/src/cli/mpip.js', 'dissect', ...args], { encoding: 'utf8' });
  const small = 'fixtures/pcaps/linux-2015-udp.pcap';
  const plain = mpip('--summary', small);
  assert.equal(mpip('--summary', '--jobs', '4', small).stdout, plain.stdout);
  assert.equal(mpip('--summary', '--jobs', '2', 'missing.pcap').status, 4);
  for (const [args, words] of [
    [['--summary', '--jobs', '0'], /--jobs must be a whole number from 1 to 64/],
    [['--jobs', '2'], /--jobs divides the work of --summary/],
  ] as const) {
    const { status, stderr } = mpip(...args, small);
    assert.equal(status, 2);
    assert.match(stderr, words);
  }
});

test('the progress line: share, rate and time left; without a size what has been read', () => {
  assert.equal(progressLine(50e6, 200e6, 2), '[######..................] 25 % of 200 MB, 25 MB/s, 6 s left');
  assert.equal(progressLine(1e9, 150e9, 1), '[........................] 0 % of 150000 MB, 1000 MB/s, 2 min 29 s left');
  assert.equal(progressLine(5e6, undefined, 1), '5.0 MB read, 5.0 MB/s');
  assert.equal(progressLine(7e6, 5e6, 1), '7.0 MB read, 7.0 MB/s', 'an inflated or growing file');
});
