import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { judgePackets, PassiveRun } from '../../../src/conformance/passive/run.js';
import { isBinding } from '../../../src/conformance/requirements.js';
import { readCapture } from '../../../src/io/capture-reader.js';
import { RECORDINGS } from '../../support/recordings.js';

interface Row {
  readonly file: string;
  readonly requirement: string;
  readonly verdict: string;
}

const { rows } = JSON.parse(readFileSync('fixtures/pcaps/deviations.json', 'utf8')) as { rows: Row[] };

for (const name of RECORDINGS) {
  test(`${name}: the deviations that were written down before, and no others`, async () => {
    const run = new PassiveRun();
    await readCapture(`fixtures/pcaps/${name}.pcap`, (packet) => run.see(packet));
    const worst = new Map<string, string>();
    for (const { predicate, verdict, place, finding } of run.end()) {
      if (verdict !== 'fail' && verdict !== 'inconc') continue;
      const word = verdict === 'fail' && !isBinding(predicate.requirement) ? 'warn' : verdict;
      worst.set(predicate.requirement, word);
      if (process.env.SHOW) console.log(name, predicate.requirement, word, finding!.code, 'frame', place!.frame);
    }
    const expected = rows.filter((row) => row.file === name).map((row) => [row.requirement, row.verdict] as const);
    assert.deepEqual(new Map([...worst].sort()), new Map([...expected].sort()));
  });
}

test('every row is of a recording', () => {
  for (const { file } of rows) assert.ok(RECORDINGS.includes(file), file);
  void judgePackets;
});
