import type { Random } from '../codec/index.js';

/** What a stretch of the way does to packets besides limiting their rate. Times in microseconds. */
export interface Impairment {
  /** Every packet is this late. */
  readonly delay: number;
  /** And up to this much later, evenly; packets keep their order. */
  readonly jitter: number;
  /** Part of the packets that is lost, 0 to 1. */
  readonly loss: number;
}

/**
 * The packets that wait on such a stretch, as numbers with the time of their release; pure. Order is kept, as on a wire:
 * a packet that drew little jitter waits for the one before it.
 */
export class DelayLine {
  #packets = new Float64Array(1024);
  #releases = new Float64Array(1024);
  #head = 0;
  #count = 0;
  #latest = 0;

  constructor(
    private readonly impairment: Impairment,
    private readonly random: Random,
  ) {}

  /** Takes a packet at `now`. @returns false when it is lost. */
  take(packet: number, now: number): boolean {
    const { delay, jitter, loss } = this.impairment;
    if (loss > 0 && this.random.next() < loss) return false;
    if (this.#count === this.#packets.length) this.#grow();
    const release = Math.max(this.#latest, now + delay + (jitter > 0 ? this.random.next() * jitter : 0));
    const at = (this.#head + this.#count++) % this.#packets.length;
    this.#packets[at] = packet;
    this.#releases[at] = release;
    this.#latest = release;
    return true;
  }

  /** When the next packet is due; Infinity with none. */
  get nextRelease(): number {
    return this.#count === 0 ? Number.POSITIVE_INFINITY : this.#releases[this.#head]!;
  }

  /** Lets go what is due. @returns the number of the last packet of it, or undefined. */
  release(now: number): number | undefined {
    let last: number | undefined;
    while (this.#count > 0 && this.#releases[this.#head]! <= now) {
      last = this.#packets[this.#head]!;
      this.#head = (this.#head + 1) % this.#packets.length;
      this.#count--;
    }
    return last;
  }

  #grow(): void {
    const size = this.#packets.length;
    const turned = (old: Float64Array) => {
      const grown = new Float64Array(2 * size);
      for (let i = 0; i < size; i++) grown[i] = old[(this.#head + i) % size]!;
      return grown;
    };
    this.#packets = turned(this.#packets);
    this.#releases = turned(this.#releases);
    this.#head = 0;
  }
}
