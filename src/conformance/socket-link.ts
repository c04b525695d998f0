import type { Socket } from 'node:dgram';
import { buildUdp, formatIpv4, type Ipv4, parseIpv4 } from '../codec/index.js';
import { type CaseLink, type Destination, LinkError, type RawPort } from './link.js';
import { type HeldPort, LiveCaseLink, LiveLink, type LiveLinkOptions, type Protocols } from './live-link.js';
import { bindUdp, ignoreError, liveSources, sourceError } from './live-sources.js';

/** Settings of a `SocketLink`. */
export type SocketLinkOptions = LiveLinkOptions;

/** A link over ordinary UDP sockets: no privilege needed, headers rebuilt. Use `SocketLink.open`. */
export class SocketLink extends LiveLink {
  readonly kind = 'socket';

  /**
   * Finds the local addresses.
   * @throws LinkError when one of the given addresses cannot be used.
   */
  static async open(options: SocketLinkOptions): Promise<SocketLink> {
    const link = new SocketLink(await liveSources(options.peer, options.sources), options);
    await link.begin();
    return link;
  }

  openCase(_seed: number): CaseLink {
    return new SocketCaseLink(this);
  }
}

interface HeldSocket extends HeldPort {
  send(octets: Uint8Array, to: Destination): void;
}

class SocketCaseLink extends LiveCaseLink<HeldSocket> {
  constructor(private readonly link: SocketLink) {
    super(link);
  }

  override openRaw(): Promise<RawPort> {
    return Promise.reject(new LinkError('Ordinary sockets give no raw port.'));
  }

  protected async hold(_protocols: Protocols, address: Ipv4, number: number): Promise<HeldSocket | undefined> {
    const socket = await bindFree(address, number);
    if (socket === undefined) return undefined;
    // A socket that is not connected learns of no ICMP error; what is left is ours and shows in `send`.
    socket.on('error', ignoreError);
    let isOpen = true;
    return {
      port: number,
      hear: (receive) => {
        const onMessage = (data: Buffer, from: { address: string; port: number }) => {
          const source = parseIpv4(from.address);
          receive(buildUdp({ source, sourcePort: from.port, destination: address, destinationPort: number }, data));
        };
        socket.on('message', onMessage);
        return () => socket.off('message', onMessage);
      },
      release: () => {
        isOpen = false;
        socket.close();
      },
      send: (octets, to) => {
        if (isOpen) socket.send(octets, to.port, formatIpv4(to.address), ignoreError);
      },
    };
  }

  protected transmit(from: HeldSocket, to: Destination, _packet: Uint8Array, payload: Uint8Array): void {
    // The caller may use its octets again before the packet's turn has come.
    const octets = payload.slice();
    this.link.pacer.pass(() => from.send(octets, to));
  }

  protected transmitRaw(): void {}
}

/** Undefined for a port that somebody has. */
async function bindFree(address: Ipv4, port: number): Promise<Socket | undefined> {
  try {
    return await bindUdp(address, port);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE' || code === 'EACCES') return undefined;
    throw sourceError(address, error);
  }
}
