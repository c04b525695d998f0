import { fragment, mayFragment } from '../codec/fragment.js';
import type { Random } from '../codec/random.js';

/** How a link treats a datagram on its way, in one direction. Nothing is set: 50 µs, no limit, no fault. */
export interface LinkOptions {
  /** One-way delay in microseconds. Default 50. */
  readonly delayMicros?: number;
  /** Largest random extra delay in microseconds, uniform; reorders when larger than the gaps. Default 0. */
  readonly jitterMicros?: number;
  /** True lets no datagram overtake another, whatever the jitter (a queue ahead, not several ways). Default false. */
  readonly keepsOrder?: boolean;
  /** Probability of loss, 0..1. Default 0. */
  readonly loss?: number;
  /** Probability that a datagram arrives twice, 0..1. Default 0. */
  readonly duplication?: number;
  /** Probability that a datagram is held back by `reorderingMicros`, so that later ones overtake it, 0..1. Default 0. */
  readonly reordering?: number;
  /** How long a reordered datagram is held back, microseconds. Default 5000. */
  readonly reorderingMicros?: number;
  /** Octets of IP datagrams per second, in bit/s: each one occupies the link for its length. Default unlimited. */
  readonly rate?: number;
  /** Most datagrams that wait or are being sent when `rate` is set; one more is dropped (tail drop). Default unlimited. */
  readonly queuePackets?: number;
  /** Most octets that wait or are being sent when `rate` is set. Default unlimited. */
  readonly queueOctets?: number;
  /** Largest datagram in octets. Default 65535. */
  readonly mtu?: number;
  /**
   * What becomes of a longer one: `drop` (a black hole), `report` (dropped; a router answers with ICMP "fragmentation
   * needed", RFC 792, RFC 1191), `fragment` (RFC 791; with DF as `report`). Default `drop`.
   */
  readonly oversize?: 'drop' | 'report' | 'fragment';
}

/** What one direction of a link did, in datagrams unless it says octets. */
export interface WireCounters {
  /** Entered the link, those that a fault took later included. */
  sent: number;
  /** Octets of `sent`. */
  octets: number;
  /** Taken by `loss`, or while the link was down. */
  lost: number;
  /** Refused by the full queue. */
  overflowed: number;
  /** Longer than the MTU and not fragmented. */
  oversized: number;
  /** Pieces made of datagrams longer than the MTU. */
  fragments: number;
}

/** The part of the network that a link needs. */
export interface Timeline {
  readonly now: number;
  at<Argument>(time: number, action: (argument: Argument) => void, argument: Argument): void;
}

/** What a link took in or refused: `false` is for the sending router to report. */
const DONE = true;

/** One direction of a link. Computes when a datagram arrives; the queue is arithmetic, nothing is stored but its datagrams' times. */
export class Wire {
  /** False while nothing gets through. */
  isUp = true;
  readonly counters: WireCounters = { sent: 0, octets: 0, lost: 0, overflowed: 0, oversized: 0, fragments: 0 };
  #options!: Required<LinkOptions>;
  /** True while nothing but its delay and its rate is between sender and receiver. */
  #isFaultless = false;
  /** When the link has sent everything that is in its queue, microseconds, with fractions. */
  #freeAt = 0;
  /** When each datagram of the queue will have been sent, from `#head` on. */
  readonly #departures: number[] = [];
  #head = 0;
  #lastArrival = 0;

  constructor(
    private readonly timeline: Timeline,
    private readonly random: Random,
    options: LinkOptions,
    private readonly deliver: (packet: Uint8Array) => void,
    private readonly onLoss: (packet: Uint8Array) => void = () => {},
  ) {
    this.set(options);
  }

  get options(): Readonly<Required<LinkOptions>> {
    return this.#options;
  }

  /** Changes the link from now on; what is under way arrives as it would have. Options left out get their default. */
  set(options: LinkOptions): void {
    this.#options = {
      delayMicros: options.delayMicros ?? 50,
      jitterMicros: options.jitterMicros ?? 0,
      keepsOrder: options.keepsOrder ?? false,
      loss: options.loss ?? 0,
      duplication: options.duplication ?? 0,
      reordering: options.reordering ?? 0,
      reorderingMicros: options.reorderingMicros ?? 5000,
      rate: options.rate ?? Number.POSITIVE_INFINITY,
      queuePackets: options.queuePackets ?? Number.POSITIVE_INFINITY,
      queueOctets: options.queueOctets ?? Number.POSITIVE_INFINITY,
      mtu: options.mtu ?? 65535,
      oversize: options.oversize ?? 'drop',
    };
    const { jitterMicros, keepsOrder, loss, duplication, reordering } = this.#options;
    this.#isFaultless = jitterMicros <= 0 && !keepsOrder && loss <= 0 && duplication <= 0 && reordering <= 0;
  }

  /** Octets that wait or are being sent now. */
  get backlogOctets(): number {
    if (this.#options.rate === Number.POSITIVE_INFINITY) return 0;
    return Math.ceil((Math.max(0, this.#freeAt - this.timeline.now) * this.#options.rate) / 8e6);
  }

  /**
   * Sends a datagram; its octets belong to the link from now on.
   * @returns false when it was longer than the MTU and its sender is to be told.
   */
  transmit(packet: Uint8Array): boolean {
    const { mtu, oversize } = this.#options;
    if (packet.length > mtu) {
      if (oversize === 'fragment' && mayFragment(packet)) {
        const pieces = fragment(packet, mtu);
        this.counters.fragments += pieces.length;
        for (const piece of pieces) this.#pass(piece);
        return DONE;
      }
      this.counters.oversized++;
      this.onLoss(packet);
      return oversize === 'drop';
    }
    this.#pass(packet);
    return DONE;
  }

  #pass(packet: Uint8Array): void {
    const { counters, timeline } = this;
    const sentAt = this.#enqueue(packet.length);
    if (sentAt === undefined) {
      counters.overflowed++;
      this.onLoss(packet);
      return;
    }
    counters.sent++;
    counters.octets += packet.length;
    if (this.#isFaultless && this.isUp) {
      timeline.at(Math.ceil(sentAt + this.#options.delayMicros), this.deliver, packet);
      return;
    }
    const { delayMicros, jitterMicros, keepsOrder, loss, duplication, reordering, reorderingMicros } = this.#options;
    const copies = this.#chance(duplication) ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      if (!this.isUp || this.#chance(loss)) {
        counters.lost++;
        this.onLoss(packet);
        continue;
      }
      const jitter = jitterMicros > 0 ? this.random.below(jitterMicros + 1) : 0;
      let arrival = Math.ceil(sentAt + delayMicros + jitter);
      if (this.#chance(reordering)) arrival += reorderingMicros;
      else if (keepsOrder) {
        arrival = Math.max(arrival, this.#lastArrival);
        this.#lastArrival = arrival;
      }
      const arriving = i === 0 ? packet : packet.slice();
      timeline.at(arrival, this.deliver, arriving);
    }
  }

  /** When the last bit of a datagram has left; undefined when the queue is full. */
  #enqueue(octets: number): number | undefined {
    const { rate, queuePackets, queueOctets } = this.#options;
    const { now } = this.timeline;
    if (rate === Number.POSITIVE_INFINITY) return now;
    while (this.#head < this.#departures.length && this.#departures[this.#head]! <= now) this.#head++;
    if (this.#departures.length - this.#head >= queuePackets || this.backlogOctets + octets > queueOctets)
      return undefined;
    if (this.#head > 1024 && this.#head * 2 > this.#departures.length) {
      this.#departures.copyWithin(0, this.#head);
      this.#departures.length -= this.#head;
      this.#head = 0;
    }
    this.#freeAt = Math.max(now, this.#freeAt) + (octets * 8e6) / rate;
    this.#departures.push(this.#freeAt);
    return this.#freeAt;
  }

  #chance(probability: number): boolean {
    return probability > 0 && this.random.next() < probability;
  }
}
