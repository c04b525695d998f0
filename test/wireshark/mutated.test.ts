import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { disagreements, TrailerView } from '../../src/codec/index.js';
import { capturePackets } from '../../src/io/capture-reader.js';
import { ipv4Offset } from '../../src/io/link-type.js';
import { SEED } from '../support/runs.js';
import { writeMutatedCapture } from './mutated-capture.js';
import { assertSameFields, dissectFields, skippedWithoutTshark, tsharkFields } from './tshark.js';

test(`10,000 generated and mutated packets, seed ${SEED}: tshark, mpip dissect and binary-parser say the same of each`, async (t) => {
  if (skippedWithoutTshark(t)) return;
  const folder = mkdtempSync(join(tmpdir(), 'mpip-mutated-'));
  try {
    const file = join(folder, 'mutated.pcapng');
    const { mutated } = writeMutatedCapture(file, 10_000, SEED);
    assert.ok(mutated > 5000, `${mutated} packets are mutated`);
    const expected = await dissectFields(file, true);
    // Every field and finding is met, or the comparison says little.
    const seen = new Set(expected.flatMap((fields) => Object.keys(fields)));
    const findings = new Set(expected.flatMap((fields) => (fields['mpip.expert'] ?? '').split(';')));
    t.diagnostic(`fields ${[...seen].length}, findings ${[...findings].filter(Boolean).join(' ')}`);
    const blocks = await assertSameBlocks(file);
    assert.ok(blocks > 3000, `${blocks} CMs were read by binary-parser too`);
    assertSameFields(tsharkFields(file, '-o', 'mpip.checksums:TRUE'), expected, `seed ${SEED}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

/** Asserts that the general decoder reads every CM as the view does; returns how many there are. */
async function assertSameBlocks(file: string): Promise<number> {
  const view = new TrailerView();
  let blocks = 0;
  for await (const { number, linkType, buffer, offset, capturedLength } of capturePackets(file)) {
    const at = ipv4Offset(linkType, buffer, offset, capturedLength);
    if (at < 0 || !view.locate(buffer, at, offset + capturedLength - at)) continue;
    blocks++;
    assert.deepEqual(disagreements(view.cm), [], `seed ${SEED}, frame ${number}`);
  }
  return blocks;
}
