import { HeaderStatus, type TrailerView } from '../codec/index.js';
import type { NodeState } from './node-state.js';
import type { Probes } from './probes.js';
import { type Deliver, ReorderingBuffer } from './reordering.js';
import { ResetHold } from './reset-hold.js';
import type { Session } from './sessions.js';
import { SlowestDelay } from './slowest-delay.js';

/** Segments that wait for those before them (paper, section 3.8.3), and resets that wait for a sign of life. */
export class HeldSegments {
  /** Sessions that hold segments; looked at when time has passed. */
  readonly holding = new Set<Session>();
  /** RST that wait for a sign of life. */
  readonly resets: ResetHold;
  readonly #deliver: Deliver;

  constructor(
    private readonly state: NodeState,
    probes: Probes,
  ) {
    const { sessions, nodes, fallback, composer, counters } = state;
    this.resets = new ResetHold(sessions, nodes, fallback, composer, counters, (session, now) =>
      probes.askForLife(session, now),
    );
    this.#deliver = (packet, length) => void this.state.deliveries.filling.appendCopy(packet, length);
  }

  /** True while anything waits to be delivered. */
  get isHolding(): boolean {
    return this.holding.size > 0 || this.resets.size > 0;
  }

  /** Delivers segments that were held too long; returns when to look again. */
  releaseHeld(now: number): number {
    let next = this.resets.release(now, this.#deliver);
    for (const session of this.holding) {
      const { reordering } = session;
      if (reordering !== undefined && reordering.deadline <= now) reordering.release(now, this.#deliver);
      if (reordering === undefined || reordering.size === 0) this.holding.delete(session);
      else next = Math.min(next, reordering.deadline);
    }
    return next;
  }

  /** Delivers everything that a session holds back. */
  releaseAll(session: Session): void {
    session.reordering?.flush(this.#deliver);
    this.holding.delete(session);
  }

  /** Section 3.8.3: in-sequence segments go up at once, the others wait. True when the segment in `view` goes up as it is. */
  reorder(view: TrailerView, session: Session, now: number, timestamp?: number): boolean {
    if (!this.state.settings.reordering || view.status !== HeaderStatus.ok) return true;
    const { constants } = this.state.settings;
    const { 'reordering-slots': slots, 'reordering-hold': hold, 'reordering-margin': margin } = constants;
    session.reordering ??= new ReorderingBuffer(slots, hold, margin > 0);
    const patience = margin > 0 && timestamp !== undefined ? this.patience(session, timestamp, now) : hold;
    if (session.reordering.passes(view)) return true;
    session.reordering.accept(view, now, this.#deliver, patience);
    if (session.reordering.size > 0) this.holding.add(session);
    return false;
  }

  /** How long what was sent before a segment may still be on its way: as much longer as the slowest path takes, and a margin. */
  patience(session: Session, timestamp: number, now: number): number {
    const { composer, settings } = this.state;
    session.slowest ??= new SlowestDelay();
    const excess = session.slowest.excess((composer.ticks(now) - timestamp) | 0, now);
    return excess * settings.profile.tickMicros + settings.constants['reordering-margin'];
  }
}
