import { readU16be } from '../../codec/bytes.js';
import { FLAG_NAMES, TcpFlags } from '../../codec/index.js';
import type { ChecksumStatus } from '../checksum-status.js';
import { FINDINGS } from '../findings.js';
import { type FieldReader, RECORD_FIELD_READERS } from '../packet-fields.js';
import { FindingBit, hasFindingList } from '../packet-findings.js';
import type { PacketView } from '../packet-view.js';

/** A field that a display filter may name. */
export type FilterField = (
  | FieldReader
  /** There or not; it has no value. */
  | { readonly kind: 'presence'; readonly read: (view: PacketView) => boolean }
) & {
  /** Names of values, which stand for their index. */
  readonly words?: readonly string[];
};

const STATUSES: readonly ChecksumStatus[] = ['bad', 'good', 'unverified'];
const PRESENT = 1;

const presence = (read: (view: PacketView) => boolean): FilterField => ({ kind: 'presence', read });
const number = (read: (view: PacketView) => number): FilterField => ({ kind: 'number', read });

/** As Wireshark has them: a number with words. */
function status(name: 'ip.checksum.status' | 'udp.checksum.status' | 'tcp.checksum.status'): FilterField {
  const reader = RECORD_FIELD_READERS[name] as { read: (view: PacketView) => ChecksumStatus | undefined };
  return {
    kind: 'number',
    words: STATUSES,
    read: (view) => {
      const found = reader.read(view);
      return found === undefined ? Number.NaN : STATUSES.indexOf(found);
    },
  };
}

function tcpFlag(bit: number): FilterField {
  return {
    kind: 'flag',
    words: ['not set', 'set'],
    read: (view) => {
      const at = view.tcpAt;
      if (at < 0 || !view.hasWholeHeader) return Number.NaN;
      return (view.trailer.bytes[at + 13]! & bit) === 0 ? 0 : PRESENT;
    },
  };
}

/** Both ports of a header. One array serves all packets. */
function ports(header: (view: PacketView) => number): FilterField {
  const pair = [0, 0];
  return {
    kind: 'numbers',
    read: (view) => {
      const at = header(view);
      if (at < 0) return undefined;
      pair[0] = readU16be(view.trailer.bytes, at);
      pair[1] = readU16be(view.trailer.bytes, at + 2);
      return pair;
    },
  };
}

const bothAddresses = [0, 0];

/** Fields of Wireshark that records have not, and names of protocols. */
const OTHER_FIELDS: Readonly<Record<string, FilterField>> = {
  frame: presence(() => true),
  ip: presence((view) => view.dissector.hasIpHeader),
  udp: presence((view) => view.udpAt >= 0),
  tcp: presence((view) => view.tcpAt >= 0),
  mpip: presence((view) => hasFindingList(view.dissector)),
  'frame.cap_len': number((view) => view.packet.capturedLength),
  'frame.interface_id': number((view) => view.packet.interfaceId),
  'frame.time_relative': {
    kind: 'time',
    read: (view) => view.packet.seconds - view.firstSeconds - (view.packet.nanoseconds < view.firstNanoseconds ? 1 : 0),
    nanoseconds: (view) =>
      view.packet.nanoseconds - view.firstNanoseconds + (view.packet.nanoseconds < view.firstNanoseconds ? 1e9 : 0),
  },
  'ip.len': number((view) => (view.dissector.hasIpHeader ? view.trailer.totalLength : Number.NaN)),
  'ip.ttl': number((view) => (view.dissector.hasIpHeader ? view.trailer.bytes[view.trailer.offset + 8]! : Number.NaN)),
  'ip.addr': {
    kind: 'addresses',
    read: (view) => {
      if (!view.dissector.hasIpHeader) return undefined;
      bothAddresses[0] = view.trailer.source;
      bothAddresses[1] = view.trailer.destination;
      return bothAddresses;
    },
  },
  'udp.port': ports((view) => view.udpAt),
  'tcp.port': ports((view) => view.tcpAt),
  'tcp.flags.fin': tcpFlag(TcpFlags.fin),
  'tcp.flags.syn': tcpFlag(TcpFlags.syn),
  'tcp.flags.reset': tcpFlag(TcpFlags.rst),
  'tcp.flags.push': tcpFlag(TcpFlags.psh),
  'tcp.flags.ack': tcpFlag(TcpFlags.ack),
  'tcp.flags.urg': tcpFlag(TcpFlags.urg),
  'ip.checksum.status': status('ip.checksum.status'),
  'udp.checksum.status': status('udp.checksum.status'),
  'tcp.checksum.status': status('tcp.checksum.status'),
};

const ANALYSED = /^mpip\.(analysis\.(response_to|path_tuple|feedback_tuple|delay)|expert)$/;

/** Whether a field of records or filters depends on the packets before it in the way that analysis follows. */
export function needsAnalysis(name: string): boolean {
  return ANALYSED.test(name) || name === 'mpip.expert.path_zero';
}

/** Every field of records, those of Wireshark that cost nothing to add, and `mpip.expert.ID` for each finding. */
export const FILTER_FIELDS: ReadonlyMap<string, FilterField> = new Map<string, FilterField>([
  ...Object.entries(RECORD_FIELD_READERS),
  ['mpip.flags', { ...RECORD_FIELD_READERS['mpip.flags'], words: FLAG_NAMES } as FilterField],
  ...FINDINGS.map(({ id }): [string, FilterField] => [
    `mpip.expert.${id.replaceAll('-', '_')}`,
    presence((view) => (view.findings & FindingBit[id]) !== 0),
  ]),
  ...Object.entries(OTHER_FIELDS),
]);
