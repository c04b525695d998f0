import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CASES } from '../../src/conformance/cases/index.js';
import type { ResultCause } from '../../src/conformance/result.js';
import { committedMatrix } from './kill-matrix.js';
import { loadMutant, mutantNames } from './mutant.js';
import { play } from './reference-peer.js';

const matrix = committedMatrix();

/** Causes that rest on when a packet came, so that no octet of it decides. */
const NOT_IN_AN_OCTET: ReadonlySet<string> = new Set(['held-back', 'original-only-retransmitted']);

/** What is wrong with a cause; empty when a person can work with it. */
function faults(cause: ResultCause, frames: readonly number[]): string[] {
  const found: string[] = [];
  const { code, text, expected, seen, packet } = cause;
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(code)) found.push('code');
  if (!/^[A-Z0-9].*[.?!]$/s.test(text)) found.push('sentences');
  if (/undefined|NaN|\[object|null|Infinity/.test(text)) found.push('placeholder');
  if (/[Ee]xpected *[,.]|, seen *[,.]/.test(text)) found.push('empty phrase');
  if (expected === undefined || !text.includes(`xpected ${expected}`)) found.push('expected');
  if (seen === undefined || !text.includes(`seen ${seen}`)) found.push('seen');
  if (packet === undefined) return [...found, 'packet'];
  if (!frames.includes(packet.frame)) found.push('frame');
  // What we have sent decides nothing by its octets: it called for what did not come.
  if (packet.octet === undefined && packet.direction === 'received' && !NOT_IN_AN_OCTET.has(code)) found.push('octet');
  if (packet.octet !== undefined && packet.octet >= packet.hexFrom + packet.hex.length / 2) found.push('excerpt');
  return found;
}

test('every verdict against a mutant has cause, sentences, expected and seen, the frame and the octet that decided', async () => {
  const wrong: string[] = [];
  let failed = 0;
  for (const name of mutantNames()) {
    const mutant = await loadMutant(name);
    const { killedBy } = matrix.mutants[name]!;
    const run = await play({ mutant, cases: CASES.filter(({ id }) => killedBy.includes(id)) });
    for (const { id, verdict, cause, warnings, evidence } of run.cases) {
      const findings = [
        ...(verdict === 'fail' || (verdict === 'inconc' && cause.packet !== undefined) ? [cause] : []),
        ...warnings,
      ];
      for (const finding of findings) {
        failed++;
        const found = faults(finding, evidence.frames);
        if (found.length > 0) wrong.push(`${name} ${id} ${found.join(', ')}: ${JSON.stringify(finding.text)}`);
      }
    }
  }
  assert.deepEqual(wrong, []);
  assert.ok(failed > 500, `${failed} verdicts were looked at`);
});
