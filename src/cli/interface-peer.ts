import { setTimeout } from 'node:timers/promises';
import { addressOfKey, formatIpv4, hostMtu, type Ipv4 } from '../codec/index.js';
import { PATH_HEADER } from '../codec/path-sequence.js';
import { Endpoint, type EndpointOptions, type Session } from '../endpoint/index.js';
import { HostLinks } from '../io/linux/host-links.js';
import { type HostEvent, type HostNetwork, hostEvents, usableAddresses } from '../io/linux/host-network.js';
import { formatNetwork, type HostInterface } from '../io/linux/host-routes.js';
import { HostSetup, type HostSituation, OWN_MARK } from '../io/linux/host-setup.js';
import { HostError, libc } from '../io/linux/libc.js';
import type { NetlinkMessage } from '../io/linux/netlink.js';
import { NetworkMonitor } from '../io/linux/network-monitor.js';
import { MOST_FILTER_ENTRIES, type Network } from '../io/linux/packet-filter.js';
import type { HostChange } from '../io/linux/state-files.js';
import { TunDevice } from '../io/linux/tun.js';
import { wallClock } from '../io/wall-clock.js';
import type { Controlled } from './control-commands.js';
import { openKernelConnection } from './kernel-connections.js';
import { PacketExchange, type PacketNode } from './packet-exchange.js';

/** How often addresses that are held for sessions are looked through. */
const HOLD_CHECK_MS = 10_000;
/** How often a node that is to end looks whether its peers have noticed. */
const DRAIN_CHECK_MS = 50;
const EVENTS_KEPT = 100;
/** Peers' addresses for which a way is looked for when the routes change. */
const MOST_DESTINATIONS = 64;

/** How a node on a real host is made; its addresses and the links' MTU come from the interfaces. */
export interface InterfacePeerOptions extends Omit<EndpointOptions, 'addresses' | 'linkMtu'> {
  /** Names of interfaces, primary first. */
  readonly interfaces: readonly string[];
  /** Only packets to and from these networks; all when there are none. */
  readonly networks: readonly Network[];
  /**
   * Super-packets between the kernel and the node (segmentation and checksums are left to this side), and trains of
   * datagrams to the interfaces. Default true.
   */
  readonly offload?: boolean;
  /** Changes of killed processes that hold on these interfaces: this one undoes them. */
  readonly inherited?: readonly HostChange[];
  /** Told of changes of the host's network, after the node has followed them, and of what could not be followed. */
  readonly onHostChange?: (events: readonly HostEvent[], problems: readonly string[]) => void;
}

/** What a node on a real host knows about the host, for its status. */
export interface HostStatus {
  readonly pid: number;
  readonly interfaces: readonly {
    readonly name: string;
    readonly isPresent: boolean;
    readonly isUp: boolean;
    readonly hasCarrier: boolean;
    readonly mtu: number | null;
    readonly addresses: readonly string[];
  }[];
  /** The TUN device and the MTU that applications see there, in octets. */
  readonly device: string;
  readonly hostMtu: number;
  /** Number of the node's own table of routes. */
  readonly table: number;
  /** Networks whose packets go through the node. */
  readonly routes: readonly string[];
  /** Former addresses that are kept for connections that began with them. */
  readonly heldAddresses: readonly string[];
  /** Packets that the kernel refused to take, in either direction. */
  readonly refused: number;
  /** Number of events since the start, and the last ones. `at` is UTC. */
  readonly eventCount: number;
  readonly events: readonly (HostEvent & { readonly at: string })[];
}

/**
 * A node between the host's own kernel and its interfaces: what local applications send comes out of a TUN device, goes
 * through the endpoint and leaves by raw sockets; what arrives is read by packet sockets and goes up through the TUN
 * device. See `PacketExchange` for the way in between. The kernel tells by netlink when interfaces, addresses or routes
 * change; the node follows at once.
 */
export class InterfacePeer implements Controlled {
  readonly endpoint: Endpoint;
  readonly setup: HostSetup;
  readonly tun: TunDevice;
  readonly #links: HostLinks;
  readonly #monitor: NetworkMonitor;
  readonly #exchange: PacketExchange;
  readonly #now = wallClock();
  readonly #tunIndex: number;
  readonly #events: (HostEvent & { readonly at: string })[] = [];
  readonly #addressCount: number;
  #hostMtu: number;
  #network: HostNetwork;
  #eventCount = 0;
  #stopFollowing: (() => void) | undefined;
  #holdTimer: NodeJS.Timeout | undefined;
  #isClosed = false;

  /**
   * Opens the interfaces and leads the host's traffic through the node. Call it with the host locked.
   * @param replaced what packets go through instead of the endpoint, where the way to it and back is measured.
   * @throws HostError; nothing is left changed then.
   */
  constructor(
    private readonly options: InterfacePeerOptions,
    replaced?: (endpoint: Endpoint) => PacketNode,
  ) {
    const { networks, offload = true } = options;
    // Opened first: what changes from here on is told.
    const monitor = new NetworkMonitor();
    this.#monitor = monitor;
    let tun: TunDevice | undefined;
    let links: HostLinks | undefined;
    let exchange: PacketExchange | undefined;
    try {
      this.#network = monitor.read();
      const interfaces = options.interfaces.map((name) => neededInterface(this.#network, name));
      const addresses = interfaces.flatMap((device) => device.addresses);
      if (addresses.length > MOST_FILTER_ENTRIES || networks.length > MOST_FILTER_ENTRIES)
        throw new HostError(
          'E2BIG',
          `At most ${MOST_FILTER_ENTRIES} addresses and as many routes can be used; name fewer interfaces or routes.`,
        );
      const linkMtu = Math.min(...interfaces.map(({ mtu }) => mtu));
      const usable = usableAddresses(interfaces, () => true);
      this.endpoint = new Endpoint({
        ...options,
        // Without any carrier the node waits with the addresses that it will have.
        addresses: usable.length > 0 ? usable : [...new Set(addresses.map(({ address }) => address))],
        linkMtu,
      });
      this.#addressCount = addresses.length;
      this.#hostMtu = this.#hostMtuFor(linkMtu);
      tun = TunDevice.open('mpip%d', offload);
      this.tun = tun;
      this.#tunIndex = libc().ifNameToIndex(tun.name);
      links = new HostLinks(
        networks,
        offload,
        (source) => this.#exchange.addInput(source),
        () => this.#exchange.resume(),
      );
      this.#links = links;
      const ends = { host: tun, outputs: links.outputs, otherOutput: links.unbound };
      exchange = new PacketExchange(replaced?.(this.endpoint) ?? this.endpoint, ends, this.#now);
      this.#exchange = exchange;
      for (const problem of links.update(
        interfaces,
        addresses.map(({ address }) => address),
      ))
        throw problem;
      this.setup = new HostSetup(
        { names: options.interfaces, networks, tun: tun.name, mtu: this.#hostMtu },
        this.#situation([]),
        options.inherited,
      );
    } catch (error) {
      for (const opened of [exchange, links, tun, monitor]) opened?.close();
      throw error;
    }
    this.#stopFollowing = libc().watch(monitor.fd, () => this.#follow());
  }

  /** The MTU that applications see, in octets. */
  get hostMtu(): number {
    return this.#hostMtu;
  }

  /** Names of the interfaces, primary first. */
  get interfaceNames(): readonly string[] {
    return this.options.interfaces;
  }

  /** True for an address that the node can send from; the kernel's own ports are not looked at. */
  canSendFrom(address: Ipv4): boolean {
    return this.#links.has(address);
  }

  /** Opens a connection whose packets go through the node. */
  readonly connect = openKernelConnection;

  /** Microseconds of the endpoint's clock. */
  now(): number {
    return this.#now();
  }

  /** Sends what the endpoint has to send. */
  flush(): void {
    this.#exchange.serve();
  }

  /** What is known about the host. */
  hostStatus(): { readonly host: HostStatus } {
    const { setup, tun, options } = this;
    const host: HostStatus = {
      pid: process.pid,
      interfaces: options.interfaces.map((name) => {
        const device = this.#network.interface(name);
        return {
          name,
          isPresent: device !== undefined,
          isUp: device?.isUp ?? false,
          hasCarrier: device?.hasCarrier ?? false,
          mtu: device?.mtu ?? null,
          addresses: (device?.addresses ?? []).map(({ address, prefix }) => `${formatIpv4(address)}/${prefix}`),
        };
      }),
      device: tun.name,
      hostMtu: this.hostMtu,
      table: setup.number,
      routes: setup.routes.filter(({ source }) => source !== undefined).map(({ network }) => formatNetwork(network)),
      heldAddresses: [...setup.held].map(formatIpv4),
      refused: tun.refused + this.#links.refused,
      eventCount: this.#eventCount,
      events: this.#events,
    };
    return { host };
  }

  /**
   * Sends packets as they are from now on and waits until the peers do so, too (docs/decisions.md 60).
   * @param seconds how long at most.
   * @param giveUp ends the waiting at once.
   * @returns the connections in which peers may go on with CMs.
   */
  async drain(seconds: number, giveUp?: Promise<unknown>): Promise<readonly Session[]> {
    const { endpoint } = this;
    let isGivenUp = seconds === 0;
    void giveUp?.then(() => (isGivenUp = true));
    const end = this.#now() + seconds * 1e6;
    endpoint.leave(this.#now());
    this.flush();
    while (!isGivenUp && this.#now() < end && endpoint.speaking(this.#now()).length > 0)
      await setTimeout(DRAIN_CHECK_MS);
    return endpoint.speaking(this.#now());
  }

  /** Undoes every change of the host and closes. @returns sentences on what could not be undone. */
  close(): string[] {
    if (this.#isClosed) return [];
    this.#isClosed = true;
    clearInterval(this.#holdTimer);
    this.#stopFollowing?.();
    const problems = this.setup.undo();
    for (const opened of [this.#exchange, this.#links, this.tun, this.#monitor]) opened.close();
    return problems;
  }

  /** The named interfaces that are there, and the main table without routes by those of them that cannot be used. */
  #situation(held: Iterable<Ipv4>): HostSituation {
    const { names, interfaces } = this.#present();
    const usable = new Set(interfaces.filter(({ isUp, hasCarrier }) => isUp && hasCarrier).map(({ name }) => name));
    // Without any that can be used the routes stay, so that applications wait instead of giving up.
    const isKept = (device: string | undefined) =>
      device === undefined || usable.size === 0 || !names.includes(device) || usable.has(device);
    const own = interfaces.flatMap((device) => device.addresses.map(({ address }) => address));
    return {
      interfaces,
      routes: this.#network.routes.filter(({ device }) => isKept(device)),
      addresses: [...new Set([...own, ...held])],
    };
  }

  #present(): { names: readonly string[]; interfaces: HostInterface[] } {
    const names = this.options.interfaces;
    const interfaces = names.flatMap((name) => this.#network.interface(name) ?? []);
    return { names, interfaces };
  }

  /** The kernel told of something: looks at what is different now and follows it (paper, section 3.4). */
  #follow(): void {
    const { setup } = this;
    const isOwn = (message: NetlinkMessage) =>
      (message.kind === 'route' &&
        (message.table === setup.number || message.hops.every(({ index }) => index === this.#tunIndex))) ||
      ((message.kind === 'address' || message.kind === 'link') && message.index === this.#tunIndex && !message.isGone);
    if (!this.#monitor.hasChanged(isOwn)) return;
    const before = this.#network;
    this.#network = this.#monitor.read();
    if (!this.#network.links.has(this.tun.name))
      throw new HostError('ENODEV', `Somebody removed the device ${this.tun.name}; start the peer again.`);
    const events = hostEvents(before, this.#network, this.options.interfaces);
    const { interfaces } = this.#present();
    this.#hold();
    const situation = this.#situation(setup.held);
    const problems = [
      ...setup.update(situation),
      ...this.#links.update(interfaces, situation.addresses).map(({ message }) => message),
      ...this.#followMtu(interfaces),
    ];
    this.#tellEndpoint(interfaces);
    this.#release();
    this.#exchange.serve();
    if (events.length + problems.length === 0) return;
    const at = new Date().toISOString();
    this.#eventCount += events.length;
    this.#events.push(...events.map((event) => ({ at, ...event })));
    this.#events.splice(0, this.#events.length - EVENTS_KEPT);
    this.options.onHostChange?.(events, problems);
  }

  /** What applications see where the links carry so much. */
  #hostMtuFor(linkMtu: number): number {
    const { settings } = this.endpoint;
    const { layout } = settings.profile;
    const wrapper = settings.tcpMode === 'udp-wrapper';
    const mtu = hostMtu(linkMtu, { layout, addressCount: this.#addressCount, wrapper });
    return settings.pathSequence ? mtu - PATH_HEADER : mtu;
  }

  /** The interfaces carry packets of another size: the applications' connections follow the device's MTU. */
  #followMtu(interfaces: readonly HostInterface[]): string[] {
    if (interfaces.length === 0) return [];
    const linkMtu = Math.min(...interfaces.map(({ mtu }) => mtu));
    this.endpoint.setLinkMtu(linkMtu);
    const mtu = this.#hostMtuFor(linkMtu);
    if (mtu === this.#hostMtu) return [];
    this.#hostMtu = mtu;
    return this.setup.setMtu(mtu);
  }

  /** The addresses that can be used became others. When none can be used now, the node waits with those it had. */
  #tellEndpoint(interfaces: readonly HostInterface[]): void {
    const destinations = [...new Set([...this.endpoint.nodes.rows()].map(([key]) => addressOfKey(key)))];
    const asked = destinations.slice(0, MOST_DESTINATIONS);
    const hasWay = (source: Ipv4, { index }: HostInterface) =>
      asked.length === 0 ||
      asked.some((destination) => this.#monitor.hasWay({ source, destination, index, mark: OWN_MARK }));
    const usable = usableAddresses(interfaces, hasWay);
    if (usable.length > 0) this.endpoint.setAddresses(usable, this.#now());
  }

  /** Sockets are bound to the address with which their connection began: it stays on the host as long as they do. */
  #hold(): void {
    for (const address of this.#neededAddresses())
      if (!this.setup.held.has(address) && !this.#network.has(address, [this.tun.name])) this.setup.hold(address);
  }

  #release(): void {
    const needed = this.#neededAddresses();
    for (const address of [...this.setup.held])
      if (!needed.has(address) || this.#network.has(address, [this.tun.name])) this.setup.release(address);
    if (this.setup.held.size === 0) {
      clearInterval(this.#holdTimer);
      this.#holdTimer = undefined;
    } else this.#holdTimer ??= setInterval(() => this.#release(), HOLD_CHECK_MS);
  }

  #neededAddresses(): Set<Ipv4> {
    const needed = new Set<Ipv4>();
    for (const { tuple } of this.endpoint.sessions.rows()) needed.add(tuple.source);
    return needed;
  }
}

/**
 * An interface that the node is to begin with.
 * @throws HostError when there is none of that name, it is the loopback interface, is down or has no IPv4 address.
 */
function neededInterface(network: HostNetwork, name: string): HostInterface {
  const device = network.interface(name);
  const others = [...network.links.values()].filter(({ isLoopback }) => !isLoopback).map((link) => link.name);
  if (device === undefined)
    throw new HostError('ENODEV', `There is no interface '${name}'; choose from ${others.join(', ') || 'none'}.`);
  if (network.links.get(name)!.isLoopback)
    throw new HostError(
      'EINVAL',
      `Interface ${name} is the loopback interface; choose from ${others.join(', ') || 'none'}.`,
    );
  if (!device.isUp)
    throw new HostError('ENETDOWN', `Interface ${name} is down; bring it up with 'ip link set ${name} up'.`);
  if (device.addresses.length === 0)
    throw new HostError('EADDRNOTAVAIL', `Interface ${name} has no IPv4 address; give it one or leave it out.`);
  return device;
}
