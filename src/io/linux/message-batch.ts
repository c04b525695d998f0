import type { Libc, NativeMemory } from './libc.js';
import { BATCH } from './packet-link.js';
import type { SummedMemory } from './summed-memory.js';

/** Octets of a struct mmsghdr. */
export const MESSAGE = 64;
const VECTOR = 16;

/**
 * The arguments of `recvmmsg` and `sendmmsg` (struct mmsghdr, 64 octets on 64-bit Linux): `BATCH` messages, each with
 * one buffer, a socket address and room for control data.
 */
export class MessageBatch {
  readonly messages: NativeMemory;
  readonly buffers: readonly Uint8Array[];
  readonly names: NativeMemory;
  readonly controls: NativeMemory;
  readonly #vectors: NativeMemory;
  readonly #rest: NativeMemory;
  readonly #own: NativeMemory | undefined;
  /** Where the first buffer begins, as the kernel counts. */
  readonly #slab: bigint;
  readonly #size: number;
  readonly #nameSize: number;
  readonly #controlSize: number;

  /** @param room for the buffers, `size * BATCH` octets; made when there is none. */
  constructor(
    private readonly libc: Libc,
    size: number,
    nameSize: number,
    controlSize: number,
    room?: SummedMemory,
  ) {
    const own = room === undefined ? libc.allocate(size * BATCH) : undefined;
    const slab = room?.bytes ?? own!.bytes;
    this.#own = own;
    this.#slab = libc.addressOf(slab);
    this.#size = size;
    this.messages = libc.allocate(MESSAGE * BATCH);
    this.#rest = libc.allocate(MESSAGE * BATCH);
    this.#vectors = libc.allocate(VECTOR * BATCH);
    this.names = libc.allocate(nameSize * BATCH);
    this.controls = libc.allocate(Math.max(1, controlSize * BATCH));
    this.#nameSize = nameSize;
    this.#controlSize = controlSize;
    this.buffers = Array.from({ length: BATCH }, (_, i) => slab.subarray(i * size, (i + 1) * size));
    for (let i = 0; i < BATCH; i++) {
      const { view } = this.messages;
      view.setBigUint64(i * MESSAGE, this.names.address + BigInt(i * nameSize), true);
      view.setBigUint64(i * MESSAGE + 16, this.#vectors.address + BigInt(i * VECTOR), true);
      view.setBigUint64(i * MESSAGE + 24, 1n, true);
      if (controlSize > 0) view.setBigUint64(i * MESSAGE + 32, this.controls.address + BigInt(i * controlSize), true);
      this.#vectors.view.setBigUint64(i * VECTOR, this.bufferAddress(i), true);
      this.setLength(i, size);
    }
    this.renew(BATCH);
  }

  /** Where a buffer begins, as the kernel counts. */
  bufferAddress(index: number): bigint {
    return this.#slab + BigInt(index * this.#size);
  }

  /** Sets how many octets of a buffer are to be sent, or may be received. */
  setLength(index: number, length: number): void {
    this.#vectors.view.setUint32(index * VECTOR + 8, length, true);
  }

  /** Octets received into a buffer. */
  received(index: number): number {
    return this.messages.view.getUint32(index * MESSAGE + 56, true);
  }

  /** Where message `index` begins, as an argument of the call. */
  nameOffset(index: number): number {
    return index * this.#nameSize;
  }

  controlOffset(index: number): number {
    return index * this.#controlSize;
  }

  /** Where messages begin that `moveForSending` put together. */
  get rest(): bigint {
    return this.#rest.address;
  }

  /** Makes message `index` the one numbered `place` of those that are sent from `rest` on. */
  moveForSending(index: number, place: number): void {
    const { bytes } = this.messages;
    this.#rest.bytes.set(bytes.subarray(index * MESSAGE, (index + 1) * MESSAGE), place * MESSAGE);
  }

  /** Gives the first `count` messages back their room for address and control data, which the kernel shortens. */
  renew(count: number): void {
    const { view } = this.messages;
    for (let i = 0; i < count; i++) {
      view.setUint32(i * MESSAGE + 8, this.#nameSize, true);
      view.setUint32(i * MESSAGE + 40, this.#controlSize, true);
    }
  }

  /** The address of message `index`. */
  from(index: number): bigint {
    return this.messages.address + BigInt(index * MESSAGE);
  }

  /** Gives the memory back; the batch cannot be used any more. */
  free(): void {
    for (const memory of [this.messages, this.#rest, this.names, this.controls, this.#vectors, this.#own])
      if (memory !== undefined) this.libc.free(memory);
  }
}
