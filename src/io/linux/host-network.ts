import { formatIpv4, type Ipv4 } from '../../codec/index.js';
import { formatNetwork, type HostInterface, type MainRoute } from './host-routes.js';
import { type AddressMessage, type LinkMessage, MAIN_TABLE, type NetlinkMessage } from './netlink.js';

/** What happened to the host's network, as far as it concerns the node's interfaces. */
export interface HostEvent {
  readonly event:
    | 'interface-gone'
    | 'interface-made'
    | 'link-down'
    | 'link-up'
    | 'carrier-lost'
    | 'carrier-back'
    | 'address-removed'
    | 'address-added'
    | 'mtu-changed'
    | 'default-route-gone'
    | 'default-route-added'
    | 'routes-changed';
  /** The interface; absent where none is meant. */
  readonly interface?: string;
  /** The address or MTU. */
  readonly detail?: string;
}

/** The host's interfaces, IPv4 addresses and main routes at one moment. */
export class HostNetwork {
  readonly links: ReadonlyMap<string, LinkMessage>;
  /** The routes of the main table. A route over several interfaces counts once for each. */
  readonly routes: readonly MainRoute[];
  readonly #addresses: readonly AddressMessage[];

  /** @param messages complete dumps of links, addresses and routes, in any order. */
  constructor(messages: readonly NetlinkMessage[]) {
    const links = messages.filter((message) => message.kind === 'link');
    const names = new Map(links.map(({ index, name }) => [index, name]));
    this.links = new Map(links.map((link) => [link.name, link]));
    this.#addresses = messages.filter((message) => message.kind === 'address' && message.isGlobal) as AddressMessage[];
    this.routes = messages.flatMap((message): MainRoute[] =>
      message.kind !== 'route' || message.table !== MAIN_TABLE
        ? []
        : message.hops.map(({ index, gateway }) => ({
            network: message.network,
            device: message.isUnicast ? names.get(index) : undefined,
            gateway,
            source: message.source,
            metric: message.metric,
          })),
    );
  }

  /** An interface with its IPv4 addresses, primary first; undefined when there is none of that name. */
  interface(name: string): HostInterface | undefined {
    const link = this.links.get(name);
    if (link === undefined) return undefined;
    const own = this.#addresses.filter(({ index }) => index === link.index);
    return {
      name,
      index: link.index,
      mtu: link.mtu,
      isUp: link.isUp,
      hasCarrier: link.hasCarrier,
      addresses: own.map(({ address, prefix }) => ({ address, prefix })),
    };
  }

  /** True when an interface of the host has the address, apart from those in `except`. */
  has(address: Ipv4, except: readonly string[] = []): boolean {
    const left = new Set(except.map((name) => this.links.get(name)?.index));
    return this.#addresses.some((row) => row.address === address && !left.has(row.index));
  }
}

/** What differs between two moments, for the named interfaces and the routes that lead by them. */
export function hostEvents(before: HostNetwork, after: HostNetwork, names: readonly string[]): HostEvent[] {
  const events = names.flatMap((name) => interfaceEvents(name, before.interface(name), after.interface(name)));
  const routesOf = (host: HostNetwork) =>
    host.routes.filter(({ device }) => device !== undefined && names.includes(device));
  const [was, is] = [routesOf(before).map(routeKey), routesOf(after).map(routeKey)];
  const gone = was.filter((key) => !is.includes(key));
  const come = is.filter((key) => !was.includes(key));
  const isDefault = (key: string) => key.startsWith('default ');
  for (const key of gone.filter(isDefault)) events.push({ event: 'default-route-gone', interface: deviceOf(key) });
  for (const key of come.filter(isDefault)) events.push({ event: 'default-route-added', interface: deviceOf(key) });
  if ([...gone, ...come].some((key) => !isDefault(key))) events.push({ event: 'routes-changed' });
  return events;
}

function routeKey({ network, device, gateway, source, metric }: MainRoute): string {
  return `${formatNetwork(network)} ${device} ${gateway ?? ''} ${source ?? ''} ${metric}`;
}

function deviceOf(key: string): string {
  return key.split(' ')[1]!;
}

function interfaceEvents(
  name: string,
  before: HostInterface | undefined,
  after: HostInterface | undefined,
): HostEvent[] {
  if (before === undefined && after === undefined) return [];
  if (after === undefined) return [{ event: 'interface-gone', interface: name }];
  const events: HostEvent[] = [];
  const add = (event: HostEvent['event'], detail?: string) =>
    events.push({ event, interface: name, ...(detail === undefined ? {} : { detail }) });
  const isNew = before === undefined || before.index !== after.index;
  if (isNew) {
    if (before !== undefined) add('interface-gone');
    add('interface-made');
  } else {
    if (before.isUp !== after.isUp) add(after.isUp ? 'link-up' : 'link-down');
    else if (before.hasCarrier !== after.hasCarrier) add(after.hasCarrier ? 'carrier-back' : 'carrier-lost');
    if (before.mtu !== after.mtu) add('mtu-changed', String(after.mtu));
  }
  const texts = (device: HostInterface | undefined) =>
    (device?.addresses ?? []).map(({ address, prefix }) => `${formatIpv4(address)}/${prefix}`);
  const [was, is] = [isNew ? [] : texts(before), texts(after)];
  for (const text of was) if (!is.includes(text)) add('address-removed', text);
  for (const text of is) if (!was.includes(text)) add('address-added', text);
  return events;
}

/**
 * The addresses that can be used now: those of interfaces that are up, have a carrier and, once there are peers, a way to
 * one of them. The primary of each interface comes first, then the others.
 * @param hasWay says whether packets from an address by an interface can be routed to any of the peers.
 */
export function usableAddresses(
  interfaces: readonly HostInterface[],
  hasWay: (source: Ipv4, device: HostInterface) => boolean,
): Ipv4[] {
  const own = interfaces
    .filter(({ isUp, hasCarrier }) => isUp && hasCarrier)
    .map((device) => device.addresses.map(({ address }) => address).filter((address) => hasWay(address, device)));
  return [...new Set([...own.flatMap((list) => list.slice(0, 1)), ...own.flatMap((list) => list.slice(1))])];
}

/** `eth0 lost its carrier`: an event for people. */
export function eventInWords({ event, interface: name, detail }: HostEvent): string {
  switch (event) {
    case 'interface-gone':
      return `interface ${name} is gone`;
    case 'interface-made':
      return `interface ${name} was made`;
    case 'link-down':
      return `${name} went down`;
    case 'link-up':
      return `${name} went up`;
    case 'carrier-lost':
      return `${name} lost its carrier`;
    case 'carrier-back':
      return `${name} has a carrier again`;
    case 'address-removed':
      return `${name} lost the address ${detail}`;
    case 'address-added':
      return `${name} has the address ${detail}`;
    case 'mtu-changed':
      return `${name} has the MTU ${detail}`;
    case 'default-route-gone':
      return `the default route by ${name} is gone`;
    case 'default-route-added':
      return `there is a default route by ${name}`;
    case 'routes-changed':
      return 'the routes changed';
  }
}
