import { TCP, type Tuple } from '../codec/index.js';
import type { AddressChange } from './address-change.js';
import type { Session } from './sessions.js';

/** Segments that wait for one session, and in all; a host's TCP sends again what is over. */
const MOST_SEGMENTS = 256;
const MOST_IN_ALL = 4096;

/** What is done with a segment that waited. */
export type SendHeld = (packet: Uint8Array, now: number) => void;

/**
 * Connections in fake TCP whose addresses changed so that no path is left which did a handshake (docs/decisions.md 14,
 * 15): a NAT that tracks TCP would refuse their segments. The host's segments wait for the first fake handshake that is
 * complete, for `patienceMicros` at most; then they go without.
 */
export class Opening {
  readonly #waiting = new Map<Session, { readonly segments: Uint8Array[]; deadline: number }>();
  #held = 0;

  constructor(
    private readonly addressChange: AddressChange,
    private readonly patienceMicros: number,
    private readonly send: SendHeld,
  ) {}

  /** Sessions that wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Segments of a session wait from now on; those that wait already go on waiting. */
  begin(session: Session, now: number): void {
    const deadline = now + this.patienceMicros;
    const waiting = this.#waiting.get(session);
    if (waiting === undefined) this.#waiting.set(session, { segments: [], deadline });
    else waiting.deadline = deadline;
    session.isOpening = true;
  }

  /** Takes a segment of the host in a session that waits. */
  hold(session: Session, packet: Uint8Array, length: number): void {
    const segments = this.#waiting.get(session)?.segments;
    if (segments === undefined || segments.length >= MOST_SEGMENTS || this.#held >= MOST_IN_ALL) return;
    segments.push(packet.slice(0, length));
    this.#held++;
  }

  /**
   * A fake handshake is complete while the addresses change: its tuple is the one path unless feedback came for another.
   * @returns true when it is.
   */
  opened(session: Session, tuple: Tuple, now: number): boolean {
    const isNeeded = session.protocol === TCP && session.paths.every(({ samples }) => samples === 0);
    if (!isNeeded || session.flaggedLeft === 0) return false;
    this.addressChange.beginWith(session, tuple, now);
    this.release(session, now);
    return true;
  }

  /** Lets the segments of a session go with the next `poll`: after the packet in hand was taken in, whose delay they feed back. */
  soon(session: Session, now: number): void {
    const waiting = this.#waiting.get(session);
    if (waiting !== undefined) waiting.deadline = now;
  }

  /** Lets the segments of a session go. */
  release(session: Session, now: number): void {
    session.isOpening = false;
    for (const packet of this.#take(session)) this.send(packet, now);
  }

  /** Forgets a session with what waits for it. */
  forget(session: Session): void {
    session.isOpening = false;
    this.#take(session);
  }

  /** Lets go what waited long enough; returns when to look again. */
  poll(now: number): number {
    let next = Number.POSITIVE_INFINITY;
    for (const [session, { deadline }] of [...this.#waiting]) {
      if (deadline <= now) this.release(session, now);
      else next = Math.min(next, deadline);
    }
    return next;
  }

  #take(session: Session): readonly Uint8Array[] {
    const segments = this.#waiting.get(session)?.segments ?? [];
    this.#waiting.delete(session);
    this.#held -= segments.length;
    return segments;
  }
}
