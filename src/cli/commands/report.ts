import { readFileSync } from 'node:fs';
import type { CommandModule } from 'yargs';
import {
  diffExitCode,
  diffReports,
  exitCodeOf,
  JournalError,
  type RunResult,
  readRun,
} from '../../conformance/index.js';
import { diffMarkdown, diffText } from '../../conformance/reports/diff.js';
import { reportsOf } from '../check-options.js';
import { CheckOutputs } from '../check-outputs.js';
import { FaultError, UsageError } from '../exit.js';
import { oneOf, repeatable, restoreDash, single } from '../options.js';

interface ReportArguments {
  readonly action: string | undefined;
  readonly files: string[] | undefined;
  readonly format: string | undefined;
  readonly report: string[];
}

const command: CommandModule<object, ReportArguments> = {
  command: 'report [action] [files..]',
  describe: 'compare reports of mpip check, or make other kinds of them',
  builder: (yargs) =>
    yargs
      .usage(
        'mpip report diff BEFORE.json AFTER.json [--format text|json|markdown]\n\nCompares two JSON reports of mpip check: what fails anew, still fails, is fixed, can no longer be told. Exit code: 1 something fails anew, 3 something can no longer be told or is no longer played, 0 otherwise.\n\nmpip report render FILE [--report KIND=PATH]...\n\nMakes other reports of a JSON or NDJSON report, or of the journal.ndjson that a killed run left beside its evidence. Exit code: as of mpip check.',
      )
      .positional('action', { describe: 'diff or render', type: 'string' })
      .positional('files', {
        describe: 'for diff two reports, the earlier first; for render one',
        type: 'string',
        array: true,
      })
      .option('format', single('of diff: text, json or markdown (default text)'))
      .option('report', repeatable('of render: KIND=PATH as for mpip check')) as never,
  handler: async (argv) => {
    const { action, format } = argv;
    const files = (argv.files ?? []).map(restoreDash);
    if (action === 'render') {
      if (files.length !== 1) throw new UsageError(`Give one report or journal to render, not ${files.length}.`);
      return (await render(files[0]!, argv)) as never;
    }
    if (action !== 'diff') {
      throw new UsageError('Say what to do: mpip report diff BEFORE.json AFTER.json, or mpip report render FILE.');
    }
    if (argv.report.length > 0) throw new UsageError('--report belongs to mpip report render.');
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

/** Makes other reports of one that was written, or of the journal of a run that was killed. */
async function render(path: string, argv: ReportArguments): Promise<number> {
  if (argv.format !== undefined) throw new UsageError('--format belongs to mpip report diff; give --report KIND=PATH.');
  const outputs = await CheckOutputs.open(reportsOf(argv.report), undefined, false);
  const run = readReport(path);
  outputs.write(run);
  return exitCodeOf(run);
}

/**
 * Reads a report in JSON or NDJSON, or a journal; `-` is standard input.
 * @throws FaultError when the file cannot be read or holds something else.
 */
function readReport(path: string): RunResult {
  let text: string;
  try {
    text = readFileSync(path === '-' ? 0 : path, 'utf8');
  } catch (error) {
    throw new FaultError(`The report ${path} cannot be read: ${(error as Error).message}.`);
  }
  try {
    return readRun(text);
  } catch (error) {
    if (!(error instanceof JournalError)) throw error;
    throw new FaultError(`The file ${path} ${error.message}; write one with mpip check --report json=PATH.`);
  }
}
