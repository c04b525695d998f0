import { CaptureError } from './capture-error.js';
import { CaptureParser, readCapture } from './capture-reader.js';
import { type CaptureSource, captureChunks } from './capture-source.js';
import { type CapturedPacket, copyPacket } from './captured-packet.js';

/** How {@link readMerged} reads. */
export interface ReadMergedOptions {
  /** Called now and then: the place to flush output, to wait for a slow reader, or to stop by returning false. */
  readonly betweenChunks?: () => void | boolean | Promise<void | boolean>;
}

/** A capture that could not be read to its end. */
export interface Damage {
  /** Position among the sources, from 0. */
  readonly source: number;
  readonly error: CaptureError;
}

/** Packets handed out between two calls of `betweenChunks`. */
const CHUNK = 8192;

/**
 * Hands the packets of several captures to `onPacket` in the order of their times, each file's own order kept. One alone is read
 * without a copy; of several, some MiB of each are held.
 * @param onPacket gets each packet, valid until it returns, and the position of its source, from 0
 * @returns the captures that could not be read to their end; everything before the damage has been handed out
 */
export async function readMerged(
  sources: readonly CaptureSource[],
  onPacket: (packet: CapturedPacket, source: number) => void,
  options: ReadMergedOptions = {},
): Promise<Damage[]> {
  if (sources.length === 1) {
    try {
      await readCapture(sources[0]!, (packet) => onPacket(packet, 0), options);
      return [];
    } catch (error) {
      if (error instanceof CaptureError) return [{ source: 0, error }];
      throw error;
    }
  }
  const cursors = sources.map((source) => new Cursor(source));
  try {
    for (let count = 1; ; count++) {
      let next = -1;
      for (let i = 0; i < cursors.length; i++) {
        const cursor = cursors[i]!;
        if (cursor.head === undefined && !cursor.isAtEnd) await cursor.fill();
        if (cursor.head !== undefined && (next < 0 || isBefore(cursor.head, cursors[next]!.head!))) next = i;
      }
      if (next < 0) break;
      onPacket(cursors[next]!.head!, next);
      cursors[next]!.advance();
      if (count % CHUNK === 0 && (await options.betweenChunks?.()) === false) break;
    }
  } finally {
    for (const cursor of cursors) await cursor.close();
  }
  return cursors.flatMap(({ damage }, source) => (damage === undefined ? [] : [{ source, error: damage }]));
}

function isBefore(a: CapturedPacket, b: CapturedPacket): boolean {
  return a.seconds < b.seconds || (a.seconds === b.seconds && a.nanoseconds < b.nanoseconds);
}

/** The packets of one capture, one chunk of the file ahead. */
class Cursor {
  isAtEnd = false;
  damage: CaptureError | undefined;
  #packets: CapturedPacket[] = [];
  #at = 0;
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #parser = new CaptureParser((packet) => this.#packets.push(copyPacket(packet)));

  constructor(source: CaptureSource) {
    this.#chunks = captureChunks(source)[Symbol.asyncIterator]();
  }

  get head(): CapturedPacket | undefined {
    return this.#packets[this.#at];
  }

  advance(): void {
    this.#at++;
  }

  /** Reads until there is a packet, or no more. */
  async fill(): Promise<void> {
    this.#packets = [];
    this.#at = 0;
    try {
      while (this.#packets.length === 0) {
        const { done, value } = await this.#chunks.next();
        if (done) {
          this.isAtEnd = true;
          this.#parser.end();
          return;
        }
        this.#parser.push(value);
      }
    } catch (error) {
      if (!(error instanceof CaptureError)) throw error;
      this.damage = error;
      this.isAtEnd = true;
    }
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }
}
