import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Constants } from '../../src/codec/index.js';
import type { Endpoint, ReferenceHost, RoutingRule, TcpMode } from '../../src/endpoint/index.js';
import type { ReorderingBuffer } from '../../src/endpoint/reordering.js';

/** A peer with one defect: the unmodified endpoint plus one patch. The file's name is the defect in words. */
export interface Mutant {
  /** The file's name. */
  readonly name: string;
  /** What it does wrong, in one sentence. */
  readonly defect: string;
  /** Requirements that it breaks. */
  readonly requirements: readonly string[];
  /** Every case that may fail because of it; at least one does. */
  readonly killedBy: readonly string[];
  /** How the peer carries TCP while the suite is played against it; default fake TCP. */
  readonly tcpMode?: TcpMode;
  /** Whether it is declared to put TCP segments in order; default true. */
  readonly reordering?: boolean;
  /** Puts the defect into a host that has not run yet. */
  apply(host: ReferenceHost): void;
}

/** Folder of the compiled mutants. */
const FOLDER = join(fileURLToPath(new URL('.', import.meta.url)), '..', 'mutants');

/** Names of all mutants. */
export function mutantNames(): string[] {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith('.js'))
    .map((name) => name.slice(0, -3))
    .sort();
}

/** The mutant of that name. */
export async function loadMutant(name: string): Promise<Mutant> {
  const module = (await import(pathToFileURL(join(FOLDER, `${name}.js`)).href)) as { mutant: Mutant };
  return module.mutant;
}

/** Lets each received datagram be changed before the endpoint sees it: `change` returns it, or another one. */
export function onReceipt(endpoint: Endpoint, change: (packet: Uint8Array, now: number) => Uint8Array): void {
  const { fromNetwork } = endpoint;
  endpoint.fromNetwork = (packet, now, length = packet.length) => {
    const changed = change(packet.subarray(0, length), now);
    fromNetwork.call(endpoint, changed, now, changed.length);
  };
}

/** Lets each datagram that the host sends be changed in place. */
export function onTransmit(host: ReferenceHost, change: (packet: Uint8Array) => void): void {
  const { drain } = host;
  host.drain = (send) =>
    drain.call(host, (packet) => {
      change(packet);
      send(packet);
    });
}

/** Lets each rule of the host's routing be changed before it takes effect. */
export function onRules({ endpoint }: ReferenceHost, change: (rule: RoutingRule) => RoutingRule): void {
  const { routing } = endpoint.state;
  const { replace } = routing;
  routing.replace = (rules) => replace.call(routing, rules.map(change));
}

/** Gives each connection the reordering buffer that `make` makes. */
export function withBuffer({ endpoint }: ReferenceHost, make: (constants: Constants) => ReorderingBuffer): void {
  const { heldSegments, settings } = endpoint;
  const { reorder } = heldSegments;
  heldSegments.reorder = (view, session, now) => {
    session.reordering ??= make(settings.constants);
    return reorder.call(heldSegments, view, session, now);
  };
}

/** Octets before the user data of a UDP datagram without IP options. */
export const HEADERS = 28;

/** Position of the first octet of what would be a compact CM at the end, or undefined when the datagram is too short. */
export function compactStart(packet: Uint8Array): number | undefined {
  return packet.length >= HEADERS + 26 ? packet.length - 25 : undefined;
}

/** Sum of octets. */
export function sumOf(packet: Uint8Array, start: number, end: number): number {
  let sum = 0;
  for (let i = start; i < end; i++) sum += packet[i]!;
  return sum;
}

/** The compact checksum at the end of a datagram. */
export function checksumOf(packet: Uint8Array): number {
  return packet.at(-2)! + 256 * packet.at(-1)!;
}

/** A copy of a datagram whose end has become a CM: the octets from `start` on get the checksum that they ask for. */
export function withRightChecksum(packet: Uint8Array, start: number): Uint8Array {
  const copy = packet.slice();
  const sum = sumOf(copy, start, copy.length - 2);
  copy[copy.length - 2] = sum & 255;
  copy[copy.length - 1] = sum >>> 8;
  return copy;
}

/** A datagram with `octets` behind its user data; its lengths grow, its UDP checksum becomes 0 (none). */
export function appended(packet: Uint8Array, octets: Uint8Array): Uint8Array {
  const longer = new Uint8Array(packet.length + octets.length);
  longer.set(packet);
  longer.set(octets, packet.length);
  return withLengths(longer);
}

/** Writes the lengths that a changed datagram has, and no UDP checksum. */
export function withLengths(packet: Uint8Array): Uint8Array {
  const view = new DataView(packet.buffer, packet.byteOffset);
  view.setUint16(2, packet.length);
  view.setUint16(24, packet.length - 20);
  view.setUint16(26, 0);
  view.setUint16(10, 0);
  let sum = 0;
  for (let i = 0; i < 20; i += 2) sum += view.getUint16(i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  view.setUint16(10, ~sum & 0xffff);
  return packet;
}
