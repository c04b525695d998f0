/**
 * Bounds on what strangers can make an endpoint keep or send (docs/security.md). Counts of rows, or of packets a second;
 * `Infinity` switches a bound off. What happens at each bound is said there.
 */
export interface Limits {
  /** Rows of Table 7. At the bound the oldest row in which this host never sent goes; with none left, the newcomer gets no row. */
  readonly sessions: number;
  /** Rows of Table 7 with one peer; the same rule among that peer's rows. */
  readonly sessionsPerPeer: number;
  /** Rows of Table 7 that a peer began from addresses that did not do the handshake and in which this host never sent; further ones get no row. */
  readonly unprovenSessionsPerPeer: number;
  /** Rows of Table 5 of one peer; rows of ended sessions go first, then the oldest. */
  readonly feedbackPerPeer: number;
  /** Announced addresses kept of one peer; those not in the newest list go first. */
  readonly announcedPerPeer: number;
  /** Other addresses and ports that packets of one session came from; the oldest that did not do the handshake goes. */
  readonly sourcesPerSession: number;
  /** Peers that share a node id; the oldest without a session goes, then the newest. */
  readonly peersPerNodeId: number;
  /** Fake handshakes under way, half of them at most begun by others; a newcomer beyond is not begun or answered. */
  readonly handshakes: number;
  /** Fake handshakes under way that the other end of one session began. */
  readonly handshakesPerSession: number;
  /** Confirmations, SYN-ACKs and heartbeats a second to one address, with twice as many at once. */
  readonly answersPerAddress: number;
  /** The same to all addresses together. */
  readonly answers: number;
  /** Octets of fragments whose datagrams are not whole, with what is kept of each datagram; the oldest datagram goes. */
  readonly fragmentOctets: number;
  /** The same of one sender; its oldest goes. */
  readonly fragmentOctetsPerAddress: number;
  /** Queries and fake SYNs a second to addresses that a peer announced or sent from and that never answered, per peer, with four times as many at once. */
  readonly probesPerPeer: number;
}

/** The bounds that hold unless said otherwise. */
export const DEFAULT_LIMITS: Limits = {
  sessions: 131_072,
  sessionsPerPeer: 16_384,
  unprovenSessionsPerPeer: 32,
  feedbackPerPeer: 4096,
  announcedPerPeer: 32,
  sourcesPerSession: 32,
  peersPerNodeId: 16,
  handshakes: 4096,
  handshakesPerSession: 64,
  answersPerAddress: 250,
  answers: 20_000,
  fragmentOctets: 4_194_304,
  fragmentOctetsPerAddress: 1_048_576,
  probesPerPeer: 16,
};
