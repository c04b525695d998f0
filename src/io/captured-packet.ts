/** The largest number of captured bytes of one packet that is believed; libpcap and Wireshark draw the line there too. */
export const MAX_CAPTURED_LENGTH = 262_144;

/**
 * One packet of a capture, as the push parsers hand it out. The object *and the bytes it points at are reused*:
 * both are valid only until the callback returns. {@link copyPacket} makes one that lasts.
 */
export interface CapturedPacket {
  /** Position in the file, 1-based, counted over all sections: Wireshark's frame number. */
  number: number;
  /** Whole seconds since 1970-01-01 UTC; may be negative with if_tsoffset. */
  seconds: number;
  /** 0..999_999_999, to be added to `seconds`. */
  nanoseconds: number;
  /** LINKTYPE_ value (1 = Ethernet). */
  linkType: number;
  /** Index of the interface within its section; 0 in classic files. */
  interfaceId: number;
  /** Holds the packet's bytes, and others. */
  buffer: Uint8Array;
  /** Where the packet starts in `buffer`. */
  offset: number;
  /** Bytes of the packet in the file, 0..262144. */
  capturedLength: number;
  /** Bytes that the packet had on the link; more than captured when a snap length cut it. */
  originalLength: number;
  /** The packet's opt_comment values, when there are any. */
  comments: readonly string[] | undefined;
}

/** Called once per packet, in file order. */
export type PacketHandler = (packet: CapturedPacket) => void;

/** A fresh, empty packet object for a parser to reuse. */
export function blankPacket(): CapturedPacket {
  return {
    number: 0,
    seconds: 0,
    nanoseconds: 0,
    linkType: 0,
    interfaceId: 0,
    buffer: new Uint8Array(0),
    offset: 0,
    capturedLength: 0,
    originalLength: 0,
    comments: undefined,
  };
}

/** A copy with its own bytes: `buffer` holds exactly the captured bytes and `offset` is 0. */
export function copyPacket(packet: CapturedPacket): CapturedPacket {
  const buffer = packet.buffer.slice(packet.offset, packet.offset + packet.capturedLength);
  return { ...packet, buffer, offset: 0 };
}

/** What a format's parser offers to the reader, which feeds it and carries partial records from chunk to chunk. */
export interface FormatParser {
  /** Counts from the start of the record that {@link parse} stopped at: with so many bytes it can go on. */
  readonly needed: number;
  /** True while bytes of a block that is being skipped are still to come. */
  readonly inside: boolean;
  /** How many they are; 0 when no block is being skipped. */
  readonly left: number;
  /** Blocks that say how later ones are to be read. */
  readonly descriptions: number;
  /**
   * Reads every whole record in `buffer[start, end)`.
   * @param base offset in the file of `buffer[0]`, for error messages
   * @returns the position of the first byte not consumed
   * @throws {CaptureError} at damage
   */
  parse(buffer: Uint8Array, view: DataView, base: number, start: number, end: number): number;
}
