import { copyOctets, readU16be, readU32be, writeU16be } from '../../codec/bytes.js';
import { fold, ipv4HeaderChecksum, pseudoHeaderSum } from '../../codec/checksum.js';
import { TCP, TcpFlags } from '../../codec/index.js';
import { Cut, OFFLOAD_HEADER, OffloadHeader } from './offload-header.js';
import { SummedMemory } from './summed-memory.js';

const IP = OFFLOAD_HEADER;
const IP_LENGTH = 20;
const TCP_AT = IP + IP_LENGTH;
/** A super-packet ends before its IP length would overflow. */
const LARGEST = 65535;
const DONT_FRAGMENT = 0x40;
const MEMORY = IP + LARGEST + LARGEST + 16;

/**
 * Joins TCP segments that follow on each other into one super-packet with an offload header, as a device's receive
 * offload does: cut again, it gives exactly the segments that were joined, but for an IP id that means nothing. Only segments with a right checksum are
 * joined; everything else stays as it is, and nothing overtakes anything.
 */
export class SegmentJoiner {
  readonly memory = new SummedMemory(MEMORY);
  /** Octets of the packet being joined; 0 when there is none. */
  #length = 0;
  /** Segments in it. */
  #count = 0;
  #headers = 0;
  #size = 0;
  #next = 0;
  #nextId = 0;
  #isSound = false;

  /** `write` is called with the number of octets, from the first of the memory on, that are to be written at once. */
  constructor(private readonly write: (length: number, packets: number) => void) {}

  /** Takes a packet; what cannot grow any more is written. */
  add(packet: Uint8Array, length: number): void {
    const { bytes } = this.memory;
    if (length > LARGEST) return;
    const at = IP + this.#length;
    copyOctets(bytes, at, packet, length);
    const headers = this.#joinable(at, length);
    if (this.#length > 0 && headers > 0 && this.#follows(at, length, headers)) {
      this.#append(at, length, headers);
      return;
    }
    this.flush();
    if (at !== IP) bytes.copyWithin(IP, at, at + length);
    this.#length = length;
    this.#count = 1;
    this.#isSound = headers > 0;
    this.#headers = headers;
    if (headers === 0) {
      this.flush();
      return;
    }
    this.#size = length - headers;
    this.#next = (readU32be(bytes, TCP_AT + 4) + this.#size) >>> 0;
    this.#nextId = (readU16be(bytes, IP + 4) + 1) & 0xffff;
    if ((bytes[TCP_AT + 13]! & TcpFlags.psh) !== 0) this.flush();
  }

  /** Writes what was joined. */
  flush(): void {
    const length = this.#length;
    if (length === 0) return;
    const { bytes, view } = this.memory;
    if (this.#count === 1) OffloadHeader.writePlain(view, 0, this.#isSound);
    else {
      OffloadHeader.writeCut(view, 0, Cut.tcp, this.#size, this.#headers, IP_LENGTH);
      writeU16be(bytes, IP + 2, length);
      writeU16be(bytes, IP + 10, ipv4HeaderChecksum(bytes, IP, IP_LENGTH));
      writeU16be(bytes, TCP_AT + 16, fold(pseudoHeaderSum(bytes, IP, TCP, length - IP_LENGTH)));
    }
    this.#length = 0;
    this.write(OFFLOAD_HEADER + length, this.#count);
  }

  /** Octets of headers when the segment at `at` may begin or continue a super-packet, otherwise 0. */
  #joinable(at: number, length: number): number {
    const { bytes } = this.memory;
    if (bytes[at] !== 0x45 || bytes[at + 9] !== TCP || readU16be(bytes, at + 2) !== length) return 0;
    if ((readU16be(bytes, at + 6) & 0x3fff) !== 0) return 0;
    const headers = IP_LENGTH + (bytes[at + IP_LENGTH + 12]! >>> 4) * 4;
    if (headers < IP_LENGTH + 20 || length <= headers) return 0;
    if ((bytes[at + IP_LENGTH + 13]! & ~TcpFlags.psh) !== TcpFlags.ack) return 0;
    const pseudo = pseudoHeaderSum(bytes, at, TCP, length - IP_LENGTH);
    return fold(this.memory.sum(at + IP_LENGTH, at + length) + pseudo) === 0xffff ? headers : 0;
  }

  /** True when the segment at `at` is the next of the super-packet. */
  #follows(at: number, length: number, headers: number): boolean {
    const { bytes } = this.memory;
    const tcp = at + IP_LENGTH;
    if (headers !== this.#headers || length - headers > this.#size) return false;
    if (this.#length + length - headers > LARGEST || readU32be(bytes, tcp + 4) !== this.#next) return false;
    // Where nothing may be fragmented the IP id means nothing (RFC 6864), and packets of several paths have any.
    if ((bytes[at + 6]! & DONT_FRAGMENT) === 0 && readU16be(bytes, at + 4) !== this.#nextId) return false;
    if (!this.#same(at, 1, 2) || !this.#same(at, 6, 10) || !this.#same(at, 12, IP_LENGTH + 4)) return false;
    if (!this.#same(at, IP_LENGTH + 8, IP_LENGTH + 13) || !this.#same(at, IP_LENGTH + 14, IP_LENGTH + 16)) return false;
    return this.#same(at, IP_LENGTH + 18, headers);
  }

  /** True when the octets `from` to `to` of the packet at `at` are those of the super-packet. */
  #same(at: number, from: number, to: number): boolean {
    const { bytes } = this.memory;
    for (let i = from; i < to; i++) if (bytes[at + i] !== bytes[IP + i]) return false;
    return true;
  }

  #append(at: number, length: number, headers: number): void {
    const { bytes } = this.memory;
    const data = length - headers;
    const push = bytes[at + IP_LENGTH + 13]! & TcpFlags.psh;
    bytes.copyWithin(at, at + headers, at + length);
    this.#length += data;
    this.#count++;
    this.#next = (this.#next + data) >>> 0;
    this.#nextId = (this.#nextId + 1) & 0xffff;
    bytes[TCP_AT + 13] = bytes[TCP_AT + 13]! | push;
    if (data < this.#size || push !== 0) this.flush();
  }
}
