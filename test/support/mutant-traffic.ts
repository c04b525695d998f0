import { buildTcp, buildUdp, parseIpv4, TcpFlags, type Tuple } from '../../src/codec/index.js';
import { Endpoint, type EndpointOptions, ReferenceHost, type TcpMode } from '../../src/endpoint/index.js';
import { VirtualNetwork } from '../../src/sim/network.js';
import type { Mutant } from '../conformance/mutant.js';
import { Node } from './endpoint-pair.js';
import { VirtualCapture } from './virtual-capture.js';

const A = ['10.1.0.1', '10.2.0.1'].map(parseIpv4);
const B = ['10.1.0.2', '10.2.0.2'].map(parseIpv4);
const PLAIN = parseIpv4('10.3.0.9');

/** Address of the host that is to be judged. */
export const JUDGED = B[0]!;

/** How the traffic is made. */
export interface TrafficOptions {
  readonly mutant?: Mutant;
  readonly tcpMode?: TcpMode;
  readonly seed?: number;
  /** Chance that a packet is lost, after it was captured where it was sent. */
  readonly loss?: number;
  readonly endpoint?: Partial<EndpointOptions>;
}

/**
 * Ordinary traffic between a reference node and a host, perhaps a mutant, with services: requests and answers, datagrams in one
 * direction, a TCP connection, a host without MPIP that is asked, a pause longer than a session lasts, an address that goes and comes.
 * @returns a capture of what both sent, where they sent it
 */
export function mutantTraffic(options: TrafficOptions = {}): VirtualCapture {
  const { seed = 1, tcpMode = 'fake-tcp', loss = 0, mutant } = options;
  const network = new VirtualNetwork({ seed, delayMicros: 2000, loss, startMicros: 1_000_000 });
  const a = new Node(() => network, { addresses: A, mac: 0x020000000a01, seed, tcpMode, ...options.endpoint });
  const services = [
    { name: 'echo', port: 7000 },
    { name: 'discard', port: 7001 },
    { name: 'echo', port: 7002 },
  ] as const;
  const hostOptions = { addresses: B, mac: 0x020000000b02, seed: seed + 1, tcpMode, services, ...options.endpoint };
  const host = new ReferenceHost(hostOptions, new Endpoint(hostOptions));
  mutant?.apply(host);
  network.attach(a);
  network.attach(host);
  const capture = new VirtualCapture(network);
  const run = (millis: number) => network.runUntil(network.now + millis * 1000);
  const say = (port: number, text: string, from = 40000) => {
    const tuple = { source: A[0]!, sourcePort: from, destination: B[0]!, destinationPort: port };
    a.host(buildUdp(tuple, new TextEncoder().encode(text)));
  };
  for (let i = 0; i < 150; i++) {
    say(7000, `request ${i}`);
    run(20);
  }
  // The host itself begins, towards somebody without MPIP.
  for (let i = 0; i < 12; i++) {
    const tuple = { source: B[0]!, sourcePort: 7500, destination: PLAIN, destinationPort: 9 };
    host.endpoint.fromHost(buildUdp(tuple, new TextEncoder().encode(`nobody ${i}`)), network.timeOf(host));
    network.wake(host);
    run(50);
  }
  // One direction only.
  for (let i = 0; i < 200; i++) {
    say(7001, `datagram ${i}`, 40001);
    run(40);
  }
  talkTcp(a, run, { source: A[0]!, sourcePort: 50000, destination: B[0]!, destinationPort: 7002 });
  for (const addresses of [[B[0]!], B]) {
    host.endpoint.setAddresses(addresses, network.timeOf(host));
    network.wake(host);
    for (let i = 0; i < 60; i++) {
      say(7000, `moved ${i}`);
      run(40);
    }
  }
  run(125_000);
  // The host is the first to speak again, and goes on before it is answered.
  for (const [from, to] of [
    [7000, 40000],
    [7001, 40001],
  ] as const) {
    for (let i = 0; i < 8; i++) {
      const tuple = { source: B[0]!, sourcePort: from, destination: A[0]!, destinationPort: to };
      host.endpoint.fromHost(buildUdp(tuple, new TextEncoder().encode(`unasked ${i}`)), network.timeOf(host));
      network.wake(host);
      run(1);
    }
  }
  for (let i = 0; i < 30; i++) {
    say(7000, `again ${i}`);
    run(20);
  }
  return capture;
}

/** A TCP connection to the echo service, as simple as it can be: a segment at a time, each acknowledged by the next. */
function talkTcp(a: Node, run: (millis: number) => void, tuple: Tuple): void {
  const text = new TextEncoder().encode('0123456789'.repeat(10));
  let sequence = 1000;
  let acknowledgement = 0;
  let at = a.delivered.length;
  const take = () => {
    for (; at < a.delivered.length; at++) {
      const { bytes } = a.delivered[at]!;
      if (bytes[9] !== 6) continue;
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      const length =
        bytes.length - 20 - (bytes[32]! >> 4) * 4 + ((bytes[33]! & (TcpFlags.syn | TcpFlags.fin)) !== 0 ? 1 : 0);
      acknowledgement = (view.getUint32(24) + length) >>> 0;
    }
  };
  a.host(buildTcp(tuple, { sequence, flags: TcpFlags.syn }, new Uint8Array(0)));
  run(20);
  take();
  sequence++;
  a.host(buildTcp(tuple, { sequence, acknowledgement, flags: TcpFlags.ack }, new Uint8Array(0)));
  for (let i = 0; i < 120; i++) {
    a.host(buildTcp(tuple, { sequence, acknowledgement, flags: TcpFlags.ack | TcpFlags.psh }, text));
    sequence = (sequence + text.length) >>> 0;
    run(20);
    take();
  }
}
