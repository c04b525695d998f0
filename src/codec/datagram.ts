import type { Ipv4 } from './address.js';
import { readU16be, readU32be } from './bytes.js';

/** IP protocol numbers that can carry a CM. */
export const TCP = 6;
export const UDP = 17;

/** What `DatagramView.parse` found. Everything but `ok` can carry no CM. */
export const HeaderStatus = {
  ok: 0,
  notIpv4: 1,
  badIpHeader: 2,
  /** The IP total length says more than the octets at hand: cut short by a capture. */
  truncated: 3,
  fragment: 4,
  otherProtocol: 5,
  badL4Header: 6,
} as const;

/** A value of `HeaderStatus`. */
export type HeaderStatusCode = (typeof HeaderStatus)[keyof typeof HeaderStatus];

/** Smallest headers, in octets. */
export const IPV4_HEADER_LENGTH = 20;
export const UDP_HEADER_LENGTH = 8;
export const TCP_HEADER_LENGTH = 20;

/** Bits of the TCP flags octet (RFC 793). */
export const TcpFlags = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16, urg: 32 } as const;

/**
 * A reusable, zero-copy view of an IPv4 datagram with TCP or UDP. `parse` fills the positions, all counted from the
 * start of `bytes`; after `ok` no accessor can fail. The view never judges checksums or the UDP length.
 */
export class DatagramView {
  bytes: Uint8Array = new Uint8Array(0);
  /** Where the IP header begins. */
  offset = 0;
  /** One past the last octet given by the IP total length. */
  end = 0;
  ipHeaderLength = 0;
  totalLength = 0;
  protocol = 0;
  /** Where the TCP or UDP header begins. */
  l4Offset = 0;
  /** Where the user data begins. */
  payloadOffset = 0;
  status: HeaderStatusCode = HeaderStatus.notIpv4;
  /** True when source and destination port could be read (a first fragment has them too). */
  hasPorts = false;

  /** Reads the headers of the datagram in `length` octets at `offset`. */
  parse(bytes: Uint8Array, offset = 0, length = bytes.length - offset): HeaderStatusCode {
    this.bytes = bytes;
    this.offset = offset;
    this.hasPorts = false;
    // Nothing of an earlier datagram may show when this one ends early.
    this.end = offset + length;
    this.ipHeaderLength = 0;
    this.totalLength = 0;
    this.protocol = 0;
    this.l4Offset = offset;
    this.payloadOffset = offset;
    this.status = this.#read(bytes, offset, length);
    return this.status;
  }

  #read(bytes: Uint8Array, offset: number, length: number): HeaderStatusCode {
    if (length < 1 || bytes[offset]! >>> 4 !== 4) return HeaderStatus.notIpv4;
    if (length < IPV4_HEADER_LENGTH) return HeaderStatus.truncated;
    const headerLength = (bytes[offset]! & 15) * 4;
    const totalLength = readU16be(bytes, offset + 2);
    this.ipHeaderLength = headerLength;
    this.totalLength = totalLength;
    this.protocol = bytes[offset + 9]!;
    if (headerLength < IPV4_HEADER_LENGTH || totalLength < headerLength) return HeaderStatus.badIpHeader;
    const available = Math.min(length, totalLength);
    this.l4Offset = offset + headerLength;
    this.end = offset + available;
    this.payloadOffset = this.l4Offset;
    const isTcp = this.protocol === TCP;
    if (!isTcp && this.protocol !== UDP) return HeaderStatus.otherProtocol;
    const fragmentField = readU16be(bytes, offset + 6);
    const l4Available = available - headerLength;
    this.hasPorts = l4Available >= 4 && (fragmentField & 0x1fff) === 0;
    if ((fragmentField & 0x3fff) !== 0) return HeaderStatus.fragment;
    if (length < totalLength) return HeaderStatus.truncated;
    if (isTcp) {
      if (l4Available < TCP_HEADER_LENGTH) return HeaderStatus.badL4Header;
      const tcpHeaderLength = (bytes[this.l4Offset + 12]! >>> 4) * 4;
      if (tcpHeaderLength < TCP_HEADER_LENGTH || tcpHeaderLength > l4Available) return HeaderStatus.badL4Header;
      this.payloadOffset = this.l4Offset + tcpHeaderLength;
    } else {
      if (l4Available < UDP_HEADER_LENGTH) return HeaderStatus.badL4Header;
      this.payloadOffset = this.l4Offset + UDP_HEADER_LENGTH;
    }
    return HeaderStatus.ok;
  }

  /** Source address. */
  get source(): Ipv4 {
    return readU32be(this.bytes, this.offset + 12);
  }

  /** Destination address. */
  get destination(): Ipv4 {
    return readU32be(this.bytes, this.offset + 16);
  }

  get sourcePort(): number {
    return readU16be(this.bytes, this.l4Offset);
  }

  get destinationPort(): number {
    return readU16be(this.bytes, this.l4Offset + 2);
  }

  /** The UDP length field, which may lie. */
  get udpLength(): number {
    return readU16be(this.bytes, this.l4Offset + 4);
  }

  /** The TCP or UDP checksum field. */
  get l4Checksum(): number {
    return readU16be(this.bytes, this.l4Offset + (this.protocol === TCP ? 16 : 6));
  }

  get sequence(): number {
    return readU32be(this.bytes, this.l4Offset + 4);
  }

  get acknowledgement(): number {
    return readU32be(this.bytes, this.l4Offset + 8);
  }

  /** The TCP flags octet; see `TcpFlags`. */
  get tcpFlags(): number {
    return this.bytes[this.l4Offset + 13]!;
  }

  /** Octets after the TCP or UDP header, up to the IP total length. */
  get payloadLength(): number {
    return this.end - this.payloadOffset;
  }
}
