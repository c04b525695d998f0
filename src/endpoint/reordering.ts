import { type DatagramView, TcpFlags } from '../codec/index.js';

/** A held segment: a copy of its datagram, its place in the byte stream and until when it waits. */
interface Held {
  readonly packet: Uint8Array;
  /** First sequence number and one past the last, SYN and FIN counted. */
  readonly sequence: number;
  readonly end: number;
  readonly until: number;
}

/** Octets below S from which on a segment is not late, but S wrong: somebody made up a segment far ahead. */
const FAR = 2 ** 24;

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

  /**
   * `slots` and `holdMicros` are the constants `reordering-slots` and `reordering-hold`. `isGradual`: when a segment has
   * waited long enough, those that do not follow on it go on waiting.
   */
  constructor(
    private readonly slots: number,
    private readonly holdMicros: number,
    private readonly isGradual: boolean,
  ) {}

  /** Segments held now. */
  get size(): number {
    return this.#held.length;
  }

  /** When the first held segment has waited long enough; `Infinity` when none is held. */
  get deadline(): number {
    let first = Number.POSITIVE_INFINITY;
    for (const held of this.#held) first = Math.min(first, held.until);
    return first;
  }

  /** The deadline has passed: delivers everything held or, of a gradual buffer, what has waited long enough and what follows on it. */
  release(now: number, deliver: Deliver): void {
    if (!this.isGradual) {
      this.flush(deliver);
      return;
    }
    let last = this.#held.length - 1;
    while (last >= 0 && this.#held[last]!.until > now) last--;
    for (let i = 0; i <= last; i++) this.#deliver(this.#held[i]!, deliver);
    this.#held.splice(0, last + 1);
    this.#drain(deliver);
  }

  /** The common case without a copy: nothing is held and the segment is not ahead. True when it goes up as it is. */
  passes(view: DatagramView): boolean {
    if (this.#held.length > 0 || this.next === undefined) return false;
    const { tcpFlags, sequence } = view;
    if ((tcpFlags & (TcpFlags.syn | TcpFlags.fin | TcpFlags.rst)) !== 0) return false;
    const distance = (sequence - this.next) | 0;
    if (distance > 0) return false;
    const end = (sequence + view.payloadLength) >>> 0;
    if (((end - this.next) | 0) > 0 || distance < -FAR) this.next = end;
    return true;
  }

  /**
   * Takes a segment: delivers it, with what it makes deliverable, or holds it. Segments that occupy no sequence space
   * and RST pass at once, as do late segments and FIN.
   * @param patience how long it may wait, microseconds; never longer than `reordering-hold`.
   */
  accept(view: DatagramView, now: number, deliver: Deliver, patience = this.holdMicros): void {
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
      this.#hold({ packet: bytes.slice(0, length), sequence, end, until: now + Math.min(patience, this.holdMicros) });
      if (this.#held.length >= this.slots) this.flush(deliver);
      return;
    }
    deliver(bytes, length);
    if (distance < -FAR && this.#held.length === 0) this.next = end;
    if (distance <= 0 && ((end - this.next) | 0) > 0) {
      this.next = end;
      this.#drain(deliver);
    }
  }

  /** Delivers everything held, in order; S becomes the highest end (the buffer is full, or a segment waited too long). */
  flush(deliver: Deliver): void {
    for (const held of this.#held) this.#deliver(held, deliver);
    this.#held.length = 0;
  }

  #deliver({ packet, end }: Held, deliver: Deliver): void {
    deliver(packet, packet.length);
    if (this.next === undefined || ((end - this.next) | 0) > 0) this.next = end;
  }

  /** Keeps the buffer sorted by sequence number, so that a flush is in order. */
  #hold(segment: Held): void {
    let at = this.#held.length;
    while (at > 0 && ((segment.sequence - this.#held[at - 1]!.sequence) | 0) < 0) at--;
    this.#held.splice(at, 0, segment);
  }

  /** Delivers held segments as long as they follow on. */
  #drain(deliver: Deliver): void {
    while (this.#held.length > 0 && ((this.#held[0]!.sequence - this.next!) | 0) <= 0)
      this.#deliver(this.#held.shift()!, deliver);
  }
}
