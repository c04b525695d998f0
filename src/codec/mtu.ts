import { readU16be, writeU16be } from './bytes.js';
import { updateChecksum } from './checksum.js';
import { DatagramView, HeaderStatus, TCP, TCP_HEADER_LENGTH, TcpFlags, UDP_HEADER_LENGTH } from './datagram.js';
import { LAYOUTS, type LayoutName, trailerSize } from './layout.js';

/**
 * MTU arithmetic (paper, section 3.1: user data per packet is reduced so that the packet with its CM still fits). User
 * data is never cut: the host is shown a smaller MTU and a smaller MSS instead, or a datagram goes without CM.
 */

/** How a node uses its links. */
export interface OverheadOptions {
  readonly layout: LayoutName;
  /** Addresses in the CM's list; counts in `full` only. Default 2. */
  readonly addressCount?: number;
  /** UDP wrapper mode costs a UDP header more on the paths that are not the original (section 3.8.2). */
  readonly wrapper?: boolean;
}

/** Octets that MPIP adds to a packet: 26 in `compact`, 25 + 4n in `full`, 8 more in wrapper mode. */
export function overhead(options: OverheadOptions): number {
  return trailerSize(LAYOUTS[options.layout], options.addressCount ?? 2) + (options.wrapper ? UDP_HEADER_LENGTH : 0);
}

/** The MTU shown to the host for a link of `linkMtu` octets. Never below 68, the smallest MTU of IPv4 (RFC 791). */
export function hostMtu(linkMtu: number, options: OverheadOptions): number {
  return Math.max(68, linkMtu - overhead(options));
}

/** True when a datagram of `totalLength` octets still fits the link with its trailer. */
export function fitsWithTrailer(totalLength: number, linkMtu: number, trailer: number): boolean {
  return totalLength + trailer <= linkMtu;
}

const view = new DatagramView();

/**
 * Lowers the MSS option of a TCP SYN or SYN-ACK, in place, to what a host MTU leaves: MTU - 40 (RFC 6691), not
 * below 0. The TCP checksum is updated. Segments without the option or with a smaller value stay as they are; a segment
 * that has the option more than once has each lowered.
 * @returns true when the segment was changed.
 */
export function clampMss(packet: Uint8Array, mtu: number, length = packet.length): boolean {
  if (
    view.parse(packet, 0, length) !== HeaderStatus.ok ||
    view.protocol !== TCP ||
    (view.tcpFlags & TcpFlags.syn) === 0
  )
    return false;
  const limit = Math.max(0, mtu - 40);
  let changed = false;
  for (let at = view.l4Offset + TCP_HEADER_LENGTH; at < view.payloadOffset; ) {
    const kind = packet[at]!;
    if (kind === 0) break;
    if (kind === 1) {
      at++;
      continue;
    }
    const size = at + 1 < view.payloadOffset ? packet[at + 1]! : 0;
    if (size < 2 || at + size > view.payloadOffset) break;
    if (kind === 2 && size === 4 && readU16be(packet, at + 2) > limit) {
      const mss = readU16be(packet, at + 2);
      // The option may begin at an odd octet of what the checksum covers; then both values are summed swapped.
      const odd = ((at + 2 - view.l4Offset) & 1) === 1;
      const order = (value: number) => (odd ? ((value & 255) << 8) | (value >>> 8) : value);
      writeU16be(packet, at + 2, limit);
      writeU16be(packet, view.l4Offset + 16, updateChecksum(view.l4Checksum, order(mss), order(limit)));
      changed = true;
    }
    at += size;
  }
  return changed;
}
