import { copyOctets } from '../codec/bytes.js';
import { Slab } from '../codec/slab.js';

/** One datagram of a batch: the first `length` octets of `bytes`. */
export interface PacketSlot {
  bytes: Uint8Array;
  length: number;
}

const USUAL_SIZE = 2048;

/** For the buffers of all batches: a node of a few packets has some of them, too. */
const memory = new Slab();

/**
 * A batch of datagrams whose buffers are kept and used again: nothing is allocated per packet once the batch has had
 * its usual size. A slot is valid until the batch is handed out for the second time.
 */
export class PacketQueue {
  readonly #slots: PacketSlot[] = [];
  /** Number of datagrams in the batch. */
  length = 0;

  /** The datagram at `index`, 0 to `length - 1`. */
  at(index: number): PacketSlot {
    return this.#slots[index]!;
  }

  /** Adds a datagram of `length` octets, to be filled by the caller, with room for `room` more behind it. */
  append(length: number, room = 0): PacketSlot {
    const needed = length + room;
    let slot = this.#slots[this.length];
    if (slot === undefined) {
      slot = { bytes: memory.take(Math.max(USUAL_SIZE, needed)), length: 0 };
      this.#slots.push(slot);
    } else if (slot.bytes.length < needed) {
      slot.bytes = new Uint8Array(needed);
    }
    slot.length = length;
    this.length++;
    return slot;
  }

  /** Adds a copy of a datagram. */
  appendCopy(packet: Uint8Array, length = packet.length, room = 0): PacketSlot {
    const slot = this.append(length, room);
    copyOctets(slot.bytes, 0, packet, length);
    return slot;
  }

  /** Takes back a datagram of the batch; those added after it move up. */
  drop(slot: PacketSlot): void {
    const index = this.#slots.lastIndexOf(slot, this.length - 1);
    if (index < 0) return;
    this.length--;
    if (index < this.length) this.#slots.splice(this.length, 0, ...this.#slots.splice(index, 1));
  }

  /** Forgets the datagrams; their buffers stay. */
  clear(): void {
    this.length = 0;
  }

  /** The datagrams as copies of their own; for tests and callers without a hurry. */
  toArray(): Uint8Array[] {
    return this.#slots.slice(0, this.length).map((slot) => slot.bytes.slice(0, slot.length));
  }
}

/** Two batches in turn: one is filled while the caller works through the other. */
export class DoubleQueue {
  #filling = new PacketQueue();
  #given = new PacketQueue();

  get filling(): PacketQueue {
    return this.#filling;
  }

  /** The batch filled so far. It stays valid until the next call. */
  take(): PacketQueue {
    const full = this.#filling;
    this.#filling = this.#given;
    this.#filling.clear();
    this.#given = full;
    return full;
  }
}
