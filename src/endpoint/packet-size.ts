import { fragment, mayFragment } from '../codec/fragment.js';
import { buildIcmpError, IcmpType, UnreachableCode } from '../codec/icmp.js';
import { type DatagramView, fitsWithTrailer, HeaderStatus, type LayoutName, TCP } from '../codec/index.js';
import { PATH_HEADER } from '../codec/path-sequence.js';
import type { NodeState } from './node-state.js';
import { LEAST_MTU } from './path-mtu.js';
import { RateLimit } from './rate-limit.js';
import type { Session } from './sessions.js';
import type { Transmitter } from './transmitter.js';
import { multicastOrBroadcast } from './untouched.js';

/** Octets that the wrapper of section 3.8.2 adds. */
export const WRAPPER_OVERHEAD = 8;
/** Packets of the host that it is told are too large, in a second and at once. */
const MOST_REPORTS = 100;

/** How long packets of the host may be, and what becomes of longer ones (docs/decisions.md 16). */
export class PacketSize {
  readonly #reports = new RateLimit(MOST_REPORTS, MOST_REPORTS);

  constructor(
    private readonly state: NodeState,
    private readonly transmitter: Transmitter,
  ) {}

  /** Octets that a packet of the host can grow by at most: its CM, and on other paths the wrapper of section 3.8.2. */
  overhead(view: DatagramView, layout: LayoutName): number {
    const { composer, settings } = this.state;
    const isNumbered = settings.pathSequence && view.protocol === TCP;
    return (
      composer.trailerLength(layout) + (this.wraps(view.protocol) ? WRAPPER_OVERHEAD : isNumbered ? PATH_HEADER : 0)
    );
  }

  /** True when packets of a protocol go as UDP on paths that are not the original (section 3.8.2). */
  wraps(protocol: number): boolean {
    return protocol === TCP && this.state.settings.tcpMode === 'udp-wrapper';
  }

  /** True when a packet of the host fits with its CM, by one path at least (docs/decisions.md 16). */
  hasRoom(view: DatagramView, session: Session, layout: LayoutName, now: number, length: number): boolean {
    const { pathMtus } = this.state;
    const overhead = this.overhead(view, layout);
    if (!fitsWithTrailer(length, pathMtus.linkMtu, overhead)) return false;
    return session.wayMtus === undefined || pathMtus.carries(session, length + overhead, now);
  }

  /**
   * A packet that does not fit with its CM goes without, by the session's own way. The host learns of it when that way
   * does not carry it either and it has DF, and for TCP, whose segments then become smaller (RFC 1191).
   */
  sendWithoutCm(view: DatagramView, session: Session, layout: LayoutName, now: number, length: number): void {
    const { pathMtus } = this.state;
    const isTooLong = length > pathMtus.of(session, session.tuple, now);
    const mayCut = mayFragment(view.bytes);
    if (!isTooLong || mayCut) this.transmitter.sendPlain(view.bytes, length);
    if (!mayCut && (isTooLong || view.protocol === TCP))
      this.reportTooLarge(view, length, pathMtus.forHost(session, now) - this.overhead(view, layout), now);
  }

  /** A packet that is longer than the links carry: the host hears of it, or the packet goes in fragments, without a CM. */
  sendOversized(view: DatagramView, length: number, now: number): void {
    const { settings } = this.state;
    if (view.status === HeaderStatus.notIpv4 || view.status === HeaderStatus.badIpHeader) return;
    if (settings.fragmentsBelow) {
      this.transmitter.sendPlain(view.bytes, length);
      return;
    }
    if (mayFragment(view.bytes)) {
      for (const piece of fragment(view.bytes, this.state.pathMtus.linkMtu, length))
        this.transmitter.sendPlain(piece, piece.length);
      return;
    }
    const layout = this.state.availability.get(view.destination, view.destinationPort)?.layout;
    const overhead = this.overhead(view, layout ?? settings.profile.layout);
    this.reportTooLarge(view, length, this.state.pathMtus.linkMtu - overhead, now);
  }

  /** Tells the host, as a router does, that packets may have `mtu` octets (RFC 792, RFC 1191). */
  reportTooLarge(view: DatagramView, length: number, mtu: number, now: number): void {
    const { deliveries, counters } = this.state;
    counters.tooLarge++;
    if (multicastOrBroadcast(view.destination) || !this.#reports.take(now)) return;
    const error = {
      from: view.destination,
      to: view.source,
      type: IcmpType.unreachable,
      code: UnreachableCode.fragmentationNeeded,
    };
    const packet = view.bytes.subarray(0, length);
    deliveries.filling.appendCopy(buildIcmpError({ ...error, value: Math.max(LEAST_MTU, mtu) }, packet));
  }
}
