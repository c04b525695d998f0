import { readFileSync, writeFileSync } from 'node:fs';
import { formatIpv4, type Ipv4 } from '../../codec/index.js';
import { runCommand, tryCommand } from './command.js';
import { HostChanges } from './host-changes.js';
import { formatNetwork, type HostInterface, type OwnRoute, ownRoutes, readMainRoutes } from './host-routes.js';
import { HostError } from './libc.js';
import { isOffloadOn, OFFLOADS, type Offload, setOffload } from './offloads.js';
import { filterText, type Network, packetFilter } from './packet-filter.js';

/** The bit of the firewall mark by which routing tells the node's packets from those of applications. */
export const OWN_MARK = 0x0100_0000;

/** First number of rules, tables and filters; the number of the TUN device is added. */
const FIRST_NUMBER = 7000;
/** TC_ACT_SHOT and TC_ACT_UNSPEC: drop, or let the next filter decide. */
const DROP = 2;
const PASS = 0xffffffff;
/** Values of rp_filter, of which the kernel takes the larger of "all" and the device. */
const STRICT = '1';
const LOOSE = '2';

/** What of the host's traffic goes through the node. */
export interface HostSetupOptions {
  readonly interfaces: readonly HostInterface[];
  /** Only packets to and from these networks; all when there are none. */
  readonly networks: readonly Network[];
  readonly tun: string;
  /** The MTU that applications see, in octets. */
  readonly mtu: number;
}

/**
 * Leads the local applications' TCP and UDP into the TUN device and keeps the kernel from answering what the node takes:
 *
 * - a rule of routing for each protocol sends unmarked packets to a table of the node's own, which has the routes of the
 *   main table that lead by the named interfaces;
 * - a filter at each interface's ingress drops what the packet sockets take. Packet sockets see a packet before that
 *   filter does, and nothing behind it (connection tracking, reverse path check, TCP) sees it at all;
 * - receive offloads that join packets are off.
 */
export class HostSetup {
  readonly #changes: HostChanges;
  /** The node's own table of routes. */
  readonly routes: readonly OwnRoute[];

  /** @throws HostError when nothing of the main table leads by the interfaces. */
  constructor(private readonly options: HostSetupOptions) {
    const { interfaces, networks } = options;
    this.routes = ownRoutes(readMainRoutes(), interfaces, networks);
    if (this.routes.length === 0)
      throw new HostError(
        'ENETUNREACH',
        `No route leads by ${interfaces.map(({ name }) => name).join(' or ')}${networks.length === 0 ? '' : ` to ${networks.map(formatNetwork).join(' or ')}`}; look at 'ip route'.`,
      );
    this.#changes = new HostChanges();
  }

  /** Makes every change; when one fails, those before it are undone. @throws HostError */
  apply(): void {
    try {
      this.#prepareDevice();
      for (const { name } of this.options.interfaces) this.#separatePackets(name);
      for (const { name } of this.options.interfaces) this.#keepFromKernel(name);
      this.#leadIntoDevice();
    } catch (error) {
      this.undo();
      throw error;
    }
  }

  /** Undoes every change. @returns sentences on what could not be undone. */
  undo(): string[] {
    return this.#changes.undo();
  }

  get #number(): number {
    return FIRST_NUMBER + Number(/\d*$/.exec(this.options.tun)![0] || 0);
  }

  #prepareDevice(): void {
    const { tun, mtu } = this.options;
    tryCommand('ip', ['link', 'set', 'dev', tun, 'addrgenmode', 'none']);
    runCommand('ip', ['link', 'set', 'dev', tun, 'mtu', String(mtu), 'txqueuelen', '1000', 'up']);
    // ICMP errors go up by the device, and the way back to who sent them leads by an interface: not so strict, then.
    const setting = (name: string) => `/proc/sys/net/ipv4/conf/${name}/rp_filter`;
    if ([setting('all'), setting(tun)].some((path) => readFileSync(path, 'utf8').trim() === STRICT))
      writeFileSync(setting(tun), LOOSE);
  }

  #separatePackets(device: string): void {
    for (const offload of Object.keys(OFFLOADS) as Offload[])
      if (isOffloadOn(device, offload))
        this.#changes.make({ kind: 'offload', device, offload }, () => setOffload(device, offload, false));
  }

  #keepFromKernel(device: string): void {
    const { interfaces, networks } = this.options;
    const addresses: Ipv4[] = interfaces.flatMap((item) => item.addresses.map(({ address }) => address));
    const filter = packetFilter(addresses, networks, DROP, PASS);
    const qdiscs = runCommand('tc', ['qdisc', 'show', 'dev', device]);
    if (!/^qdisc (clsact|ingress) /m.test(qdiscs))
      this.#changes.make({ kind: 'qdisc', device }, () => runCommand('tc', ['qdisc', 'add', 'dev', device, 'clsact']));
    const priority = this.#number;
    const add = ['filter', 'add', 'dev', device, 'ingress', 'prio', String(priority), 'protocol', 'ip'];
    this.#changes.make({ kind: 'filter', device, priority }, () =>
      runCommand('tc', [...add, 'bpf', 'direct-action', 'bytecode', filterText(filter)]),
    );
  }

  #leadIntoDevice(): void {
    const number = this.#number;
    const table = String(number);
    this.#changes.make({ kind: 'table', table: number }, () =>
      tryCommand('ip', ['-4', 'route', 'flush', 'table', table]),
    );
    for (const { network, source } of this.routes) {
      const to = formatNetwork(network);
      const route = source === undefined ? ['throw', to] : [to, 'dev', this.options.tun, 'src', formatIpv4(source)];
      runCommand('ip', ['-4', 'route', 'add', ...route, 'table', table]);
    }
    const unmarked = ['fwmark', `0/0x${OWN_MARK.toString(16)}`];
    for (const protocol of ['tcp', 'udp'] as const)
      this.#changes.make({ kind: 'rule', priority: number, protocol, table: number }, () =>
        runCommand('ip', [
          ...['-4', 'rule', 'add', 'pref', table, 'iif', 'lo', ...unmarked],
          ...['ipproto', protocol, 'lookup', table],
        ]),
      );
  }
}
