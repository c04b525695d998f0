import { ADDRESSES, type Conditions, DEVICES, type Device, type NicConditions } from './conditions.js';
import { inNamespace, Program, run, tryRun, whyNoLab } from './host-commands.js';
import type { Impairment } from './impairment.js';
import { LabError } from './lab-error.js';
import { LAB_NAME, LabState } from './lab-state.js';
import { freeIncoming, hasNetem, impairIncoming, impairOutgoing, NETEM_CLASS } from './netem.js';
import { RateVariation } from './rate-variation.js';
import { freeAir, limitOf, limitPairs, type RateLimit, setRate, shareAir } from './shaping.js';

/** The network namespaces: client, router, server. */
export const HOST_A = `${LAB_NAME}-a`;
export const ROUTER = `${LAB_NAME}-r`;
export const HOST_B = `${LAB_NAME}-b`;
const NAMESPACES = [HOST_A, ROUTER, HOST_B] as const;

/** Number of an interface: third octet of its network, and its host's table of routes. */
const NUMBERS: Readonly<Record<Device, number>> = { a1: 1, a2: 2, b1: 3, b2: 4 };

/** The host that has an interface. */
export function hostOf(device: Device): string {
  return device.startsWith('a') ? HOST_A : HOST_B;
}

/** Both ends of an interface's link: that of the host and that of the router. */
function endsOf(device: Device): readonly (readonly [namespace: string, device: string])[] {
  return [
    [hostOf(device), device],
    [ROUTER, `r${device}`],
  ];
}

/**
 * Section 4's testbed in network namespaces: two hosts with two interfaces each and a router between them, so that there
 * are four paths. Everything it makes is inside these namespaces and goes with them.
 *
 *     client  a1 10.79.1.2, a2 10.79.2.2  ─ router ─  b1 10.79.3.2, b2 10.79.4.2  server
 */
export class Testbed {
  #stage: Program | undefined;
  #variations: RateVariation[] = [];

  private constructor(
    private readonly words: readonly string[],
    /** The kernel makes delays and losses; the lab's own stage otherwise. */
    readonly hasNetem: boolean,
  ) {}

  /**
   * Builds it; one that is there goes first.
   * @param words how this program is started, for the process that delays packets.
   * @throws LabError where it cannot be built; then nothing is left.
   */
  static up(words: readonly string[]): Testbed {
    const reason = whyNoLab();
    if (reason !== undefined) throw new LabError(reason);
    Testbed.down();
    const state = LabState.read();
    try {
      for (const name of NAMESPACES) {
        state.announce(name);
        run('ip', ['netns', 'add', name]);
        state.confirm(name);
        run('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
        for (const kind of ['all', 'default']) setKernel(name, `net/ipv4/conf/${kind}/rp_filter`, 0);
      }
      setKernel(ROUTER, 'net/ipv4/ip_forward', 1);
      for (const device of DEVICES) link(device);
      enableMptcp();
      return new Testbed(words, hasNetem(ROUTER));
    } catch (error) {
      Testbed.down();
      throw error;
    }
  }

  /** One that was built before. @throws LabError when there is none. */
  static open(words: readonly string[]): Testbed {
    if (!Testbed.isUp()) throw new LabError('The lab is not up; build it with mpip lab up.');
    return new Testbed(words, hasNetem(ROUTER));
  }

  static isUp(): boolean {
    const { present } = LabState.read();
    return NAMESPACES.every((name) => present.includes(name));
  }

  /**
   * Ends every process in the lab's namespaces and removes them; nothing else is touched.
   * @returns the names of what was removed.
   * @throws LabError when another process is using it.
   */
  static down(): string[] {
    const state = LabState.read();
    state.demandFree();
    const removed = state.present;
    for (const name of removed) {
      for (const pid of tryRun('ip', ['netns', 'pids', name]).stdout.split('\n').filter(Boolean)) {
        try {
          process.kill(Number(pid), 'SIGKILL');
        } catch {
          // It ended meanwhile.
        }
      }
      run('ip', ['netns', 'del', name]);
    }
    state.clear();
    return removed;
  }

  /** Makes the network what an experiment asks for, whatever it was before. */
  async apply(conditions: Conditions): Promise<void> {
    await this.calm();
    if (this.hasNetem) impairByNetem(conditions);
    for (const device of DEVICES) {
      const isAbsent = conditions.absent?.includes(device) === true;
      if (isAbsent) run('ip', ['-n', hostOf(device), 'link', 'set', device, 'down']);
      else linkUp(device);
      this.#limit(device, conditions);
    }
    for (const { from, to, rate } of conditions.pairs ?? []) if (rate === 0) cut(from, to);
    if (conditions.nat === true)
      for (const device of ['rb1', 'rb2'])
        run(
          ...inNamespace(ROUTER, [
            'iptables-legacy',
            '-t',
            'nat',
            '-A',
            'POSTROUTING',
            '-o',
            device,
            '-j',
            'MASQUERADE',
          ]),
        );
    if (!this.hasNetem) await this.#impair(conditions);
  }

  /** Takes every limit, delay and rule away. */
  async calm(): Promise<void> {
    for (const variation of this.#variations.splice(0)) await variation.end();
    for (const [chain, table] of [
      ['PREROUTING', 'mangle'],
      ['POSTROUTING', 'mangle'],
      ['FORWARD', 'filter'],
      ['POSTROUTING', 'nat'],
    ] as const)
      tryRun(...inNamespace(ROUTER, ['iptables-legacy', '-t', table, '-F', chain]));
    await this.#stage?.end();
    this.#stage = undefined;
    for (const device of DEVICES) {
      for (const [namespace, end] of endsOf(device))
        tryRun('tc', ['-n', namespace, 'qdisc', 'del', 'dev', end, 'root']);
      freeAir(hostOf(device), device);
      if (this.hasNetem) freeIncoming(ROUTER, `r${device}`);
    }
  }

  /** Rate limits of an interface, in both directions. */
  #limit(device: Device, { nics, pairs = [] }: Conditions): void {
    const { rate, outbound, queue, airtime } = nics[device];
    const start = typeof rate === 'number' ? rate : rate.high;
    if (start === 0) return;
    const host = hostOf(device);
    const limited = pairs.filter((pair) => pair.from === device && pair.rate > 0);
    if (limited.length > 0) limitPairs(host, device, start, limited);
    const limits: RateLimit[] = [];
    if (airtime !== undefined) limits.push(shareAir(host, { device, address: ADDRESSES[device] }, airtime, queue));
    else {
      if (limited.length === 0) limits.push(limitOf({ namespace: host, device }, queue, outbound));
      const parent = this.hasNetem && nics[device].in !== undefined ? NETEM_CLASS : undefined;
      limits.push(limitOf({ namespace: ROUTER, device: `r${device}`, parent }, queue));
    }
    for (const limit of limits) setRate(limit, start);
    if (typeof rate !== 'number') this.#variations.push(new RateVariation(limits, rate, NUMBERS[device]));
  }

  /** Delay, jitter and loss without netem: what leaves a host on its way into the router, what comes to it on its way out. */
  async #impair({ nics }: Conditions): Promise<void> {
    const queues: string[] = [];
    const queue = (chain: string, direction: string, end: string, impairment: Impairment | undefined) => {
      if (impairment === undefined) return;
      const number = String(queues.length + 1);
      const target = ['-j', 'NFQUEUE', '--queue-num', number, '--queue-bypass'];
      run(...inNamespace(ROUTER, ['iptables-legacy', '-t', 'mangle', '-A', chain, direction, end, ...target]));
      queues.push([number, impairment.delay, impairment.jitter, impairment.loss].join(':'));
    };
    for (const device of DEVICES) {
      const nic: NicConditions = nics[device];
      queue('PREROUTING', '-i', `r${device}`, nic.out);
      queue('POSTROUTING', '-o', `r${device}`, nic.in);
    }
    if (queues.length === 0) return;
    const words = ['chrt', '-f', '5', ...this.words, 'lab', 'delay-stage', ...queues];
    this.#stage = await Program.start(ROUTER, words, /^ready/);
  }
}

/** Delay, jitter and loss by netem, at the same places of the router as the own stage. */
function impairByNetem({ nics }: Conditions): void {
  for (const device of DEVICES) {
    const nic: NicConditions = nics[device];
    if (nic.out !== undefined) impairIncoming(ROUTER, `r${device}`, nic.out);
    if (nic.in !== undefined) impairOutgoing(ROUTER, `r${device}`, nic.in);
  }
}

function link(device: Device): void {
  const host = hostOf(device);
  const number = NUMBERS[device];
  const far = ['peer', 'name', `r${device}`, 'netns', ROUTER];
  run('ip', ['link', 'add', device, 'netns', host, 'type', 'veth', ...far]);
  run('ip', ['-n', host, 'addr', 'add', `${ADDRESSES[device]}/24`, 'dev', device]);
  run('ip', ['-n', ROUTER, 'addr', 'add', `${gatewayOf(device)}/24`, 'dev', `r${device}`]);
  for (const [namespace, end] of endsOf(device)) {
    run('ip', ['-n', namespace, 'link', 'set', end, 'addrgenmode', 'none', 'up']);
    const off = ['tx', 'off', 'rx', 'off', 'tso', 'off', 'gso', 'off', 'gro', 'off'];
    run(...inNamespace(namespace, ['ethtool', '-K', end, ...off]));
  }
  run('ip', [
    '-n',
    host,
    'rule',
    'add',
    'pref',
    `${20_000 + number}`,
    'from',
    ADDRESSES[device],
    'lookup',
    `${number}`,
  ]);
  addRoutes(device);
}

function gatewayOf(device: Device): string {
  return `10.79.${NUMBERS[device]}.1`;
}

/** A packet leaves by the interface whose address it has, as on any host with two uplinks. */
function addRoutes(device: Device): void {
  const way = ['default', 'via', gatewayOf(device), 'dev', device];
  const number = NUMBERS[device];
  run('ip', ['-n', hostOf(device), 'route', 'replace', ...way, 'metric', `${100 + number}`]);
  run('ip', ['-n', hostOf(device), 'route', 'replace', ...way, 'table', `${number}`]);
}

/** Brings an interface up and gives its routes back, as the network manager of the host would. */
export function linkUp(device: Device): void {
  run('ip', ['-n', hostOf(device), 'link', 'set', device, 'up']);
  addRoutes(device);
}

/** Takes an interface of a host down, and with it its routes. */
export function linkDown(device: Device): void {
  run('ip', ['-n', hostOf(device), 'link', 'set', device, 'down']);
}

/** Loses everything of an interface inside the router, so that no link event tells of it; `off` ends that. */
export function loseBehindRouter(device: Device, off = false): void {
  for (const [direction, end] of [
    ['-i', `r${device}`],
    ['-o', `r${device}`],
  ] as const)
    run(...inNamespace(ROUTER, ['iptables-legacy', off ? '-D' : '-A', 'FORWARD', direction, end, '-j', 'DROP']));
}

/** Lets nothing pass between two interfaces. */
function cut(from: Device, to: Device): void {
  for (const [one, other] of [
    [from, to],
    [to, from],
  ] as const)
    run(...inNamespace(ROUTER, ['iptables-legacy', '-A', 'FORWARD', '-i', `r${one}`, '-o', `r${other}`, '-j', 'DROP']));
}

/** The kernel's MPTCP uses every pair of addresses, as the paper's did. */
function enableMptcp(): void {
  for (const host of [HOST_A, HOST_B]) {
    setKernel(host, 'net/mptcp/enabled', 1);
    run(...inNamespace(host, ['ip', 'mptcp', 'limits', 'set', 'subflow', '8', 'add_addr_accepted', '8']));
  }
  for (const device of ['a1', 'a2'] as const)
    run(...inNamespace(HOST_A, ['ip', 'mptcp', 'endpoint', 'add', ADDRESSES[device], 'subflow', 'fullmesh']));
  run(...inNamespace(HOST_B, ['ip', 'mptcp', 'endpoint', 'add', ADDRESSES.b2, 'signal']));
}

/** RACK's window for reordering: its own, or always a quarter of the shortest round trip. */
const RACK = { adapts: 1, isStatic: 2 } as const;
/** Segments that TCP lets be overtaken before it takes the one for lost: at most, as it learns. */
const LONGEST_REORDERING = { today: 300, strict: 3 } as const;

/** Has the client's TCP learn how much reordering a connection has, as it does today, or not. */
export function setTcpTolerance(isStrict: boolean): void {
  setKernel(HOST_A, 'net/ipv4/tcp_recovery', isStrict ? RACK.isStatic : RACK.adapts);
  setKernel(HOST_A, 'net/ipv4/tcp_max_reordering', LONGEST_REORDERING[isStrict ? 'strict' : 'today']);
}

function setKernel(namespace: string, name: string, value: number): void {
  run(...inNamespace(namespace, ['sh', '-c', `echo ${value} > /proc/sys/${name}`]));
}
