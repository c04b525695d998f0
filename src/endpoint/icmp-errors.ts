import { writeU16be } from '../codec/bytes.js';
import { buildIcmpError, IcmpErrorView, IcmpType, plateauBelow, UnreachableCode } from '../codec/icmp.js';
import { ipv4HeaderChecksum, isControlFlag, sameTuple, TCP, TrailerView, type Tuple, UDP } from '../codec/index.js';
import { hasPathSequence, innerHeader, PATH_HEADER } from '../codec/path-sequence.js';
import { rewriteTuple } from '../codec/rewrite.js';
import { detach } from '../codec/trailer.js';
import type { NodeState } from './node-state.js';
import { unnumber } from './path-sequence.js';
import { RateLimit } from './rate-limit.js';
import type { Session } from './sessions.js';
import { holdsSegment, unwrap } from './udp-wrapper.js';

/** Messages about sessions that are obeyed in a second; twice as many at once. */
const MOST_PER_SECOND = 100;
/** A path that is said to lead nowhere has this long to bring feedback; then the message was false (RFC 5927). */
const TRIAL_MICROS = 1_000_000;
const WRAPPER = 8;
/** Quoted octets that are looked at, and room for fields that the quote lacks. */
const MOST_QUOTED = 2048;
const SLACK = 64;
/** A quote while it is looked at, of whatever node. */
const copy = new Uint8Array(MOST_QUOTED + SLACK);

/** The session and its tuple, or that of one of its paths, that a quoted packet went by. */
interface Subject {
  readonly session: Session;
  readonly tuple: Tuple;
}

/**
 * ICMP errors about packets that this node sent (docs/decisions.md 18). What concerns one path becomes a property of
 * that path; what concerns the connection goes up to the host, about the packet as the host had sent it.
 */
export class IcmpErrors {
  readonly #error = new IcmpErrorView();
  readonly #quoted = new TrailerView();
  readonly #limit = new RateLimit(MOST_PER_SECOND, 2 * MOST_PER_SECOND);

  constructor(private readonly state: NodeState) {}

  /**
   * Takes a packet that came from the network.
   * @returns false when it is no error about a packet of a session: it goes up as it came.
   */
  receive(packet: Uint8Array, length: number, now: number): boolean {
    const error = this.#error;
    if (!error.parse(packet, length)) return false;
    const subject = this.subjectOf(error.tuple, error.protocol, now);
    const isOwnPacket = this.quotesControlPacket();
    if (subject === undefined || isOwnPacket) return isOwnPacket;
    const { counters } = this.state;
    counters.icmpErrors++;
    if (!this.#limit.take(now)) return true;
    if (error.isFragmentationNeeded) this.lowerMtu(subject, now);
    else if (this.isRefusal(subject)) this.passOn(subject.session);
    else this.doubtPath(subject);
    return true;
  }

  /** The session whose packet has these addresses: they are its own, or those of one of its paths. */
  subjectOf(tuple: Tuple, protocol: number, now: number): Subject | undefined {
    const { sessions, nodes } = this.state;
    const own = sessions.byTuple(tuple, protocol, now);
    if (own !== undefined) return { session: own, tuple };
    for (const path of nodes.at(tuple.destination, tuple.destinationPort)?.paths.values() ?? []) {
      const { session } = path;
      const isIts = session.protocol === protocol || (session.protocol === TCP && protocol === UDP);
      if (isIts && sameTuple(path.tuple, tuple)) return { session, tuple: path.tuple };
    }
    return undefined;
  }

  /** True when the quoted packet is one that MPIP itself sent: the host knows nothing of it. */
  quotesControlPacket(): boolean {
    const { bytes, quotedOffset, quotedTotal, isWhole } = this.#error;
    const quoted = this.#quoted;
    return isWhole && quoted.locate(bytes, quotedOffset, quotedTotal) && isControlFlag(quoted.cm.flags);
  }

  /** True when the peer itself says that nobody takes the packets of this connection. */
  isRefusal({ session, tuple }: Subject): boolean {
    const { type, code, from } = this.#error;
    return (
      type === IcmpType.unreachable &&
      (code === UnreachableCode.port || code === UnreachableCode.protocol) &&
      from === session.tuple.destination &&
      sameTuple(tuple, session.tuple)
    );
  }

  /**
   * RFC 1191: the path carries less than was thought. The host is told when no path carries its packet; of TCP also
   * otherwise, so that the lost segment comes again and all paths can be used.
   */
  lowerMtu({ session, tuple }: Subject, now: number): void {
    const { quotedTotal, nextHopMtu } = this.#error;
    const mtu = nextHopMtu === 0 ? plateauBelow(quotedTotal) : nextHopMtu;
    if (mtu >= quotedTotal) return;
    const { pathMtus, composer } = this.state;
    pathMtus.learn(session, tuple, mtu, now);
    const overhead = composer.trailerLength(session.peer.layout) + this.#wrapperOf(session);
    if (session.protocol === TCP || !pathMtus.carries(session, quotedTotal, now))
      this.passOn(session, pathMtus.forHost(session, now) - overhead);
  }

  /** A path of several that is unreachable is given up soon, unless it works; of the only one the host is told. */
  doubtPath({ session, tuple }: Subject): void {
    const { mesh, counters } = this.state;
    const path = session.paths.find((candidate) => sameTuple(candidate.tuple, tuple));
    if (session.paths.length <= 1) {
      this.passOn(session);
      return;
    }
    if (path === undefined) return;
    counters.pathsDoubted++;
    mesh.doubt(path, TRIAL_MICROS);
  }

  /** Hands the message to the host, about the packet as the host had sent it. `mtu`: what it says in "fragmentation needed". */
  passOn(session: Session, mtu = 0): void {
    const { addresses, deliveries } = this.state;
    const { from, to, type, code } = this.#error;
    const length = this.#restoreQuoted(session);
    if (length === 0) return;
    const { source } = session.tuple;
    const error = { from, to: addresses.includes(source) ? source : to, type, code, value: mtu };
    deliveries.filling.appendCopy(buildIcmpError(error, copy.subarray(0, length)));
  }

  #wrapperOf(session: Session): number {
    const { tcpMode, pathSequence } = this.state.settings;
    if (session.protocol !== TCP) return 0;
    return tcpMode === 'udp-wrapper' ? WRAPPER : pathSequence ? PATH_HEADER : 0;
  }

  /**
   * Undoes in a copy of the quoted packet what was done to it on its way out: the CM, the wrapper, the addresses. Of a
   * packet that is not quoted to its end, the lengths are corrected and the checksum of TCP or UDP is not.
   * @returns its length; 0 when too little is left to say whose it was.
   */
  #restoreQuoted(session: Session): number {
    const error = this.#error;
    const quoted = this.#quoted;
    const available = Math.min(MOST_QUOTED, error.quotedEnd - error.quotedOffset);
    copy.fill(0);
    copy.set(error.bytes.subarray(error.quotedOffset, error.quotedOffset + available));
    const isWrapped = session.protocol !== error.protocol;
    if (error.isWhole && quoted.locate(copy, 0, available)) {
      const length = detach(quoted);
      quoted.parse(copy, 0, length);
      if (!isWrapped && session.numbers !== undefined && hasPathSequence(quoted))
        return innerHeader(quoted, length) < 0 ? 0 : unnumber(quoted, session.tuple);
      if (!isWrapped) {
        rewriteTuple(quoted, session.tuple);
        return length;
      }
      quoted.parse(copy, 0, length);
      return holdsSegment(quoted) ? unwrap(quoted, session.tuple) : 0;
    }
    // Of a cut one nothing but the path's own numbers may be left.
    if (!isWrapped && session.numbers !== undefined) return 0;
    return this.#restoreCut(session, available, isWrapped);
  }

  #restoreCut(session: Session, available: number, isWrapped: boolean): number {
    const quoted = this.#quoted;
    quoted.parse(copy, 0, available);
    const { ipHeaderLength, l4Offset } = quoted;
    const trailer = this.#error.isWhole ? 0 : this.state.composer.trailerLength(session.peer.layout);
    const total = quoted.totalLength - trailer - (isWrapped ? WRAPPER : 0);
    let length = available;
    if (isWrapped) {
      copy.copyWithin(l4Offset, l4Offset + WRAPPER);
      copy[9] = TCP;
      length -= WRAPPER;
    }
    if (Math.min(length, total) < l4Offset + 8) return 0;
    writeU16be(copy, 2, total);
    if (session.protocol === UDP) writeU16be(copy, l4Offset + 4, total - ipHeaderLength);
    quoted.parse(copy, 0, Math.min(length, total));
    rewriteTuple(quoted, session.tuple);
    writeU16be(copy, 10, ipv4HeaderChecksum(copy, 0, ipHeaderLength));
    return Math.min(length, total);
  }
}
