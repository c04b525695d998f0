import { type Constants, type DatagramView, TCP, TcpFlags } from '../codec/index.js';
import { reversedTuple } from '../codec/rewrite.js';
import type { AvailabilityRow } from './availability.js';
import type { Counters } from './counters.js';
import type { Session, SessionTable } from './sessions.js';

/** Ordinary segments of a session, without a CM of it between them, that tell of a peer that left. */
const ORDINARY_SEGMENTS = 3;
/** The same in datagrams: a CM too many spoils one of them, not all that follow. */
const ORDINARY_DATAGRAMS = 10;
/** And for how long no CM of the session came: longer than ordinary packets from before its first CM can be on their way. */
const QUIET = 250_000;
/** The same for a session of which nothing was heard yet, counted from when its row was made. */
const QUIET_UNHEARD = 1_000_000;
/** How long segments may be sent in a TCP connection without hearing anything; pauses count as a second at most. */
const SILENCE = 3_000_000;
/** After this long an address whose node left is asked again, as often as one that is not known. */
const ASK_AGAIN = 30_000_000;

/**
 * Peers whose node has ended while their hosts go on (docs/decisions.md 60). The paper has no message for it: Table 2 only
 * learns of nodes that are there. What a node goes on to send with CMs would come into the applications' streams there.
 */
export class Departures {
  constructor(
    private readonly sessions: SessionTable,
    private readonly counters: Counters,
    private readonly constants: Constants,
    /** Removes a session; what it holds back is delivered. */
    private readonly end: (session: Session, now: number) => void,
  ) {}

  /** An ordinary packet came from an enabled address and port, not in fragments. */
  ordinary(view: DatagramView, row: AvailabilityRow, now: number): void {
    const tuple = reversedTuple(view);
    const session = this.sessions.byTuple(tuple, view.protocol, now);
    if (session === undefined) return;
    const { confirmed, heardAt, createdAt } = session;
    // The answer to a SYN that had a CM: a node would have given it one.
    const isAnswer =
      view.protocol === TCP &&
      !confirmed &&
      (view.tcpFlags & TcpFlags.syn) !== 0 &&
      (view.tcpFlags & TcpFlags.ack) !== 0;
    session.ordinaryPackets++;
    const needed = view.protocol === TCP ? ORDINARY_SEGMENTS : ORDINARY_DATAGRAMS;
    const isQuiet = now - Math.max(heardAt, createdAt) >= (confirmed ? QUIET : QUIET_UNHEARD);
    const isSilent = this.isSilent(session);
    if (isAnswer || isSilent || (isQuiet && session.ordinaryPackets >= needed))
      this.left(session, row, isSilent ? now : now + ASK_AGAIN, now);
  }

  /** True when segments were sent in a TCP connection for so long that a node there would have been heard. */
  isSilent(session: Session): boolean {
    return session.protocol === TCP && session.unheardMicros >= SILENCE;
  }

  /**
   * True when the next segment of a session goes out as it is: every other one where all is silent. Something may keep
   * CMs from the host there; a node takes ordinary packets as well. A connection that left TCP for UDP could not go back
   * (docs/decisions.md 57).
   */
  isTrial(session: Session): boolean {
    if (!this.isSilent(session) || session.usesFallback) return false;
    session.isTrialDue = !session.isTrialDue;
    return session.isTrialDue;
  }

  /** The node at a session's remote address and port is taken for gone: the session ends, the address is not known any more. */
  left(session: Session, row: AvailabilityRow, askAt: number, now: number): void {
    this.counters.peersLeft++;
    this.end(session, now);
    row.enabled = false;
    row.answered = false;
    row.queries = this.constants['query-limit'];
    row.askAt = askAt;
  }

  /** Sees to it that an address whose node left is asked again after a while. */
  reconsider(row: AvailabilityRow, now: number): void {
    if (now < row.askAt) return;
    row.askAt = Number.POSITIVE_INFINITY;
    row.queries = 0;
  }
}
