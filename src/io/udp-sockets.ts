import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { writeU16be } from '../codec/bytes.js';
import { DatagramView, HeaderStatus, UDP_HEADER_LENGTH } from '../codec/datagram.js';
import { addressKey, formatIpv4, type Ipv4, parseIpv4, type Tuple } from '../codec/index.js';
import { writeIpv4Header } from '../codec/packet.js';

/** An address and port to bind a socket to; port 0 lets the kernel choose. */
export interface BindAddress {
  readonly address: Ipv4;
  readonly port: number;
}

/** A socket could not be opened. `code` is the system's (`EADDRINUSE`, `EACCES`, `EADDRNOTAVAIL`, …). */
export class SocketError extends Error {
  override readonly name = 'SocketError';

  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

const reasons: Record<string, string> = {
  EADDRINUSE: 'another program uses it; choose another port',
  EADDRNOTAVAIL: 'no interface of this machine has it; add it or choose another',
  EACCES: 'this user may not; use a port above 1023',
};

const HEADERS = 20 + UDP_HEADER_LENGTH;
const RECEIVE_BUFFER = 4 * 1024 * 1024;

/**
 * IPv4/UDP datagrams over ordinary sockets, without privilege: one socket per address and port. What comes in gets
 * rebuilt headers (no IP options, TTL 64, IP id 0, UDP checksum 0 = not computed); what goes out leaves its IP header
 * to the kernel. A datagram is sent from the socket bound to its source address and port.
 */
export class UdpSockets {
  readonly #sockets = new Map<number, Socket>();
  readonly #view = new DatagramView();
  readonly #scratch = new Uint8Array(65535 + HEADERS);
  /** Datagrams that no socket could send: wrong source, or refused by the kernel. */
  unsent = 0;

  /** `onPacket` gets each datagram that arrives; the array is valid only during the call. */
  constructor(private readonly onPacket: (packet: Uint8Array, length: number) => void) {}

  /**
   * Opens a socket.
   * @returns the address with the port in use.
   * @throws SocketError with a sentence that says which address and what to do.
   */
  async open(bind: BindAddress): Promise<BindAddress> {
    const socket = createSocket({ type: 'udp4', reuseAddr: false });
    await new Promise<void>((resolve, reject) => {
      socket.once('error', (error: NodeJS.ErrnoException) => {
        socket.close();
        const code = error.code ?? 'UNKNOWN';
        reject(
          new SocketError(
            code,
            `UDP ${formatIpv4(bind.address)}:${bind.port} cannot be opened (${code}): ${reasons[code] ?? error.message}.`,
          ),
        );
      });
      socket.bind(bind.port, formatIpv4(bind.address), () => {
        socket.removeAllListeners('error');
        resolve();
      });
    });
    const bound = { address: bind.address, port: socket.address().port };
    // ICMP errors of datagrams sent earlier arrive here; each is somebody's unreachable port and no reason to stop.
    socket.on('error', () => {});
    try {
      socket.setRecvBufferSize(RECEIVE_BUFFER);
    } catch {
      // The system's limit is lower; its default stays.
    }
    socket.on('message', (payload, from) => this.#receive(payload, from, bound));
    this.#sockets.set(addressKey(bound.address, bound.port), socket);
    return bound;
  }

  /** True when a socket is open at an address and port. */
  canSendFrom(address: Ipv4, port: number): boolean {
    return this.#sockets.has(addressKey(address, port));
  }

  /** Sends an IPv4/UDP datagram; one that cannot be sent is counted. The octets are copied. */
  send(packet: Uint8Array): void {
    const view = this.#view;
    const socket =
      view.parse(packet) === HeaderStatus.ok ? this.#sockets.get(addressKey(view.source, view.sourcePort)) : undefined;
    if (socket === undefined) {
      this.unsent++;
      return;
    }
    // dgram keeps the array until the datagram has left, and callers use theirs again.
    const payload = packet.slice(view.payloadOffset, view.end);
    socket.send(payload, view.destinationPort, formatIpv4(view.destination), (error) => {
      if (error !== null) this.unsent++;
    });
  }

  /** Closes every socket. */
  close(): void {
    for (const socket of this.#sockets.values()) socket.close();
    this.#sockets.clear();
  }

  #receive(payload: Uint8Array, from: RemoteInfo, local: BindAddress): void {
    const tuple: Tuple = {
      source: parseIpv4(from.address),
      sourcePort: from.port,
      destination: local.address,
      destinationPort: local.port,
    };
    const length = HEADERS + payload.length;
    const packet = this.#scratch;
    writeIpv4Header(packet, tuple, 17, UDP_HEADER_LENGTH + payload.length);
    writeU16be(packet, 20, tuple.sourcePort);
    writeU16be(packet, 22, tuple.destinationPort);
    writeU16be(packet, 24, UDP_HEADER_LENGTH + payload.length);
    writeU16be(packet, 26, 0);
    packet.set(payload, HEADERS);
    this.onPacket(packet, length);
  }
}
