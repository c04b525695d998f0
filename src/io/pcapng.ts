import { CaptureError } from './capture-error.js';
import { blankPacket, type FormatParser, MAX_CAPTURED_LENGTH, type PacketHandler } from './captured-packet.js';
import * as format from './pcapng-format.js';
import { type TimeSplitter, timeSplitter } from './pcapng-time.js';

/** The longest block whose content is read (section header, interface description, packets); others are skipped, whatever their length. */
const MAX_BLOCK_LENGTH = 1 << 20;

const BLOCK_HEADER_LENGTH = 8;
const MAGIC = 8;
const DEFAULT_RESOLUTION = 6;

interface Interface {
  linkType: number;
  /** 0 = not limited. */
  snapLength: number;
  splitTime: TimeSplitter;
}

/** pcapng, either byte order per section: EPB, SPB and the obsolete Packet Block are packets; blocks of other types are skipped. */
export class PcapngParser implements FormatParser {
  needed = BLOCK_HEADER_LENGTH + 4;
  descriptions = 0;
  readonly #onPacket: PacketHandler;
  readonly #packet = blankPacket();
  readonly #decoder = new TextDecoder();
  #littleEndian = true;
  #interfaces: Interface[] = [];
  /** Bytes of a skipped block's content still to come; its trailing length follows. */
  #toSkip = 0;
  /** Length and offset of the block being skipped; 0 = none. */
  #skippedLength = 0;
  #skippedAt = 0;

  constructor(onPacket: PacketHandler) {
    this.#onPacket = onPacket;
  }

  get inside(): boolean {
    return this.#skippedLength > 0;
  }

  get left(): number {
    return this.#skippedLength > 0 ? this.#toSkip + 4 : 0;
  }

  parse(buffer: Uint8Array, view: DataView, base: number, start: number, end: number): number {
    let position = start;
    this.#packet.buffer = buffer;
    for (;;) {
      if (this.#skippedLength > 0) {
        const skipped = Math.min(this.#toSkip, end - position);
        position += skipped;
        this.#toSkip -= skipped;
        if (this.#toSkip > 0 || end - position < 4) {
          this.needed = this.#toSkip > 0 ? 1 : 4;
          return position;
        }
        this.#checkTrailer(view, position, this.#skippedLength, this.#skippedAt);
        position += 4;
        this.#skippedLength = 0;
      }
      this.needed = BLOCK_HEADER_LENGTH;
      if (end - position < BLOCK_HEADER_LENGTH) return position;
      // The block type of a section header reads the same in both byte orders; its magic tells the order of all that follows.
      const isSection = view.getUint32(position, true) === format.BLOCK_SECTION_HEADER;
      if (isSection) {
        this.needed = MAGIC + 4;
        if (end - position < MAGIC + 4) return position;
        this.#readByteOrder(view, base, position);
      }
      const type = view.getUint32(position, this.#littleEndian);
      const length = view.getUint32(position + 4, this.#littleEndian);
      const known = isSection || isReadType(type);
      this.#checkLength(type, length, known, base + position);
      if (!known) {
        this.#skippedLength = length;
        this.#skippedAt = base + position;
        this.#toSkip = length - format.BLOCK_OVERHEAD;
        position += BLOCK_HEADER_LENGTH;
        continue;
      }
      if (end - position < length) {
        this.needed = length;
        return position;
      }
      this.#checkTrailer(view, position + length - 4, length, base + position);
      this.#readBlock(type, view, base, position, length);
      position += length;
    }
  }

  #readByteOrder(view: DataView, base: number, position: number): void {
    const magic = view.getUint32(position + MAGIC, true);
    if (magic === format.BYTE_ORDER_MAGIC) this.#littleEndian = true;
    else if (magic === 0x4d3c2b1a) this.#littleEndian = false;
    else {
      throw this.#damage(base + position + MAGIC, 'has a byte-order magic that is none', hex(magic), '0x1a2b3c4d');
    }
  }

  #checkLength(type: number, length: number, known: boolean, offset: number): void {
    const minimum = minimumLength(type);
    if (length % 4 !== 0) {
      throw this.#damage(
        offset,
        `(${typeName(type)}) has a length of ${length}, not a multiple of 4`,
        length,
        'a multiple of 4',
      );
    }
    if (length < minimum) {
      throw this.#damage(
        offset,
        `(${typeName(type)}) has a length of ${length}, less than ${minimum}`,
        length,
        minimum,
      );
    }
    if (known && length > MAX_BLOCK_LENGTH) {
      const text = `(${typeName(type)}) has a length of ${length}, more than the ${MAX_BLOCK_LENGTH} that are believed`;
      throw this.#damage(offset, text, length, MAX_BLOCK_LENGTH);
    }
  }

  #checkTrailer(view: DataView, position: number, length: number, offset: number): void {
    const trailer = view.getUint32(position, this.#littleEndian);
    if (trailer === length) return;
    throw this.#damage(offset, `starts with the length ${length} but ends with the length ${trailer}`, trailer, length);
  }

  #readBlock(type: number, view: DataView, base: number, position: number, length: number): void {
    switch (type) {
      case format.BLOCK_SECTION_HEADER:
        this.#readSection(view, base, position);
        break;
      case format.BLOCK_INTERFACE_DESCRIPTION:
        this.#readInterface(view, position, length);
        break;
      case format.BLOCK_SIMPLE_PACKET:
        this.#readSimplePacket(view, base, position, length);
        break;
      default:
        this.#readPacket(type, view, base, position, length);
    }
  }

  #readSection(view: DataView, base: number, position: number): void {
    const major = view.getUint16(position + 12, this.#littleEndian);
    const minor = view.getUint16(position + 14, this.#littleEndian);
    if (major !== 1) {
      throw new CaptureError(
        'capture-unsupported',
        `The pcapng section at byte ${base + position} has version ${major}.${minor}, but only version 1 is read: convert it with editcap.`,
        { offset: base + position + 12, found: `${major}.${minor}`, needed: '1.x' },
      );
    }
    this.#interfaces = [];
    this.descriptions++;
  }

  #readInterface(view: DataView, position: number, length: number): void {
    let resolution = DEFAULT_RESOLUTION;
    let timeOffset = 0;
    this.#options(view, position + 16, position + length - 4, (code, at, size) => {
      if (code === format.IF_TSRESOL && size >= 1) resolution = view.getUint8(at);
      if (code === format.IF_TSOFFSET && size >= 8) timeOffset = Number(view.getBigInt64(at, this.#littleEndian));
    });
    this.descriptions++;
    this.#interfaces.push({
      linkType: view.getUint16(position + 8, this.#littleEndian),
      snapLength: view.getUint32(position + 12, this.#littleEndian),
      splitTime: timeSplitter(resolution, timeOffset),
    });
  }

  /** Enhanced Packet Block and obsolete Packet Block: they differ only in how the interface id is stored. */
  #readPacket(type: number, view: DataView, base: number, position: number, length: number): void {
    const littleEndian = this.#littleEndian;
    const id =
      type === format.BLOCK_ENHANCED_PACKET
        ? view.getUint32(position + 8, littleEndian)
        : view.getUint16(position + 8, littleEndian);
    const source = this.#interface(id, base + position);
    const captured = view.getUint32(position + 20, littleEndian);
    this.#checkCaptured(captured, length - 32, base + position);
    const packet = this.#packet;
    source.splitTime(view.getUint32(position + 12, littleEndian), view.getUint32(position + 16, littleEndian), packet);
    packet.number++;
    packet.linkType = source.linkType;
    packet.interfaceId = id;
    packet.offset = position + 28;
    packet.capturedLength = captured;
    packet.originalLength = view.getUint32(position + 24, littleEndian);
    const optionsAt = packet.offset + format.padded(captured);
    const optionsEnd = position + length - 4;
    packet.comments = optionsEnd - optionsAt >= 4 ? this.#comments(view, optionsAt, optionsEnd) : undefined;
    this.#onPacket(packet);
  }

  /** A Simple Packet Block belongs to interface 0, has no time and stores min(original length, snap length) bytes. */
  #readSimplePacket(view: DataView, base: number, position: number, length: number): void {
    const source = this.#interface(0, base + position);
    const original = view.getUint32(position + 8, this.#littleEndian);
    const captured = source.snapLength === 0 ? original : Math.min(original, source.snapLength);
    this.#checkCaptured(captured, length - 16, base + position);
    const packet = this.#packet;
    packet.number++;
    packet.seconds = 0;
    packet.nanoseconds = 0;
    packet.linkType = source.linkType;
    packet.interfaceId = 0;
    packet.offset = position + 12;
    packet.capturedLength = captured;
    packet.originalLength = original;
    packet.comments = undefined;
    this.#onPacket(packet);
  }

  #interface(id: number, offset: number): Interface {
    const source = this.#interfaces[id];
    if (source !== undefined) return source;
    const count = this.#interfaces.length;
    throw this.#damage(
      offset,
      `names interface ${id}, but its section has described ${count} so far`,
      id,
      `below ${count}`,
    );
  }

  #checkCaptured(captured: number, room: number, offset: number): void {
    if (captured > room) {
      throw this.#damage(offset, `claims ${captured} captured bytes but has room for ${room}`, captured, room);
    }
    if (captured > MAX_CAPTURED_LENGTH) {
      const text = `claims ${captured} captured bytes, more than the ${MAX_CAPTURED_LENGTH} a packet can have`;
      throw this.#damage(offset, text, captured, MAX_CAPTURED_LENGTH);
    }
  }

  #comments(view: DataView, start: number, end: number): string[] | undefined {
    let comments: string[] | undefined;
    this.#options(view, start, end, (code, at, size) => {
      if (code !== format.OPT_COMMENT) return;
      comments ??= [];
      comments.push(this.#decoder.decode(new Uint8Array(view.buffer, view.byteOffset + at, size)));
    });
    return comments;
  }

  /** Options that do not fit their block end the list: the packet itself is whole, so they are no reason to give up the file. */
  #options(view: DataView, start: number, end: number, each: (code: number, at: number, size: number) => void): void {
    let at = start;
    while (end - at >= 4) {
      const code = view.getUint16(at, this.#littleEndian);
      const size = view.getUint16(at + 2, this.#littleEndian);
      if (code === format.OPT_END || size > end - at - 4) return;
      each(code, at + 4, size);
      at += 4 + format.padded(size);
    }
  }

  #damage(offset: number, what: string, found: number | string, needed: number | string): CaptureError {
    return new CaptureError(
      'capture-damaged',
      `The block at byte ${offset} ${what}: the file is damaged there, and nothing after it can be read.`,
      { offset, found, needed },
    );
  }
}

function isReadType(type: number): boolean {
  return (
    type === format.BLOCK_ENHANCED_PACKET ||
    type === format.BLOCK_INTERFACE_DESCRIPTION ||
    type === format.BLOCK_SIMPLE_PACKET ||
    type === format.BLOCK_OBSOLETE_PACKET
  );
}

function minimumLength(type: number): number {
  switch (type) {
    case format.BLOCK_SECTION_HEADER:
      return 28;
    case format.BLOCK_INTERFACE_DESCRIPTION:
      return 20;
    case format.BLOCK_SIMPLE_PACKET:
      return 16;
    case format.BLOCK_ENHANCED_PACKET:
    case format.BLOCK_OBSOLETE_PACKET:
      return 32;
    default:
      return format.BLOCK_OVERHEAD;
  }
}

function typeName(type: number): string {
  switch (type) {
    case format.BLOCK_SECTION_HEADER:
      return 'section header';
    case format.BLOCK_INTERFACE_DESCRIPTION:
      return 'interface description';
    case format.BLOCK_SIMPLE_PACKET:
      return 'simple packet';
    case format.BLOCK_ENHANCED_PACKET:
      return 'enhanced packet';
    case format.BLOCK_OBSOLETE_PACKET:
      return 'packet';
    default:
      return `type ${hex(type)}`;
  }
}

function hex(value: number): string {
  return `0x${(value >>> 0).toString(16).padStart(8, '0')}`;
}
