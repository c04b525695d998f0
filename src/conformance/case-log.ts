import type { ControlMessage } from '../codec/index.js';
import type { CaseLink, Micros } from './link.js';
import { NoCmError, Observed } from './observed.js';
import { isBinding } from './requirements.js';
import { type Cause, type RunVerdict, StopCase, type Verdict, worse } from './verdict.js';

/** Packets and octets kept in one case; what comes after is counted and thrown away. */
export const MOST_PACKETS = 2048;
export const MOST_OCTETS = 2 << 20;

/**
 * What happens in one case: its packets in order, its verdict, and whether it is to stop. Ports write packets, the
 * tester writes verdicts, the engine reads both.
 */
export class CaseLog {
  /** Every packet kept, in the order of the evidence: frame n is `packets[n - 1]`. */
  readonly packets: Observed[] = [];
  /** Packets that arrived after the log was full. */
  dropped = 0;
  verdict: Verdict = 'none';
  cause: Cause | undefined;
  /** Breaches of SHOULD and MAY. */
  readonly warnings: Cause[] = [];
  /** Packets that decided the verdict, with no repetition. */
  readonly deciding: Observed[] = [];
  /** True from when the case is to end: every wait then throws. */
  isStopped = false;
  /** When the case must be over, on the link's clock. */
  limitAt: Micros = Number.POSITIVE_INFINITY;
  /** Called for every valid CM that was received. */
  onForeignCm: ((cm: ControlMessage) => void) | undefined;

  /** Packets sent whose trailers are not in `#ownTrailers` yet: hardly any peer's packet has one of our node ids. */
  readonly #newOnes: Observed[] = [];
  readonly #ownTrailers = new Set<string>();
  readonly #ownNodeIds = new Set<number>();
  #octets = 0;

  constructor(
    readonly link: CaseLink,
    /** Ids of the case's requirements. */
    readonly requirements: readonly string[],
  ) {}

  /** True when packets were thrown away: what was not seen proves nothing. */
  get isFlooded(): boolean {
    return this.dropped > 0;
  }

  /** Keeps a packet; undefined when the log is full. `time` is that of the link's clock, now unless given. */
  add(direction: 'sent' | 'received', packet: Uint8Array, time = this.link.now()): Observed | undefined {
    if (direction === 'received') {
      if (this.packets.length >= MOST_PACKETS || this.#octets + packet.length > MOST_OCTETS) {
        this.dropped++;
        return undefined;
      }
      this.#octets += packet.length;
    }
    const observed = new Observed(this.packets.length + 1, time, direction, packet);
    this.packets.push(observed);
    return observed;
  }

  /** Remembers a trailer that the peer has to take off: returned at the end of a datagram, it was not digested. */
  ownTrailer(packet: Observed): void {
    const { nodeId } = packet;
    if (nodeId === undefined) return;
    this.#ownNodeIds.add(nodeId);
    this.#newOnes.push(packet);
  }

  /** Looks whether a received packet ends in one of our own trailers; if so the case has failed and stops. */
  examine(packet: Observed): void {
    const { cm } = packet;
    if (cm === undefined) return;
    if (!this.#ownNodeIds.has(cm.nodeId) || !this.#isOwn(packet.trailer)) {
      this.onForeignCm?.(cm);
      return;
    }
    // Not by `record`: this says that the peer is no MPIP host at all, whatever the level of the case's requirements.
    this.#set('fail', {
      code: 'own-cm-echoed',
      text:
        'The peer returned our control message unchanged at the end of its answer. It handed the control message to ' +
        'its application as if it were user data: a plain UDP service does that, a host with MPIP takes it off.',
      expected: 'an answer without our own control message',
      seen: 'the control message that we sent',
      packet,
      octet: packet.cmOffset,
      octets: packet.packet.length - packet.cmOffset,
    });
    this.stop();
  }

  #isOwn(trailer: Uint8Array): boolean {
    for (const own of this.#newOnes.splice(0)) this.#ownTrailers.add(key(own.trailer));
    return this.#ownTrailers.has(key(trailer));
  }

  /**
   * Sets the verdict when it is worse than the one in force. A breach that concerns only SHOULD or MAY requirements
   * becomes a warning, and the verdict `pass`.
   */
  record(verdict: RunVerdict, cause: Cause): void {
    const concerned = cause.requirement === undefined ? this.requirements : [cause.requirement];
    if (verdict === 'fail' && concerned.length > 0 && !concerned.some(isBinding)) {
      this.warnings.push(cause);
      this.record('pass', { ...cause, text: `Only a recommendation was not followed: ${cause.text}` });
      return;
    }
    this.#set(verdict, cause);
  }

  #set(verdict: RunVerdict, cause: Cause): void {
    if (this.verdict === verdict && verdict === 'pass') this.cause = cause;
    if (worse(this.verdict, verdict) === verdict && verdict !== this.verdict) {
      this.verdict = verdict;
      this.cause = cause;
      this.deciding.length = 0;
    } else if (verdict !== this.verdict) return;
    if (cause.packet !== undefined) this.decides(cause.packet);
  }

  /** Makes the case `inconc` for a reason that outweighs its own; a `fail` and a fault of the tester stay. */
  overrule(cause: Cause): void {
    if (worse(this.verdict, 'inconc') !== 'inconc') return;
    this.verdict = 'inconc';
    this.cause = cause;
    this.deciding.length = 0;
  }

  /** Makes a failure that did not come again `inconc`. */
  doubt(cause: Cause): void {
    this.verdict = 'inconc';
    this.cause = cause;
    this.deciding.length = 0;
  }

  /** Marks a packet as one that decided. */
  decides(packet: Observed): void {
    if (!this.deciding.includes(packet)) this.deciding.push(packet);
  }

  /** Something threw that is not the case's own flow: ends the case, as a fault of the tester unless the peer caused it. */
  fault(error: unknown): void {
    if (error instanceof NoCmError) {
      this.record('inconc', {
        code: 'no-cm',
        text: 'The peer sent a packet without the control message that the rest of the case needs; other cases judge that.',
        expected: 'a control message at its end',
        seen: 'none',
        packet: error.packet,
      });
      this.stop();
      return;
    }
    const isLink = (error as { code?: unknown } | undefined)?.code === 'link';
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    this.record('error', {
      code: isLink ? 'link' : 'exception',
      text: isLink ? (error as Error).message : `The tester itself failed, not the peer: ${text}`,
    });
    this.stop();
  }

  /** Ends the case: waits end and throw. */
  stop(): void {
    this.isStopped = true;
    this.link.stop();
  }

  /**
   * Waits on the link.
   * @throws StopCase when the case is to end.
   */
  async wait(deadline: Micros, done: () => boolean): Promise<void> {
    let thrown: { error: unknown } | undefined;
    // On sockets `done` is asked from an event, where an exception would end the process.
    const guarded = () => {
      try {
        return done();
      } catch (error) {
        thrown = { error };
        return true;
      }
    };
    if (!this.isStopped) await this.link.wait(Math.min(deadline, this.limitAt), guarded);
    if (thrown !== undefined) throw thrown.error;
    if (this.link.isExhausted || this.link.now() >= this.limitAt) this.timeOut();
    if (this.isStopped) throw new StopCase();
  }

  /** Ends the case because it takes too long: the verdict so far, at least `inconc`. */
  timeOut(): void {
    if (this.isStopped) return;
    this.record('inconc', {
      code: 'timeout',
      text: 'The case was still waiting at the end of the longest time it may take.',
    });
    this.stop();
  }
}

/** Octets as a key of a set. */
function key(octets: Uint8Array): string {
  return String.fromCharCode(...octets);
}
