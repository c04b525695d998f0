// What the process that uses libpcap and its parent say to each other: messages with a header, one after the other.

import type { Identity } from '../identity.js';

/** What a message is. */
export const Kind = {
  /** A frame that was read, or is to be sent; `micros`: when it was read, or handed over to be sent. */
  frame: 0,
  /** An interface is open, the next one; the octets are the name of its link type as cap gives it. */
  opened: 1,
  /** One could not be opened; the octets are a {@link Refusal} in JSON. */
  failed: 2,
  /** A frame could not be sent; the octets are libpcap's words. */
  refused: 3,
  /** Frames that there was no room for, since the last such message; `micros` is their number. */
  lost: 4,
  /** Asked for an answer, the same; `micros`: when that was. It comes back for each frame that was sent, too. */
  ping: 5,
} as const;

/** What the process is to open, as its only argument in JSON. */
export interface OpenRequest {
  readonly devices: readonly string[];
  /** In the language of libpcap; empty for everything. */
  readonly filter: string;
  /** The folder of the package cap; undefined: where packages of mpip are looked for. */
  readonly module?: string;
  /** Who the process is to be once the interfaces are open. */
  readonly identity?: Identity;
}

/** Why an interface could not be opened. */
export interface Refusal {
  readonly device: string;
  /** `install`: cap is not there; `load`: it cannot be loaded; `device`: no such interface; `open`: libpcap refuses. */
  readonly code: 'install' | 'load' | 'device' | 'open';
  /** The words of whoever refused. */
  readonly words: string;
  /** Interfaces that there are. */
  readonly devices?: readonly string[];
}

/** A message. The object and its octets serve for the next one too. */
export interface Message {
  kind: number;
  /** Position of the interface among those that were opened. */
  device: number;
  /** Microseconds since 1970. */
  micros: number;
  octets: Uint8Array;
}

/** u16 kind, u16 interface, u32 length of the octets, f64 microseconds, little-endian. */
export const HEADER_SIZE = 16;

const NOTHING = new Uint8Array(0);

/** Writes a header at the beginning of `into`. */
export function writeHeader(into: Uint8Array, kind: number, device: number, length: number, micros: number): void {
  const view = new DataView(into.buffer, into.byteOffset, HEADER_SIZE);
  view.setUint16(0, kind, true);
  view.setUint16(2, device, true);
  view.setUint32(4, length, true);
  view.setFloat64(8, micros, true);
}

/** A whole message. */
export function messageOf(kind: number, octets: Uint8Array, micros = 0, device = 0): Uint8Array {
  const message = new Uint8Array(HEADER_SIZE + octets.length);
  writeHeader(message, kind, device, octets.length, micros);
  message.set(octets, HEADER_SIZE);
  return message;
}

/** Finds the messages in pieces of a stream. */
export class MessageReader {
  #bytes: Uint8Array = NOTHING;
  #at = 0;
  readonly #message: Message = { kind: 0, device: 0, micros: 0, octets: NOTHING };

  /** Takes the next piece; it must not change before its messages were read. */
  push(piece: Uint8Array): void {
    const left = this.#bytes.subarray(this.#at);
    this.#bytes = left.length === 0 ? piece : Buffer.concat([left, piece]);
    this.#at = 0;
  }

  /** The next message, valid until the next call; undefined when more of the stream is needed. */
  next(): Message | undefined {
    const left = this.#bytes.length - this.#at;
    if (left < HEADER_SIZE) return undefined;
    const view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset + this.#at, HEADER_SIZE);
    const length = view.getUint32(4, true);
    if (left < HEADER_SIZE + length) return undefined;
    this.#message.kind = view.getUint16(0, true);
    this.#message.device = view.getUint16(2, true);
    this.#message.micros = view.getFloat64(8, true);
    const start = this.#at + HEADER_SIZE;
    this.#at = start + length;
    this.#message.octets = this.#bytes.subarray(start, this.#at);
    return this.#message;
  }
}
