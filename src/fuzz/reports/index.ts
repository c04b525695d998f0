import type { RunSummary } from '../summary.js';
import { textReport } from './text.js';

/** Every kind of report; the ones that a run seldom needs are loaded when asked for. */
const RENDERERS = {
  text: (summary: RunSummary) => textReport(summary),
  json: (summary: RunSummary) => `${JSON.stringify(summary, null, 2)}\n`,
  junit: async (summary: RunSummary) => (await import('./junit.js')).junitReport(summary),
  markdown: async (summary: RunSummary) => (await import('./markdown.js')).markdownReport(summary),
  sarif: async (summary: RunSummary) => (await import('./sarif.js')).sarifReport(summary),
};

/** A kind of report of a fuzz run. */
export type FuzzReportKind = keyof typeof RENDERERS;

/** Kinds of report, in the order of the documentation. */
export const FUZZ_REPORT_KINDS = Object.keys(RENDERERS) as readonly FuzzReportKind[];

/** A run as one report. */
export async function renderFuzzReport(summary: RunSummary, kind: FuzzReportKind): Promise<string> {
  return await RENDERERS[kind](summary);
}
