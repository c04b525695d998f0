import { readFileSync } from 'node:fs';
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import { formatIpv4, type Ipv4, parseIpv4 } from '../codec/index.js';
import { HostError } from './linux/libc.js';

const LOOPBACK = 127;

/**
 * The interfaces that have addresses, by name, with what the system says of one of each.
 * @throws HostError (`EADDRNOTAVAIL`) for an address that none has.
 */
export function interfacesOf(addresses: readonly Ipv4[]): Map<string, NetworkInterfaceInfo> {
  const all = Object.entries(networkInterfaces()).flatMap(([name, entries = []]) =>
    entries.filter(({ family }) => family === 'IPv4').map((entry) => ({ name, entry })),
  );
  const found = new Map<string, NetworkInterfaceInfo>();
  for (const address of addresses) {
    const own = all.find(
      ({ entry }) => parseIpv4(entry.address) === address || (address >>> 24 === LOOPBACK && entry.internal),
    );
    if (own === undefined)
      throw new HostError(
        'EADDRNOTAVAIL',
        `No interface that is up has the address ${formatIpv4(address)}; give one of this machine's own.`,
      );
    found.set(own.name, own.entry);
  }
  return found;
}

/** Octets of the longest datagram of IPv4. */
const LONGEST = 65535;

/**
 * Octets of the longest datagram that all interfaces with addresses carry whole; 65535 where nothing says so: the system is not
 * Linux, or no interface has an address.
 */
export function linkMtuOf(addresses: readonly Ipv4[]): number {
  try {
    return Math.min(LONGEST, ...[...interfacesOf(addresses).keys()].map(mtuOf));
  } catch (error) {
    if (error instanceof HostError) return LONGEST;
    throw error;
  }
}

function mtuOf(name: string): number {
  try {
    return Number(readFileSync(`/sys/class/net/${name}/mtu`, 'utf8')) || LONGEST;
  } catch {
    return LONGEST;
  }
}
