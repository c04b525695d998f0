import { formatIpv4, type Ipv4, parseIpv4 } from '../../codec/index.js';
import type { Network } from './packet-filter.js';

/** An interface of the host that the node uses. */
export interface HostInterface {
  readonly name: string;
  /** The kernel's number of it; an interface that is made again has another. */
  readonly index: number;
  readonly mtu: number;
  /** The administrator switched it on. */
  readonly isUp: boolean;
  /** It can carry packets. */
  readonly hasCarrier: boolean;
  /** Its IPv4 addresses, primary first, with the prefix of their network. */
  readonly addresses: readonly Network[];
}

/** What of an interface its routes are made from. */
type RoutedInterface = Pick<HostInterface, 'name' | 'addresses'>;

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
  interfaces: readonly RoutedInterface[],
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
function sourceOf(route: MainRoute, interfaces: readonly RoutedInterface[]): Ipv4 | undefined {
  const device = interfaces.find(({ name }) => name === route.device);
  if (device === undefined) return undefined;
  if (route.source !== undefined) return route.source;
  const { gateway } = route;
  const near = gateway === undefined ? undefined : device.addresses.find((address) => contains(address, gateway));
  return (near ?? device.addresses[0])?.address;
}
