import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { readMerged } from '../../src/io/merged-captures.js';
import { PcapngFile } from '../../src/io/pcapng-writer.js';
import { runs } from '../support/runs.js';

const folder = mkdtempSync(join(tmpdir(), 'mpip-merged-'));
after(() => rmSync(folder, { recursive: true }));

/** A capture whose packets hold their file, their number and as many octets more. */
function writeCapture(index: number, times: readonly number[], size: number): string {
  const path = join(folder, `${index}.pcapng`);
  const file = new PcapngFile(path);
  const id = file.interface({ linkType: 101 });
  times.forEach((time, number) => {
    const data = new Uint8Array(4 + ((size * (number + 1)) % 1400)).fill(number & 255);
    data[0] = index;
    new DataView(data.buffer).setUint16(1, number);
    file.packet({ interfaceId: id, seconds: Math.floor(time / 1000), nanoseconds: (time % 1000) * 1e6, data });
  });
  file.close();
  return path;
}

async function merged(paths: readonly string[]) {
  const found: { file: number; number: number; time: number }[] = [];
  const damages = await readMerged(paths, (packet, file) => {
    const { buffer, offset, capturedLength } = packet;
    assert.equal(buffer[offset], file);
    assert.equal((buffer[offset + 1]! << 8) | buffer[offset + 2]!, packet.number - 1);
    for (let at = 3; at < capturedLength; at++) assert.equal(buffer[offset + at], (packet.number - 1) & 255);
    found.push({ file, number: packet.number, time: packet.seconds * 1000 + packet.nanoseconds / 1e6 });
  });
  return { found, damages };
}

test('packets of several files come in the order of their times, those of one file in its order', async () => {
  const times = fc
    .array(fc.integer({ min: 0, max: 4000 }), { maxLength: 30 })
    .map((list) => list.sort((a, b) => a - b));
  await fc.assert(
    fc.asyncProperty(fc.array(times, { minLength: 1, maxLength: 5 }), async (files) => {
      const { found } = await merged(files.map((list, index) => writeCapture(index, list, 7)));
      const expected = files
        .flatMap((list, file) => list.map((time, number) => ({ file, number: number + 1, time })))
        .sort((a, b) => a.time - b.time || a.file - b.file || a.number - b.number);
      assert.deepEqual(found, expected);
    }),
    runs(30),
  );
});

test('files larger than what is read at once are merged with their octets intact', async () => {
  const times = (start: number) => Array.from({ length: 20_000 }, (_, index) => start + index * 3);
  const paths = [0, 1, 2].map((index) => writeCapture(index, times(index), 391 + index));
  const { found } = await merged(paths);
  assert.equal(found.length, 60_000);
  assert.ok(found.every(({ time }, index) => time === index));
});

test('a damaged file ends at the damage, the others are read on', async () => {
  const paths = [0, 1].map((index) => writeCapture(index, [1, 2, 3, 4], 5));
  const bytes = readFileSync(paths[0]!);
  writeFileSync(paths[0]!, bytes.subarray(0, bytes.length - 3));
  const { found, damages } = await merged([...paths, join(folder, 'missing.pcap')]);
  assert.deepEqual(
    found.map(({ file, time }) => [time, file]),
    [
      [1, 0],
      [1, 1],
      [2, 0],
      [2, 1],
      [3, 0],
      [3, 1],
      [4, 1],
    ],
  );
  assert.deepEqual(
    damages.map(({ source, error }) => [source, error.code]),
    [
      [0, 'capture-truncated'],
      [2, 'capture-unreadable'],
    ],
  );
});
