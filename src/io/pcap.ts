import { CaptureError } from './capture-error.js';
import { blankPacket, type FormatParser, MAX_CAPTURED_LENGTH, type PacketHandler } from './captured-packet.js';

/** Magic numbers as the writer's own byte order shows them (pcap-savefile(5)). */
export const PCAP_MICROSECONDS = 0xa1b2c3d4;
export const PCAP_NANOSECONDS = 0xa1b23c4d;

const FILE_HEADER_LENGTH = 24;
const RECORD_HEADER_LENGTH = 16;

// File header
const VERSION_MAJOR = 4;
const VERSION_MINOR = 6;
const NETWORK = 20;
// Record header
const SECONDS = 0;
const FRACTION = 4;
const CAPTURED_LENGTH = 8;
const ORIGINAL_LENGTH = 12;

/** Byte order and resolution that the first four bytes announce, or undefined when they are not classic pcap. */
export function pcapVariant(magicBigEndian: number): { littleEndian: boolean; nanoseconds: boolean } | undefined {
  switch (magicBigEndian >>> 0) {
    case PCAP_MICROSECONDS:
      return { littleEndian: false, nanoseconds: false };
    case PCAP_NANOSECONDS:
      return { littleEndian: false, nanoseconds: true };
    case 0xd4c3b2a1:
      return { littleEndian: true, nanoseconds: false };
    case 0x4d3cb2a1:
      return { littleEndian: true, nanoseconds: true };
    default:
      return undefined;
  }
}

/** Classic pcap, version 2.4, microseconds or nanoseconds, either byte order. */
export class PcapParser implements FormatParser {
  needed = FILE_HEADER_LENGTH;
  readonly inside = false;
  readonly left = 0;
  readonly descriptions = 0;
  readonly #littleEndian: boolean;
  readonly #nanosecondsPerFraction: number;
  readonly #onPacket: PacketHandler;
  readonly #packet = blankPacket();
  #headerRead = false;

  constructor(variant: { littleEndian: boolean; nanoseconds: boolean }, onPacket: PacketHandler) {
    this.#littleEndian = variant.littleEndian;
    this.#nanosecondsPerFraction = variant.nanoseconds ? 1 : 1000;
    this.#onPacket = onPacket;
  }

  parse(buffer: Uint8Array, view: DataView, base: number, start: number, end: number): number {
    let position = start;
    if (!this.#headerRead) {
      if (end - position < FILE_HEADER_LENGTH) return position;
      this.#readFileHeader(view, base, position);
      position += FILE_HEADER_LENGTH;
    }
    const littleEndian = this.#littleEndian;
    const scale = this.#nanosecondsPerFraction;
    const onPacket = this.#onPacket;
    const packet = this.#packet;
    packet.buffer = buffer;
    while (end - position >= RECORD_HEADER_LENGTH) {
      const captured = view.getUint32(position + CAPTURED_LENGTH, littleEndian);
      if (captured > MAX_CAPTURED_LENGTH) throw absurdLength(base + position, captured);
      const data = position + RECORD_HEADER_LENGTH;
      if (captured > end - data) {
        this.needed = RECORD_HEADER_LENGTH + captured;
        return position;
      }
      let seconds = view.getUint32(position + SECONDS, littleEndian);
      let nanoseconds = view.getUint32(position + FRACTION, littleEndian) * scale;
      if (nanoseconds >= 1e9) {
        seconds += Math.floor(nanoseconds / 1e9);
        nanoseconds %= 1e9;
      }
      packet.number++;
      packet.seconds = seconds;
      packet.nanoseconds = nanoseconds;
      packet.offset = data;
      packet.capturedLength = captured;
      packet.originalLength = view.getUint32(position + ORIGINAL_LENGTH, littleEndian);
      onPacket(packet);
      position = data + captured;
    }
    this.needed = RECORD_HEADER_LENGTH;
    return position;
  }

  #readFileHeader(view: DataView, base: number, position: number): void {
    const major = view.getUint16(position + VERSION_MAJOR, this.#littleEndian);
    const minor = view.getUint16(position + VERSION_MINOR, this.#littleEndian);
    if (major !== 2 || minor !== 4) {
      throw new CaptureError(
        'capture-unsupported',
        `This pcap file has version ${major}.${minor}, but only version 2.4 is read: convert it with tcpdump or editcap.`,
        { offset: base + position + VERSION_MAJOR, found: `${major}.${minor}`, needed: '2.4' },
      );
    }
    // The upper 16 bits may tell the length of a frame check sequence, which lies after the datagram and does not matter here.
    this.#packet.linkType = view.getUint32(position + NETWORK, this.#littleEndian) & 0xffff;
    this.#headerRead = true;
  }
}

function absurdLength(offset: number, captured: number): CaptureError {
  return new CaptureError(
    'capture-damaged',
    `The record at byte ${offset} claims ${captured} captured bytes, more than the ${MAX_CAPTURED_LENGTH} a packet can have: ` +
      'the file is damaged there, and nothing after it can be read.',
    { offset, found: captured, needed: MAX_CAPTURED_LENGTH },
  );
}
