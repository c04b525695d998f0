import { fstatSync, promises } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { CaptureError } from './capture-error.js';
import { inflated } from './gzip.js';

/** A path, `-` for standard input, or chunks of bytes (a Readable is such). */
export type CaptureSource = string | AsyncIterable<Uint8Array>;

/** How a file is read. */
export interface ChunkOptions {
  /** Octets read at once; default 4 MiB. */
  readonly readLength?: number;
  /** Octet of the file to begin at, which then must be no gzip; default 0. Of a path only. */
  readonly start?: number;
  /** Told the octets read from the file, as they are stored: before inflating. */
  readonly onRead?: (bytes: number) => void;
}

const READ_LENGTH = 4 << 20;
const BUFFER_START = 48;

/**
 * The bytes of a capture, inflated when they start with the gzip magic. A chunk is valid until the next one is asked for.
 * @throws {CaptureError} `capture-unreadable`, `capture-gzip-damaged`, `capture-truncated`
 */
export async function* captureChunks(
  source: CaptureSource,
  options: ChunkOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const chunks = typeof source === 'string' ? fileChunks(source, options) : source;
  const iterator = chunks[Symbol.asyncIterator]();
  try {
    if (options.start !== undefined) {
      yield* startingWith(new Uint8Array(0), iterator);
      return;
    }
    const first: Uint8Array[] = [];
    let length = 0;
    while (length < 2) {
      const { done, value } = await iterator.next();
      if (done) break;
      if (value.length === 0) continue;
      first.push(length === 0 && value.length >= 2 ? value : value.slice());
      length += value.length;
    }
    const head = first.length === 1 ? first[0]! : Buffer.concat(first);
    const rest = startingWith(head, iterator);
    if (head[0] === 0x1f && head[1] === 0x8b) yield* inflated(rest);
    else yield* rest;
  } finally {
    await iterator.return?.();
  }
}

async function* startingWith(head: Uint8Array, iterator: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (head.length > 0) yield head;
  for (;;) {
    const { done, value } = await iterator.next();
    if (done) return;
    yield value;
  }
}

/** Reads the next chunk while the caller works on this one: two buffers in turn. */
async function* fileChunks(
  path: string,
  { readLength = READ_LENGTH, onRead, start }: ChunkOptions,
): AsyncGenerator<Uint8Array> {
  let file: FileHandle | undefined;
  let ahead: Promise<number> | undefined;
  try {
    if (path === '-' && (process.platform === 'win32' || !fstatSync(0).isFile())) {
      for await (const chunk of process.stdin) yield chunk as Uint8Array;
      return;
    }
    file = await promises.open(path === '-' ? '/dev/stdin' : path, 'r');
    // A small file gets a small buffer: start-up would feel two of 4 MiB.
    const { size } = await file.stat();
    const length = size > 0 && size < readLength ? size + 1 : readLength;
    let current = readBuffer(length);
    let other = readBuffer(length);
    let position = start ?? null;
    ahead = readInto(file, current, position);
    for (;;) {
      const length = await ahead;
      if (length === 0) return;
      if (position !== null) position += length;
      ahead = readInto(file, other, position);
      onRead?.(length);
      yield current.subarray(0, length);
      [current, other] = [other, current];
    }
  } catch (error) {
    throw isSystemError(error) ? unreadable(path, error) : error;
  } finally {
    await ahead?.catch(() => {});
    await file?.close();
  }
}

/**
 * A large allocation starts 16 octets into a page, and the kernel copies from the start of one: that difference makes the copy five times
 * slower on some processors (a store seems to touch what is loaded next, 4 KiB away). 48 octets further on it does not.
 */
function readBuffer(length: number): Uint8Array {
  // Not a Buffer: carried bytes are in a Uint8Array, and one class of array keeps the code that reads them fast.
  return new Uint8Array(Buffer.allocUnsafeSlow(length + BUFFER_START).buffer, BUFFER_START, length);
}

/** @param position null = where the last one ended */
function readInto(file: FileHandle, buffer: Uint8Array, position: number | null): Promise<number> {
  const reading = file.read(buffer, 0, buffer.length, position).then(({ bytesRead }) => bytesRead);
  // An error is dealt with when the bytes are asked for; until then it must not count as unhandled.
  reading.catch(() => {});
  return reading;
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).code === 'string' && 'syscall' in error;
}

function unreadable(path: string, cause: NodeJS.ErrnoException): CaptureError {
  const reasons: Record<string, string> = {
    ENOENT: 'there is no such file',
    EACCES: 'permission is denied',
    EISDIR: 'it is a directory',
  };
  const name = path === '-' ? 'Standard input' : `The capture ${path}`;
  const message = `${name} cannot be read: ${reasons[cause.code ?? ''] ?? cause.message}.`;
  return new CaptureError('capture-unreadable', message, { offset: 0, found: cause.code ?? cause.message, cause });
}
