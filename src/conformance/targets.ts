import type { Ipv4 } from '../codec/index.js';

/** Addresses that begin with the same `prefix` bits (CIDR). */
export interface AddressBlock {
  readonly address: Ipv4;
  /** 0..32 */
  readonly prefix: number;
}

/** Loopback, the private blocks of RFC 1918 and link-local addresses: what a tester reaches there is its user's own. */
export const OWN_BLOCKS: readonly AddressBlock[] = [
  { address: 0x7f000000, prefix: 8 },
  { address: 0x0a000000, prefix: 8 },
  { address: 0xac100000, prefix: 12 },
  { address: 0xc0a80000, prefix: 16 },
  { address: 0xa9fe0000, prefix: 16 },
];

/** True when an address is in one of the blocks. */
export function isIn(blocks: readonly AddressBlock[], address: Ipv4): boolean {
  return blocks.some(({ address: first, prefix }) => {
    const mask = prefix === 0 ? 0 : (0xffffffff << (32 - prefix)) >>> 0;
    return (address & mask) >>> 0 === (first & mask) >>> 0;
  });
}
