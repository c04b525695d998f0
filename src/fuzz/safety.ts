import { formatIpv4, type Ipv4, parseIpv4 } from '../codec/index.js';

/** A block of addresses. */
export interface Network {
  readonly address: Ipv4;
  /** 0..32. */
  readonly prefix: number;
}

/**
 * Reads `10.0.0.0/8`, or an address alone.
 * @returns undefined when the text is neither.
 */
export function parseNetwork(text: string): Network | undefined {
  const [address, length, ...rest] = text.split('/');
  if (rest.length > 0 || (length !== undefined && !/^\d{1,2}$/.test(length))) return undefined;
  const prefix = length === undefined ? 32 : Number(length);
  if (prefix > 32) return undefined;
  try {
    return { address: parseIpv4(address!), prefix };
  } catch {
    return undefined;
  }
}

/** True when an address is in a block. */
export function contains({ address, prefix }: Network, candidate: Ipv4): boolean {
  return prefix === 0 || address >>> (32 - prefix) === candidate >>> (32 - prefix);
}

const network = (text: string) => parseNetwork(text)!;
const LOOPBACK = network('127.0.0.0/8');
/** RFC 1918, and the addresses that a link gives itself (RFC 3927). */
const PRIVATE = [network('10.0.0.0/8'), network('172.16.0.0/12'), network('192.168.0.0/16'), network('169.254.0.0/16')];

/** True when the packets stay on this machine. */
export function isLoopback(address: Ipv4): boolean {
  return contains(LOOPBACK, address);
}

/**
 * Why a target must not be fuzzed; undefined when it may: it is this machine, in a private network, or was allowed by name. Fuzzing
 * sends what breaks programs, to whoever has the address.
 */
export function refusalOfTarget(address: Ipv4, allowed: readonly Network[]): string | undefined {
  if ([LOOPBACK, ...PRIVATE, ...allowed].some((block) => contains(block, address))) return undefined;
  return `${formatIpv4(address)} is neither on this machine nor in a private network; when it is yours, say so with --allow-target ${formatIpv4(address)}.`;
}
