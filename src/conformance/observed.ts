import { part, readU16be, readU32be, sameOctets } from '../codec/bytes.js';
import {
  type CmView,
  type ControlMessage,
  cmSize,
  type FieldName,
  Flags,
  fieldOffset,
  fieldSize,
  HeaderStatus,
  type Ipv4,
  LAYOUTS,
  type LayoutName,
  messageOf,
  type NodeId,
  TrailerView,
} from '../codec/index.js';

const shared = new TrailerView();

/** A packet that the tester sent or received in a case. Immutable. */
export class Observed {
  /** Layout of the CM; undefined without one. */
  readonly #layout: LayoutName | undefined;
  /** The CM once it was asked for: hardly anybody asks for that of a packet that was sent. */
  #cm: ControlMessage | undefined;
  /** Position in `packet` of the first octet of the CM (filler not counted); -1 without CM. */
  readonly cmOffset: number;
  /** Position in `packet` of the first octet after the TCP or UDP header. */
  readonly payloadOffset: number;
  /** Position in `packet` of the TCP or UDP header. */
  readonly l4Offset: number;
  /** Whether the headers could be read; addresses and ports are taken from them when asked for. */
  readonly #isKnown: boolean;
  readonly #payloadEnd: number;
  readonly #end: number;

  constructor(
    /** Position in the case's evidence, from 1. */
    readonly frame: number,
    /** Microseconds of the link's clock. */
    readonly time: number,
    readonly direction: 'sent' | 'received',
    /** The whole IPv4 datagram; on the link `socket` its headers are rebuilt, and no verdict may rest on them. */
    readonly packet: Uint8Array,
  ) {
    const view = shared;
    const located = view.locate(packet);
    const known = view.status === HeaderStatus.ok;
    this.#isKnown = known;
    this.l4Offset = known ? view.l4Offset : packet.length;
    this.payloadOffset = known ? view.payloadOffset : packet.length;
    this.#end = known ? view.end : packet.length;
    this.#layout = located ? view.cm.layout : undefined;
    this.cmOffset = located ? view.cm.start : -1;
    this.#payloadEnd = located ? view.cm.trailerStart : this.#end;
  }

  /** The CM at its end, when there is a valid one. */
  get cm(): ControlMessage | undefined {
    if (this.#layout !== undefined) this.#cm ??= messageOf(this.#view(this.#layout));
    return this.#cm;
  }

  /** The node id of the CM; undefined without one. */
  get nodeId(): NodeId | undefined {
    return this.#layout === undefined ? undefined : this.#view(this.#layout).nodeId;
  }

  /** The CM, until the next packet is looked at. */
  #view(layout: LayoutName): CmView {
    return shared.cm.bind(this.packet, this.cmOffset, this.#end, layout);
  }

  /** IP protocol number; 0 when the headers could not be read. */
  get protocol(): number {
    return this.#isKnown ? this.packet[9]! : 0;
  }

  get source(): Ipv4 {
    return this.#isKnown ? readU32be(this.packet, 12) : 0;
  }

  get sourcePort(): number {
    return this.#isKnown ? readU16be(this.packet, this.l4Offset) : 0;
  }

  get destination(): Ipv4 {
    return this.#isKnown ? readU32be(this.packet, 16) : 0;
  }

  get destinationPort(): number {
    return this.#isKnown ? readU16be(this.packet, this.l4Offset + 2) : 0;
  }

  /** User data: what is left after the trailer is taken off. */
  get payload(): Uint8Array {
    return part(this.packet, this.payloadOffset, this.#payloadEnd);
  }

  /** Octets of `payload`. */
  get payloadLength(): number {
    return this.#payloadEnd - this.payloadOffset;
  }

  /** True when these octets are the user data. */
  isPayload(octets: Uint8Array): boolean {
    return sameOctets(octets, this.packet, this.payloadOffset, this.#payloadEnd);
  }

  /** True when these octets are everything after the TCP or UDP header. */
  isWirePayload(octets: Uint8Array): boolean {
    return sameOctets(octets, this.packet, this.payloadOffset, this.#end);
  }

  /** Everything after the TCP or UDP header, the trailer included. */
  get wirePayload(): Uint8Array {
    return part(this.packet, this.payloadOffset, this.#end);
  }

  /** Octets of the trailer (filler and CM); empty without CM. */
  get trailer(): Uint8Array {
    return part(this.packet, this.#payloadEnd, this.#end);
  }

  /** The local port of the tester that sent or received it. */
  get localPort(): number {
    return this.direction === 'sent' ? this.sourcePort : this.destinationPort;
  }

  /** Octets of a CM field in `packet`; undefined without CM, or when its layout has no such field. */
  fieldRange(field: FieldName): { octet: number; octets: number } | undefined {
    if (this.cm === undefined) return undefined;
    const layout = LAYOUTS[this.cm.layout];
    const declaration = layout.fields.find((candidate) => candidate.name === field);
    if (declaration === undefined) return undefined;
    const addresses = this.cm.layout === 'compact' ? 2 : (this.#end - this.cmOffset - cmSize(layout, 0)) / 4;
    return {
      octet: this.cmOffset + fieldOffset(layout, field, addresses),
      octets: fieldSize(declaration, addresses),
    };
  }
}

/** Where fields of the headers, and the user data, are: for verdicts that rest on them. */
const HEADER_FIELDS = {
  source: () => ({ octet: 12, octets: 4 }),
  destination: () => ({ octet: 16, octets: 4 }),
  addresses: () => ({ octet: 12, octets: 8 }),
  timeToLive: () => ({ octet: 8, octets: 1 }),
  protocol: () => ({ octet: 9, octets: 1 }),
  sourcePort: ({ l4Offset }: Observed) => ({ octet: l4Offset, octets: 2 }),
  destinationPort: ({ l4Offset }: Observed) => ({ octet: l4Offset + 2, octets: 2 }),
  sequence: ({ l4Offset }: Observed) => ({ octet: l4Offset + 4, octets: 4 }),
  acknowledgement: ({ l4Offset }: Observed) => ({ octet: l4Offset + 8, octets: 4 }),
  userData: ({ payloadOffset, payload }: Observed) => ({ octet: payloadOffset, octets: Math.max(1, payload.length) }),
  tcpFlags: ({ l4Offset }: Observed) => ({ octet: l4Offset + 13, octets: 1 }),
} as const;

/** The octets of a field of the IP, UDP or TCP header, or of the user data, as a part of a verdict's proof; nothing without a packet. */
export function headerField(
  packet: Observed | undefined,
  name: keyof typeof HEADER_FIELDS,
): { octet?: number; octets?: number } {
  return packet === undefined ? {} : HEADER_FIELDS[name](packet);
}

/** What a case looks for among the packets. */
export type Predicate = (packet: Observed) => boolean;

/** Matches a CM with these flags (see `Flags`). */
export const withFlags =
  (flags: number): Predicate =>
  (packet) =>
    packet.cm?.flags === flags;

/** An availability query (flags 3). */
export const isQuery: Predicate = withFlags(Flags.enable);
/** A confirmation (flags 4). */
export const isConfirm: Predicate = withFlags(Flags.enabled);
/** A heartbeat (flags 2). */
export const isHeartbeat: Predicate = withFlags(Flags.heartbeat);
/** A data packet with a CM: flags normal or ip-change. */
export const isData: Predicate = (packet) => packet.cm !== undefined && packet.cm.flags <= Flags.ipChange;
/** Any packet with a CM. */
export const hasCm: Predicate = (packet) => packet.cm !== undefined;
/** An ordinary datagram: no CM. */
export const isPlain: Predicate = (packet) => packet.cm === undefined;
/** Any packet. */
export const anything: Predicate = () => true;

/** Matches packets that satisfy all of several predicates. */
export const all =
  (...predicates: readonly Predicate[]): Predicate =>
  (packet) =>
    predicates.every((predicate) => predicate(packet));

/** Matches user data. */
export const payloadIs =
  (payload: Uint8Array): Predicate =>
  (packet) =>
    packet.isPayload(payload);

/** A packet of the peer lacks the control message that a case needs: the case is `inconc`, cause `no-cm`. */
export class NoCmError extends Error {
  override readonly name = 'NoCmError';
  readonly code = 'no-cm';

  constructor(readonly packet: Observed) {
    super(`Frame ${packet.frame} has no control message.`);
  }
}

/**
 * The CM of a packet that was chosen for having one, or has one unless the peer is wrong in what another case judges.
 * @throws NoCmError, which makes the case `inconc`.
 */
export function cmOf(packet: Observed): ControlMessage {
  if (packet.cm === undefined) throw new NoCmError(packet);
  return packet.cm;
}
