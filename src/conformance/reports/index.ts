import type { RunResult } from '../result.js';
import { jsonReport, ndjsonReport } from './json.js';
import { textReport } from './text.js';

/** Makes a report of a run. */
export type Renderer = (run: RunResult) => string;

/** Every kind of report; the ones that a run seldom needs are loaded when asked for. */
const LOADERS = {
  text: () => textReport,
  json: () => jsonReport,
  ndjson: () => ndjsonReport,
  junit: async () => (await import('./junit.js')).junitReport,
  tap: async () => (await import('./tap.js')).tapReport,
  markdown: async () => (await import('./markdown.js')).markdownReport,
  html: async () => (await import('./html.js')).htmlReport,
} satisfies Record<string, () => Renderer | Promise<Renderer>>;

/** A kind of report. */
export type ReportKind = keyof typeof LOADERS;

/** Kinds of report, in the order of the documentation. */
export const REPORT_KINDS = Object.keys(LOADERS) as readonly ReportKind[];

/** What makes one kind of report, loaded: nothing is read from a file when it is used. */
export async function loadRenderer(kind: ReportKind): Promise<Renderer> {
  const render = await LOADERS[kind]();
  return (run) => render(run);
}

/** A run as one report. */
export async function renderReport(run: RunResult, kind: ReportKind): Promise<string> {
  return (await loadRenderer(kind))(run);
}
