import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { buildTcp, buildUdp, DatagramView, Flags, l4Checksum, TCP, TcpFlags } from '../../../src/codec/index.js';
import { Endpoint } from '../../../src/endpoint/index.js';
import { DoubleQueue } from '../../../src/endpoint/packet-queue.js';
import type { Node } from '../../support/endpoint-pair.js';
import { Driver, LOCAL, look, REMOTE, withCm } from '../../support/peer-driver.js';
import { Stream } from '../../support/stream.js';
import { B1 } from '../../support/wide-pair.js';

const LENGTH = 3_000_000;

/** A host without a node: its packets pass as they are. */
class Bare extends Endpoint {
  readonly #out = new DoubleQueue();
  readonly #up = new DoubleQueue();

  override fromHost(packet: Uint8Array, _now: number, length = packet.length): void {
    this.#out.filling.appendCopy(packet, length);
  }

  /** `isShielded`: packets with a CM reach no socket. */
  constructor(
    node: Node,
    private readonly isShielded: boolean,
  ) {
    super({ addresses: node.addresses });
  }

  override fromNetwork(packet: Uint8Array, _now: number, length = packet.length): void {
    // No host listens at the other paths' tuples; it would answer with RST.
    if (packet[9] === 17) return;
    const isOwn = packet.subarray(12, 20).join() === this.own;
    const hasCm = look(packet.subarray(0, length)).cm !== undefined;
    // As a kernel does with the copies of queries (decision 1).
    const view = new DatagramView();
    view.parse(packet, 0, length);
    const isSound = view.l4Checksum === l4Checksum(packet, 0, TCP, view.l4Offset, view.end);
    if (isOwn && isSound && !(hasCm && this.isShielded)) this.#up.filling.appendCopy(packet, length);
  }

  own = '';

  override poll(): number {
    return Number.POSITIVE_INFINITY;
  }

  override takeTransmits() {
    return this.#out.take();
  }

  override takeDeliveries() {
    return this.#up.take();
  }
}

/** The node is not there any more. */
function removeNode(stream: Stream, which: 'a' | 'b', isShielded: boolean): void {
  const node = stream.pair[which];
  const bare = new Bare(node, isShielded);
  const { delivered } = node;
  bare.own = delivered.at(-1)!.bytes.subarray(12, 20).join();
  node.endpoint = bare;
}

/** A node is told that it is to end. */
function leave({ pair }: Stream, which: 'a' | 'b'): void {
  pair[which].endpoint.leave(pair.network.now);
  pair.network.wake(pair[which]);
}

const speaking = ({ pair }: Stream, which: 'a' | 'b') => pair[which].endpoint.speaking(pair.network.now).length;

describe('a node ends and its host goes on', () => {
  for (const which of ['a', 'b'] as const)
    for (const mode of ['fake-tcp', 'udp-wrapper'] as const)
      for (const [name, client, server] of [
        ['sends', LENGTH, 0],
        ['receives', 0, LENGTH],
        ['both', LENGTH, LENGTH],
      ] as const)
        test(`in order, ${mode}, node ${which} of a client that ${name}: the stream goes on`, () => {
          const options = { tcpMode: mode };
          const stream = new Stream({ a: options, b: options, client: { length: client }, server: { length: server } });
          stream.run(400);
          assert.ok(stream.paths('a').length > 1);
          leave(stream, which);
          let waited = 0;
          for (; speaking(stream, which) > 0; waited++) {
            assert.ok(waited < 50, 'the peer does not notice');
            stream.run(100);
          }
          assert.ok(waited > 0);
          removeNode(stream, which, false);
          stream.finish();
          assert.deepEqual([stream.server.received, stream.client.received], [client, server]);
          assert.ok(!stream.client.isReset && !stream.server.isReset);
          const other = stream.pair[which === 'a' ? 'b' : 'a'].endpoint;
          assert.deepEqual([other.counters.peersLeft, other.sessions.size], [1, 0]);
        });

  test('in order, on a connection that is idle: the peer is made to notice', () => {
    for (const which of ['a', 'b'] as const) {
      const stream = new Stream({ client: { length: 100_000 }, server: { length: 100_000 } });
      stream.finish();
      stream.run(1000);
      leave(stream, which);
      let waited = 0;
      for (; speaking(stream, which) > 0; waited++) {
        assert.ok(waited < 50, 'the peer does not notice');
        stream.run(100);
      }
      removeNode(stream, which, false);
      stream.run(60_000);
      for (const host of [stream.client, stream.server]) host.add(100_000);
      stream.finish();
      assert.deepEqual([stream.server.received, stream.client.received], [200_000, 200_000]);
    }
  });

  for (const which of ['a', 'b'] as const)
    for (const [name, client, server] of [
      ['sends', LENGTH, 0],
      ['receives', 0, LENGTH],
    ] as const)
      test(`killed, node ${which} of a client that ${name}, CMs kept from the kernel: the stream goes on`, () => {
        const stream = new Stream({ client: { length: client }, server: { length: server } });
        stream.run(400);
        removeNode(stream, which, true);
        stream.finish();
        assert.deepEqual([stream.server.received, stream.client.received], [client, server]);
        assert.ok(!stream.client.isReset && !stream.server.isReset);
      });

  test('a node that comes back is met again', () => {
    const stream = new Stream({ client: { length: LENGTH }, server: { length: LENGTH } });
    stream.run(400);
    const { a, b } = stream.pair;
    leave(stream, 'b');
    while (speaking(stream, 'b') > 0) stream.run(100);
    b.reboot({ addresses: b.addresses, mac: 0x020000000b77, seed: 99, linkMtu: 1500 });
    stream.finish();
    for (const host of [stream.client, stream.server]) host.add(LENGTH);
    stream.finish();
    assert.deepEqual([stream.server.received, stream.client.received], [2 * LENGTH, 2 * LENGTH]);
    assert.equal(a.endpoint.availability.get(B1, 7000)?.enabled, true);
    assert.equal(stream.paths('a').length, 4);
  });

  test('nothing comes through for a while: afterwards the connection uses all paths again', () => {
    const stream = new Stream({ client: { length: LENGTH }, server: { length: LENGTH } });
    stream.run(400);
    const { links } = stream.pair;
    const set = (isUp: boolean) => {
      for (const link of Object.values(links)) {
        link.forward.isUp = isUp;
        link.back.isUp = isUp;
      }
    };
    set(false);
    stream.run(8000);
    set(true);
    stream.finish();
    for (const host of [stream.client, stream.server]) host.add(2 * LENGTH);
    stream.finish();
    assert.equal(stream.server.received, 3 * LENGTH);
    assert.equal(stream.paths('a').length, 4);
  });

  test('a new connection to where a node was: a SYN-ACK without a CM shows that it is gone, before any data', () => {
    const driver = new Driver();
    const from = { sequence: 900, acknowledgement: 101, flags: TcpFlags.syn | TcpFlags.ack };
    const back = { source: REMOTE, sourcePort: 40000, destination: LOCAL, destinationPort: 7000 };
    driver.net(withCm(buildUdp(back, new Uint8Array(0)), { flags: Flags.enable }));
    const [syn] = driver.hostTcp({ sequence: 100, flags: TcpFlags.syn });
    assert.notEqual(syn!.cm, undefined, 'Table 2 knows the address and port as enabled');
    driver.net(buildTcp(back, from, new Uint8Array(0)));
    const sent = driver.hostTcp({ sequence: 101, acknowledgement: 901, flags: TcpFlags.ack }, 'data');
    assert.deepEqual(
      sent.map(({ cm, payload }) => [cm, payload]),
      [[undefined, 'data']],
    );
    assert.equal(driver.endpoint.availability.get(REMOTE, 40000)!.enabled, false);
    // Half a minute later the paper's five queries follow, and no more.
    driver.now += 30_000_000;
    const queries = Array.from({ length: 9 }, (_, i) =>
      driver.hostTcp({ sequence: 105 + i, acknowledgement: 901, flags: TcpFlags.ack }, 'x'),
    );
    assert.deepEqual(
      queries.map((packets) => packets.map(({ cm }) => cm?.flags)),
      [...Array(5).fill([undefined, Flags.enable]), ...Array(4).fill([undefined])],
    );
  });

  test('ordinary datagrams do not end a session while CMs come between, nor right after one', () => {
    const driver = new Driver();
    const back = { source: REMOTE, sourcePort: 40000, destination: LOCAL, destinationPort: 7000 };
    const ordinary = () => driver.net(buildUdp(back, new Uint8Array(1)));
    const session = () => driver.net(withCm(buildUdp(back, new Uint8Array(1)), { flags: Flags.normal, sessionId: 7 }));
    const hasCm = () => driver.hostUdp().every(({ cm }) => cm !== undefined);
    session();
    for (let i = 0; i < 30; i++) ordinary();
    assert.ok(hasCm(), 'what was under way before');
    session();
    for (let i = 0; i < 30; i++) {
      driver.now += 300_000;
      if (i % 9 === 8) session();
      else ordinary();
      assert.ok(hasCm());
    }
    session();
    driver.now += 300_000;
    for (let i = 0; i < 9; i++) ordinary();
    assert.ok(hasCm());
    ordinary();
    assert.ok(!hasCm());
    session();
    assert.ok(hasCm(), 'a CM from there overrides (decision 2)');
  });

  test('a leaving node answers nothing and adds no CM; what comes with one goes up without it', () => {
    const driver = new Driver();
    const back = { source: REMOTE, sourcePort: 40000, destination: LOCAL, destinationPort: 7000 };
    const from = (cm: object, payload = 'x') =>
      driver.net(withCm(buildUdp(back, new TextEncoder().encode(payload)), cm));
    from({ flags: Flags.normal, sessionId: 7 });
    driver.hostUdp();
    driver.endpoint.leave(driver.now);
    assert.equal(driver.endpoint.speaking(driver.now).length, 1);
    driver.now += 5_000_000;
    for (const cm of [{ flags: Flags.enable }, { flags: Flags.heartbeat, sessionId: 7 }]) {
      const { sent, delivered } = from(cm, '');
      assert.deepEqual([sent, delivered], [[], []]);
    }
    const { sent, delivered } = from({ flags: Flags.normal, sessionId: 7, pathId: 3 }, 'data');
    assert.deepEqual([sent, delivered.map(({ payload, cm }) => [payload, cm])], [[], [['data', undefined]]]);
    assert.deepEqual(
      driver.hostUdp('out').map(({ payload, cm }) => [payload, cm]),
      [['out', undefined]],
    );
  });
});
