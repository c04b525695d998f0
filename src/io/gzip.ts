import { createGunzip, type Gunzip } from 'node:zlib';
import { CaptureError } from './capture-error.js';

/** Compressed bytes given to zlib at once: bounds what a gzip bomb can put into memory before the next packet is looked at. */
const INPUT_LENGTH = 32 << 10;
/** zlib does not hand out what it has of a piece that it fails in, so this many bytes may be lost. */
const OUTPUT_LENGTH = 16 << 10;
/** Compressed bytes kept, so that what is lost at damage can be had by inflating them once more, octet by octet. */
const KEPT_LENGTH = 8 << 20;

/** A gunzip stream that is fed by hand and gives its output when asked. */
class Inflater {
  failure: NodeJS.ErrnoException | undefined;
  /** Bytes inflated so far. */
  total = 0;
  readonly #stream: Gunzip = createGunzip({ chunkSize: OUTPUT_LENGTH });
  readonly #ended: Promise<void>;
  #ready: Uint8Array[] = [];
  #written: () => void = () => {};

  constructor() {
    this.#stream.on('data', (data: Uint8Array) => {
      this.total += data.length;
      this.#ready.push(data);
    });
    this.#stream.on('error', (error) => {
      this.failure = error;
    });
    // A write that fails is never called back.
    this.#stream.once('close', () => this.#written());
    this.#ended = new Promise((resolve) => this.#stream.once('end', resolve).once('close', resolve));
  }

  /** Resolves when the piece has been inflated or has failed; it may be reused then. */
  async write(piece: Uint8Array): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#written = resolve;
      this.#stream.write(piece, () => resolve());
    });
  }

  async end(): Promise<void> {
    if (this.failure === undefined) this.#stream.end();
    await this.#ended;
  }

  take(): Uint8Array[] {
    const taken = this.#ready;
    this.#ready = [];
    return taken;
  }

  destroy(): void {
    this.#stream.destroy();
  }
}

/**
 * Inflates gzip data, several members too.
 * @throws CaptureError `capture-truncated` or `capture-gzip-damaged`, after every byte before the damage (beyond 8 MiB of compressed data
 * up to 16 KiB before it may be missing)
 */
export async function* inflated(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const inflater = new Inflater();
  let kept: Uint8Array[] = [];
  let keptLength = 0;
  try {
    for await (const chunk of chunks) {
      for (let at = 0; at < chunk.length && inflater.failure === undefined; at += INPUT_LENGTH) {
        const piece = chunk.subarray(at, at + INPUT_LENGTH);
        keptLength += piece.length;
        if (keptLength <= KEPT_LENGTH) kept.push(piece.slice());
        else kept = [];
        await inflater.write(piece);
        yield* inflater.take();
      }
      if (inflater.failure !== undefined) break;
    }
    await inflater.end();
    yield* inflater.take();
  } finally {
    inflater.destroy();
  }
  const { failure, total } = inflater;
  if (failure === undefined) return;
  let length = total;
  if (failure.code !== 'Z_BUF_ERROR' && kept.length > 0) {
    const lost = await lostBefore(kept, total);
    length += lost.length;
    if (lost.length > 0) yield lost;
  }
  throw damage(failure, length);
}

/** What inflating `pieces` gives beyond `total` bytes when the last of them, which fails, comes octet by octet. */
async function lostBefore(pieces: readonly Uint8Array[], total: number): Promise<Uint8Array> {
  const inflater = new Inflater();
  const lost: Uint8Array[] = [];
  const collect = () => {
    let start = inflater.total;
    const parts = inflater.take();
    for (const part of parts) start -= part.length;
    for (const part of parts) {
      if (start + part.length > total) lost.push(part.subarray(Math.max(0, total - start)));
      start += part.length;
    }
  };
  try {
    for (const piece of pieces.slice(0, -1)) {
      await inflater.write(piece);
      collect();
    }
    const last = pieces.at(-1)!;
    for (let at = 0; at < last.length && inflater.failure === undefined; at++) {
      await inflater.write(last.subarray(at, at + 1));
    }
    await inflater.end();
    collect();
  } finally {
    inflater.destroy();
  }
  return Buffer.concat(lost);
}

function damage(cause: NodeJS.ErrnoException, offset: number): CaptureError {
  if (cause.code === 'Z_BUF_ERROR') {
    const message = `The gzip data are truncated: they end after ${offset} inflated bytes, before their end mark.`;
    return new CaptureError('capture-truncated', message, { offset, found: offset, cause });
  }
  const message = `The gzip data are damaged after ${offset} inflated bytes (${cause.message}): nothing after that can be read.`;
  return new CaptureError('capture-gzip-damaged', message, { offset, found: cause.message, cause });
}
