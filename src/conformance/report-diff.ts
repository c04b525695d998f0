import type { RunResult } from './result.js';
import type { Verdict } from './verdict.js';

/** What became of a case between two runs. */
export type Change =
  | 'new-failure'
  | 'fixed'
  | 'still-failing'
  | 'now-inconclusive'
  | 'now-conclusive'
  | 'no-longer-played'
  | 'newly-played';

/** Every change in the order of reports. */
export const CHANGES: readonly Change[] = [
  'new-failure',
  'still-failing',
  'now-inconclusive',
  'no-longer-played',
  'fixed',
  'now-conclusive',
  'newly-played',
];

/** A case in one of two runs; null where the run does not know it. */
export interface CaseState {
  readonly verdict: Verdict;
  readonly cause: string;
}

/** A case that differs between two runs, or fails in both. */
export interface CaseChange {
  readonly id: string;
  readonly change: Change;
  readonly before: CaseState | null;
  readonly after: CaseState | null;
  /** The cause's text in the later run, or in the earlier where the later has none. */
  readonly text: string;
}

/** What differs between two runs. */
export interface ReportDiff {
  readonly before: RunHead;
  readonly after: RunHead;
  readonly changes: readonly CaseChange[];
  /** Cases that are the same and do not fail. */
  readonly unchanged: number;
}

/** What a run was. */
export type RunHead = Pick<RunResult, 'version' | 'seed' | 'profile' | 'link' | 'verdict' | 'counts'> & {
  readonly peer: string;
};

/** A report as far as a comparison needs it. */
export type ComparedReport = Pick<
  RunResult,
  'version' | 'seed' | 'profile' | 'link' | 'verdict' | 'counts' | 'iut' | 'cases'
>;

/** Compares two reports case by case: what fails anew, what is fixed, what still fails, what can no longer be told. */
export function diffReports(before: ComparedReport, after: ComparedReport): ReportDiff {
  const earlier = new Map(before.cases.map((result) => [result.id, result]));
  const later = new Map(after.cases.map((result) => [result.id, result]));
  const changes: CaseChange[] = [];
  const ids = [...new Set([...later.keys(), ...earlier.keys()])];
  for (const id of ids) {
    const a = earlier.get(id);
    const b = later.get(id);
    const change = changeOf(a?.verdict, b?.verdict);
    if (change === undefined) continue;
    changes.push({
      id,
      change,
      before: a === undefined ? null : { verdict: a.verdict, cause: a.cause.code },
      after: b === undefined ? null : { verdict: b.verdict, cause: b.cause.code },
      text: (b ?? a)!.cause.text,
    });
  }
  changes.sort((a, b) => CHANGES.indexOf(a.change) - CHANGES.indexOf(b.change));
  return { before: headOf(before), after: headOf(after), changes, unchanged: ids.length - changes.length };
}

/** 1 when something fails anew, 3 when something can no longer be told or is no longer played, else 0. */
export function diffExitCode({ changes }: ReportDiff): 0 | 1 | 3 {
  const has = (...kinds: Change[]) => changes.some(({ change }) => kinds.includes(change));
  if (has('new-failure')) return 1;
  return has('now-inconclusive', 'no-longer-played') ? 3 : 0;
}

function headOf({ version, seed, profile, link, verdict, counts, iut }: ComparedReport): RunHead {
  return { version, seed, profile, link, verdict, counts, peer: iut.address };
}

/** How far a verdict judges the peer. */
type Judgement = 'good' | 'bad' | 'unsure' | 'absent';

function judgementOf(verdict: Verdict | undefined): Judgement {
  if (verdict === 'pass') return 'good';
  if (verdict === 'fail') return 'bad';
  return verdict === 'inconc' || verdict === 'error' || verdict === 'none' ? 'unsure' : 'absent';
}

function changeOf(before: Verdict | undefined, after: Verdict | undefined): Change | undefined {
  const [a, b] = [judgementOf(before), judgementOf(after)];
  if (b === 'bad') return a === 'bad' ? 'still-failing' : 'new-failure';
  if (a === b) return undefined;
  if (b === 'unsure') return 'now-inconclusive';
  if (b === 'absent') return 'no-longer-played';
  if (a === 'bad') return 'fixed';
  return a === 'unsure' ? 'now-conclusive' : 'newly-played';
}
