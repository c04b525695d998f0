import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildTcp, defaultConstants, Flags, type Ipv4, type TcpFields, TcpFlags } from '../../../src/codec/index.js';
import { Claims } from '../../../src/endpoint/claims.js';
import { Peer } from '../../../src/endpoint/nodes.js';
import { Driver, LOCAL, OTHER, REMOTE, withCm } from '../../support/peer-driver.js';

const { syn, ack } = TcpFlags;
const OWN = 7000;
const STRANGER = 0xcb007163;
const strange = { address: STRANGER, port: 666 };

/** The peer did the handshake from REMOTE and OTHER, which confirmed a query; UDP session 7 has two paths. */
function established(): Driver {
  const driver = new Driver();
  const list = { localAddresses: [REMOTE, OTHER] };
  driver.enable(list);
  driver.netUdp({ sessionId: 7, ...list });
  driver.hostUdp();
  driver.netUdp({ flags: Flags.enabled, ...list }, '', { address: OTHER });
  driver.hostUdp();
  assert.equal(session(driver).paths.length, 2);
  return driver;
}

const session = (driver: Driver, id = 7) => [...driver.endpoint.sessions.rows()].find((row) => row.id === id)!;
const destinations = (driver: Driver) =>
  new Set(Array.from({ length: 40 }, () => driver.hostUdp('x', { from: OWN })[0]!.tuple.destination));
const own = new Set<Ipv4>([REMOTE, OTHER]);

/** A segment from `address` with a CM. */
function segment(driver: Driver, cm: Parameters<typeof withCm>[1], fields: TcpFields, address = REMOTE) {
  const tuple = { source: address, sourcePort: 40000, destination: LOCAL, destinationPort: OWN };
  return driver.net(withCm(buildTcp(tuple, fields, new Uint8Array(0)), cm));
}

test('R6: data of a node that did no handshake opens its session and nothing else; what the host answers goes there alone', () => {
  const driver = new Driver();
  const { delivered, sent } = driver.netUdp({ sessionId: 9, localAddresses: [REMOTE, OTHER] });
  assert.deepEqual([delivered.length, sent.length, driver.endpoint.sessions.size], [1, 0, 1]);
  const seen = Array.from({ length: 20 }, () => driver.hostUdp()).flat();
  const elsewhere = seen.filter(({ tuple }) => tuple.destination !== REMOTE);
  assert.ok(elsewhere.length === 5 && elsewhere.every(({ cm, payload }) => cm!.flags === 3 && payload === ''));
});

test("R7: another address with a peer's node id is another node: session, paths and delays of the peer stay", () => {
  const driver = established();
  const before = session(driver);
  for (const flags of [0, 1, 2, 3, 4, 5])
    for (const pathId of [0, 1])
      driver.netUdp({ flags, sessionId: pathId === 0 ? 7 : 9, pathId, localAddresses: [STRANGER] }, 'x', strange);
  assert.equal(session(driver).peer, driver.endpoint.nodes.at(REMOTE, 40000));
  assert.notEqual(driver.endpoint.nodes.at(STRANGER, 666), before.peer);
  assert.deepEqual(destinations(driver), own);
});

test('R7: announcing an address of the peer does not let a stranger end or restart its sessions (decision 42)', () => {
  const driver = established();
  const before = session(driver);
  const { delivered } = driver.netUdp({ sessionId: 7, pathId: 0, localAddresses: [REMOTE] }, 'x', strange);
  assert.equal(delivered[0]!.tuple.source, STRANGER, 'delivered as it came');
  assert.equal(session(driver), before);
  assert.deepEqual(destinations(driver), own);
  const legitimate = driver.netUdp({ sessionId: 7, pathId: 0, localAddresses: [REMOTE] }, 'x', { port: 40001 });
  assert.equal(legitimate.delivered[0]!.tuple.sourcePort, 40001);
  assert.equal(session(driver).tuple.destinationPort, 40001, 'the peer itself may use its id for a new connection');
});

test('R7: nor does asking under a forged source: an address that ends a session has answered a query (decision 42)', () => {
  const driver = established();
  const before = session(driver);
  driver.netUdp({ sessionId: 7, pathId: 3 }, 'x', strange);
  driver.netUdp({ flags: Flags.enable, localAddresses: [REMOTE, STRANGER] }, '', strange);
  driver.netUdp({ sessionId: 7, pathId: 0, localAddresses: [REMOTE, STRANGER] }, 'x', strange);
  assert.equal(session(driver), before);
  assert.deepEqual(destinations(driver), own);
});

test('R7: a stranger that knows node and session id is delivered, but gets no user data before it answered', () => {
  const driver = established();
  for (let i = 0; i < 10; i++) driver.netUdp({ sessionId: 7, pathId: 5 }, 'x', strange);
  const sent = Array.from({ length: 100 }, () => driver.hostUdp('secret')).flat();
  const there = sent.filter(({ tuple }) => tuple.destination === STRANGER);
  assert.ok(there.length === 5 && there.every(({ cm, payload }) => cm!.flags === Flags.enable && payload === ''));
});

test('R7: a query with a forged source makes no path: the address has to confirm a query itself (decision 40)', () => {
  const attack = (returnProof: boolean) => {
    const driver = new Driver({ returnProof });
    driver.enable();
    driver.netUdp({ sessionId: 7 });
    driver.netUdp({ flags: Flags.enable, localAddresses: [REMOTE, STRANGER] }, '', { address: STRANGER });
    for (let i = 0; i < 60; i++) driver.hostUdp();
    return session(driver).paths.length;
  };
  assert.equal(attack(true), 1);
  assert.equal(attack(false), 2);
});

/** A stranger speaks MPIP as node 0x0c0c, and confirmed a query. */
function answersAsItself(driver: Driver): void {
  driver.hostUdp('x', strange);
  driver.netUdp({ nodeId: 0x0c0c, flags: Flags.enabled, localAddresses: [STRANGER] }, '', strange);
}

test('R7: an address that answered as another node proves nothing for this one', () => {
  const driver = established();
  answersAsItself(driver);
  for (let i = 0; i < 10; i++) driver.netUdp({ sessionId: 7, pathId: 5, localAddresses: [] }, 'x', strange);
  const sent = Array.from({ length: 100 }, () => driver.hostUdp('secret')).flat();
  assert.ok(sent.every(({ tuple, payload }) => tuple.destination !== STRANGER || payload === ''));
  assert.equal(session(driver).paths.length, 2);
});

/** Another node id appears at the peer's own address. */
const forged = { nodeId: 0x0c0c, localAddresses: [STRANGER] };

test("R7: another node id from the peer's own address ends no session while the peer is there (decision 56)", () => {
  const driver = established();
  const before = session(driver);
  let asked = 0;
  for (let i = 0; i < 100; i++) {
    for (const cm of [{ flags: 3 + (i % 2) }, { sessionId: 7, pathId: i % 3, flags: i % 3 }, { sessionId: 9 }]) {
      const { sent, delivered } = driver.netUdp({ ...forged, ...cm }, 'x');
      asked += sent.filter((seen) => seen.cm!.flags === Flags.enable && seen.payload === '').length;
      assert.equal(delivered.length, (cm.flags ?? 0) <= Flags.ipChange ? 1 : 0);
    }
    driver.now += 100_000;
    // The peer answers what it was asked, and is otherwise silent.
    if (asked > 0 && i % 10 === 1) driver.netUdp({ flags: Flags.enabled, localAddresses: [REMOTE, OTHER] }, '');
  }
  assert.ok(asked >= 10 && asked <= 30, `${asked}`);
  assert.equal(session(driver), before);
  driver.netUdp({ sessionId: 7, localAddresses: [REMOTE, OTHER] });
  assert.deepEqual(destinations(driver), own);
});

test('R7: of a peer that is silent for two seconds the address is the other one: it has started again', () => {
  const driver = established();
  const before = session(driver);
  for (let i = 0; i < 21; i++) {
    driver.netUdp({ ...forged, sessionId: 3 }, 'x');
    const [sent] = driver.hostUdp();
    assert.deepEqual(sent!.tuple.destination, REMOTE, "by the session's own tuple, which both understand");
    if (i < 20) assert.deepEqual([sent!.cm!.sessionId, sent!.cm!.pathId], [7, 0]);
    else assert.equal(sent!.cm!.sessionId, 3);
    driver.now += 100_000;
  }
  assert.notEqual(session(driver, 3).peer, before.peer);
  assert.equal(driver.endpoint.sessions.size, 1);
});

test('R7: an address without a session changes hands at once, as ever', () => {
  const driver = new Driver();
  driver.enable();
  driver.netUdp({ ...forged, flags: Flags.enable }, '');
  assert.equal(driver.endpoint.nodes.at(REMOTE, 40000)!.nodeId, 0x0c0c);
});

test('R7: contests are few and end by themselves', () => {
  const claims = new Claims();
  const peers = Array.from({ length: 2000 }, (_, i) => new Peer(i, 'compact', defaultConstants()));
  for (const peer of peers) assert.equal(claims.claim(peer, 1, true, 0), 'ask');
  assert.equal(claims.size, 1024);
  const last = peers.at(-1)!;
  assert.equal(claims.claim(last, 1, true, 500_000), 'wait');
  assert.equal(claims.claim(last, 1, false, 2_000_000), 'ask');
  assert.equal(claims.claim(last, 1, true, 2_000_000), 'won');
  assert.equal(claims.claim(last, 1, true, 12_000_000), 'ask', 'after a pause it begins anew');
  claims.refute(last, 2);
  assert.ok(claims.isOpen(last, 12_000_000), 'a sign of life from an address that nobody claims');
  claims.refute(last, 1);
  assert.ok(!claims.isOpen(last, 12_000_000));
});

test('R7: a peer is asked at each of its addresses where another node appears, at once and then once a second', () => {
  const claims = new Claims();
  const peer = new Peer(1, 'compact', defaultConstants());
  const at = (key: number, now: number) => claims.claim(peer, key, false, now);
  assert.deepEqual([at(1, 0), at(1, 999_999), at(1, 1_000_000)], ['ask', 'wait', 'ask']);
  assert.deepEqual([at(2, 1_100_000), at(1, 1_200_000), at(2, 1_200_000)], ['ask', 'wait', 'wait']);
  for (let key = 3; key <= 64; key++) assert.equal(at(key, 1_300_000), 'ask');
  assert.equal(at(65, 1_400_000), 'wait', 'more than 64 addresses are not remembered');
  claims.refute(peer, 65);
  assert.ok(claims.isOpen(peer, 1_400_000));
  claims.refute(peer, 64);
  assert.ok(!claims.isOpen(peer, 1_400_000), 'a sign of life from any of the others');
  claims.refute(peer, 64);
});

test('R7: a contest is open for two seconds after the last claim; of too many the one goes that began first', () => {
  const claims = new Claims();
  const peers = Array.from({ length: 1025 }, (_, i) => new Peer(i, 'compact', defaultConstants()));
  const [first, second] = peers as [Peer, Peer];
  for (const peer of peers.slice(0, 1024)) claims.claim(peer, 1, true, 0);
  assert.ok(claims.isOpen(second, 1_999_999));
  assert.ok(!claims.isOpen(second, 2_000_000));
  claims.claim(second, 1, true, 10_000_000);
  assert.equal(claims.size, 1024, 'one that begins anew drives out no other');
  claims.claim(first, 1, true, 10_000_000);
  claims.claim(peers.at(-1)!, 1, true, 10_000_001);
  assert.deepEqual(
    [first, second].map((peer) => claims.isOpen(peer, 10_000_001)),
    [true, true],
    'they are not the first now',
  );
  assert.equal(claims.claim(peers[2]!, 1, true, 500_000), 'ask', 'it was forgotten');
});

/** Session 7 of the peer, and a node of another id at another port of its address, which names its own session 7. */
const NEXT = { nodeId: 0x0c0c };
function startedAgain(): Driver {
  const driver = new Driver();
  driver.enable();
  driver.netUdp({ sessionId: 7 });
  driver.hostUdp();
  driver.enable(NEXT, { port: 40001 });
  return driver;
}
const idTo = (driver: Driver, port: number) => driver.hostUdp('x', { port })[0]!.cm!.sessionId;

test('R7: an id that a peer and the node that claims its address both use is taken from the peer, once at a time (decision 68)', () => {
  const driver = startedAgain();
  driver.netUdp({ ...NEXT, sessionId: 7 }, 'x', { port: 40001 });
  assert.deepEqual([idTo(driver, 40000), idTo(driver, 40001)], [7, 7], 'two nodes, for all that is known');
  driver.netUdp({ ...NEXT, flags: Flags.enable });
  const id = idTo(driver, 40000);
  assert.notEqual(id, 7);
  assert.equal(idTo(driver, 40001), 7);
  driver.netUdp({ ...NEXT, sessionId: id }, 'x', { port: 40001 });
  driver.netUdp({ ...NEXT, flags: Flags.enable });
  assert.equal(idTo(driver, 40000), id, 'it has just changed');
});

test('R7: while a node claims an address of a peer it cannot name an id of the peer that this node chose and holds (decision 68)', () => {
  const driver = startedAgain();
  driver.netUdp({ ...NEXT, flags: Flags.enable });
  driver.netUdp({ ...NEXT, sessionId: 7 }, 'x', { port: 40001 });
  assert.notEqual(idTo(driver, 40000), 7, 'the id was the peer’s choice');
  assert.equal(idTo(driver, 40001), 7);
  const own = new Driver();
  own.enable();
  const chosen = idTo(own, 40000);
  own.enable(NEXT, { port: 40001 });
  own.netUdp({ ...NEXT, flags: Flags.enable });
  own.netUdp({ ...NEXT, sessionId: chosen }, 'x', { port: 40001 });
  assert.equal(idTo(own, 40000), chosen);
  assert.notEqual(idTo(own, 40001), chosen);
});

test('R8: an address change is obeyed from the session and from addresses of the same peer only', () => {
  for (const pathId of [0, 1])
    for (const localAddresses of [[STRANGER], [REMOTE, STRANGER]]) {
      const driver = established();
      answersAsItself(driver);
      driver.netUdp({ sessionId: 7, pathId, flags: Flags.ipChange, localAddresses }, 'x', strange);
      assert.equal(session(driver).paths.length, 2);
    }
  const driver = established();
  driver.netUdp({ sessionId: 7, pathId: 1, flags: Flags.ipChange, localAddresses: [OTHER] }, 'x', { address: OTHER });
  assert.equal(session(driver).paths.length, 1, 'a proven address of the peer');
});

test('R8: a forged change sends user data to no address that did not answer a query of this node (decision 40)', () => {
  for (const pathId of [0, 1]) {
    const driver = established();
    // Somebody sends under the address of a victim, which answers nothing.
    driver.netUdp({ sessionId: 7, pathId: 3 }, 'x', strange);
    driver.netUdp({ flags: Flags.enable, localAddresses: [REMOTE, STRANGER] }, '', strange);
    driver.netUdp({ sessionId: 7, pathId, flags: Flags.ipChange, localAddresses: [REMOTE, STRANGER] }, 'x', strange);
    const sent = Array.from({ length: 40 }, () => driver.hostUdp('secret')).flat();
    const there = sent.filter(({ tuple, payload }) => tuple.destination === STRANGER && payload !== '');
    assert.equal(there.length, 0, `path id ${pathId}`);
    assert.ok(sent.filter(({ payload }) => payload === 'secret').length >= 40, 'the peer goes on getting everything');
  }
});

test('R9: delays come from addresses of the peer only, whatever node and session id say (decision 43)', () => {
  const driver = established();
  const [path] = session(driver).paths;
  const feedback = { feedbackPathId: path!.id, pathDelay: 5 };
  for (const cm of [
    { sessionId: 7, pathId: 1 },
    { sessionId: 7, pathId: 0, localAddresses: [REMOTE] },
    { sessionId: 8, pathId: 1, localAddresses: [REMOTE] },
    { flags: Flags.heartbeat, sessionId: 7, pathId: 1 },
  ])
    driver.netUdp({ ...feedback, ...cm }, 'x', strange);
  assert.equal(path!.samples, 0);
  assert.ok(driver.endpoint.counters.unprovenFeedback > 0);
  driver.netUdp({ ...feedback, sessionId: 7, pathId: 1 }, 'x', { address: OTHER });
  assert.equal(path!.samples, 1);
});

test("R9: a stranger does not replace the sample of a peer's path", () => {
  const driver = established();
  const sample = () => session(driver).peer.feedback.get(4)?.delay;
  driver.netUdp({ sessionId: 7, pathId: 4, timestamp: 1_000_000 });
  assert.equal(sample(), 0);
  driver.netUdp({ sessionId: 7, pathId: 4, timestamp: 0 }, 'x', strange);
  assert.equal(sample(), 0);
  driver.netUdp({ sessionId: 7, pathId: 4, timestamp: 999_990 }, 'x', { address: OTHER });
  assert.equal(sample(), 10);
});

test('R9: extreme delays leave weights and measurements finite and within their bounds', () => {
  const driver = established();
  for (let i = 0; i < 200; i++) {
    const pathDelay = [2 ** 31 - 1, -(2 ** 31), 0, -1][i % 4]!;
    const feedbackPathId = session(driver).paths[i % session(driver).paths.length]!.id;
    driver.netUdp({ sessionId: 7, pathId: 1, feedbackPathId, pathDelay });
    driver.wait(100_000);
    driver.hostUdp();
    for (const path of session(driver).paths) {
      assert.ok(path.weight >= 1 && path.weight <= 1000);
      assert.ok(Number.isFinite(path.queuing) && path.queuing >= 0 && Number.isInteger(path.networkDelay));
    }
  }
});

/** A TCP connection that the peer opened, session 5; the peer also announced OTHER. */
function connection(): Driver {
  const driver = new Driver();
  const cm = { localAddresses: [REMOTE, OTHER] };
  segment(driver, { ...cm, flags: Flags.enable }, { sequence: 99, flags: syn });
  segment(driver, { ...cm, sessionId: 5 }, { sequence: 100, flags: ack });
  driver.hostTcp({ sequence: 1, flags: ack });
  return driver;
}

test('R10: a fake SYN-ACK or ACK without a handshake makes no path, nor does an ACK of a wrong number', () => {
  const driver = connection();
  const cm = { flags: Flags.handshake, sessionId: 5, localAddresses: [REMOTE, OTHER] };
  for (const address of [OTHER, STRANGER]) {
    segment(driver, cm, { sequence: 1, acknowledgement: 1, flags: ack }, address);
    const unasked = segment(driver, cm, { sequence: 1, acknowledgement: 1, flags: syn | ack }, address);
    assert.deepEqual(unasked.sent, [], 'a SYN-ACK for no SYN is not answered');
    const { sent } = segment(driver, cm, { sequence: 1, flags: syn }, address);
    assert.deepEqual(
      sent.map(({ tuple }) => tuple.destination),
      [address],
    );
    segment(driver, cm, { sequence: 2, acknowledgement: 12345, flags: ack }, address);
  }
  assert.equal(session(driver, 5).paths.length, 1);
  const answer = segment(driver, cm, { sequence: 1, flags: syn }, OTHER).sent[0]!;
  const number = new DataView(answer.bytes.buffer, answer.bytes.byteOffset).getUint32(24);
  segment(driver, cm, { sequence: 2, acknowledgement: (number + 1) >>> 0, flags: ack }, OTHER);
  assert.equal(session(driver, 5).paths.length, 2, 'who received the SYN-ACK');
});

test("R16: ids that one peer takes are that peer's own; strangers cannot use up another peer's", () => {
  const driver = new Driver();
  driver.enable();
  driver.netUdp({ sessionId: 255 });
  assert.equal(driver.hostUdp('x', { from: 7001 })[0]!.cm!.sessionId, 1, 'a high id poisons nothing');
  for (let id = 1; id <= 255; id++)
    driver.netUdp({ sessionId: id, localAddresses: [REMOTE] }, 'x', { ...strange, port: 1000 + id });
  assert.equal(session(driver, 255).peer.sessionIds.size, 2 + 32);
  assert.equal(driver.endpoint.counters.sessionsRefused, 253 - 32);
  assert.notEqual(driver.hostUdp('x', { from: 7002 })[0]!.cm, undefined);
});

test('R17: a squatted session id is that of the squatter; it hurts no other peer and expires', () => {
  const driver = new Driver();
  for (let id = 1; id <= 255; id++) driver.netUdp({ sessionId: id, localAddresses: [STRANGER] }, 'x', strange);
  driver.enable();
  const { delivered } = driver.netUdp({ sessionId: 3 }, 'real');
  assert.equal(delivered[0]!.tuple.source, REMOTE);
  assert.equal(driver.hostUdp()[0]!.cm!.sessionId, 3);
  driver.wait(120_000_000);
  driver.wait(120_000_000);
  assert.equal(driver.endpoint.sessions.size, 0);
});

test('R33: when the source address of every path is gone the next packet leaves from one that is there', () => {
  const driver = established();
  driver.endpoint.setAddresses([0xc0000263], driver.now);
  const sent = Array.from({ length: 20 }, () => driver.hostUdp()).flat();
  assert.ok(sent.every(({ tuple }) => tuple.source === 0xc0000263));
});
