import { CodecError } from './errors.js';

/** An IPv4 address as an unsigned 32-bit number, first octet highest. */
export type Ipv4 = number;

/** A node id as an unsigned number, first octet highest: 16 bits in `compact`, 48 in `full`. */
export type NodeId = number;

/** Address and port as one number below 2^48, for maps. */
export function addressKey(address: Ipv4, port: number): number {
  return address * 0x10000 + port;
}

/** The address of an `addressKey`. */
export function addressOfKey(key: number): Ipv4 {
  return Math.floor(key / 0x10000);
}

/** The port of an `addressKey`, as an integer to the engine, too: objects with a port of another kind are of another kind. */
export function portOfKey(key: number): number {
  return (key % 0x10000) | 0;
}

/** Dotted form of an address. */
export function formatIpv4(address: Ipv4): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}

/**
 * Reads a dotted IPv4 address.
 * @throws CodecError `syntax` when the text is not four numbers of 0 to 255 without leading zeros.
 */
export function parseIpv4(text: string): Ipv4 {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  const octets = match?.slice(1).map((part) => (part.length > 1 && part.startsWith('0') ? 256 : Number(part))) ?? [];
  if (octets.length !== 4 || octets.some((octet) => octet > 255)) {
    throw new CodecError('syntax', {
      layer: 'ipv4',
      field: 'address',
      offset: 0,
      found: JSON.stringify(text),
      needed: 'four numbers such as 192.0.2.1',
    });
  }
  return ((octets[0]! << 24) | (octets[1]! << 16) | (octets[2]! << 8) | octets[3]!) >>> 0;
}

/** A node id in lower-case hex with colons; `octets` is 2 in `compact` and 6 in `full`. */
export function formatNodeId(nodeId: NodeId, octets: number): string {
  return nodeId
    .toString(16)
    .padStart(octets * 2, '0')
    .replace(/(..)(?=.)/g, '$1:');
}

/**
 * Reads a node id: two or six octets in hex, with or without colons.
 * @throws CodecError `syntax` for anything else.
 */
export function parseNodeId(text: string): { nodeId: NodeId; octets: number } {
  const plain = text.replaceAll(/[:-]/g, '');
  if (!/^[0-9a-f]{2}([:-]?[0-9a-f]{2}){1}(([:-]?[0-9a-f]{2}){4})?$/i.test(text)) {
    throw new CodecError('syntax', {
      layer: 'cm',
      field: 'nodeId',
      offset: 0,
      found: JSON.stringify(text),
      needed: 'two or six octets in hex, such as 9d:f8',
    });
  }
  return { nodeId: Number.parseInt(plain, 16), octets: plain.length / 2 };
}
