import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildTcp, Flags, TcpFlags } from '../../../src/codec/index.js';
import type { Endpoint } from '../../../src/endpoint/index.js';
import type { Node } from '../../support/endpoint-pair.js';
import { Driver, LOCAL, OTHER, REMOTE, withCm } from '../../support/peer-driver.js';
import {
  A1,
  A2,
  B1,
  B2,
  dataOf,
  sequencesOf,
  tuplesOf,
  WidePair,
  type WidePairOptions,
} from '../../support/wide-pair.js';

const { syn, ack } = TcpFlags;
const NOTHING = new Uint8Array(0);
const STATEFUL = { tcp: 'stateful', filtering: 'port-restricted' } as const;

const sessionOf = (node: { readonly endpoint: Endpoint }) => [...node.endpoint.sessions.rows()][0]!;
const flagsOf = (node: Node) => node.sent.map(({ cm, tuple }) => [cm?.flags, tuple.source] as const);

/** A TCP connection from A1 alone, with data, all paths of A1 there. */
function fromA1(options: WidePairOptions = { nat: STATEFUL }): { pair: WidePair; next: number } {
  const pair = new WidePair(options);
  pair.a.setAddresses([A1]);
  pair.connect();
  return { pair, next: pair.stream(200, 101) };
}

test('fake TCP behind a stateful NAT: the only address changes, and a handshake comes before the flagged data (3.4, decision 14)', () => {
  const { pair, next } = fromA1();
  const { id, tuple } = sessionOf(pair.a);
  assert.equal(sessionOf(pair.b).paths.length, 2);
  pair.a.sent.length = 0;
  pair.a.setAddresses([A2]);
  const end = pair.stream(40, next);
  pair.run(100);
  assert.deepEqual(flagsOf(pair.a).filter(([flags]) => flags === Flags.ipChange || flags === Flags.handshake)[0], [
    Flags.handshake,
    A2,
  ]);
  const first = pair.a.sent.findIndex(({ cm }) => cm?.flags === Flags.ipChange);
  const completed = pair.a.sent.findIndex(({ cm, bytes }) => cm?.flags === Flags.handshake && bytes[33] === ack);
  assert.ok(completed >= 0 && completed < first, `third packet ${completed}, data ${first}`);
  assert.equal(pair.nats[1]!.counters.refusedTcp, 0, 'nothing was refused');
  assert.deepEqual(
    [...new Set(sequencesOf(pair.b.delivered))],
    Array.from({ length: end - 101 }, (_, i) => 101 + i),
    'no segment of the host was lost, and they came in order',
  );
  const [a, b] = [sessionOf(pair.a), sessionOf(pair.b)];
  assert.deepEqual([a.id, b.id, a.tuple], [id, id, tuple], 'the session and its tuple stay');
  assert.equal(tuplesOf(pair.b.delivered).length, 1, 'one socket');
  assert.ok(b.paths.every((path) => path.tuple.destination === pair.nats[1]!.address));
  pair.stream(100, end);
  assert.equal(sessionOf(pair.a).paths.length, 2, 'the other paths are there again');
  assert.equal(sessionOf(pair.b).paths.length, 2);
});

test('a change while the handshake of the one before is under way: the latest address is used, nothing is lost', () => {
  const { pair, next } = fromA1();
  pair.a.setAddresses([A2]);
  pair.stream(1, next, 1);
  assert.ok(sessionOf(pair.a).isOpening);
  pair.a.setAddresses([A1]);
  const end = pair.stream(60, next + 1);
  pair.run(100);
  assert.ok(!sessionOf(pair.a).isOpening);
  assert.deepEqual(
    [...new Set(sequencesOf(pair.b.delivered))],
    Array.from({ length: end - 101 }, (_, i) => 101 + i),
  );
  assert.equal(pair.a.endpoint.opening.size, 0);
});

test('the segments that waited go with the feedback of the packet that let them go (3.4, Table 5)', () => {
  const { pair, next } = fromA1({});
  pair.a.setAddresses([A2]);
  assert.ok(sessionOf(pair.a).isOpening);
  pair.a.host(buildTcp(pair.toB, { sequence: next, acknowledgement: 901, flags: ack }, Uint8Array.of(1)));
  assert.equal(dataOf(pair.a.sent.splice(0)).at(-1)!.tuple.source, A1, 'it waits for a handshake from A2');
  // The addresses of B change at the same time, and its flagged segment tells which path is left.
  const tuple = { source: B1, sourcePort: 7000, destination: A2, destinationPort: 40000 };
  const flagged = { flags: Flags.ipChange, nodeId: 0x0b01, sessionId: sessionOf(pair.a).id, pathId: 9 };
  const segment = buildTcp(tuple, { sequence: 901, acknowledgement: next, flags: ack }, NOTHING);
  pair.a.receive(withCm(segment, { ...flagged, localAddresses: [B1] }), pair.network.now);
  pair.network.wake(pair.a);
  assert.deepEqual(
    dataOf(pair.a.sent).map(({ cm }) => cm?.feedbackPathId),
    [9],
  );
});

test('nobody answers the handshake: the segments wait for one SYN interval, then go without, and the queue is bounded', () => {
  const { pair, next } = fromA1({});
  pair.network.observer = undefined;
  const { receiveHandshake } = pair.b.endpoint.inbound;
  pair.b.endpoint.inbound.receiveHandshake = () => {};
  pair.a.setAddresses([A2]);
  pair.a.sent.length = 0;
  for (let i = 0; i < 400; i++) {
    const segment = { sequence: next + i, acknowledgement: 901, flags: ack };
    pair.a.host(buildTcp(pair.toB, segment, Uint8Array.of(i & 255)));
  }
  pair.run(900);
  assert.equal(dataOf(pair.a.sent).length, 0);
  pair.run(200);
  assert.equal(dataOf(pair.a.sent).length, 256);
  assert.ok(dataOf(pair.a.sent).every(({ tuple }) => tuple.source === A2));
  pair.b.endpoint.inbound.receiveHandshake = receiveHandshake;
  pair.a.sent.length = 0;
  pair.run(3000);
  const end = pair.stream(100, next + 400);
  assert.ok(sequencesOf(pair.b.delivered).includes(end - 1));
  assert.ok(dataOf(pair.b.sent).at(-1)!.tuple.destination === A2);
});

test('a server whose only address changes begins no handshake (HS-02); its flagged data goes at once', () => {
  const pair = new WidePair({});
  pair.b.setAddresses([B1]);
  pair.connect();
  const next = pair.stream(100, 101);
  const [, b2] = pair.b.addresses;
  pair.b.setAddresses([b2!]);
  pair.b.sent.length = 0;
  const end = pair.stream(20, next);
  assert.ok(pair.b.sent.every(({ cm, bytes }) => cm?.flags !== Flags.handshake || bytes[33] !== syn));
  assert.equal(dataOf(pair.b.sent)[0]!.cm!.flags, Flags.ipChange);
  pair.stream(60, end);
  assert.ok(sessionOf(pair.a).paths.every((path) => path.tuple.destination === b2));
});

test('packets after the first with the flag do not stop handshakes that were begun since (3.4)', () => {
  const driver = new Driver();
  driver.enable();
  driver.netTcp({ sessionId: 5 }, { sequence: 1, flags: syn });
  driver.hostTcp({ sequence: 1, acknowledgement: 2, flags: syn | ack });
  const flagged = () =>
    driver.netTcp(
      { sessionId: 5, pathId: 3, flags: Flags.ipChange, localAddresses: [REMOTE, OTHER] },
      {
        sequence: 2,
        acknowledgement: 2,
        flags: ack,
      },
    );
  const handshake = (flags: number, acknowledgement: number) => {
    const tuple = { source: OTHER, sourcePort: 40000, destination: LOCAL, destinationPort: 7000 };
    const segment = buildTcp(
      tuple,
      { sequence: 70 + (flags === ack ? 1 : 0), acknowledgement, flags },
      new Uint8Array(0),
    );
    return driver.net(withCm(segment, { flags: Flags.handshake, sessionId: 5, localAddresses: [REMOTE, OTHER] })).sent;
  };
  flagged();
  assert.equal(sessionOf(driver).paths.length, 1);
  const [answer] = handshake(syn, 0);
  flagged();
  driver.netTcp({ sessionId: 5, pathId: 3 }, { sequence: 2, acknowledgement: 2, flags: ack });
  const number = new DataView(answer!.bytes.buffer, answer!.bytes.byteOffset).getUint32(24);
  handshake(ack, number + 1);
  assert.equal(sessionOf(driver).paths.length, 2);
  // A copy of the flagged packet that comes late, when the change is over, resets nothing (AD-02).
  flagged();
  assert.equal(sessionOf(driver).paths.length, 2);
  assert.ok(!sessionOf(driver).isChanging);
});

test('one change of three addresses: compact names two at a time, the connection is reset once, all are known (3.4, 11)', () => {
  const driver = new Driver();
  const [third, fourth] = [OTHER + 1, OTHER + 2];
  driver.enable();
  driver.netUdp({ sessionId: 5 });
  driver.hostUdp();
  const flagged = (pathId: number, ...localAddresses: number[]) =>
    driver.netUdp({ sessionId: 5, pathId, flags: Flags.ipChange, localAddresses });
  flagged(3, REMOTE, OTHER);
  const path = sessionOf(driver).paths[0];
  flagged(3, third, REMOTE);
  flagged(3, OTHER, third);
  flagged(3, REMOTE, OTHER);
  assert.equal(sessionOf(driver).paths[0], path);
  assert.deepEqual([...sessionOf(driver).peer.announced].sort(), [REMOTE, OTHER, third].sort());
  // Another change: another path of the peer, or a list that is no part of a longer one.
  flagged(4, OTHER, fourth);
  assert.notEqual(sessionOf(driver).paths[0], path);
  const next = sessionOf(driver).paths[0];
  flagged(4, fourth);
  assert.notEqual(sessionOf(driver).paths[0], next);
});

for (const mode of ['UDP', 'TCP'] as const)
  test(`${mode}: the only address changes to one that did no handshake: the change is obeyed as soon as it has (decision 15)`, () => {
    const pair = new WidePair({});
    const [talker, other, from, to] = mode === 'UDP' ? (['a', 'b', A1, A2] as const) : (['b', 'a', B1, B2] as const);
    pair[talker].setAddresses([from]);
    let next = 101;
    const talk = (count: number) => {
      if (mode === 'UDP') pair.talk('x', count);
      else next = pair.stream(count, next);
    };
    if (mode === 'TCP') pair.connect();
    talk(100);
    pair[talker].setAddresses([to]);
    talk(10);
    assert.ok(sessionOf(pair[other]).paths.every(({ tuple }) => tuple.destination === to));
    pair[other].sent.length = 0;
    talk(60);
    assert.ok(dataOf(pair[other].sent).every(({ tuple }) => tuple.destination === to));
    assert.equal(sessionOf(pair[other]).paths.length, 2);
  });
