import {
  type CapturedPacket,
  type CaptureError,
  Dissector,
  FragmentJoiner,
  needsAnalysis,
  PacketView,
  readMerged,
} from '../dissector/index.js';
import type { DissectRequest, LiveRequest } from './dissect-request.js';
import type { Output } from './output.js';
import { ReadingProgress } from './reading-progress.js';

/** Picks the packets of a request, with what is known of each. */
export class Selection {
  readonly dissector: Dissector;
  readonly view: PacketView;
  /** Packets looked at so far. */
  packets = 0;
  readonly #request: DissectRequest;
  readonly #analyses: boolean;
  readonly #joiner: FragmentJoiner | undefined;

  /** @param printsAnalysis whether what is printed tells of packets beside those before them */
  constructor(request: DissectRequest, printsAnalysis: boolean) {
    this.#request = request;
    // A filter selects among all packets, so what ordinary ones are worth is looked for too.
    this.dissector = new Dissector({ nearCms: request.all || request.filter !== undefined });
    this.view = new PacketView(this.dissector, request);
    this.#joiner = request.reassemble === true ? new FragmentJoiner() : undefined;
    this.#analyses = printsAnalysis || request.filter?.needsAnalysis === true;
  }

  /** @returns the view of the packet when it is selected; it serves for the next packet too */
  take(packet: CapturedPacket, file: number): PacketView | undefined {
    const { view, dissector } = this;
    const { filter, all, files } = this.#request;
    this.packets++;
    dissector.fileIndex = file;
    if (files.length > 1) view.file = files[file];
    const hasCm = view.inspect(this.#joiner?.join(packet) ?? packet);
    if (hasCm && this.#analyses) view.analysis;
    return (filter === undefined ? hasCm || all : filter.matches(view)) ? view : undefined;
  }
}

/** What is said when no packet is selected. */
export function noneMatches(packets: number): string {
  return `mpip: packets read: ${packets}; none matches the filter.\n`;
}

/** Whether records with these fields, none = all of them, tell of packets beside those before them. */
export function printsAnalysis(fields: DissectRequest['fields']): boolean {
  return fields.length === 0 || fields.some((field) => needsAnalysis(field));
}

/**
 * Reads the files, merged by time, or the interfaces of that name.
 * @param flush called some times a second: hands over what has been gathered
 * @returns a sentence for each file that could not be read to its end
 */
export async function readMergedFiles(
  files: readonly string[],
  onPacket: (packet: CapturedPacket, file: number) => void,
  output: Output,
  flush: () => void = () => {},
  live?: LiveRequest,
): Promise<string[]> {
  if (live !== undefined) {
    const { readInterfaces } = await import('./dissect-live.js');
    return readInterfaces(files, live, onPacket, output, flush);
  }
  const progress = new ReadingProgress(files, output);
  const betweenChunks = async () => {
    flush();
    await output.flush();
    progress.show();
    return output.isOpen;
  };
  try {
    const damages = await readMerged(files, onPacket, { betweenChunks, onRead: (bytes) => progress.add(bytes) });
    return damages.map(({ source, error }) => sentenceOf(error, files[source]!));
  } finally {
    progress.clear();
  }
}

function sentenceOf(error: CaptureError, file: string): string {
  const name = file === '-' ? 'standard input' : file;
  return error.code === 'capture-unreadable' ? error.message : `${name}: ${error.message}`;
}
