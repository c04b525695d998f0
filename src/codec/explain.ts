import { formatIpv4, formatNodeId } from './address.js';
import { readU16be, readU16le, readU32be, readU32le } from './bytes.js';
import { octetSum } from './checksum.js';
import { HeaderStatus } from './datagram.js';
import type { CodecError } from './errors.js';
import { explainHeaders } from './explain-headers.js';
import { flagName, MAX_FLAGS } from './flags.js';
import { refusal } from './judge.js';
import {
  cmSize,
  type FieldDeclaration,
  FULL,
  fieldOf,
  fieldOffset,
  fieldSize,
  LAYOUTS,
  type LayoutName,
} from './layout.js';
import { headerError, TrailerView } from './trailer.js';

/** The part of a datagram that a field belongs to. */
export type ExplainedLayer = 'ipv4' | 'udp' | 'tcp' | 'data' | 'compact' | 'full';

/** One field of what was handed in: where it is, what it holds, what that means. */
export interface ExplainedField {
  readonly layer: ExplainedLayer;
  /** Name in code (`sessionId`) or the header's own name (`total length`). */
  readonly name: string;
  /** Wireshark filter and NDJSON key, for fields of the CM. */
  readonly filter?: string;
  /** Words for people. */
  readonly title: string;
  /** Offset in octets from the start of what was handed in. */
  readonly offset: number;
  /** The field's octets in hex. */
  readonly hex: string;
  readonly value: number | string;
  readonly meaning: string;
  /** True when the value breaks a rule or is not what the other octets ask for. */
  readonly isWrong?: boolean;
}

/** What octets are, field by field. */
export interface Explanation {
  /** `datagram` when they begin with an IPv4 header, `block` when a CM is looked for at their end. */
  readonly kind: 'datagram' | 'block';
  /** Octets handed in. */
  readonly length: number;
  /** Where the datagram begins: 0, or behind the Ethernet header. */
  readonly start: number;
  /** Layout of the CM; undefined when there is none. */
  readonly layout: LayoutName | undefined;
  /** True when both layouts hold; it is read as compact. */
  readonly isAmbiguous: boolean;
  /** First octet of the trailer (of the filler in compact); undefined when there is no CM. */
  readonly trailerOffset: number | undefined;
  /** One past the last octet of the CM, or of the datagram. */
  readonly end: number;
  readonly fields: readonly ExplainedField[];
  /** Why there is no CM, or why not of the other layout: the headers first, then a refusal for each layout. */
  readonly refusals: readonly CodecError[];
}

/** Options of `explain`. */
export interface ExplainOptions {
  /** Look for this layout only; by default for both. */
  readonly layout?: LayoutName;
}

const ETHERNET_HEADER = 14;

/** Where an IPv4 datagram begins in `bytes`: 0, or behind an Ethernet header; undefined when neither can be. */
function datagramStart(bytes: Uint8Array): number | undefined {
  const isHeader = (at: number) => bytes[at]! >= 0x45 && bytes[at]! <= 0x4f;
  if (bytes.length > ETHERNET_HEADER + 20 && readU16be(bytes, 12) === 0x0800 && isHeader(ETHERNET_HEADER))
    return ETHERNET_HEADER;
  return bytes.length > 0 && isHeader(0) ? 0 : undefined;
}

/**
 * Explains one CM block, or one IPv4 datagram with or without its Ethernet header. Octets that begin with no IPv4
 * header are a block: the CM is looked for at their end, and `compact` may come without its filler.
 * Never throws.
 */
export function explain(bytes: Uint8Array, options: ExplainOptions = {}): Explanation {
  const layouts: LayoutName[] = options.layout === undefined ? ['compact', 'full'] : [options.layout];
  const start = datagramStart(bytes);
  // A block may begin with any octet: one that is exactly a CM is not taken for a datagram.
  const asBlock = explainBlock(bytes, layouts);
  if (start === undefined || (asBlock.layout !== undefined && asBlock.trailerOffset! <= 0)) return asBlock;
  return explainDatagram(bytes, start, layouts);
}

function explainDatagram(bytes: Uint8Array, start: number, layouts: readonly LayoutName[]): Explanation {
  const view = new TrailerView();
  view.locate(bytes, start);
  const headers = explainHeaders(view, bytes.length - start);
  const base = { kind: 'datagram', length: bytes.length, start } as const;
  const none = { layout: undefined, isAmbiguous: false, trailerOffset: undefined, end: view.end };
  if (view.status !== HeaderStatus.ok) {
    const refusals = [headerError(view, bytes.length - start)];
    const last = headers.at(-1);
    const shown = last === undefined ? start : last.offset + last.hex.length / 2;
    return { ...base, ...none, fields: [...headers, ...dataField(bytes, shown, view.end)], refusals };
  }
  const judged = judge(bytes, view.payloadOffset, view.end, layouts);
  const trailer = trailerFields(bytes, view.payloadOffset, view.end, judged);
  const dataEnd = trailer[0]?.offset ?? view.end;
  const fields = [...headers, ...dataField(bytes, view.payloadOffset, dataEnd), ...trailer];
  return { ...base, ...judged, end: view.end, fields };
}

function explainBlock(bytes: Uint8Array, layouts: readonly LayoutName[]): Explanation {
  // A block of 25 octets has no filler; one octet of room before it stands in for it.
  const from = bytes.length === LAYOUTS.compact.baseSize ? -1 : 0;
  const judged = judge(bytes, from, bytes.length, layouts);
  const trailer = trailerFields(bytes, 0, bytes.length, judged);
  const fields = [...dataField(bytes, 0, trailer[0]?.offset ?? bytes.length), ...trailer];
  return { kind: 'block', length: bytes.length, start: 0, ...judged, end: bytes.length, fields };
}

interface Judged {
  readonly layout: LayoutName | undefined;
  readonly isAmbiguous: boolean;
  readonly trailerOffset: number | undefined;
  readonly refusals: readonly CodecError[];
}

function judge(bytes: Uint8Array, from: number, end: number, layouts: readonly LayoutName[]): Judged {
  const refusals: CodecError[] = [];
  const found = layouts.filter((layout) => {
    // Only compact has a filler: where its place is free, full still begins at 0.
    const problem = refusal(bytes, layout === 'full' ? Math.max(0, from) : from, end, layout);
    if (problem !== undefined) refusals.push(problem);
    return problem === undefined;
  });
  const layout = found[0];
  const trailerOffset = layout === undefined ? undefined : end - sizeBefore(bytes, end, layout);
  return {
    layout,
    isAmbiguous: found.length > 1,
    trailerOffset: trailerOffset && Math.max(0, trailerOffset),
    refusals,
  };
}

/** Octets of filler and CM before `end`, by the address count that stands there. */
function sizeBefore(bytes: Uint8Array, end: number, layout: LayoutName): number {
  return LAYOUTS[layout].filler + cmSize(LAYOUTS[layout], layout === 'full' ? countBefore(bytes, end) : 2);
}

/** The address count of a full CM that ends at `end`. */
function countBefore(bytes: Uint8Array, end: number): number {
  return bytes[end - FULL.baseSize + fieldOffset(FULL, 'addressCount')] ?? 0;
}

/** The fields of the CM, or of what comes nearest to one; nothing where neither layout's mark stands. */
function trailerFields(bytes: Uint8Array, from: number, end: number, judged: Judged): ExplainedField[] {
  const layout = judged.layout ?? nearest(bytes, from, end, judged.refusals);
  if (layout === undefined) return [];
  const declaration = LAYOUTS[layout];
  const count = layout === 'full' ? countBefore(bytes, end) : 2;
  const size = cmSize(declaration, count);
  // Too few octets: read forwards, as far as they go.
  const start = end - size >= from ? end - size : from;
  const fields: ExplainedField[] = [];
  if (declaration.filler === 1 && start - 1 >= from) fields.push(fillerField(bytes, start - 1));
  let offset = start;
  for (const field of declaration.fields) {
    const length = fieldSize(field, count);
    if (offset + length > end) break;
    if (field.type === 'ipv4-list') {
      for (let i = 0; i < length / field.size; i++) fields.push(addressField(bytes, offset + 4 * i, i, field, layout));
    } else fields.push(cmField(bytes, offset, start, field, layout));
    offset += length;
  }
  if (offset < end) fields.push(restField(bytes, offset, end, layout));
  return fields;
}

/** The layout whose rules get furthest, when its mark stands; of a lone short block, compact. */
function nearest(
  bytes: Uint8Array,
  from: number,
  end: number,
  refusals: readonly CodecError[],
): LayoutName | undefined {
  const marked = refusals.filter((error) => !['truncated', 'length-marker', 'version'].includes(error.code));
  const order = ['flags', 'address-count', 'checksum', 'node-id'];
  marked.sort((a, b) => order.indexOf(b.code) - order.indexOf(a.code));
  if (marked.length > 0) return marked[0]!.details.layer as LayoutName;
  const counted = refusals.find(
    (error) => error.details.layer === 'full' && error.details.needed !== '25 octets or more',
  );
  if (counted?.code === 'truncated') return 'full';
  if (from > 0 || end === 0) return undefined;
  // A block that is short or has another mark is still shown, as the only layout asked for or as compact.
  if (end > LAYOUTS.compact.baseSize + LAYOUTS.compact.filler && refusals.length > 1) return undefined;
  return bytes[0] === fieldOf(LAYOUTS.compact, 'length')!.constant || refusals.length > 1
    ? 'compact'
    : (refusals[0]!.details.layer as LayoutName);
}

const hexOf = (bytes: Uint8Array, from: number, to: number) =>
  Array.from(bytes.subarray(from, to), (octet) => octet.toString(16).padStart(2, '0')).join('');

function dataField(bytes: Uint8Array, from: number, to: number): ExplainedField[] {
  if (to <= from) return [];
  const meaning = `${to - from} octets of user data`;
  return [
    {
      layer: 'data',
      name: 'data',
      title: 'User data',
      offset: from,
      hex: hexOf(bytes, from, to),
      value: to - from,
      meaning,
    },
  ];
}

function restField(bytes: Uint8Array, from: number, to: number, layer: LayoutName): ExplainedField {
  const hex = hexOf(bytes, from, to);
  const meaning = 'octets that no whole field takes';
  return { layer, name: 'rest', title: 'Rest', offset: from, hex, value: to - from, meaning, isWrong: true };
}

function fillerField(bytes: Uint8Array, at: number): ExplainedField {
  return {
    layer: 'compact',
    name: 'filler',
    filter: 'mpip.filler',
    title: 'Filler',
    offset: at,
    hex: hexOf(bytes, at, at + 1),
    value: bytes[at]!,
    meaning: 'dropped unseen, not summed',
  };
}

function addressField(
  bytes: Uint8Array,
  at: number,
  index: number,
  field: FieldDeclaration,
  layer: LayoutName,
): ExplainedField {
  const address = readU32be(bytes, at);
  return {
    layer,
    name: field.name,
    filter: field.filter,
    title: `${field.title} ${index + 1}`,
    offset: at,
    hex: hexOf(bytes, at, at + 4),
    value: formatIpv4(address),
    meaning: address === 0 ? 'empty slot' : 'an address of the sender',
  };
}

function cmField(
  bytes: Uint8Array,
  at: number,
  start: number,
  field: FieldDeclaration,
  layer: LayoutName,
): ExplainedField {
  const value = fieldValue(bytes, at, field);
  const { meaning, isWrong } = meaningOf(bytes, at, start, field, value);
  return {
    layer,
    name: field.name,
    filter: field.filter,
    title: field.title,
    offset: at,
    hex: hexOf(bytes, at, at + field.size),
    value,
    meaning,
    ...(isWrong ? { isWrong } : {}),
  };
}

function fieldValue(bytes: Uint8Array, at: number, field: FieldDeclaration): number | string {
  const isLittle = field.endian === 'little';
  switch (field.type) {
    case 'u8':
      return bytes[at]!;
    case 'u16':
      return isLittle ? readU16le(bytes, at) : readU16be(bytes, at);
    case 'u32':
      return isLittle ? readU32le(bytes, at) : readU32be(bytes, at);
    case 's32':
      return (isLittle ? readU32le(bytes, at) : readU32be(bytes, at)) | 0;
    default:
      return formatNodeId(Number.parseInt(hexOf(bytes, at, at + field.size), 16), field.size);
  }
}

function meaningOf(
  bytes: Uint8Array,
  at: number,
  start: number,
  field: FieldDeclaration,
  value: number | string,
): { meaning: string; isWrong: boolean } {
  const fine = (meaning: string) => ({ meaning, isWrong: false });
  const wrong = (meaning: string) => ({ meaning, isWrong: true });
  switch (field.name) {
    case 'length':
    case 'version':
      return value === field.constant ? fine('the mark of this layout') : wrong(`needed ${field.constant}`);
    case 'nodeId':
      return fine(field.size === 2 ? 'last two octets of a MAC address of the sender' : 'a MAC address of the sender');
    case 'sessionId':
      return fine(value === 0 ? 'none' : 'the connection');
    case 'pathId':
      return fine(value === 0 ? "none: the session's own tuple, no path yet" : "the sender's id of the path used");
    case 'feedbackPathId':
      return fine(value === 0 ? 'none: no feedback' : "the receiver's id of the path fed back");
    case 'timestamp':
      return fine("µs of the sender's clock, modulo 2^32 (linux-2014: 10 µs)");
    case 'pathDelay':
      return fine('µs of delay of the path fed back, clock difference included');
    case 'addressCount':
      return Number(value) <= field.max! ? fine('addresses in the list') : wrong(`needed 0 to ${field.max}`);
    case 'flags':
      return Number(value) <= MAX_FLAGS ? fine(flagName(Number(value))) : wrong(`needed 0 to ${MAX_FLAGS}`);
    default: {
      const needed = octetSum(bytes, start, at);
      return value === needed
        ? fine('good: the sum of the octets before it')
        : wrong(`bad: the octets sum to ${needed}`);
    }
  }
}
