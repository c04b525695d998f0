import { closeSync, ftruncateSync, openSync, writeFileSync } from 'node:fs';
import picocolors from 'picocolors';
import {
  CASES,
  formatKnownFailing,
  loadRenderer,
  PLAIN,
  type Renderer,
  type ReportKind,
  type RunResult,
  textReport,
  updatedKnownFailing,
  withKnownFailing,
} from '../conformance/index.js';
import type { KnownFailingPlan, ReportTarget } from './check-options.js';
import { FaultError } from './exit.js';

/** A report with what makes it. */
interface OpenReport {
  readonly kind: ReportKind;
  /** Undefined for standard output. */
  readonly file: OutputFile | undefined;
  readonly render: Renderer;
}

/** A file that is written after a run, perhaps by a process that could not open it any more. */
class OutputFile {
  readonly #fd: number | undefined;

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
    try {
      ftruncateSync(fd);
    } catch {
      // A pipe or a terminal has nothing to take away.
    }
    writeFileSync(fd, text);
    closeSync(fd);
  }

  #unwritable(error: unknown): FaultError {
    return new FaultError(`${this.what} ${this.path} cannot be written: ${(error as Error).message}.`);
  }
}

/** What a run leaves in files and on standard output. */
export class CheckOutputs {
  private constructor(
    private readonly reports: readonly OpenReport[],
    private readonly knownFailing: KnownFailingPlan | undefined,
    private readonly knownFile: OutputFile | undefined,
  ) {}

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
   * The run beside what is known to fail; with `--update-known-failing` the file is written anew.
   * @throws FaultError
   */
  compared(run: RunResult): RunResult {
    if (this.knownFailing === undefined) return run;
    const catalogue = new Set(CASES.map(({ id }) => id));
    const { entries } = this.knownFailing;
    if (this.knownFile === undefined) return withKnownFailing(run, entries, catalogue);
    const updated = updatedKnownFailing(run, entries, catalogue);
    this.knownFile.write(formatKnownFailing(updated));
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
