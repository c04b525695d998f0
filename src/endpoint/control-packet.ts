import { writeU16be, writeU32be } from '../codec/bytes.js';
import { ipv4HeaderChecksum, l4Checksum } from '../codec/checksum.js';
import {
  buildTcp,
  buildUdp,
  type ControlMessage,
  type DatagramView,
  TCP,
  type TcpFields,
  TcpFlags,
  type Tuple,
  UDP,
} from '../codec/index.js';
import { PATH_SEQUENCE_OPTION } from '../codec/path-sequence.js';
import { attach, userDataRoom } from '../codec/trailer.js';
import type { PacketQueue } from './packet-queue.js';

/** Octets that a trailer can have at most: `full` with 16 addresses. */
export const MAX_TRAILER = 25 + 4 * 16;

const EMPTY = new Uint8Array(0);
/** Window scale 7 (RFC 7323), padded to a word. */
const WINDOW_SCALE = Uint8Array.of(3, 3, 7, 1);
/** The largest one: a path's window never closes. */
const OFFER = Uint8Array.of(3, 3, 14, 1, ...PATH_SEQUENCE_OPTION);

/**
 * Builds the packets that MPIP itself sends: copies of a datagram with a CM (paper, sections 3.2 and 3.5). A copy keeps
 * TTL, TOS and DF, has a fresh IP id and no IP options (docs/decisions.md 17).
 */
export class ControlPackets {
  #identification: number;

  constructor(firstIdentification: number) {
    this.#identification = firstIdentification;
  }

  /**
   * Adds a copy of `original` with `cm` to the batch. Its payload is cut so that it fits `mtu`; `payloadLimit` cuts it
   * further (0 for none).
   */
  copy(
    queue: PacketQueue,
    original: DatagramView,
    tuple: Tuple,
    cm: ControlMessage,
    trailerLength: number,
    mtu: number,
    payloadLimit: number,
  ): void {
    const { bytes, l4Offset, payloadOffset } = original;
    const l4HeaderLength = payloadOffset - l4Offset;
    const room = userDataRoom(mtu, original.protocol, trailerLength, 20, l4HeaderLength);
    const payloadLength = Math.min(original.payloadLength, room, payloadLimit);
    const length = 20 + l4HeaderLength + payloadLength;
    const slot = queue.append(length, MAX_TRAILER);
    const out = slot.bytes;
    for (let i = 0; i < 20; i++) out[i] = bytes[original.offset + i]!;
    out[0] = 0x45;
    writeU16be(out, 2, length);
    writeU16be(out, 4, this.#nextIdentification());
    writeU32be(out, 12, tuple.source);
    writeU32be(out, 16, tuple.destination);
    writeU16be(out, 10, ipv4HeaderChecksum(out, 0, 20));
    out.set(bytes.subarray(l4Offset, payloadOffset + payloadLength), 20);
    writeU16be(out, 20, tuple.sourcePort);
    writeU16be(out, 22, tuple.destinationPort);
    if (original.protocol === UDP) writeU16be(out, 24, length - 20);
    writeU16be(out, 20 + (original.protocol === TCP ? 16 : 6), l4Checksum(out, 0, original.protocol, 20, length));
    slot.length = attach(out, cm, out, length);
  }

  /** Adds a UDP datagram without user data that carries `cm` over `tuple`. @returns its octets. */
  datagram(queue: PacketQueue, tuple: Tuple, cm: ControlMessage): number {
    return this.#append(queue, buildUdp(tuple, EMPTY, { identification: this.#nextIdentification() }), cm);
  }

  /**
   * Adds a TCP segment without user data that carries `cm`; a SYN has the window scale option, so that NATs track it well,
   * and says with `isOffer` that segments may have numbers of the path's own.
   */
  segment(queue: PacketQueue, tuple: Tuple, fields: TcpFields, cm: ControlMessage, isOffer: boolean): void {
    const identification = this.#nextIdentification();
    const options = (fields.flags & TcpFlags.syn) === 0 ? EMPTY : isOffer ? OFFER : WINDOW_SCALE;
    this.#append(queue, buildTcp(tuple, { ...fields, options }, EMPTY, { identification }), cm);
  }

  #append(queue: PacketQueue, packet: Uint8Array, cm: ControlMessage): number {
    const slot = queue.appendCopy(packet, packet.length, MAX_TRAILER);
    slot.length = attach(slot.bytes, cm, slot.bytes, packet.length);
    return slot.length;
  }

  #nextIdentification(): number {
    this.#identification = (this.#identification + 1) & 0xffff;
    return this.#identification;
  }

  /** Breaks the TCP checksum of the datagram added last, so that an ordinary TCP drops it (docs/decisions.md 1). */
  spoilTcpChecksum(queue: PacketQueue): void {
    const { bytes } = queue.at(queue.length - 1);
    bytes[20 + 16]! ^= 0xff;
  }
}
