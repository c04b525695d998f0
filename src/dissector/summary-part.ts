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
  /** The file's octets before its first packet. */
  readonly head: Uint8Array;
  /** Where a record or block begins. */
  readonly start: number;
  /** What begins here or later belongs to the next part. */
  readonly end: number;
  readonly checksums: boolean;
}

/** What was found in a part. */
export interface PartResult {
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
  const parser = new CaptureParser((packet) => summary.add(dissector, packet));
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
export type PartConflict = 'join' | 'descriptions' | 'state';

/**
 * Looks whether parts, each summed up knowing nothing of the others, give what the whole would: their ends meet, nothing that one has
 * learned changes how a later one reads.
 * @returns the first reason why not, or undefined
 */
export function conflictOf(parts: readonly PartResult[]): PartConflict | undefined {
  const past = new Past();
  for (const [index, part] of parts.entries()) {
    const previous = parts[index - 1];
    if (previous !== undefined) {
      if (previous.damage !== undefined) return undefined;
      if (previous.end !== part.start) return 'join';
      if (previous.hasDescriptions) return 'descriptions';
      if (part.learned.hasAmbiguous) return 'state';
    }
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
