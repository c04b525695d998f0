import { requirementResults } from './requirement-status.js';
import { type CaseResult, noCounts, REPORT_VERSION, type RunResult } from './result.js';
import { type RunVerdict, worse } from './verdict.js';

/** What is known of a run when its first case begins. */
export type RunHead = Omit<
  RunResult,
  'verdict' | 'counts' | 'cases' | 'requirements' | 'isInterrupted' | 'durationMs' | 'explanation' | 'knownFailing'
> & {
  /** Every case of the run, in the order of its report. */
  readonly order: readonly Pick<CaseResult, 'id' | 'area' | 'purpose' | 'requirements'>[];
};

/** The lines that a run leaves while it goes on: those of the NDJSON report, cases in the order in which they end. */
export const journalLine = {
  head: (head: RunHead): string => `${JSON.stringify({ type: 'run', ...head })}\n`,
  case: (result: CaseResult): string => `${JSON.stringify({ type: 'case', ...result })}\n`,
};

/** A text is no report and no journal of `mpip check`; `message` is the rest of a sentence. */
export class JournalError extends Error {
  override readonly name = 'JournalError';
  readonly code = 'journal';
}

/**
 * Reads a report of `mpip check` in JSON or NDJSON, or the journal of a run that was killed: its cases that are missing
 * are then `not-run`, cause `interrupted`. A last line that was not finished is ignored.
 * @throws JournalError
 */
export function readRun(text: string): RunResult {
  const whole = parse(text) as RunResult | undefined;
  if (whole !== undefined && (whole as { type?: string }).type === undefined) return checked(whole);
  const lines = text.split('\n').flatMap((line) => {
    const value = parse(line) as { type?: string } | undefined;
    return value === undefined ? [] : [value];
  });
  const [first] = lines;
  if (first?.type !== 'run') throw new JournalError('is no report of mpip check');
  const of = <T>(type: string) => lines.filter((line) => line.type === type).map(({ type: _, ...rest }) => rest as T);
  const { order, ...head } = of<RunHead>('run')[0]!;
  const finished = of<CaseResult>('case');
  const summary = of<Pick<RunResult, 'verdict' | 'counts' | 'isInterrupted' | 'durationMs'>>('summary')[0];
  if (summary !== undefined) {
    return checked({ explanation: null, ...head, ...summary, cases: finished, requirements: of('requirement') });
  }
  const byId = new Map(finished.map((result) => [result.id, result]));
  const cases = (order ?? []).map((known) => byId.get(known.id) ?? missing(known, head.link));
  const counts = noCounts();
  for (const { verdict } of cases) counts[verdict]++;
  return checked({
    ...head,
    explanation: null,
    verdict: cases.reduce<RunVerdict>((worst, { verdict }) => worse(worst, verdict), 'none'),
    counts,
    isInterrupted: true,
    cases,
    requirements: requirementResults(cases),
    durationMs: 0,
  });
}

function missing(known: RunHead['order'][number], link: RunResult['link']): CaseResult {
  const text = 'The run ended before the case did.';
  return {
    ...known,
    verdict: 'not-run',
    cause: { code: 'interrupted', text },
    warnings: [],
    evidence: { file: null, link, frames: [] },
    durationMs: 0,
  };
}

function checked(run: Partial<RunResult>): RunResult {
  if (run.tool !== 'mpip' || !Array.isArray(run.cases) || run.counts === undefined || run.iut === undefined)
    throw new JournalError('is no report of mpip check');
  if (run.reportVersion !== REPORT_VERSION)
    throw new JournalError(`has version ${run.reportVersion}, and this mpip reads ${REPORT_VERSION}`);
  return run as RunResult;
}

/** The object of a JSON text; undefined for anything else. */
function parse(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
