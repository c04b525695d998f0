import { addressKey, type Ipv4 } from '../codec/index.js';
import type { Endpoint, ReferenceHost, ServiceAddress } from '../endpoint/index.js';
import { UdpSockets } from '../io/udp-sockets.js';
import { wallClock } from '../io/wall-clock.js';

const LONGEST_TIMER_MS = 60_000;

/** Runs a reference host over UDP sockets on the wall clock. */
export class PeerProcess {
  readonly #sockets: UdpSockets;
  readonly #now = wallClock();
  readonly #open = new Set<number>();
  #timer: NodeJS.Timeout | undefined;
  #wakeAt = Number.POSITIVE_INFINITY;

  constructor(private readonly host: ReferenceHost) {
    this.#sockets = new UdpSockets((packet, length) => {
      host.receive(packet, this.#now(), length);
      this.#serve();
    });
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
          this.#open.add(addressKey(address, port));
        }
    } catch (error) {
      this.close();
      throw error;
    }
    this.#serve();
  }

  get endpoint(): Endpoint {
    return this.host.endpoint;
  }

  /** True when a socket is open at an address and port. */
  canSendFrom(address: Ipv4, port: number): boolean {
    return this.#open.has(addressKey(address, port));
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
