import { CaptureError } from './capture-error.js';
import { CaptureParser, type ReadCaptureOptions, readCapture } from './capture-reader.js';
import { type CaptureSource, captureChunks } from './capture-source.js';
import { blankPacket, type CapturedPacket } from './captured-packet.js';

/** Octets read ahead of all files together, and of one at least. */
const READ_AHEAD = 16 << 20;
const LEAST_READ = 64 << 10;

/** Called once per packet; `source` is the position of its capture, from 0. The packet is valid until the callback returns. */
export type MergedHandler = (packet: CapturedPacket, source: number) => void;

/** A capture that could not be read to its end. */
export interface Damage {
  /** Position among the sources, from 0. */
  readonly source: number;
  readonly error: CaptureError;
}

/** A file whose packets are handed out one by one. */
class Cursor {
  /** Set when the file could not be read to its end. */
  damage: CaptureError | undefined;
  readonly #chunks: AsyncGenerator<Uint8Array, void, undefined>;
  readonly #parser: CaptureParser;
  /** Packets of the chunk at hand, in objects that are used again. */
  readonly #packets: CapturedPacket[] = [];
  #count = 0;
  #next = 0;
  #chunk: ArrayBufferLike | undefined;
  #isAtEnd = false;

  constructor(
    readonly index: number,
    source: CaptureSource,
    options: ReadCaptureOptions,
  ) {
    this.#chunks = captureChunks(source, options);
    this.#parser = new CaptureParser((packet) => this.#keep(packet));
  }

  /** The next packet; undefined when {@link fill} has to be called first, or at the end. */
  get head(): CapturedPacket | undefined {
    return this.#next < this.#count ? this.#packets[this.#next] : undefined;
  }

  advance(): void {
    this.#next++;
  }

  /** Reads on until there is a packet, or the end. Nothing handed out before is valid any more. */
  async fill(): Promise<void> {
    this.#count = 0;
    this.#next = 0;
    try {
      while (this.#count === 0 && !this.#isAtEnd) {
        const { done, value } = await this.#chunks.next();
        if (done) {
          this.#isAtEnd = true;
          this.#parser.end();
        } else {
          this.#chunk = value.buffer;
          this.#parser.push(value);
        }
      }
    } catch (error) {
      if (!(error instanceof CaptureError)) throw error;
      this.damage = error;
      this.#isAtEnd = true;
    }
  }

  async close(): Promise<void> {
    await this.#chunks.return();
  }

  #keep(packet: CapturedPacket): void {
    const kept = this.#packets[this.#count] ?? blankPacket();
    this.#packets[this.#count++] = Object.assign(kept, packet);
    // What was cut by the end of a chunk stands where the next such packet will.
    if (packet.buffer.buffer !== this.#chunk) {
      kept.buffer = packet.buffer.slice(packet.offset, packet.offset + packet.capturedLength);
      kept.offset = 0;
    }
  }
}

/**
 * Hands out the packets of several captures in the order of their times; of one file in the order of the file. One alone is read
 * without a copy; of several, some MiB are held. A damaged file ends at the damage, the others are read on.
 * @returns the captures that could not be read to their end; everything before the damage has been handed out
 */
export async function readMerged(
  sources: readonly CaptureSource[],
  onPacket: MergedHandler,
  options: ReadCaptureOptions = {},
): Promise<Damage[]> {
  if (sources.length === 1) return readAlone(sources[0]!, onPacket, options);
  const readLength = Math.max(LEAST_READ, Math.min(4 << 20, Math.floor(READ_AHEAD / sources.length)));
  const cursors = sources.map((source, index) => new Cursor(index, source, { ...options, readLength }));
  try {
    for (const cursor of cursors) await cursor.fill();
    for (;;) {
      const first = earliest(cursors, undefined);
      if (first === undefined) break;
      const second = earliest(cursors, first);
      // A run of packets of one file, up to the first that is later than the others' next.
      let head = first.head;
      while (head !== undefined && (second === undefined || !isBefore(second, first))) {
        onPacket(head, first.index);
        first.advance();
        head = first.head;
      }
      if (head === undefined) {
        await first.fill();
        if (options.betweenChunks !== undefined && (await options.betweenChunks()) === false) break;
      }
    }
  } finally {
    for (const cursor of cursors) await cursor.close();
  }
  return cursors.flatMap(({ damage, index }) => (damage === undefined ? [] : [{ source: index, error: damage }]));
}

async function readAlone(
  source: CaptureSource,
  onPacket: MergedHandler,
  options: ReadCaptureOptions,
): Promise<Damage[]> {
  try {
    await readCapture(source, (packet) => onPacket(packet, 0), options);
    return [];
  } catch (error) {
    if (error instanceof CaptureError) return [{ source: 0, error }];
    throw error;
  }
}

/** The file whose next packet is the earliest, the first of equal ones. */
function earliest(cursors: readonly Cursor[], except: Cursor | undefined): Cursor | undefined {
  let best: Cursor | undefined;
  for (const cursor of cursors) {
    if (cursor === except || cursor.head === undefined) continue;
    if (best === undefined || isBefore(cursor, best)) best = cursor;
  }
  return best;
}

function isBefore(a: Cursor, b: Cursor): boolean {
  const one = a.head!;
  const other = b.head!;
  if (one.seconds !== other.seconds) return one.seconds < other.seconds;
  if (one.nanoseconds !== other.nanoseconds) return one.nanoseconds < other.nanoseconds;
  return a.index < b.index;
}
