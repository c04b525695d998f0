import type { Tuple } from '../codec/index.js';
import { tupleKey } from './mesh.js';
import type { Session } from './sessions.js';

/** What a router said holds this long, then a larger packet is tried again (RFC 1191, section 6.3). */
const EXPIRY_MICROS = 600_000_000;
/** No router is believed that its link carries less; the limit of Linux, which keeps forged reports from doing harm. */
export const LEAST_MTU = 552;
/** The host's packets are not made smaller than this for the sake of one path: a narrower one carries what fits. */
const LEAST_FOR_HOST = 1280;
/** Ways that one session remembers. */
const MOST_WAYS = 64;

/** What is known of a way: a tuple of a session, this node as source. */
export interface WayMtu {
  readonly mtu: number;
  readonly until: number;
}

/** How large a packet each way of a session carries, where that is less than this node's own links carry. */
export class PathMtus {
  /** `linkMtu`: what this node's own links carry, in octets. */
  constructor(public linkMtu: number) {}

  /** Notes that packets of a session by `tuple` may have `mtu` octets at most; never less than `LEAST_MTU`. */
  learn(session: Session, tuple: Tuple, mtu: number, now: number): void {
    session.wayMtus ??= new Map();
    const { wayMtus } = session;
    const key = tupleKey(tuple);
    const known = wayMtus.get(key);
    if (known !== undefined && known.until > now && known.mtu < mtu) return;
    if (known === undefined && wayMtus.size >= MOST_WAYS) wayMtus.delete(wayMtus.keys().next().value!);
    wayMtus.set(key, { mtu: Math.max(LEAST_MTU, mtu), until: now + EXPIRY_MICROS });
  }

  /** Octets of the largest packet that a way of a session carries. */
  of(session: Session, tuple: Tuple, now: number): number {
    const known = session.wayMtus?.get(tupleKey(tuple));
    return known === undefined || known.until <= now ? this.linkMtu : Math.min(known.mtu, this.linkMtu);
  }

  /** True when a packet of `size` octets can be sent by some path of a session, or by its own tuple while it has none. */
  carries(session: Session, size: number, now: number): boolean {
    if (session.wayMtus === undefined) return size <= this.linkMtu;
    return this.#ways(session).some((tuple) => size <= this.of(session, tuple, now));
  }

  /**
   * Octets of the packets that the host is to send at most, CM included: so that every path carries them, but for those
   * that carry very little.
   */
  forHost(session: Session, now: number): number {
    const all = this.#ways(session).map((tuple) => this.of(session, tuple, now));
    const usual = all.filter((mtu) => mtu >= LEAST_FOR_HOST);
    return usual.length > 0 ? Math.min(...usual) : Math.max(...all);
  }

  #ways(session: Session): Tuple[] {
    return session.paths.length === 0 ? [session.tuple] : session.paths.map(({ tuple }) => tuple);
  }
}
