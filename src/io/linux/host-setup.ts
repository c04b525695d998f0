import { readFileSync, writeFileSync } from 'node:fs';
import { formatIpv4, type Ipv4 } from '../../codec/index.js';
import { runCommand, tryCommand } from './command.js';
import { HostChanges } from './host-changes.js';
import { formatNetwork, type HostInterface, type MainRoute, type OwnRoute, ownRoutes } from './host-routes.js';
import { HostError } from './libc.js';
import { isOffloadOn, OFFLOADS, type Offload, setOffload } from './offloads.js';
import { filterText, type Network, packetFilter } from './packet-filter.js';
import { type HostChange, isAlive, networkNamespace, stateFiles } from './state-files.js';

/** The bit of the firewall mark by which routing tells the node's packets from those of applications. */
export const OWN_MARK = 0x0100_0000;

/** The numbers that rules, tables and filters of the node may have: the first that is free everywhere. */
const FIRST_NUMBER = 7000;
const LAST_NUMBER = 7999;
/** TC_ACT_SHOT and TC_ACT_UNSPEC: drop, or let the next filter decide. */
const DROP = 2;
const PASS = 0xffffffff;
/** Stands for an address where one is needed that nobody has (RFC 7600, section 4.8). */
const DUMMY_ADDRESS = '192.0.0.8';

/** What of the host's traffic goes through the node. */
export interface HostSetupOptions {
  /** Names of the interfaces. */
  readonly names: readonly string[];
  /** Only packets to and from these networks; all when there are none. */
  readonly networks: readonly Network[];
  /** Name of the TUN device. */
  readonly tun: string;
  /** The MTU that applications see, in octets. */
  readonly mtu: number;
}

/** What the set-up follows: the interfaces that are there, and the routes of the main table. */
export interface HostSituation {
  readonly interfaces: readonly HostInterface[];
  readonly routes: readonly MainRoute[];
  /**
   * Every address whose packets are the node's: those of the interfaces, and former ones that are held. Without the latter
   * the kernel itself would take packets that come to them a little longer, with their CM.
   */
  readonly addresses: readonly Ipv4[];
}

/**
 * Leads the local applications' TCP and UDP into the TUN device and keeps the kernel from answering what the node takes:
 *
 * - a rule of routing for each protocol sends unmarked packets to a table of the node's own, which has the routes of the
 *   main table that lead by the named interfaces;
 * - a filter at each interface's ingress drops what the packet sockets take. Packet sockets see a packet before that
 *   filter does, and nothing behind it (connection tracking, reverse path check, TCP) sees it at all;
 * - receive offloads that join packets are off.
 *
 * Table and filters follow the interfaces (`update`). Every change is made with the host locked.
 */
export class HostSetup {
  readonly changes: HostChanges;
  /** The number of the node's table, rules and filters. */
  readonly number: number;
  readonly #filters = new Map<string, { index: number; text: string }>();
  readonly #held = new Set<Ipv4>();
  #routes: readonly OwnRoute[] = [];

  /**
   * Makes every change; when one fails, those before it are undone.
   * @throws HostError when nothing of the main table leads by the interfaces, or another node uses one of them.
   */
  constructor(
    private readonly options: HostSetupOptions,
    situation: HostSituation,
    /** Changes of killed processes that hold on interfaces that are now this one's. */
    inherited: readonly HostChange[] = [],
  ) {
    const { names, networks } = options;
    refuseInterfacesInUse(names);
    if (ownRoutes(situation.routes, situation.interfaces, networks).length === 0)
      throw new HostError(
        'ENETUNREACH',
        `No route leads by ${names.join(' or ')}${networks.length === 0 ? '' : ` to ${networks.map(formatNetwork).join(' or ')}`}; look at 'ip route'.`,
      );
    this.number = freeNumber(names);
    this.changes = new HostChanges(names);
    try {
      this.changes.adopt(inherited);
      this.changes.noteAddresses(situation.addresses);
      this.#prepareDevice();
      for (const device of situation.interfaces) this.#takeInterface(device, situation.addresses);
      this.#leadIntoDevice(situation);
    } catch (error) {
      this.undo();
      throw error;
    }
  }

  /** The node's own table of routes. */
  get routes(): readonly OwnRoute[] {
    return this.#routes;
  }

  /** Addresses that are kept on the TUN device for connections that began with them. */
  get held(): ReadonlySet<Ipv4> {
    return this.#held;
  }

  /**
   * Follows a change of interfaces, addresses or routes.
   * @returns sentences on what failed; an interface may vanish in this moment, which the kernel tells next.
   */
  update(situation: HostSituation): string[] {
    const problems: string[] = [];
    const attempt = (doIt: () => void) => {
      try {
        doIt();
      } catch (error) {
        if (!(error instanceof HostError)) throw error;
        problems.push(error.message);
      }
    };
    const { interfaces, routes, addresses } = situation;
    const present = new Map(interfaces.map((device) => [device.name, device.index]));
    for (const [name, { index }] of this.#filters) if (present.get(name) !== index) this.#filters.delete(name);
    attempt(() => this.changes.noteAddresses(addresses));
    for (const device of interfaces) attempt(() => this.#takeInterface(device, addresses));
    attempt(() => this.#followRoutes(ownRoutes(routes, interfaces, this.options.networks)));
    return problems;
  }

  /**
   * Keeps an address on the TUN device after it left its interface: sockets that are bound to it go on, and packets for
   * it go up to them.
   */
  hold(address: Ipv4): void {
    const { ok } = tryCommand('ip', ['addr', 'add', `${formatIpv4(address)}/32`, 'dev', this.options.tun]);
    if (ok) this.#held.add(address);
  }

  /** Gives a held address up. */
  release(address: Ipv4): void {
    if (!this.#held.delete(address)) return;
    tryCommand('ip', ['addr', 'del', `${formatIpv4(address)}/32`, 'dev', this.options.tun]);
  }

  /** Gives the TUN device another MTU, in octets. @returns a sentence when that failed. */
  setMtu(mtu: number): string[] {
    const { ok, stderr } = tryCommand('ip', ['link', 'set', 'dev', this.options.tun, 'mtu', String(mtu)]);
    return ok ? [] : [`The MTU of ${this.options.tun} cannot become ${mtu} (${stderr.split('\n')[0]}).`];
  }

  /** Undoes every change. @returns sentences on what could not be undone. */
  undo(): string[] {
    return this.changes.undo();
  }

  #prepareDevice(): void {
    const { tun, mtu } = this.options;
    tryCommand('ip', ['link', 'set', 'dev', tun, 'addrgenmode', 'none']);
    runCommand('ip', ['link', 'set', 'dev', tun, 'mtu', String(mtu), 'txqueuelen', '1000', 'up']);
    this.#passReversePathCheck();
  }

  /**
   * The main table leads to the peers by the interfaces, not by the device that their packets come up from: a reverse path
   * check would drop them. The loose one, the least where somebody has set one for every device, asks of the device only
   * that it has an address.
   */
  #passReversePathCheck(): void {
    const { tun } = this.options;
    const isChecked = readSetting('all') !== '0';
    if (!isChecked && readSetting(tun) === '0') return;
    writeFileSync(`/proc/sys/net/ipv4/conf/${tun}/rp_filter`, isChecked ? '2' : '0');
    if (isChecked) runCommand('ip', ['addr', 'add', `${DUMMY_ADDRESS}/32`, 'dev', tun, 'scope', 'host']);
  }

  #takeInterface(device: HostInterface, addresses: readonly Ipv4[]): void {
    const { name, index } = device;
    if (addresses.length === 0) return;
    const text = filterText(packetFilter(addresses, this.options.networks, DROP, PASS));
    const known = this.#filters.get(name);
    if (known?.text === text) return;
    if (known === undefined) this.#prepareInterface(name);
    const priority = this.number;
    const filter = ['dev', name, 'ingress', 'prio', String(priority), 'handle', '1', 'protocol', 'ip'];
    this.changes.make({ kind: 'filter', device: name, priority }, () =>
      runCommand('tc', ['filter', 'replace', ...filter, 'bpf', 'direct-action', 'bytecode', text]),
    );
    this.#filters.set(name, { index, text });
  }

  #prepareInterface(device: string): void {
    for (const offload of Object.keys(OFFLOADS) as Offload[])
      if (isOffloadOn(device, offload))
        this.changes.make({ kind: 'offload', device, offload }, () => setOffload(device, offload, false));
    const qdiscs = runCommand('tc', ['qdisc', 'show', 'dev', device]);
    if (!/^qdisc (clsact|ingress) /m.test(qdiscs))
      this.changes.make({ kind: 'qdisc', device }, () => runCommand('tc', ['qdisc', 'add', 'dev', device, 'clsact']));
  }

  #leadIntoDevice({ interfaces, routes }: HostSituation): void {
    const { number } = this;
    const table = String(number);
    this.changes.make({ kind: 'table', table: number }, () =>
      this.#followRoutes(ownRoutes(routes, interfaces, this.options.networks)),
    );
    const unmarked = ['fwmark', `0/0x${OWN_MARK.toString(16)}`];
    for (const protocol of ['tcp', 'udp'] as const)
      this.changes.make({ kind: 'rule', priority: number, protocol, table: number }, () =>
        runCommand('ip', [
          ...['-4', 'rule', 'add', 'pref', table, 'iif', 'lo', ...unmarked],
          ...['ipproto', protocol, 'lookup', table],
        ]),
      );
  }

  /** Makes the node's own table what it is to be; routes that stay are not touched. */
  #followRoutes(routes: readonly OwnRoute[]): void {
    const table = ['table', String(this.number)];
    const text = ({ network, source }: OwnRoute) =>
      source === undefined
        ? ['throw', formatNetwork(network)]
        : [formatNetwork(network), 'dev', this.options.tun, 'src', formatIpv4(source)];
    const before = new Map(this.#routes.map((route) => [formatNetwork(route.network), text(route).join(' ')]));
    const wanted = new Set(routes.map(({ network }) => formatNetwork(network)));
    const made: OwnRoute[] = [];
    // What fails is not remembered, so that it is tried again with the next change.
    this.#routes = made;
    for (const [network, words] of before)
      if (!wanted.has(network)) tryCommand('ip', ['-4', 'route', 'del', ...words.split(' '), ...table]);
    let failure: unknown;
    for (const route of routes) {
      const was = before.get(formatNetwork(route.network));
      const words = text(route);
      // A route of another kind is a second one, not the same changed.
      if (was !== undefined && was.startsWith('throw') !== (route.source === undefined))
        tryCommand('ip', ['-4', 'route', 'del', ...was.split(' '), ...table]);
      try {
        if (was !== words.join(' ')) runCommand('ip', ['-4', 'route', 'replace', ...words, ...table]);
        made.push(route);
      } catch (error) {
        failure ??= error;
      }
    }
    if (failure !== undefined) throw failure;
  }
}

/** Two nodes on one interface would each take the other's packets. */
function refuseInterfacesInUse(names: readonly string[]): void {
  for (const { state } of stateFiles(networkNamespace())) {
    if (state === undefined || state.pid === process.pid || !isAlive(state)) continue;
    const both = names.find((name) => state.interfaces.includes(name));
    if (both !== undefined)
      throw new HostError(
        'EBUSY',
        `Process ${state.pid} runs a peer on ${both} already; end it first, or name another interface.`,
      );
  }
}

/** The first number that no rule, no table of routes and no filter of the interfaces has. */
function freeNumber(names: readonly string[]): number {
  const rules = runCommand('ip', ['-4', 'rule', 'show']);
  const filters = names.map((name) => tryCommand('tc', ['filter', 'show', 'dev', name, 'ingress']).stdout).join('');
  for (let number = FIRST_NUMBER; number <= LAST_NUMBER; number++) {
    const isTaken =
      new RegExp(`^${number}:|lookup ${number}\\b`, 'm').test(rules) ||
      new RegExp(`\\bpref ${number}\\b`).test(filters) ||
      tryCommand('ip', ['-4', 'route', 'show', 'table', String(number)]).stdout.trim() !== '';
    if (!isTaken) return number;
  }
  throw new HostError(
    'EEXIST',
    `Rules or tables of routes ${FIRST_NUMBER} to ${LAST_NUMBER} are all in use; free one of them ('ip rule', 'ip route show table N').`,
  );
}

/** The reverse path check of a device, or of all. */
function readSetting(device: string): string {
  return readFileSync(`/proc/sys/net/ipv4/conf/${device}/rp_filter`, 'utf8').trim();
}
