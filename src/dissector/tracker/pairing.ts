import type { TrailerView } from '../../codec/index.js';
import { nodeKey } from '../tcp-sessions.js';

/** A packet that was seen at one place only is waited for at the other so long, microseconds. */
const WAIT = 10_000_000;
/** Packets that are waited for, and paths that are counted. */
const MAX_WAITING = 1 << 18;
const MAX_PATHS = 1 << 14;

/** What two captures saw of a path. Times are microseconds. */
export interface PairedPath {
  readonly nodeId: number;
  readonly isFull: boolean;
  readonly sessionId: number;
  readonly pathId: number;
  /** The two captures, by their positions; `low` is the smaller. */
  readonly low: number;
  readonly high: number;
  /** Packets that both saw, and the times from the one to the other: negative where `high` is nearer to the sender. */
  matched: number;
  sum: number;
  min: number;
  max: number;
  /** Of the packets of the path that each capture saw, counted from 1: the first and the last that both saw. */
  readonly first: [number, number];
  readonly last: [number, number];
}

interface Waiting {
  readonly capture: number;
  readonly time: number;
  /** Which packet of its path it is in its capture, from 1. */
  readonly index: number;
}

/**
 * Finds packets with a CM that several captures saw: by sender, session, path, flags, timestamp and sum of the CM and the length of the
 * user data, which no router or NAT changes. From their times come true one-way delays, as far as the captures' clocks agree, and from
 * those that only one saw, losses.
 */
export class Pairing {
  readonly #waiting = new Map<string, Waiting[]>();
  #count = 0;
  readonly #paths = new Map<string, PairedPath>();
  /** Packets of each path in each capture. */
  readonly #seen = new Map<string, number>();

  /**
   * Takes a packet with a CM.
   * @param capture position of its capture, from 0; @param time microseconds
   * @returns true when another capture has seen it before
   */
  see(trailer: TrailerView, capture: number, time: number): boolean {
    const { cm } = trailer;
    const path = `${nodeKey(cm.nodeId, cm.isFull)} ${cm.sessionId} ${cm.pathId}`;
    const counter = `${capture} ${path}`;
    const index = (this.#seen.get(counter) ?? 0) + 1;
    if (index > 1 || this.#seen.size < 4 * MAX_PATHS) this.#seen.set(counter, index);
    const mine: Waiting = { capture, time, index };
    const key = `${path} ${cm.flags} ${cm.timestamp} ${cm.checksum} ${trailer.userDataLength}`;
    const waiting = this.#waiting.get(key);
    const at = waiting?.findIndex((one) => one.capture !== capture) ?? -1;
    if (at >= 0) {
      const [other] = waiting!.splice(at, 1);
      this.#count--;
      if (waiting!.length === 0) this.#waiting.delete(key);
      this.#match(trailer, path, other!, mine);
      return true;
    }
    if (waiting !== undefined) waiting.push(mine);
    else this.#waiting.set(key, [mine]);
    this.#count++;
    if (this.#count > MAX_WAITING || (this.#count & 1023) === 0) this.#forget(time);
    return false;
  }

  #match({ cm }: TrailerView, name: string, one: Waiting, other: Waiting): void {
    const [low, high] = one.capture < other.capture ? [one, other] : [other, one];
    const key = `${low.capture} ${high.capture} ${name}`;
    let path = this.#paths.get(key);
    if (path === undefined) {
      if (this.#paths.size >= MAX_PATHS) return;
      path = {
        nodeId: cm.nodeId,
        isFull: cm.isFull,
        sessionId: cm.sessionId,
        pathId: cm.pathId,
        low: low.capture,
        high: high.capture,
        matched: 0,
        sum: 0,
        min: Number.POSITIVE_INFINITY,
        max: Number.NEGATIVE_INFINITY,
        first: [low.index, high.index],
        last: [low.index, high.index],
      };
      this.#paths.set(key, path);
    }
    const delay = high.time - low.time;
    path.matched++;
    path.sum += delay;
    path.min = Math.min(path.min, delay);
    path.max = Math.max(path.max, delay);
    for (const [side, { index }] of [low, high].entries()) {
      path.first[side] = Math.min(path.first[side]!, index);
      path.last[side] = Math.max(path.last[side]!, index);
    }
  }

  /** Lets go of packets that will not come any more. */
  #forget(time: number): void {
    for (const [key, waiting] of this.#waiting) {
      if (time - waiting[0]!.time < WAIT && this.#count <= MAX_WAITING) break;
      this.#count -= waiting.length;
      this.#waiting.delete(key);
    }
  }

  /** The paths of which both captures of a pair saw packets. */
  paths(): PairedPath[] {
    return [...this.#paths.values()];
  }
}
