import { closeSync, openSync, writeSync } from 'node:fs';
import * as format from './pcapng-format.js';

/** What a section says about its writer. */
export interface SectionOptions {
  /** Program that wrote the section (shb_userappl). */
  readonly application?: string;
  readonly comments?: readonly string[];
  readonly hardware?: string;
  readonly operatingSystem?: string;
}

/** What an interface is. */
export interface InterfaceOptions {
  /** LINKTYPE_ value, 0..65535. */
  readonly linkType: number;
  /** if_name. */
  readonly name?: string;
  /** if_description. */
  readonly description?: string;
  /** Bytes kept of each packet; 0 (default) = all. Only stated, not enforced. */
  readonly snapLength?: number;
}

/** A packet to write. */
export interface PacketToWrite {
  /** As returned by {@link PcapngEncoder.interface}; 0 when absent. */
  readonly interfaceId?: number;
  /** Whole seconds since 1970-01-01 UTC, 0..18446744072. */
  readonly seconds: number;
  /** 0..999_999_999. */
  readonly nanoseconds: number;
  readonly data: Uint8Array;
  /** Length on the link; that of `data` when absent. */
  readonly originalLength?: number;
  readonly comments?: readonly string[];
}

/** Something that pcapng has no room for: `code` is `pcapng-not-writable`. */
export class PcapngWriteError extends Error {
  override readonly name = 'PcapngWriteError';
  readonly code = 'pcapng-not-writable';
}

/** Makes the blocks of one little-endian section with nanosecond times. Without I/O: every call returns the bytes to append to the file. */
export class PcapngEncoder {
  readonly #text = new TextEncoder();
  #interfaces = 0;

  /** The section header: to be written first. */
  section(options: SectionOptions = {}): Uint8Array {
    this.#interfaces = 0;
    const block = this.#block(format.BLOCK_SECTION_HEADER, 16, 0, [
      ...this.#strings(format.OPT_COMMENT, options.comments),
      ...this.#strings(format.SHB_HARDWARE, options.hardware),
      ...this.#strings(format.SHB_OS, options.operatingSystem),
      ...this.#strings(format.SHB_USERAPPL, options.application),
    ]);
    const view = new DataView(block.buffer);
    view.setUint32(8, format.BYTE_ORDER_MAGIC, true);
    view.setUint16(12, 1, true);
    view.setUint16(14, 0, true);
    view.setBigInt64(16, -1n, true);
    return block;
  }

  /** An interface description; its packets carry `id`. */
  interface(options: InterfaceOptions): { id: number; bytes: Uint8Array } {
    const bytes = this.#block(format.BLOCK_INTERFACE_DESCRIPTION, 8, 0, [
      ...this.#strings(format.IF_NAME, options.name),
      ...this.#strings(format.IF_DESCRIPTION, options.description),
      { code: format.IF_TSRESOL, value: Uint8Array.of(9) },
    ]);
    const view = new DataView(bytes.buffer);
    view.setUint16(8, options.linkType, true);
    view.setUint32(12, options.snapLength ?? 0, true);
    return { id: this.#interfaces++, bytes };
  }

  /**
   * An enhanced packet block.
   * @throws {PcapngWriteError} when the interface has not been described, or a time or comment does not fit
   */
  packet(packet: PacketToWrite): Uint8Array {
    const id = packet.interfaceId ?? 0;
    if (id >= this.#interfaces) {
      throw new PcapngWriteError(
        `A packet names interface ${id}, but ${this.#interfaces} have been described: call interface() first.`,
      );
    }
    const { seconds, nanoseconds, data } = packet;
    if (!(Number.isInteger(seconds) && seconds >= 0 && seconds < 18446744073)) {
      throw new PcapngWriteError(
        `A packet's time of ${seconds} s is outside 0..18446744072: give whole seconds since 1970.`,
      );
    }
    if (!(Number.isInteger(nanoseconds) && nanoseconds >= 0 && nanoseconds < 1e9)) {
      throw new PcapngWriteError(`A packet's ${nanoseconds} ns are outside 0..999999999: carry them into the seconds.`);
    }
    const options = this.#strings(format.OPT_COMMENT, packet.comments);
    const block = this.#block(format.BLOCK_ENHANCED_PACKET, 20, data.length, options);
    const view = new DataView(block.buffer);
    const time = BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds);
    view.setUint32(8, id, true);
    view.setUint32(12, Number(time >> 32n), true);
    view.setUint32(16, Number(time & 0xffffffffn), true);
    view.setUint32(20, data.length, true);
    view.setUint32(24, packet.originalLength ?? data.length, true);
    block.set(data, 28);
    return block;
  }

  /** A block with its lengths and options in place, the rest zero: `fixed` bytes of fields, then `data` bytes (padded), then options. */
  #block(type: number, fixed: number, data: number, options: readonly Option[]): Uint8Array {
    let length = format.BLOCK_OVERHEAD + fixed + format.padded(data);
    for (const { value } of options) length += 4 + format.padded(value.length);
    if (options.length > 0) length += 4;
    const block = new Uint8Array(length);
    const view = new DataView(block.buffer);
    view.setUint32(0, type, true);
    view.setUint32(4, length, true);
    view.setUint32(length - 4, length, true);
    let at = 8 + fixed + format.padded(data);
    for (const { code, value } of options) {
      view.setUint16(at, code, true);
      view.setUint16(at + 2, value.length, true);
      block.set(value, at + 4);
      at += 4 + format.padded(value.length);
    }
    return block;
  }

  #strings(code: number, values: string | readonly string[] | undefined): Option[] {
    const list = values === undefined ? [] : typeof values === 'string' ? [values] : values;
    return list.map((text) => {
      const value = this.#text.encode(text);
      if (value.length > 0xffff) {
        throw new PcapngWriteError(
          `A comment or name of ${value.length} bytes does not fit pcapng, which holds 65535: shorten it or write several.`,
        );
      }
      return { code, value };
    });
  }
}

interface Option {
  readonly code: number;
  readonly value: Uint8Array;
}

const BUFFERED_LENGTH = 256 << 10;

/** A pcapng file being written: blocks are gathered and written in large pieces. To be closed. */
export class PcapngFile {
  readonly #encoder = new PcapngEncoder();
  readonly #descriptor: number;
  readonly #buffer = new Uint8Array(BUFFERED_LENGTH);
  #used = 0;
  #closed = false;

  /**
   * Creates or overwrites the file at `path`.
   * @throws the system's error when it cannot be created
   */
  constructor(path: string, section: SectionOptions = {}) {
    this.#descriptor = openSync(path, 'w');
    this.#append(this.#encoder.section(section));
  }

  /** Describes an interface and returns its id. */
  interface(options: InterfaceOptions): number {
    const { id, bytes } = this.#encoder.interface(options);
    this.#append(bytes);
    return id;
  }

  /** Appends a packet. */
  packet(packet: PacketToWrite): void {
    this.#append(this.#encoder.packet(packet));
  }

  /** Writes what is gathered, so that another program can read the file so far. */
  flush(): void {
    this.#writeAll(this.#buffer.subarray(0, this.#used));
    this.#used = 0;
  }

  /** Writes the rest and closes; a second call does nothing. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      this.flush();
    } finally {
      closeSync(this.#descriptor);
    }
  }

  #append(block: Uint8Array): void {
    if (this.#used + block.length > this.#buffer.length) this.flush();
    if (block.length > this.#buffer.length) {
      this.#writeAll(block);
      return;
    }
    this.#buffer.set(block, this.#used);
    this.#used += block.length;
  }

  #writeAll(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#descriptor, bytes, at, bytes.length - at);
  }
}
