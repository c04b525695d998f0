import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attach, buildUdp, emptyControlMessage, Flags } from '../../src/codec/index.js';
import { A1, A2, B1, B2, Pair, shares, way } from '../support/endpoint-pair.js';
import { Driver, LOCAL, OTHER, type Seen } from '../support/peer-driver.js';

const ALL = ['10.1.0.1-10.1.0.2', '10.1.0.1-10.2.0.2', '10.2.0.1-10.1.0.2', '10.2.0.1-10.2.0.2'];
const data = (packets: readonly Seen[]) => packets.filter(({ cm }) => cm !== undefined && cm.flags <= Flags.ipChange);

function established(options: ConstructorParameters<typeof Pair>[0] = {}): Pair {
  const pair = new Pair(options);
  for (let i = 0; i < 12; i++) pair.exchange();
  pair.a.sent.length = 0;
  pair.b.sent.length = 0;
  pair.a.delivered.length = 0;
  pair.b.delivered.length = 0;
  return pair;
}

test('two addresses at each end: one connection uses all four paths in both directions, per packet (3.3, 3.6)', () => {
  const pair = established();
  for (let i = 0; i < 200; i++) pair.exchange(String(i), 1);
  assert.deepEqual([...shares(data(pair.a.sent)).keys()].sort(), ALL);
  assert.equal(shares(data(pair.b.sent)).size, 4);
  assert.deepEqual(new Set(pair.b.delivered.map(way)), new Set(['10.1.0.1-10.1.0.2']), 'the host sees one tuple');
  assert.deepEqual(new Set(pair.b.delivered.map(({ payload }) => payload)).size, 200);
});

test('a path id always names one tuple; ids count from 1; one session id in both directions', () => {
  const pair = established();
  for (let i = 0; i < 100; i++) pair.exchange();
  for (const node of [pair.a, pair.b]) {
    const tuples = new Map<number, string>();
    for (const packet of data(node.sent)) {
      const id = packet.cm!.pathId;
      assert.ok(id >= 1);
      assert.equal(tuples.get(id) ?? way(packet), way(packet));
      tuples.set(id, way(packet));
    }
    assert.deepEqual([...tuples.keys()].sort(), [1, 2, 3, 4]);
  }
  assert.equal(new Set([...data(pair.a.sent), ...data(pair.b.sent)].map(({ cm }) => cm!.sessionId)).size, 1);
});

test('equal bounds are equal weights: a new path gets the smallest weight at least (3.6.1, 4.2.1)', () => {
  const pair = established({ a: { constants: { 'weight-min': 1, 'weight-max': 1 } } });
  for (let i = 0; i < 1000; i++) pair.exchange(String(i), 1);
  // 1/4 of 1000 each: six standard deviations are 82.
  for (const [name, count] of shares(data(pair.a.sent))) assert.ok(Math.abs(count - 250) < 82, `${name}: ${count}`);
});

test('announced addresses get data only after the handshake at that address (decision 10)', () => {
  const pair = new Pair();
  pair.links.set('10.1.0.1-10.2.0.2', 'down');
  pair.links.set('10.2.0.1-10.2.0.2', 'down');
  for (let i = 0; i < 50; i++) pair.exchange();
  const toB2 = pair.a.sent.filter(({ tuple }) => tuple.destination === B2);
  assert.equal(toB2.length, 5, 'the queries');
  assert.ok(toB2.every(({ cm, payload }) => cm!.flags === Flags.enable && payload === ''));
});

test('a path without feedback is removed after 5 s of sending and the rest carries on; it comes back when it works (EX)', () => {
  const pair = established();
  const dead = '10.2.0.1-10.2.0.2';
  pair.links.set(dead, 'down');
  for (let i = 0; i < 300; i++) pair.exchange(String(i), 20);
  pair.a.sent.length = 0;
  for (let i = 0; i < 50; i++) pair.exchange(String(i), 20);
  assert.ok(!shares(data(pair.a.sent)).has(dead));
  assert.equal(shares(data(pair.a.sent)).size, 3);
  const session = [...pair.a.endpoint.sessions.rows()][0]!;
  assert.equal(session.paths.length, 3);
  assert.deepEqual([...session.peer.paths.values()], session.paths, 'feedback for the removed path is that of no path');
});

test('with the last path to an address its row of Table 4 goes; the others stay (3.3)', () => {
  const pair = established();
  const rows = () => [...pair.a.endpoint.nodes.rows()].map(([key]) => Math.floor(key / 0x10000)).sort();
  assert.deepEqual(rows(), [B1, B2]);
  pair.links.set('10.2.0.1-10.2.0.2', 'down');
  for (let i = 0; i < 300; i++) pair.exchange(String(i), 20);
  assert.deepEqual(rows(), [B1, B2], 'another path leads there');
  pair.links.set('10.1.0.1-10.2.0.2', 'down');
  for (const source of ['10.1.0.1', '10.2.0.1']) pair.links.set(`10.2.0.2-${source}`, 'down');
  for (let i = 0; i < 300; i++) pair.exchange(String(i), 20);
  assert.deepEqual(rows(), [B1]);
});

test('an idle connection keeps its paths; the last path is never removed', () => {
  const pair = established();
  pair.run(60_000);
  pair.exchange();
  assert.equal([...pair.a.endpoint.sessions.rows()][0]!.paths.length, 4);
  for (const link of ALL) pair.links.set(link, 'down');
  for (let i = 0; i < 2000; i++) {
    pair.a.host(buildUdp(pair.toB, new Uint8Array(1)));
    pair.run(20);
  }
  assert.equal([...pair.a.endpoint.sessions.rows()][0]!.paths.length, 1);
});

test('only the fastest N paths are kept when asked for (3.3)', () => {
  const pair = new Pair({ a: { maxPaths: 2 } });
  pair.links.set('10.1.0.1-10.1.0.2', { delayMicros: 9000 });
  pair.links.set('10.2.0.1-10.1.0.2', { delayMicros: 20_000 });
  for (let i = 0; i < 100; i++) pair.exchange('x', 30);
  pair.a.sent.length = 0;
  for (let i = 0; i < 50; i++) pair.exchange('x', 30);
  assert.deepEqual([...shares(data(pair.a.sent)).keys()].sort(), ['10.1.0.1-10.2.0.2', '10.2.0.1-10.2.0.2']);
});

test('one-way traffic becomes multipath through heartbeats (HB-08)', () => {
  const pair = new Pair();
  for (let i = 0; i < 600; i++) {
    pair.a.host(buildUdp(pair.toB, new Uint8Array(1)));
    pair.run(20);
  }
  pair.a.sent.length = 0;
  for (let i = 0; i < 100; i++) {
    pair.a.host(buildUdp(pair.toB, new Uint8Array(1)));
    pair.run(20);
  }
  assert.equal(shares(data(pair.a.sent)).size, 4);
  assert.equal(pair.a.delivered.length, 0);
});

test('an address change: one path at both ends, flagged packets, then all paths again; the hosts see nothing (3.4)', () => {
  const pair = established();
  const sessionOf = (node: typeof pair.a) => [...node.endpoint.sessions.rows()][0]!;
  const id = sessionOf(pair.a).id;
  pair.links.set('10.1.0.1-10.1.0.2', 'down');
  pair.links.set('10.1.0.1-10.2.0.2', 'down');
  pair.links.set('10.1.0.2-10.1.0.1', 'down');
  pair.links.set('10.2.0.2-10.1.0.1', 'down');
  pair.a.endpoint.setAddresses([A2], pair.network.now);
  const paths = sessionOf(pair.a).paths;
  assert.equal(paths.length, 1);
  assert.equal(paths[0]!.tuple.source, A2);
  pair.exchange('first');
  assert.equal(data(pair.a.sent)[0]!.cm!.flags, Flags.ipChange);
  assert.deepEqual(data(pair.a.sent)[0]!.cm!.localAddresses, [A2]);
  assert.deepEqual(
    pair.b.delivered.map(({ payload }) => payload),
    ['first'],
    'the flagged packet is delivered',
  );
  for (let i = 0; i < 200; i++) pair.exchange(String(i));
  const flagged = data(pair.a.sent).filter(({ cm }) => cm!.flags === Flags.ipChange).length;
  assert.ok(flagged >= 1 && flagged <= 6, `${flagged} flagged packets`);
  assert.equal(pair.b.delivered.length, 201);
  assert.equal(pair.a.delivered.length, 201);
  assert.deepEqual(new Set(pair.b.delivered.map(way)), new Set(['10.1.0.1-10.1.0.2']));
  assert.equal(sessionOf(pair.a).id, id);
  assert.deepEqual(sessionOf(pair.a).tuple.source, A1);
  pair.b.sent.length = 0;
  for (let i = 0; i < 100; i++) pair.exchange(String(i));
  assert.deepEqual([...shares(data(pair.b.sent)).keys()].sort(), ['10.1.0.2-10.2.0.1', '10.2.0.2-10.2.0.1']);
  pair.links.clear();
  pair.a.endpoint.setAddresses([A2, A1], pair.network.now);
  for (let i = 0; i < 100; i++) pair.exchange(String(i));
  pair.a.sent.length = 0;
  for (let i = 0; i < 100; i++) pair.exchange(String(i));
  assert.equal(shares(data(pair.a.sent)).size, 4, 'an added address yields new paths');
});

test('a flagged packet of an unknown session or from an unproven address resets nothing (decision 15)', () => {
  const pair = established();
  const session = [...pair.b.endpoint.sessions.rows()][0]!;
  const flagged = (sessionId: number, source: number) => {
    const tuple = { source, sourcePort: 40000, destination: B1, destinationPort: 7000 };
    const packet = buildUdp(tuple, new Uint8Array(1));
    const out = new Uint8Array(200);
    const cm = {
      ...emptyControlMessage(),
      nodeId: 0x0a01,
      sessionId,
      pathId: 1,
      flags: Flags.ipChange,
      localAddresses: [A1, A2],
    };
    pair.b.receive(out.slice(0, attach(packet, cm, out)), pair.network.now);
  };
  flagged(session.id + 1, A1);
  assert.equal(session.paths.length, 4, 'unknown session');
  flagged(session.id, 0x0a090909);
  assert.equal(session.paths.length, 4, 'unproven address');
  flagged(session.id, A2);
  assert.deepEqual(
    session.paths.map(({ tuple }) => tuple.destination),
    [A2],
    'proven address',
  );
});

test('a flagged packet to an address that is gone by then: the one path starts at an address that is there (3.4)', () => {
  const pair = established();
  pair.a.endpoint.setAddresses([A2], pair.network.now);
  const [kept] = [...pair.a.endpoint.sessions.rows()][0]!.paths;
  pair.a.host(buildUdp(pair.toB, new Uint8Array(1)));
  const gone = kept!.tuple.destination;
  const left = gone === B1 ? B2 : B1;
  pair.b.endpoint.setAddresses([left], pair.network.now);
  pair.run(5);
  assert.deepEqual(
    [...pair.b.endpoint.sessions.rows()][0]!.paths.map(({ tuple }) => [tuple.source, tuple.destination]),
    [[left, A2]],
  );
});

test('the same seed gives the same packets', () => {
  const run = () => {
    const pair = established({ loss: 0.05, jitterMicros: 3000, seed: 5 });
    for (let i = 0; i < 50; i++) pair.exchange(String(i));
    return pair.a.sent.map(({ bytes }) => Buffer.from(bytes).toString('hex'));
  };
  assert.deepEqual(run(), run());
});

test('with every path id in use an address change leaves each session a path of its own, at once (3.4, decision 32)', () => {
  for (const count of [255, 120]) {
    const driver = new Driver({ addresses: [LOCAL, LOCAL + 1] });
    driver.enable();
    const ports = Array.from({ length: count }, (_, i) => 7000 + i);
    for (const from of ports) {
      driver.hostUdp('x', { from });
      driver.netUdp({ sessionId: from - 6999 }, 'x', { to: from });
      driver.hostUdp('x', { from });
    }
    const [peer] = [...driver.endpoint.nodes.rows()].map(([, one]) => one);
    assert.equal(peer!.pathIds.size, count === 255 ? 255 : 240);
    driver.endpoint.setAddresses([OTHER], driver.now);
    const sent = ports.map((from) => driver.hostUdp('x', { from })[0]!);
    assert.ok(
      sent.every(({ tuple, cm }) => tuple.source === OTHER && cm!.pathId !== 0 && cm!.flags === Flags.ipChange),
    );
    assert.equal(new Set(sent.map(({ cm }) => cm!.pathId)).size, count);
  }
});

test('paths for which there was no id are made as soon as ids have rested (3.3, decision 32)', () => {
  const driver = new Driver({ addresses: [LOCAL, LOCAL + 1] });
  driver.enable();
  for (let from = 7000; from < 7128; from++) {
    driver.hostUdp('x', { from });
    driver.netUdp({ sessionId: from - 6999 }, 'x', { to: from });
    driver.hostUdp('x', { from });
  }
  const rows = [...driver.endpoint.sessions.rows()];
  const last = rows.at(-1)!;
  assert.equal(last.paths.length, 1, 'the last of 255 ids');
  driver.endpoint.endSession(rows[0]!, driver.now);
  for (let second = 0; second < 122; second++) {
    driver.now += 1_000_000;
    driver.hostUdp('x', { from: 7127 });
    driver.netUdp({ sessionId: 128, feedbackPathId: last.paths[0]!.id }, 'x', { to: 7127 });
    if (second < 119) assert.equal(last.paths.length, 1, `${second} s`);
  }
  assert.equal(last.paths.length, 2);
});

test('compact tells each peer all addresses, two at a time, whatever goes to others in between (3.1, decision 11)', () => {
  for (let count = 1; count <= 7; count++)
    for (const peers of [1, 2, 3]) {
      const addresses = Array.from({ length: count }, (_, i) => LOCAL + i);
      const driver = new Driver({ addresses });
      const remotes = Array.from({ length: peers }, (_, i) => ({ address: OTHER + i }));
      for (const [i, remote] of remotes.entries()) driver.enable({ nodeId: 100 + i, localAddresses: [] }, remote);
      const told = remotes.map(() => [] as number[][]);
      for (let packet = 0; packet < 12; packet++)
        for (const [i, remote] of remotes.entries()) {
          const list = driver.hostUdp('x', remote)[0]!.cm!.localAddresses.filter((address) => address !== 0);
          assert.ok(list.length <= 2);
          told[i]!.push([...list]);
        }
      const needed = Math.ceil(count / 2);
      for (const lists of told)
        for (let i = 0; i + needed <= lists.length; i++)
          assert.deepEqual([...new Set(lists.slice(i, i + needed).flat())].sort(), addresses, `${count} for ${peers}`);
    }
});
