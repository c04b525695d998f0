import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readU32be } from '../../../src/codec/bytes.js';
import { buildTcp, DatagramView, Flags, TCP, TcpFlags, UDP } from '../../../src/codec/index.js';
import { rewriteTuple } from '../../../src/codec/rewrite.js';
import { wrap } from '../../../src/endpoint/udp-wrapper.js';
import { Driver, LOCAL, OTHER, REMOTE, withCm } from '../../support/peer-driver.js';
import { Stream } from '../../support/stream.js';
import { A1, A2, B1, B2, dataOf, tuplesOf, WidePair } from '../../support/wide-pair.js';

const MEGABYTE = 1_000_000;
/** Linux' NAT as it is without further rules: what does not fit goes out untranslated, and is answered with RST coming in. */
const NAT = { tcp: 'windows', filtering: 'port-restricted', refusal: 'reset', passesInvalid: true } as const;
const WRAPPER = { tcpMode: 'udp-wrapper' } as const;
/** The port that stands for B's 7000 on the way between B1 and A2. */
const MAPPED = 18_471;

/**
 * A router on the way between B1 and A2 that gives B's UDP packets another source port, as Linux does when two flows
 * would else look the same to it, and takes it off again in what A2 answers. What others send to that port goes on to B.
 */
function mapPort({ network }: WidePair): void {
  const send = network.send.bind(network);
  const view = new DatagramView();
  network.send = (packet) => {
    view.parse(packet);
    const { source, sourcePort, destination, destinationPort } = view;
    const isUdp = view.protocol === UDP;
    if (isUdp && source === B1 && destination === A2 && sourcePort === 7000)
      rewriteTuple(view, { source, sourcePort: MAPPED, destination, destinationPort });
    else if (isUdp && source === A2 && destination === B1 && destinationPort === MAPPED)
      rewriteTuple(view, { source, sourcePort, destination, destinationPort: 7000 });
    send(packet);
  };
}

test('a NAT gives packets another port of this node: a path to that port from elsewhere leads here, too, and no connection loses its id (3.7.2, decision 67)', () => {
  for (let seed = 1; seed <= 3; seed++) {
    const stream = new Stream({
      seed,
      a: { seed, ...WRAPPER },
      b: { seed: seed + 50, ...WRAPPER },
      client: { length: MEGABYTE },
      server: { length: MEGABYTE },
    });
    const { pair } = stream;
    mapPort(pair);
    const opened = pair.network.now + 20_000;
    stream.finish();
    const rows = [...pair.b.endpoint.sessions.rows()];
    assert.deepEqual(
      rows.map(({ createdAt, id }) => [createdAt < opened, id]),
      [[true, [...pair.a.endpoint.sessions.rows()][0]!.id]],
      `seed ${seed}`,
    );
    assert.equal(stream.paths('a').filter(({ tuple }) => tuple.destinationPort === MAPPED).length, 2);
    assert.equal(pair.b.endpoint.counters.nameless, 0, 'every packet found its connection');
  }
});

for (const [way, isHeld] of [
  ['TCP on its own tuple only', false],
  ['UDP on its own tuple', true],
  ['UDP from another address', true],
] as const)
  test(`an RST for a connection without a second path that came by ${way} ${isHeld ? 'waits for a sign of life' : 'is delivered at once'} (decision 58)`, () => {
    for (const isAlive of [true, false]) {
      const driver = new Driver({ addresses: [LOCAL, LOCAL + 1], reordering: false, ...WRAPPER });
      const { syn, ack, rst } = TcpFlags;
      driver.netTcp({ flags: Flags.enable }, { sequence: 99, flags: syn });
      const [answer] = driver.hostTcp({ sequence: 499, acknowledgement: 100, flags: syn | ack });
      const cm = { sessionId: answer!.cm!.sessionId, pathId: 3 };
      const say = (sequence: number, source = REMOTE, isWrapped = true) => {
        const tuple = { source, sourcePort: 40000, destination: LOCAL, destinationPort: 7000 };
        const segment = buildTcp(tuple, { sequence, acknowledgement: 500, flags: ack }, Uint8Array.of(1));
        const view = new DatagramView();
        view.parse(segment);
        const out = new Uint8Array(segment.length + 8);
        const packet = isWrapped ? out.subarray(0, wrap(view, tuple, out)) : segment;
        return driver.net(withCm(packet, { ...cm, timestamp: driver.now })).delivered.length;
      };
      assert.equal(say(100, REMOTE, false), 1);
      if (isHeld) assert.equal(say(101, way === 'UDP on its own tuple' ? REMOTE : OTHER), 1);
      driver.wait(1000);
      const [session] = [...driver.endpoint.sessions.rows()];
      assert.equal(session!.paths.length, 0, 'no path was needed until now');
      const { sent, delivered } = driver.netTcp(undefined, { sequence: 102, flags: rst });
      assert.equal(delivered.length, isHeld ? 0 : 1);
      assert.deepEqual(
        sent.map(({ tuple }) => tuple.source),
        isHeld ? [LOCAL + 1] : [],
        'the other host is asked by what can be a path',
      );
      driver.wait(500_000);
      if (isAlive) assert.equal(say(102), 1);
      driver.wait(600_000);
      assert.equal(driver.endpoint.takeDeliveries().toArray().length, isHeld && !isAlive ? 1 : 0);
      assert.equal(driver.endpoint.counters.resetsDropped, isHeld && isAlive ? 1 : 0);
    }
  });

test('while an RST waits the peer’s host is asked again, below what it has acknowledged: it answers though segments were lost (decision 58)', () => {
  const stream = new Stream({ a: WRAPPER, b: WRAPPER, client: { length: 100_000 }, server: { length: 100_000 } });
  stream.finish();
  const { pair, client, server } = stream;
  const { network } = pair;
  const send = network.send.bind(network);
  const from = (packet: Uint8Array) => readU32be(packet, 12);
  network.send = (packet) => void ([B1, B2].includes(from(packet)) || send(packet));
  server.add(5000);
  server.work(network.now);
  pair.run(10);
  send(buildTcp(pair.toB, { sequence: 101_001, flags: TcpFlags.rst }, new Uint8Array(0)));
  pair.run(100);
  network.send = send;
  for (let i = 0; i < 1000; i++) {
    client.work(network.now);
    pair.run(1);
  }
  server.work(network.now);
  assert.deepEqual([server.isReset, pair.b.endpoint.counters.resetsDropped], [false, 1]);
});

/** A's segments that go as TCP by the connection's own tuple, from the first without SYN on, as they enter the network. */
function ownSegments({ network }: WidePair, take: (count: number) => boolean): void {
  const send = network.send.bind(network);
  const view = new DatagramView();
  let count = 0;
  network.send = (packet) => {
    view.parse(packet);
    const isOwn = view.protocol === TCP && view.source === A1 && (view.tcpFlags & TcpFlags.syn) === 0;
    if (!isOwn || take(count++)) send(packet);
  };
}

for (const [name, client, server] of [
  ['the client', 100_000, 0],
  ['the server', 0, 100_000],
] as const)
  for (const isLost of [false, true])
    test(`--udp-wrapper through a NAT that lets out untranslated what does not fit; ${name} speaks first${isLost ? ', the third packet of the handshake is lost' : ''}`, () => {
      for (let seed = 1; seed <= 8; seed++) {
        const options = { seed, nat: NAT, a: { seed, ...WRAPPER }, b: { seed: seed + 50, ...WRAPPER } };
        const stream = new Stream({ ...options, client: { length: client }, server: { length: server } });
        if (isLost) ownSegments(stream.pair, (count) => count > 0);
        stream.finish(30);
        assert.deepEqual([stream.client.isReset, stream.server.isReset], [false, false], `seed ${seed}`);
      }
    });

test('with --udp-wrapper segments go by the own tuple until the other host has answered the handshake (decision 57)', () => {
  const pair = new WidePair({ a: WRAPPER, b: WRAPPER });
  const { syn, ack } = TcpFlags;
  const none = new Uint8Array(0);
  const say = (count: number) => {
    pair.a.sent.length = 0;
    for (let i = 0; i < count; i++) {
      pair.a.host(buildTcp(pair.toB, { sequence: 101 + i, acknowledgement: 901, flags: ack }, Uint8Array.of(i)));
      pair.run(10);
    }
    return dataOf(pair.a.sent);
  };
  pair.a.host(buildTcp(pair.toB, { sequence: 100, flags: syn }, none));
  pair.run(20);
  pair.b.host(buildTcp(pair.toA, { sequence: 900, acknowledgement: 101, flags: syn | ack }, none));
  pair.run(20);
  const first = say(40);
  assert.ok(first.every(({ bytes, cm }) => bytes[9] === TCP && cm!.sessionId !== 0));
  assert.equal(tuplesOf(first).length, 1);
  pair.b.host(buildTcp(pair.toA, { sequence: 901, acknowledgement: 141, flags: ack }, none));
  pair.run(20);
  assert.equal(tuplesOf(say(40)).length, 4);
});
