import { formatIpv4, formatNodeId, HeaderStatus, TCP, UDP } from '../codec/index.js';
import type { CapturedPacket } from '../io/captured-packet.js';
import type { ChecksumStatus } from './checksum-status.js';
import type { Dissector } from './dissector.js';
import type { FindingId } from './findings.js';
import { type ChecksumStatuses, findingBits, findingIds, hasFindingList, verifyChecksums } from './packet-findings.js';

/**
 * What is known about a packet, under the names of Wireshark's fields. `frame.*` is always there; `ip.*` when the frame holds an IPv4
 * datagram; ports when they could be read; `mpip.*` when it carries a CM (`mpip.checksum.status` and `mpip.expert` also for a near-CM).
 */
export interface PacketRecord {
  'frame.file'?: string;
  'frame.number': number;
  /** Seconds since 1970-01-01 UTC with 9 decimals. */
  'frame.time_epoch': string;
  'frame.len': number;
  /** Comments that a pcapng file holds on the packet, such as the verdicts in the evidence of mpip check. */
  'frame.comment'?: string[];
  'ip.src'?: string;
  'ip.dst'?: string;
  'ip.proto'?: number;
  'ip.checksum.status'?: ChecksumStatus;
  'udp.srcport'?: number;
  'udp.dstport'?: number;
  /** The field of the header, which may lie. */
  'udp.length'?: number;
  'udp.checksum.status'?: ChecksumStatus;
  /** Of the outer header, or of the one inside a UDP wrapper or behind a path's own TCP header. */
  'tcp.srcport'?: number;
  'tcp.dstport'?: number;
  'tcp.seq_raw'?: number;
  'tcp.ack_raw'?: number;
  'tcp.flags'?: number;
  'tcp.checksum.status'?: ChecksumStatus;
  'mpip.layout'?: 'compact' | 'full';
  'mpip.filler'?: number;
  'mpip.length'?: number;
  'mpip.version'?: number;
  'mpip.node_id'?: string;
  'mpip.session_id'?: number;
  'mpip.path_id'?: number;
  'mpip.feedback_path_id'?: number;
  /** Ticks of the sender's clock. */
  'mpip.timestamp'?: number;
  /** Ticks. */
  'mpip.path_delay'?: number;
  /** Without empty slots. */
  'mpip.local_addr'?: string[];
  'mpip.addr_count'?: number;
  'mpip.flags'?: number;
  'mpip.checksum'?: number;
  'mpip.checksum.status'?: ChecksumStatus;
  'mpip.wrapper'?: true;
  /** Octets between the TCP or UDP header (the inner one of a wrapper) and the trailer. */
  'mpip.analysis.data_length'?: number;
  /** Frame number that this one answers. */
  'mpip.analysis.response_to'?: number;
  /** Addresses and ports of the path that carries the packet of a session. */
  'mpip.analysis.path_tuple'?: string;
  /** Those of the path that is fed back, as the peer uses it. */
  'mpip.analysis.feedback_tuple'?: string;
  /** Ticks of the delay fed back above the smallest so far of that path. */
  'mpip.analysis.delay'?: number;
  /** Why a near-CM is none, in words. */
  'mpip.analysis.near_cm'?: string;
  'mpip.expert'?: FindingId[];
}

/** A key of {@link PacketRecord}. */
export type RecordField = keyof PacketRecord;

/** Every field, in the order of records and CSV columns. */
export const RECORD_FIELDS: readonly RecordField[] = [
  'frame.file',
  'frame.number',
  'frame.time_epoch',
  'frame.len',
  'frame.comment',
  'ip.src',
  'ip.dst',
  'ip.proto',
  'ip.checksum.status',
  'udp.srcport',
  'udp.dstport',
  'udp.length',
  'udp.checksum.status',
  'tcp.srcport',
  'tcp.dstport',
  'tcp.seq_raw',
  'tcp.ack_raw',
  'tcp.flags',
  'tcp.checksum.status',
  'mpip.layout',
  'mpip.filler',
  'mpip.length',
  'mpip.version',
  'mpip.node_id',
  'mpip.session_id',
  'mpip.path_id',
  'mpip.feedback_path_id',
  'mpip.timestamp',
  'mpip.path_delay',
  'mpip.local_addr',
  'mpip.addr_count',
  'mpip.flags',
  'mpip.checksum',
  'mpip.checksum.status',
  'mpip.wrapper',
  'mpip.analysis.data_length',
  'mpip.analysis.response_to',
  'mpip.analysis.path_tuple',
  'mpip.analysis.feedback_tuple',
  'mpip.analysis.delay',
  'mpip.analysis.near_cm',
  'mpip.expert',
];

/** What {@link recordOf} adds or leaves out. */
export interface RecordOptions {
  /** Verify IP, UDP and TCP checksums; otherwise their status is `unverified`. */
  readonly checksums?: boolean;
  /** Becomes `frame.file`. */
  readonly file?: string;
}

/** The record of the packet that `dissector` has just inspected; to be called once, for every packet with a CM. */
export function recordOf(dissector: Dissector, packet: CapturedPacket, options: RecordOptions = {}): PacketRecord {
  const record: PacketRecord = {
    ...(options.file === undefined ? {} : { 'frame.file': options.file }),
    'frame.number': packet.number,
    'frame.time_epoch': formatTime(packet.seconds, packet.nanoseconds),
    'frame.len': packet.originalLength,
    ...(packet.comments === undefined ? {} : { 'frame.comment': [...packet.comments] }),
  };
  if (!dissector.hasIpHeader) return record;
  const checksums: ChecksumStatuses = { ip: 'unverified', l4: 'unverified' };
  if (options.checksums === true) verifyChecksums(dissector, checksums);
  addHeaders(record, dissector, checksums);
  if (dissector.hasCm) {
    addCm(record, dissector);
    addAnalysis(record, dissector, packet);
  } else if (dissector.nearCm !== undefined) {
    record['mpip.checksum.status'] = 'bad';
    record['mpip.analysis.near_cm'] = dissector.nearCm;
  }
  // Last among the CM's keys.
  if (hasFindingList(dissector)) record['mpip.expert'] = [...findingIds(findingBits(dissector, packet, checksums))];
  return record;
}

function addHeaders(record: PacketRecord, dissector: Dissector, checksums: ChecksumStatuses): void {
  const { trailer } = dissector;
  record['ip.src'] = formatIpv4(trailer.source);
  record['ip.dst'] = formatIpv4(trailer.destination);
  record['ip.proto'] = trailer.protocol;
  record['ip.checksum.status'] = checksums.ip;
  if (!trailer.hasPorts) return;
  const whole = trailer.status === HeaderStatus.ok;
  if (trailer.protocol === UDP) {
    record['udp.srcport'] = trailer.sourcePort;
    record['udp.dstport'] = trailer.destinationPort;
    if (!whole) return;
    record['udp.length'] = trailer.udpLength;
    record['udp.checksum.status'] = checksums.l4;
    if (dissector.wrappedHeader >= 0) addTcpHeader(record, trailer.bytes, dissector.wrappedHeader, 'unverified');
  } else if (trailer.protocol === TCP) {
    const inner = dissector.wrappedHeader;
    if (whole) addTcpHeader(record, trailer.bytes, inner < 0 ? trailer.l4Offset : inner, checksums.l4);
    else {
      record['tcp.srcport'] = trailer.sourcePort;
      record['tcp.dstport'] = trailer.destinationPort;
    }
  }
}

function addTcpHeader(record: PacketRecord, bytes: Uint8Array, at: number, status: ChecksumStatus): void {
  const u16 = (offset: number) => (bytes[at + offset]! << 8) | bytes[at + offset + 1]!;
  record['tcp.srcport'] = u16(0);
  record['tcp.dstport'] = u16(2);
  record['tcp.seq_raw'] = u16(4) * 65536 + u16(6);
  record['tcp.ack_raw'] = u16(8) * 65536 + u16(10);
  record['tcp.flags'] = bytes[at + 13]!;
  record['tcp.checksum.status'] = status;
}

function addCm(record: PacketRecord, dissector: Dissector): void {
  const { trailer, wrappedHeader } = dissector;
  const { cm } = trailer;
  record['mpip.layout'] = cm.layout;
  if (cm.isFull) record['mpip.version'] = cm.bytes[cm.end - 4]!;
  else {
    record['mpip.filler'] = cm.filler!;
    record['mpip.length'] = cm.bytes[cm.start]!;
  }
  record['mpip.node_id'] = formatNodeId(cm.nodeId, cm.isFull ? 6 : 2);
  record['mpip.session_id'] = cm.sessionId;
  record['mpip.path_id'] = cm.pathId;
  record['mpip.feedback_path_id'] = cm.feedbackPathId;
  record['mpip.timestamp'] = cm.timestamp;
  record['mpip.path_delay'] = cm.pathDelay;
  record['mpip.local_addr'] = cm.localAddresses.map(formatIpv4);
  if (cm.isFull) record['mpip.addr_count'] = cm.addressSlots;
  record['mpip.flags'] = cm.flags;
  record['mpip.checksum'] = cm.checksum;
  record['mpip.checksum.status'] = 'good';
  let dataLength = trailer.userDataLength;
  if (wrappedHeader >= 0) {
    record['mpip.wrapper'] = true;
    dataLength -= (trailer.bytes[wrappedHeader + 12]! >> 4) * 4;
  }
  record['mpip.analysis.data_length'] = dataLength;
}

function addAnalysis(record: PacketRecord, dissector: Dissector, packet: CapturedPacket): void {
  const { responseTo, pathTuple, feedbackTuple, delay } = dissector.analysisOf(packet);
  if (responseTo !== 0) record['mpip.analysis.response_to'] = responseTo;
  if (pathTuple !== undefined) record['mpip.analysis.path_tuple'] = pathTuple;
  if (feedbackTuple !== undefined) record['mpip.analysis.feedback_tuple'] = feedbackTuple;
  if (delay !== undefined) record['mpip.analysis.delay'] = delay;
}

/** Seconds with 9 decimals; `nanoseconds` are added to `seconds`, which may be negative. */
export function formatTime(seconds: number, nanoseconds: number): string {
  if (seconds < 0 && nanoseconds > 0) {
    return `-${-seconds - 1}.${String(1_000_000_000 - nanoseconds).padStart(9, '0')}`;
  }
  return `${seconds}.${String(nanoseconds).padStart(9, '0')}`;
}
