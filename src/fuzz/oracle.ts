import type { Exchange } from './exchange.js';
import type { Received } from './received.js';
import type { Sent } from './sent.js';
import type { Micros } from './target.js';

/** How bad a finding is. `critical`: the peer is gone or data went to somebody else; `low`: against a rule, without harm seen. */
export type Severity = 'critical' | 'high' | 'medium' | 'low';

/** Severities, the worst first. */
export const SEVERITIES: readonly Severity[] = ['critical', 'high', 'medium', 'low'];

/** Something that must not have happened. */
export interface Violation {
  /** Id of the oracle. */
  readonly oracle: string;
  readonly severity: Severity;
  /** What exactly, in one word or few: violations of one oracle and code are one finding. */
  readonly code: string;
  /** One sentence for a person. */
  readonly title: string;
  /** Requirements of the paper that it breaks, where there is one. */
  readonly requirements: readonly string[];
  /** The packet that showed it, counted from 1. */
  readonly frame: number | undefined;
}

/** Watches an exchange. It knows the protocol and nothing of the peer. */
export interface Oracle {
  readonly id: string;
  /** True when it has something to say of an exchange in which the peer ended. */
  readonly judgesTheDead?: boolean;
  /** An exchange begins. */
  begin(exchange: Exchange): void;
  /** A packet was sent; `packet` is it, or a fragment of it. */
  sent?(exchange: Exchange, sent: Sent, packet: Uint8Array): void;
  /** A packet of the peer arrived; `sent` is the datagram whose user data it returns. */
  received?(exchange: Exchange, received: Received, sent: Sent | undefined): void;
  /** Nothing was sent for so long, and so many packets came. */
  paused?(exchange: Exchange, micros: Micros, packets: number): void;
  /** The steps are over; it may send and wait. */
  end(exchange: Exchange): Promise<void> | void;
}

/** What violations of one kind have in common. */
export function groupOf({ oracle, code }: Pick<Violation, 'oracle' | 'code'>): string {
  return `${oracle}/${code}`;
}
