import { readU16be, writeU16be } from './bytes.js';
import { fold, shiftedWordSum, updateChecksum } from './checksum.js';
import { type ControlMessage, encodedSize, encodeInto } from './control-message.js';
import { DatagramView, HeaderStatus, TCP, UDP, UDP_HEADER_LENGTH } from './datagram.js';
import { CodecError } from './errors.js';
import { Accept, CmView } from './view.js';

/**
 * A reusable view of a datagram and of the CM at its end. The trailer ends with the last octet given by the IP total
 * length; the UDP length and the checksums are not looked at (docs/wire-format.md, "Where the CM sits").
 */
export class TrailerView extends DatagramView {
  readonly cm = new CmView();
  /** True after `locate` found a CM. */
  hasCm = false;

  /**
   * Reads the datagram in `length` octets at `offset` and looks for a CM of a layout in the set `accept`.
   * @returns true when there is one; `cm` then reads it and `status` is `ok`.
   */
  locate(bytes: Uint8Array, offset = 0, length = bytes.length - offset, accept: number = Accept.both): boolean {
    this.hasCm =
      this.parse(bytes, offset, length) === HeaderStatus.ok &&
      this.cm.recognise(bytes, this.payloadOffset, this.end, accept);
    return this.hasCm;
  }

  /** User data before the trailer, in octets. */
  get userDataLength(): number {
    return (this.hasCm ? this.cm.trailerStart : this.end) - this.payloadOffset;
  }
}

const headerProblem: Record<
  number,
  ['not-ipv4' | 'ip-header' | 'truncated' | 'fragment' | 'protocol' | 'l4-header', string, number, string]
> = {
  [HeaderStatus.notIpv4]: ['not-ipv4', 'version', 0, 'version 4'],
  [HeaderStatus.badIpHeader]: [
    'ip-header',
    'header length or total length',
    0,
    'a header of 20 octets or more that fits the total length',
  ],
  [HeaderStatus.truncated]: ['truncated', 'total length', 2, 'all octets that the total length announces'],
  [HeaderStatus.fragment]: ['fragment', 'flags and fragment offset', 6, 'a whole datagram'],
  [HeaderStatus.otherProtocol]: ['protocol', 'protocol', 9, '6 (TCP) or 17 (UDP)'],
  [HeaderStatus.badL4Header]: ['l4-header', 'TCP or UDP header', 20, 'a header that fits the datagram'],
};

/** Throws the error that explains why a datagram's headers can carry no CM. */
function refuse(view: DatagramView): never {
  const [code, field, offset, needed] = headerProblem[view.status]!;
  const found = view.bytes.length > offset ? view.bytes[view.offset + offset]! : 'missing';
  throw new CodecError(code, { layer: 'ipv4', field, offset, found, needed });
}

/** True when a CM may be attached: whole IPv4 TCP or UDP datagram whose UDP length is that of its IP payload. */
export function isAttachable(view: DatagramView): boolean {
  return view.status === HeaderStatus.ok && (view.protocol === TCP || view.udpLength === view.end - view.l4Offset);
}

const scratch = new DatagramView();

/**
 * Appends the trailer for `cm` to the datagram in the first `length` octets of `packet` and writes the result to `out`
 * (which may be `packet` itself when it is large enough). IP total length, IP header checksum, UDP length and TCP/UDP
 * checksum then cover the trailer; checksums are updated incrementally (RFC 1624), so that an earlier corruption still
 * shows, and a UDP checksum of 0 stays 0.
 * @returns the new length in octets.
 * @throws CodecError when the datagram can carry no CM (fragment, other protocol, headers that do not fit, UDP length
 * other than the IP payload's) or would become longer than 65535 octets.
 */
export function attach(packet: Uint8Array, cm: ControlMessage, out: Uint8Array, length = packet.length): number {
  const view = scratch;
  if (view.parse(packet, 0, length) !== HeaderStatus.ok) refuse(view);
  if (!isAttachable(view)) {
    const offset = view.l4Offset + 4;
    throw new CodecError('udp-length', {
      layer: 'udp',
      field: 'length',
      offset,
      found: view.udpLength,
      needed: `${view.end - view.l4Offset}, the IP payload`,
    });
  }
  const { end, l4Offset, protocol } = view;
  const total = end + encodedSize(cm);
  if (total > 65535) {
    throw new CodecError('too-long', {
      layer: 'ipv4',
      field: 'total length',
      offset: 2,
      found: total,
      needed: 'at most 65535',
    });
  }
  if (out !== packet) out.set(packet.subarray(0, end));
  encodeInto(cm, out, end);
  setLengths(out, l4Offset, protocol, end, total, shiftedWordSum(out, end, total, ((end - l4Offset) & 1) === 1), true);
  return total;
}

/**
 * Removes the trailer that `view` located from its datagram, in place: IP total length, IP header checksum and TCP/UDP
 * checksum are updated (RFC 1624), the UDP length becomes the remaining IP payload. Exactly one trailer is removed.
 * @returns the new length in octets.
 * @throws CodecError `no-trailer` when `view` has located none.
 */
export function detach(view: TrailerView): number {
  if (!view.hasCm) {
    throw new CodecError('no-trailer', {
      layer: 'cm',
      field: 'trailer',
      offset: view.end,
      found: 'none',
      needed: 'a located CM',
    });
  }
  const { bytes, l4Offset, protocol, offset, end } = view;
  if (offset !== 0) throw new RangeError('detach needs a datagram at offset 0 of its array.');
  const start = view.cm.trailerStart;
  const sum = shiftedWordSum(bytes, start, end, ((start - l4Offset) & 1) === 1);
  setLengths(bytes, l4Offset, protocol, end, start, sum, false);
  view.end = start;
  view.totalLength = start;
  view.hasCm = false;
  return start;
}

/** Writes the lengths for a datagram that grew or shrank from `before` to `after` octets, and updates the checksums. */
function setLengths(
  bytes: Uint8Array,
  l4Offset: number,
  protocol: number,
  before: number,
  after: number,
  trailerSum: number,
  grew: boolean,
): void {
  writeU16be(bytes, 10, updateChecksum(readU16be(bytes, 10), readU16be(bytes, 2), after));
  writeU16be(bytes, 2, after);
  let removed = grew ? 0 : trailerSum;
  let added = grew ? trailerSum : 0;
  // The pseudo-header counts the L4 length once, the UDP header once more.
  removed += before - l4Offset;
  added += after - l4Offset;
  if (protocol === UDP) {
    removed += readU16be(bytes, l4Offset + 4);
    added += after - l4Offset;
    writeU16be(bytes, l4Offset + 4, after - l4Offset);
    const checksum = readU16be(bytes, l4Offset + 6);
    if (checksum === 0) return;
    const updated = updateChecksum(checksum, fold(removed), fold(added));
    writeU16be(bytes, l4Offset + 6, updated === 0 ? 0xffff : updated);
  } else {
    writeU16be(bytes, l4Offset + 16, updateChecksum(readU16be(bytes, l4Offset + 16), fold(removed), fold(added)));
  }
}

/** Octets of user data that a datagram of at most `mtu` octets holds beside its headers and the trailer of `cm`. */
export function userDataRoom(
  mtu: number,
  protocol: number,
  trailer: number,
  ipHeaderLength = 20,
  tcpHeaderLength = 20,
): number {
  return Math.max(0, mtu - ipHeaderLength - (protocol === UDP ? UDP_HEADER_LENGTH : tcpHeaderLength) - trailer);
}
