import { readI32be, readU16be } from '../codec/bytes.js';
import type { AvailabilityTable } from './availability.js';
import type { NodeTable, Peer } from './nodes.js';
import type { SessionTable } from './sessions.js';

/** Sessions from which on rows are not in the processor's caches when they are wanted. */
const MANY = 4096;
/** Octets of an IPv4 header without options: ports are behind it. */
const HEADER = 20;

/**
 * With many sessions most of what a packet costs is waiting for memory: each row is asked for when it is needed, and then
 * nothing can go on. Here the rows that a packet is going to need are looked at before, all at once, so that the processor
 * fetches them side by side. Nothing comes of it; with few sessions it is left out.
 */
export class FetchAhead {
  /** Keeps the engine from leaving the looks out. */
  seen = 0;

  constructor(
    private readonly availability: AvailabilityTable,
    private readonly nodes: NodeTable,
    private readonly sessions: SessionTable,
  ) {}

  /** The rows of the socket pair of a packet, sent by this host or received. */
  forPacket(packet: Uint8Array, isReceived: boolean): void {
    if (this.sessions.size < MANY || packet.length < HEADER + 4) return;
    const [source, sourcePort] = [readI32be(packet, 12), readU16be(packet, HEADER)];
    const [destination, destinationPort] = [readI32be(packet, 16), readU16be(packet, HEADER + 2)];
    if (isReceived) this.#lookAt(destination, destinationPort, source, sourcePort, packet[9]!);
    else this.#lookAt(source, sourcePort, destination, destinationPort, packet[9]!);
  }

  #lookAt(local: number, localPort: number, remote: number, remotePort: number, protocol: number): void {
    const row = this.availability.get(remote, remotePort);
    const peer = this.nodes.at(remote, remotePort);
    const session = this.sessions.glance(local, localPort, remote, remotePort, protocol);
    if (row === undefined || peer === undefined || session === undefined) return;
    const due = peer.feedback.first;
    const path = session.newestPath;
    this.seen =
      row.queries +
      peer.version +
      session.look() +
      (path?.look() ?? 0) +
      (session.paths[0]?.failures ?? 0) +
      (due?.turn ?? 0);
  }

  /** The rows that the ids of a CM name. */
  forIds({ sessions, paths, feedback }: Peer, sessionId: number, pathId: number, feedbackPathId: number): void {
    if (this.sessions.size < MANY) return;
    const session = sessions.get(sessionId);
    const path = paths.get(feedbackPathId);
    const row = feedback.get(pathId);
    if (session === undefined || path === undefined || row === undefined) return;
    this.seen = session.look() + path.look() + row.feedbackTime + row.at + row.turn;
  }
}
