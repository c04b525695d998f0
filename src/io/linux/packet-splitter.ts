import { readU16be, readU32be, writeU16be, writeU32be } from '../../codec/bytes.js';
import { fold, ipv4HeaderChecksum, pseudoHeaderSum } from '../../codec/checksum.js';
import { IPV4_HEADER_LENGTH, TCP, TCP_HEADER_LENGTH, TcpFlags, UDP, UDP_HEADER_LENGTH } from '../../codec/datagram.js';
import { Cut, type OffloadHeader } from './offload-header.js';
import type { OnPacket } from './packet-link.js';
import type { SummedMemory } from './summed-memory.js';

const CWR = 0x80;
/** Room for one part with its headers. */
export const LARGEST_PART = 16384;

/** A frame of the kernel: one packet, or a super-packet that is passed on part by part. */
export class Frame {
  /** The memory from the IP header on. */
  packet: Uint8Array = new Uint8Array(0);
  /** Where that is in the memory. */
  at = 0;
  /** Octets of the packet. */
  length = 0;
  /** Octets of user data that were passed on. */
  passed = 0;
  isFinished = true;
  /** Octets before the user data, and of them the IP header's. */
  headers = 0;
  ipLength = 0;
  /** User data of each part but the last; 0: the packet is whole and complete. */
  size = 0;
  /** Parts passed on. */
  count = 0;
  isSound = false;
  /** When it arrived by the kernel's clock, microseconds since 1970; only of inputs that were asked for times. */
  arrivedAt = 0;

  /** True for datagrams, false for segments and packets that are whole. */
  get isTrain(): boolean {
    return this.size > 0 && this.packet[9] === UDP;
  }
}

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
   * Prepares a frame, in place. One that cannot be cut is finished at once.
   * @param packet the memory from the IP header on.
   * @param at where that is in the memory.
   * @param length octets of the packet.
   * @param linkHeader octets of the frame before the IP header: the offload header counts from there.
   */
  begin(frame: Frame, packet: Uint8Array, at: number, length: number, linkHeader: number, header: OffloadHeader): void {
    frame.packet = packet;
    frame.at = at;
    frame.length = length;
    frame.passed = 0;
    frame.count = 0;
    frame.size = 0;
    frame.isFinished = false;
    if (header.cut === Cut.none) {
      if (header.needsChecksum) this.#complete(packet, at, length, linkHeader, header);
      frame.isSound = header.needsChecksum || header.isChecksumValid || this.isSound(packet, at, length);
      return;
    }
    const protocol = header.cut === Cut.tcp ? TCP : header.cut === Cut.udp ? UDP : 0;
    const ipLength = (packet[0]! & 15) * 4;
    const least = ipLength + (protocol === TCP ? TCP_HEADER_LENGTH : UDP_HEADER_LENGTH);
    const headers = protocol === TCP ? ipLength + (packet[ipLength + 12]! >>> 4) * 4 : least;
    frame.ipLength = ipLength;
    frame.headers = headers;
    frame.size = header.size;
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
      frame.isFinished = true;
    }
  }

  /** Passes the next packet of a frame on. @returns the number of packets, 1. */
  next(frame: Frame, onPacket: OnPacket): number {
    if (frame.size > 0) this.#nextPart(frame, onPacket);
    else {
      frame.isFinished = true;
      onPacket(frame.packet, frame.length, frame.isSound);
    }
    return 1;
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

  #nextPart(frame: Frame, onPacket: OnPacket): void {
    const { memory, scratch } = this;
    const part = this.#part;
    const { packet, at, length, headers, ipLength, size, passed } = frame;
    const isTcp = packet[9] === TCP;
    const from = at + headers + passed;
    const data = Math.min(size, length - headers - passed);
    const total = headers + data;
    memory.bytes.copyWithin(scratch, at, at + headers);
    memory.bytes.copyWithin(scratch + headers, from, from + data);
    frame.passed = passed + data;
    frame.isFinished = headers + frame.passed >= length;
    writeU16be(part, 2, total);
    writeU16be(part, 4, (readU16be(packet, 4) + frame.count) & 0xffff);
    writeU16be(part, 10, ipv4HeaderChecksum(part, 0, ipLength));
    if (isTcp) {
      writeU32be(part, ipLength + 4, (readU32be(packet, ipLength + 4) + passed) >>> 0);
      const notLast = frame.isFinished ? 0 : TcpFlags.fin | TcpFlags.psh;
      part[ipLength + 13] = packet[ipLength + 13]! & ~(notLast | (frame.count > 0 ? CWR : 0));
    } else writeU16be(part, ipLength + 4, total - ipLength);
    frame.count++;
    const field = ipLength + (isTcp ? 16 : 6);
    writeU16be(part, field, 0);
    const pseudo = pseudoHeaderSum(part, 0, packet[9]!, total - ipLength);
    const sum = ~fold(memory.sum(scratch + ipLength, scratch + total) + pseudo) & 0xffff;
    writeU16be(part, field, sum === 0 && !isTcp ? 0xffff : sum);
    onPacket(part, total, true);
  }
}
