import { buildTcp, type Ipv4, TCP, TcpFlags } from '../codec/index.js';
import type { Session, SessionTable } from './sessions.js';

/** A TCP connection is over with when an ordinary packet came and no CM for this long after. */
const QUIET = 500_000;
/** Of UDP nothing can be asked for: no CM for this long. */
const QUIET_UDP = 1_000_000;
/** Between two segments that ask the peer's host for an acknowledgement; Linux answers every 500 ms at most. */
const ASK_PERIOD = 250_000;
/** Segments looked at in one go, so that many connections do not leave as one burst. */
const MOST_ASKED = 500;
const EMPTY = new Uint8Array(0);

interface Leave {
  /** When the last CM of the session came, or the node began to leave, microseconds. */
  cmAt: number;
  /** True once an ordinary packet came after that. */
  isOrdinary: boolean;
  askAt: number;
}

/**
 * A node that is about to end (docs/decisions.md 60). It sends its host's packets as they are and takes off what CMs
 * still come, until the peers have noticed and send ordinary packets too. So that they notice on a connection that is
 * idle, segments below the peer host's window go there, which it acknowledges (RFC 9293, section 3.10.7.4) and drops.
 */
export class Leaving {
  readonly #sessions = new Map<Session, Leave>();

  constructor(
    sessions: SessionTable,
    private readonly send: (packet: Uint8Array) => void,
    private readonly addresses: () => readonly Ipv4[],
    now: number,
  ) {
    for (const session of sessions.rows()) this.#of(session, Math.max(session.heardAt, session.createdAt));
    for (const leave of this.#sessions.values()) leave.askAt = now;
  }

  /** A CM of a session came. */
  heardCm(session: Session, now: number): void {
    const leave = this.#of(session, now);
    leave.cmAt = now;
    leave.isOrdinary = false;
  }

  /** An ordinary packet of a session came. */
  heardOrdinary(session: Session): void {
    const leave = this.#sessions.get(session);
    if (leave !== undefined) leave.isOrdinary = true;
  }

  /** Asks where it is due; returns when to look again, microseconds. */
  poll(now: number): number {
    let next = Number.POSITIVE_INFINITY;
    let asked = 0;
    for (const [session, leave] of this.#sessions) {
      if (!this.#isKnown(session) || leave.isOrdinary || !this.#canAsk(session)) continue;
      if (leave.askAt <= now && asked < MOST_ASKED) {
        asked++;
        leave.askAt = now + ASK_PERIOD;
        this.#ask(session);
      }
      next = Math.min(next, Math.max(leave.askAt, now + 1000));
    }
    return next;
  }

  /** The sessions of which CMs may still come. */
  open(now: number): Session[] {
    return [...this.#sessions]
      .filter(([session, leave]) => this.#isKnown(session) && !this.#isOver(session, leave, now))
      .map(([session]) => session);
  }

  #isOver(session: Session, { cmAt, isOrdinary }: Leave, now: number): boolean {
    if (session.hasEnded) return true;
    if (!this.#canAsk(session)) return now - cmAt >= QUIET_UDP;
    return isOrdinary && now - cmAt >= QUIET;
  }

  /** True while the row is in Table 7: it may have expired. */
  #isKnown(session: Session): boolean {
    return session.peer.sessions.get(session.id) === session;
  }

  #canAsk({ protocol, nextSent, hasEnded, tuple }: Session): boolean {
    return protocol === TCP && nextSent !== undefined && !hasEnded && this.addresses().includes(tuple.source);
  }

  #ask({ sequenceBelowWindow, lastAcknowledged, tuple }: Session): void {
    const fields = { sequence: sequenceBelowWindow, acknowledgement: lastAcknowledged, flags: TcpFlags.ack };
    this.send(buildTcp(tuple, fields, EMPTY));
  }

  #of(session: Session, now: number): Leave {
    let leave = this.#sessions.get(session);
    if (leave === undefined) {
      leave = { cmAt: now, isOrdinary: false, askAt: now };
      this.#sessions.set(session, leave);
    }
    return leave;
  }
}
