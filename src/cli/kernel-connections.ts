import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { connect, type Socket } from 'node:net';

/** One end of a connection. */
export interface SocketAddress {
  readonly address: string;
  readonly port: number;
}

/** What a connection is opened with; port 0 and an absent address are the kernel's choice. */
export interface ConnectionRequest {
  readonly protocol: 'tcp' | 'udp';
  readonly from: { readonly address?: string; readonly port: number };
  readonly to: SocketAddress;
}

/** A connection that the control socket opened. */
export interface OpenConnection {
  readonly from: SocketAddress;
  readonly to: SocketAddress;
  /** False once the other end closed it or it failed. */
  readonly isOpen: boolean;
  send(payload: Uint8Array): void;
  /** Ends it: TCP with FIN, or with RST when `abort`. */
  close(abort: boolean): void;
}

const OPEN_MILLIS = 10_000;

/**
 * Opens a connection through this host's own kernel, as any application does: with a peer on the host's interfaces its
 * packets go through the node. What arrives is thrown away.
 * @throws RangeError with a sentence when the kernel or the other end refuses.
 */
export async function openKernelConnection(request: ConnectionRequest): Promise<OpenConnection> {
  return request.protocol === 'tcp' ? await openTcp(request) : await openUdp(request);
}

function refused({ to }: ConnectionRequest, error: NodeJS.ErrnoException): RangeError {
  return new RangeError(
    `${to.address}:${to.port} cannot be reached (${error.code ?? error.message}); check the address.`,
  );
}

async function openTcp(request: ConnectionRequest): Promise<OpenConnection> {
  const { from, to } = request;
  const socket: Socket = connect({
    host: to.address,
    port: to.port,
    localPort: from.port,
    ...(from.address === undefined ? {} : { localAddress: from.address }),
  });
  socket.setTimeout(OPEN_MILLIS, () => socket.destroy(Object.assign(new Error(), { code: 'ETIMEDOUT' })));
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', (error) => reject(refused(request, error)));
  });
  socket.setTimeout(0);
  socket.on('error', () => {}).resume();
  return {
    from: { address: socket.localAddress!, port: socket.localPort! },
    to,
    get isOpen() {
      return !socket.destroyed && socket.writable;
    },
    send: (payload) => void socket.write(payload),
    close: (abort) => {
      if (abort) socket.resetAndDestroy();
      else socket.end();
    },
  };
}

async function openUdp(request: ConnectionRequest): Promise<OpenConnection> {
  const { from, to } = request;
  const socket: DatagramSocket = createSocket('udp4');
  await new Promise<void>((resolve, reject) => {
    socket.once('error', (error) => reject(refused(request, error)));
    socket.bind(from.port, from.address, () => socket.connect(to.port, to.address, resolve));
  });
  let isOpen = true;
  // ICMP errors of datagrams sent earlier; each may be a passing one.
  socket.removeAllListeners('error').on('error', () => {});
  const { address, port } = socket.address();
  return {
    from: { address, port },
    to,
    get isOpen() {
      return isOpen;
    },
    // Without a callback an error becomes an event.
    send: (payload) => socket.send(payload, () => {}),
    close: () => {
      if (isOpen) socket.close();
      isOpen = false;
    },
  };
}
