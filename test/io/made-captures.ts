// Capture files made byte by byte, independent of the writer under test.

export interface MadePacket {
  readonly seconds: number;
  /** In the file's own unit. */
  readonly fraction: number;
  readonly data: Uint8Array;
  readonly originalLength?: number;
}

export interface PcapVariant {
  readonly littleEndian: boolean;
  readonly nanoseconds?: boolean;
  readonly linkType?: number;
}

/** A classic pcap file. */
export function madePcap(variant: PcapVariant, packets: readonly MadePacket[]): Uint8Array {
  const { littleEndian } = variant;
  const header = new Uint8Array(24);
  const view = new DataView(header.buffer);
  view.setUint32(0, variant.nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4, littleEndian);
  view.setUint16(4, 2, littleEndian);
  view.setUint16(6, 4, littleEndian);
  view.setUint32(16, 262144, littleEndian);
  view.setUint32(20, variant.linkType ?? 1, littleEndian);
  return joined([header, ...packets.map((packet) => madePcapRecord(littleEndian, packet))]);
}

export function madePcapRecord(littleEndian: boolean, packet: MadePacket): Uint8Array {
  const record = new Uint8Array(16 + packet.data.length);
  const view = new DataView(record.buffer);
  view.setUint32(0, packet.seconds, littleEndian);
  view.setUint32(4, packet.fraction, littleEndian);
  view.setUint32(8, packet.data.length, littleEndian);
  view.setUint32(12, packet.originalLength ?? packet.data.length, littleEndian);
  record.set(packet.data, 16);
  return record;
}

/** Blocks of one pcapng section in one byte order. */
export class MadeSection {
  constructor(readonly littleEndian: boolean) {}

  block(type: number, body: Uint8Array, trailer?: number): Uint8Array {
    const length = 12 + padded(body.length);
    const block = new Uint8Array(length);
    const view = new DataView(block.buffer);
    view.setUint32(0, type, this.littleEndian);
    view.setUint32(4, length, this.littleEndian);
    block.set(body, 8);
    view.setUint32(length - 4, trailer ?? length, this.littleEndian);
    return block;
  }

  header(major = 1): Uint8Array {
    return this.block(
      0x0a0d0d0a,
      joined([this.u32(0x1a2b3c4d), this.u16(major), this.u16(0), this.u64(0xffffffffffffffffn)]),
    );
  }

  interface(linkType: number, snapLength = 0, options: readonly Uint8Array[] = []): Uint8Array {
    return this.block(1, joined([this.u16(linkType), this.u16(0), this.u32(snapLength), ...this.ended(options)]));
  }

  enhanced(
    id: number,
    units: bigint,
    data: Uint8Array,
    originalLength = data.length,
    comments: readonly string[] = [],
  ) {
    return this.block(6, joined([this.u32(id), ...this.packetBody(units, data, originalLength, comments)]));
  }

  obsolete(
    id: number,
    units: bigint,
    data: Uint8Array,
    originalLength = data.length,
    comments: readonly string[] = [],
  ) {
    return this.block(
      2,
      joined([this.u16(id), this.u16(0xffff), ...this.packetBody(units, data, originalLength, comments)]),
    );
  }

  simple(data: Uint8Array, originalLength = data.length): Uint8Array {
    return this.block(3, joined([this.u32(originalLength), data]));
  }

  option(code: number, value: Uint8Array): Uint8Array {
    const bytes = new Uint8Array(4 + padded(value.length));
    bytes.set(this.u16(code), 0);
    bytes.set(this.u16(value.length), 2);
    bytes.set(value, 4);
    return bytes;
  }

  u16(value: number): Uint8Array {
    const bytes = new Uint8Array(2);
    new DataView(bytes.buffer).setUint16(0, value, this.littleEndian);
    return bytes;
  }

  u32(value: number): Uint8Array {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value, this.littleEndian);
    return bytes;
  }

  u64(value: bigint): Uint8Array {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, value, this.littleEndian);
    return bytes;
  }

  private packetBody(
    units: bigint,
    data: Uint8Array,
    originalLength: number,
    comments: readonly string[],
  ): Uint8Array[] {
    const options = comments.map((text) => this.option(1, new TextEncoder().encode(text)));
    const paddedData = new Uint8Array(padded(data.length));
    paddedData.set(data);
    return [
      this.u32(Number(units >> 32n)),
      this.u32(Number(units & 0xffffffffn)),
      this.u32(data.length),
      this.u32(originalLength),
      paddedData,
      ...this.ended(options),
    ];
  }

  private ended(options: readonly Uint8Array[]): Uint8Array[] {
    return options.length === 0 ? [] : [...options, new Uint8Array(4)];
  }
}

export function bytes(length: number, first = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (first + index) & 0xff);
}

export function joined(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** The chunks as a source for the reader. */
export async function* sourceOf(...chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

/** Cut into pieces of `size` bytes. */
export function pieces(whole: Uint8Array, size: number): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < whole.length; at += size) parts.push(whole.slice(at, at + size));
  return parts;
}

function padded(length: number): number {
  return (length + 3) & ~3;
}
