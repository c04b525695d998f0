import { Flags, type LayoutName, type TrailerView } from '../codec/index.js';
import { reversedTuple } from '../codec/rewrite.js';
import type { Discovery } from './discovery.js';
import type { NodeState } from './node-state.js';
import type { Peer } from './nodes.js';
import type { PathChoice } from './path-choice.js';
import type { Session } from './sessions.js';
import type { Transmitter } from './transmitter.js';

/** Heartbeats that come and that are due (paper, section 3.5). */
export class Heartbeats {
  constructor(
    private readonly state: NodeState,
    private readonly transmitter: Transmitter,
    private readonly pathChoice: PathChoice,
    private readonly discovery: Discovery,
  ) {}

  /** Section 3.5: a heartbeat is processed and dropped; it does not refresh the session (section 3.7.1). */
  receiveHeartbeat(view: TrailerView, peer: Peer, sessionId: number, now: number, pathId = 0): void {
    const { counters, sessionRules, mesh } = this.state;
    counters.heartbeatsReceived++;
    const session = sessionRules.ofControl(peer, sessionId, view, now);
    if (session === undefined) return;
    session.heard(now);
    mesh.seen(session, reversedTuple(view), now, pathId === 0);
    sessionRules.refresh(session, Flags.heartbeat, now);
    sessionRules.confirm(session, sessionId);
  }

  /** Section 3.5: sends a heartbeat when the feedback of the path that this packet came by is nearly obsolete. */
  considerHeartbeat(
    view: TrailerView,
    peer: Peer,
    session: Session | undefined,
    sessionId: number,
    pathId: number,
    layout: LayoutName,
    now: number,
  ): void {
    const { settings, composer, counters, sessionRules } = this.state;
    if (!isHeartbeatDue(peer, session, pathId, settings.constants['heartbeat-age'], now)) return;
    if (!this.state.mayAnswer(view.source, now)) return;
    if (session !== undefined) sessionRules.confirm(session, sessionId);
    const path = session === undefined ? undefined : this.pathChoice.choosePath(session, now);
    const cm = composer.composeFor(peer, sessionId, path?.id ?? 0, layout, Flags.heartbeat, now);
    counters.heartbeatsSent++;
    if (session !== undefined) session.lastSent = now;
    path?.sent(now);
    this.transmitter.sendBack(view, path?.tuple ?? reversedTuple(view), cm);
    if (session?.confirmed) this.discovery.discoverPaths(session, layout, now);
  }
}

/**
 * True when a data packet that came by the peer's path `pathId` is to be answered with a heartbeat (paper, section 3.5:
 * the feedback time of the path is close to the obsolete value): the path was last fed back `age` microseconds ago or
 * earlier, or never since its first sample. A packet without a path id counts from the last CM sent in its session, so
 * that a one-way sender learns that its session exists here. Fed back or asked for heartbeats at once, a path has at
 * most one heartbeat per `age`.
 */
export function isHeartbeatDue(
  peer: Peer,
  session: Session | undefined,
  pathId: number,
  age: number,
  now: number,
): boolean {
  if (pathId === 0) return session !== undefined && now - session.lastSent >= age;
  const row = peer.feedback.get(pathId);
  return row !== undefined && now - Math.max(row.since, row.feedbackTime) >= age;
}
