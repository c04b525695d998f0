import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CASES } from '../../src/conformance/cases/index.js';
import type { Mutant } from './mutant.js';
import { complaints, play } from './reference-peer.js';

/** What the suite says about one mutant. */
export interface KillRow {
  /** Cases that failed, or warned where only a recommendation was broken, in the order of the suite. */
  readonly killedBy: readonly string[];
  /** Cases that could say nothing. */
  readonly inconc: readonly string[];
}

/** Case by mutant: the committed table. */
export interface KillMatrix {
  /** Seed of every run. */
  readonly seed: number;
  /** Every case, in the order of the suite. */
  readonly cases: readonly string[];
  readonly mutants: Readonly<Record<string, KillRow>>;
}

/** Seed of the runs that the table holds. */
export const MATRIX_SEED = 1;

const FILE = join(fileURLToPath(new URL('.', import.meta.url)), '..', '..', '..', 'docs', 'kill-matrix.json');

/** The committed table. */
export function committedMatrix(): KillMatrix {
  return JSON.parse(readFileSync(FILE, 'utf8')) as KillMatrix;
}

/** Plays the suite against a mutant: its row. */
export async function killRow(mutant: Mutant): Promise<KillRow> {
  const run = await play({ mutant, seed: MATRIX_SEED });
  if (run.counts.error > 0) throw new Error(`${mutant.name}: a case ended in an error of the tester.`);
  return {
    killedBy: complaints(run),
    inconc: run.cases.filter(({ verdict }) => verdict === 'inconc').map(({ id }) => id),
  };
}

/** Every case's id, in the order of the suite. */
export const CASE_IDS: readonly string[] = CASES.map(({ id }) => id);
