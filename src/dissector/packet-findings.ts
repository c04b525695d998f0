import { HeaderStatus, TCP, UDP } from '../codec/index.js';
import type { CapturedPacket } from '../io/captured-packet.js';
import { type ChecksumStatus, ipChecksumStatus, l4ChecksumStatus } from './checksum-status.js';
import type { Dissector } from './dissector.js';
import { FINDINGS, type FindingId } from './findings.js';

/** Bit of each finding, in the order of {@link FINDINGS}, which is that of records. */
export const FindingBit = Object.fromEntries(FINDINGS.map(({ id }, index) => [id, 1 << index])) as Readonly<
  Record<FindingId, number>
>;

const IP_CHECKSUM = FindingBit['ip-checksum'];
const UDP_LENGTH = FindingBit['udp-length'];
const UDP_CHECKSUM = FindingBit['udp-checksum'];
const TCP_CHECKSUM = FindingBit['tcp-checksum'];
const AMBIGUOUS = FindingBit['ambiguous-layout'];
const PATH_ZERO = FindingBit['path-zero'];
const NEAR_CM = FindingBit['near-cm'];
const IN_FRAGMENT = FindingBit['cm-in-fragment'];
const CUT_SHORT = FindingBit['cut-short'];

/** Status of the checksums of a packet's headers; `unverified` unless asked for. */
export interface ChecksumStatuses {
  ip: ChecksumStatus;
  /** Of the TCP or UDP header. */
  l4: ChecksumStatus;
}

/** Verifies the checksums of the datagram that `dissector` has just inspected, which must have an IP header. */
export function verifyChecksums({ trailer }: Dissector, into: ChecksumStatuses): void {
  into.ip = ipChecksumStatus(trailer);
  into.l4 = trailer.hasPorts ? l4ChecksumStatus(trailer) : 'unverified';
}

/** Whether a packet has a list of findings, perhaps an empty one: it carries a CM, or is worth a word without one. */
export function hasFindingList(dissector: Dissector): boolean {
  return (
    dissector.hasCm ||
    (dissector.hasIpHeader && (dissector.nearCm !== undefined || dissector.isCmInFragment || dissector.isCutShort))
  );
}

/** Findings on the packet that `dissector` has just inspected, as bits; 0 for a packet without a list. */
export function findingBits(dissector: Dissector, packet: CapturedPacket, checksums: ChecksumStatuses): number {
  if (!hasFindingList(dissector)) return 0;
  const { trailer } = dissector;
  let bits = checksums.ip === 'bad' ? IP_CHECKSUM : 0;
  if (trailer.hasPorts) {
    if (trailer.protocol === UDP && trailer.status === HeaderStatus.ok) {
      if (dissector.hasWrongUdpLength) bits |= UDP_LENGTH;
      if (checksums.l4 === 'bad') bits |= UDP_CHECKSUM;
    } else if (trailer.protocol === TCP && checksums.l4 === 'bad') bits |= TCP_CHECKSUM;
  }
  if (dissector.hasCm) {
    if (dissector.isAmbiguous) bits |= AMBIGUOUS;
    return dissector.analysisOf(packet).isPathZero ? bits | PATH_ZERO : bits;
  }
  if (dissector.nearCm !== undefined) return bits | NEAR_CM;
  return bits | (dissector.isCmInFragment ? IN_FRAGMENT : CUT_SHORT);
}

const lists = new Map<number, readonly FindingId[]>();

/** The ids of a set of bits, in the order of records; the same array for the same bits. */
export function findingIds(bits: number): readonly FindingId[] {
  let list = lists.get(bits);
  if (list === undefined) {
    list = FINDINGS.filter((_, index) => (bits & (1 << index)) !== 0).map(({ id }) => id);
    lists.set(bits, list);
  }
  return list;
}
