import {
  type CapturedPacket,
  FINDINGS,
  findingIds,
  type PacketView,
  PcapngFile,
  PcapngWriteError,
} from '../dissector/index.js';
import { VERSION } from '../version.js';
import { finish } from './dissect-end.js';
import { readMergedFiles, Selection } from './dissect-input.js';
import type { DissectRequest } from './dissect-request.js';
import { Exit, type ExitCode, FaultError } from './exit.js';
import { Interrupt } from './interrupt.js';
import type { Output } from './output.js';

const TEXTS = new Map(FINDINGS.map(({ id, text }) => [id, text]));

/**
 * Writes the packets selected to a pcapng file, as they were: times, link types, interfaces, comments. Findings are added as comments.
 * @returns 0, or 4 when a file could not be read to its end
 * @throws FaultError when the file cannot be written
 */
export async function writePackets(request: DissectRequest, output: Output): Promise<ExitCode> {
  const path = request.write!;
  const selection = new Selection(request, true);
  // Before there is a file that a signal could leave unfinished. What reads interfaces has its own end.
  const interrupt =
    request.live === undefined ? new Interrupt(output, 'mpip: interrupted; what was read is written.') : undefined;
  let written: WrittenPackets | undefined;
  let damages: string[];
  try {
    const file = new WrittenPackets(path, request.files, request.live !== undefined);
    written = file;
    const onPacket: Parameters<typeof readMergedFiles>[1] = (packet, index) => {
      const view = selection.take(packet, index);
      if (view !== undefined) file.add(packet, index, view);
    };
    damages = await readMergedFiles(request.files, onPacket, interrupt?.output ?? output, undefined, request.live);
  } finally {
    written?.close();
    interrupt?.end();
  }
  written.report(output, selection.packets);
  const code = await finish(damages, selection.dissector, output);
  return interrupt?.isAsked === true ? Exit.fault : code;
}

/** The file, with an interface for each that the packets come from. */
export class WrittenPackets {
  count = 0;
  readonly #path: string;
  readonly #files: readonly string[];
  readonly #file: PcapngFile;
  readonly #interfaces = new Map<string, number>();

  constructor(
    path: string,
    files: readonly string[],
    private readonly isLive: boolean,
  ) {
    this.#path = path;
    this.#files = files;
    this.#file = this.#do(
      () => new PcapngFile(path === '-' ? '/dev/stdout' : path, { application: `mpip ${VERSION}` }),
    );
  }

  add(packet: CapturedPacket, file: number, view: PacketView): void {
    this.#do(() => {
      this.#file.packet({
        interfaceId: this.#interface(packet, file),
        seconds: packet.seconds,
        nanoseconds: packet.nanoseconds,
        data: packet.buffer.subarray(packet.offset, packet.offset + packet.capturedLength),
        originalLength: packet.originalLength,
        comments: [...(packet.comments ?? []), ...findingComments(view)],
      });
      this.count++;
    });
  }

  close(): void {
    this.#do(() => this.#file.close());
  }

  /** Says what was written. @param packets how many were read */
  report(output: Output, packets: number): void {
    const place = this.#path === '-' ? 'standard output' : this.#path;
    output.error(`mpip: ${this.count} of ${packets} packets written to ${place}.\n`);
  }

  #interface(packet: CapturedPacket, file: number): number {
    const key = `${file} ${packet.interfaceId} ${packet.linkType}`;
    let id = this.#interfaces.get(key);
    if (id === undefined) {
      const source = this.#files[file]!;
      const from = this.isLive ? { name: source } : this.#files.length > 1 ? { description: source } : {};
      id = this.#file.interface({ linkType: packet.linkType, ...from });
      this.#interfaces.set(key, id);
    }
    return id;
  }

  #do<T>(write: () => T): T {
    try {
      return write();
    } catch (error) {
      if (!(error instanceof PcapngWriteError) && (error as NodeJS.ErrnoException).code === undefined) throw error;
      throw new FaultError(`${this.#path} cannot be written: ${(error as Error).message}`);
    }
  }
}

function findingComments(view: PacketView): string[] {
  const near = view.dissector.nearCm;
  return findingIds(view.findings).map((id) => {
    const text = TEXTS.get(id)!;
    return `mpip: ${id}: ${text}${id === 'near-cm' && near !== undefined ? `: ${near}` : ''}`;
  });
}
