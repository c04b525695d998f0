import { buildTcp, DatagramView, Flags, type LayoutName, sameTuple, TCP, TcpFlags } from '../codec/index.js';
import { bareSegment, isBareable } from './bare-segment.js';
import type { Feedback } from './composer.js';
import type { FakeTcp } from './fake-tcp.js';
import { tupleKey } from './mesh.js';
import type { NodeState } from './node-state.js';
import type { PacketSize } from './packet-size.js';
import type { Path } from './paths.js';
import type { Session } from './sessions.js';
import type { Transmitter } from './transmitter.js';

const EMPTY = new Uint8Array(0);
/** A header that is about to be sent, of whatever node. */
const header = new Uint8Array(60 + 60);
/**
 * Nothing of a session arrived while it was sent in for so long, microseconds, and for so many round trips of a path's
 * handshake: a NAT may have forgotten the path. Longer than a pause counts, so that none begins one.
 */
const SILENT_BEFORE_REOPENING = 1_500_000;
const SILENT_ROUND_TRIPS = 4;

/** Packets of this node's own making that find out whether a path works, or whether the peer's host is there. */
export class Probes {
  readonly #bare = new DatagramView();

  constructor(
    private readonly state: NodeState,
    private readonly transmitter: Transmitter,
    private readonly packetSize: PacketSize,
    private readonly fakeTcp: FakeTcp,
  ) {}

  /**
   * A path of which it is not known whether a NAT lets the session's segments pass gets a copy of their header alone, so
   * that no user data is at stake (docs/decisions.md 57).
   */
  provePath(view: DatagramView, session: Session, layout: LayoutName, now: number): void {
    const { selection } = this.state;
    if (session.isChanging || !isBareable(view)) return;
    const path = selection.toProve(session, now);
    if (path === undefined) return;
    this.#bare.parse(header, 0, bareSegment(view, header));
    this.sendExtra(this.#bare, session, path, layout, now);
  }

  /**
   * Sends a segment that the host did not ask for by a path: one of this node's own making, or a copy, which feeds back
   * `again` what the other one did.
   */
  sendExtra(
    view: DatagramView,
    session: Session,
    path: Path,
    layout: LayoutName,
    now: number,
    length = view.end,
    again: Feedback | undefined = undefined,
  ): void {
    this.transmitter.sendInSession(view, session, path, Flags.normal, layout, now, length, again);
    this.state.fallback.sent(path, now);
  }

  /**
   * Asks the peer's host whether it has the connection of a session: a segment below what it expects is acknowledged (RFC
   * 9293, section 3.10.7.4), or answered with an RST. It takes another path than the session's own tuple; without one nobody
   * is asked.
   */
  askForLife(session: Session, now: number): void {
    if (session.confirmed) this.state.mesh.extend(session, this.state.addresses, now);
    const others = session.paths.filter((path) => !path.isOriginal);
    const proven = others.filter((one) => !one.isUnproven);
    const [path] = (proven.length > 0 ? proven : others).sort((one, other) => one.lastSent - other.lastSent);
    if (path === undefined) return;
    const fields = {
      sequence: session.sequenceBelowWindow,
      acknowledgement: session.lastAcknowledged,
      flags: TcpFlags.ack,
    };
    const segment = buildTcp(session.tuple, fields, EMPTY);
    this.#bare.parse(segment);
    this.sendExtra(this.#bare, session, path, session.peer.layout, now);
  }

  /**
   * Probes one path that was removed as obsolete, so that it comes back when both ends gave it up (docs/decisions.md 52):
   * by a heartbeat on it, in answer to a packet only (section 3.5); by a fake handshake where that is what opens a path;
   * the connection's own tuple by the next packet of the host.
   */
  probeRemoved(session: Session, layout: LayoutName, now: number, isAnswer: boolean): void {
    const { mesh, addresses, composer, control, transmits, counters } = this.state;
    const isUdp = session.protocol !== TCP || this.packetSize.wraps(TCP);
    if (isUdp && !isAnswer) return;
    const removed = mesh.nextProbe(session, now);
    if (removed === undefined || !addresses.includes(removed.tuple.source)) return;
    const isOwn = session.protocol === TCP && sameTuple(removed.tuple, session.tuple);
    if (isOwn || session.wrapped.has(tupleKey(removed.tuple))) mesh.retry(session, removed);
    else if (!isUdp && session.isInitiator) this.fakeTcp.again(session, removed.tuple, now);
    else if (isUdp) {
      const cm = composer.composeFor(session.peer, session.id, 0, layout, Flags.heartbeat, now);
      control.datagram(transmits.filling, removed.tuple, cm);
      counters.heartbeatsSent++;
      counters.cmSent++;
    }
  }

  /**
   * Nothing of a session comes any more: does the fake handshakes of its paths anew (docs/decisions.md 57). A NAT that has
   * started again lets in and out only what a SYN from the inside opened; the other end answers where the SYN came from.
   */
  reopen(session: Session, now: number): void {
    const { silentMicros, isInitiator, isChanging, paths } = session;
    if (silentMicros < SILENT_BEFORE_REOPENING || !isInitiator || isChanging) return;
    for (const { encapsulation, tuple, roundTrip } of paths)
      if (
        encapsulation === 'fake-tcp' &&
        silentMicros >= SILENT_ROUND_TRIPS * roundTrip &&
        !this.fakeTcp.isUnderWay(tuple)
      )
        this.fakeTcp.again(session, tuple, now);
  }

  /**
   * Asks for the proof of a path that leads to a NAT, in answer to a packet of the session (section 3.5): a heartbeat on
   * it, once a second, that carries no user data. It opens a NAT on this side, and the other end feeds it back.
   */
  probeUnproven(session: Session, layout: LayoutName, now: number): void {
    const { selection, composer, control, transmits, counters } = this.state;
    const path = session.confirmed && !session.isChanging ? selection.toProbe(session, now) : undefined;
    if (path === undefined) return;
    const cm = composer.composeFor(session.peer, session.id, path.id, layout, Flags.heartbeat, now);
    path.sent(now, control.datagram(transmits.filling, path.tuple, cm));
    counters.heartbeatsSent++;
    counters.cmSent++;
  }
}
