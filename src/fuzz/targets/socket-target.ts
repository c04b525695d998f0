import { createSocket, type Socket } from 'node:dgram';
import { performance } from 'node:perf_hooks';
import {
  addressKey,
  buildUdp,
  formatIpv4,
  HeaderStatus,
  type Ipv4,
  parseIpv4,
  TrailerView,
  UDP,
} from '../../codec/index.js';
import { mixSeed } from '../generator.js';
import { type Arrival, type Death, type Micros, type Surroundings, type Target, TargetError } from '../target.js';
import type { Watch } from './process-watch.js';

/** How a live peer is reached. */
export interface SocketTargetOptions {
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
const RECEIVE_BUFFER = 1 << 20;
/** Waits shorter than this are turns of the event loop. */
const SHORTEST_TIMER: Micros = 1000;
/** How long a peer may take to answer after it was started. */
const START: Micros = 15_000_000;

/**
 * A live peer over ordinary UDP sockets, without privilege: one socket for each address and port, so that no source is ever forged.
 * IP and UDP headers are the system's; those of what arrives are rebuilt.
 */
export class SocketTarget implements Target {
  readonly kind = 'socket';
  readonly name: string;
  readonly patience: Micros = 500_000;
  surroundings: Surroundings;
  readonly #surroundingsOf: (seed: number) => Surroundings;
  readonly #watch: Watch | undefined;
  readonly #rate: number;
  readonly #peer: string;
  readonly #sockets = new Map<number, Socket>();
  readonly #view = new TrailerView();
  #arrivals: Arrival[] = [];
  #wake: (() => void) | undefined;
  #firstPort = FIRST_PORT;
  #begun = 0;
  #seed: number | undefined;
  #fault: TargetError | undefined;
  #sent = 0;
  #since = performance.now();

  constructor(options: SocketTargetOptions) {
    this.#surroundingsOf = options.surroundingsOf;
    this.surroundings = options.surroundingsOf(0);
    this.name = options.name;
    this.#watch = options.watch;
    this.#rate = options.rate;
    this.#peer = formatIpv4(this.surroundings.peer);
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
    this.#closeSockets();
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
    this.#closeSockets();
    return isThere;
  }

  begin(seed: number): undefined {
    this.#closeSockets();
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
    const view = this.#view;
    if (view.parse(packet) !== HeaderStatus.ok || view.protocol !== UDP) return;
    const { source, sourcePort, destinationPort } = view;
    const socket = this.#sockets.get(addressKey(source, sourcePort)) ?? this.#open(source, sourcePort);
    this.#sent++;
    socket.send(packet, view.payloadOffset, view.end - view.payloadOffset, destinationPort, this.#peer, ignore);
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
    // A timer takes a millisecond at least.
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
    this.#closeSockets();
    await this.#watch?.close();
  }

  #open(address: Ipv4, port: number): Socket {
    const socket = createSocket({ type: 'udp4', recvBufferSize: RECEIVE_BUFFER });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // Refused datagrams are told too; they show as silence.
      if (error.syscall !== 'bind') return;
      this.#fault = new TargetError(
        'port',
        `UDP ${formatIpv4(address)}:${port} cannot be used (${error.code ?? error.message}).`,
      );
    });
    socket.on('message', (data, from) => {
      const tuple = {
        source: parseIpv4(from.address),
        sourcePort: from.port,
        destination: address,
        destinationPort: port,
      };
      this.#arrivals.push({ time: this.now(), packet: buildUdp(tuple, data) });
      this.#wake?.();
    });
    socket.bind({ port, address: formatIpv4(address), exclusive: true });
    this.#sockets.set(addressKey(address, port), socket);
    return socket;
  }

  #closeSockets(): void {
    for (const socket of this.#sockets.values()) {
      socket.removeAllListeners('message');
      try {
        socket.close();
      } catch {
        // It could not be bound and is closed already.
      }
    }
    this.#sockets.clear();
  }
}

const ignore = () => {};
