import type { Severity } from '../oracle.js';

/** What findings are reported under. */
export interface OracleEntry {
  readonly id: string;
  /** The worst that it reports. */
  readonly severity: Severity;
  /** One sentence: what must not happen. */
  readonly description: string;
}

/** Every oracle, the worst first. */
export const ORACLES: readonly OracleEntry[] = [
  { id: 'process-died', severity: 'critical', description: 'The peer ends, or fails in a way that would end it.' },
  {
    id: 'control-silent',
    severity: 'critical',
    description: 'The peer stops answering an ordinary datagram, a query, or a connection that was sound all the time.',
  },
  {
    id: 'data-misdelivered',
    severity: 'critical',
    description: 'User data goes to somebody whom it does not belong to.',
  },
  { id: 'data-altered', severity: 'high', description: 'User data comes back with other octets.' },
  { id: 'data-lost', severity: 'high', description: 'User data of a sound connection does not come back.' },
  {
    id: 'state-leak',
    severity: 'high',
    description: "What the peer tells one node or session is taken from another's state.",
  },
  {
    id: 'amplification',
    severity: 'high',
    description: 'The peer sends more than a bound for what it receives, or goes on sending when nobody does.',
  },
  {
    id: 'memory-growth',
    severity: 'high',
    description: 'Memory of the peer grows for as long as one exchange is repeated.',
  },
  { id: 'data-duplicated', severity: 'medium', description: 'User data comes back more often than it was sent.' },
  {
    id: 'delivered-ignorable',
    severity: 'medium',
    description: 'What no host may deliver is delivered, or a trailer is taken off what is no message of MPIP.',
  },
  {
    id: 'malformed-answer',
    severity: 'medium',
    description: 'The peer sends packets that the wire format does not allow.',
  },
  { id: 'requirement', severity: 'medium', description: 'What the peer sends breaks a requirement of the paper.' },
  { id: 'latency', severity: 'medium', description: 'The same exchange takes longer and longer.' },
];
