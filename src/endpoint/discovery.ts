import { addressOfKey, type DatagramView, type LayoutName, portOfKey, TCP, TcpFlags } from '../codec/index.js';
import type { FakeTcp } from './fake-tcp.js';
import type { AvailabilityHandshake } from './handshake.js';
import { tupleKey } from './mesh.js';
import type { NodeState } from './node-state.js';
import type { PacketSize } from './packet-size.js';
import type { Session } from './sessions.js';
import { tupleOf } from './transmitter.js';

const MOST_INITIATED = 4096;

/** What leads to more paths: queries to addresses that the peer may have, or fake handshakes (paper, sections 3.2, 3.3, 3.8.1). */
export class Discovery {
  /** TCP connections that this host opened lately, as text: their SYN passed. */
  readonly #initiated = new Set<string>();

  constructor(
    private readonly state: NodeState,
    private readonly handshake: AvailabilityHandshake,
    private readonly packetSize: PacketSize,
    private readonly fakeTcp: FakeTcp,
  ) {}

  /** Section 3.8.1: the node that initiates the connection is the client of its fake handshakes. */
  noteInitiator(view: DatagramView, now: number): void {
    if ((view.tcpFlags & (TcpFlags.syn | TcpFlags.ack)) !== TcpFlags.syn) return;
    this.state.fallback.connectionOpens(tupleOf(view), now);
    if (this.#initiated.size >= MOST_INITIATED) this.#initiated.delete(this.#initiated.values().next().value!);
    this.#initiated.add(tupleKey(tupleOf(view)));
  }

  /** Section 3.8.1: true when this node's host opened the connection; it is the client of the fake handshakes. */
  isInitiator(session: Session): boolean {
    session.isInitiator ||= this.#initiated.has(tupleKey(session.tuple));
    return session.isInitiator;
  }

  /**
   * Sections 3.2, 3.3, 3.8.1: what leads to more paths. Announced addresses and new sources are asked by a query at the
   * session's port, over UDP; the initiator of a TCP connection sends fake SYNs instead.
   */
  discoverPaths(session: Session, layout: LayoutName, now: number): void {
    if (session.isChanging) return;
    if (session.discovered === session.peer.version) return;
    session.discovered = session.peer.version;
    if (session.protocol === TCP && !this.packetSize.wraps(TCP)) {
      if (this.isInitiator(session) && !this.fakeTcp.start(session, this.state.addresses, now)) session.discovered = -1;
      if (session.wrapped.size > 0 && this.queryWrapped(session, layout, now)) session.discovered = -1;
      return;
    }
    if (this.queryProspect(session, layout, now)) session.discovered = -1;
  }

  /**
   * Asks one address that the peer announced or sent from and that has not done the handshake itself (docs/decisions.md 10).
   * @returns true when there may be another to ask, false when all were looked at.
   */
  queryProspect(session: Session, layout: LayoutName, now: number): boolean {
    const { mesh, availability, addresses } = this.state;
    for (const key of mesh.prospects(session)) {
      const destination = addressOfKey(key);
      const destinationPort = portOfKey(key);
      const row = availability.row(destination, destinationPort);
      if (mesh.isUsable(row, session.peer) || !this.handshake.mayQuery(row) || addresses.includes(destination))
        continue;
      const source = addresses[row.queries % addresses.length]!;
      const tuple = { source, sourcePort: session.tuple.sourcePort, destination, destinationPort };
      if (this.state.mayProbe(session.peer, destination, now)) this.handshake.sendQuery(row, tuple, layout, now);
      return true;
    }
    return false;
  }

  /**
   * The same for the far ends of tuples whose segments are to go in UDP (docs/decisions.md 57), from the address at which
   * a NAT may have opened the way.
   */
  queryWrapped(session: Session, layout: LayoutName, now: number): boolean {
    const { mesh, availability, addresses } = this.state;
    for (const { tuple } of session.wrapped.values()) {
      if (!addresses.includes(tuple.source) || mesh.mayUse(session, tuple)) continue;
      const row = availability.row(tuple.destination, tuple.destinationPort);
      if (!this.handshake.mayQuery(row)) continue;
      if (this.state.mayProbe(session.peer, tuple.destination, now)) this.handshake.sendQuery(row, tuple, layout, now);
      return true;
    }
    return false;
  }
}
