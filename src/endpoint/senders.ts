import { addressOfKey, Flags, type Ipv4, portOfKey, type TrailerView } from '../codec/index.js';
import type { AvailabilityTable } from './availability.js';
import type { NodeTable, Peer } from './nodes.js';
import { MOST_FORMER, type SessionTable } from './sessions.js';

/** The tables in which a peer has rows. */
export interface PeerTables {
  readonly availability: AvailabilityTable;
  readonly nodes: NodeTable;
  readonly sessions: SessionTable;
}

/**
 * The node that a CM comes from, noted in Table 4. A packet of a path (path id from 1) or of a fake handshake belongs to
 * the peer that holds its session, also from an address not seen before (section 3.7.2: located by node id and session
 * id). `list` is the address list of the CM.
 */
export function senderOf(view: TrailerView, list: readonly Ipv4[], tables: PeerTables, now: number): Peer {
  const { cm, source, sourcePort } = view;
  const { nodeId, layout } = cm;
  const { nodes } = tables;
  if (cm.sessionId !== 0 && (cm.pathId !== 0 || cm.flags === Flags.handshake)) findHolder(view, list, tables, now);
  let peer = nodes.learn(nodeId, layout, source, sourcePort, list);
  if (nodes.withId(nodeId, layout).length > 1)
    for (const twin of nodes.twins(peer, source, list)) peer = unite(peer, twin, tables, now);
  return peer;
}

/**
 * Gives the source of a path packet to the one peer of its node id that holds the session: when nothing else says whose
 * it is, or when only control packets came from there so far (docs/decisions.md 26).
 */
function findHolder(
  { cm, source, sourcePort, destinationPort }: TrailerView,
  list: readonly Ipv4[],
  tables: PeerTables,
  now: number,
): void {
  const { nodes } = tables;
  const { nodeId, layout, sessionId } = cm;
  const found = nodes.find(nodeId, layout, source, sourcePort, list);
  if (found?.sessions.get(sessionId) !== undefined) return;
  if (found !== undefined && (found.sessions.size > 0 || found.formerSessions.size > 0)) return;
  const holders = nodes.withId(nodeId, layout).filter((peer) => peer.sessions.has(sessionId));
  if (holders.length !== 1) return;
  const [holder] = holders as [Peer];
  if (found === undefined) nodes.prove(holder, source, sourcePort);
  else if (holder.sessions.get(sessionId)!.tuple.sourcePort === destinationPort) unite(holder, found, tables, now);
}

/**
 * Makes one peer of two that turned out to be one node (docs/decisions.md 26): an address was heard of before anything
 * showed whose it is. Rows of Tables 2, 4, 5 and 7 move with their paths. Of two sessions with one id the one stays in
 * which this host sent, else the older.
 * @returns the peer that is left.
 */
export function unite(one: Peer, other: Peer, tables: PeerTables, now: number): Peer {
  const { availability, nodes, sessions } = tables;
  const [into, from] = one.sessions.size >= other.sessions.size ? [one, other] : [other, one];
  for (const key of from.proven) {
    const row = availability.get(addressOfKey(key), portOfKey(key));
    if (row?.handshaken === from) row.handshaken = into;
  }
  for (const session of [...from.sessions.values()]) {
    if (sessions.move(session, into, now)) continue;
    const rival = into.sessions.get(session.id)!;
    const isBetter = session.isUsed === rival.isUsed ? session.createdAt < rival.createdAt : session.isUsed;
    sessions.remove(isBetter ? rival : session, now);
    if (isBetter) sessions.move(session, into, now);
  }
  for (const [id, former] of from.formerSessions) {
    if (into.formerSessions.size >= MOST_FORMER) break;
    if (!into.sessions.has(id) && !into.formerSessions.has(id)) into.formerSessions.set(id, former);
  }
  into.feedback.takeOver(from.feedback);
  into.sessionIds.takeOver(from.sessionIds);
  into.pathIds.takeOver(from.pathIds);
  nodes.unite(into, from);
  return into;
}
