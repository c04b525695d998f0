import { Flags, TCP } from '../../codec/index.js';
import type { Exchange } from '../exchange.js';
import type { Oracle } from '../oracle.js';
import type { Received } from '../received.js';
import { BYSTANDER } from '../sent.js';
import type { Micros } from '../target.js';

/** How far the delay that the peer tells may be from one that it can have measured: what a packet may be under way. */
const SLACK: Readonly<Record<string, Micros>> = { virtual: 2_000, socket: 400_000, raw: 400_000 };

/**
 * What the peer tells the bystander is about the bystander: its session, its path ids, delays that it can have measured. Anything
 * else comes from another node's row.
 */
export class StateLeak implements Oracle {
  readonly id = 'state-leak';
  readonly severity = 'high';
  /** Receive clock of the peer less ours, learned from the first delay that it told. */
  #offset: number | undefined;
  #nodeId: number | undefined;

  begin(): void {
    this.#offset = undefined;
    this.#nodeId = undefined;
  }

  received(exchange: Exchange, { owner, cm, frame, destinationPort, protocol }: Received): void {
    if (owner !== BYSTANDER || cm === undefined) return;
    const { bystander } = exchange;
    this.#nodeId ??= cm.nodeId;
    if (cm.layout === 'compact') {
      exchange.judged('MPIP-NID-03');
      if (cm.nodeId !== this.#nodeId)
        this.#report(exchange, 'node-id', 'The peer changed its node id.', frame, ['MPIP-NID-02']);
    }
    if (protocol !== TCP && destinationPort === bystander.port && cm.flags <= Flags.heartbeat) {
      exchange.judged('MPIP-SS-03');
      if (cm.sessionId !== bystander.sessionId) {
        const title = `A packet of the bystander's connection carries the session id ${cm.sessionId}, not its ${bystander.sessionId}.`;
        this.#report(exchange, 'session', title, frame, ['MPIP-SS-03']);
      }
    }
    if (cm.feedbackPathId === 0 || cm.flags > Flags.heartbeat || exchange.isGuessedPath(cm.feedbackPathId)) return;
    const samples = bystander.samples.get(cm.feedbackPathId);
    exchange.judged('MPIP-FB-02');
    if (samples === undefined) {
      const title = `The peer fed back path ${cm.feedbackPathId}, an id that the bystander never used.`;
      this.#report(exchange, 'feedback-path', title, frame, ['MPIP-FB-04']);
      return;
    }
    const offsets = samples.map(({ timestamp, sentAt }) => (cm.pathDelay + timestamp - sentAt) | 0);
    const offset = this.#offset;
    if (offset === undefined) this.#offset = offsets.at(-1);
    else if (!offsets.some((each) => Math.abs((each - offset) | 0) <= SLACK[exchange.target.kind]!)) {
      const title = `The delay ${cm.pathDelay} fed back for path ${cm.feedbackPathId} is none that packets of the bystander had.`;
      this.#report(exchange, 'feedback-delay', title, frame, ['MPIP-FB-02']);
    }
  }

  end(): void {}

  #report(exchange: Exchange, code: string, title: string, frame: number, requirements: readonly string[]): void {
    exchange.report({ oracle: this.id, severity: this.severity, code, title, requirements, frame });
  }
}
