import type { DatagramView } from '../codec/index.js';
import type { PathMtus } from './path-mtu.js';
import type { Path } from './paths.js';
import type { Session } from './sessions.js';

/** Packets up to this size are not suspected: what a link carries at least in practice (RFC 8200, section 5). */
const BASE = 1280;
/** Smaller sizes that are tried when even that is lost (RFC 1191, section 7.1; RFC 8899, section 5.1.2). */
const SMALLER = [1006, 552];
/** Large segments that are watched before a path is judged, and the part of them that the host had to send again. */
const EVIDENCE = 5;
const LOST = 0.75;
/** Counts are halved at this many segments, so that what was long ago does not count. */
const MOST_WATCHED = 64;
/** Segments remembered for each session. */
const SLOTS = 256;

/** By which path the last large segments of a session went: by sequence number. */
export interface LargeSegments {
  readonly sequences: Uint32Array;
  readonly paths: Uint16Array;
}

/**
 * Paths that lose large packets without a word (RFC 2923; RFC 4821; docs/decisions.md 65). The host's TCP tells: it sends
 * nearly every large segment of such a path again. The path is then suspected and *unproven*: it carries bare headers only.
 * When feedback for those comes, it is the size.
 */
export class BlackHoles {
  constructor(private readonly pathMtus: PathMtus) {}

  /**
   * A segment with data that occupies `size` octets on the wire goes by a path. `isAgain`: the host sent its first octet
   * before.
   * @returns true when the path was found to be a black hole: the host is to send smaller segments.
   */
  sent(path: Path, view: DatagramView, size: number, isAgain: boolean, now: number): boolean {
    const { session } = path;
    const least = this.#suspectFrom(session, path, now);
    if (size <= least) return false;
    session.largeSegments ??= { sequences: new Uint32Array(SLOTS), paths: new Uint16Array(SLOTS) };
    const { sequences, paths } = session.largeSegments;
    const { sequence } = view;
    const slot = (sequence >>> 10) % SLOTS;
    if (isAgain && sequences[slot] === sequence) this.#lost(session, paths[slot]!);
    sequences[slot] = sequence;
    paths[slot] = path.id;
    if (path.isSuspect) {
      // It was chosen, so it is proven again: smaller packets arrive.
      path.forgetLarge();
      this.pathMtus.learn(session, path.tuple, least, now);
      return true;
    }
    path.largeSent++;
    if (path.largeSent >= MOST_WATCHED) {
      if (path.largeLost < LOST * path.largeSent) path.carriesLarge = true;
      path.largeSent >>= 1;
      path.largeLost >>= 1;
    }
    return false;
  }

  #lost(session: Session, pathId: number): void {
    const path = session.peer.paths.get(pathId);
    if (path === undefined || path.session !== session || path.isSuspect) return;
    path.largeLost++;
    const isSuspect =
      path.largeSent >= EVIDENCE &&
      path.largeLost >= LOST * path.largeSent &&
      // Where every path loses, it is not the size.
      session.paths.some((other) => other !== path && !other.isUnproven && other.largeLost < LOST * other.largeSent);
    if (!isSuspect) return;
    if (path.carriesLarge) {
      // A TCP that takes disorder for loss, or times out, sends much again at once: segments from now on have to say the same.
      path.forgetLarge();
      session.largeSegments?.paths.forEach((id, slot, paths) => {
        if (id === pathId) paths[slot] = 0;
      });
      return;
    }
    path.isSuspect = true;
    path.isUnproven = true;
  }

  /** The size that a path is taken to carry: larger packets are watched. */
  #suspectFrom(session: Session, { tuple }: Path, now: number): number {
    const mtu = this.pathMtus.of(session, tuple, now);
    return mtu > BASE ? BASE : (SMALLER.find((size) => size < mtu) ?? 0);
  }
}
