import { readU16be } from '../codec/bytes.js';
import { type DatagramView, TcpFlags } from '../codec/index.js';

/** What one direction of a connection has shown. Sequence numbers, modulo 2^32. */
interface Direction {
  /** One past the highest octet sent. */
  end: number;
  /** One past the highest octet that the other end's window allows. */
  allowed: number;
  /** Largest window advertised, scaled. */
  window: number;
  scale: number;
  isSeen: boolean;
}

const WINDOW_SCALE = 3;
/** How far back an acknowledgement may lie. */
const OLDEST_ACK = 66_000;

/**
 * What a NAT or firewall remembers of one TCP connection. It is opened by a SYN from the inside; with `windows` it also
 * refuses what does not fit the sequence numbers it has seen: data beyond the window or far below it, acknowledgements of
 * data that did not pass here (after G. van Rooij, Real Stateful TCP Packet Filtering in IP Filter).
 */
export class TcpTracking {
  readonly #directions: readonly [Direction, Direction] = [fresh(), fresh()];
  /** True from an RST, or from FINs of both ends: the connection may be forgotten soon. */
  isClosing = false;
  #fins = 0;

  constructor(private readonly windows: boolean) {}

  /** True once both ends have sent. */
  get isAnswered(): boolean {
    return this.#directions[1].isSeen;
  }

  /** Takes a segment from the end that opened the connection, or from the other; false when it is to be dropped. */
  accept(view: DatagramView, fromOpener: boolean): boolean {
    const own = this.#directions[fromOpener ? 0 : 1];
    const other = this.#directions[fromOpener ? 1 : 0];
    const { tcpFlags, sequence, acknowledgement } = view;
    const isSyn = (tcpFlags & TcpFlags.syn) !== 0;
    const isAck = (tcpFlags & TcpFlags.ack) !== 0;
    const isFin = (tcpFlags & TcpFlags.fin) !== 0;
    const end = (sequence + view.payloadLength + (isSyn ? 1 : 0) + (isFin ? 1 : 0)) >>> 0;
    if (this.windows && own.isSeen && !isSyn && !this.#fits(own, other, sequence, end, isAck, acknowledgement))
      return false;
    if (isSyn || !own.isSeen) {
      own.scale = isSyn ? windowScale(view) : 0;
      own.end = end;
      own.isSeen = true;
    } else if (((end - own.end) | 0) > 0) own.end = end;
    const window = readU16be(view.bytes, view.l4Offset + 14) << (isSyn ? 0 : own.scale);
    own.window = Math.max(own.window, window, 1);
    if (isAck) {
      const allowed = (acknowledgement + Math.max(1, window)) >>> 0;
      if (!other.isSeen || ((allowed - other.allowed) | 0) > 0) other.allowed = allowed;
    }
    if ((tcpFlags & TcpFlags.rst) !== 0) this.isClosing = true;
    if (isFin) this.#fins |= fromOpener ? 1 : 2;
    if (this.#fins === 3) this.isClosing = true;
    return true;
  }

  #fits(own: Direction, other: Direction, sequence: number, end: number, isAck: boolean, acked: number): boolean {
    if (other.isSeen && ((end - own.allowed) | 0) > 0) return false;
    if (((sequence - (own.end - Math.max(other.window, 1))) | 0) < 0) return false;
    if (!isAck || !other.isSeen) return true;
    const ahead = (acked - other.end) | 0;
    return ahead <= 0 && ahead >= -Math.max(own.window, OLDEST_ACK);
  }
}

function fresh(): Direction {
  return { end: 0, allowed: 0, window: 1, scale: 0, isSeen: false };
}

/** Shift of the window scale option of a SYN (RFC 7323); 0 without it. */
function windowScale({ bytes, l4Offset, payloadOffset }: DatagramView): number {
  for (let at = l4Offset + 20; at < payloadOffset; ) {
    const kind = bytes[at]!;
    if (kind === 0) return 0;
    if (kind === 1) {
      at++;
      continue;
    }
    const size = bytes[at + 1] ?? 0;
    if (kind === WINDOW_SCALE && size === 3) return Math.min(14, bytes[at + 2]!);
    if (size < 2) return 0;
    at += size;
  }
  return 0;
}
