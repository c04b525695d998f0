import type { Constants } from '../codec/index.js';
import type { Capability } from './capabilities.js';
import type { Micros } from './link.js';
import type { Tester } from './tester.js';

/** The requirement areas that cases exist for: the first part of a case's id. */
export const AREAS = [
  'GEN',
  'CM',
  'CK',
  'NID',
  'AV',
  'PA',
  'FB',
  'EX',
  'AD',
  'HB',
  'SE',
  'RT',
  'SS',
  'TX',
  'RX',
  'HS',
  'UW',
  'OO',
  'MT',
  'TM',
  'WF',
] as const;

/** A requirement area. */
export type Area = (typeof AREAS)[number];

/** UDP services of a peer: `echo` returns user data, `discard` returns nothing, `chargen` answers with other data. */
export const SERVICE_NAMES = ['echo', 'discard', 'chargen'] as const;

/** Name of a service. */
export type ServiceName = (typeof SERVICE_NAMES)[number];

/**
 * A test case: data and one function. It serves one purpose, names the requirements that it covers and ends in one
 * verdict. See docs/writing-cases.md.
 */
export interface TestCase {
  /** Area, hyphen, stable lower-case words: `AV-query-cap`. Never a position; never changed once released. */
  readonly id: string;
  readonly area: Area;
  /** The test purpose: one sentence. */
  readonly purpose: string;
  /** Ids of the requirements that it covers: `MPIP-AV-14`. */
  readonly requirements: readonly string[];
  /** Services that it needs; a peer without them makes it not applicable. */
  readonly services: readonly ServiceName[];
  /** How many local addresses of the tester it needs; default 1. Fewer make it not applicable. */
  readonly sources?: number;
  /** True when its verdict rests on IP or UDP header fields: not applicable where headers are rebuilt (`socket`). */
  readonly realHeaders?: boolean;
  /** True when it sends or sees whole IP packets (`TestNode.stream`, forged sources): ordinary sockets cannot. */
  readonly raw?: boolean;
  /** True when it talks to the TCP echo service: not applicable without one. It is `raw` too. */
  readonly tcp?: boolean;
  /** True when it makes the peer act (`t.upper`). */
  readonly upperTester?: boolean;
  /** What the peer must have been declared to support; a peer without it makes it not applicable. */
  readonly capabilities?: readonly Capability[];
  /**
   * Time it waits in all, answers not counted, in microseconds; default 0. More than 10 s with the constants in force
   * makes a live run need `--slow`.
   */
  readonly duration?: (constants: Constants) => Micros;
  /**
   * True for a case whose verdict rests on waits of some milliseconds, so that a peer whose process was not served in time
   * looks like one that fails: in a live run only what fails several times in a row counts.
   */
  readonly timed?: boolean;
  /** True when no other case may run beside it. */
  readonly exclusive?: boolean;
  /**
   * True when it changes what all cases of a live run share (`t.upper.setAddresses`, `t.upper.setRules`): live, no other
   * case runs beside it, and the peer gets back what it had.
   */
  readonly changesPeer?: boolean;
  /**
   * Plays the case. Ends with `t.pass(...)`, or by `t.fail`, `t.inconc` and what calls them; one that returns without a
   * verdict is a fault of the tester (`no-verdict`). Write `run(t: Tester)` with the type: TypeScript follows
   * `t.fail` and `t.require` only then.
   */
  run(t: Tester): Promise<void>;
}
