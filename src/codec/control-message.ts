import type { Ipv4, NodeId } from './address.js';
import { readU16be, readU16le, writeU16be, writeU16le, writeU32be, writeU32le } from './bytes.js';
import { compactOctetSum, octetSum } from './checksum.js';
import { CodecError } from './errors.js';
import { MAX_FLAGS } from './flags.js';
import {
  COMPACT,
  cmSize,
  type FieldName,
  FULL,
  fieldOf,
  fieldOffset,
  fieldSize,
  LAYOUTS,
  type LayoutDeclaration,
  type LayoutName,
  maxAddresses,
  trailerSize,
} from './layout.js';
import { CmView, isCompact, isFull } from './view.js';

/** The meaning of a control message (paper, table 1). */
export interface ControlMessage {
  layout: LayoutName;
  /** 0..2^16-1 in `compact`, 0..2^48-1 in `full`. */
  nodeId: NodeId;
  /** 0..255 in `compact`, 0..65535 in `full`; 0 = none. */
  sessionId: number;
  /** As sessionId; 0 = the session's own tuple, no path yet. */
  pathId: number;
  /** As sessionId; 0 = no feedback. */
  feedbackPathId: number;
  /** Clock ticks of the sender, 0..2^32-1. */
  timestamp: number;
  /** Clock ticks, -2^31..2^31-1. */
  pathDelay: number;
  /** At most 2 in `compact`, 16 in `full`; 0.0.0.0 stands for an empty slot of `compact`. */
  localAddresses: readonly Ipv4[];
  /** 0..5; see `Flags`. */
  flags: number;
  /** The octet before the CM in `compact`; default 0. Ignored in `full`. */
  filler?: number;
}

/** A CM with every field empty, to start from. */
export function emptyControlMessage(layout: LayoutName = 'compact'): ControlMessage {
  return {
    layout,
    nodeId: 0,
    sessionId: 0,
    pathId: 0,
    feedbackPathId: 0,
    timestamp: 0,
    pathDelay: 0,
    localAddresses: [],
    flags: 0,
  };
}

/** Octets of the trailer (filler and CM) that `cm` becomes. */
export function encodedSize(cm: ControlMessage): number {
  return cm.layout === 'compact' ? COMPACT_TRAILER : FULL.baseSize + 4 * cm.localAddresses.length;
}

/** Asked for per packet, so not counted from the declaration each time. */
const COMPACT_TRAILER = trailerSize(COMPACT, 0);

/**
 * Encodes a CM with its filler and its checksum into a new array.
 * @throws CodecError `range` when a field does not fit the layout.
 */
export function encode(cm: ControlMessage): Uint8Array {
  checkRanges(cm);
  const bytes = new Uint8Array(encodedSize(cm));
  encodeInto(cm, bytes, 0);
  return bytes;
}

/**
 * Encodes a CM with its filler at `at`, without looking at ranges: values are cut to their field's width. A `full`
 * block that would read as `compact` too gets a timestamp that is later by one until it does not.
 * @returns one past the last octet written.
 */
export function encodeInto(cm: ControlMessage, bytes: Uint8Array, at: number): number {
  return cm.layout === 'compact' ? encodeCompact(cm, bytes, at) : encodeFull(cm, bytes, at);
}

// Values of 32 bits are cut with `| 0`: an integer is passed on as it is, a larger number would take a place on the heap.

function encodeCompact(cm: ControlMessage, bytes: Uint8Array, at: number): number {
  bytes[at] = cm.filler ?? 0;
  const start = at + 1;
  bytes[start] = 25;
  writeU16be(bytes, start + 1, cm.nodeId);
  bytes[start + 3] = cm.sessionId;
  bytes[start + 4] = cm.pathId;
  bytes[start + 5] = cm.feedbackPathId;
  writeU32le(bytes, start + 6, cm.timestamp | 0);
  writeU32le(bytes, start + 10, cm.pathDelay | 0);
  const addresses = cm.localAddresses;
  writeU32be(bytes, start + 14, addresses.length > 0 ? addresses[0]! | 0 : 0);
  writeU32be(bytes, start + 18, addresses.length > 1 ? addresses[1]! | 0 : 0);
  bytes[start + 22] = cm.flags;
  writeU16le(bytes, start + 23, compactOctetSum(bytes, start));
  return start + 25;
}

function encodeFull(cm: ControlMessage, bytes: Uint8Array, at: number): number {
  writeU16be(bytes, at, (cm.nodeId / 0x1_0000_0000) | 0);
  writeU32be(bytes, at + 2, cm.nodeId | 0);
  writeU16be(bytes, at + 6, cm.sessionId);
  writeU16be(bytes, at + 8, cm.pathId);
  writeU16be(bytes, at + 10, cm.feedbackPathId);
  writeU32be(bytes, at + 16, cm.pathDelay | 0);
  const addresses = cm.localAddresses;
  let next = at + 20;
  for (let i = 0; i < addresses.length; i++, next += 4) writeU32be(bytes, next, addresses[i]! | 0);
  bytes[next] = addresses.length;
  bytes[next + 1] = 0xa2;
  bytes[next + 2] = cm.flags;
  const end = next + 5;
  for (let timestamp = cm.timestamp | 0; ; timestamp = (timestamp + 1) | 0) {
    writeU32be(bytes, at + 12, timestamp);
    writeU16be(bytes, next + 3, octetSum(bytes, at, next + 3));
    if (!isCompact(bytes, Number.NEGATIVE_INFINITY, end)) return end;
  }
}

/**
 * Writes the checksum that the CM's other octets ask for; for a tester that changed some of them.
 * `start` is the first octet of the CM, filler not included.
 */
export function repairChecksum(bytes: Uint8Array, start: number, end: number, layout: LayoutName): void {
  const sum = octetSum(bytes, start, end - 2);
  if (layout === 'compact') writeU16le(bytes, end - 2, sum);
  else writeU16be(bytes, end - 2, sum);
}

/** The meaning of the CM that a view reads; `filler` only in `compact`. */
export function messageOf(view: CmView): ControlMessage {
  const message: ControlMessage = {
    layout: view.layout,
    nodeId: view.nodeId,
    sessionId: view.sessionId,
    pathId: view.pathId,
    feedbackPathId: view.feedbackPathId,
    timestamp: view.timestamp,
    pathDelay: view.pathDelay,
    localAddresses: view.localAddresses,
    flags: view.flags,
  };
  const filler = view.filler;
  if (filler !== undefined) message.filler = filler;
  return message;
}

/**
 * Decodes one CM block that must fill `bytes` exactly: 25 octets of `compact`, or 26 with the filler first; 25 + 4n of
 * `full`.
 * @throws CodecError that names the first field that makes the block no CM: `truncated`, `too-long`, `length-marker`,
 * `version`, `flags`, `address-count`, `node-id` or `checksum`.
 */
export function decode(bytes: Uint8Array, layout: LayoutName): ControlMessage {
  const declaration = LAYOUTS[layout];
  return layout === 'compact' ? decodeCompact(bytes, declaration) : decodeFull(bytes, declaration);
}

function decodeCompact(bytes: Uint8Array, layout: LayoutDeclaration): ControlMessage {
  if (bytes.length < COMPACT.baseSize || bytes.length > COMPACT.baseSize + COMPACT.filler) {
    throw lengthError(layout, bytes.length, 0, '25 octets, or 26 with the filler first');
  }
  const start = bytes.length - COMPACT.baseSize;
  checkConstant(bytes, start, layout, 'length', 'length-marker');
  checkFlags(bytes[start + fieldOffset(layout, 'flags')]!, start + fieldOffset(layout, 'flags'), 'compact');
  checkSum(bytes, start, bytes.length, 'compact');
  const message = messageOf(
    new CmView().bind(start === 1 ? bytes : prepend(bytes), 1, bytes.length + 1 - start, 'compact'),
  );
  if (start === 0) delete message.filler;
  return message;
}

function prepend(bytes: Uint8Array): Uint8Array {
  const padded = new Uint8Array(bytes.length + 1);
  padded.set(bytes, 1);
  return padded;
}

function decodeFull(bytes: Uint8Array, layout: LayoutDeclaration): ControlMessage {
  const length = bytes.length;
  if (length < FULL.baseSize) throw lengthError(layout, length, 0, 'at least 25 octets');
  const countAt = length - (FULL.baseSize - fieldOffset(layout, 'addressCount'));
  const count = bytes[countAt]!;
  checkConstant(bytes, length - FULL.baseSize, layout, 'version', 'version');
  checkFlags(bytes[countAt + 2]!, countAt + 2, 'full');
  const most = maxAddresses(layout);
  if (count > most) {
    throw new CodecError('address-count', {
      layer: 'full',
      field: 'addressCount',
      offset: countAt,
      found: count,
      needed: `at most ${most}`,
    });
  }
  const needed = cmSize(layout, count);
  if (length !== needed) throw lengthError(layout, length, count, `${needed} octets for ${count} addresses`);
  checkSum(bytes, 0, length, 'full');
  if (!isFull(bytes, 0, length)) {
    throw new CodecError('node-id', {
      layer: 'full',
      field: 'nodeId',
      offset: 0,
      found: 'a zero or multicast address',
      needed: 'a unicast MAC address',
    });
  }
  return messageOf(new CmView().bind(bytes, 0, length, 'full'));
}

/** `truncated`, naming the first field that is not whole, or `too-long`, naming the octet after the last field. */
function lengthError(layout: LayoutDeclaration, length: number, addressCount: number, needed: string): CodecError {
  const found = `${length} octets`;
  const size = cmSize(layout, addressCount);
  if (length > size) {
    return new CodecError('too-long', { layer: layout.name, field: 'end of the CM', offset: size, found, needed });
  }
  let offset = 0;
  let field: FieldName = 'checksum';
  for (const declaration of layout.fields) {
    field = declaration.name;
    if (offset + fieldSize(declaration, addressCount) > length) break;
    offset += fieldSize(declaration, addressCount);
  }
  return new CodecError('truncated', { layer: layout.name, field, offset, found, needed });
}

function checkConstant(
  bytes: Uint8Array,
  start: number,
  layout: LayoutDeclaration,
  name: FieldName,
  code: 'length-marker' | 'version',
): void {
  const offset = start + fieldOffset(layout, name);
  const needed = fieldOf(layout, name)!.constant!;
  if (bytes[offset] !== needed) {
    throw new CodecError(code, { layer: layout.name, field: name, offset, found: bytes[offset]!, needed });
  }
}

function checkFlags(flags: number, offset: number, layer: LayoutName): void {
  if (flags > MAX_FLAGS)
    throw new CodecError('flags', { layer, field: 'flags', offset, found: flags, needed: `0 to ${MAX_FLAGS}` });
}

function checkSum(bytes: Uint8Array, start: number, end: number, layer: LayoutName): void {
  const found = layer === 'compact' ? readU16le(bytes, end - 2) : readU16be(bytes, end - 2);
  const needed = octetSum(bytes, start, end - 2);
  if (found !== needed) throw new CodecError('checksum', { layer, field: 'checksum', offset: end - 2, found, needed });
}

/**
 * Checks that every field fits its layout.
 * @throws CodecError `range`, naming the field, its offset in the CM, the value and the allowed range.
 */
export function checkRanges(cm: ControlMessage): void {
  const layout = LAYOUTS[cm.layout];
  const { nodeIdMax, idMax } = LIMITS[cm.layout];
  checkRange(cm, 'nodeId', cm.nodeId, 0, nodeIdMax);
  checkRange(cm, 'sessionId', cm.sessionId, 0, idMax);
  checkRange(cm, 'pathId', cm.pathId, 0, idMax);
  checkRange(cm, 'feedbackPathId', cm.feedbackPathId, 0, idMax);
  checkRange(cm, 'timestamp', cm.timestamp, 0, 0xffffffff);
  checkRange(cm, 'pathDelay', cm.pathDelay, -0x80000000, 0x7fffffff);
  checkRange(cm, 'flags', cm.flags, 0, MAX_FLAGS);
  const { localAddresses } = cm;
  for (let i = 0; i < localAddresses.length; i++) checkRange(cm, 'localAddresses', localAddresses[i]!, 0, 0xffffffff);
  const filler = cm.filler ?? 0;
  if (cm.layout === 'compact' && !(Number.isInteger(filler) && filler >= 0 && filler <= 255)) {
    const needed = 'a whole number from 0 to 255';
    throw new CodecError('range', { layer: 'compact', field: 'filler', offset: -1, found: filler, needed });
  }
  const most = maxAddresses(layout);
  if (cm.localAddresses.length > most) {
    const offset = fieldOffset(layout, 'localAddresses');
    throw new CodecError('range', {
      layer: cm.layout,
      field: 'localAddresses',
      offset,
      found: `${cm.localAddresses.length} addresses`,
      needed: `at most ${most}`,
    });
  }
  if (cm.layout === 'full' && (cm.nodeId === 0 || Math.floor(cm.nodeId / 2 ** 40) % 2 === 1)) {
    throw new CodecError('range', {
      layer: 'full',
      field: 'nodeId',
      offset: 0,
      found: cm.nodeId,
      needed: 'a MAC address that is neither zero nor multicast',
    });
  }
}

/** @throws CodecError `range` unless `value`, that of `field` in `cm`, is a whole number from `low` to `high`. */
function checkRange(cm: ControlMessage, field: FieldName, value: number, low: number, high: number): void {
  if (Number.isInteger(value) && value >= low && value <= high) return;
  const layout = LAYOUTS[cm.layout];
  throw new CodecError('range', {
    layer: cm.layout,
    field,
    offset: fieldOffset(layout, field, cm.localAddresses.length),
    found: value,
    needed: `a whole number from ${low} to ${high}`,
  });
}

/** Largest ids of each layout, worked out once: they are asked for with each CM that is encoded. */
const LIMITS = {
  compact: limitsOf(COMPACT),
  full: limitsOf(FULL),
} as const satisfies Record<LayoutName, unknown>;

function limitsOf(layout: LayoutDeclaration) {
  const largest = (field: FieldName) => 2 ** (8 * fieldOf(layout, field)!.size) - 1;
  return { nodeIdMax: largest('nodeId'), idMax: largest('sessionId') };
}
