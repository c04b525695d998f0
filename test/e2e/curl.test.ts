import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ALL_PAIRS, captured } from '../support/lab-capture.js';
import { describeInLab } from '../support/lab-suite.js';
import { TRAFFIC, withPair } from '../support/live-pair.js';

const LENGTH = 50_000_000;

let sha256 = '';

describeInLab(
  'curl fetches a file of 50 MB from a web server',
  {
    commands: ['curl'],
    prepare: async (lab) => {
      const words = [TRAFFIC, 'http', '0.0.0.0', '8080', `${LENGTH}`];
      sha256 = (await lab.start(lab.hostB, process.execPath, words, /^serving /)).line.split(' ')[1]!;
    },
  },
  (suite) => {
    const folder = mkdtempSync(join(tmpdir(), 'mpip-curl-'));
    after(() => rmSync(folder, { recursive: true, force: true }));

    for (const mode of ['fake-tcp', 'udp-wrapper'] as const)
      test(`it is intact with --${mode}`, async () => {
        const { lab } = suite;
        const file = join(folder, mode);
        await withPair(lab, { mode }, async () => {
          const wire = await captured(lab, `curl-${mode}`, async () => {
            const words = ['--silent', '--show-error', '--fail', '--output', file, 'http://10.77.3.2:8080/file'];
            await lab.finish(lab.hostA, 'curl', ...words);
          });
          const used = new Set([...wire.shares('b', 6).keys(), ...wire.shares('b', 17).keys()]);
          assert.equal(used.size, ALL_PAIRS.length, `paths used: ${[...used]}`);
        });
        assert.equal(createHash('sha256').update(readFileSync(file)).digest('hex'), sha256);
      });
  },
);
