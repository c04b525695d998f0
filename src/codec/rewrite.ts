import { readU16be, readU32be, writeU16be, writeU32be } from './bytes.js';
import { updateChecksum, wordSum } from './checksum.js';
import type { DatagramView } from './datagram.js';
import { TCP } from './datagram.js';
import { sameTuple, type Tuple } from './packet.js';

/** True when the datagram's addresses and ports are those of `tuple`. */
export function hasTuple(view: DatagramView, tuple: Tuple): boolean {
  return sameTuple(view, tuple);
}

/**
 * Gives a TCP or UDP datagram other addresses and ports, in place (paper, section 3.7.2). IP header checksum and TCP/UDP
 * checksum are updated incrementally (RFC 1624); a UDP checksum of 0 stays 0. The view must have parsed it with `ok`.
 */
export function rewriteTuple(view: DatagramView, tuple: Tuple): void {
  rewriteTupleAt(view.bytes, view.offset, view.l4Offset, view.protocol, tuple);
}

/** As `rewriteTuple`, for a datagram of `protocol` (6 or 17) whose headers begin at `offset` and `l4Offset`. */
export function rewriteTupleAt(
  bytes: Uint8Array,
  offset: number,
  l4Offset: number,
  protocol: number,
  { source, sourcePort, destination, destinationPort }: Tuple,
): void {
  const addressesBefore = wordSum(bytes, offset + 12, offset + 20);
  const portsBefore = readU16be(bytes, l4Offset) + readU16be(bytes, l4Offset + 2);
  const addressesAfter = (source >>> 16) + (source & 0xffff) + (destination >>> 16) + (destination & 0xffff);
  writeU32be(bytes, offset + 12, source | 0);
  writeU32be(bytes, offset + 16, destination | 0);
  writeU16be(bytes, l4Offset, sourcePort);
  writeU16be(bytes, l4Offset + 2, destinationPort);
  writeU16be(bytes, offset + 10, updateChecksum(readU16be(bytes, offset + 10), addressesBefore, addressesAfter));
  const field = l4Offset + (protocol === TCP ? 16 : 6);
  const checksum = readU16be(bytes, field);
  if (protocol !== TCP && checksum === 0) return;
  const portsAfter = sourcePort + destinationPort;
  const updated = updateChecksum(checksum, addressesBefore + portsBefore, addressesAfter + portsAfter);
  writeU16be(bytes, field, updated === 0 && protocol !== TCP ? 0xffff : updated);
}

/** True when the way back of a datagram is `tuple`: the `reversedTuple` of it, which is not made. */
export function comesBy(view: DatagramView, tuple: Tuple): boolean {
  return (
    view.sourcePort === tuple.destinationPort &&
    view.destinationPort === tuple.sourcePort &&
    view.source === tuple.destination &&
    view.destination === tuple.source
  );
}

/** The tuple of a datagram as a receiver sees the way back: source and destination exchanged. */
export function reversedTuple(view: DatagramView): Tuple {
  return {
    source: readU32be(view.bytes, view.offset + 16),
    sourcePort: view.destinationPort,
    destination: readU32be(view.bytes, view.offset + 12),
    destinationPort: view.sourcePort,
  };
}
