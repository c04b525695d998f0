import { writeFileSync } from 'node:fs';
import pc from 'picocolors';
import { PassiveRun } from '../conformance/passive/run.js';
import { isBinding } from '../conformance/requirements.js';
import {
  type CapturedPacket,
  type CaptureFinding,
  capturePage,
  Exchanges,
  FINDINGS,
  plainPaint,
  TimeSeries,
} from '../dissector/index.js';
import { FindingBit, findingBits } from '../dissector/packet-findings.js';
import { TimeOrder } from '../io/time-order.js';
import { finish } from './dissect-end.js';
import { readMergedFiles } from './dissect-input.js';
import { Exit, type ExitCode, FaultError } from './exit.js';
import type { Output } from './output.js';

/** Findings about single packets that no requirement says more exactly. */
const OF_PACKETS = ['ambiguous-layout', 'path-zero', 'near-cm', 'cut-short'] as const;

/** What `--findings`, `--html` and `--parquet` look at: the same requirements as `mpip check --capture`, and what is odd about packets. */
export class Study {
  readonly passive = new PassiveRun();
  readonly series = new TimeSeries();
  readonly exchanges = new Exchanges();
  readonly #odd = new Map<string, { count: number; frame: number; source: number }>();

  constructor(readonly files: readonly string[]) {}

  /**
   * Reads the captures, merged by time, packets of each in the order of their times.
   * @param seen called for each packet, after the dissector has inspected it
   * @returns a sentence for each that could not be read to its end
   */
  async read(output: Output, seen?: (packet: CapturedPacket, source: number) => void): Promise<string[]> {
    const { passive, series, exchanges } = this;
    const { tracker, dissector } = passive;
    const inOrder = new TimeOrder((packet, source) => {
      dissector.fileIndex = source;
      passive.see(packet, source);
      series.note(tracker);
      exchanges.note(tracker, dissector.trailer, packet.number);
      const bits = findingBits(dissector, packet, { ip: 'unverified', l4: 'unverified' });
      if (bits !== 0) this.#noteOdd(bits, packet.number, source);
      seen?.(packet, source);
    });
    const damages = await readMergedFiles(this.files, (packet, source) => inOrder.add(packet, source), output);
    inOrder.end();
    return damages;
  }

  #noteOdd(bits: number, frame: number, source: number): void {
    for (const id of OF_PACKETS) {
      if ((bits & FindingBit[id]) === 0) continue;
      const known = this.#odd.get(id);
      if (known === undefined) this.#odd.set(id, { count: 1, frame, source });
      else known.count++;
    }
  }

  /** Everything found, the worst first. */
  findings(): CaptureFinding[] {
    const found: CaptureFinding[] = [];
    for (const { predicate, verdict, finding, place, breaches } of this.passive.end()) {
      if ((verdict !== 'fail' && verdict !== 'inconc') || finding === undefined || place === undefined) continue;
      const { expected, seen, text } = finding;
      const words = expected === undefined || seen === undefined ? text : `${text} Expected ${expected}, seen ${seen}.`;
      found.push({
        severity: verdict === 'inconc' ? 'note' : isBinding(predicate.requirement) ? 'error' : 'warn',
        id: finding.code,
        requirement: predicate.requirement,
        text: words,
        count: breaches,
        file: this.files[place.source]!,
        'frame.number': place.frame,
      });
    }
    for (const { id, severity, text } of FINDINGS) {
      const odd = this.#odd.get(id);
      if (odd === undefined) continue;
      found.push({
        severity,
        id,
        requirement: null,
        text: `${text[0]!.toUpperCase()}${text.slice(1)}.`,
        count: odd.count,
        file: this.files[odd.source]!,
        'frame.number': odd.frame,
      });
    }
    const order = ['error', 'warn', 'note'];
    return found.sort((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity));
  }
}

/** `mpip dissect --findings`. @returns 1 when there is a finding */
export async function printFindings(
  files: readonly string[],
  format: 'text' | 'json' | 'ndjson',
  output: Output,
): Promise<ExitCode> {
  const study = new Study(files);
  const damages = await study.read(output);
  const findings = study.findings();
  const { packets, cmPackets } = study.passive.tracker;
  if (format === 'json') output.out(`${JSON.stringify({ files, packets, mpip: cmPackets, findings }, null, 2)}\n`);
  else if (format === 'ndjson') for (const finding of findings) output.out(`${JSON.stringify(finding)}\n`);
  else {
    const paint = output.colour ? pc.createColors(true) : plainPaint;
    for (const finding of findings) {
      const { severity, requirement, text, id, count } = finding;
      const word = severity === 'note' ? paint.dim('note ') : paint.yellow(severity.padEnd(5));
      const file = files.length > 1 ? ` of ${finding.file}` : '';
      const times = count > 1 ? `, the first of ${count}` : '';
      output.out(
        `${word}  ${(requirement ?? '-').padEnd(11)}  frame ${finding['frame.number']}${file}${times}: ${text} [${id}]\n`,
      );
    }
    if (findings.length === 0)
      output.out(`Nothing found in ${packets} packets, ${cmPackets} of them with a control message.\n`);
  }
  const code = await finish(damages, study.passive.dissector, output);
  return code === Exit.ok && findings.length > 0 ? Exit.fail : code;
}

/** `mpip dissect --html FILE`. */
export async function writePage(files: readonly string[], path: string, output: Output): Promise<ExitCode> {
  const study = new Study(files);
  const damages = await study.read(output);
  const { tracker } = study.passive;
  const page = capturePage(files, tracker, study.series, study.exchanges, study.findings());
  if (path === '-') output.out(page);
  else {
    try {
      writeFileSync(path, page);
    } catch (error) {
      throw new FaultError(`The page ${path} cannot be written: ${(error as Error).message}.`);
    }
  }
  return finish(damages, study.passive.dissector, output);
}
