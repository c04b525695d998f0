import type { CaseLog } from './case-log.js';
import type { Micros } from './link.js';
import type { Observed, Predicate } from './observed.js';
import { StopCase } from './verdict.js';

/** What arrived at a port of the tester: kept in order, taken by predicates, answered at once by a handler. */
export class Inbox {
  /** Packets sent and received, in order. */
  readonly history: Observed[] = [];
  /** Received and not yet taken by `receive` or `collect`. */
  #backlog: Observed[] = [];
  #handler: ((packet: Observed) => void) | undefined;

  constructor(
    protected readonly log: CaseLog,
    private readonly patience: Micros,
  ) {}

  /**
   * Takes the first received packet that satisfies `predicate` and was not taken yet: one that is there already, or one
   * that arrives within `within` microseconds (default: the tester's patience). Others stay for later.
   */
  async receive(predicate: Predicate, { within }: { within?: Micros } = {}): Promise<Observed | undefined> {
    const { log } = this;
    let looked = 0;
    let found: Observed | undefined;
    let backlog = this.#backlog;
    const look = (): boolean => {
      // `collect` and `forget` in a handler replace the backlog.
      if (backlog !== this.#backlog) {
        backlog = this.#backlog;
        looked = 0;
      }
      while (found === undefined && looked < backlog.length) {
        const candidate = backlog[looked++]!;
        if (predicate(candidate)) found = candidate;
      }
      return found !== undefined;
    };
    await log.wait(log.link.now() + (within ?? this.patience), look);
    if (found !== undefined) {
      const taken = found;
      this.#backlog = this.#backlog.filter((packet) => packet !== taken);
    }
    return found;
  }

  /** Waits the whole time, then takes every packet that was not taken yet and satisfies `predicate` (default: all). */
  async collect(duration: Micros, predicate: Predicate = () => true): Promise<Observed[]> {
    const { log } = this;
    await log.wait(log.link.now() + duration, () => false);
    const taken = this.#backlog.filter(predicate);
    this.#backlog = this.#backlog.filter((packet) => !predicate(packet));
    return taken;
  }

  /** Takes and forgets what has arrived so far. */
  forget(): void {
    this.#backlog = [];
  }

  /** The last packet that was sent. */
  get lastSent(): Observed | undefined {
    return this.history.findLast(({ direction }) => direction === 'sent');
  }

  /** Calls `handler` for each packet as it arrives, so that a node can answer at once; the packet stays to be taken. */
  onReceive(handler: (packet: Observed) => void): void {
    this.#handler = handler;
  }

  /** Notes a packet that was sent. */
  protected noteSent(packet: Observed): void {
    this.history.push(packet);
  }

  /** Takes a datagram from the link, which arrived at `time` (default: now); false when the case keeps no more, so that the link is to hand over nothing else. */
  protected arrived(packet: Uint8Array, time?: Micros): boolean {
    const { log } = this;
    if (log.isStopped) return true;
    const observed = log.add('received', packet, time);
    if (observed === undefined) return false;
    this.history.push(observed);
    log.examine(observed);
    if (log.isStopped) return true;
    this.#backlog.push(observed);
    try {
      this.digest(observed);
      this.#handler?.(observed);
    } catch (error) {
      if (!(error instanceof StopCase)) log.fault(error);
    }
    return true;
  }

  /** What a port does by itself with a packet, before the case's handler. */
  protected digest(_packet: Observed): void {}
}
