import { type DatagramView, TcpFlags } from '../codec/index.js';

/** A held segment: a copy of its datagram, its place in the byte stream and when it came. */
interface Held {
  readonly packet: Uint8Array;
  /** First sequence number and one past the last, SYN and FIN counted. */
  readonly sequence: number;
  readonly end: number;
  readonly since: number;
}

/** Takes a datagram that is to go up to the host; the octets are the callee's only during the call. */
export type Deliver = (packet: Uint8Array, length: number) => void;

/**
 * The out-of-order buffer B and the next expected sequence number S of one TCP session, in one direction (paper,
 * section 3.8.3; docs/decisions.md 24). Sequence arithmetic is modulo 2^32.
 */
export class ReorderingBuffer {
  /** Next expected sequence number S; undefined before the first segment. */
  next: number | undefined;
  readonly #held: Held[] = [];

  /** `slots` and `holdMicros` are the constants `reordering-slots` and `reordering-hold`. */
  constructor(
    private readonly slots: number,
    private readonly holdMicros: number,
  ) {}

  /** Segments held now. */
  get size(): number {
    return this.#held.length;
  }

  /** When the oldest held segment has waited long enough; `Infinity` when none is held. */
  get deadline(): number {
    let oldest = Number.POSITIVE_INFINITY;
    for (const held of this.#held) oldest = Math.min(oldest, held.since);
    return oldest + this.holdMicros;
  }

  /** The common case without a copy: nothing is held and the segment is not ahead. True when it goes up as it is. */
  passes(view: DatagramView): boolean {
    if (this.#held.length > 0 || this.next === undefined) return false;
    const { tcpFlags, sequence } = view;
    if ((tcpFlags & (TcpFlags.syn | TcpFlags.fin | TcpFlags.rst)) !== 0) return false;
    if (((sequence - this.next) | 0) > 0) return false;
    const end = (sequence + view.payloadLength) >>> 0;
    if (((end - this.next) | 0) > 0) this.next = end;
    return true;
  }

  /**
   * Takes a segment: delivers it, with what it makes deliverable, or holds it. Segments that occupy no sequence space
   * and RST pass at once, as do late segments and FIN.
   */
  accept(view: DatagramView, now: number, deliver: Deliver): void {
    const { bytes, end: length, tcpFlags, sequence } = view;
    const space = view.payloadLength + (tcpFlags & TcpFlags.syn ? 1 : 0) + (tcpFlags & TcpFlags.fin ? 1 : 0);
    const end = (sequence + space) >>> 0;
    if ((tcpFlags & TcpFlags.syn) !== 0 || this.next === undefined) {
      this.next = end;
      deliver(bytes, length);
      return;
    }
    const distance = (sequence - this.next) | 0;
    if (distance > 0 && space > 0 && (tcpFlags & (TcpFlags.rst | TcpFlags.fin)) === 0) {
      this.#hold({ packet: bytes.slice(0, length), sequence, end, since: now });
      if (this.#held.length >= this.slots) this.flush(deliver);
      return;
    }
    deliver(bytes, length);
    if (distance <= 0 && ((end - this.next) | 0) > 0) {
      this.next = end;
      this.#drain(deliver);
    }
  }

  /** Delivers everything held, in order; S becomes the highest end (the buffer is full, or a segment waited too long). */
  flush(deliver: Deliver): void {
    for (const held of this.#held) {
      deliver(held.packet, held.packet.length);
      if (this.next === undefined || ((held.end - this.next) | 0) > 0) this.next = held.end;
    }
    this.#held.length = 0;
  }

  /** Keeps the buffer sorted by sequence number, so that a flush is in order. */
  #hold(segment: Held): void {
    let at = this.#held.length;
    while (at > 0 && ((segment.sequence - this.#held[at - 1]!.sequence) | 0) < 0) at--;
    this.#held.splice(at, 0, segment);
  }

  /** Delivers held segments as long as they follow on. */
  #drain(deliver: Deliver): void {
    while (this.#held.length > 0 && ((this.#held[0]!.sequence - this.next!) | 0) <= 0) {
      const held = this.#held.shift()!;
      deliver(held.packet, held.packet.length);
      if (((held.end - this.next!) | 0) > 0) this.next = held.end;
    }
  }
}
