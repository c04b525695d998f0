// A peer on real interfaces whose endpoint is replaced by a copy: the way to the endpoint and back, and nothing else.
//   node build/bench/copy-peer.js INTERFACE fake-tcp|udp-wrapper [--no-offload]
import { InterfacePeer } from '../src/cli/interface-peer.js';
import type { PacketNode } from '../src/cli/packet-exchange.js';
import { DoubleQueue } from '../src/endpoint/packet-queue.js';

/** Copies each packet once, as an endpoint does. */
class Copy implements PacketNode {
  readonly #transmits = new DoubleQueue();
  readonly #deliveries = new DoubleQueue();

  fromHost(packet: Uint8Array, _now: number, length: number): void {
    this.#transmits.filling.appendCopy(packet, length);
  }

  fromNetwork(packet: Uint8Array, _now: number, length: number): void {
    this.#deliveries.filling.appendCopy(packet, length);
  }

  poll(): number {
    return Number.POSITIVE_INFINITY;
  }

  takeTransmits() {
    return this.#transmits.take();
  }

  takeDeliveries() {
    return this.#deliveries.take();
  }
}

const [name, mode, option] = process.argv.slice(2);
const tcpMode = mode === 'udp-wrapper' ? 'udp-wrapper' : 'fake-tcp';
const offload = option !== '--no-offload';
const peer = new InterfacePeer({ interfaces: [name!], networks: [], tcpMode, offload }, () => new Copy());
console.log('ready');
const stay = setInterval(() => {}, 60_000);
process.once('SIGTERM', () => {
  clearInterval(stay);
  peer.close();
});
