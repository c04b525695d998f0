import type { Constants, TrailerView } from '../../codec/index.js';
import type { Dissector } from '../../dissector/dissector.js';
import type { SeenPacket, Tracker } from '../../dissector/tracker/tracker.js';
import type { CapturedPacket } from '../../io/captured-packet.js';
import type { Capability } from '../capabilities.js';
import type { Area } from '../case.js';

/** A packet as predicates see it. One object for all packets: what is kept of it must be copied. */
export interface Sight {
  /** The headers and the CM. */
  readonly trailer: TrailerView;
  readonly dissector: Dissector;
  readonly packet: CapturedPacket;
  /** What it is part of. */
  readonly seen: SeenPacket;
  readonly tracker: Tracker;
  /** Position of the capture among those given, from 0. */
  readonly source: number;
  /** Microseconds since the first packet. */
  readonly time: number;
  /** Whether the TCP or UDP checksum is right; `partial` = left to the device by the sender's own kernel. */
  readonly l4Checksum: 'good' | 'bad' | 'unverified' | 'partial';
}

/** Where a packet is, and a copy of its octets: what a finding keeps of a {@link Sight}. */
export interface Place {
  readonly source: number;
  /** Frame of its capture, from 1. */
  readonly frame: number;
  /** Index of the tracker's node that sent it; 0 = not known. */
  readonly node: number;
  readonly datagram: Uint8Array;
}

/** What a predicate found. */
export interface Finding {
  /** Stable: lower-case words with hyphens. */
  readonly code: string;
  /** What is wrong, for people. */
  readonly text: string;
  readonly expected?: string | number;
  readonly seen?: string | number;
  /** First octet that decided, from the start of the IP header, and how many. */
  readonly octet?: number;
  readonly octets?: number;
}

/** What a predicate says while it looks. */
export interface Judge {
  /** PIXIT: what is expected of the nodes. */
  readonly constants: Constants;
  /** True when packets of this node are to be judged. */
  judges(node: number): boolean;
  /** Something was seen that the requirement asks for. */
  pass(): void;
  /** The requirement is broken; the first finding is reported, the others are counted. */
  fail(finding: Finding, place: Place): void;
  /** Something looks broken, and the capture cannot prove it. */
  inconc(finding: Finding, place: Place): void;
}

/** A predicate at work on one capture. */
export interface Watch {
  /** Takes a packet, in the order of the capture. */
  see(sight: Sight): void;
  /** No more packets come. */
  end?(tracker: Tracker): void;
}

/**
 * A requirement as a function of the packets seen. It knows nothing of how they were got: a capture, the packets of a case, a fuzzer.
 * What is absent proves nothing in a capture; a predicate fails only on what was sent, or on what is absent so often that loss does
 * not explain it.
 */
export interface Predicate {
  /** Area, `passive`, words: `AV-passive-query-limit`. */
  readonly id: string;
  readonly area: Area;
  readonly purpose: string;
  readonly requirement: string;
  /** What a node must have been declared to support. */
  readonly capability?: Capability;
  watch(judge: Judge): Watch;
}

/** What a finding keeps of the packet. */
export function placeOf({ packet, trailer, seen, source }: Sight): Place {
  const from = trailer.offset;
  const end = Math.min(Math.max(trailer.end, from), packet.offset + packet.capturedLength);
  return { source, frame: packet.number, node: seen.node, datagram: trailer.bytes.slice(from, end) };
}
