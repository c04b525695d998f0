import { part } from '../codec/bytes.js';
import { TcpFlags, type Tuple } from '../codec/index.js';

/** Where a connection stands (RFC 9293, section 3.3.2, as far as the stack of a reference host needs it). */
export type TcpState = 'syn-sent' | 'syn-received' | 'established' | 'closing' | 'closed';

/** What a connection sends: header fields and payload of one segment. */
export interface OutgoingSegment {
  readonly sequence: number;
  readonly acknowledgement: number;
  readonly flags: number;
  readonly payload: Uint8Array;
  /** True for a SYN, which carries the MSS option. */
  readonly announcesMss: boolean;
}

/** What a connection takes from a segment that arrived. */
export interface IncomingSegment {
  readonly sequence: number;
  readonly acknowledgement: number;
  readonly flags: number;
  readonly window: number;
  readonly payload: Uint8Array;
}

/** First retransmission in microseconds; doubled each time. */
const RETRANSMISSION = 1_000_000;
const MOST_RETRANSMISSIONS = 6;
/** How long a closed connection still answers, in microseconds. */
const LINGER = 1_000_000;
/** Octets in flight at most: a small fixed congestion window. */
const MOST_IN_FLIGHT = 64 * 1024;
const MOST_HELD = 256;
const NOTHING = new Uint8Array(0);

/** a - b of sequence numbers, from -2^31 to 2^31 - 1. */
function distance(a: number, b: number): number {
  return (a - b) | 0;
}

/**
 * One TCP connection without I/O: handshake from either side, delivery in order, an acknowledgement for each segment,
 * retransmission by timer and after three duplicate acknowledgements, orderly close and reset. No congestion control, no
 * SACK, no window scale: enough to have something above MPIP that notices loss, duplication and disorder.
 */
export class TcpConnection {
  state: TcpState;
  /** First octet not acknowledged, next to send. */
  #unacknowledged: number;
  #next: number;
  #expected = 0;
  #window = 65535;
  /** Octets handed over and not acknowledged, from `#unacknowledged` on (without SYN). */
  #queue: Uint8Array = NOTHING;
  #isSynOutstanding = true;
  #finQueued = false;
  #finSent = false;
  #finReceived = false;
  #duplicates = 0;
  #retransmissions = 0;
  #retransmitAt = Number.POSITIVE_INFINITY;
  #goneAt = Number.POSITIVE_INFINITY;
  readonly #held = new Map<number, IncomingSegment>();

  constructor(
    /** From the local end's view: `source` is the host's. */
    readonly tuple: Tuple,
    state: 'syn-sent' | 'syn-received',
    initialSequence: number,
    readonly mss: number,
    private readonly emit: (connection: TcpConnection, segment: OutgoingSegment) => void,
    private readonly deliver: (connection: TcpConnection, payload: Uint8Array) => void,
  ) {
    this.state = state;
    this.#unacknowledged = initialSequence;
    this.#next = initialSequence;
  }

  /** True when nothing will come of it any more. */
  isGone(now: number): boolean {
    return this.state === 'closed' || now >= this.#goneAt;
  }

  /** When it wants to be polled, microseconds. */
  get deadline(): number {
    return Math.min(this.#retransmitAt, this.#goneAt);
  }

  /** Sends the first segment: SYN, or SYN-ACK to a SYN with that sequence number. */
  begin(now: number, peerSequence?: number): void {
    if (peerSequence !== undefined) this.#expected = (peerSequence + 1) >>> 0;
    this.#sendSyn();
    this.#next = (this.#next + 1) >>> 0;
    this.#arm(now);
  }

  /** Hands over octets to send. */
  write(payload: Uint8Array, now: number): void {
    if (this.#finQueued || this.state === 'closed') return;
    const queue = new Uint8Array(this.#queue.length + payload.length);
    queue.set(this.#queue);
    queue.set(payload, this.#queue.length);
    this.#queue = queue;
    this.#push(now);
  }

  /** Closes the sending direction once everything is sent. */
  close(now: number): void {
    this.#finQueued = true;
    this.#push(now);
  }

  /** Ends the connection with a RST. */
  reset(): void {
    if (this.state !== 'closed') this.#emit(TcpFlags.rst | TcpFlags.ack, this.#next, NOTHING);
    this.state = 'closed';
  }

  /** Takes a segment of this connection. */
  receive(segment: IncomingSegment, now: number): void {
    const { flags } = segment;
    if ((flags & TcpFlags.rst) !== 0) {
      if (distance(segment.sequence, this.#expected) >= 0 || this.state === 'syn-sent') this.state = 'closed';
      return;
    }
    if ((flags & TcpFlags.syn) !== 0) {
      this.#receiveSyn(segment, now);
      return;
    }
    if ((flags & TcpFlags.ack) !== 0 && !this.#receiveAcknowledgement(segment, now)) return;
    if (segment.payload.length > 0 || (flags & TcpFlags.fin) !== 0) this.#receiveData(segment, now);
    this.#push(now);
    this.#finish(now);
  }

  /** Runs due work. */
  poll(now: number): void {
    if (now < this.#retransmitAt) return;
    if (++this.#retransmissions > MOST_RETRANSMISSIONS) {
      this.state = 'closed';
      this.#retransmitAt = Number.POSITIVE_INFINITY;
      return;
    }
    this.#retransmit();
    this.#arm(now);
  }

  #receiveSyn(segment: IncomingSegment, now: number): void {
    if (this.state === 'syn-sent' && (segment.flags & TcpFlags.ack) !== 0) {
      if (segment.acknowledgement !== this.#next) return;
      this.#expected = (segment.sequence + 1) >>> 0;
      this.#acknowledged(segment.acknowledgement, now);
      this.state = 'established';
      this.#window = segment.window;
      this.#emit(TcpFlags.ack, this.#next, NOTHING);
      this.#push(now);
    } else if (this.state === 'syn-received') this.#sendSyn();
    else this.#emit(TcpFlags.ack, this.#next, NOTHING);
  }

  /** False when the segment is to be dropped: it acknowledges what was never sent. */
  #receiveAcknowledgement(segment: IncomingSegment, now: number): boolean {
    const { acknowledgement } = segment;
    if (distance(acknowledgement, this.#next) > 0) {
      this.#emit(TcpFlags.ack, this.#next, NOTHING);
      return false;
    }
    this.#window = segment.window;
    if (this.state === 'syn-received') this.state = 'established';
    if (distance(acknowledgement, this.#unacknowledged) > 0) this.#acknowledged(acknowledgement, now);
    else if (segment.payload.length === 0 && this.#next !== this.#unacknowledged && ++this.#duplicates === 3) {
      this.#retransmit();
    }
    return true;
  }

  #acknowledged(acknowledgement: number, now: number): void {
    let octets = distance(acknowledgement, this.#unacknowledged);
    // The SYN takes a sequence number and is not in the queue; the FIN is the last one.
    if (this.state === 'syn-sent' || this.#isSynOutstanding) octets--;
    this.#isSynOutstanding = false;
    this.#queue = this.#queue.subarray(Math.min(octets, this.#queue.length));
    this.#unacknowledged = acknowledgement;
    this.#duplicates = 0;
    this.#retransmissions = 0;
    if (this.#unacknowledged === this.#next) this.#retransmitAt = Number.POSITIVE_INFINITY;
    else this.#arm(now);
  }

  #receiveData(segment: IncomingSegment, now: number): void {
    const { sequence, payload, flags } = segment;
    const ahead = distance(sequence, this.#expected);
    const length = payload.length + ((flags & TcpFlags.fin) !== 0 ? 1 : 0);
    if (ahead > 0) {
      if (ahead <= 65535 && this.#held.size < MOST_HELD)
        this.#held.set(sequence, { ...segment, payload: payload.slice() });
    } else if (ahead + length > 0) {
      this.#take(segment);
      this.#takeHeld();
    }
    // An answer that carries the acknowledgement may have gone out already; one too many harms nobody.
    if (!this.#push(now)) this.#emit(TcpFlags.ack, this.#next, NOTHING);
  }

  /** Takes the new part of a segment that begins at or before what is expected. */
  #take({ sequence, payload, flags }: IncomingSegment): void {
    const fresh = payload.subarray(distance(this.#expected, sequence));
    this.#expected = (this.#expected + fresh.length) >>> 0;
    if (fresh.length > 0) this.deliver(this, fresh);
    if ((flags & TcpFlags.fin) !== 0 && !this.#finReceived) {
      this.#expected = (this.#expected + 1) >>> 0;
      this.#finReceived = true;
      this.#finQueued = true;
      this.state = 'closing';
    }
  }

  #takeHeld(): void {
    for (let again = true; again; ) {
      again = false;
      for (const [sequence, segment] of this.#held) {
        const ahead = distance(sequence, this.#expected);
        if (ahead > 0) continue;
        this.#held.delete(sequence);
        if (ahead + segment.payload.length + ((segment.flags & TcpFlags.fin) !== 0 ? 1 : 0) > 0) this.#take(segment);
        again = true;
      }
    }
  }

  /** Sends what may be sent; true when a segment went out. */
  #push(now: number): boolean {
    if (this.state !== 'established' && this.state !== 'closing') return false;
    let sent = false;
    for (;;) {
      const inFlight = distance(this.#next, this.#unacknowledged);
      const left = this.#queue.length - inFlight;
      if (this.#finSent || left < 0) break;
      const room = Math.min(this.#window, MOST_IN_FLIGHT) - inFlight;
      const size = Math.min(left, this.mss, room);
      if (size > 0) {
        this.#emit(TcpFlags.ack | TcpFlags.psh, this.#next, part(this.#queue, inFlight, inFlight + size));
        this.#next = (this.#next + size) >>> 0;
      } else if (left === 0 && this.#finQueued) {
        this.#emit(TcpFlags.fin | TcpFlags.ack, this.#next, NOTHING);
        this.#next = (this.#next + 1) >>> 0;
        this.#finSent = true;
      } else break;
      sent = true;
      if (this.#retransmitAt === Number.POSITIVE_INFINITY) this.#arm(now);
    }
    return sent;
  }

  #finish(now: number): void {
    const isDone = this.#finReceived && this.#finSent && this.#unacknowledged === this.#next;
    if (isDone && this.#goneAt === Number.POSITIVE_INFINITY) this.#goneAt = now + LINGER;
  }

  #retransmit(): void {
    if (this.#isSynOutstanding) {
      this.#sendSyn();
      return;
    }
    const size = Math.min(this.#queue.length, this.mss, distance(this.#next, this.#unacknowledged));
    if (size > 0) this.#emit(TcpFlags.ack | TcpFlags.psh, this.#unacknowledged, this.#queue.subarray(0, size));
    else if (this.#finSent) this.#emit(TcpFlags.fin | TcpFlags.ack, this.#unacknowledged, NOTHING);
  }

  #sendSyn(): void {
    const flags = this.state === 'syn-received' ? TcpFlags.syn | TcpFlags.ack : TcpFlags.syn;
    this.emit(this, {
      sequence: this.#unacknowledged,
      acknowledgement: this.state === 'syn-received' ? this.#expected : 0,
      flags,
      payload: NOTHING,
      announcesMss: true,
    });
  }

  #emit(flags: number, sequence: number, payload: Uint8Array): void {
    this.emit(this, { sequence, acknowledgement: this.#expected, flags, payload, announcesMss: false });
  }

  #arm(now: number): void {
    this.#retransmitAt = now + RETRANSMISSION * 2 ** this.#retransmissions;
  }
}
