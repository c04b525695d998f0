/** What an endpoint has seen and done, for the status and for tests. All are packets, except `idsExhausted` and `sessionsRefused` (attempts) and `fallbacks`. */
export interface Counters {
  cmSent: number;
  cmReceived: number;
  ordinarySent: number;
  ordinaryReceived: number;
  queriesSent: number;
  queriesReceived: number;
  confirmationsSent: number;
  heartbeatsSent: number;
  heartbeatsReceived: number;
  /** CMs that carried this node's own id. */
  ownIdReceived: number;
  /** Path packets of connections that this node does not know: dropped (docs/decisions.md 66). */
  nameless: number;
  /** Data packets dropped because their protocol is not that of their session. */
  protocolMismatch: number;
  /** Wrapped segments dropped: no whole TCP header inside, or a wrong UDP checksum. */
  badWrappers: number;
  /** Connections that stayed ordinary for a while because the peer's session ids were used up. */
  idsExhausted: number;
  /** Packets to addresses that this node does not have. */
  foreignReceived: number;
  /** Delays fed back from an address that is not proven for the peer: not taken. */
  unprovenFeedback: number;
  /** Confirmations, SYN-ACKs and heartbeats not sent because of the limit. */
  answersLimited: number;
  /** Queries and fake SYNs not sent, or put off, because of the limit. */
  probesLimited: number;
  /** Paths whose segments go in UDP although the node uses fake TCP (docs/decisions.md 57). */
  fallbacks: number;
  /** RST that were not the peer's host's: it went on talking, or knew nothing of the connection (docs/decisions.md 58). */
  resetsDropped: number;
  /** Sessions of a peer that got no row of Table 7: the packet was delivered as it came. */
  sessionsRefused: number;
  /** Fragments to this node's addresses. */
  fragmentsReceived: number;
  /** Datagrams put together of them. */
  reassembled: number;
  /** CMs of another node than the session's from a session's remote address, while it was not decided whose it is. */
  claims: number;
  /** ICMP errors about packets of sessions. */
  icmpErrors: number;
  /** Times that a router or the peer said that a path leads nowhere. */
  pathsDoubted: number;
  /** Sessions that ended because the peer's node was taken for gone (docs/decisions.md 60). */
  peersLeft: number;
  /** Packets of the host that were too large: it was told. */
  tooLarge: number;
}

export function newCounters(): Counters {
  return {
    cmSent: 0,
    cmReceived: 0,
    ordinarySent: 0,
    ordinaryReceived: 0,
    queriesSent: 0,
    queriesReceived: 0,
    confirmationsSent: 0,
    heartbeatsSent: 0,
    heartbeatsReceived: 0,
    ownIdReceived: 0,
    nameless: 0,
    protocolMismatch: 0,
    badWrappers: 0,
    idsExhausted: 0,
    foreignReceived: 0,
    unprovenFeedback: 0,
    answersLimited: 0,
    probesLimited: 0,
    fallbacks: 0,
    resetsDropped: 0,
    sessionsRefused: 0,
    fragmentsReceived: 0,
    reassembled: 0,
    claims: 0,
    icmpErrors: 0,
    pathsDoubted: 0,
    peersLeft: 0,
    tooLarge: 0,
  };
}
