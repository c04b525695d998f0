import type { FieldName } from '../codec/index.js';
import type { Observed } from './observed.js';

/** Verdicts of a case that ran, from best to worst; a verdict only gets worse (ISO/IEC 9646). */
export const VERDICT_ORDER = ['none', 'pass', 'inconc', 'fail', 'error'] as const;

/** What a case that ran can end in. `error` is a fault of the tester, never of the peer. */
export type RunVerdict = (typeof VERDICT_ORDER)[number];

/** What a report says of a case. `not-applicable`: the peer lacks what it needs; `not-run`: it was left out. */
export type Verdict = RunVerdict | 'not-applicable' | 'not-run';

/** Every verdict that a report counts, in the order of reports. */
export const VERDICTS: readonly Verdict[] = ['pass', 'fail', 'inconc', 'error', 'not-applicable', 'not-run', 'none'];

/** The worse of two verdicts; `not-applicable` and `not-run` count as `none`. */
export function worse(a: Verdict, b: Verdict): RunVerdict {
  return VERDICT_ORDER[Math.max(rank(a), rank(b))]!;
}

function rank(verdict: Verdict): number {
  return Math.max(0, (VERDICT_ORDER as readonly string[]).indexOf(verdict));
}

/** Where in the evidence something is. */
export interface Pointer {
  /** The packet that decided; of something that did not come, the one that called for it. */
  readonly packet?: Observed | undefined;
  /** The CM field that decided: the octets are worked out from the packet's layout. */
  readonly field?: FieldName;
  /** Instead of `field`: the first octet that decided, counted from the start of the IP header, and how many. */
  readonly octet?: number;
  readonly octets?: number;
}

/** What a finding is made of, beside its code and text. */
export interface Details extends Pointer {
  /** What the requirement asks for, as a phrase: 'session id 77'. */
  readonly expected?: string | number;
  /** What was seen, as a phrase. */
  readonly seen?: string | number;
  /** The requirement that this is about, when the case covers several; default: all of the case's. */
  readonly requirement?: string;
}

/**
 * What a verdict against the peer shows beside its text: what was required, what came instead, and where to look.
 * `seen` absent: the packet itself, in words, and all its octets that they are about. `packet` undefined: the last
 * packet that the tester sent, for want of a better one; then `seen` must be given.
 */
export interface Proof extends Details {
  readonly expected: string | number;
  readonly packet: Observed | undefined;
}

/** Why a verdict is what it is. */
export interface Cause extends Details {
  /** Machine-readable and stable: lower-case words with hyphens, such as `no-confirm`. */
  readonly code: string;
  /** One readable paragraph for a person who does not know the specification. */
  readonly text: string;
}

/** Thrown to end a case after its verdict was set; caught by the engine, never by a case. */
export class StopCase extends Error {
  override readonly name = 'StopCase';
  readonly code = 'stop-case';

  constructor() {
    super('The case has its verdict; only the engine may catch this.');
  }
}
