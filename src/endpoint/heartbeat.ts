import type { Peer } from './nodes.js';
import type { Session } from './sessions.js';

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
