import { addressKey, Flags, type LayoutName, TCP, type TrailerView } from '../codec/index.js';
import { reversedTuple } from '../codec/rewrite.js';
import type { AvailabilityHandshake } from './handshake.js';
import type { InboundData } from './inbound-data.js';
import type { NodeState } from './node-state.js';
import { hasSoundChecksum, holdsSegment } from './udp-wrapper.js';

/** Addresses of a peer from which another node speaks (docs/decisions.md 56). */
export class ContestedAddresses {
  constructor(
    private readonly state: NodeState,
    private readonly handshake: AvailabilityHandshake,
    private readonly inboundData: InboundData,
  ) {}

  /**
   * True when a CM comes from an address of a peer with sessions, but with the id of another node, and the peer was not
   * given the time to show that it is still there (docs/decisions.md 56).
   */
  isContested(view: TrailerView, now: number): boolean {
    const { source, sourcePort, cm } = view;
    const { nodes, sessions, sessionRules, claims, composer, transmits, control, counters } = this.state;
    const holder = nodes.at(source, sourcePort);
    if (holder === undefined) return false;
    const isKnown = holder.nodeId === cm.nodeId && holder.layout === cm.layout;
    if (isKnown && claims.size === 0) return false;
    const key = addressKey(source, sourcePort);
    if (isKnown) claims.refute(holder, key);
    if (isKnown || holder.sessions.size === 0) return false;
    const isOwn = sessions.byTuple(reversedTuple(view), view.protocol, now)?.peer === holder;
    const state = claims.claim(holder, key, isOwn, now);
    for (const other of holder.kin) if (other.nodeId === cm.nodeId) sessionRules.separate(holder, other, now);
    if (state === 'ask' && this.state.mayAnswer(source, now)) {
      counters.queriesSent++;
      counters.cmSent++;
      control.datagram(transmits.filling, reversedTuple(view), composer.compose(holder.layout, Flags.enable, now));
    }
    return state !== 'won';
  }

  /**
   * Another node claims a peer's address; its CM is off already. No table changes; its queries are confirmed, and its data goes up: to the socket
   * of the session that it names, which it may have taken over with its id.
   */
  receiveClaim(view: TrailerView, flags: number, layout: LayoutName, now: number): boolean {
    const { nodes, sessions, sessionRules, counters } = this.state;
    counters.claims++;
    const isOfPath = view.cm.pathId !== 0;
    if (flags === Flags.enable) this.handshake.receiveQuery(view, layout, now);
    if (flags > Flags.ipChange) return false;
    const session = isOfPath ? sessionRules.claimed(view, nodes.at(view.source, view.sourcePort)) : undefined;
    // A path packet of a connection that nothing tells would reach a wrong socket, unless it came by a connection's own tuple.
    if (session === undefined)
      return !isOfPath || sessions.byTuple(reversedTuple(view), view.protocol, now) !== undefined;
    // A node is there, whichever: the connection is not silent (docs/decisions.md 60).
    session.unheardMicros = 0;
    if (session.protocol === view.protocol) {
      this.inboundData.restore(view, session);
      return true;
    }
    if (session.protocol !== TCP || !holdsSegment(view) || !hasSoundChecksum(view)) return false;
    this.inboundData.unwrapSegment(view, session);
    return true;
  }
}
