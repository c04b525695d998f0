/** Octets held back while earlier ones are missing; beyond it the gap is taken for lost. */
const MAX_HELD = 4 << 20;
const MAX_PIECES = 65_536;

interface Piece {
  readonly at: number;
  readonly data: Uint8Array;
}

/** What comes out of a {@link Reassembler}. */
export interface StreamSink {
  data(octets: Uint8Array): void;
  /** Octets that the capture has not. */
  gap(length: number): void;
}

/**
 * One direction of a TCP connection, put together by sequence number whatever path its segments took: what arrives twice counts once,
 * what arrives early waits. Positions are counted from the first octet, so that numbers that wrap do not matter.
 */
export class Reassembler {
  readonly #sink: StreamSink;
  /** Sequence number of position 0; undefined before the first segment. */
  #base: number | undefined;
  #next = 0;
  readonly #held: Piece[] = [];
  #heldLength = 0;

  constructor(sink: StreamSink) {
    this.#sink = sink;
  }

  /** The stream begins after this number: that of a SYN. Does nothing once it has begun. */
  begin(sequence: number): void {
    this.#base ??= (sequence + 1) >>> 0;
  }

  /** Takes a segment's data. */
  add(sequence: number, data: Uint8Array): void {
    if (data.length === 0) return;
    this.#base ??= sequence;
    const at = this.#next + ((sequence - ((this.#base + this.#next) >>> 0)) | 0);
    if (at + data.length <= this.#next) return;
    if (at > this.#next) {
      this.#hold({ at, data: data.slice() });
      return;
    }
    this.#put(at, data);
    this.#release();
  }

  /** The other end has got everything before this number: what is missing before it will not come. */
  acknowledged(sequence: number): void {
    if (this.#base === undefined || this.#held.length === 0) return;
    const at = this.#next + ((sequence - ((this.#base + this.#next) >>> 0)) | 0);
    while (this.#held.length > 0 && this.#held[0]!.at < at) this.#skip();
  }

  /** Gives out what is held, with the gaps before it. */
  end(): void {
    while (this.#held.length > 0) this.#skip();
  }

  #put(at: number, data: Uint8Array): void {
    const fresh = data.subarray(this.#next - at);
    this.#next += fresh.length;
    this.#sink.data(fresh);
  }

  #hold(piece: Piece): void {
    let index = this.#held.length;
    while (index > 0 && this.#held[index - 1]!.at > piece.at) index--;
    const before = this.#held[index - 1];
    if (before !== undefined && before.at + before.data.length >= piece.at + piece.data.length) return;
    this.#held.splice(index, 0, piece);
    this.#heldLength += piece.data.length;
    while (this.#heldLength > MAX_HELD || this.#held.length > MAX_PIECES) this.#skip();
  }

  #skip(): void {
    const missing = this.#held[0]!.at - this.#next;
    if (missing > 0) {
      this.#sink.gap(missing);
      this.#next += missing;
    }
    this.#release();
  }

  #release(): void {
    while (this.#held.length > 0 && this.#held[0]!.at <= this.#next) {
      const { at, data } = this.#held.shift()!;
      this.#heldLength -= data.length;
      if (at + data.length > this.#next) this.#put(at, data);
    }
  }
}
