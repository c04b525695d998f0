import { HeaderStatus, TCP, type TrailerView, UDP } from '../codec/index.js';
import type { CapturedPacket } from '../io/captured-packet.js';
import type { PacketAnalysis } from './conversation-analysis.js';
import type { Dissector } from './dissector.js';
import { type ChecksumStatuses, findingBits, verifyChecksums } from './packet-findings.js';

/** How a {@link PacketView} looks. */
export interface PacketViewOptions {
  /** Verify IP, UDP and TCP checksums; otherwise their status is `unverified`. */
  readonly checksums?: boolean;
}

/**
 * The packet that a dissector has just inspected, with everything that fields tell of it. What costs time is worked out when it is
 * first asked for. One view serves all packets; nothing is allocated for one.
 */
export class PacketView {
  readonly dissector: Dissector;
  /** The datagram; meaningful when the dissector's `isIpv4` is true. */
  readonly trailer: TrailerView;
  packet!: CapturedPacket;
  /** Becomes `frame.file`; undefined = not to be told. */
  file: string | undefined;
  /** Time of the first packet of all. */
  firstSeconds = 0;
  firstNanoseconds = 0;

  readonly #verify: boolean;
  readonly #checksums: ChecksumStatuses = { ip: 'unverified', l4: 'unverified' };
  #verified = false;
  /** -1 = not worked out yet. */
  #findings = -1;
  #hasFirst = false;

  constructor(dissector: Dissector, options: PacketViewOptions = {}) {
    this.dissector = dissector;
    this.trailer = dissector.trailer;
    this.#verify = options.checksums === true;
  }

  /** Has the dissector inspect the packet and shows it. @returns true when it carries a CM */
  inspect(packet: CapturedPacket): boolean {
    this.packet = packet;
    this.#verified = false;
    this.#findings = -1;
    if (!this.#hasFirst) {
      this.#hasFirst = true;
      this.firstSeconds = packet.seconds;
      this.firstNanoseconds = packet.nanoseconds;
    }
    return this.dissector.inspect(packet);
  }

  /** Seconds since the first packet of all. */
  get sinceFirst(): number {
    const { seconds, nanoseconds } = this.packet;
    return seconds - this.firstSeconds + (nanoseconds - this.firstNanoseconds) / 1e9;
  }

  get checksums(): ChecksumStatuses {
    if (this.#verify && !this.#verified) {
      this.#verified = true;
      verifyChecksums(this.dissector, this.#checksums);
    }
    return this.#checksums;
  }

  /** Findings as bits (`FindingBit`). */
  get findings(): number {
    if (this.#findings < 0) this.#findings = findingBits(this.dissector, this.packet, this.checksums);
    return this.#findings;
  }

  /** Of a packet with a CM. */
  get analysis(): PacketAnalysis {
    return this.dissector.analysisOf(this.packet);
  }

  /** Where the UDP header starts; -1 = none, or its ports cannot be read. */
  get udpAt(): number {
    const { trailer, dissector } = this;
    return dissector.hasIpHeader && trailer.hasPorts && trailer.protocol === UDP ? trailer.l4Offset : -1;
  }

  /** Where the TCP header starts, the inner one of a wrapper; -1 = none, or its ports cannot be read. */
  get tcpAt(): number {
    const { trailer, dissector } = this;
    if (dissector.wrappedHeader >= 0) return dissector.wrappedHeader;
    return dissector.hasIpHeader && trailer.hasPorts && trailer.protocol === TCP ? trailer.l4Offset : -1;
  }

  /** True when more than the ports of the TCP or UDP header is there. */
  get hasWholeHeader(): boolean {
    return this.trailer.status === HeaderStatus.ok;
  }

  /** User data, without headers (the inner one of a wrapper too) and trailer, in octets. */
  get dataLength(): number {
    const { trailer, dissector } = this;
    const inner = dissector.wrappedHeader;
    return trailer.userDataLength - (inner < 0 ? 0 : (trailer.bytes[inner + 12]! >> 4) * 4);
  }
}
