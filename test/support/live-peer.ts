import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { buildUdp, DatagramView, formatIpv4, parseIpv4 } from '../../src/codec/index.js';
import type { VirtualHost } from '../../src/sim/network.js';

/** Runs a virtual host on real UDP sockets of 127.0.0.1, one for each port; the host has to know that address. */
export async function runLive(
  createHost: (ports: readonly number[]) => VirtualHost,
  portCount: number,
  delayMs = 0,
): Promise<{ ports: readonly number[]; close: () => void }> {
  const sockets: Socket[] = [];
  for (let i = 0; i < portCount; i++) {
    const socket = createSocket({ type: 'udp4', sendBufferSize: 1 << 20 });
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    sockets.push(socket);
  }
  const ports = sockets.map((socket) => socket.address().port);
  const host = createHost(ports);
  const view = new DatagramView();
  const timers = new Set<NodeJS.Timeout>();
  let isOpen = true;
  const send = (socket: Socket, packet: Uint8Array) => {
    view.parse(packet);
    const { destinationPort, destination, payloadOffset } = view;
    const transmit = () => {
      if (isOpen) socket.send(packet.subarray(payloadOffset), destinationPort, formatIpv4(destination), () => {});
    };
    if (delayMs === 0) transmit();
    else timers.add(setTimeout(transmit, delayMs));
  };
  for (const [i, socket] of sockets.entries()) {
    socket.on('message', (data, from) => {
      const tuple = {
        source: parseIpv4(from.address),
        sourcePort: from.port,
        destination: parseIpv4('127.0.0.1'),
        destinationPort: ports[i]!,
      };
      host.receive(buildUdp(tuple, data), Math.round(performance.now() * 1000));
      host.drain((packet) => send(socket, packet));
    });
  }
  return {
    ports,
    close: () => {
      isOpen = false;
      for (const timer of timers) clearTimeout(timer);
      for (const socket of sockets) socket.close();
    },
  };
}
