import { readU16be, sameOctets, writeU16be } from '../codec/bytes.js';
import { DONT_FRAGMENT, FRAGMENT_OFFSET, MORE_FRAGMENTS } from '../codec/fragment.js';
import { type DatagramView, type Ipv4, ipv4HeaderChecksum } from '../codec/index.js';
import type { Limits } from './limits.js';

/** A datagram that is not whole this long after its first fragment came is given up (RFC 791 asks for 15 s or more). */
const EXPIRY_MICROS = 30_000_000;
/** Fragments of one datagram: a longest datagram over links of 296 octets has 241 (RFC 1144). */
const MOST_PIECES = 256;
/** What a fragment and a datagram cost beside their octets, about. */
const PIECE_OVERHEAD = 128;
const PARTIAL_OVERHEAD = 512;
const LONGEST = 65535;

/** ECN code points (RFC 3168). */
const NOT_ECT = 0;
const CONGESTION = 3;

/** Octets `start` to `end` of a datagram, counted from behind its IP header. */
interface Piece {
  readonly start: number;
  readonly end: number;
  readonly octets: Uint8Array;
}

/** A datagram of which fragments came. */
interface Partial {
  readonly key: string;
  readonly source: Ipv4;
  readonly deadline: number;
  /** Sorted, without overlap; empty when the datagram is spoilt. */
  pieces: Piece[];
  /** Octets of the pieces. */
  received: number;
  /** Octets that it counts for. */
  cost: number;
  /** Where the datagram ends; undefined before its last fragment. */
  end: number | undefined;
  /** The IP header of its first fragment. */
  header: Uint8Array | undefined;
  /** The ECN code points of its fragments, a bit each. */
  ecn: number;
  /** True once fragments contradicted each other: nothing more of it is taken. */
  isSpoilt: boolean;
}

/**
 * Puts IPv4 fragments together (RFC 791, RFC 815), within bounds: octets in all and for each sender, fragments of one
 * datagram, time. When fragments overlap or contradict each other the datagram is dropped with everything that still
 * comes of it (RFC 5722, which is stricter than RFC 791); an exact repetition of a fragment is not an overlap.
 */
export class Reassembly {
  /** By source, destination, protocol and identification; oldest first, here and in `#bySource`. */
  readonly #partials = new Map<string, Partial>();
  readonly #bySource = new Map<Ipv4, { readonly partials: Map<string, Partial>; cost: number }>();
  #cost = 0;

  constructor(private readonly limits: Pick<Limits, 'fragmentOctets' | 'fragmentOctetsPerAddress'>) {}

  /** Datagrams that are not whole. */
  get size(): number {
    return this.#partials.size;
  }

  /** Octets that they count for: those of the fragments, and what is kept of each. */
  get octets(): number {
    return this.#cost;
  }

  /**
   * Takes a fragment: `view` has read it with `HeaderStatus.fragment`.
   * @param length the octets at hand; fewer than the IP length says make it worthless.
   * @returns the datagram when this fragment makes it whole.
   */
  add(view: DatagramView, length: number, now: number): Uint8Array | undefined {
    this.sweep(now);
    const { bytes, offset, ipHeaderLength, totalLength } = view;
    if (length < totalLength || ipv4HeaderChecksum(bytes, offset, ipHeaderLength) !== readU16be(bytes, offset + 10))
      return undefined;
    const field = readU16be(bytes, offset + 6);
    const isLast = (field & MORE_FRAGMENTS) === 0;
    const start = (field & FRAGMENT_OFFSET) * 8;
    const size = totalLength - ipHeaderLength;
    if (size === 0 || (!isLast && size % 8 !== 0)) return undefined;
    const partial = this.#partialOf(view, now);
    if (partial.isSpoilt) return undefined;
    partial.ecn |= 1 << (bytes[offset + 1]! & 3);
    const piece = { start, end: start + size, octets: bytes.slice(offset + ipHeaderLength, offset + totalLength) };
    if (start === 0) partial.header ??= bytes.slice(offset, offset + ipHeaderLength);
    this.#insert(partial, piece, isLast);
    if (partial.received === partial.end) {
      this.#remove(partial);
      return whole(partial);
    }
    this.#keepWithin(view.source);
    return undefined;
  }

  /** Gives up what waited too long. @returns when to look again, microseconds. */
  sweep(now: number): number {
    for (const partial of this.#partials.values()) {
      if (partial.deadline > now) return partial.deadline;
      this.#remove(partial);
    }
    return Number.POSITIVE_INFINITY;
  }

  #partialOf(view: DatagramView, now: number): Partial {
    const { bytes, offset, source, destination, protocol } = view;
    const key = `${source}-${destination}-${protocol}-${readU16be(bytes, offset + 4)}`;
    const known = this.#partials.get(key);
    if (known !== undefined) return known;
    const partial: Partial = {
      key,
      source,
      deadline: now + EXPIRY_MICROS,
      pieces: [],
      received: 0,
      cost: 0,
      end: undefined,
      header: undefined,
      ecn: 0,
      isSpoilt: false,
    };
    this.#partials.set(key, partial);
    let own = this.#bySource.get(source);
    if (own === undefined) {
      own = { partials: new Map(), cost: 0 };
      this.#bySource.set(source, own);
    }
    own.partials.set(key, partial);
    this.#charge(partial, PARTIAL_OVERHEAD);
    return partial;
  }

  #insert(partial: Partial, piece: Piece, isLast: boolean): void {
    const place = placeOf(partial, piece, isLast);
    if (place === 'known') return;
    if (place === 'contradiction' || contradictsEcn(partial.ecn)) {
      this.#spoil(partial);
      return;
    }
    partial.pieces.splice(place, 0, piece);
    partial.received += piece.octets.length;
    if (isLast) partial.end = piece.end;
    this.#charge(partial, piece.octets.length + PIECE_OVERHEAD);
  }

  #charge(partial: Partial, octets: number): void {
    partial.cost += octets;
    this.#cost += octets;
    this.#bySource.get(partial.source)!.cost += octets;
  }

  /** Gives up the oldest datagrams: of one sender while it has too much, of anybody while there is too much. */
  #keepWithin(source: Ipv4): void {
    const { fragmentOctets, fragmentOctetsPerAddress } = this.limits;
    const own = this.#bySource.get(source);
    while (own !== undefined && own.cost > fragmentOctetsPerAddress) this.#remove(own.partials.values().next().value!);
    while (this.#cost > fragmentOctets) this.#remove(this.#partials.values().next().value!);
  }

  #spoil(partial: Partial): void {
    partial.isSpoilt = true;
    this.#charge(partial, PARTIAL_OVERHEAD - partial.cost);
    partial.pieces = [];
    partial.received = 0;
    partial.end = undefined;
    partial.header = undefined;
  }

  #remove(partial: Partial): void {
    const { key, source, cost } = partial;
    this.#partials.delete(key);
    const own = this.#bySource.get(source)!;
    own.partials.delete(key);
    own.cost -= cost;
    this.#cost -= cost;
    if (own.partials.size === 0) this.#bySource.delete(source);
  }
}

/** Where a fragment belongs among those that are there. */
function placeOf({ pieces, end }: Partial, piece: Piece, isLast: boolean): number | 'known' | 'contradiction' {
  let low = 0;
  for (let high = pieces.length; low < high; ) {
    const middle = (low + high) >>> 1;
    if (pieces[middle]!.start < piece.start) low = middle + 1;
    else high = middle;
  }
  const next = pieces[low];
  if (next !== undefined && isSame(next, piece) && isLast === (end === piece.end)) return 'known';
  const before = pieces[low - 1];
  if ((before !== undefined && before.end > piece.start) || (next !== undefined && next.start < piece.end))
    return 'contradiction';
  if (end !== undefined && (isLast || piece.end >= end)) return 'contradiction';
  if (isLast && next !== undefined) return 'contradiction';
  // Longer than a datagram can be, whatever its header is ("ping of death").
  if (piece.end > LONGEST - 20 || pieces.length >= MOST_PIECES) return 'contradiction';
  return low;
}

function isSame(a: Piece, b: Piece): boolean {
  return a.start === b.start && a.end === b.end && sameOctets(a.octets, b.octets);
}

/** RFC 3168, section 5.3: congestion was seen by some fragments, and others were of a sender without ECN. */
function contradictsEcn(ecn: number): boolean {
  return (ecn & (1 << CONGESTION)) !== 0 && (ecn & (1 << NOT_ECT)) !== 0;
}

/** The datagram of a complete set of fragments; undefined when its header makes it too long. */
function whole({ pieces, header, end, ecn }: Partial): Uint8Array | undefined {
  const length = header!.length + end!;
  if (length > LONGEST) return undefined;
  const packet = new Uint8Array(length);
  packet.set(header!);
  for (const { start, octets } of pieces) packet.set(octets, header!.length + start);
  if ((ecn & (1 << CONGESTION)) !== 0) packet[1]! |= CONGESTION;
  writeU16be(packet, 2, length);
  writeU16be(packet, 6, readU16be(packet, 6) & DONT_FRAGMENT);
  writeU16be(packet, 10, ipv4HeaderChecksum(packet, 0, header!.length));
  return packet;
}
