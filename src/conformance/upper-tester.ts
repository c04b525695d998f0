import type { Ipv4 } from '../codec/index.js';
import type { Destination } from './link.js';

/** A row of Table 6 (paper, section 3.6.2); what is absent matches everything. */
export interface RuleRow {
  readonly destination?: Ipv4;
  readonly port?: number;
  readonly protocol?: 'tcp' | 'udp';
  /** Octets of the IP packet before the CM; the end is exclusive. */
  readonly startSize?: number;
  readonly endSize?: number;
  readonly priority: 'throughput' | 'responsiveness';
}

/**
 * Makes the peer act from above and changes its surroundings (ISO/IEC 9646: the upper tester). Each call is done when
 * the peer has done it; what comes of it is seen on the wire.
 */
export interface UpperTester {
  /** The application on a UDP port of the peer sends a datagram. */
  send(fromPort: number, to: Destination, payload: Uint8Array): Promise<void>;
  /** The peer's TCP opens a connection; the handle names it in later calls. */
  connect(to: Destination): Promise<number>;
  /** The application on a connection sends octets. */
  write(connection: number, payload: Uint8Array): Promise<void>;
  /** The application closes its direction of a connection. */
  close(connection: number): Promise<void>;
  /** The peer's addresses are these now, primary first. */
  setAddresses(addresses: readonly Ipv4[]): Promise<void>;
  /** The rows of Table 6 are these now. */
  setRules(rules: readonly RuleRow[]): Promise<void>;
}

/** The upper tester of one case with a live peer, which cases have in common. */
export interface CaseUpperTester extends UpperTester {
  /** The case is over: what it changed at the peer is put back before anything else that is asked of it. */
  release(): void;
}

/** Where the cases of a live run get their upper testers. */
export interface UpperTesterSource {
  open(): CaseUpperTester;
  /** The run is over. */
  close(): void;
}
