import { closeSync, ftruncateSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import picocolors from 'picocolors';
import {
  CASES,
  type CaseResult,
  formatKnownFailing,
  journalLine,
  loadRenderer,
  PLAIN,
  type Renderer,
  type ReportKind,
  type RunHead,
  type RunResult,
  textReport,
  updatedKnownFailing,
  withKnownFailing,
} from '../conformance/index.js';
import type { KnownFailingPlan, ReportTarget } from './check-options.js';
import { FaultError } from './exit.js';

/** The file beside the evidence that has a line for each case that has ended. */
export const JOURNAL_NAME = 'journal.ndjson';

/** A report with what makes it. */
interface OpenReport {
  readonly kind: ReportKind;
  /** Undefined for standard output. */
  readonly file: OutputFile | undefined;
  readonly render: Renderer;
}

/** A file that is written after a run, or while it goes on, perhaps by a process that could not open it any more. */
class OutputFile {
  #fd: number | undefined;

  /** @param keepOpen whether to open it now; it keeps what it holds until it is written. @throws FaultError */
  constructor(
    private readonly what: string,
    readonly path: string,
    keepOpen: boolean,
  ) {
    if (!keepOpen) return;
    try {
      this.#fd = openSync(path, 'a');
    } catch (error) {
      throw this.#unwritable(error);
    }
  }

  /** Adds a line to what is written while the run goes on. @throws FaultError */
  append(line: string): void {
    try {
      this.#fd ??= openSync(this.path, 'a');
      writeFileSync(this.#fd, line);
    } catch (error) {
      throw this.#unwritable(error);
    }
  }

  /** Takes away what an earlier run left. @throws FaultError */
  empty(): void {
    try {
      this.#fd ??= openSync(this.path, 'a');
      truncate(this.#fd);
    } catch (error) {
      throw this.#unwritable(error);
    }
  }

  /** @throws FaultError */
  write(text: string): void {
    try {
      if (this.#fd === undefined) writeFileSync(this.path, text);
      else this.#writeOpen(this.#fd, text);
    } catch (error) {
      throw this.#unwritable(error);
    }
  }

  #writeOpen(fd: number, text: string): void {
    truncate(fd);
    writeFileSync(fd, text);
    closeSync(fd);
  }

  #unwritable(error: unknown): FaultError {
    return new FaultError(`${this.what} ${this.path} cannot be written: ${(error as Error).message}.`);
  }
}

function truncate(fd: number): void {
  try {
    ftruncateSync(fd);
  } catch {
    // A pipe or a terminal has nothing to take away.
  }
}

/** What a run leaves in files and on standard output. */
export class CheckOutputs {
  private constructor(
    private readonly reports: readonly OpenReport[],
    private readonly knownFailing: KnownFailingPlan | undefined,
    private readonly knownFile: OutputFile | undefined,
  ) {}

  /** Files that get a line for each case as it ends, so that a killed run loses none: the NDJSON reports, and one beside the evidence. */
  readonly #journals: OutputFile[] = [];

  /**
   * Begins the journal of a run.
   * @param folder that of the evidence, as this process finds it; undefined without evidence.
   * @throws FaultError
   */
  begin(head: RunHead, folder: string | undefined): void {
    if (folder !== undefined) this.#journals.push(new OutputFile('The journal', join(folder, JOURNAL_NAME), false));
    for (const { kind, file } of this.reports) if (kind === 'ndjson' && file !== undefined) this.#journals.push(file);
    for (const journal of this.#journals) {
      journal.empty();
      journal.append(journalLine.head(head));
    }
  }

  /** Notes a case that has ended. @throws FaultError */
  note(result: CaseResult): void {
    for (const journal of this.#journals) journal.append(journalLine.case(result));
  }

  /**
   * Prepares everything, so that afterwards nothing has to be read or opened.
   * @param keepOpen whether to open the files now.
   * @throws FaultError for a file that cannot be written.
   */
  static async open(
    targets: readonly ReportTarget[],
    knownFailing: KnownFailingPlan | undefined,
    keepOpen: boolean,
  ): Promise<CheckOutputs> {
    const reports: OpenReport[] = [];
    for (const { kind, path } of targets) {
      const file = path === '-' ? undefined : new OutputFile('The report', path, keepOpen);
      reports.push({ kind, file, render: await loadRenderer(kind) });
    }
    const knownFile =
      knownFailing?.update === true ? new OutputFile('The file', knownFailing.path, keepOpen) : undefined;
    return new CheckOutputs(reports, knownFailing, knownFile);
  }

  /**
   * The run beside what is known to fail; with `--update-known-failing` the file is brought up to date.
   * @param cases those that exist
   * @throws FaultError
   */
  compared(run: RunResult, cases: readonly { readonly id: string }[] = CASES): RunResult {
    if (this.knownFailing === undefined) return run;
    const catalogue = new Set(cases.map(({ id }) => id));
    const { entries, text } = this.knownFailing;
    if (this.knownFile === undefined) return withKnownFailing(run, entries, catalogue);
    const updated = updatedKnownFailing(run, entries, catalogue);
    this.knownFile.write(formatKnownFailing(updated, text));
    return withKnownFailing(run, updated, catalogue);
  }

  /**
   * Writes the reports that were asked for; the text goes to standard output unless another report does.
   * @throws FaultError
   */
  write(run: RunResult): void {
    const written: string[] = [];
    for (const { kind, file, render } of this.reports) {
      if (file === undefined) continue;
      file.write(render(run));
      written.push(`${file.path} (${kind})`);
    }
    const toStdout = this.reports.find(({ file }) => file === undefined);
    if (toStdout !== undefined) process.stdout.write(toStdout.render(run));
    if (toStdout?.kind === 'text') return;
    const stream = toStdout === undefined ? process.stdout : process.stderr;
    const isColoured = stream.isTTY && process.env.NO_COLOR === undefined;
    stream.write(
      textReport(run, {
        reports: written,
        colours: isColoured ? picocolors.createColors(true) : PLAIN,
        ...(stream.isTTY ? { width: stream.columns } : {}),
      }),
    );
  }
}
