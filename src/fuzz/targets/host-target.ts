import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { parseIpv4 } from '../../codec/index.js';
import { Slab } from '../../codec/slab.js';
import type { VirtualHost } from '../../sim/network.js';
import type { Arrival, Death, Micros, Surroundings, Target } from '../target.js';

/** How a peer in this process is made. */
export interface HostTargetOptions {
  /** A new peer, whose addresses are `peer` of the surroundings and maybe more. */
  readonly createPeer: (seed: number) => VirtualHost;
  readonly surroundings: Surroundings;
  readonly name: string;
}

/** Time that a packet takes to the peer. */
const HOP: Micros = 50;
/** Calls of `poll` in a row without time passing after which the peer is taken to be in an endless loop. */
const MOST_POLLS = 10_000;
/** Packets that a peer may send in one turn before it is taken to flood. */
const MOST_PACKETS = 100_000;

const address = (text: string) => parseIpv4(text);

/** Addresses of an exchange in virtual time. */
export function virtualSurroundings(peer: number, echoPort: number, discardPort?: number): Surroundings {
  return {
    peer,
    echoPort,
    discardPort,
    tcpPort: echoPort,
    bystander: [address('198.51.100.1'), address('198.51.101.1')],
    actors: [
      [address('198.51.100.66'), address('198.51.101.66')],
      [address('203.0.113.77'), address('203.0.114.77')],
    ],
    strangers: [address('203.0.113.200'), address('203.0.113.201')],
    forged: [address('203.0.113.202'), address('203.0.113.203')],
    isSeparate: true,
  };
}

/**
 * A peer in this process on a virtual clock: a reset is a new object, a pause costs nothing, everything is deterministic. What
 * the peer throws is its death. A peer that never returns from a call cannot be watched from here: such a one has to be a
 * process of its own.
 */
export class HostTarget implements Target {
  readonly kind = 'virtual';
  readonly canReset = true;
  readonly patience = 2_000_000;
  readonly surroundings: Surroundings;
  readonly name: string;
  readonly #createPeer: (seed: number) => VirtualHost;
  #host: VirtualHost | undefined;
  /** For what goes to the peer and comes from it. */
  readonly #memory = new Slab();
  #now = 0;
  #wakeAt = Number.POSITIVE_INFINITY;
  #arrivals: Arrival[] = [];
  #death: Death | undefined;
  #firstPort = 40_000;

  constructor(options: HostTargetOptions) {
    this.#createPeer = options.createPeer;
    this.surroundings = options.surroundings;
    this.name = options.name;
  }

  now(): Micros {
    return this.#now;
  }

  reset(seed: number): undefined {
    this.#death = undefined;
    this.#arrivals = [];
    this.#now = 1_000_000 + (seed % 0x4000_0000);
    this.#wakeAt = Number.POSITIVE_INFINITY;
    this.#guard(() => {
      this.#host = this.#createPeer(seed);
      this.#serve();
    });
  }

  begin(seed: number): undefined {
    this.#firstPort = 20_000 + (seed % 20_000);
    this.#arrivals = [];
  }

  port(index: number): number {
    return this.#firstPort + 13 * index;
  }

  send(packet: Uint8Array): void {
    const host = this.#host;
    if (this.#death !== undefined || host === undefined) return;
    this.#now += HOP;
    this.#guard(() => {
      host.receive(this.#memory.copy(packet), this.#now);
      this.#serve();
    });
  }

  pass(deadline: Micros): undefined {
    let polls = 0;
    while (this.#arrivals.length === 0 && this.#wakeAt <= deadline && this.#death === undefined) {
      polls = this.#wakeAt > this.#now + 1 ? 0 : polls + 1;
      this.#now = Math.max(this.#wakeAt, this.#now + 1);
      this.#guard(() => {
        if (polls > MOST_POLLS) throw new PeerFault('endless-loop', 'It asks to be called again at once, without end.');
        this.#serve();
      });
    }
    if (this.#arrivals.length === 0) this.#now = Math.max(this.#now, deadline);
  }

  take(): Arrival[] {
    if (this.#arrivals.length === 0) return NOTHING;
    const arrivals = this.#arrivals;
    this.#arrivals = [];
    return arrivals;
  }

  get death(): Death | undefined {
    return this.#death;
  }

  /**
   * What the process uses with the peer less what it uses without: nothing else comes into it. Undefined when something of the
   * process keeps the peer.
   */
  async memory(): Promise<number | undefined> {
    if (this.#host === undefined) return undefined;
    this.#arrivals = [];
    this.#wakeAt = Number.POSITIVE_INFINITY;
    const before = await usedMemory();
    const peer = new WeakRef(this.#host);
    this.#host = undefined;
    // V8 compiles beside the program, and a compilation under way keeps what it was begun with.
    for (let i = 0; i < MOST_TURNS; i++) {
      const after = await usedMemory();
      if (peer.deref() === undefined) return before - after;
    }
    return undefined;
  }

  close(): undefined {}

  /** Lets the peer work and takes what it sends. */
  #serve(): void {
    this.#wakeAt = this.#host!.poll(this.#now);
    this.#host!.drain((packet) => {
      this.#arrivals.push({ time: this.#now, packet: this.#memory.copy(packet) });
      if (this.#arrivals.length > MOST_PACKETS) throw new PeerFault('flood', 'It sends without end.');
    });
  }

  #guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#death = deathOf(error);
      this.#wakeAt = Number.POSITIVE_INFINITY;
    }
  }
}

const NOTHING: Arrival[] = [];

let collect: (() => void) | undefined;

/** Two looks at the memory that differ by no more than this are the same, in octets. */
const SAME = 1024;
/** The first collection may end one that has begun and missed something, and what the second finds is freed with the third. */
const FEWEST_LOOKS = 3;
const MOST_LOOKS = 8;
/** So often it is waited for the peer to be collected, with a pause of this many milliseconds. */
const MOST_TURNS = 100;
const PAUSE = 5;

/** Octets in use in this process when nothing is left to collect. */
async function usedMemory(): Promise<number> {
  if (collect === undefined) {
    // Code that was not used lately would go with the peer and be taken for its memory.
    setFlagsFromString('--no-flush-bytecode');
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  let used = 0;
  for (let i = 1; i <= MOST_LOOKS; i++) {
    const before = used;
    await sleep(i === 1 ? PAUSE : 0);
    collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    used = heapUsed + arrayBuffers;
    if (i >= FEWEST_LOOKS && Math.abs(used - before) < SAME) break;
  }
  return used;
}

/** What the peer does that no exception of its own says. */
class PeerFault extends Error {
  constructor(
    readonly kind: string,
    message: string,
  ) {
    super(message);
  }
}

function deathOf(error: unknown): Death {
  if (error instanceof PeerFault) return { kind: error.kind, text: error.message };
  if (!(error instanceof Error)) return { kind: 'thrown', text: String(error) };
  const [place] = /(?:\/|\\)([\w.-]+):\d+:\d+/.exec(
    error.stack?.split('\n').find((line) => line.includes(' at ')) ?? '',
  ) ?? [undefined];
  const where = place === undefined ? '' : ` (${place.slice(1)})`;
  return { kind: error.name, text: `${error.message}${where}` };
}
