import { readFileSync } from 'node:fs';
import type { CommandModule } from 'yargs';
import { diffExitCode, diffReports, REPORT_VERSION, type RunResult } from '../../conformance/index.js';
import { diffMarkdown, diffText } from '../../conformance/reports/diff.js';
import { FaultError, UsageError } from '../exit.js';
import { oneOf, single } from '../options.js';

interface ReportArguments {
  readonly action: string | undefined;
  readonly files: string[] | undefined;
  readonly format: string | undefined;
}

const command: CommandModule<object, ReportArguments> = {
  command: 'report [action] [files..]',
  describe: 'compare two reports of mpip check',
  builder: (yargs) =>
    yargs
      .usage(
        'mpip report diff BEFORE.json AFTER.json [--format text|json|markdown]\n\nCompares two JSON reports of mpip check: what fails anew, still fails, is fixed, can no longer be told. Exit code: 1 something fails anew, 3 something can no longer be told or is no longer played, 0 otherwise.',
      )
      .positional('action', { describe: 'diff', type: 'string' })
      .positional('files', { describe: 'two JSON reports, the earlier first', type: 'string', array: true })
      .option('format', single('text, json or markdown (default text)')) as never,
  handler: async ({ action, files = [], format }) => {
    if (action !== 'diff') {
      throw new UsageError('Say what to do with the reports: mpip report diff BEFORE.json AFTER.json.');
    }
    if (files.length !== 2) {
      throw new UsageError(`Give two reports to compare, the earlier first, not ${files.length}.`);
    }
    const shape = oneOf('--format', format ?? 'text', ['text', 'json', 'markdown'] as const);
    const diff = diffReports(readReport(files[0]!), readReport(files[1]!));
    process.stdout.write(
      shape === 'json'
        ? `${JSON.stringify(diff, null, 2)}\n`
        : shape === 'markdown'
          ? diffMarkdown(diff)
          : diffText(diff),
    );
    return diffExitCode(diff) as never;
  },
};

export default command;

/**
 * Reads a JSON report.
 * @throws FaultError when the file cannot be read or holds something else.
 */
function readReport(path: string): RunResult {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new FaultError(`The report ${path} cannot be read: ${(error as Error).message}.`);
  }
  const what = 'write one with mpip check --report json=PATH';
  let report: Partial<RunResult> | null;
  try {
    report = JSON.parse(text) as Partial<RunResult> | null;
  } catch {
    throw new FaultError(`The file ${path} holds no JSON; ${what}.`);
  }
  if (
    report?.tool !== 'mpip' ||
    !Array.isArray(report.cases) ||
    report.counts === undefined ||
    report.iut === undefined
  ) {
    throw new FaultError(`The file ${path} is no report of mpip check; ${what}.`);
  }
  if (report.reportVersion !== REPORT_VERSION) {
    throw new FaultError(
      `The report ${path} has version ${report.reportVersion}, this mpip reads ${REPORT_VERSION}; ${what} anew.`,
    );
  }
  return report as RunResult;
}
