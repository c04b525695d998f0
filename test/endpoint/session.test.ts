import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Flags, TcpFlags } from '../../src/codec/index.js';
import { IdPool } from '../../src/endpoint/id-pool.js';
import { Driver, LOCAL, OTHER, REMOTE } from '../support/peer-driver.js';

const enabled = (options: ConstructorParameters<typeof Driver>[0] = {}) => {
  const driver = new Driver(options);
  driver.enable();
  return driver;
};

test('the first packets of a session carry path id 0 until the peer uses the session id (decision 3)', () => {
  const driver = enabled();
  const ids = () => driver.hostUdp().map(({ cm }) => [cm!.sessionId, cm!.pathId]);
  assert.deepEqual(ids(), [[1, 0]]);
  assert.deepEqual(ids(), [[1, 0]]);
  driver.netUdp({ sessionId: 1, pathId: 1 });
  assert.deepEqual(ids(), [[1, 1]]);
});

test('a heartbeat with the session id confirms the session too', () => {
  const driver = enabled();
  driver.hostUdp();
  driver.netUdp({ flags: Flags.heartbeat, sessionId: 1 });
  assert.equal(driver.hostUdp()[0]!.cm!.pathId, 1);
});

test('a session id of the peer is adopted with any path id and used in the other direction', () => {
  for (const pathId of [0, 9]) {
    const driver = enabled();
    driver.netUdp({ sessionId: 77, pathId });
    assert.deepEqual(
      driver.hostUdp().map(({ cm }) => [cm!.sessionId, cm!.pathId]),
      [[77, 1]],
    );
  }
});

test('session ids count up from 1 per connection; protocol is part of the session', () => {
  const driver = enabled();
  assert.equal(driver.hostUdp('a')[0]!.cm!.sessionId, 1);
  assert.equal(driver.hostUdp('a', { from: 7001 })[0]!.cm!.sessionId, 2);
  assert.equal(driver.hostTcp({ sequence: 1, flags: TcpFlags.syn })[0]!.cm!.sessionId, 3);
  assert.equal(driver.hostUdp('a')[0]!.cm!.sessionId, 1);
});

test('equal session ids of different nodes do not collide', () => {
  const driver = new Driver();
  driver.enable({ nodeId: 0x0a01 });
  driver.enable({ nodeId: 0x0a02, localAddresses: [OTHER] }, { address: OTHER });
  driver.netUdp({ nodeId: 0x0a01, sessionId: 5 });
  driver.netUdp({ nodeId: 0x0a02, sessionId: 5, localAddresses: [OTHER] }, 'x', { address: OTHER });
  assert.equal(driver.hostUdp()[0]!.cm!.sessionId, 5);
  assert.equal(driver.hostUdp('x', { address: OTHER })[0]!.cm!.sessionId, 5);
  assert.equal(driver.endpoint.sessions.size, 2);
});

test('two nodes with one node id stay apart when neither address nor list says that they are one', () => {
  const driver = new Driver();
  driver.enable({ localAddresses: [REMOTE] });
  driver.enable({ localAddresses: [OTHER] }, { address: OTHER });
  assert.equal(driver.hostUdp()[0]!.cm!.sessionId, 1);
  assert.equal(driver.hostUdp('x', { address: OTHER })[0]!.cm!.sessionId, 1);
});

test('an address heard of before anything told whose it is joins its node as soon as something does (decision 26)', () => {
  const driver = new Driver();
  const peers = () => new Set([...driver.endpoint.nodes.rows()].map(([, peer]) => peer));
  driver.enable();
  driver.netUdp({ sessionId: 7, pathId: 0 });
  driver.netUdp({ sessionId: 7, pathId: 1, timestamp: 5 });
  driver.enable({ localAddresses: [OTHER] }, { address: OTHER });
  assert.equal(peers().size, 2, 'the list names no address that is known');
  const byPath = driver.netUdp({ sessionId: 7, pathId: 3, localAddresses: [OTHER] }, 'x', { address: OTHER });
  assert.equal(peers().size, 1, 'one peer of that id holds the session');
  assert.equal(byPath.delivered[0]!.tuple.source, REMOTE);
  assert.deepEqual([...peers()][0]!.feedback.size, 2);

  const other = new Driver();
  const both = () => new Set([...other.endpoint.nodes.rows()].map(([, peer]) => peer));
  other.enable();
  other.netUdp({ sessionId: 7, pathId: 0 });
  other.hostUdp();
  other.netUdp({ sessionId: 7, pathId: 1 });
  other.now += 1000;
  other.enable({ localAddresses: [OTHER] }, { address: OTHER });
  other.netUdp({ sessionId: 7, pathId: 0, localAddresses: [OTHER] }, 'x', { address: OTHER });
  other.hostUdp('x', { address: OTHER });
  other.netUdp({ sessionId: 8, pathId: 0, localAddresses: [OTHER] }, 'x', { address: OTHER, port: 40001 });
  other.hostUdp('x', { address: OTHER, port: 40001 });
  assert.equal(other.endpoint.sessions.size, 3);
  other.netUdp({ sessionId: 7, pathId: 0, localAddresses: [REMOTE, OTHER] });
  const [peer, ...rest] = both();
  assert.deepEqual(rest, [], 'the list names addresses of both');
  assert.deepEqual(
    [...peer!.sessions.values()].map(({ id, tuple }) => [id, tuple.destination]).sort(),
    [
      [7, REMOTE],
      [8, OTHER],
    ],
    'of two sessions with one id the older stays, the others move',
  );
  const ids = [...other.endpoint.sessions.rows()].flatMap(({ paths }) => paths.map(({ id }) => id));
  assert.equal(new Set(ids).size, ids.length);
  assert.equal(peer!.paths.size, ids.length);
  for (const { tuple } of other.endpoint.sessions.rows())
    assert.equal(other.endpoint.nodes.at(tuple.destination, 40000), peer);
});

test('strangers with one node id whose sessions are different stay apart', () => {
  const driver = new Driver();
  driver.enable();
  driver.netUdp({ sessionId: 7, pathId: 0 });
  driver.enable({ localAddresses: [OTHER] }, { address: OTHER });
  driver.netUdp({ sessionId: 8, pathId: 0, localAddresses: [OTHER] }, 'x', { address: OTHER });
  driver.netUdp({ sessionId: 7, pathId: 3, localAddresses: [OTHER] }, 'x', { address: OTHER });
  assert.equal(new Set([...driver.endpoint.nodes.rows()].map(([, peer]) => peer)).size, 2);
});

test('a freed id rests, also when the counter has not come to it yet (decision 32)', () => {
  const pool = new IdPool(255, 120);
  pool.take(2);
  pool.free(2, 5);
  assert.deepEqual(
    [pool.allocate(10), pool.allocate(10), pool.isFree(2, 124), pool.isFree(2, 125)],
    [1, 3, false, true],
  );
});

test('of two sessions with one id, of peers that turn out to be one, that stays in which the host sent, else the older', () => {
  const left = (used: readonly number[], shownBy: number) => {
    const driver = new Driver();
    for (const address of [REMOTE, OTHER]) {
      const cm = { localAddresses: [address] };
      driver.enable(cm, { address });
      driver.netUdp({ sessionId: 7, ...cm }, 'x', { address });
      driver.wait(1000);
    }
    for (const address of used) driver.hostUdp('x', { address });
    const { sessions, availability } = driver.endpoint;
    assert.equal(sessions.size, 2);
    driver.netUdp({ flags: Flags.enable, localAddresses: [REMOTE, OTHER] }, '', { address: shownBy });
    const [session, ...rest] = sessions.rows();
    assert.deepEqual(rest, []);
    const { peer, tuple } = session!;
    assert.deepEqual([peer.sessions.get(7), peer.sessions.size], [session, 1]);
    for (const address of [REMOTE, OTHER]) assert.equal(availability.get(address, 40000)!.handshaken, peer);
    return tuple.destination;
  };
  for (const shownBy of [REMOTE, OTHER]) {
    assert.equal(left([], shownBy), REMOTE);
    assert.equal(left([REMOTE], shownBy), REMOTE);
    assert.equal(left([OTHER], shownBy), OTHER);
    assert.equal(left([OTHER, REMOTE], shownBy), REMOTE);
  }
});

test('what one of two peers knew of ids, of delays and of sessions that are gone is known of the one that they are', () => {
  const driver = new Driver();
  for (const [address, sessionId] of [
    [REMOTE, 7],
    [OTHER, 8],
  ] as const) {
    const cm = { localAddresses: [address] };
    driver.enable(cm, { address });
    driver.netUdp({ sessionId, ...cm }, 'x', { address });
    driver.netUdp({ sessionId, pathId: sessionId, ...cm }, 'x', { address });
  }
  const { nodes, sessions } = driver.endpoint;
  const gone = [...sessions.rows()][1]!;
  sessions.remove(gone, driver.now);
  driver.netUdp({ flags: Flags.enable, localAddresses: [REMOTE, OTHER] }, '', { address: OTHER });
  const peer = nodes.at(REMOTE, 40000)!;
  assert.equal(nodes.at(OTHER, 40000), peer);
  assert.deepEqual([[...peer.sessions.values()].map(({ id }) => id), [...peer.formerSessions.keys()]], [[7], [8]]);
  assert.deepEqual([...peer.feedback.rows()].map(({ pathId }) => pathId).sort(), [7, 8]);
  assert.equal(peer.sessionIds.isFree(8, driver.now), false, 'the id rests');
});

test('ids that rest with one of two peers rest when the two turn out to be one (decisions 26, 32)', () => {
  const [pool, other] = [new IdPool(3, 120), new IdPool(3, 120)];
  for (const one of [pool, other]) one.allocate(0);
  other.free(1, 50);
  pool.takeOver(other);
  assert.equal(pool.isFree(1, 200), false, 'in use here');
  for (const id of [2, 3]) other.take(id);
  other.free(3, 60);
  other.free(2, 70);
  pool.takeOver(other);
  assert.deepEqual(
    [pool.allocate(179), pool.allocate(180), pool.allocate(189), pool.allocate(190)],
    [0, 3, 0, 2],
    'the longest free first, and not before their time',
  );
  const [mixed, second] = [new IdPool(3, 120), new IdPool(3, 120)];
  for (const id of [1, 2]) mixed.take(id);
  for (const id of [1, 3]) second.take(id);
  mixed.free(1, 50);
  mixed.free(2, 80);
  second.free(3, 60);
  second.free(1, 70);
  mixed.takeOver(second);
  assert.deepEqual(
    [179, 180, 189, 190, 199, 200].map((now) => mixed.allocate(now)),
    [0, 3, 0, 1, 0, 2],
    'each since it was last free with either',
  );

  const driver = new Driver();
  driver.enable();
  driver.netUdp({ sessionId: 7 });
  driver.hostUdp();
  driver.enable({ localAddresses: [OTHER] }, { address: OTHER });
  driver.netUdp({ sessionId: 9, localAddresses: [OTHER] }, 'x', { address: OTHER });
  driver.hostUdp('x', { address: OTHER });
  const of = (address: number) => driver.endpoint.nodes.at(address, 40000)!;
  assert.deepEqual([[...of(REMOTE).paths.keys()], [...of(OTHER).paths.keys()]], [[1], [1]]);
  // Another session of the first was longer there; its path id 2 was freed a moment ago.
  of(REMOTE).pathIds.free(of(REMOTE).pathIds.allocate(driver.now), driver.now);
  driver.netUdp({ sessionId: 7, localAddresses: [REMOTE, OTHER] });
  assert.equal(of(REMOTE), of(OTHER));
  assert.deepEqual([...of(REMOTE).paths.keys()].sort(), [1, 3], 'the second 1 becomes another, and not 2');
});

test('an enabled address that Table 4 lost is asked again, and not for every packet (decision 49)', () => {
  const driver = new Driver({ tableLimit: 1 });
  driver.enable();
  assert.equal(driver.hostUdp()[0]!.cm?.sessionId, 1);
  driver.wait(130_000_000);
  const peer = driver.endpoint.nodes.at(REMOTE, 40000)!;
  driver.endpoint.nodes.learn(0x0a09, 'compact', OTHER, 1, []);
  assert.equal(driver.endpoint.nodes.at(REMOTE, 40000), undefined);
  const flags = () => driver.hostUdp().map(({ cm }) => cm?.flags);
  assert.deepEqual(flags(), [undefined, Flags.enable]);
  driver.enable();
  assert.equal(driver.hostUdp()[0]!.cm?.flags, Flags.normal);
  assert.notEqual(driver.endpoint.nodes.at(REMOTE, 40000), peer);
  driver.endpoint.nodes.clear();
  assert.deepEqual(flags(), [undefined], 'not again so soon');
  driver.wait(30_000_000);
  assert.deepEqual(flags(), [undefined, Flags.enable]);
  assert.equal(driver.endpoint.counters.idsExhausted, 0);
});

test('a packet of a path is delivered with the tuple of its session, whatever address it came from (3.7.2)', () => {
  const driver = enabled();
  driver.netUdp({ sessionId: 7, pathId: 0 });
  const { delivered } = driver.netUdp({ sessionId: 7, pathId: 3 }, 'via another path', { address: OTHER, port: 555 });
  assert.deepEqual(delivered[0]!.tuple, {
    source: REMOTE,
    sourcePort: 40000,
    destination: LOCAL,
    destinationPort: 7000,
  });
  assert.equal(delivered[0]!.payload, 'via another path');
});

test('a session expires after 120 s without packets; its successor starts with path id 0 and a new id', () => {
  const driver = enabled();
  driver.hostUdp();
  driver.netUdp({ sessionId: 1 });
  driver.wait(119_000_000);
  assert.deepEqual(
    driver.hostUdp().map(({ cm }) => [cm!.sessionId, cm!.pathId]),
    [[1, 1]],
  );
  driver.wait(119_000_000);
  driver.netUdp({ sessionId: 1, pathId: 1 });
  driver.wait(119_000_000);
  driver.netUdp({ flags: Flags.heartbeat, sessionId: 1, pathId: 1 });
  driver.wait(2_000_000);
  assert.deepEqual(
    driver.hostUdp().map(({ cm }) => [cm!.sessionId, cm!.pathId]),
    [[2, 0]],
  );
});

test('packets in one direction alone keep a session, whichever it is (3.7.1)', () => {
  for (const direction of ['sent', 'received']) {
    const driver = new Driver();
    driver.enable();
    driver.netUdp({ sessionId: 7 });
    for (let i = 0; i < 30; i++) {
      driver.wait(10_000_000);
      if (direction === 'sent') driver.hostUdp();
      else driver.netUdp({ sessionId: 7, pathId: 1 });
    }
    assert.deepEqual(
      [...driver.endpoint.sessions.rows()].map(({ id }) => id),
      [7],
      direction,
    );
  }
});

test('expired rows leave the tables by themselves', () => {
  const driver = enabled();
  for (let port = 1; port <= 20; port++) driver.netUdp({ sessionId: port }, 'x', { port });
  assert.equal(driver.endpoint.sessions.size, 20);
  let next = driver.endpoint.poll(driver.now);
  while (Number.isFinite(next) && driver.now < 400_000_000) {
    driver.now = next;
    next = driver.endpoint.poll(next);
  }
  assert.equal(driver.endpoint.sessions.size, 0);
  assert.equal(next, Number.POSITIVE_INFINITY);
});

test('both ends create one tuple at once: the id of the lower node id wins (decision 4)', () => {
  const lower = enabled();
  lower.hostUdp();
  lower.netUdp({ sessionId: 9, pathId: 0 });
  assert.equal(lower.hostUdp()[0]!.cm!.sessionId, 9, 'the peer 0a:01 is lower than 0b:01');
  const higher = new Driver();
  higher.enable({ nodeId: 0x0c01 });
  higher.hostUdp();
  const { delivered } = higher.netUdp({ nodeId: 0x0c01, sessionId: 9, pathId: 0 });
  assert.equal(delivered.length, 1);
  assert.equal(higher.hostUdp()[0]!.cm!.sessionId, 1);
});

test('a session is shared only when the peer uses the same id (decision 3)', () => {
  const driver = new Driver();
  driver.enable({ nodeId: 0x0c01 });
  driver.hostUdp();
  driver.netUdp({ nodeId: 0x0c01, sessionId: 9, pathId: 0 });
  const ids = () => driver.hostUdp().map(({ cm }) => [cm!.sessionId, cm!.pathId]);
  assert.deepEqual(ids(), [[1, 0]], 'the peer has not shown that it holds session 1');
  driver.netUdp({ nodeId: 0x0c01, sessionId: 1, pathId: 0 });
  assert.deepEqual(ids(), [[1, 1]]);
});

test('one id for two tuples: the loser takes a new id and starts again (decision 5)', () => {
  const loser = enabled();
  loser.hostUdp();
  const { delivered } = loser.netUdp({ sessionId: 1, pathId: 0 }, 'x', { port: 40007, to: 7001 });
  assert.equal(delivered[0]!.tuple.destinationPort, 7001);
  assert.deepEqual(
    loser.hostUdp().map(({ cm }) => [cm!.sessionId, cm!.pathId]),
    [[2, 0]],
  );
  const winner = new Driver();
  winner.enable({ nodeId: 0x0c01 });
  winner.hostUdp();
  const kept = winner.netUdp({ nodeId: 0x0c01, sessionId: 1, pathId: 0 }, 'x', { port: 40007, to: 7001 });
  assert.equal(kept.delivered[0]!.tuple.destinationPort, 7001);
  assert.equal(winner.hostUdp()[0]!.cm!.sessionId, 1);
});

test('with all session ids in use the connection stays ordinary', () => {
  const driver = enabled();
  for (let i = 0; i < 255; i++) assert.equal(driver.hostUdp('x', { from: 1000 + i })[0]!.cm!.sessionId, i + 1);
  assert.deepEqual(
    driver.hostUdp('x', { from: 9999 }).map(({ cm }) => cm),
    [undefined],
  );
  assert.equal(driver.endpoint.counters.idsExhausted, 1);
});

test('a segment for a UDP session is not delivered', () => {
  const driver = enabled();
  driver.netUdp({ sessionId: 4, pathId: 0 });
  const { delivered } = driver.netTcp({ sessionId: 4, pathId: 1 }, { sequence: 1, flags: TcpFlags.ack });
  assert.deepEqual(delivered, []);
  assert.equal(driver.endpoint.counters.protocolMismatch, 1);
});

test('unknown nodes: queries only without ids, data only with a session, the rest is ordinary (decision 25)', () => {
  const ordinary: [string, Parameters<Driver['netUdp']>[0]][] = [
    ['query with a session', { flags: Flags.enable, sessionId: 1 }],
    ['confirmation with a path', { flags: Flags.enabled, pathId: 1 }],
    ['data without a session', { flags: Flags.normal }],
    ['heartbeat without a session', { flags: Flags.heartbeat }],
    ['handshake', { flags: Flags.handshake, sessionId: 1 }],
  ];
  for (const [name, cm] of ordinary) {
    const driver = new Driver();
    const { delivered, sent } = driver.netUdp(cm, 'whole');
    assert.equal(delivered.length, 1, name);
    assert.equal(delivered[0]!.cm!.flags, cm!.flags, name);
    assert.equal(sent.length, 0, name);
    assert.equal(driver.endpoint.availability.size, 0, name);
  }
});

test("a CM with one's own node id changes no state: data is stripped and delivered, the rest dropped", () => {
  for (let flags = 0; flags <= 5; flags++) {
    const driver = new Driver();
    const { delivered, sent } = driver.netUdp({ nodeId: 0x0b01, flags, sessionId: 3, pathId: 2 }, 'user data');
    assert.deepEqual(
      delivered.map(({ payload }) => payload),
      flags <= 1 ? ['user data'] : [],
    );
    assert.deepEqual(sent, []);
    assert.equal(driver.endpoint.availability.size + driver.endpoint.nodes.size + driver.endpoint.sessions.size, 0);
  }
});

test('answers use the layout they were asked in; only that layout is then tried for the address', () => {
  const driver = new Driver();
  const { sent } = driver.netUdp({ layout: 'full', nodeId: 0x020000000a01, flags: Flags.enable });
  assert.equal(sent[0]!.cm!.layout, 'full');
  assert.equal(sent[0]!.cm!.nodeId, 0x020000000b01);
  assert.equal(driver.hostUdp()[0]!.cm!.layout, 'full');
  assert.equal(driver.netUdp({ layout: 'compact', sessionId: 1 }).delivered[0]!.cm!.layout, 'compact');
});

test('a source that appears in a session later is asked too, and becomes a path when it answers (decision 10)', () => {
  const driver = new Driver();
  driver.enable();
  driver.netUdp({ sessionId: 7, pathId: 1 });
  for (let i = 0; i < 3; i++) driver.hostUdp();
  driver.netUdp({ sessionId: 7, pathId: 1 }, 'data', { port: 40900 });
  const query = driver.hostUdp().find(({ cm }) => cm?.flags === Flags.enable);
  assert.deepEqual([query?.tuple.destination, query?.tuple.destinationPort], [REMOTE, 40900]);
  driver.netUdp({ flags: Flags.enabled }, '', { port: 40900 });
  const ports = Array.from({ length: 50 }, () => driver.hostUdp()[0]!.tuple.destinationPort);
  assert.deepEqual([...new Set(ports)].sort(), [40000, 40900]);
});

test('an id that left Table 7 still names its connection in path packets (decision 46)', () => {
  const driver = enabled();
  driver.netUdp({ sessionId: 7, pathId: 0 });
  driver.wait(121_000_000);
  assert.equal(driver.endpoint.sessions.size, 0);
  const cm = { sessionId: 7, pathId: 3, localAddresses: [REMOTE, OTHER] };
  const { delivered } = driver.netUdp(cm, 'late', { address: OTHER });
  assert.deepEqual(
    delivered.map(({ payload, tuple }) => [payload, tuple.source]),
    [['late', REMOTE]],
    'the socket of the session, not that of the path',
  );
  assert.equal(driver.endpoint.sessions.size, 1);
});

test('when the connection has a new id by then, packets with the old one join it and do not rename it', () => {
  const driver = enabled();
  for (let i = 0; i < 2; i++) driver.hostUdp();
  driver.netUdp({ sessionId: 1, pathId: 1 });
  driver.wait(121_000_000);
  assert.equal(driver.hostUdp()[0]!.cm!.sessionId, 2);
  const { delivered } = driver.netUdp({ sessionId: 1, pathId: 2, localAddresses: [REMOTE, OTHER] }, 'late', {
    address: OTHER,
  });
  assert.deepEqual([delivered[0]!.payload, delivered[0]!.tuple.source], ['late', REMOTE]);
  assert.deepEqual(
    [...driver.endpoint.sessions.rows()].map(({ id }) => id),
    [2],
  );
});
