import { addressKey, type Ipv4, type LayoutName } from '../codec/index.js';
import { AddressMap } from './address-map.js';
import { Evictor } from './evictor.js';
import type { Peer } from './nodes.js';

/** A row of Table 2: what is known of MPIP at one address and port (paper, section 3.2). */
export interface AvailabilityRow {
  readonly address: Ipv4;
  readonly port: number;
  /** True once a valid query, confirmation or other CM came from there. */
  enabled: boolean;
  /** The peer as which the address itself did the handshake: a query or confirmation came from there. */
  handshaken: Peer | undefined;
  /** True once a query of this node to there was confirmed from there. */
  answered: boolean;
  /** Address of this node at which a query or confirmation from there arrived last; 0 = none did. */
  local: Ipv4;
  /** Queries sent there. */
  queries: number;
  /** Layout of the CMs from there; then the only one tried and used. */
  layout: LayoutName | undefined;
  /** When the row may be asked again after Table 4 lost it, microseconds. */
  askAgainAt: number;
  /** When to ask again after the node there was found to be gone, microseconds; Infinity when it was not. */
  askAt: number;
  /** When it may be asked which connection a packet from there belongs to, microseconds. */
  askNameAt: number;
}

/**
 * Table 2: MPIP availability by address and port, without protocol. Nothing leads back from enabled; a row that was
 * given up becomes enabled when a query or confirmation arrives after all.
 */
export class AvailabilityTable {
  readonly #rows = new AddressMap<AvailabilityRow>();
  readonly #evictor: Evictor<number, AvailabilityRow>;

  /**
   * `isInUse` tells of which address and port, as `addressKey`, the row is kept as long as there are others; as many as
   * `mostUsed` of those do not count for `limit`.
   */
  constructor(
    private readonly limit: number,
    isInUse: (key: number) => boolean,
    private readonly mostUsed = 0,
  ) {
    this.#evictor = new Evictor(this.#rows, (_row, key) => isInUse(key));
  }

  get size(): number {
    return this.#rows.size;
  }

  get(address: Ipv4, port: number): AvailabilityRow | undefined {
    return this.#rows.at(address, port);
  }

  /** The row, made when there is none; the oldest that is not in use goes when the table is full. */
  row(address: Ipv4, port: number): AvailabilityRow {
    let row = this.#rows.at(address, port);
    if (row === undefined) {
      if (this.#rows.size >= this.limit) {
        const oldest = this.#evictor.next(this.#rows.size < this.limit + this.mostUsed);
        if (oldest !== undefined) this.#rows.delete(oldest);
      }
      row = {
        address,
        port,
        enabled: false,
        handshaken: undefined,
        answered: false,
        local: 0,
        queries: 0,
        layout: undefined,
        askAgainAt: Number.NEGATIVE_INFINITY,
        askAt: Number.POSITIVE_INFINITY,
        askNameAt: Number.NEGATIVE_INFINITY,
      };
      this.#rows.set(addressKey(address, port), row);
    }
    return row;
  }

  /**
   * An enabled row whose node Table 4 does not know any more (its paths were obsolete, or others needed the room): the
   * handshake begins anew (docs/decisions.md 49), at most once per `period` microseconds.
   */
  lapse(row: AvailabilityRow, period: number, now: number): void {
    if (now < row.askAgainAt) return;
    row.askAgainAt = now + period;
    row.enabled = false;
    row.answered = false;
    row.queries = 0;
  }

  rows(): IterableIterator<AvailabilityRow> {
    return this.#rows.values();
  }

  /** Forgets everything. */
  clear(): void {
    for (const key of [...this.#rows.keys()]) this.#rows.delete(key);
  }
}

/**
 * The waiting list of section 3.2: TCP connections whose next outgoing segment is copied as a confirmation, one per
 * 4-tuple.
 */
export class WaitingList {
  /** The longest waiting first. */
  readonly #since = new Map<string, number>();

  constructor(
    private readonly limit: number,
    private readonly expiryMicros: number,
  ) {}

  get size(): number {
    return this.#since.size;
  }

  /** Notes that a query arrived for the connection from `local` to `remote`. */
  add(local: Ipv4, localPort: number, remote: Ipv4, remotePort: number, now: number): void {
    const name = key(local, localPort, remote, remotePort);
    this.#since.delete(name);
    if (this.#since.size >= this.limit) this.#since.delete(this.#since.keys().next().value!);
    this.#since.set(name, now);
  }

  /** Takes the connection off the list; true when a confirmation is due. */
  take(local: Ipv4, localPort: number, remote: Ipv4, remotePort: number, now: number): boolean {
    if (this.#since.size === 0) return false;
    const name = key(local, localPort, remote, remotePort);
    const since = this.#since.get(name);
    if (since === undefined) return false;
    this.#since.delete(name);
    return now - since < this.expiryMicros;
  }

  /** Forgets everything. */
  clear(): void {
    this.#since.clear();
  }

  /** Drops what has waited too long. */
  sweep(now: number): void {
    for (const [name, since] of this.#since) {
      if (now - since < this.expiryMicros) return;
      this.#since.delete(name);
    }
  }
}

function key(local: Ipv4, localPort: number, remote: Ipv4, remotePort: number): string {
  return `${local}:${localPort}-${remote}:${remotePort}`;
}
