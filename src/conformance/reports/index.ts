import type { RunResult } from '../result.js';
import { jsonReport, ndjsonReport } from './json.js';
import { textReport } from './text.js';

/** Every kind of report; the ones that a run seldom needs are loaded when asked for. */
const RENDERERS = {
  text: (run: RunResult) => textReport(run),
  json: jsonReport,
  ndjson: ndjsonReport,
  junit: async (run: RunResult) => (await import('./junit.js')).junitReport(run),
  tap: async (run: RunResult) => (await import('./tap.js')).tapReport(run),
  markdown: async (run: RunResult) => (await import('./markdown.js')).markdownReport(run),
  html: async (run: RunResult) => (await import('./html.js')).htmlReport(run),
};

/** A kind of report. */
export type ReportKind = keyof typeof RENDERERS;

/** Kinds of report, in the order of the documentation. */
export const REPORT_KINDS = Object.keys(RENDERERS) as readonly ReportKind[];

/** A run as one report. */
export async function renderReport(run: RunResult, kind: ReportKind): Promise<string> {
  return await RENDERERS[kind](run);
}
