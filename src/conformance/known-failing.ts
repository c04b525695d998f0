import type { CaseResult, RunResult } from './result.js';

/** A case that is known to fail, and why. */
export interface KnownFailure {
  readonly case: string;
  /** The cause's code: another cause is a new failure. */
  readonly cause: string;
  /** What a person wrote behind it, without the `#`. */
  readonly note?: string;
  /** Line of the file, from 1; absent for an entry that is new. */
  readonly line?: number;
}

/** A file of known failures that cannot be read; `message` names the line and what to do. */
export class KnownFailingError extends Error {
  override readonly name = 'KnownFailingError';
  readonly code = 'known-failing-syntax';
}

/** How a run compares with what was known to fail. */
export interface KnownFailingOutcome {
  /** Cases that failed as known. */
  readonly known: readonly string[];
  /** Entries whose case passed: the file is out of date. */
  readonly stale: readonly string[];
  /** Entries whose case does not exist. */
  readonly unmatched: readonly string[];
}

const HEAD = '# Cases of mpip check that are known to fail: case, cause, and perhaps a note.';
const ENTRY = /^(\S+)\s+([a-z0-9]+(?:-[a-z0-9]+)*)\s*(?:#\s*(.*))?$/;

/**
 * Reads a file of known failures: a case id and the code of its cause a line, then perhaps `#` and a note; lines that
 * are empty or begin with `#` say nothing.
 * @throws KnownFailingError for a line of another form and for a case that stands twice.
 */
export function parseKnownFailing(text: string): KnownFailure[] {
  const entries: KnownFailure[] = [];
  text.split(/\r?\n/).forEach((raw, i) => {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) return;
    const match = ENTRY.exec(line);
    if (match === null) {
      throw new KnownFailingError(
        `Line ${i + 1} ('${line}') is no known failure; write CASE CAUSE, such as 'AV-query-cap too-many-queries # why'.`,
      );
    }
    const [, id, cause, note] = match;
    const first = entries.find((entry) => entry.case === id);
    if (first !== undefined) {
      throw new KnownFailingError(`Line ${i + 1} names ${id} again (first in line ${first.line}); keep one of them.`);
    }
    entries.push({ case: id!, cause: cause!, ...(note === undefined ? {} : { note }), line: i + 1 });
  });
  return entries;
}

/**
 * Marks the failures of a run that are known. Entries of cases that were not played, or of which nothing could be said,
 * are neither confirmed nor stale.
 * @param catalogue ids of every case that exists
 */
export function withKnownFailing(
  run: RunResult,
  entries: readonly KnownFailure[],
  catalogue: ReadonlySet<string>,
): RunResult {
  const causes = new Map(entries.map((entry) => [entry.case, entry.cause]));
  const cases = run.cases.map((result) =>
    result.verdict === 'fail' && causes.get(result.id) === result.cause.code
      ? { ...result, isKnownFailing: true }
      : result,
  );
  const passed = new Set(run.cases.filter(({ verdict }) => verdict === 'pass').map(({ id }) => id));
  const knownFailing: KnownFailingOutcome = {
    known: cases.filter((result: CaseResult) => result.isKnownFailing === true).map(({ id }) => id),
    stale: entries.map((entry) => entry.case).filter((id) => passed.has(id)),
    unmatched: entries.map((entry) => entry.case).filter((id) => !catalogue.has(id)),
  };
  return { ...run, cases, knownFailing };
}

/**
 * The entries as they should be after a run: failures of today, with the notes of earlier entries, and entries of cases
 * that were not judged today. Cases that passed or no longer exist are gone. Ordered by id.
 */
export function updatedKnownFailing(
  run: RunResult,
  entries: readonly KnownFailure[],
  catalogue: ReadonlySet<string>,
): KnownFailure[] {
  const results = new Map(run.cases.map((result) => [result.id, result]));
  const notes = new Map(entries.map((entry) => [entry.case, entry.note]));
  const isUnjudged = (id: string) => !['pass', 'fail'].includes(results.get(id)?.verdict ?? 'not-run');
  const kept = entries.filter((entry) => catalogue.has(entry.case) && isUnjudged(entry.case));
  const failed = run.cases
    .filter(({ verdict }) => verdict === 'fail')
    .map(({ id, cause }): KnownFailure => {
      const note = notes.get(id);
      return { case: id, cause: cause.code, ...(note === undefined ? {} : { note }) };
    });
  return [...kept, ...failed].sort((a, b) => (a.case < b.case ? -1 : 1));
}

/**
 * Entries as a file, columns aligned. `before` is the file as it was: its comments, empty lines and order stay, and what is
 * new follows at its end.
 */
export function formatKnownFailing(entries: readonly KnownFailure[], before = ''): string {
  const width = Math.max(0, ...entries.map((entry) => entry.case.length));
  const lines = new Map(
    entries.map(({ case: id, cause, note }) => [
      id,
      `${id.padEnd(width)}  ${cause}${note === undefined ? '' : `  # ${note}`}`,
    ]),
  );
  const text: string[] = [];
  for (const raw of before.trimEnd().split(/\r?\n/)) {
    const line = raw.trim();
    const id = line.startsWith('#') ? '' : line.split(/\s/)[0]!;
    const entry = lines.get(id);
    if (entry !== undefined) text.push(entry);
    else if (id === '') text.push(line);
    lines.delete(id);
  }
  const kept = before.trim() === '' ? [HEAD] : text;
  return `${[...kept, ...lines.values()].join('\n')}\n`;
}
