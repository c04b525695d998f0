import { readU16be, readU32be, writeU16be, writeU32be } from '../../codec/bytes.js';
import { fold, ipv4HeaderChecksum, pseudoHeaderSum } from '../../codec/checksum.js';
import { IPV4_HEADER_LENGTH, TCP, TCP_HEADER_LENGTH, TcpFlags, UDP, UDP_HEADER_LENGTH } from '../../codec/datagram.js';
import { Cut, type OffloadHeader } from './offload-header.js';
import type { OnPacket } from './packet-link.js';
import type { SummedMemory } from './summed-memory.js';

const CWR = 0x80;
/** Room for one part with its headers. */
export const LARGEST_PART = 16384;

/**
 * Makes complete packets of what the kernel hands over with an offload header: cuts super-packets into the segments or
 * datagrams that a network device would have sent, and fills in checksums that were left to it. Each octet is summed
 * once. Nothing is allocated per packet.
 */
export class PacketSplitter {
  /** Super-packets that could not be cut. */
  refused = 0;
  readonly #part: Uint8Array;

  /** Parts are made in `memory` from `scratch` on, where `LARGEST_PART` octets must be free. */
  constructor(
    private readonly memory: SummedMemory,
    private readonly scratch: number,
  ) {
    this.#part = memory.bytes.subarray(scratch, scratch + LARGEST_PART);
  }

  /**
   * Calls `onPacket` with each complete packet of a frame.
   * @param packet the memory from the IP header on.
   * @param at where that is in the memory.
   * @param length octets of the packet.
   * @param linkHeader octets of the frame before the IP header: the offload header counts from there.
   * @returns the number of packets.
   */
  split(
    packet: Uint8Array,
    at: number,
    length: number,
    linkHeader: number,
    header: OffloadHeader,
    onPacket: OnPacket,
  ): number {
    if (header.cut === Cut.none) {
      if (header.needsChecksum) this.#complete(packet, at, length, linkHeader, header);
      onPacket(packet, length, header.needsChecksum || header.isChecksumValid || this.isSound(packet, at, length));
      return 1;
    }
    const protocol = header.cut === Cut.tcp ? TCP : header.cut === Cut.udp ? UDP : 0;
    const ipLength = (packet[0]! & 15) * 4;
    const least = ipLength + (protocol === TCP ? TCP_HEADER_LENGTH : UDP_HEADER_LENGTH);
    const headers = protocol === TCP ? ipLength + (packet[ipLength + 12]! >>> 4) * 4 : least;
    if (
      packet[0]! >>> 4 !== 4 ||
      packet[9] !== protocol ||
      ipLength < IPV4_HEADER_LENGTH ||
      headers < least ||
      length <= headers ||
      header.size === 0 ||
      headers + header.size > LARGEST_PART
    ) {
      this.refused++;
      return 0;
    }
    return this.#cut(packet, at, length, ipLength, headers, header.size, onPacket);
  }

  /** True when the packet is whole TCP or UDP over IPv4 and its checksum is right or was not computed. */
  isSound(packet: Uint8Array, at: number, length: number): boolean {
    const ipLength = (packet[0]! & 15) * 4;
    const protocol = packet[9]!;
    if (packet[0]! >>> 4 !== 4 || (protocol !== TCP && protocol !== UDP)) return false;
    if (length < ipLength + UDP_HEADER_LENGTH || readU16be(packet, 2) !== length) return false;
    if ((readU16be(packet, 6) & 0x3fff) !== 0) return false;
    if (protocol === UDP && readU16be(packet, ipLength + 6) === 0) return true;
    const pseudo = pseudoHeaderSum(packet, 0, protocol, length - ipLength);
    return fold(this.memory.sum(at + ipLength, at + length) + pseudo) === 0xffff;
  }

  #complete(packet: Uint8Array, at: number, length: number, linkHeader: number, header: OffloadHeader): void {
    const start = header.checksumStart - linkHeader;
    const field = start + header.checksumOffset;
    if (start < 0 || field + 2 > length) return;
    const sum = ~this.memory.sum(at + start, at + length) & 0xffff;
    writeU16be(packet, field, sum === 0 && packet[9] === UDP ? 0xffff : sum);
  }

  #cut(
    packet: Uint8Array,
    at: number,
    length: number,
    ipLength: number,
    headers: number,
    size: number,
    onPacket: OnPacket,
  ): number {
    const { memory, scratch } = this;
    const part = this.#part;
    const protocol = packet[9]!;
    const isTcp = protocol === TCP;
    const checksumAt = ipLength + (isTcp ? 16 : 6);
    const id = readU16be(packet, 4);
    const sequence = isTcp ? readU32be(packet, ipLength + 4) : 0;
    const flags = isTcp ? packet[ipLength + 13]! : 0;
    part.set(packet.subarray(0, headers));
    let count = 0;
    for (let from = headers; from < length; from += size, count++) {
      const data = Math.min(size, length - from);
      const total = headers + data;
      memory.bytes.copyWithin(scratch + headers, at + from, at + from + data);
      writeU16be(part, 2, total);
      writeU16be(part, 4, (id + count) & 0xffff);
      writeU16be(part, 10, ipv4HeaderChecksum(part, 0, ipLength));
      if (isTcp) {
        writeU32be(part, ipLength + 4, (sequence + from - headers) >>> 0);
        const notLast = from + data < length ? TcpFlags.fin | TcpFlags.psh : 0;
        part[ipLength + 13] = flags & ~(notLast | (from > headers ? CWR : 0));
      } else writeU16be(part, ipLength + 4, total - ipLength);
      writeU16be(part, checksumAt, 0);
      const pseudo = pseudoHeaderSum(part, 0, protocol, total - ipLength);
      const sum = ~fold(memory.sum(scratch + ipLength, scratch + total) + pseudo) & 0xffff;
      writeU16be(part, checksumAt, sum === 0 && !isTcp ? 0xffff : sum);
      onPacket(part, total, true);
    }
    return count;
  }
}
