import { readU16be, writeU16be } from '../codec/bytes.js';
import {
  HeaderStatus,
  ipv4HeaderChecksum,
  LAYOUTS,
  type LayoutDeclaration,
  l4Checksum,
  TCP,
  TrailerView,
  UDP,
} from '../codec/index.js';

/** The parts of a packet that mutators work on; positions count from its first octet. */
export interface PacketParts {
  readonly l4: number;
  readonly payload: number;
  readonly end: number;
  readonly protocol: number;
  /** The CM at the end, when there is one. */
  readonly cm: { readonly start: number; readonly trailer: number; readonly layout: LayoutDeclaration } | undefined;
  /** Entries of the CM's address list. */
  readonly addresses: number;
}

const view = new TrailerView();

/** Takes a well-formed packet apart; undefined when it is none (another mutator was there before). */
export function partsOf(packet: Uint8Array): PacketParts | undefined {
  view.locate(packet);
  if (view.status !== HeaderStatus.ok) return undefined;
  return {
    l4: view.l4Offset,
    payload: view.payloadOffset,
    end: view.end,
    protocol: view.protocol,
    cm: view.hasCm
      ? { start: view.cm.start, trailer: view.cm.trailerStart, layout: LAYOUTS[view.cm.layout] }
      : undefined,
    addresses: view.hasCm ? view.cm.addressSlots : 0,
  };
}

/** Gives a packet the lengths and checksums that its octets ask for. */
export function repair(packet: Uint8Array, l4: number, protocol: number): Uint8Array {
  writeU16be(packet, 2, packet.length);
  if (protocol === UDP && packet.length >= l4 + 8) writeU16be(packet, l4 + 4, packet.length - l4);
  return repairSums(packet, l4, protocol);
}

/** Gives a packet the checksums that its octets ask for; its lengths stay as they are. */
export function repairSums(packet: Uint8Array, l4: number, protocol: number): Uint8Array {
  writeU16be(packet, 10, 0);
  writeU16be(packet, 10, ipv4HeaderChecksum(packet, 0, Math.min(l4, packet.length)));
  const at = l4 + (protocol === TCP ? 16 : 6);
  if (at + 2 > packet.length) return packet;
  writeU16be(packet, at, 0);
  writeU16be(packet, at, l4Checksum(packet, 0, protocol, l4, packet.length));
  return packet;
}

/** True when the TCP or UDP checksum of a whole, well-formed packet is right, or not computed (UDP 0). */
export function hasSoundChecksum(packet: Uint8Array, { l4, end, protocol }: PacketParts): boolean {
  const at = l4 + (protocol === TCP ? 16 : 6);
  const found = readU16be(packet, at);
  if (protocol === UDP && found === 0) return true;
  return l4Checksum(packet, 0, protocol, l4, end) === found;
}

/** A packet with octets put in at a place; lengths and checksums are not touched. */
export function inserted(packet: Uint8Array, at: number, octets: Uint8Array): Uint8Array {
  const longer = new Uint8Array(packet.length + octets.length);
  longer.set(packet.subarray(0, at));
  longer.set(octets, at);
  longer.set(packet.subarray(at), at + octets.length);
  return longer;
}

/** A packet without the octets from `from` to `to`; lengths and checksums are not touched. */
export function without(packet: Uint8Array, from: number, to: number): Uint8Array {
  const shorter = new Uint8Array(packet.length - (to - from));
  shorter.set(packet.subarray(0, from));
  shorter.set(packet.subarray(to), from);
  return shorter;
}
