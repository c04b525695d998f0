import { performance } from 'node:perf_hooks';
import { buildUdp, formatIpv4 } from '../../codec/index.js';
import { mixSeed } from '../generator.js';
import { type Arrival, type Death, type Micros, type Surroundings, type Target, TargetError } from '../target.js';
import type { Watch } from './process-watch.js';

/** How a live peer is reached. */
export interface LiveTargetOptions {
  /**
   * The addresses of an exchange. Where there are enough, each exchange has its own, so that it does not meet what the peer remembers of
   * another.
   */
  readonly surroundingsOf: (seed: number) => Surroundings;
  readonly name: string;
  /** The peer's process, where it is known. */
  readonly watch: Watch | undefined;
  /** Most packets a second; 0 for no limit. */
  readonly rate: number;
}

/** First of the ports that exchanges use, and how many there are: below those that systems give out by themselves. */
const FIRST_PORT = 10_240;
const PORTS = 20_000;
/** Ports that an exchange may use. */
const PORTS_OF_EXCHANGE = 16;
/** How long a peer may take to answer after it was started. */
const START: Micros = 15_000_000;
/** Waits shorter than this are turns of the event loop: a timer takes a millisecond at least. */
const SHORTEST_TIMER: Micros = 1000;

/** A live peer: what its targets have in common, whatever carries the packets. */
export abstract class LiveTarget implements Target {
  abstract readonly kind: 'socket' | 'raw';
  readonly name: string;
  readonly patience: Micros = 500_000;
  surroundings: Surroundings;
  readonly #surroundingsOf: (seed: number) => Surroundings;
  readonly #watch: Watch | undefined;
  readonly #rate: number;
  #arrivals: Arrival[] = [];
  #wake: (() => void) | undefined;
  #firstPort = FIRST_PORT;
  #begun = 0;
  #seed: number | undefined;
  #fault: TargetError | undefined;
  #sent = 0;
  #since = performance.now();

  constructor(options: LiveTargetOptions) {
    this.#surroundingsOf = options.surroundingsOf;
    this.surroundings = options.surroundingsOf(0);
    this.name = options.name;
    this.#watch = options.watch;
    this.#rate = options.rate;
  }

  /** Puts a packet on the wire; false when it cannot be sent by this target. */
  protected abstract transmit(packet: Uint8Array): boolean;

  /** Ends the use of all addresses and ports. */
  protected abstract release(): void;

  /** A packet of the peer has come; the array stays as it is. */
  protected arrived(packet: Uint8Array): void {
    this.#arrivals.push({ time: this.now(), packet });
    this.#wake?.();
  }

  /** A port of the exchange cannot be used: the exchange ends with that. */
  protected failed(reason: string): void {
    this.#fault = new TargetError('port', reason);
  }

  get canReset(): boolean {
    return this.#watch?.canRestart === true;
  }

  get death(): Death | undefined {
    return this.#watch?.death;
  }

  now(): Micros {
    return Math.round(performance.now() * 1000);
  }

  memory(): number | undefined {
    return this.#watch?.memory();
  }

  output(): string {
    return this.#watch?.output() ?? '';
  }

  /** A new process, where one can be started; waits until it answers. */
  async reset(seed: number): Promise<void> {
    if (this.#watch?.canRestart !== true) return;
    this.release();
    await this.#watch.restart();
    const deadline = this.now() + START;
    for (let i = 0; !(await this.answers(mixSeed(seed, i, 5), 200_000)); i++) {
      if (this.death !== undefined)
        throw new TargetError('start', `The peer ended when it was started (${this.death.kind}): ${this.death.text}`);
      if (this.now() > deadline)
        throw new TargetError('start', 'The peer was started again and does not answer; look at what it prints.');
    }
  }

  /** Whether an ordinary datagram from a new port comes back within a time. */
  async answers(seed: number, within: Micros): Promise<boolean> {
    this.begin(seed);
    const { bystander, peer, echoPort } = this.surroundings;
    const tuple = { source: bystander[0]!, sourcePort: this.port(9), destination: peer, destinationPort: echoPort };
    this.send(buildUdp(tuple, new TextEncoder().encode('anybody there?')));
    const deadline = this.now() + within;
    while (this.#arrivals.length === 0 && this.now() < deadline) await this.pass(deadline);
    const isThere = this.take().length > 0;
    this.release();
    return isThere;
  }

  begin(seed: number): undefined {
    this.release();
    this.#arrivals = [];
    this.surroundings = this.#surroundingsOf(seed);
    // The same exchange once more has the same ports: what the peer remembers does not grow with it.
    if (seed !== this.#seed) this.#begun++;
    this.#seed = seed;
    this.#firstPort = FIRST_PORT + ((PORTS_OF_EXCHANGE * this.#begun) % PORTS);
  }

  port(index: number): number {
    return this.#firstPort + index;
  }

  send(packet: Uint8Array): void {
    if (this.transmit(packet)) this.#sent++;
  }

  /** Waits while the rate is exceeded. */
  pace(): Promise<void> | undefined {
    if (this.#rate === 0) return undefined;
    const elapsed = performance.now() - this.#since;
    const ahead = (this.#sent / this.#rate) * 1000 - elapsed;
    if (elapsed > 1000 && ahead <= 0) {
      this.#since = performance.now();
      this.#sent = 0;
    }
    return ahead < 2 ? undefined : new Promise((resolve) => setTimeout(resolve, ahead));
  }

  pass(deadline: Micros): Promise<void> {
    if (this.#fault !== undefined) {
      const fault = this.#fault;
      this.#fault = undefined;
      return Promise.reject(fault);
    }
    const left = deadline - this.now();
    if (this.#arrivals.length > 0 || left <= 0) return Promise.resolve();
    if (left < SHORTEST_TIMER) return new Promise((resolve) => setImmediate(resolve));
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(done, Math.ceil(left / 1000));
      this.#wake = done;
    });
  }

  take(): Arrival[] {
    const arrivals = this.#arrivals;
    if (arrivals.length > 0) this.#arrivals = [];
    return arrivals;
  }

  async close(): Promise<void> {
    this.release();
    await this.#watch?.close();
  }

  /** An address and port for people. */
  protected placeText(address: number, port: number): string {
    return `${formatIpv4(address)}:${port}`;
  }
}
