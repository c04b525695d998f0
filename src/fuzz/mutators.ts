import { readU16be, writeU16be } from '../codec/bytes.js';
import { type Ipv4, repairChecksum, TCP, UDP } from '../codec/index.js';
import { edgeValues, fieldPlaces, readField, writeField } from './field-values.js';
import { HEADER_MUTATORS } from './header-mutators.js';
import { inserted, type PacketParts, partsOf, repair, without } from './packet-parts.js';
import type { Mutation } from './step.js';
import type { Target } from './target.js';

/** What a mutator may use beside the packet. */
export interface MutatorTools {
  /** Addresses that a packet may pretend to come from. */
  readonly forged: readonly Ipv4[];
  /** An earlier packet of the exchange, chosen by a number; undefined when there is none. */
  earlier(choice: number): Uint8Array | undefined;
}

/** A change of a packet, by name. */
export interface Mutator {
  readonly name: string;
  readonly description: string;
  /** Works on the IP, TCP or UDP header: of no use where a socket writes them. */
  readonly isForHeaders: boolean;
  /** The changed packet, or the packets that take its place; undefined when the packet gives no hold for it. */
  apply(packet: Uint8Array, mutation: Mutation, tools: MutatorTools): Uint8Array | readonly Uint8Array[] | undefined;
}

/** A mutator of what follows the TCP or UDP header; lengths and checksums of the headers then fit again. */
function ofPayload(
  name: string,
  description: string,
  change: (packet: Uint8Array, parts: PacketParts, mutation: Mutation, tools: MutatorTools) => Uint8Array | undefined,
): Mutator {
  return {
    name,
    description,
    isForHeaders: false,
    apply(packet, mutation, tools) {
      const parts = partsOf(packet);
      if (parts === undefined) return undefined;
      const changed = change(packet, parts, mutation, tools);
      return changed === undefined ? undefined : repair(changed, parts.l4, parts.protocol);
    },
  };
}

/** Writes a value into a field of the CM; `repairs`: the CM's checksum then fits again. */
function fieldMutator(name: string, description: string, repairs: boolean): Mutator {
  return ofPayload(name, description, (packet, { cm, end, addresses }, { at, value }) => {
    if (cm === undefined) return undefined;
    const places = fieldPlaces(cm.layout, addresses);
    const { field, offset } = places[at % places.length]!;
    const position = cm.start + offset;
    const edges = edgeValues(field);
    // Half the values are edges, the rest any number, or the old one changed by little.
    const choice = value % (2 * edges.length + 2);
    const top = 2 ** (8 * field.size);
    const written =
      choice < 2 * edges.length
        ? edges[choice >> 1]!
        : choice === 2 * edges.length
          ? value % top
          : (readField(packet, position, field) + 1 + (value % 3)) % top;
    writeField(packet, position, field, written);
    if (repairs && field.name !== 'checksum') repairChecksum(packet, cm.start, end, cm.layout.name);
    return packet;
  });
}

/** How many octets a mutator takes or adds. */
const few = (value: number, most: number) => (most <= 0 ? 0 : value % (most + 1));

const PAYLOAD_MUTATORS: readonly Mutator[] = [
  fieldMutator('cm-field', 'a field of the CM gets an edge value; its checksum fits', true),
  fieldMutator('cm-field-unsummed', 'a field of the CM gets an edge value; its checksum stays', false),
  ofPayload('cm-checksum', 'the checksum of the CM is off by something', (packet, { cm, end }, { value }) => {
    if (cm === undefined) return undefined;
    const at = end - 2 + (value & 1);
    packet[at] = (packet[at]! + 1 + ((value >>> 1) % 255)) & 255;
    return packet;
  }),
  ofPayload('bit-flip', 'one bit of user data or trailer flips', (packet, { payload, end }, { at }) => {
    if (end === payload) return undefined;
    packet[payload + ((at >>> 3) % (end - payload))]! ^= 1 << (at & 7);
    return packet;
  }),
  ofPayload('cm-bit-flip', 'one bit of the CM flips; its checksum fits', (packet, { cm, end }, { at }) => {
    if (cm === undefined) return undefined;
    packet[cm.start + ((at >>> 3) % (end - 2 - cm.start))]! ^= 1 << (at & 7);
    repairChecksum(packet, cm.start, end, cm.layout.name);
    return packet;
  }),
  ofPayload('truncate', 'octets are missing at the end', (packet, { payload, end }, { value }) =>
    packet.slice(0, end - few(value, Math.min(64, end - payload))),
  ),
  ofPayload('bare-trailer', 'there is less user data than the CM needs, or none', (packet, parts, { value }) => {
    if (parts.cm === undefined) return undefined;
    // Up to two octets of the trailer go too: a CM that begins within the header before it.
    const to = Math.min(parts.cm.trailer + few(value, 2), parts.end);
    return without(packet, parts.payload, to);
  }),
  ofPayload('extend', 'octets follow the trailer', (packet, { end }, { at, value }) =>
    inserted(packet, end, new Uint8Array(1 + few(value, 40)).fill(at & 255)),
  ),
  ofPayload('filler', 'the octet before the CM is not 0', (packet, { cm }, { value }) => {
    if (cm === undefined || cm.layout.filler === 0) return undefined;
    packet[cm.trailer] = value & 255;
    return packet;
  }),
  ofPayload('two-trailers', 'a second trailer follows the first', (packet, { cm, end }, { at, value }) => {
    if (cm === undefined) return undefined;
    const second = packet.slice(cm.trailer, end);
    const longer = inserted(packet, end, second);
    const start = end + (cm.start - cm.trailer);
    longer[start + 3 + (at % 12)]! ^= value & 3;
    repairChecksum(longer, start, longer.length, cm.layout.name);
    return longer;
  }),
  ofPayload('splice', 'the end is that of an earlier packet', (packet, { payload, end }, { at, value }, tools) => {
    const other = tools.earlier(at);
    if (other === undefined || other.length < 28) return undefined;
    const tail = other.subarray(Math.max(28, other.length - 1 - few(value, 80)));
    const keep = payload + few(value >>> 8, end - payload);
    return inserted(packet.slice(0, keep), keep, tail);
  }),
  ofPayload('grow', 'the user data is as long as a datagram can be', (packet, { payload, cm, end }, { at, value }) => {
    const room = (value & 1) === 0 ? 1400 + few(at, 100) : 2000 + few(at, 6000);
    const more = Math.max(0, room - (end - payload));
    return inserted(packet, cm?.trailer ?? end, new Uint8Array(more).fill(0x2e));
  }),
  ofPayload('inner-header', 'the header of a wrapped segment is damaged', (packet, { payload, end, protocol }, m) => {
    if (protocol !== UDP || end - payload < 20) return undefined;
    const at = payload + (m.at % 20);
    packet[at] = m.value & 255;
    return packet;
  }),
  ofPayload('tcp-fields', 'sequence, acknowledgement or window of a segment', (packet, { l4, protocol }, m) => {
    if (protocol !== TCP) return undefined;
    const at = l4 + 4 + 2 * (m.at % 6);
    if (at === l4 + 12) return undefined;
    writeU16be(packet, at, (readU16be(packet, at) + 1 + m.value) & 0xffff);
    return packet;
  }),
];

/** Every mutator. */
export const MUTATORS: readonly Mutator[] = [...PAYLOAD_MUTATORS, ...HEADER_MUTATORS];

const byName = new Map(MUTATORS.map((mutator) => [mutator.name, mutator]));

/** The mutator of a name; undefined for a name of another version. */
export function mutatorOf(name: string): Mutator | undefined {
  return byName.get(name);
}

/** Names of the mutators of use on a target. */
export function mutatorNames(kind: Target['kind'], forges = true): string[] {
  return MUTATORS.filter(({ name, isForHeaders }) => {
    if (kind === 'socket' && isForHeaders) return false;
    return !(kind === 'raw' && BY_KERNEL.has(name)) && (forges || name !== 'forged-source');
  }).map(({ name }) => name);
}

/** Mutators whose work the kernel undoes. */
const BY_KERNEL = new Set(['ip-length']);
