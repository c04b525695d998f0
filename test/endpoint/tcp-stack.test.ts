import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DatagramView, parseIpv4, Random, TcpFlags, type Tuple } from '../../src/codec/index.js';
import { TcpStack } from '../../src/endpoint/tcp-stack.js';
import { VirtualNetwork } from '../../src/sim/network.js';
import { runs } from '../support/runs.js';

const CLIENT = parseIpv4('10.0.0.1');
const SERVER = parseIpv4('10.0.0.2');
const TUPLE: Tuple = { source: CLIENT, sourcePort: 0, destination: SERVER, destinationPort: 7 };

/** A stack as a host of a virtual network. `hear` gets what arrives for a port of its own choice. */
function hostOf(
  address: number,
  seed: number,
  service: (port: number, payload: Uint8Array) => Uint8Array | undefined,
  listens: (port: number) => boolean,
  initialSequence?: number,
) {
  const out: Uint8Array[] = [];
  const stack = new TcpStack({
    seed,
    mss: 500,
    ...(initialSequence === undefined ? {} : { initialSequence }),
    service: (port) => (listens(port) ? (payload) => service(port, payload) : undefined),
    send: (packet) => out.push(packet),
  });
  const view = new DatagramView();
  const host = {
    addresses: [address],
    receive: (packet: Uint8Array, now: number) => {
      view.parse(packet);
      stack.receive(view, now);
    },
    poll: (now: number) => {
      stack.poll(now);
      return stack.deadline;
    },
    drain: (send: (packet: Uint8Array) => void) => {
      for (const packet of out.splice(0)) send(packet);
    },
  };
  return { stack, host };
}

function bytesOf(length: number, seed: number): Uint8Array {
  const random = new Random(seed);
  return Uint8Array.from({ length }, () => random.below(256));
}

/** A client that writes, closes, and collects what an echo server returns. */
function talk(seed: number, octets: Uint8Array, network: VirtualNetwork) {
  const heard: number[] = [];
  const client = hostOf(
    CLIENT,
    seed,
    (_, payload) => void heard.push(...payload),
    () => true,
  );
  const server = hostOf(
    SERVER,
    seed + 1,
    (_, payload) => payload,
    (port) => port === 7,
  );
  network.attach(client.host);
  network.attach(server.host);
  const connection = client.stack.connect(TUPLE, network.now);
  connection.write(octets, network.now);
  connection.close(network.now);
  network.wake(client.host);
  return { heard, connection, client, server };
}

test('property: a stream is echoed whole and in order through loss, duplication and disorder, and both ends close', () => {
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 0, max: 20_000 }), (seed, length) => {
      const network = new VirtualNetwork({
        seed,
        delayMicros: 1000,
        jitterMicros: 3000,
        loss: 0.05,
        duplication: 0.05,
      });
      const octets = bytesOf(length, seed);
      const { heard, client, server } = talk(seed, octets, network);
      network.runUntil(600_000_000);
      assert.deepEqual(Uint8Array.from(heard), octets);
      assert.equal(client.stack.connections.length + server.stack.connections.length, 0);
    }),
    runs(30),
  );
});

test('a segment for nobody is answered with RST, a RST with nothing', () => {
  const network = new VirtualNetwork({ seed: 1 });
  const flags: number[] = [];
  const view = new DatagramView();
  network.observer = ({ kind, packet }) => {
    view.parse(packet);
    if (kind === 'sent') flags.push(view.tcpFlags);
  };
  const client = hostOf(
    CLIENT,
    1,
    () => undefined,
    () => false,
  );
  const server = hostOf(
    SERVER,
    2,
    () => undefined,
    () => false,
  );
  network.attach(client.host);
  network.attach(server.host);
  const connection = client.stack.connect(TUPLE, 0);
  network.wake(client.host);
  network.runUntil(10_000_000);
  assert.deepEqual(flags, [TcpFlags.syn, TcpFlags.rst | TcpFlags.ack]);
  assert.equal(connection.state, 'closed');
});

test('sequence numbers wrap', () => {
  const network = new VirtualNetwork({ seed: 1 });
  const octets = bytesOf(3000, 5);
  const client = hostOf(
    CLIENT,
    1,
    () => undefined,
    () => true,
    0xffff_fc00,
  );
  const heard: number[] = [];
  const server = hostOf(
    SERVER,
    2,
    (_, payload) => void heard.push(...payload),
    (port) => port === 7,
  );
  network.attach(client.host);
  network.attach(server.host);
  const connection = client.stack.connect(TUPLE, 0);
  connection.write(octets, 0);
  network.wake(client.host);
  network.runUntil(5_000_000);
  assert.deepEqual(Uint8Array.from(heard), octets);
});
