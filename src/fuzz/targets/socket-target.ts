import { createSocket, type Socket } from 'node:dgram';
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
import { LiveTarget, type LiveTargetOptions } from './live-target.js';

const RECEIVE_BUFFER = 1 << 20;

/**
 * A live peer over ordinary UDP sockets, without privilege: one socket for each address and port, so that no source is ever forged.
 * IP and UDP headers are the system's; those of what arrives are rebuilt.
 */
export class SocketTarget extends LiveTarget {
  readonly kind = 'socket';
  readonly #peer: string;
  readonly #sockets = new Map<number, Socket>();
  readonly #view = new TrailerView();

  constructor(options: LiveTargetOptions) {
    super(options);
    this.#peer = formatIpv4(this.surroundings.peer);
  }

  protected transmit(packet: Uint8Array): boolean {
    const view = this.#view;
    if (view.parse(packet) !== HeaderStatus.ok || view.protocol !== UDP) return false;
    const { source, sourcePort, destinationPort } = view;
    const socket = this.#sockets.get(addressKey(source, sourcePort)) ?? this.#open(source, sourcePort);
    socket.send(packet, view.payloadOffset, view.end - view.payloadOffset, destinationPort, this.#peer, ignore);
    return true;
  }

  protected release(): void {
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

  #open(address: Ipv4, port: number): Socket {
    const socket = createSocket({ type: 'udp4', recvBufferSize: RECEIVE_BUFFER });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // Refused datagrams are told too; they show as silence.
      if (error.syscall !== 'bind') return;
      this.failed(`UDP ${this.placeText(address, port)} cannot be used (${error.code ?? error.message}).`);
    });
    socket.on('message', (data, from) => {
      const tuple = {
        source: parseIpv4(from.address),
        sourcePort: from.port,
        destination: address,
        destinationPort: port,
      };
      this.arrived(buildUdp(tuple, data));
    });
    socket.bind({ port, address: formatIpv4(address), exclusive: true });
    this.#sockets.set(addressKey(address, port), socket);
    return socket;
  }
}

const ignore = () => {};
