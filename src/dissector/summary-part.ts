import type { CaptureErrorCode } from '../io/capture-error.js';
import { CaptureError } from '../io/capture-error.js';
import { CaptureParser } from '../io/capture-reader.js';
import { captureChunks } from '../io/capture-source.js';
import { Dissector, type LearnedState } from './dissector.js';
import { MAX_SENDERS } from './sender-layouts.js';
import { Summary, type SummaryState } from './summary.js';
import { MAX_PAIRS, MAX_SESSIONS, nodeKey } from './tcp-sessions.js';

/** A part of a capture file, to be summed up by itself. */
export interface PartRequest {
  readonly path: string;
  /** Position of the file among those that are summed up; default 0. */
  readonly file?: number;
  /** The file's octets before its first packet. */
  readonly head: Uint8Array;
  /** Where a record or block begins. */
  readonly start: number;
  /** What begins here or later belongs to the next part. */
  readonly end: number;
  readonly checksums: boolean;
}

/** A time of the capture. */
interface Moment {
  readonly seconds: number;
  readonly nanoseconds: number;
}

/** What was found in a part. */
export interface PartResult {
  readonly file: number;
  /** Time of its first packet, and the latest time of all; undefined when it has no packet. */
  readonly first: Moment | undefined;
  readonly latest: Moment | undefined;
  readonly start: number;
  /** Where the next part begins: the end of the last record. */
  readonly end: number;
  readonly summary: SummaryState;
  readonly learned: LearnedState;
  readonly unread: { readonly unknownLinkType: number; readonly cutShort: number };
  /** pcapng: something was met that says how later packets are to be read. */
  readonly hasDescriptions: boolean;
  readonly damage: DamageState | undefined;
}

/** A {@link CaptureError} that can be sent between threads. */
export interface DamageState {
  readonly code: CaptureErrorCode;
  readonly message: string;
  readonly offset: number;
}

/**
 * Sums up a part of a capture.
 * @param betweenChunks told the octets read so far; false stops
 */
export async function summarisePart(
  request: PartRequest,
  betweenChunks: (bytes: number) => Promise<boolean> = async () => true,
): Promise<PartResult> {
  const { path, head, start, end, checksums } = request;
  const dissector = new Dissector();
  const summary = new Summary({ checksums });
  let first: Moment | undefined;
  let seconds = 0;
  let nanoseconds = 0;
  const parser = new CaptureParser((packet) => {
    summary.add(dissector, packet);
    if (first === undefined) first = { seconds: packet.seconds, nanoseconds: packet.nanoseconds };
    else if (packet.seconds < seconds || (packet.seconds === seconds && packet.nanoseconds < nanoseconds)) return;
    ({ seconds, nanoseconds } = packet);
  });
  let damage: DamageState | undefined;
  let described = 0;
  try {
    parser.push(head);
    described = parser.descriptions;
    parser.seek(start);
    await readPart(parser, path, start, end, betweenChunks);
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
    damage = { code: error.code, message: error.message, offset: error.offset };
  }
  return {
    file: request.file ?? 0,
    first,
    latest: first === undefined ? undefined : { seconds, nanoseconds },
    start,
    end: parser.offset,
    summary: summary.state(),
    learned: dissector.learned(),
    unread: dissector.unread,
    hasDescriptions: parser.descriptions > described,
    damage,
  };
}

/** Feeds the octets of a part, and then what completes its last record. */
async function readPart(
  parser: CaptureParser,
  path: string,
  start: number,
  end: number,
  betweenChunks: (bytes: number) => Promise<boolean>,
): Promise<void> {
  let left = end - start;
  for await (const chunk of captureChunks(path, { start })) {
    let at = 0;
    while (at < chunk.length) {
      const wanted = left > 0 ? left : parser.missing;
      if (wanted === 0) return;
      const piece = chunk.subarray(at, at + wanted);
      parser.push(piece);
      at += piece.length;
      left -= Math.min(left, piece.length);
    }
    if (!(await betweenChunks(chunk.length))) return;
  }
  parser.end();
}

/** Why the results of parts are not those of the whole. */
export type PartConflict = 'join' | 'descriptions' | 'state' | 'order';

/**
 * The parts in the order of their packets: those of a file one after the other, files by their first packets. What is behind a damage
 * of a file is left out.
 */
export function partsInOrder(parts: readonly PartResult[]): PartResult[] {
  const files = new Map<number, PartResult[]>();
  for (const part of parts) {
    const ofFile = files.get(part.file) ?? [];
    files.set(part.file, ofFile);
    if (ofFile.at(-1)?.damage === undefined) ofFile.push(part);
  }
  const firstOf = (ofFile: readonly PartResult[]) => ofFile.find(({ first }) => first !== undefined)?.first;
  return [...files.values()]
    .sort((a, b) => compare(firstOf(a) ?? LATEST, firstOf(b) ?? LATEST) || a[0]!.file - b[0]!.file)
    .flat();
}

const LATEST: Moment = { seconds: Number.POSITIVE_INFINITY, nanoseconds: 0 };

/** Below 0 when `a` is earlier than `b`. */
function compare(a: Moment, b: Moment): number {
  return a.seconds === b.seconds ? a.nanoseconds - b.nanoseconds : a.seconds < b.seconds ? -1 : 1;
}

/**
 * Looks whether parts, each summed up knowing nothing of the others, give what the whole would: their ends meet, files follow each
 * other in time, nothing that one has learned changes how a later one reads.
 * @param parts as {@link partsInOrder} gives them
 * @returns the first reason why not, or undefined
 */
export function conflictOf(parts: readonly PartResult[]): PartConflict | undefined {
  const past = new Past();
  let latest: { readonly moment: Moment; readonly file: number } | undefined;
  for (const [index, part] of parts.entries()) {
    const previous = parts[index - 1];
    if (previous?.file === part.file) {
      if (previous.end !== part.start) return 'join';
      if (previous.hasDescriptions) return 'descriptions';
    }
    if (previous !== undefined && part.learned.hasAmbiguous) return 'state';
    if (latest !== undefined && latest.file !== part.file && part.first !== undefined) {
      const order = compare(latest.moment, part.first);
      // Of equal times, the file that was named first comes first.
      if (order > 0 || (order === 0 && latest.file > part.file)) return 'order';
    }
    if (part.latest !== undefined && (latest === undefined || compare(latest.moment, part.latest) <= 0))
      latest = { moment: part.latest, file: part.file };
    if (!past.agrees(part)) return 'state';
  }
  return undefined;
}

/** What the parts so far have learned together. */
class Past {
  readonly #layouts = new Map<number, number>();
  /** Pairs of ports of sessions seen as TCP. */
  readonly #pairs = new Map<string, number>();

  /** Adds what a part has learned. @returns false when it would have read otherwise, had it known what the parts before it have */
  agrees({ learned, summary }: PartResult): boolean {
    const { senders, tcpSessions } = learned;
    for (let at = 0; at < senders.length; at += 2) {
      const word = senders[at + 1]!;
      const sender = senders[at]! * 65536 + (word & 0xffff);
      const layout = word >>> 16;
      if ((this.#layouts.get(sender) ?? layout) !== layout) return false;
      this.#layouts.set(sender, layout);
    }
    // A datagram of a session that an earlier part has seen as TCP may be a wrapper.
    if (this.#pairs.size > 0) {
      for (const { nodeId, isFull, paths } of summary.nodes) {
        const node = nodeKey(nodeId, isFull);
        if (paths.some(({ key, udp }) => udp > 0 && this.#pairs.has(`${node} ${key >>> 16}`))) return false;
      }
    }
    for (const { node, session, pairs } of tcpSessions) {
      const key = `${node} ${session}`;
      const sum = (this.#pairs.get(key) ?? 0) + pairs;
      // What is beyond the limit is forgotten, the oldest first.
      if (sum > MAX_PAIRS) return false;
      this.#pairs.set(key, sum);
    }
    return this.#layouts.size < MAX_SENDERS && this.#pairs.size < MAX_SESSIONS;
  }
}
