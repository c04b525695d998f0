import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SEED } from '../support/runs.js';
import { writeMutatedCapture } from './mutated-capture.js';
import { assertSameFields, dissectFields, skippedWithoutTshark, tsharkFields } from './tshark.js';

test(`10,000 generated and mutated packets, seed ${SEED}: tshark and mpip dissect say the same of each`, async (t) => {
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
    assertSameFields(tsharkFields(file, '-o', 'mpip.checksums:TRUE'), expected, `seed ${SEED}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
