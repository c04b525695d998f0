import { readU16be, readU32be } from '../../codec/bytes.js';
import { TCP, UDP, UDP_HEADER_LENGTH } from '../../codec/datagram.js';
import { PATH_HEADER, PATH_SEQUENCE_OPTION } from '../../codec/path-sequence.js';
import type { OnPacket } from './packet-link.js';
import type { Frame, PacketSplitter } from './packet-splitter.js';

/** A frame that arrived, with what of it was passed on already. */
interface Arrival {
  frame: Frame;
  splitter: PacketSplitter;
  /** Ports of the TCP connection, if it is one: those inside a wrapper. */
  connection: number;
  /** What else tells ways apart: outer addresses and ports. */
  way: number;
  /** Where the TCP header is or would be, in octets from the IP header. */
  header: number;
  isDone: boolean;
}

const NO_CONNECTION = -1;

/**
 * Frames that arrived together, of one interface or several. In which order they are passed on is a matter of which
 * socket was read first, and trains arrive as a whole: a connection that is spread over several ways would come out of
 * order in blocks. So packets of different ways of one connection are passed on in the order of their TCP sequence
 * numbers. The order within a way never changes, and what did not arrive together is not waited for.
 */
export class Arrivals {
  readonly #arrivals: Arrival[] = [];
  #count = 0;
  /** The first frames of each way of the connection at hand that are not passed on. */
  readonly #heads: Arrival[] = [];

  /** Takes a frame; it must stay as it is until `pass`. */
  add(frame: Frame, splitter: PacketSplitter): void {
    let arrival = this.#arrivals[this.#count];
    if (arrival === undefined) {
      arrival = { frame, splitter, connection: 0, way: 0, header: 0, isDone: false };
      this.#arrivals.push(arrival);
    }
    this.#count++;
    arrival.frame = frame;
    arrival.splitter = splitter;
    arrival.isDone = false;
    identify(arrival);
  }

  /** Calls `onPacket` with every packet. @returns their number. */
  pass(onPacket: OnPacket): number {
    const count = this.#count;
    let packets = 0;
    for (let i = 0; i < count; i++) {
      const arrival = this.#arrivals[i]!;
      if (arrival.isDone) continue;
      packets += this.#hasOtherWay(arrival, i + 1, count)
        ? this.#merge(i, count, onPacket)
        : passWhole(arrival, onPacket);
    }
    this.#count = 0;
    return packets;
  }

  /** True when packets of the same connection came by another way too. */
  #hasOtherWay(arrival: Arrival, from: number, count: number): boolean {
    const { connection, way } = arrival;
    if (connection === NO_CONNECTION) return false;
    for (let i = from; i < count; i++) {
      const other = this.#arrivals[i]!;
      if (other.connection === connection && other.way !== way) return true;
    }
    return false;
  }

  /** Passes on every packet of the connection of arrival `from`, the lowest sequence number of all ways first. */
  #merge(from: number, count: number, onPacket: OnPacket): number {
    const { connection } = this.#arrivals[from]!;
    const heads = this.#heads;
    heads.length = 0;
    for (let i = from; i < count; i++) {
      const arrival = this.#arrivals[i]!;
      if (arrival.connection === connection && !heads.some(({ way }) => way === arrival.way)) heads.push(arrival);
    }
    let packets = 0;
    while (heads.length > 0) {
      let first = 0;
      for (let i = 1; i < heads.length; i++) if (isBefore(heads[i]!, heads[first]!)) first = i;
      const head = heads[first]!;
      packets += head.splitter.next(head.frame, onPacket);
      if (!head.frame.isFinished) continue;
      head.isDone = true;
      const next = this.#nextOf(head, from, count);
      if (next === undefined) heads.splice(first, 1);
      else heads[first] = next;
    }
    return packets;
  }

  /** The next frame of the same way. */
  #nextOf({ connection, way }: Arrival, from: number, count: number): Arrival | undefined {
    for (let i = from; i < count; i++) {
      const other = this.#arrivals[i]!;
      if (!other.isDone && other.connection === connection && other.way === way) return other;
    }
    return undefined;
  }
}

function passWhole({ frame, splitter }: Arrival, onPacket: OnPacket): number {
  let packets = 0;
  while (!frame.isFinished) packets += splitter.next(frame, onPacket);
  return packets;
}

/** True when the next packet of `a` comes before that of `b`: by sequence number, then by acknowledgement. */
function isBefore(a: Arrival, b: Arrival): boolean {
  const bySequence = (sequenceOf(a) - sequenceOf(b)) | 0;
  if (bySequence !== 0) return bySequence < 0;
  return ((readU32be(a.frame.packet, a.header + 8) - readU32be(b.frame.packet, b.header + 8)) | 0) < 0;
}

/** The sequence number of the next packet of a frame; a wrapped train has it in each datagram. */
function sequenceOf({ frame, header }: Arrival): number {
  const { packet, passed } = frame;
  return frame.isTrain ? readU32be(packet, passed + header + 4) : readU32be(packet, header + 4) + passed;
}

/** Octets of a path's own TCP header before the connection's (docs/decisions.md 64); 0 for none. */
function pathHeaderAt(packet: Uint8Array, length: number): number {
  const isOne =
    length >= 20 + PATH_HEADER + 20 &&
    packet[20 + 12]! >>> 4 === PATH_HEADER >>> 2 &&
    PATH_SEQUENCE_OPTION.every((octet, i) => packet[40 + i] === octet);
  return isOne ? PATH_HEADER : 0;
}

/** Works out to which connection a frame may belong, and by which way it came. */
function identify(arrival: Arrival): void {
  const { packet, length } = arrival.frame;
  arrival.connection = NO_CONNECTION;
  if (length < 20 || packet[0] !== 0x45 || (readU16be(packet, 6) & 0x1fff) !== 0) return;
  const protocol = packet[9];
  if (protocol !== TCP && protocol !== UDP) return;
  const header = protocol === TCP ? 20 + pathHeaderAt(packet, length) : 20 + UDP_HEADER_LENGTH;
  if (length < header + 20) return;
  arrival.header = header;
  arrival.connection = readU32be(packet, header);
  arrival.way =
    (readU32be(packet, 12) ^ Math.imul(readU32be(packet, 16), 0x9e3779b1) ^ readU32be(packet, 20) ^ protocol) | 0;
}
