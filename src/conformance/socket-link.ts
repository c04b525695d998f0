import { randomInt } from 'node:crypto';
import type { Socket } from 'node:dgram';
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
import { bindUdp, FreshPorts, ignoreError, liveSources, reachBySocket, sourceError } from './live-sources.js';
import { LiveWaits } from './live-waits.js';
import { DEFAULT_RATE, Pacer } from './pacer.js';
import type { CaseUpperTester, UpperTesterSource } from './upper-tester.js';

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
  /** Most packets a second; default 4000. */
  readonly rate?: number;
  /** Makes the peer act. */
  readonly upper?: UpperTesterSource;
}

/** A link over ordinary UDP sockets: no privilege needed, headers rebuilt. Use `SocketLink.open`. */
export class SocketLink implements Link {
  readonly kind = 'socket';
  readonly isVirtual = false;
  readonly slack = 300_000;
  readonly hasUpperTester: boolean;
  readonly nonce = randomInt(1, 2 ** 32);
  readonly #ports = new FreshPorts();
  readonly #pacer: Pacer;

  private constructor(
    readonly sources: readonly Ipv4[],
    readonly patience: Micros,
    readonly upper: UpperTesterSource | undefined,
    rate: number,
  ) {
    this.hasUpperTester = upper !== undefined;
    this.#pacer = new Pacer(rate, () => Math.round(performance.now() * 1000));
  }

  /**
   * Finds the local addresses.
   * @throws LinkError when one of the given addresses cannot be used.
   */
  static async open(options: SocketLinkOptions): Promise<SocketLink> {
    const sources = await liveSources(options.peer, options.sources);
    return new SocketLink(sources, options.patience ?? 1_000_000, options.upper, options.rate ?? DEFAULT_RATE);
  }

  openCase(_seed: number): CaseLink {
    return new SocketCaseLink(this.sources, this.#ports, this.#pacer, this.upper);
  }

  close(): void {
    this.#pacer.close();
    this.upper?.close();
  }
}

class SocketCaseLink implements CaseLink {
  readonly kind = 'socket';
  readonly isExhausted = false;
  readonly #waits = new LiveWaits();
  readonly #sockets: Socket[] = [];
  #upper: CaseUpperTester | undefined;
  #closed = false;

  constructor(
    readonly sources: readonly Ipv4[],
    readonly ports: FreshPorts,
    readonly pacer: Pacer,
    readonly upperSource: UpperTesterSource | undefined,
  ) {}

  get upper(): CaseUpperTester | undefined {
    this.#upper ??= this.upperSource?.open();
    return this.#upper;
  }

  get epoch(): number {
    return this.#waits.epoch;
  }

  now(): Micros {
    return this.#waits.now();
  }

  openRaw(): Promise<RawPort> {
    return Promise.reject(new LinkError('Ordinary sockets give no raw port.'));
  }

  async open(index: number, receive: (packet: Uint8Array) => void, number?: number): Promise<LinkPort> {
    const address = this.sources[index];
    if (address === undefined) throw new LinkError(`There is no local address number ${index}.`);
    const socket = number === undefined ? await this.#bindFresh(address) : await bindNumber(address, number);
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
      this.#waits.arrived();
    });
    // A socket that is not connected learns of no ICMP error; what is left is ours and shows in `send`.
    socket.on('error', ignoreError);
    return {
      address,
      port,
      send: (to: Destination, payload: Uint8Array): Uint8Array => {
        identification = (identification + 1) & 0xffff;
        const tuple = { source: address, sourcePort: port, destination: to.address, destinationPort: to.port };
        const packet = buildUdp(tuple, payload, { identification });
        // The caller may use its octets again before the packet's turn has come.
        const octets = payload.slice();
        this.pacer.pass(() => {
          if (isOpen && !this.#closed) socket.send(octets, to.port, formatIpv4(to.address), ignoreError);
        });
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
    return this.#waits.wait(deadline + this.pacer.lateness, done);
  }

  reach(to: Destination, within: Micros): Promise<ReachAnswer> {
    return reachBySocket(this.sources[0]!, to, within);
  }

  stop(): void {
    this.#waits.stop();
  }

  close(): void {
    this.#closed = true;
    this.stop();
    this.#upper?.release();
    for (const socket of this.#sockets.splice(0)) {
      socket.removeAllListeners('message');
      try {
        socket.close();
      } catch {
        // Closed by its port already.
      }
    }
  }

  #bindFresh(address: Ipv4): Promise<Socket> {
    return this.ports.take(address, async (port) => {
      try {
        return await bindUdp(address, port);
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code;
        if (code !== 'EADDRINUSE' && code !== 'EACCES') throw sourceError(address, error);
        return undefined;
      }
    });
  }
}

/** Binds a socket to a port that the case has on another address. */
async function bindNumber(address: Ipv4, port: number): Promise<Socket> {
  try {
    return await bindUdp(address, port);
  } catch (error) {
    throw sourceError(address, error);
  }
}
