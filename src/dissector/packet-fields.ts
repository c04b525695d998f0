import { readU16be, readU32be } from '../codec/bytes.js';
import { UDP } from '../codec/index.js';
import { findingIds, hasFindingList } from './packet-findings.js';
import type { PacketView } from './packet-view.js';
import type { RecordField } from './record.js';

/** What a field is, and how it is read from a packet. NaN and undefined = the packet has it not. */
export type FieldReader =
  | { readonly kind: 'number'; readonly read: (view: PacketView) => number }
  | { readonly kind: 'ipv4'; readonly read: (view: PacketView) => number }
  /** 1 where it is set. */
  | { readonly kind: 'flag'; readonly read: (view: PacketView) => number }
  /** Octets as a number, with how many they are. */
  | {
      readonly kind: 'octets';
      readonly read: (view: PacketView) => number;
      readonly size: (view: PacketView) => number;
    }
  | { readonly kind: 'numbers' | 'addresses'; readonly read: (view: PacketView) => readonly number[] | undefined }
  | { readonly kind: 'text'; readonly read: (view: PacketView) => string | undefined }
  | { readonly kind: 'texts'; readonly read: (view: PacketView) => readonly string[] | undefined }
  /** Seconds; the nanoseconds to be added. */
  | {
      readonly kind: 'time';
      readonly read: (view: PacketView) => number;
      readonly nanoseconds: (view: PacketView) => number;
    };

const NONE = Number.NaN;
const number = (read: (view: PacketView) => number): FieldReader => ({ kind: 'number', read });
const ipv4 = (read: (view: PacketView) => number): FieldReader => ({ kind: 'ipv4', read });
const text = (read: (view: PacketView) => string | undefined): FieldReader => ({ kind: 'text', read });

/** A number of the CM. */
const ofCm = (read: (view: PacketView) => number): FieldReader =>
  number((view) => (view.dissector.hasCm ? read(view) : NONE));
/** 16 bits of the UDP header. */
const ofUdp = (offset: number): FieldReader =>
  number((view) => (view.udpAt < 0 ? NONE : readU16be(view.trailer.bytes, view.udpAt + offset)));
/** A number of the TCP header; all but the ports needs all of it. */
const ofTcp = (read: (bytes: Uint8Array, at: number) => number, isPort = false): FieldReader =>
  number((view) => {
    const at = view.tcpAt;
    return at < 0 || !(isPort || view.hasWholeHeader) ? NONE : read(view.trailer.bytes, at);
  });

const addresses: number[] = [];

/** Every field of a record. */
export const RECORD_FIELD_READERS: Readonly<Record<RecordField, FieldReader>> = {
  'frame.file': text((view) => view.file),
  'frame.number': number((view) => view.packet.number),
  'frame.time_epoch': {
    kind: 'time',
    read: (view) => view.packet.seconds,
    nanoseconds: (view) => view.packet.nanoseconds,
  },
  'frame.len': number((view) => view.packet.originalLength),
  'frame.comment': { kind: 'texts', read: (view) => view.packet.comments },
  'ip.src': ipv4((view) => (view.dissector.hasIpHeader ? view.trailer.source : NONE)),
  'ip.dst': ipv4((view) => (view.dissector.hasIpHeader ? view.trailer.destination : NONE)),
  'ip.proto': number((view) => (view.dissector.hasIpHeader ? view.trailer.protocol : NONE)),
  'ip.checksum.status': text((view) => (view.dissector.hasIpHeader ? view.checksums.ip : undefined)),
  'udp.srcport': ofUdp(0),
  'udp.dstport': ofUdp(2),
  'udp.length': number((view) => (view.udpAt < 0 || !view.hasWholeHeader ? NONE : view.trailer.udpLength)),
  'udp.checksum.status': text((view) => (view.udpAt < 0 || !view.hasWholeHeader ? undefined : view.checksums.l4)),
  'tcp.srcport': ofTcp((bytes, at) => readU16be(bytes, at), true),
  'tcp.dstport': ofTcp((bytes, at) => readU16be(bytes, at + 2), true),
  'tcp.seq_raw': ofTcp((bytes, at) => readU32be(bytes, at + 4)),
  'tcp.ack_raw': ofTcp((bytes, at) => readU32be(bytes, at + 8)),
  'tcp.flags': ofTcp((bytes, at) => bytes[at + 13]!),
  'tcp.checksum.status': text((view) => {
    if (view.dissector.wrappedHeader >= 0 && view.trailer.protocol === UDP) return 'unverified';
    return view.tcpAt < 0 || !view.hasWholeHeader ? undefined : view.checksums.l4;
  }),
  'mpip.layout': text((view) => (view.dissector.hasCm ? view.trailer.cm.layout : undefined)),
  'mpip.filler': ofCm(({ trailer: { cm } }) => cm.filler ?? NONE),
  'mpip.length': ofCm(({ trailer: { cm } }) => (cm.isFull ? NONE : cm.bytes[cm.start]!)),
  'mpip.version': ofCm(({ trailer: { cm } }) => (cm.isFull ? cm.bytes[cm.end - 4]! : NONE)),
  'mpip.node_id': {
    kind: 'octets',
    read: (view) => (view.dissector.hasCm ? view.trailer.cm.nodeId : NONE),
    size: (view) => (view.trailer.cm.isFull ? 6 : 2),
  },
  'mpip.session_id': ofCm((view) => view.trailer.cm.sessionId),
  'mpip.path_id': ofCm((view) => view.trailer.cm.pathId),
  'mpip.feedback_path_id': ofCm((view) => view.trailer.cm.feedbackPathId),
  'mpip.timestamp': ofCm((view) => view.trailer.cm.timestamp),
  'mpip.path_delay': ofCm((view) => view.trailer.cm.pathDelay),
  'mpip.local_addr': {
    kind: 'addresses',
    read: (view) => (view.dissector.hasCm ? view.trailer.cm.readAddresses(addresses) : undefined),
  },
  'mpip.addr_count': ofCm(({ trailer: { cm } }) => (cm.isFull ? cm.addressSlots : NONE)),
  'mpip.flags': ofCm((view) => view.trailer.cm.flags),
  'mpip.checksum': ofCm((view) => view.trailer.cm.checksum),
  'mpip.checksum.status': text(({ dissector }) => {
    if (dissector.hasCm) return 'good';
    return dissector.hasIpHeader && dissector.nearCm !== undefined ? 'bad' : undefined;
  }),
  'mpip.wrapper': { kind: 'flag', read: (view) => (view.dissector.wrappedHeader >= 0 ? 1 : NONE) },
  'mpip.analysis.data_length': ofCm((view) => view.dataLength),
  'mpip.analysis.response_to': ofCm((view) => view.analysis.responseTo || NONE),
  'mpip.analysis.path_tuple': text((view) => (view.dissector.hasCm ? view.analysis.pathTuple : undefined)),
  'mpip.analysis.feedback_tuple': text((view) => (view.dissector.hasCm ? view.analysis.feedbackTuple : undefined)),
  'mpip.analysis.delay': ofCm((view) => view.analysis.delay ?? NONE),
  'mpip.analysis.near_cm': text(({ dissector }) => (dissector.hasIpHeader ? dissector.nearCm : undefined)),
  'mpip.expert': {
    kind: 'texts',
    read: (view) => (hasFindingList(view.dissector) ? findingIds(view.findings) : undefined),
  },
};
