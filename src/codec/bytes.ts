/**
 * Reading and writing integers at an offset. Plain index arithmetic: a DataView would have to be made for every
 * packet, and these inline.
 */

export function readU16be(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

export function readU16le(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8);
}

export function readU32be(bytes: Uint8Array, at: number): number {
  return readI32be(bytes, at) >>> 0;
}

export function readU32le(bytes: Uint8Array, at: number): number {
  return readI32le(bytes, at) >>> 0;
}

// The signed readers give what the engine holds without a place on the heap, also where it does not inline them; a
// caller on the hot path turns that into an unsigned number itself.

export function readI32be(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

export function readI32le(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

export function writeU16be(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

export function writeU16le(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
}

export function writeU32be(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

export function writeU32le(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

/** A view of the octets from `start` to before `end`, both within the array: `subarray` takes three times as long. */
export function part(octets: Uint8Array, start: number, end: number): Uint8Array {
  return new Uint8Array(octets.buffer, octets.byteOffset + start, end - start);
}

/** A buffer of up to so many octets is copied whole: to make a view of a part of it takes longer. */
const SHORT = 2048;

/** Copies the first `length` octets of `packet` into `out` from `at` on; what lies behind them there may be overwritten. */
export function copyOctets(out: Uint8Array, at: number, packet: Uint8Array, length: number): void {
  const isWhole = length === packet.length || (packet.length <= SHORT && at + packet.length <= out.length);
  out.set(isWhole ? packet : part(packet, 0, length), at);
}

/** True when `octets` are those of `within` from `start` to before `end`, by default all. Compares in place: a view of a part is an object. */
export function sameOctets(octets: Uint8Array, within: Uint8Array, start = 0, end = within.length): boolean {
  if (end - start !== octets.length) return false;
  for (let i = 0; i < octets.length; i++) if (within[start + i] !== octets[i]) return false;
  return true;
}
