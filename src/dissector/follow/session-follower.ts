import { readU32be } from '../../codec/bytes.js';
import { Flags, formatIpv4, HeaderStatus, isControlFlag, TCP, TcpFlags } from '../../codec/index.js';
import type { PacketView } from '../packet-view.js';
import { nodeKey } from '../tcp-sessions.js';
import { Reassembler } from './reassembler.js';

/** Pairs of addresses and ports of one session that are kept. */
const MAX_FLOWS = 4096;

/** Octets kept of segments before it is known that their connection is the session, of all connections together. */
const MAX_EARLY = 8 << 20;

/** What a connection has sent before its first CM. */
interface Beginning {
  /** Sequence number of its SYN. */
  readonly sequence: number;
  readonly segments: { readonly sequence: number; readonly data: Uint8Array }[];
}

/** One end of a session that is followed. */
export interface FollowedEnd {
  /** Index in the order of appearance. */
  readonly index: number;
  /** Node key of its CMs; undefined before its first. */
  node: number | undefined;
  /** Address and port in words, as first seen. */
  readonly name: string;
  octets: number;
  readonly stream: Reassembler;
}

/** What is heard of a session, in the order in which a receiver could have it. */
export interface FollowSink {
  /** Octets of user data: of a datagram, or the next of a byte stream. They are valid until this returns. */
  data(from: FollowedEnd, octets: Uint8Array): void;
  /** Octets of a byte stream that the capture has not. */
  gap(from: FollowedEnd, length: number): void;
}

/**
 * Follows the sessions of one number over all their paths, in both directions: TCP by sequence number, whether in TCP segments or in the
 * UDP wrapper, and datagrams in the order of the capture. Segments without a CM count when their addresses and ports are the session's.
 */
export class SessionFollower {
  /** In the order of appearance. */
  readonly ends: FollowedEnd[] = [];
  readonly #session: number;
  readonly #sink: FollowSink;
  /** By addresses and ports, source first. */
  readonly #flows = new Map<string, FollowedEnd>();
  /** By addresses and ports, before the session is known. */
  readonly #begun = new Map<string, Beginning>();
  #earlyLength = 0;

  /** @param session the id to follow */
  constructor(session: number, sink: FollowSink) {
    this.#session = session;
    this.#sink = sink;
  }

  /** Takes the packet that `view` shows; every packet of the capture, in its order. */
  add(view: PacketView): void {
    const { dissector, trailer } = view;
    if (!dissector.isIpv4 || trailer.status !== HeaderStatus.ok) return;
    const key = flowKey(trailer.source, trailer.sourcePort, trailer.destination, trailer.destinationPort);
    if (!dissector.hasCm) {
      if (trailer.protocol === TCP) this.#ordinary(view, key);
      return;
    }
    const { cm } = trailer;
    if (cm.sessionId !== this.#session || cm.flags === Flags.handshake) return;
    const end = this.#end(view, key);
    const segment =
      dissector.wrappedHeader >= 0 ? dissector.wrappedHeader : trailer.protocol === TCP ? trailer.l4Offset : -1;
    if (segment >= 0) this.#segment(end, view, segment);
    else if (!isControlFlag(cm.flags)) {
      end.octets += trailer.userDataLength;
      this.#sink.data(
        end,
        trailer.bytes.subarray(trailer.payloadOffset, trailer.payloadOffset + trailer.userDataLength),
      );
    }
  }

  /** Gives out what is held back. */
  finish(): void {
    for (const end of this.ends) end.stream.end();
  }

  #ordinary(view: PacketView, key: string): void {
    const { trailer } = view;
    const end = this.#flows.get(key);
    if (end !== undefined) {
      this.#segment(end, view, trailer.l4Offset);
      return;
    }
    if ((trailer.tcpFlags & TcpFlags.syn) !== 0) {
      if (this.#begun.size < MAX_FLOWS) this.#begun.set(key, { sequence: trailer.sequence, segments: [] });
      return;
    }
    const begun = this.#begun.get(key);
    if (begun === undefined || this.#earlyLength + trailer.payloadLength > MAX_EARLY) return;
    this.#earlyLength += trailer.payloadLength;
    begun.segments.push({ sequence: trailer.sequence, data: trailer.bytes.slice(trailer.payloadOffset, trailer.end) });
  }

  #segment(end: FollowedEnd, view: PacketView, at: number): void {
    const { trailer } = view;
    const { bytes } = trailer;
    const flags = bytes[at + 13]!;
    const sequence = readU32be(bytes, at + 4);
    if ((flags & TcpFlags.syn) !== 0) {
      end.stream.begin(sequence);
      return;
    }
    // Copies that carry a query, a confirmation or a heartbeat are dropped by the receiver: the original says the same.
    if (!trailer.hasCm || !isControlFlag(trailer.cm.flags)) {
      const start = at + (bytes[at + 12]! >> 4) * 4;
      end.stream.add(sequence, bytes.subarray(start, trailer.hasCm ? trailer.cm.trailerStart : trailer.end));
    }
    if ((flags & TcpFlags.ack) === 0) return;
    const other = this.ends.find((one) => one !== end);
    other?.stream.acknowledged(readU32be(bytes, at + 8));
  }

  #end(view: PacketView, key: string): FollowedEnd {
    const { trailer } = view;
    const node = nodeKey(trailer.cm.nodeId, trailer.cm.isFull);
    let end = this.#flows.get(key) ?? this.ends.find((one) => one.node === node);
    if (end === undefined) {
      end = this.#newEnd(view, key);
      end.node = node;
    }
    end.node ??= node;
    if (this.#flows.size < MAX_FLOWS && hasOwnPorts(view)) this.#flows.set(key, end);
    return end;
  }

  #newEnd(view: PacketView, key: string): FollowedEnd {
    const { trailer } = view;
    const sink = this.#sink;
    const stream = new Reassembler({
      data: (octets) => {
        end.octets += octets.length;
        sink.data(end, octets);
      },
      gap: (length) => sink.gap(end, length),
    });
    const end: FollowedEnd = {
      index: this.ends.length,
      node: undefined,
      name: key.slice(0, key.indexOf(' ')),
      octets: 0,
      stream,
    };
    this.ends.push(end);
    const begun = trailer.protocol === TCP ? this.#begun.get(key) : undefined;
    if (begun !== undefined) {
      stream.begin(begun.sequence);
      for (const { sequence, data } of begun.segments) stream.add(sequence, data);
    }
    return end;
  }
}

/** Ports of a wrapper are a path's, not the connection's. */
function hasOwnPorts(view: PacketView): boolean {
  return view.dissector.wrappedHeader < 0;
}

function flowKey(source: number, sourcePort: number, destination: number, destinationPort: number): string {
  return `${formatIpv4(source)}:${sourcePort} ${formatIpv4(destination)}:${destinationPort}`;
}
