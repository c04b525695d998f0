import { HeaderStatus, ipv4HeaderChecksum, l4Checksum, TCP, type TrailerView } from '../codec/index.js';

/** As in records: `unverified` when it was not asked for or cannot be known. */
export type ChecksumStatus = 'good' | 'bad' | 'unverified';

/** Whether the IP header checksum is right. The datagram's headers must have parsed. */
export function ipChecksumStatus(datagram: TrailerView): ChecksumStatus {
  const { bytes, offset, ipHeaderLength } = datagram;
  const field = (bytes[offset + 10]! << 8) | bytes[offset + 11]!;
  return field === ipv4HeaderChecksum(bytes, offset, ipHeaderLength) ? 'good' : 'bad';
}

/**
 * Whether the TCP or UDP checksum is right. A UDP checksum covers what the UDP length says, as a receiving stack sees it; one of 0 was
 * not computed, and one whose UDP length does not fit is `bad`. A fragment or a packet cut by the capture is `unverified`.
 */
export function l4ChecksumStatus(datagram: TrailerView): ChecksumStatus {
  if (datagram.status !== HeaderStatus.ok) return 'unverified';
  const { bytes, offset, protocol, l4Offset } = datagram;
  let end = datagram.end;
  if (protocol !== TCP) {
    if (datagram.l4Checksum === 0) return 'unverified';
    const { udpLength } = datagram;
    if (udpLength < 8 || l4Offset + udpLength > end) return 'bad';
    end = l4Offset + udpLength;
  }
  return datagram.l4Checksum === l4Checksum(bytes, offset, protocol, l4Offset, end) ? 'good' : 'bad';
}
