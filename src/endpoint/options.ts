import {
  type Constants,
  defaultConstants,
  type Ipv4,
  type NodeId,
  PROFILES,
  type Profile,
  type ProfileName,
  Random,
} from '../codec/index.js';
import { DEFAULT_LIMITS, type Limits } from './limits.js';
import { SCHEDULERS, type SchedulerName } from './scheduler.js';

/** How TCP segments travel on paths that are not the original: after a fake handshake, or in UDP (paper, section 3.8). */
export type TcpMode = 'fake-tcp' | 'udp-wrapper';

/** How an endpoint is made. Only `addresses` has no default. */
export interface EndpointOptions {
  /** The node's addresses, primary first; at least one. */
  readonly addresses: readonly Ipv4[];
  /** MAC address of the node as a number: the node id of `full`; its last two octets are that of `compact`. Default random. */
  readonly mac?: NodeId;
  /** Layout and clock of what this node sends first; default `paper`. Answers use the layout they were asked in. */
  readonly profile?: ProfileName;
  /** Values other than the paper's. */
  readonly constants?: Partial<Constants>;
  /** Seed of ids and choices; default 1. */
  readonly seed?: number;
  /** Added to the caller's time before it becomes a timestamp, in microseconds: this node's clock offset. Default 0. */
  readonly clockOffsetMicros?: number;
  /** By how much this node's clock is fast, in parts per million; may be negative. Default 0. */
  readonly clockDriftPpm?: number;
  /** Largest datagram the links carry, in octets. Default 65535. A datagram that would not fit with its CM goes without. */
  readonly linkMtu?: number;
  /**
   * True when what sends this node's packets cuts those that are longer than `linkMtu` itself, as sockets do: they are given
   * to it whole, without a CM. Default false.
   */
  readonly fragmentsBelow?: boolean;
  /** How TCP segments travel on paths that are not the original (section 3.8). Default `fake-tcp` (section 4.2.2). */
  readonly tcpMode?: TcpMode;
  /**
   * Fake TCP with sequence numbers of each path's own, where the peer offers them too: NATs that check windows let them
   * pass (docs/decisions.md 64). Default false.
   */
  readonly pathSequence?: boolean;
  /** False switches the reordering of TCP segments off (section 4.2.1). Default true. */
  readonly reordering?: boolean;
  /** How paths are chosen where throughput counts; default `paper`. Another one brings its own defaults of some constants. */
  readonly scheduler?: SchedulerName;
  /** Keep only the fastest N paths of a session (section 3.3); 0, the default, keeps all. */
  readonly maxPaths?: number;
  /** Most rows of each table that strangers can fill (Tables 2 and 4, waiting list), those of sessions not counted; the oldest goes first. Default 65536. */
  readonly tableLimit?: number;
  /** Bounds on what strangers can make the node keep or send, other than the defaults; see `Limits`. */
  readonly limits?: Partial<Limits>;
  /**
   * An address that a peer announced or sent from carries user data only after it confirmed a query of this node
   * (docs/decisions.md 40). False takes a query from there for enough. Default true.
   */
  readonly returnProof?: boolean;
  /** Packets to or from addresses that this node does not have pass untouched (docs/decisions.md 41). Default true. */
  readonly ownAddressesOnly?: boolean;
}

/** The options with every default filled in. */
export interface Settings {
  readonly addresses: readonly Ipv4[];
  readonly mac: NodeId;
  readonly profile: Profile;
  readonly constants: Constants;
  readonly random: Random;
  readonly clockOffsetMicros: number;
  readonly clockDriftPpm: number;
  readonly linkMtu: number;
  readonly fragmentsBelow: boolean;
  readonly tcpMode: TcpMode;
  readonly pathSequence: boolean;
  readonly reordering: boolean;
  readonly scheduler: SchedulerName;
  readonly maxPaths: number;
  readonly tableLimit: number;
  readonly limits: Limits;
  readonly returnProof: boolean;
  readonly ownAddressesOnly: boolean;
}

/**
 * Fills in the defaults.
 * @throws RangeError when there is no address, or the MAC address is zero, multicast or too large.
 */
export function settingsOf(options: EndpointOptions): Settings {
  if (options.addresses.length === 0) throw new RangeError('An endpoint needs at least one address.');
  const random = new Random(options.seed ?? 1);
  const scheduler = options.scheduler ?? 'paper';
  const mac = options.mac ?? randomMac(random);
  if (!Number.isInteger(mac) || mac <= 0 || mac >= 2 ** 48 || Math.floor(mac / 2 ** 40) % 2 === 1) {
    throw new RangeError(`A node id must come from a unicast MAC address of 48 bits, not ${mac}.`);
  }
  return {
    addresses: [...options.addresses],
    mac,
    profile: PROFILES[options.profile ?? 'paper'],
    constants: { ...defaultConstants(), ...SCHEDULERS[scheduler].constants, ...options.constants },
    random,
    clockOffsetMicros: options.clockOffsetMicros ?? 0,
    clockDriftPpm: options.clockDriftPpm ?? 0,
    linkMtu: options.linkMtu ?? 65535,
    fragmentsBelow: options.fragmentsBelow ?? false,
    tcpMode: options.tcpMode ?? 'fake-tcp',
    pathSequence: (options.pathSequence ?? false) && options.tcpMode !== 'udp-wrapper',
    reordering: options.reordering ?? true,
    scheduler,
    maxPaths: options.maxPaths ?? 0,
    tableLimit: options.tableLimit ?? 65536,
    limits: { ...DEFAULT_LIMITS, ...options.limits },
    returnProof: options.returnProof ?? true,
    ownAddressesOnly: options.ownAddressesOnly ?? true,
  };
}

/** A locally administered unicast MAC whose last two octets differ: the authors' kernels ignore ids of equal octets. */
export function randomMac(random: Random): NodeId {
  for (;;) {
    const low = random.below(0x10000);
    if (low >>> 8 !== (low & 255)) return 0x02 * 2 ** 40 + random.below(2 ** 24) * 0x10000 + low;
  }
}

const DAY_MICROS = 86_400_000_000;

/**
 * A node's clock: ticks modulo 2^32 from the caller's microseconds. The paper (section 3.4) uses the local system time;
 * the free-running clock has no step, the UTC day steps at midnight as in the authors' kernels.
 */
export class TickClock {
  #begin: number | undefined;

  constructor(
    private readonly tickMicros: number,
    private readonly mode: 'free-running' | 'utc-day',
    private readonly offsetMicros: number,
    private readonly driftPpm = 0,
  ) {}

  /** Ticks at `now` microseconds, 0..2^32-1. */
  ticks(now: number): number {
    let micros = now + this.offsetMicros;
    if (this.driftPpm !== 0) micros += this.#drift(now);
    if (this.mode === 'utc-day') micros = ((micros % DAY_MICROS) + DAY_MICROS) % DAY_MICROS;
    return Math.floor(micros / this.tickMicros) >>> 0;
  }

  /** What a clock that is fast has gained since it was first read, in microseconds. */
  #drift(now: number): number {
    this.#begin ??= now;
    return ((now - this.#begin) * this.driftPpm) / 1e6;
  }
}
