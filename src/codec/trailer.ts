import { copyOctets, readU16be, writeU16be } from './bytes.js';
import { fold, shiftedWordSum, updateChecksum } from './checksum.js';
import { type ControlMessage, encodedSize, encodeInto } from './control-message.js';
import {
  DatagramView,
  HeaderStatus,
  IPV4_HEADER_LENGTH,
  TCP,
  TCP_HEADER_LENGTH,
  UDP,
  UDP_HEADER_LENGTH,
} from './datagram.js';
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
    if (this.parse(bytes, offset, length) === HeaderStatus.ok) return this.recognise(accept);
    this.hasCm = false;
    return false;
  }

  /**
   * As `locate`, for a datagram that `parse` has read with `ok`: so that the sender can be looked at before `accept` is
   * chosen.
   */
  recognise(accept: number): boolean {
    this.hasCm = this.cm.recognise(this.bytes, this.payloadOffset, this.end, accept);
    return this.hasCm;
  }

  /** User data before the trailer, in octets. */
  get userDataLength(): number {
    return (this.hasCm ? this.cm.trailerStart : this.end) - this.payloadOffset;
  }
}

const headerProblem: Record<
  number,
  ['not-ipv4' | 'ip-header' | 'truncated' | 'fragment' | 'protocol', string, number, string | number]
> = {
  [HeaderStatus.notIpv4]: ['not-ipv4', 'version', 0, 4],
  [HeaderStatus.badIpHeader]: [
    'ip-header',
    'header length or total length',
    0,
    'a header of 20 octets or more that fits the total length',
  ],
  [HeaderStatus.truncated]: ['truncated', 'total length', 2, 'all octets that the total length announces'],
  [HeaderStatus.fragment]: ['fragment', 'flags and fragment offset', 6, 'a whole datagram'],
  [HeaderStatus.otherProtocol]: ['protocol', 'protocol', 9, '6 (TCP) or 17 (UDP)'],
};

/**
 * The error that explains why a datagram's headers can carry no CM; `view.status` must not be `ok`. Offsets count from
 * the start of the datagram, `length` is the number of octets that were at hand.
 */
export function headerError(view: DatagramView, length: number): CodecError {
  if (view.status === HeaderStatus.badL4Header) return l4Error(view);
  const [code, field, offset, needed] = headerProblem[view.status]!;
  return new CodecError(code, { layer: 'ipv4', field, offset, found: headerFinding(view, length), needed });
}

/** What a header said that `headerProblem` complains about. */
function headerFinding(view: DatagramView, length: number): string | number {
  const { bytes, offset } = view;
  switch (view.status) {
    case HeaderStatus.notIpv4:
      return length < 1 ? 'missing' : bytes[offset]! >>> 4;
    case HeaderStatus.badIpHeader:
      return `a header of ${view.ipHeaderLength} octets in a datagram of ${view.totalLength}`;
    case HeaderStatus.truncated:
      return length < IPV4_HEADER_LENGTH ? `missing in ${length} octets` : `${view.totalLength} with ${length} octets`;
    case HeaderStatus.fragment:
      return `0x${readU16be(bytes, offset + 6)
        .toString(16)
        .padStart(4, '0')}`;
    default:
      return view.protocol;
  }
}

/** The error for a TCP or UDP header that does not fit its datagram. */
function l4Error(view: DatagramView): CodecError {
  const isTcp = view.protocol === TCP;
  const available = view.end - view.l4Offset;
  const smallest = isTcp ? TCP_HEADER_LENGTH : UDP_HEADER_LENGTH;
  const layer = isTcp ? 'tcp' : 'udp';
  const at = view.l4Offset - view.offset;
  if (available < smallest) {
    const needed = `${smallest} octets or more`;
    return new CodecError('l4-header', { layer, field: 'header', offset: at, found: `${available} octets`, needed });
  }
  const found = `${(view.bytes[view.l4Offset + 12]! >>> 4) * 4} octets`;
  const needed = `${TCP_HEADER_LENGTH} to ${available} octets`;
  return new CodecError('l4-header', { layer, field: 'data offset', offset: at + 12, found, needed });
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
  if (scratch.parse(packet, 0, length) !== HeaderStatus.ok) throw headerError(scratch, length);
  return attachParsed(scratch, cm, out);
}

/**
 * As `attach`, for a datagram that `view` has read with `ok` at the beginning of its array.
 * @returns the new length in octets.
 * @throws CodecError as `attach`.
 */
export function attachParsed(view: DatagramView, cm: ControlMessage, out: Uint8Array): number {
  const packet = view.bytes;
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
  if (total > out.length) {
    throw new CodecError('too-long', {
      layer: 'ipv4',
      field: 'total length',
      offset: 2,
      found: total,
      needed: `at most ${out.length}, the room in the output`,
    });
  }
  if (out !== packet) copyOctets(out, 0, packet, end);
  encodeInto(cm, out, end);
  const trailerSum = shiftedWordSum(out, end, total, ((end - l4Offset) & 1) === 1);
  setLengths(out, 0, l4Offset, protocol, total, end - l4Offset, 0, trailerSum);
  return total;
}

/**
 * Removes the trailer that `view` located from its datagram, in place: IP total length, IP header checksum and TCP/UDP
 * checksum are updated (RFC 1624), the UDP length becomes the remaining IP payload. Exactly one trailer is removed.
 *
 * A UDP checksum covers the octets that the UDP length gives (RFC 768). Where that length is smaller than the IP
 * payload (the authors' kernel of 2017 leaves it so on a session's first packet), the sum is updated from that range,
 * so that a checksum that was right stays right.
 * @returns the new length in octets, counted from the start of the datagram.
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
  const start = view.cm.trailerStart;
  let covered = end - l4Offset;
  if (protocol === UDP && view.udpLength >= UDP_HEADER_LENGTH) covered = Math.min(covered, view.udpLength);
  const coveredEnd = l4Offset + covered;
  const odd = ((Math.min(start, coveredEnd) - l4Offset) & 1) === 1;
  const lost = coveredEnd > start ? shiftedWordSum(bytes, start, coveredEnd, odd) : 0;
  const won = coveredEnd < start ? shiftedWordSum(bytes, coveredEnd, start, odd) : 0;
  setLengths(bytes, offset, l4Offset, protocol, start, covered, lost, won);
  view.end = start;
  view.totalLength = start - offset;
  view.hasCm = false;
  return start - offset;
}

/**
 * Writes the lengths for a datagram that now ends at `end`, and updates the checksums: the TCP/UDP checksum covered
 * `covered` octets, from which the word sum `lost` went and to which `won` came (both as the checksum counts them).
 */
function setLengths(
  bytes: Uint8Array,
  ipOffset: number,
  l4Offset: number,
  protocol: number,
  end: number,
  covered: number,
  lost: number,
  won: number,
): void {
  const total = end - ipOffset;
  writeU16be(
    bytes,
    ipOffset + 10,
    updateChecksum(readU16be(bytes, ipOffset + 10), readU16be(bytes, ipOffset + 2), total),
  );
  writeU16be(bytes, ipOffset + 2, total);
  const l4Length = end - l4Offset;
  // The pseudo-header counts the L4 length once, the UDP header once more.
  let removed = lost + covered;
  let added = won + l4Length;
  if (protocol === UDP) {
    removed += readU16be(bytes, l4Offset + 4);
    added += l4Length;
    writeU16be(bytes, l4Offset + 4, l4Length);
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
