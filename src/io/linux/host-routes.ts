import { formatIpv4, type Ipv4, parseIpv4 } from '../../codec/index.js';
import { runCommand } from './command.js';
import { HostError } from './libc.js';
import type { Network } from './packet-filter.js';

/** An interface of the host that the node uses. */
export interface HostInterface {
  readonly name: string;
  readonly mtu: number;
  /** Its IPv4 addresses, primary first, with the prefix of their network. */
  readonly addresses: readonly Network[];
}

/** A route of the main table, as far as it matters here. */
export interface MainRoute {
  readonly network: Network;
  /** The interface, or undefined when the route leads nowhere (unreachable, blackhole, …). */
  readonly device: string | undefined;
  readonly gateway: Ipv4 | undefined;
  readonly source: Ipv4 | undefined;
  readonly metric: number;
}

/** A route of the node's own table: into the TUN device with a source address, or `throw`: the other tables decide. */
export interface OwnRoute {
  readonly network: Network;
  /** Undefined for `throw`. */
  readonly source: Ipv4 | undefined;
}

const ALL: Network = { address: 0, prefix: 0 };
/** Multicast and limited broadcast never go through the node (RFC 1112, RFC 919). */
const NEVER: readonly Network[] = [
  { address: 0xe0000000, prefix: 4 },
  { address: 0xffffffff, prefix: 32 },
];

/** Reads `10.0.0.0/8`, `10.1.2.3` or `default`; undefined when it is none of them or has bits behind the prefix. */
export function parseNetwork(text: string): Network | undefined {
  if (text === 'default') return ALL;
  const [address, length, ...rest] = text.split('/');
  if (rest.length > 0 || (length !== undefined && !/^\d{1,2}$/.test(length))) return undefined;
  const prefix = length === undefined ? 32 : Number(length);
  try {
    const network = { address: parseIpv4(address!), prefix };
    return prefix <= 32 && contains(network, network.address) && masked(network) === network.address
      ? network
      : undefined;
  } catch {
    return undefined;
  }
}

/** `10.0.0.0/8`; all addresses are `default`. */
export function formatNetwork({ address, prefix }: Network): string {
  return prefix === 0 ? 'default' : `${formatIpv4(address)}/${prefix}`;
}

function masked({ address, prefix }: Network): number {
  return prefix === 0 ? 0 : (address & (0xffffffff << (32 - prefix))) >>> 0;
}

function contains(network: Network, address: Ipv4): boolean {
  return masked({ address, prefix: network.prefix }) === masked(network);
}

function includes(outer: Network, inner: Network): boolean {
  return outer.prefix <= inner.prefix && contains(outer, inner.address);
}

/**
 * The node's own table: what local applications would send by the named interfaces goes into the TUN device with the
 * source address that it would have had; everything else is thrown back to the other tables.
 * @param wanted only packets to these networks; all when there are none.
 */
export function ownRoutes(
  main: readonly MainRoute[],
  interfaces: readonly HostInterface[],
  wanted: readonly Network[],
): OwnRoute[] {
  const best = new Map<string, MainRoute>();
  for (const route of main) {
    const key = formatNetwork(route.network);
    const known = best.get(key);
    if (known === undefined || route.metric < known.metric) best.set(key, route);
  }
  const narrowed = wanted.length === 0 ? [ALL] : wanted;
  const own = new Map<string, OwnRoute & { readonly of: number }>();
  for (const route of best.values()) {
    const source = sourceOf(route, interfaces);
    for (const limit of narrowed) {
      const network = includes(limit, route.network) ? route.network : limit;
      if (!includes(route.network, network)) continue;
      const key = formatNetwork(network);
      if ((own.get(key)?.of ?? -1) < route.network.prefix) own.set(key, { network, source, of: route.network.prefix });
    }
  }
  const routes = [...own.values()].map(({ network, source }) => ({ network, source }));
  if (!routes.some(({ source }) => source !== undefined)) return [];
  const never = NEVER.filter((network) => routes.some((route) => includes(route.network, network)));
  return [...routes, ...never.map((network) => ({ network, source: undefined }))];
}

/** The source address of packets of a route by one of the interfaces; undefined when it leads elsewhere. */
function sourceOf(route: MainRoute, interfaces: readonly HostInterface[]): Ipv4 | undefined {
  const device = interfaces.find(({ name }) => name === route.device);
  if (device === undefined) return undefined;
  if (route.source !== undefined) return route.source;
  const { gateway } = route;
  const near = gateway === undefined ? undefined : device.addresses.find((address) => contains(address, gateway));
  return (near ?? device.addresses[0])?.address;
}

interface RouteJson {
  readonly type?: string;
  readonly dst: string;
  readonly dev?: string;
  readonly gateway?: string;
  readonly prefsrc?: string;
  readonly metric?: number;
  readonly nexthops?: readonly { readonly dev?: string; readonly gateway?: string }[];
}

/** The routes of the host's main table. A route over several interfaces counts once for each. @throws HostError */
export function readMainRoutes(): MainRoute[] {
  const rows = JSON.parse(runCommand('ip', ['-4', '-j', 'route', 'show', 'table', 'main']) || '[]') as RouteJson[];
  return rows.flatMap((row) => {
    const network = parseNetwork(row.dst);
    if (network === undefined) return [];
    const address = (text: string | undefined) => (text === undefined ? undefined : parseIpv4(text));
    return (row.nexthops ?? [row]).map(({ dev, gateway }) => ({
      network,
      device: row.type === undefined || row.type === 'unicast' ? dev : undefined,
      gateway: address(gateway),
      source: address(row.prefsrc),
      metric: row.metric ?? 0,
    }));
  });
}

interface AddressJson {
  readonly ifname: string;
  readonly mtu: number;
  readonly flags: readonly string[];
  readonly addr_info: readonly {
    readonly family: string;
    readonly local: string;
    readonly prefixlen: number;
    readonly scope: string;
  }[];
}

/**
 * An interface of the host.
 * @throws HostError when there is none of that name, it is down or has no IPv4 address.
 */
export function readInterface(name: string): HostInterface {
  const all = JSON.parse(runCommand('ip', ['-4', '-j', 'addr', 'show']) || '[]') as AddressJson[];
  const links = JSON.parse(runCommand('ip', ['-j', 'link', 'show']) || '[]') as AddressJson[];
  const link = links.find(({ ifname }) => ifname === name);
  if (link === undefined)
    throw new HostError(
      'ENODEV',
      `There is no interface '${name}'; choose from ${links.map(({ ifname }) => ifname).join(', ')}.`,
    );
  if (!link.flags.includes('UP'))
    throw new HostError('ENETDOWN', `Interface ${name} is down; bring it up with 'ip link set ${name} up'.`);
  const addresses = (all.find(({ ifname }) => ifname === name)?.addr_info ?? [])
    .filter(({ family, scope }) => family === 'inet' && scope === 'global')
    .map(({ local, prefixlen }) => ({ address: parseIpv4(local), prefix: prefixlen }));
  if (addresses.length === 0)
    throw new HostError('EADDRNOTAVAIL', `Interface ${name} has no IPv4 address; give it one or leave it out.`);
  return { name, mtu: link.mtu, addresses };
}
