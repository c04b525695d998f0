import type { RunResult } from '../result.js';

/** The whole result as one JSON document; docs/schema/check-report.schema.json describes it. */
export function jsonReport(run: RunResult): string {
  return `${JSON.stringify(run, null, 2)}\n`;
}

/**
 * The result as lines of JSON: first the run, then a line for each case and each requirement, last the summary. `type` is `run`,
 * `case`, `requirement` or `summary`.
 */
export function ndjsonReport(run: RunResult): string {
  const { cases, requirements, verdict, counts, isInterrupted, durationMs, ...head } = run;
  const lines = [
    { type: 'run', ...head },
    ...cases.map((result) => ({ type: 'case', ...result })),
    ...requirements.map((result) => ({ type: 'requirement', ...result })),
    { type: 'summary', verdict, counts, isInterrupted, durationMs },
  ];
  return `${lines.map((line) => JSON.stringify(line)).join('\n')}\n`;
}
