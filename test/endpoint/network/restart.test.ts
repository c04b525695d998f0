import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildTcp, buildUdp, Flags, TcpFlags } from '../../../src/codec/index.js';
import type { EndpointOptions } from '../../../src/endpoint/index.js';
import type { Session } from '../../../src/endpoint/sessions.js';
import { A1, A2, B1, Pair } from '../../support/endpoint-pair.js';
import { Driver, LOCAL, OTHER, REMOTE, withCm } from '../../support/peer-driver.js';

const { syn, ack } = TcpFlags;
const SAME = 0x020000000b01;
const OTHER_ID = 0x020000000b02;

/** Whether everything that B's host got belongs to the one connection's socket. */
function isOneSocket({ b }: Pair): boolean {
  return b.delivered.every(
    ({ tuple }) =>
      tuple.source === A1 && tuple.sourcePort === 40000 && tuple.destination === B1 && tuple.destinationPort === 7000,
  );
}

/** A sends each 20 ms, B too when `isBoth`. */
function talk(pair: Pair, millis: number, isBoth: boolean, named?: string): void {
  for (let i = 0; i < millis / 20; i++) {
    pair.a.host(buildUdp(pair.toB, new TextEncoder().encode(named ?? 'x')));
    if (isBoth) pair.b.host(buildUdp(pair.toA, new TextEncoder().encode('y')));
    pair.run(20);
  }
}

for (const [name, mac, isBoth, within] of [
  ['same id, one way', SAME, false, 3000],
  ['same id, both ways', SAME, true, 3000],
  ['another id, one way', OTHER_ID, false, 12_000],
  ['another id, both ways', OTHER_ID, true, 12_000],
] as const)
  test(`the peer starts again in mid-flow (${name}): nothing reaches a wrong socket, the flow is back soon (RX-03, decision 66)`, () => {
    // The first packets after the restart go by other paths with each seed.
    for (const seed of [1, 2, 3, 4]) {
      const pair = new Pair({ a: { seed } });
      pair.exchange();
      talk(pair, 6000, isBoth);
      const session = [...pair.a.endpoint.sessions.rows()][0]!;
      assert.equal(session.paths.length, 4);
      pair.b.reboot({ addresses: pair.b.addresses, mac, seed: 77 });
      pair.b.delivered.length = 0;
      talk(pair, within, isBoth);
      assert.ok(isOneSocket(pair));
      pair.b.delivered.length = 0;
      talk(pair, 4000, isBoth, 'after');
      assert.equal(pair.b.delivered.length, 200, 'every datagram');
      assert.ok(isOneSocket(pair));
      const [a, b] = [pair.a, pair.b].map(({ endpoint }) => [...endpoint.sessions.rows()]);
      assert.deepEqual([a!.length, b!.length], [1, 1], 'one session at each end');
      assert.equal(a![0]!.id, b![0]!.id);
    }
  });

for (const tcpMode of ['fake-tcp', 'udp-wrapper'] as const)
  test(`the peer starts again under a TCP connection (${tcpMode}): its TCP hears of it, at the right socket, and resets it`, () => {
    const options: Partial<EndpointOptions> = { tcpMode };
    const pair = new Pair({ a: options, b: options });
    pair.segment('a', { sequence: 100, flags: syn });
    pair.segment('b', { sequence: 900, acknowledgement: 101, flags: syn | ack });
    let next = 101;
    const segment = () => {
      pair.segment('a', { sequence: next++, acknowledgement: 901, flags: ack }, 'z');
      pair.segment('b', { sequence: 901, acknowledgement: next, flags: ack });
    };
    for (let i = 0; i < 200; i++) segment();
    assert.equal([...pair.a.endpoint.sessions.rows()][0]!.paths.length, 4);
    pair.b.reboot({ addresses: pair.b.addresses, mac: SAME, seed: 77, tcpMode });
    pair.b.delivered.length = 0;
    // A's TCP sends again and again what is not acknowledged.
    for (let i = 0; i < 20 && pair.b.delivered.length === 0; i++) {
      pair.a.host(buildTcp(pair.toB, { sequence: next, acknowledgement: 901, flags: ack }, new Uint8Array(1)));
      pair.run(500);
    }
    assert.ok(pair.b.delivered.length > 0, 'B hears of the connection within 10 s');
    assert.ok(isOneSocket(pair));
    assert.ok(pair.b.delivered.every(({ bytes }) => bytes[9] === 6));
    const before = pair.a.delivered.length;
    pair.b.host(buildTcp(pair.toA, { sequence: 901, flags: TcpFlags.rst }, new Uint8Array(0)));
    pair.run(2000);
    assert.ok(pair.a.delivered.slice(before).some(({ bytes }) => (bytes[33]! & TcpFlags.rst) !== 0));
  });

test('path packets of an unknown session: dropped, the sender asked once a second and five times at most (decision 66)', () => {
  const driver = new Driver();
  driver.enable({ localAddresses: [REMOTE] });
  const queries: unknown[] = [];
  for (let i = 0; i < 100; i++) {
    const from = { address: OTHER, port: 40001 };
    const { sent, delivered } = driver.netUdp({ sessionId: 9, pathId: 4, timestamp: i }, 'x', from);
    assert.deepEqual(delivered, []);
    for (const packet of sent) {
      assert.deepEqual([packet.cm?.flags, packet.payload, packet.tuple.destination], [Flags.enable, '', OTHER]);
      queries.push(packet);
    }
    if (i < 20) assert.equal(queries.length, 1 + Math.floor((i * 100) / 1000));
    driver.wait(100_000);
  }
  assert.equal(queries.length, 5);
  assert.equal(driver.endpoint.sessions.size, 0);
  assert.equal(driver.endpoint.counters.nameless, 100);
});

test('an id that the peer uses for a connection which is not known here goes to no other connection (decision 66)', () => {
  const driver = new Driver();
  driver.enable({ localAddresses: [REMOTE, OTHER] });
  driver.netUdp({ sessionId: 1, pathId: 4 }, 'x', { address: OTHER });
  assert.equal(driver.hostUdp()[0]!.cm!.sessionId, 2);
});

test('a sender that did the handshake on the very tuple is believed at once, and is not asked (decision 3, AV-19)', () => {
  const driver = new Driver({ addresses: [LOCAL, LOCAL + 1] });
  driver.enable();
  assert.equal(driver.netUdp({ sessionId: 9, pathId: 4 }).delivered.length, 1);
  const other = new Driver({ addresses: [LOCAL, LOCAL + 1] });
  other.enable();
  const tuple = { source: REMOTE, sourcePort: 40000, destination: LOCAL + 1, destinationPort: 7000 };
  const packet = withCm(buildUdp(tuple, Uint8Array.of(1)), { sessionId: 9, pathId: 4 });
  assert.deepEqual(
    other.net(packet),
    { sent: [], delivered: [] },
    'the handshake was with another address of this node',
  );
});

test('a question while the session is heard changes no path: only silence makes a peer suspect (decision 66)', () => {
  const pair = new Pair();
  pair.exchange();
  talk(pair, 3000, true);
  pair.a.sent.length = 0;
  const query = pair.b.sent.find(({ cm }) => cm?.flags === Flags.enable)!;
  for (let i = 0; i < 20; i++) {
    pair.a.endpoint.fromNetwork(query.bytes.slice(), pair.network.timeOf(pair.a));
    talk(pair, 200, true);
  }
  assert.ok(pair.a.sent.every(({ cm }) => cm === undefined || cm.flags !== Flags.normal || cm.pathId !== 0));
});

/** Ports of connections at A and B. */
const PORTS = [
  [40000, 7000],
  [40001, 7001],
  [40002, 7000],
] as const;

/** A datagram of a connection that names it. */
function say(pair: Pair, from: 'a' | 'b', connection: number): void {
  const [a, b] = PORTS[connection]!;
  const tuple =
    from === 'a'
      ? { ...pair.toB, sourcePort: a, destinationPort: b }
      : { ...pair.toA, sourcePort: b, destinationPort: a };
  pair[from].host(buildUdp(tuple, Buffer.from(`${connection} ${from}`)));
}

/** B has started again and given id 1, which A uses for connection 0, to another connection; A cannot hear of it. */
function sharedId(named: number): Pair {
  const pair = new Pair();
  pair.exchange();
  talk(pair, 3000, true);
  assert.equal([...pair.a.endpoint.sessions.rows()][0]!.id, 1);
  pair.b.reboot({ addresses: pair.b.addresses, mac: SAME, seed: 77 });
  say(pair, 'b', named);
  pair.run(5);
  pair.links.set('10.1.0.2-10.1.0.1', 'down');
  say(pair, 'b', named);
  pair.run(5);
  assert.deepEqual(
    [...pair.b.endpoint.sessions.rows()].map(({ id, confirmed, tuple }) => [id, confirmed, tuple.destinationPort]),
    [[1, false, PORTS[named]![0]]],
  );
  pair.b.delivered.length = 0;
  pair.a.delivered.length = 0;
  return pair;
}

/** Whether everything that the hosts got went to the socket that it names. */
function isOwnSocket(pair: Pair): boolean {
  return [...pair.a.delivered, ...pair.b.delivered].every(({ tuple, payload }) => {
    const ports = [tuple.sourcePort, tuple.destinationPort];
    return PORTS[Number(payload[0])]!.every((port) => ports.includes(port));
  });
}

for (const [named, text] of [
  [1, 'another port'],
  [2, 'the same port'],
] as const)
  test(`a node that started again gave away an id that the peer uses, and cannot say so (${text}): each connection keeps its socket (RX-03, decision 67)`, () => {
    const pair = sharedId(named);
    for (let i = 0; i < 400; i++) {
      say(pair, 'a', 0);
      say(pair, 'b', named);
      pair.run(20);
      assert.ok(isOwnSocket(pair), `after ${i * 20} ms`);
    }
    const before = pair.b.delivered.length;
    for (let i = 0; i < 100; i++) {
      say(pair, 'a', 0);
      pair.run(20);
    }
    assert.equal(pair.b.delivered.length - before, 100, 'the connection of the peer is known again');
    const ids = new Map([...pair.b.endpoint.sessions.rows()].map(({ id, tuple }) => [tuple.destinationPort, id]));
    assert.equal(ids.get(40000), 1);
    assert.notEqual(ids.get(PORTS[named]![0]), 1);
  });

test('packets of MPIP under an id that the peer uses for another connection say nothing of this one (decision 67)', () => {
  for (const flags of [Flags.heartbeat, Flags.ipChange]) {
    const pair = sharedId(1);
    const [session] = [...pair.b.endpoint.sessions.rows()];
    const packet = buildUdp({ ...pair.toB, source: A2 }, Buffer.from('0 a'));
    const cm = { flags, nodeId: 0x0a01, sessionId: 1, pathId: 4, localAddresses: [A1, A2] };
    pair.b.receive(withCm(packet, cm), pair.network.now);
    assert.ok(isOwnSocket(pair));
    assert.ok(!session!.confirmed);
    say(pair, 'b', 1);
    assert.equal(pair.b.sent.at(-1)!.cm!.pathId, 0, 'no path yet');
  }
});

test('an address that the peer does not announce may be a NAT: its ports count once unknown sessions were heard (decision 67)', () => {
  for (const isSuspect of [false, true]) {
    const driver = new Driver();
    driver.enable({ localAddresses: [REMOTE] });
    assert.equal(driver.hostUdp()[0]!.cm!.sessionId, 1);
    const from = { address: OTHER, port: 20001 };
    if (isSuspect) driver.netUdp({ sessionId: 9, pathId: 4 }, 'x', from);
    const { delivered } = driver.netUdp({ sessionId: 1, pathId: 4 }, 'x', from);
    assert.deepEqual(
      delivered.map(({ tuple }) => tuple.source),
      isSuspect ? [] : [REMOTE],
    );
    assert.equal(driver.hostUdp()[0]!.cm!.sessionId, 1, 'an address that never answered moves nothing (decision 42)');
    if (!isSuspect) continue;
    driver.netUdp({ flags: Flags.enabled, localAddresses: [REMOTE] }, 'query', from);
    assert.deepEqual(driver.netUdp({ sessionId: 1, pathId: 4 }, 'x', from).delivered, []);
    assert.equal(driver.hostUdp()[0]!.cm!.sessionId, 2);
  }
});

test('a path packet to the port of one connection does not reach another that its id names (RX-03, decision 67)', () => {
  const driver = new Driver();
  driver.enable({ localAddresses: [REMOTE] });
  driver.netUdp({ sessionId: 5 });
  driver.netUdp({ sessionId: 6 }, 'x', { to: 7001, port: 40001 });
  const to = (port: number) =>
    driver.netUdp({ sessionId: 5, pathId: 4 }, 'x', { to: port }).delivered.map(({ tuple }) => tuple.destinationPort);
  assert.deepEqual(to(7000), [7000]);
  assert.deepEqual(to(7002), [7000], 'no connection has this port: the id says whose it is');
  assert.deepEqual(to(7001), [], 'an old packet named one of the two, or one end lost a row');
});

test('a path packet to a port at which the peer asked for MPIP, and no connection has, is one of the connection that its id names (3.7.2, decision 67)', () => {
  for (const other of ['unasked', 'of another connection'] as const) {
    const driver = new Driver();
    driver.hostUdp();
    driver.netUdp({ flags: Flags.enabled }, '');
    assert.equal(driver.hostUdp()[0]!.cm!.sessionId, 1);
    driver.netUdp({ sessionId: 1, pathId: 4 });
    const to = (port: number) => {
      const { delivered } = driver.netUdp({ sessionId: 1, pathId: 4 }, 'x', { to: port });
      const [{ id }] = [...driver.endpoint.sessions.rows()].filter(({ tuple }) => tuple.sourcePort === 7000) as [
        Session,
      ];
      return [delivered.map(({ tuple }) => tuple.destinationPort), id];
    };
    driver.netUdp({ flags: Flags.enable }, '', { to: 7002 });
    assert.deepEqual(to(7002), [[7000], 1]);
    driver.netUdp({ sessionId: 9, pathId: 4 }, 'x', { address: OTHER, port: 20001, to: 7003 });
    assert.deepEqual(to(7002), [[], 1], 'a while after a packet of an unknown connection it may be of another');
    if (other !== 'unasked') {
      driver.netUdp({ flags: Flags.enable }, '', { to: 7001 });
      driver.netUdp({ sessionId: 6 }, 'x', { to: 7001, port: 40001 });
    }
    assert.deepEqual(to(7001), [[], 2], `${other}: the peer has the id from before a restart, perhaps`);
  }
});

test('an id that the peer was not heard to use yet names nothing at a port where it asked (decision 67)', () => {
  const driver = new Driver();
  driver.hostUdp();
  driver.netUdp({ flags: Flags.enabled }, '');
  assert.equal(driver.hostUdp()[0]!.cm!.sessionId, 1);
  driver.netUdp({ flags: Flags.enable }, '', { to: 7002 });
  assert.deepEqual(driver.netUdp({ sessionId: 1, pathId: 4 }, 'x', { to: 7002 }).delivered, []);
});

test('after a silence the new node of the peer is heard before it is believed: segments keep their CMs (decisions 56, 60)', () => {
  const pair = new Pair();
  pair.segment('a', { sequence: 100, flags: syn });
  pair.segment('b', { sequence: 900, acknowledgement: 101, flags: syn | ack });
  let next = 101;
  const send = () => {
    pair.a.host(buildTcp(pair.toB, { sequence: next++, acknowledgement: 901, flags: ack }, new Uint8Array(1)));
    pair.run(20);
  };
  for (let i = 0; i < 100; i++) {
    send();
    pair.segment('b', { sequence: 901, acknowledgement: next, flags: ack });
  }
  // As after three seconds of sending in which nothing came.
  [...pair.a.endpoint.sessions.rows()][0]!.unheardMicros = 3_000_000;
  pair.b.reboot({ addresses: pair.b.addresses, mac: OTHER_ID, seed: 77 });
  const { counters } = pair.a.endpoint.state;
  const { ordinarySent } = counters;
  for (let i = 0; i < 4; i++) send();
  for (let i = 0; i < 50; i++) {
    pair.segment('b', { sequence: 901, acknowledgement: next, flags: ack });
    send();
  }
  assert.ok(counters.claims > 0, 'it is not believed at once');
  assert.ok(counters.ordinarySent - ordinarySent <= 3, `${counters.ordinarySent - ordinarySent} ordinary segments`);
});
