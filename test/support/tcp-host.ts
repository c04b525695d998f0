import assert from 'node:assert/strict';
import { readU16be, readU32be, writeU32be } from '../../src/codec/bytes.js';
import {
  buildTcp,
  DatagramView,
  HeaderStatus,
  l4Checksum,
  Random,
  TCP,
  TcpFlags,
  type Tuple,
} from '../../src/codec/index.js';
import type { Node } from './endpoint-pair.js';

const { syn, ack, fin, rst, psh } = TcpFlags;
const RTO = 300_000;
const LONGEST_RTO = 2_000_000;
/** Octets of the largest window. */
const MOST_AHEAD = 65_535 * 128;
const HEADERS = 20 + 20 + 12;

/** How a `TcpHost` is made. */
export interface TcpHostOptions {
  /** First sequence number; default 1000. */
  readonly initial?: number;
  /** Octets of data that the host sends. */
  readonly length?: number;
  /** MTU of the host; default 1474. */
  readonly mtu?: number;
  /** Most segments under way; default 40. */
  readonly window?: number;
  /** Sends a FIN after its data. */
  readonly closes?: boolean;
  /** Longest time-out, microseconds, however often it was doubled; default 2 s. A kernel's is 120 s. */
  readonly longestRto?: number;
  /** Drops what no kernel takes: segments beyond the window, acknowledgements of what was not sent (RFC 9293, RFC 5961). */
  readonly isWary?: boolean;
}

/**
 * A small TCP above a node: slow start, additive increase, fast retransmission, time-out, SACK blocks and timestamps in
 * the header, ICMP "fragmentation needed". One connection, so many octets each way; what it gets is checked.
 */
export class TcpHost {
  /** Octets in sequence that arrived. */
  received = 0;
  /** Segments sent again. */
  retransmissions = 0;
  /** Most time-outs in a row: a kernel's pause after so many is 2 to that power times its first. */
  mostTimeOuts = 0;
  /** Segments with SACK blocks that arrived. */
  sackBlocks = 0;
  isReset = false;
  isClosedByPeer = false;
  #state: 'closed' | 'syn-sent' | 'syn-received' | 'open' = 'closed';
  #una: number;
  #next: number;
  #highest: number;
  #expected = 0;
  readonly #first: number;
  readonly #early = new Map<number, number>();
  #duplicates = 0;
  #recover = -1;
  #mss: number;
  #cwnd = 10;
  #sentAt = 0;
  #backoff = 0;
  #at = 0;
  #owesAck = false;
  #length: number;
  readonly #view = new DatagramView();
  readonly #octets: Random;

  constructor(
    private readonly node: Node,
    private readonly tuple: () => Tuple,
    private readonly options: TcpHostOptions = {},
  ) {
    this.#first = options.initial ?? 1000;
    this.#una = this.#first;
    this.#next = this.#first;
    this.#highest = this.#first;
    this.#mss = (options.mtu ?? 1474) - HEADERS;
    this.#length = options.length ?? 0;
    this.#octets = new Random(1);
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  /** True when every octet was acknowledged. */
  get isDone(): boolean {
    return this.isOpen && this.#acked >= this.#length;
  }

  /** Lets the host send so many octets more. */
  add(octets: number): void {
    this.#length += octets;
  }

  get mss(): number {
    return this.#mss;
  }

  /** Octets of its data that were acknowledged. */
  get #acked(): number {
    return this.isOpen ? Math.min(this.#length, this.#una - this.#first - 1) : 0;
  }

  connect(now: number): void {
    this.#state = 'syn-sent';
    this.#highest = this.#first + 1;
    this.#sentAt = now;
    this.#segment(this.#first, syn, 0);
  }

  /** Sends an RST. */
  abort(): void {
    this.#segment(this.#una, rst | ack, 0);
  }

  /** Takes what the node delivered since the last call, and sends what is to be sent. */
  work(now: number): void {
    const { delivered } = this.node;
    for (; this.#at < delivered.length; this.#at++) this.#receive(delivered[this.#at]!.bytes, now);
    if (this.#state === 'closed' || this.isReset) return;
    if (
      this.#una < this.#highest &&
      now - this.#sentAt >= Math.min(this.options.longestRto ?? LONGEST_RTO, RTO * 2 ** this.#backoff)
    )
      this.#timeOut(now);
    if (this.isOpen) this.#send(now);
    if (this.#owesAck) this.#segment(this.#next, ack, 0);
    this.#owesAck = false;
  }

  #receive(bytes: Uint8Array, now: number): void {
    const view = this.#view;
    if (bytes[9] === 1) {
      this.#tooLong(bytes, now);
      return;
    }
    assert.equal(view.parse(bytes), HeaderStatus.ok);
    assert.equal(view.protocol, TCP);
    assert.equal(view.l4Checksum, l4Checksum(bytes, 0, TCP, view.l4Offset, view.end), 'TCP checksum');
    const { tcpFlags, payloadLength } = view;
    if (this.options.isWary === true && this.#state === 'open' && this.#isBeyond(view)) return;
    if ((tcpFlags & rst) !== 0) {
      this.isReset = true;
      return;
    }
    if ((tcpFlags & syn) !== 0) {
      if (this.#state === 'open') {
        // Its acknowledgement was lost (RFC 9293, section 3.10.7.4).
        this.#owesAck = true;
        return;
      }
      this.#expected = (view.sequence + 1) >>> 0;
      if (this.#state === 'closed') {
        this.#state = 'syn-received';
        this.#highest = this.#first + 1;
        this.#sentAt = now;
        this.#segment(this.#first, syn | ack, 0);
        return;
      }
      if (this.#state !== 'syn-sent') return;
      this.#state = 'open';
      this.#owesAck = true;
    }
    this.#acknowledged(view, now);
    if (payloadLength > 0) this.#data(view);
    else if (((view.sequence - this.#expected) | 0) < 0) this.#owesAck = true;
    if ((tcpFlags & fin) !== 0 && (view.sequence + payloadLength) >>> 0 === this.#expected) {
      this.#expected = (this.#expected + 1) >>> 0;
      this.isClosedByPeer = true;
      this.#owesAck = true;
    }
  }

  #isBeyond({ sequence, acknowledgement, tcpFlags }: DatagramView): boolean {
    const distance = (sequence - this.#expected) | 0;
    if ((tcpFlags & rst) !== 0) return distance !== 0;
    return Math.abs(distance) > MOST_AHEAD || ((acknowledgement - (this.#highest >>> 0)) | 0) > 0;
  }

  #acknowledged(view: DatagramView, now: number): void {
    const advance = (view.acknowledgement - (this.#una >>> 0)) | 0;
    if (view.payloadOffset - view.l4Offset > 32) this.sackBlocks++;
    if (advance > 0) {
      assert.ok(this.#una + advance <= this.#highest, 'an acknowledgement of what was not sent');
      this.#una += advance;
      this.#next = Math.max(this.#next, this.#una);
      this.#sentAt = now;
      this.#backoff = 0;
      this.#duplicates = 0;
      if (this.#state === 'syn-received') this.#state = 'open';
      if (this.#una >= this.#recover) this.#cwnd = Math.min(this.options.window ?? 40, this.#cwnd + 1);
      else this.#resend(now);
    } else if (advance === 0 && view.payloadLength === 0 && this.#una < this.#highest && ++this.#duplicates === 3) {
      if (this.#una < this.#recover) return;
      this.#recover = this.#highest;
      this.#cwnd = Math.max(2, this.#cwnd >> 1);
      this.#resend(now);
    }
  }

  #data(view: DatagramView): void {
    const { sequence, payloadLength, bytes, payloadOffset } = view;
    for (let i = 0; i < payloadLength; i++)
      if (bytes[payloadOffset + i] !== octetAt(sequence + i)) assert.fail(`octet ${sequence + i} was changed`);
    this.#owesAck = true;
    const ahead = (sequence - this.#expected) | 0;
    if (ahead > 0) this.#early.set(sequence, payloadLength);
    else if (ahead + payloadLength > 0) this.#advance(ahead + payloadLength);
    for (let isFound = true; isFound; ) {
      isFound = false;
      for (const [at, length] of this.#early) {
        const gap = (at - this.#expected) | 0;
        if (gap > 0) continue;
        this.#early.delete(at);
        if (gap + length > 0) this.#advance(gap + length);
        isFound = true;
      }
    }
    if (this.#early.size > 0) this.#segment(this.#next, ack, 0);
  }

  #advance(count: number): void {
    this.#expected = (this.#expected + count) >>> 0;
    this.received += count;
  }

  #timeOut(now: number): void {
    this.#backoff++;
    this.mostTimeOuts = Math.max(this.mostTimeOuts, this.#backoff);
    this.#cwnd = 2;
    this.#recover = this.#highest;
    this.#duplicates = 0;
    if (this.#state === 'syn-sent') this.#segment(this.#first, syn, 0);
    else if (this.#state === 'syn-received') this.#segment(this.#first, syn | ack, 0);
    else this.#resend(now);
    this.#sentAt = now;
  }

  #resend(now: number): void {
    this.retransmissions++;
    this.#sentAt = now;
    this.#sendFrom(this.#una);
  }

  #send(now: number): void {
    const end = this.#end;
    this.#next = Math.max(this.#next, this.#first + 1);
    while (this.#next < end && this.#next - this.#una < this.#cwnd * this.#mss) {
      if (this.#una === this.#next) this.#sentAt = now;
      this.#next += this.#sendFrom(this.#next);
      this.#highest = Math.max(this.#highest, this.#next);
      this.#owesAck = false;
    }
  }

  /** One past the last sequence number, the FIN's included. */
  get #end(): number {
    return this.#first + 1 + this.#length + (this.options.closes ? 1 : 0);
  }

  /** Sends the segment that begins at a sequence number. @returns what it occupies. */
  #sendFrom(at: number): number {
    const left = this.#first + 1 + this.#length - at;
    const size = Math.max(0, Math.min(this.#mss, left));
    const isLast = this.options.closes === true && size === left;
    this.#segment(at, ack | (isLast ? fin : 0) | (size === left ? psh : 0), size);
    return size + (isLast ? 1 : 0);
  }

  #segment(sequence: number, flags: number, size: number): void {
    const payload = Uint8Array.from({ length: size }, (_, i) => octetAt(sequence + i));
    const isSyn = (flags & syn) !== 0;
    const options = isSyn ? SYN_OPTIONS : this.#headerOptions(size === 0);
    const fields = {
      sequence: sequence >>> 0,
      acknowledgement: this.#expected,
      flags,
      window: isSyn ? 64240 : 502,
      options,
    };
    const identification = this.#octets.below(0x10000);
    this.node.host(buildTcp(this.tuple(), fields, payload, { identification }));
  }

  /** Timestamps, and in a pure acknowledgement two SACK blocks. */
  #headerOptions(isPure: boolean): Uint8Array {
    const blocks = isPure ? [...this.#early].slice(0, 2) : [];
    const out = new Uint8Array(12 + (blocks.length > 0 ? 4 + 8 * blocks.length : 0));
    out.set([1, 1, 8, 10]);
    if (blocks.length > 0) out.set([1, 1, 5, 2 + 8 * blocks.length], 12);
    for (const [i, [at, length]] of blocks.entries()) {
      writeU32be(out, 16 + 8 * i, at);
      writeU32be(out, 20 + 8 * i, (at + length) >>> 0);
    }
    return out;
  }

  /** ICMP: a segment was too long; smaller ones from the first that is not acknowledged. */
  #tooLong(bytes: Uint8Array, now: number): void {
    assert.deepEqual([...bytes.subarray(20, 22)], [3, 4]);
    assert.equal(readU32be(bytes, 28 + 12), this.tuple().source, 'quotes a packet of this host');
    const mss = readU16be(bytes, 26) - HEADERS;
    if (mss >= this.#mss) return;
    this.#mss = mss;
    this.#next = this.#una;
    this.#sentAt = now;
  }
}

/** Window scale 7, SACK permitted, timestamps. */
const SYN_OPTIONS = Uint8Array.of(3, 3, 7, 1, 4, 2, 1, 1, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1);

/** The octet of every stream at a sequence number. */
function octetAt(sequence: number): number {
  const at = sequence >>> 0;
  return (at ^ (at >>> 8) ^ (at >>> 16)) & 255;
}
