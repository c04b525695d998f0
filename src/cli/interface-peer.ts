import { hostMtu, type Ipv4 } from '../codec/index.js';
import { Endpoint, type EndpointOptions } from '../endpoint/index.js';
import { type HostInterface, readInterface } from '../io/linux/host-routes.js';
import { HostSetup, OWN_MARK } from '../io/linux/host-setup.js';
import { InterfaceInput } from '../io/linux/interface-input.js';
import { InterfaceOutput } from '../io/linux/interface-output.js';
import { HostError } from '../io/linux/libc.js';
import { MOST_FILTER_ENTRIES, type Network } from '../io/linux/packet-filter.js';
import { TunDevice } from '../io/linux/tun.js';
import { wallClock } from '../io/wall-clock.js';
import type { Controlled } from './control-server.js';
import { PacketExchange, type PacketNode } from './packet-exchange.js';

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
}

/**
 * A node between the host's own kernel and its interfaces: what local applications send comes out of a TUN device, goes
 * through the endpoint and leaves by raw sockets; what arrives is read by packet sockets and goes up through the TUN
 * device. See `PacketExchange` for the way in between.
 */
export class InterfacePeer implements Controlled {
  readonly endpoint: Endpoint;
  readonly interfaces: readonly HostInterface[];
  /** The MTU that applications see, in octets. */
  readonly hostMtu: number;
  readonly setup: HostSetup;
  readonly tun: TunDevice;
  readonly #inputs: InterfaceInput[] = [];
  readonly #outputs = new Map<Ipv4, InterfaceOutput>();
  readonly #unbound: InterfaceOutput;
  readonly #exchange: PacketExchange;
  readonly #now = wallClock();
  #isClosed = false;

  /**
   * Opens the interfaces and leads the host's traffic through the node.
   * @param replaced what packets go through instead of the endpoint, where the way to it and back is measured.
   * @throws HostError; nothing is left changed then.
   */
  constructor(options: InterfacePeerOptions, replaced?: (endpoint: Endpoint) => PacketNode) {
    const { networks } = options;
    this.interfaces = options.interfaces.map(readInterface);
    const addresses = addressesOf(this.interfaces);
    if (addresses.length > MOST_FILTER_ENTRIES || networks.length > MOST_FILTER_ENTRIES)
      throw new HostError(
        'E2BIG',
        `At most ${MOST_FILTER_ENTRIES} addresses and as many routes can be used; name fewer interfaces or routes.`,
      );
    const linkMtu = Math.min(...this.interfaces.map(({ mtu }) => mtu));
    this.endpoint = new Endpoint({ ...options, addresses, linkMtu });
    this.hostMtu = hostMtu(linkMtu, {
      layout: this.endpoint.settings.profile.layout,
      addressCount: addresses.length,
      wrapper: options.tcpMode === 'udp-wrapper',
    });
    this.tun = TunDevice.open('mpip%d', options.offload ?? true);
    try {
      this.#unbound = InterfaceOutput.open({ mark: OWN_MARK });
      for (const { name, addresses: own } of this.interfaces) {
        this.#inputs.push(InterfaceInput.open(name, addresses, networks));
        for (const { address } of own)
          this.#outputs.set(
            address,
            InterfaceOutput.open({ device: name, source: address, mark: OWN_MARK, trains: options.offload ?? true }),
          );
      }
      this.setup = new HostSetup({ interfaces: this.interfaces, networks, tun: this.tun.name, mtu: this.hostMtu });
      this.setup.apply();
    } catch (error) {
      this.#closeLinks();
      throw error;
    }
    const { tun: host, endpoint } = this;
    const links = { host, outputs: this.#outputs, otherOutput: this.#unbound };
    this.#exchange = new PacketExchange(replaced?.(endpoint) ?? endpoint, links, this.#now);
    for (const input of this.#inputs) this.#exchange.addInput(input);
  }

  /** True for an address of the interfaces; the kernel's own ports are not looked at. */
  canSendFrom(address: Ipv4): boolean {
    return this.#outputs.has(address);
  }

  /** Microseconds of the endpoint's clock. */
  now(): number {
    return this.#now();
  }

  /** Sends what the endpoint has to send. */
  flush(): void {
    this.#exchange.serve();
  }

  /** Packets that the kernel refused to take, in either direction. */
  get refused(): number {
    return [this.tun, this.#unbound, ...this.#outputs.values()].reduce((sum, { refused }) => sum + refused, 0);
  }

  /** Undoes every change of the host and closes. @returns sentences on what could not be undone. */
  close(): string[] {
    if (this.#isClosed) return [];
    this.#isClosed = true;
    this.#exchange.close();
    const problems = this.setup.undo();
    this.#closeLinks();
    return problems;
  }

  #closeLinks(): void {
    for (const link of [this.tun, this.#unbound, ...this.#inputs, ...this.#outputs.values()]) link?.close();
  }
}

/** The primary address of each interface first, then the others. */
function addressesOf(interfaces: readonly HostInterface[]): Ipv4[] {
  const own = interfaces.map(({ addresses }) => addresses.map(({ address }) => address));
  return [...new Set([...own.map(([primary]) => primary!), ...own.flatMap(([, ...others]) => others)])];
}
