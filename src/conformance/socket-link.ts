import { randomInt } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { performance } from 'node:perf_hooks';
import { buildUdp, formatIpv4, type Ipv4, parseIpv4 } from '../codec/index.js';
import {
  type CaseLink,
  type Destination,
  type Link,
  LinkError,
  type LinkPort,
  type Micros,
  type RawPort,
  type ReachAnswer,
} from './link.js';
import type { UpperTester } from './upper-tester.js';

/** Settings of a `SocketLink`. */
export interface SocketLinkOptions {
  /** The peer: decides which local address the system would use. */
  readonly peer: Destination;
  /**
   * Local addresses. Default: for a peer on loopback two random ones of 127.0.0.0/8 where the system allows it, so that
   * no run meets what the peer remembers of an earlier one; else the address that the system chooses for the peer.
   */
  readonly sources?: readonly Ipv4[];
  /** How long an answer that should come at once is waited for, in microseconds. Default 1 s. */
  readonly patience?: Micros;
  /** Makes the peer act. */
  readonly upper?: UpperTester;
}

/** A link over ordinary UDP sockets: no privilege needed, headers rebuilt. Use `SocketLink.open`. */
export class SocketLink implements Link {
  readonly kind = 'socket';
  readonly isVirtual = false;
  readonly slack = 300_000;
  readonly hasUpperTester: boolean;
  readonly nonce = randomInt(1, 2 ** 32);
  /** Ports that a case had: never given to another, so that late answers reach nobody. */
  readonly #used = new Set<number>();

  private constructor(
    readonly sources: readonly Ipv4[],
    readonly patience: Micros,
    readonly upper: UpperTester | undefined,
  ) {
    this.hasUpperTester = upper !== undefined;
  }

  /**
   * Finds the local addresses.
   * @throws LinkError when one of the given addresses cannot be used.
   */
  static async open(options: SocketLinkOptions): Promise<SocketLink> {
    const sources = options.sources?.length ? options.sources : await defaultSources(options.peer);
    for (const source of sources) await probeSource(source);
    return new SocketLink(sources, options.patience ?? 1_000_000, options.upper);
  }

  openCase(_seed: number): CaseLink {
    return new SocketCaseLink(this.sources, this.#used, this.upper);
  }

  close(): void {}
}

interface Wait {
  readonly done: () => boolean;
  readonly finish: () => void;
}

class SocketCaseLink implements CaseLink {
  readonly kind = 'socket';
  readonly isExhausted = false;
  readonly epoch = performance.timeOrigin * 1000;
  readonly #sockets: Socket[] = [];
  readonly #waits = new Set<Wait>();
  #stopped = false;
  #closed = false;

  constructor(
    readonly sources: readonly Ipv4[],
    readonly used: Set<number>,
    readonly upper: UpperTester | undefined,
  ) {}

  now(): Micros {
    return Math.round(performance.now() * 1000);
  }

  openRaw(): Promise<RawPort> {
    return Promise.reject(new LinkError('Ordinary sockets give no raw port.'));
  }

  async open(index: number, receive: (packet: Uint8Array) => void, number?: number): Promise<LinkPort> {
    const address = this.sources[index];
    if (address === undefined) throw new LinkError(`There is no local address number ${index}.`);
    const socket = number === undefined ? await bindFresh(address, this.used) : await bindNumber(address, number);
    if (this.#closed) {
      socket.close();
      throw new LinkError('The case was over before its port was open.');
    }
    this.#sockets.push(socket);
    const port = socket.address().port;
    let isOpen = true;
    let identification = 0;
    let isDeaf = false;
    socket.on('message', (data, from) => {
      if (isDeaf || !isOpen) return;
      const tuple = {
        source: parseIpv4(from.address),
        sourcePort: from.port,
        destination: address,
        destinationPort: port,
      };
      receive(buildUdp(tuple, data));
      this.#arrived();
    });
    // A socket that is not connected learns of no ICMP error; what is left is ours and shows in `send`.
    socket.on('error', () => {});
    return {
      address,
      port,
      send: (to: Destination, payload: Uint8Array): Uint8Array => {
        identification = (identification + 1) & 0xffff;
        const tuple = { source: address, sourcePort: port, destination: to.address, destinationPort: to.port };
        const packet = buildUdp(tuple, payload, { identification });
        if (isOpen) socket.send(payload, to.port, formatIpv4(to.address), ignoreError);
        return packet;
      },
      deafen: () => {
        isDeaf = true;
      },
      close: () => {
        if (isOpen) socket.close();
        isOpen = false;
      },
    };
  }

  wait(deadline: Micros, done: () => boolean): Promise<void> {
    if (this.#stopped || done()) return Promise.resolve();
    return new Promise((resolve) => {
      let timer: NodeJS.Timeout | undefined;
      const wait: Wait = {
        done,
        finish: () => {
          clearTimeout(timer);
          this.#waits.delete(wait);
          resolve();
        },
      };
      // Timers of Node may fire up to a millisecond early.
      const tick = () => {
        const left = deadline - this.now();
        if (left <= 0) {
          wait.finish();
          return;
        }
        timer = setTimeout(tick, Math.min(Math.ceil(left / 1000), 0x7fffffff));
      };
      this.#waits.add(wait);
      tick();
    });
  }

  reach(to: Destination, within: Micros): Promise<ReachAnswer> {
    return new Promise((resolve) => {
      const socket = createSocket('udp4');
      let timer: NodeJS.Timeout | undefined;
      const end = (answer: ReachAnswer) => {
        clearTimeout(timer);
        socket.removeAllListeners();
        socket.on('error', ignoreError);
        socket.close();
        resolve(answer);
      };
      timer = setTimeout(() => end('silent'), within / 1000);
      const sent = (error: Error | null) => {
        if (error) end(answerOf(error));
      };
      socket.on('error', (error: NodeJS.ErrnoException) => end(answerOf(error)));
      socket.on('message', () => end('answered'));
      socket.bind({ port: 0, address: formatIpv4(this.sources[0]!) }, () => {
        socket.connect(to.port, formatIpv4(to.address), (error?: Error) => {
          if (error) end(answerOf(error));
          else socket.send(REACH_PAYLOAD, sent);
        });
      });
    });
  }

  stop(): void {
    this.#stopped = true;
    for (const wait of [...this.#waits]) wait.finish();
  }

  close(): void {
    this.#closed = true;
    this.stop();
    for (const socket of this.#sockets.splice(0)) {
      socket.removeAllListeners('message');
      try {
        socket.close();
      } catch {
        // Closed by its port already.
      }
    }
  }

  #arrived(): void {
    for (const wait of [...this.#waits]) if (wait.done()) wait.finish();
  }
}

const ignoreError = () => {};

const REACH_PAYLOAD = new TextEncoder().encode('anybody there?');

/** What an error of a connected socket says about the way to the peer. */
function answerOf(error: Error): ReachAnswer {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ECONNREFUSED':
      return 'refused';
    case 'ENETUNREACH':
    case 'EHOSTUNREACH':
    case 'EADDRNOTAVAIL':
    case 'EACCES':
    case 'EPERM':
      return 'no-route';
    default:
      return 'silent';
  }
}

/** Binds a socket to a port that the run has not used; chosen at random from the whole range, as late as possible reused. */
async function bindFresh(address: Ipv4, used: Set<number>): Promise<Socket> {
  for (let attempt = 0; ; attempt++) {
    const port = randomInt(10_240, 65_536);
    if (used.has(port)) continue;
    used.add(port);
    try {
      return await bind(address, port);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code !== 'EADDRINUSE' && code !== 'EACCES') throw sourceError(address, error);
      if (attempt >= 100) throw new LinkError(`No UDP port of ${formatIpv4(address)} is free.`);
    }
  }
}

/** Binds a socket to a port that the case has on another address. */
async function bindNumber(address: Ipv4, port: number): Promise<Socket> {
  try {
    return await bind(address, port);
  } catch (error) {
    throw sourceError(address, error);
  }
}

function bind(address: Ipv4, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
    socket.once('error', reject);
    socket.bind({ address: formatIpv4(address), port, exclusive: true }, () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });
}

async function probeSource(address: Ipv4): Promise<void> {
  try {
    (await bind(address, 0)).close();
  } catch (error) {
    throw sourceError(address, error);
  }
}

function sourceError(address: Ipv4, error: unknown): LinkError {
  const reason = (error as NodeJS.ErrnoException).code ?? String(error);
  return new LinkError(
    `The local address ${formatIpv4(address)} cannot be used (${reason}): give one of this machine's own with --source.`,
  );
}

/** 0.0.0.0: stands for a local address where there is no way to the peer. */
const ANY: Ipv4 = 0;

/** The address that the system chooses for the peer; for loopback two random ones of 127.0.0.0/8 if it lets us. */
async function defaultSources(peer: Destination): Promise<readonly Ipv4[]> {
  const chosen = await chosenByTheSystem(peer);
  if (chosen === undefined) return [ANY];
  if (chosen >>> 24 !== 127) return [chosen];
  const sources: Ipv4[] = [];
  while (sources.length < 2) {
    const candidate = 0x7f000000 + randomInt(0x010000, 0xfffffe);
    if (candidate === peer.address || sources.includes(candidate)) continue;
    try {
      (await bind(candidate, 0)).close();
      sources.push(candidate);
    } catch {
      return [chosen];
    }
  }
  return sources;
}

/** Undefined when the system has no way to the peer. */
function chosenByTheSystem(peer: Destination): Promise<Ipv4 | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    const end = (address?: Ipv4) => {
      socket.removeAllListeners();
      socket.on('error', ignoreError);
      socket.close();
      resolve(address);
    };
    socket.once('error', () => end());
    socket.connect(peer.port, formatIpv4(peer.address), (error?: Error) => {
      end(error ? undefined : parseIpv4(socket.address().address));
    });
  });
}
