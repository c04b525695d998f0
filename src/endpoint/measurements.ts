import { addressKey, type DatagramView, TCP } from '../codec/index.js';
import { comesBy, reversedTuple } from '../codec/rewrite.js';
import type { FakeTcp } from './fake-tcp.js';
import { tupleKey } from './mesh.js';
import type { NodeState } from './node-state.js';
import type { Peer } from './nodes.js';

/** Delays: of received packets, for the peer, and those that it feeds back (paper, section 3.4). */
export class Measurements {
  constructor(
    private readonly state: NodeState,
    private readonly fakeTcp: FakeTcp,
  ) {}

  /**
   * Section 3.4: T2 - T1 into Table 5, modulo 2^32. An address that did not do the handshake takes no path over that
   * brought a sample from elsewhere within the last heartbeat age (docs/decisions.md 43).
   */
  measure(
    peer: Peer,
    pathId: number,
    timestamp: number,
    now: number,
    sessionId = 0,
    from: DatagramView | undefined = undefined,
  ): void {
    const { composer, settings, sessionRules } = this.state;
    const source = from === undefined ? 0 : addressKey(from.source, from.sourcePort);
    const row = peer.feedback.get(pathId);
    if (
      row !== undefined &&
      from !== undefined &&
      row.source !== source &&
      now - row.at < settings.constants['heartbeat-age'] &&
      !sessionRules.isProven(peer, from.source) &&
      peer.sessions.get(row.sessionId)?.tuple.destination !== from.source
    )
      return;
    peer.feedback.record(pathId, (composer.ticks(now) - timestamp) | 0, now, sessionId, source);
  }

  /**
   * True when a delay may be taken from this sender (docs/decisions.md 43): its address did the handshake as this peer,
   * or it is a remote address of the session to which both the packet and the path belong.
   */
  isFeedbackTrusted(view: DatagramView, peer: Peer, sessionId: number, pathId: number): boolean {
    const { source } = view;
    if (peer.handshaken.has(source)) return true;
    const path = peer.paths.get(pathId);
    if (path === undefined || path.session.id !== sessionId) return false;
    if (path.session.tuple.destination === source) return true;
    for (const other of path.session.paths) if (other.tuple.destination === source) return true;
    this.state.counters.unprovenFeedback++;
    return false;
  }

  /** Section 3.4: a delay that the peer fed back, into Table 3. An unknown path id is ignored (docs/decisions.md 13). */
  applyFeedback(peer: Peer, pathId: number, delay: number, now: number, timestamp?: number): void {
    const { composer, settings } = this.state;
    const { constants, profile } = settings;
    const step = constants['clock-step'] / profile.tickMicros;
    // There and back: the offset of the clocks is in both and cancels out.
    const roundTrip = timestamp === undefined ? 0 : (delay + composer.ticks(now) - timestamp) | 0;
    const sentAt = now - Math.max(0, roundTrip) * profile.tickMicros;
    peer.paths.get(pathId)?.applyFeedback(delay, constants['delay-smoothing'], step, now, sentAt);
  }

  /**
   * True for a segment of a session that comes from an announced address where no fake handshake was done (section 3.8.1),
   * while the peer's paths come from addresses that it did not announce: a NAT lets out untranslated what it takes for
   * invalid, as Linux does, and nothing comes back that way. Its delay is not fed back, so that its sender notices
   * (docs/decisions.md 57).
   */
  isUntranslated(view: DatagramView, peer: Peer, sessionId: number): boolean {
    if (view.protocol !== TCP || this.state.settings.tcpMode !== 'fake-tcp') return false;
    const session = peer.sessions.get(sessionId);
    if (session === undefined || session.protocol !== TCP) return false;
    if (!peer.announced.has(view.source) || comesBy(view, session.tuple)) return false;
    let isBehindNat = false;
    for (const { tuple } of session.paths) {
      if (comesBy(view, tuple)) return false;
      isBehindNat ||= !peer.announced.has(tuple.destination);
    }
    if (!isBehindNat) return false;
    const back = reversedTuple(view);
    return !session.abandoned.has(tupleKey(back)) && !this.fakeTcp.isUnderWay(back);
  }
}
