import { formatIpv4 } from './address.js';
import { readU16be, readU32be } from './bytes.js';
import { ipv4HeaderChecksum, l4Checksum } from './checksum.js';
import { type DatagramView, HeaderStatus, IPV4_HEADER_LENGTH, TCP, TcpFlags, UDP } from './datagram.js';
import type { ExplainedField, ExplainedLayer } from './explain.js';

/** The octet-by-octet explanation of IPv4, UDP and TCP headers; see explain.ts. */

type Reading = Pick<ExplainedField, 'value' | 'meaning' | 'isWrong'>;

/** How one header field is read. */
interface HeaderField {
  readonly name: string;
  /** Offset in its header. */
  readonly at: number;
  readonly size: number;
  readonly read: (bytes: Uint8Array, at: number, view: DatagramView) => Reading;
}

const u8 =
  (meaning = '') =>
  (bytes: Uint8Array, at: number) => ({ value: bytes[at]!, meaning });
const u16 =
  (meaning = '') =>
  (bytes: Uint8Array, at: number) => ({ value: readU16be(bytes, at), meaning });
const u32 =
  (meaning = '') =>
  (bytes: Uint8Array, at: number) => ({ value: readU32be(bytes, at), meaning });
const ip = (meaning: string) => (bytes: Uint8Array, at: number) => ({
  value: formatIpv4(readU32be(bytes, at)),
  meaning,
});
const hex16 = (value: number) => `0x${value.toString(16).padStart(4, '0')}`;

const good = (value: number | string, meaning: string): Reading => ({ value, meaning });
const bad = (value: number | string, meaning: string): Reading => ({ value, meaning, isWrong: true });

const IPV4_FIELDS: readonly HeaderField[] = [
  {
    name: 'version and header length',
    at: 0,
    size: 1,
    read: (bytes, at) => {
      const length = (bytes[at]! & 15) * 4;
      const value = bytes[at]!;
      return length < IPV4_HEADER_LENGTH
        ? bad(value, `IPv${value >>> 4}, ${length} octets of header: fewer than ${IPV4_HEADER_LENGTH}`)
        : good(value, `IPv${value >>> 4}, ${length} octets of header`);
    },
  },
  { name: 'type of service', at: 1, size: 1, read: u8() },
  {
    name: 'total length',
    at: 2,
    size: 2,
    read: (bytes, at, view) => {
      const value = readU16be(bytes, at);
      if (value < view.ipHeaderLength) return bad(value, 'less than the header');
      const at0 = view.offset + value;
      if (view.status === HeaderStatus.truncated) return bad(value, 'more than the octets at hand');
      return good(value, at0 < bytes.length ? `octets; ${bytes.length - at0} of link padding behind` : 'octets');
    },
  },
  { name: 'identification', at: 4, size: 2, read: u16() },
  {
    name: 'flags and fragment offset',
    at: 6,
    size: 2,
    read: (bytes, at) => {
      const value = readU16be(bytes, at);
      const words = [];
      if (value & 0x4000) words.push("don't fragment");
      if (value & 0x2000) words.push('more fragments');
      if (value & 0x1fff) words.push(`offset ${(value & 0x1fff) * 8}`);
      const meaning = words.join(', ') || 'a whole datagram';
      return value & 0x3fff
        ? bad(hex16(value), `${meaning}: a fragment never carries a CM`)
        : good(hex16(value), meaning);
    },
  },
  { name: 'time to live', at: 8, size: 1, read: u8('hops') },
  {
    name: 'protocol',
    at: 9,
    size: 1,
    read: (bytes, at) => {
      const value = bytes[at]!;
      if (value === TCP) return good(value, 'TCP');
      return value === UDP ? good(value, 'UDP') : bad(value, 'neither TCP (6) nor UDP (17): never carries a CM');
    },
  },
  {
    name: 'header checksum',
    at: 10,
    size: 2,
    read: (bytes, at, view) => {
      const value = readU16be(bytes, at);
      if (view.ipHeaderLength < IPV4_HEADER_LENGTH || view.l4Offset > bytes.length)
        return good(hex16(value), 'unverified');
      return verdict(value, ipv4HeaderChecksum(bytes, view.offset, view.ipHeaderLength));
    },
  },
  { name: 'source', at: 12, size: 4, read: ip('') },
  { name: 'destination', at: 16, size: 4, read: ip('') },
];

const PORTS: readonly HeaderField[] = [
  { name: 'source port', at: 0, size: 2, read: u16() },
  { name: 'destination port', at: 2, size: 2, read: u16() },
];

const UDP_FIELDS: readonly HeaderField[] = [
  ...PORTS,
  {
    name: 'length',
    at: 4,
    size: 2,
    read: (bytes, at, view) => {
      const value = readU16be(bytes, at);
      const needed = view.end - view.l4Offset;
      if (value === needed) return good(value, 'octets: the whole IP payload');
      return bad(value, `the IP payload has ${needed}; not used to find the trailer`);
    },
  },
  {
    name: 'checksum',
    at: 6,
    size: 2,
    read: (bytes, at, view) => {
      const value = readU16be(bytes, at);
      if (value === 0) return good(hex16(value), 'none');
      const reading = verdict(value, l4Checksum(bytes, view.offset, UDP, view.l4Offset, view.end));
      const covered = view.udpLength;
      if (reading.isWrong !== true || covered < 8 || covered >= view.end - view.l4Offset) return reading;
      const isCovered = l4Checksum(bytes, view.offset, UDP, view.l4Offset, view.l4Offset + covered) === value;
      return isCovered ? bad(hex16(value), 'good only for the octets that the UDP length gives') : reading;
    },
  },
];

const TCP_FIELDS: readonly HeaderField[] = [
  ...PORTS,
  { name: 'sequence number', at: 4, size: 4, read: u32() },
  { name: 'acknowledgement number', at: 8, size: 4, read: u32() },
  {
    name: 'data offset',
    at: 12,
    size: 1,
    read: (bytes, at, view) => {
      const length = (bytes[at]! >>> 4) * 4;
      return view.status === HeaderStatus.badL4Header
        ? bad(bytes[at]!, `${length} octets of header do not fit the datagram`)
        : good(bytes[at]!, `${length} octets of header`);
    },
  },
  {
    name: 'flags',
    at: 13,
    size: 1,
    read: (bytes, at) => {
      const names = Object.entries(TcpFlags).filter(([, bit]) => (bytes[at]! & bit) !== 0);
      return good(bytes[at]!, names.map(([name]) => name).join(', '));
    },
  },
  { name: 'window', at: 14, size: 2, read: u16() },
  {
    name: 'checksum',
    at: 16,
    size: 2,
    read: (bytes, at, view) =>
      verdict(readU16be(bytes, at), l4Checksum(bytes, view.offset, TCP, view.l4Offset, view.end)),
  },
  { name: 'urgent pointer', at: 18, size: 2, read: u16() },
];

function verdict(found: number, needed: number): Reading {
  return found === needed ? good(hex16(found), 'good') : bad(hex16(found), `bad: needed ${hex16(needed)}`);
}

/** The header fields of the datagram that `view` parsed, as far as the `length` octets at hand go. */
export function explainHeaders(view: DatagramView, length: number): ExplainedField[] {
  const { bytes, offset } = view;
  const atHand = offset + length;
  const headerEnd = Math.min(offset + Math.max(IPV4_HEADER_LENGTH, view.ipHeaderLength), atHand);
  const fields = read('ipv4', IPV4_FIELDS, view, offset, headerEnd);
  fields.push(...rest('ipv4', bytes, offset + IPV4_HEADER_LENGTH, headerEnd));
  const { status } = view;
  const isReadable = status === HeaderStatus.ok || status === HeaderStatus.badL4Header;
  if (!isReadable) return fields;
  if (view.protocol === UDP) fields.push(...read('udp', UDP_FIELDS, view, view.l4Offset, view.end));
  else {
    fields.push(...read('tcp', TCP_FIELDS, view, view.l4Offset, view.end));
    fields.push(...rest('tcp', bytes, view.l4Offset + 20, view.payloadOffset));
  }
  return fields;
}

function read(
  layer: ExplainedLayer,
  fields: readonly HeaderField[],
  view: DatagramView,
  start: number,
  end: number,
): ExplainedField[] {
  return fields
    .filter((field) => start + field.at + field.size <= end)
    .map((field) => {
      const offset = start + field.at;
      const hex = hexOf(view.bytes, offset, offset + field.size);
      return {
        layer,
        name: field.name,
        title: titleOf(field.name),
        offset,
        hex,
        ...field.read(view.bytes, offset, view),
      };
    });
}

function rest(layer: ExplainedLayer, bytes: Uint8Array, from: number, to: number): ExplainedField[] {
  if (to <= from) return [];
  const hex = hexOf(bytes, from, to);
  return [
    { layer, name: 'options', title: 'Options', offset: from, hex, value: to - from, meaning: 'octets of options' },
  ];
}

const titleOf = (name: string) => name[0]!.toUpperCase() + name.slice(1);

const hexOf = (bytes: Uint8Array, from: number, to: number) =>
  Array.from(bytes.subarray(from, to), (octet) => octet.toString(16).padStart(2, '0')).join('');
