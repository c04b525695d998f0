import { formatIpv4, type Ipv4, parseIpv4 } from '../codec/index.js';
import type { Endpoint, ReferenceHost, ServiceAddress } from '../endpoint/index.js';
import { linkMtuOf } from '../io/own-interfaces.js';
import { UdpSockets } from '../io/udp-sockets.js';
import { wallClock } from '../io/wall-clock.js';
import type { Controlled } from './control-commands.js';
import type { ConnectionRequest, OpenConnection } from './kernel-connections.js';
import { RawHost } from './raw-host.js';

const LONGEST_TIMER_MS = 60_000;

/** Where the packets of a reference host come from and go to. */
export interface HostSockets {
  /** Opens an address and port. @throws SocketError */
  open(bind: { address: Ipv4; port: number }): Promise<unknown>;
  /** True when packets can be sent from an address and port. */
  canSendFrom(address: Ipv4, port: number): boolean;
  /** Sends a packet; its octets are copied. */
  send(packet: Uint8Array): void;
  close(): void;
}

/** Runs a reference host on the wall clock: over UDP sockets, or over raw ones with TCP. */
export class PeerProcess {
  readonly connect: Controlled['connect'];
  readonly #sockets: HostSockets;
  readonly #now = wallClock();
  #timer: NodeJS.Timeout | undefined;
  #wakeAt = Number.POSITIVE_INFINITY;

  /** @param withTcp whether raw sockets are used, so that the host has TCP (Linux, CAP_NET_RAW). */
  constructor(
    private readonly host: ReferenceHost,
    withTcp = false,
  ) {
    const onPacket = (packet: Uint8Array, length: number) => {
      host.receive(packet, this.#now(), length);
      this.#serve();
    };
    this.#sockets = withTcp ? new RawHost(host.addresses, onPacket) : new UdpSockets(onPacket);
    this.connect = withTcp ? (request) => Promise.resolve(this.#connect(request)) : undefined;
  }

  /**
   * Opens a socket for every address and service.
   * @throws SocketError when one cannot be opened; those opened before are closed again.
   */
  async open(services: readonly ServiceAddress[]): Promise<void> {
    try {
      for (const address of this.host.addresses)
        for (const { port } of services) {
          await this.#sockets.open({ address, port });
        }
    } catch (error) {
      this.close();
      throw error;
    }
    this.host.endpoint.setLinkMtu(linkMtuOf(this.host.addresses));
    this.#serve();
  }

  get endpoint(): Endpoint {
    return this.host.endpoint;
  }

  /** True when a socket is open at an address and port. */
  canSendFrom(address: Ipv4, port: number): boolean {
    return this.#sockets.canSendFrom(address, port);
  }

  /** Microseconds of the endpoint's clock. */
  now(): number {
    return this.#now();
  }

  /** Sends what the endpoint has to send. */
  flush(): void {
    this.#serve();
  }

  /** Closes the sockets and stops the timer. */
  close(): void {
    clearTimeout(this.#timer);
    this.#sockets.close();
  }

  /** Opens a TCP connection of the host's own. @throws RangeError for anything else. */
  #connect({ protocol, from, to }: ConnectionRequest): OpenConnection {
    if (protocol !== 'tcp') throw new RangeError('A peer on addresses opens TCP connections only; send datagrams.');
    const source = from.address === undefined ? this.host.endpoint.addresses[0]! : parseIpv4(from.address);
    const tuple = { source, sourcePort: from.port, destination: parseIpv4(to.address), destinationPort: to.port };
    const connection = this.host.tcp.connect(tuple, this.#now());
    this.#serve();
    const act = (action: () => void) => {
      action();
      this.#serve();
    };
    return {
      from: { address: formatIpv4(source), port: connection.tuple.sourcePort },
      to,
      get isOpen() {
        return connection.state !== 'closed';
      },
      send: (payload) => act(() => connection.write(payload, this.#now())),
      close: (abort) => act(() => (abort ? connection.reset() : connection.close(this.#now()))),
    };
  }

  /** Sends what is to be sent and sees to it that the host is called when it wants to be. */
  #serve(): void {
    const now = this.#now();
    const next = this.host.poll(now);
    this.host.drain((packet) => this.#sockets.send(packet));
    if (next === this.#wakeAt) return;
    this.#wakeAt = next;
    clearTimeout(this.#timer);
    if (next === Number.POSITIVE_INFINITY) return;
    const delayMs = Math.min(LONGEST_TIMER_MS, Math.max(1, Math.ceil((next - now) / 1000)));
    this.#timer = setTimeout(() => {
      this.#wakeAt = Number.NaN;
      this.#serve();
    }, delayMs);
  }
}
