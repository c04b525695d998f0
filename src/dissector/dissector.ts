import { Accept, CmView, HeaderStatus, TCP, TrailerView, UDP } from '../codec/index.js';
import { innerHeader } from '../codec/path-sequence.js';
import type { CapturedPacket } from '../io/captured-packet.js';
import { ipv4Offset, isKnownLinkType } from '../io/link-type.js';
import { ConversationAnalysis, type PacketAnalysis } from './conversation-analysis.js';
import { nearCm } from './near-cm.js';
import { SenderLayouts } from './sender-layouts.js';
import { nodeKey, type TcpSessionEntry, TcpSessions } from './tcp-sessions.js';

const fragmentCm = new CmView();

/** What a dissector has learned of a part of a capture, as far as it changes how another part reads. */
export interface LearnedState {
  /** Two words for each sender: its address; the layout bit above its port. */
  readonly senders: Uint32Array;
  readonly tcpSessions: readonly TcpSessionEntry[];
  /** A block was met that satisfies both layouts: how it is read depends on what its sender has sent before. */
  readonly hasAmbiguous: boolean;
}

/** How a {@link Dissector} looks. */
export interface DissectorOptions {
  /** Look for near-CMs, and for what a fragment or the capture's snap length hides, in ordinary packets; default false. */
  readonly nearCms?: boolean;
}

/**
 * Looks at the packets of a capture one after the other and remembers what later ones need: the layout each sender uses, the sessions
 * seen as TCP, the nodes. Nothing is allocated per packet; what was found is read from the properties until the next `inspect`.
 */
export class Dissector {
  /** The datagram and its CM; meaningful when `isIpv4`. */
  readonly trailer = new TrailerView();
  /** The frame holds an IPv4 datagram, or the start of one: at least its first octet. */
  isIpv4 = false;
  /** The IP header is there and right, whatever follows it. */
  hasIpHeader = false;
  hasCm = false;
  /** The CM satisfies both layouts. */
  isAmbiguous = false;
  /** Where the TCP header inside a UDP wrapper, or behind one of the path's own, starts in `trailer.bytes`; -1 when there is none. */
  wrappedHeader = -1;
  /** Why the tail is nearly a CM, in words. */
  nearCm: string | undefined;
  /** A fragment whose end looks like a CM; looked for with near-CMs. */
  isCmInFragment = false;
  /** Cut short by the capture, from a sender that has sent a CM; looked for with near-CMs. */
  isCutShort = false;
  /** Which file of several the packets come from: frames are counted from 1 in each. */
  fileIndex = 0;
  /** Packets that could not be looked into, so far. */
  readonly unread = { unknownLinkType: 0, cutShort: 0 };

  readonly #senders = new SenderLayouts();
  readonly #tcpSessions = new TcpSessions();
  readonly #nodes: Set<number> | undefined;
  #hasAmbiguous = false;
  readonly #conversations = new ConversationAnalysis();
  #isAnalysed = false;

  constructor(options: DissectorOptions = {}) {
    if (options.nearCms === true) this.#nodes = new Set();
  }

  /** @returns true when the packet carries a CM */
  inspect(packet: CapturedPacket): boolean {
    const { buffer, offset, capturedLength } = packet;
    this.hasCm = false;
    this.#isAnalysed = false;
    this.isAmbiguous = false;
    this.wrappedHeader = -1;
    this.nearCm = undefined;
    this.isCmInFragment = false;
    this.isCutShort = false;
    const at = ipv4Offset(packet.linkType, buffer, offset, capturedLength);
    this.isIpv4 = at >= 0;
    this.hasIpHeader = false;
    if (at < 0) {
      if (!isKnownLinkType(packet.linkType)) this.unread.unknownLinkType++;
      return false;
    }
    const { trailer } = this;
    const available = offset + capturedLength - at;
    if (trailer.locate(buffer, at, available, Accept.both) && this.#isSendersLayout()) {
      this.hasIpHeader = true;
      this.hasCm = true;
      this.#remember();
      return true;
    }
    this.hasIpHeader = trailer.status !== HeaderStatus.badIpHeader && available >= 20;
    if (trailer.status === HeaderStatus.ok) {
      if (this.#nodes !== undefined) this.#lookForNearCm(this.#nodes);
    } else if (trailer.status === HeaderStatus.truncated) {
      if (capturedLength < packet.originalLength) this.#noteCutShort();
    } else if (
      trailer.status === HeaderStatus.fragment &&
      this.#nodes !== undefined &&
      available >= trailer.totalLength
    ) {
      this.isCmInFragment = fragmentCm.recognise(buffer, trailer.l4Offset, trailer.end, Accept.both);
    }
    return false;
  }

  /** What has been learned so far. */
  learned(): LearnedState {
    return {
      senders: this.#senders.entries(),
      tcpSessions: this.#tcpSessions.entries(),
      hasAmbiguous: this.#hasAmbiguous,
    };
  }

  /**
   * What the packet just inspected, which carries a CM, means beside those before it. Whoever wants to know this of one packet must
   * ask for it of every packet with a CM.
   */
  analysisOf(packet: CapturedPacket): PacketAnalysis {
    if (!this.#isAnalysed) {
      this.#isAnalysed = true;
      const time = packet.seconds + packet.nanoseconds / 1e9;
      this.#conversations.note(this.trailer, packet.number, time, this.fileIndex);
    }
    return this.#conversations.result;
  }

  #noteCutShort(): void {
    this.unread.cutShort++;
    const { trailer } = this;
    if (this.#nodes !== undefined && trailer.hasPorts)
      this.isCutShort = this.#senders.get(trailer.source, trailer.sourcePort) !== 0;
  }

  /** Once an address:port has sent a CM of one layout, only that layout is tried for it. */
  #isSendersLayout(): boolean {
    const { trailer } = this;
    const { cm } = trailer;
    const known = this.#senders.get(trailer.source, trailer.sourcePort);
    if (cm.isAmbiguous) {
      // What satisfies both proves neither, so nothing is learned from it.
      this.isAmbiguous = true;
      this.#hasAmbiguous = true;
      if (known === Accept.full) cm.recognise(trailer.bytes, trailer.payloadOffset, trailer.end, Accept.full);
      return true;
    }
    const layout = cm.isFull ? Accept.full : Accept.compact;
    if (known === layout) return true;
    if (known !== 0) {
      trailer.hasCm = false;
      return false;
    }
    this.#senders.set(trailer.source, trailer.sourcePort, layout);
    return true;
  }

  #remember(): void {
    const { trailer } = this;
    if (trailer.protocol === TCP) {
      this.#tcpSessions.note(trailer);
      this.wrappedHeader = innerHeader(trailer, trailer.cm.trailerStart);
    } else if (!this.#tcpSessions.isEmpty) this.wrappedHeader = this.#tcpSessions.wrappedHeader(trailer);
    this.#nodes?.add(nodeKey(trailer.cm.nodeId, trailer.cm.isFull));
  }

  #lookForNearCm(nodes: ReadonlySet<number>): void {
    const { trailer } = this;
    const known = this.#senders.get(trailer.source, trailer.sourcePort);
    this.nearCm = nearCm(trailer, known === 0 ? Accept.both : known, nodes);
  }

  /** True when the datagram is UDP and its UDP length is not that of the IP payload. */
  get hasWrongUdpLength(): boolean {
    const { trailer } = this;
    return (
      this.hasIpHeader &&
      trailer.status === HeaderStatus.ok &&
      trailer.protocol === UDP &&
      trailer.udpLength !== trailer.end - trailer.l4Offset
    );
  }
}
