import { CaptureError } from './capture-error.js';
import { type CaptureSource, type ChunkOptions, captureChunks } from './capture-source.js';
import { type CapturedPacket, copyPacket, type FormatParser, type PacketHandler } from './captured-packet.js';
import { PcapParser, pcapVariant } from './pcap.js';
import { PcapngParser } from './pcapng.js';
import { BLOCK_SECTION_HEADER } from './pcapng-format.js';

const MAGIC_LENGTH = 4;

/**
 * A capture file without its I/O: chunks of any size in, packets out through the callback. Bytes are copied only when a record is cut
 * by the end of a chunk, and then only those of that record.
 */
export class CaptureParser {
  readonly #onPacket: PacketHandler;
  #format: FormatParser | undefined;
  /** The start of a record whose end has not arrived. */
  #carry = new Uint8Array(4096);
  #carryView = new DataView(this.#carry.buffer);
  #carried = 0;
  /** Offset in the file of the first byte not consumed (the carried bytes included). */
  #offset = 0;

  constructor(onPacket: PacketHandler) {
    this.#onPacket = onPacket;
  }

  /** Bytes of the (inflated) file that whole records have used up. */
  get offset(): number {
    return this.#offset;
  }

  /** Octets that complete the record or block that has begun, as far as is known yet; 0 between two of them. */
  get missing(): number {
    if (this.#carried === 0) return this.#format?.left ?? 0;
    return Math.max(1, (this.#format?.needed ?? MAGIC_LENGTH) - this.#carried);
  }

  /** Section headers and interface descriptions of a pcapng file so far. */
  get descriptions(): number {
    return this.#format?.descriptions ?? 0;
  }

  /** Goes on at another place of the same file, where a record or block begins. To be called between two of them. */
  seek(offset: number): void {
    this.#offset = offset;
  }

  /**
   * Reads every packet that is complete with this chunk. The chunk may be reused afterwards.
   * @throws {CaptureError} at damage, after every packet before it has been handed out
   */
  push(chunk: Uint8Array): void {
    let start = 0;
    while (this.#carried > 0) {
      const needed = this.#format === undefined ? MAGIC_LENGTH : this.#format.needed;
      const taken = Math.min(Math.max(needed - this.#carried, 0), chunk.length - start);
      this.#keep(chunk, start, start + taken);
      start += taken;
      if (this.#carried < needed) return;
      const used = this.#parse(this.#carry, this.#carryView, this.#offset, 0, this.#carried);
      this.#offset += used;
      this.#carry.copyWithin(0, used, this.#carried);
      this.#carried -= used;
    }
    const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const used = this.#parse(chunk, view, this.#offset - start, start, chunk.length);
    this.#offset += used - start;
    if (used < chunk.length) this.#keep(chunk, used, chunk.length);
  }

  /**
   * Says that no more bytes come.
   * @throws {CaptureError} `capture-truncated` when a record has begun and not ended, or nothing has come at all
   */
  end(): void {
    const needed = this.#format === undefined ? MAGIC_LENGTH : this.#format.needed;
    if (this.#format !== undefined && this.#carried === 0 && !this.#format.inside && this.#offset > 0) return;
    const offset = this.#offset;
    const found = this.#carried;
    const message =
      offset === 0 && found === 0
        ? 'The capture is empty: a capture file starts with a header even when it holds no packet.'
        : `The capture is truncated: it ends at byte ${offset + found}, inside what starts at byte ${offset} and needs at least ${needed} bytes.`;
    throw new CaptureError('capture-truncated', message, { offset, found, needed });
  }

  #parse(buffer: Uint8Array, view: DataView, base: number, start: number, end: number): number {
    if (this.#format === undefined) {
      if (end - start < MAGIC_LENGTH) return start;
      this.#format = this.#detect(view.getUint32(start, false));
    }
    return this.#format.parse(buffer, view, base, start, end);
  }

  #detect(magic: number): FormatParser {
    const variant = pcapVariant(magic);
    if (variant !== undefined) return new PcapParser(variant, this.#onPacket);
    if (magic === BLOCK_SECTION_HEADER) return new PcapngParser(this.#onPacket);
    const found = `0x${magic.toString(16).padStart(8, '0')}`;
    throw new CaptureError(
      'capture-unknown-format',
      `This is no capture file: it starts with ${found}, where pcap, pcapng or gzip has its magic number.`,
      { offset: 0, found, needed: 'the magic number of pcap, pcapng or gzip' },
    );
  }

  #keep(chunk: Uint8Array, start: number, end: number): void {
    const length = this.#carried + end - start;
    if (length > this.#carry.length) {
      const larger = new Uint8Array(Math.max(length, this.#format?.needed ?? 0, 2 * this.#carry.length));
      larger.set(this.#carry.subarray(0, this.#carried));
      this.#carry = larger;
      this.#carryView = new DataView(larger.buffer);
    }
    this.#carry.set(chunk.subarray(start, end), this.#carried);
    this.#carried = length;
  }
}

/** How {@link readCapture} reads. */
export interface ReadCaptureOptions extends ChunkOptions {
  /**
   * Called after each chunk of the file (some MiB), with all its packets handed out: the place to flush output, to wait for a slow
   * reader, or to stop by returning false.
   */
  readonly betweenChunks?: () => void | boolean | Promise<void | boolean>;
}

/**
 * Hands every packet of a capture to `onPacket`, in constant memory and without an allocation per packet.
 * @param source a path, `-` for standard input, or the bytes themselves
 * @throws {CaptureError} when the source cannot be read or is damaged, after every packet before the damage has been handed out
 */
export async function readCapture(
  source: CaptureSource,
  onPacket: PacketHandler,
  options: ReadCaptureOptions = {},
): Promise<void> {
  const parser = new CaptureParser(onPacket);
  for await (const chunk of captureChunks(source, options)) {
    parser.push(chunk);
    if (options.betweenChunks !== undefined && (await options.betweenChunks()) === false) return;
  }
  parser.end();
}

/**
 * The packets of a capture as objects with their own bytes, which may be kept.
 * @param source as for {@link readCapture}
 * @throws {CaptureError} as {@link readCapture}
 */
export async function* capturePackets(source: CaptureSource): AsyncGenerator<CapturedPacket, void, undefined> {
  yield* pickPackets(source, (packet, add: (copy: CapturedPacket) => void) => add(copyPacket(packet)));
}

/**
 * What `look` makes of each packet, as it comes: it calls `add` for what is to be kept, and must copy what it keeps of
 * the packet. Everything before a damage is yielded first.
 * @param source as for {@link readCapture}
 * @throws {CaptureError} as {@link readCapture}
 */
export async function* pickPackets<T>(
  source: CaptureSource,
  look: (packet: CapturedPacket, add: (item: T) => void) => void,
): AsyncGenerator<T, void, undefined> {
  let batch: T[] = [];
  const parser = new CaptureParser((packet) => look(packet, (item) => batch.push(item)));
  for await (const chunk of captureChunks(source)) {
    let damage: unknown;
    try {
      parser.push(chunk);
    } catch (error) {
      damage = error;
    }
    const ready = batch;
    batch = [];
    yield* ready;
    if (damage !== undefined) throw damage;
  }
  parser.end();
}
