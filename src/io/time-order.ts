import { type CapturedPacket, copyPacket } from './captured-packet.js';
import type { MergedHandler } from './merged-captures.js';

/** A packet is waited for so long, seconds of the capture: programs that read several interfaces write what they have by turns. */
const WINDOW = 1;
/** Packets and octets that are held at most. */
const MOST_PACKETS = 16_384;
const MOST_OCTETS = 16 << 20;
/** After so many packets in order, and as long as all are, none is held any more: to copy them takes as long as to read them. */
const PROVEN = 4096;

interface Held {
  readonly packet: CapturedPacket;
  readonly source: number;
}

/**
 * Hands packets on in the order of their times, those of equal times as they came: a file with several interfaces has them by turns.
 * What is more than a second late is another beginning, as when the clock was set back; what is more than is held is handed on late.
 */
export class TimeOrder {
  readonly #onPacket: MergedHandler;
  /** In the order of their times, from `#first` on. */
  #held: Held[] = [];
  #first = 0;
  #octets = 0;
  /** Packets so far that were not earlier than the one before; minus infinity once one was. */
  #inOrder = 0;
  /** Time of the packet before. */
  #seconds = Number.NEGATIVE_INFINITY;
  #nanoseconds = 0;

  constructor(onPacket: MergedHandler) {
    this.#onPacket = onPacket;
  }

  /** Takes a packet, which is copied when it is held. */
  add(packet: CapturedPacket, source: number): void {
    const { seconds, nanoseconds } = packet;
    if (seconds > this.#seconds || (seconds === this.#seconds && nanoseconds >= this.#nanoseconds)) this.#inOrder++;
    else this.#inOrder = Number.NEGATIVE_INFINITY;
    this.#seconds = seconds;
    this.#nanoseconds = nanoseconds;
    if (this.#inOrder > PROVEN) {
      if (this.#held.length > 0) this.#empty();
      this.#onPacket(packet, source);
      return;
    }
    const last = this.#held.at(-1);
    if (last !== undefined && secondsBetween(packet, last.packet) > WINDOW) this.#empty();
    const held = this.#held;
    const place = this.#placeOf(packet);
    const one = { packet: copyPacket(packet), source };
    if (place === held.length) held.push(one);
    else held.splice(place, 0, one);
    this.#octets += packet.capturedLength;
    const newest = held.at(-1)!.packet;
    while (
      held.length - this.#first > MOST_PACKETS ||
      this.#octets > MOST_OCTETS ||
      secondsBetween(held[this.#first]!.packet, newest) > WINDOW
    )
      this.#release();
    // What is released is let go of, without moving the rest each time.
    if (this.#first > 1024 && this.#first * 2 > held.length) {
      this.#held = held.slice(this.#first);
      this.#first = 0;
    }
  }

  /** No more packets come. */
  end(): void {
    this.#empty();
  }

  #empty(): void {
    while (this.#first < this.#held.length) this.#release();
    this.#held = [];
    this.#first = 0;
  }

  #release(): void {
    const { packet, source } = this.#held[this.#first++]!;
    this.#octets -= packet.capturedLength;
    this.#onPacket(packet, source);
  }

  /** Behind all that are not later. */
  #placeOf(packet: CapturedPacket): number {
    let low = this.#first;
    let high = this.#held.length;
    // Nearly always it is the last.
    if (high > low && secondsBetween(this.#held[high - 1]!.packet, packet) >= 0) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (secondsBetween(this.#held[middle]!.packet, packet) >= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function secondsBetween(from: CapturedPacket, to: CapturedPacket): number {
  return to.seconds - from.seconds + (to.nanoseconds - from.nanoseconds) / 1e9;
}
