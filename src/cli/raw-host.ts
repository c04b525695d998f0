import { readU16be, readU32be } from '../codec/bytes.js';
import { formatIpv4, type Ipv4, TCP, UDP } from '../codec/index.js';
import { HostError } from '../io/linux/libc.js';
import { RawSockets } from '../io/linux/raw-sockets.js';
import { SocketError } from '../io/udp-sockets.js';
import type { HostSockets } from './peer-process.js';

const PROTOCOLS = [TCP, UDP] as const;
/** Ports of paths that the node chose itself and that are kept from the kernel at once, at most. */
const MOST_OWN = 1024;

/**
 * The packets of a reference host with TCP: packet and raw sockets (Linux, CAP_NET_RAW) beside the local kernel, which is kept
 * from answering at the ports of the services and at those that the node sends from.
 */
export class RawHost implements HostSockets {
  #sockets: RawSockets | undefined;
  readonly #own: [protocol: typeof TCP | typeof UDP, address: Ipv4, port: number][] = [];

  constructor(
    private readonly addresses: readonly Ipv4[],
    private readonly onPacket: (packet: Uint8Array, length: number) => void,
  ) {}

  /** @throws SocketError */
  open({ address, port }: { address: Ipv4; port: number }): Promise<void> {
    try {
      this.#sockets ??= RawSockets.open(this.addresses, (packet) => this.onPacket(packet, packet.length));
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      return Promise.reject(new SocketError(error.code, error.message));
    }
    for (const protocol of PROTOCOLS) {
      const code = this.#sockets.ports.claim(protocol, address, port);
      if (code !== undefined)
        return Promise.reject(
          new SocketError(
            code,
            `${protocol === TCP ? 'TCP' : 'UDP'} ${formatIpv4(address)}:${port} cannot be used (${code}): choose another port or address.`,
          ),
        );
    }
    return Promise.resolve();
  }

  canSendFrom(address: Ipv4): boolean {
    return this.addresses.includes(address);
  }

  send(packet: Uint8Array): void {
    const sockets = this.#sockets;
    if (sockets === undefined) return;
    const source = readU32be(packet, 12);
    const protocol = packet[9] === TCP ? TCP : UDP;
    const port = readU16be(packet, (packet[0]! & 15) * 4);
    if (this.addresses.includes(source) && sockets.ports.claim(protocol, source, port) === undefined) {
      this.#own.push([protocol, source, port]);
      if (this.#own.length > MOST_OWN) sockets.ports.release(...this.#own.shift()!);
    }
    sockets.send(packet, this.addresses.includes(source) ? source : undefined);
  }

  close(): void {
    this.#sockets?.close();
  }
}
