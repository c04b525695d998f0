import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Flags } from '../../src/codec/index.js';
import { FeedbackTable, Path } from '../../src/endpoint/index.js';
import { Driver, OTHER, REMOTE } from '../support/peer-driver.js';

const session = () => {
  const driver = new Driver();
  driver.enable();
  driver.netUdp({ sessionId: 7, pathId: 0 });
  return driver;
};
const feedback = (driver: Driver) => {
  const { cm } = driver.hostUdp()[0]!;
  return [cm!.feedbackPathId, cm!.pathDelay];
};

test('the delay is the receive time minus the timestamp, modulo 2^32, negative ones included (3.4)', () => {
  const driver = session();
  for (const [timestamp, delay] of [
    [driver.now - 250, 250],
    [driver.now + 250, -250],
    [(driver.now + 2 ** 31) % 2 ** 32, -(2 ** 31)],
  ]) {
    driver.netUdp({ sessionId: 7, pathId: 3, timestamp: timestamp! });
    assert.deepEqual(feedback(driver), [3, delay]);
  }
});

test('feedback rotates over paths by the oldest feedback time; without a new sample it is 0', () => {
  const driver = session();
  const sample = (pathId: number) => driver.netUdp({ sessionId: 7, pathId, timestamp: driver.now - pathId });
  for (const pathId of [1, 2, 3]) sample(pathId);
  assert.deepEqual([feedback(driver)[0], feedback(driver)[0], feedback(driver)[0]], [1, 2, 3]);
  assert.deepEqual(feedback(driver), [0, 0]);
  sample(2);
  driver.wait(10);
  sample(1);
  assert.deepEqual([feedback(driver)[0], feedback(driver)[0], feedback(driver)[0]], [1, 2, 0]);
});

test('packets that leave at one time keep the turns', () => {
  const driver = session();
  const sample = (pathId: number) => driver.netUdp({ sessionId: 7, pathId, timestamp: driver.now });
  const round = () => {
    for (const pathId of [1, 2, 3]) sample(pathId);
    return [feedback(driver)[0], feedback(driver)[0], feedback(driver)[0]];
  };
  for (const pathId of [1, 2, 3]) sample(pathId);
  assert.equal(feedback(driver)[0], 1);
  assert.deepEqual(round(), [2, 3, 1]);
  assert.deepEqual(round(), [2, 3, 1]);
});

test('the latest sample replaces the one before', () => {
  const driver = session();
  driver.netUdp({ sessionId: 7, pathId: 1, timestamp: driver.now - 5 });
  driver.netUdp({ sessionId: 7, pathId: 1, timestamp: driver.now - 9 });
  assert.deepEqual(feedback(driver), [1, 9]);
});

test('queries and confirmations carry no feedback and use none up', () => {
  const driver = session();
  driver.netUdp({ sessionId: 7, pathId: 1, timestamp: driver.now });
  const { sent } = driver.netUdp({ flags: Flags.enable });
  assert.equal(sent[0]!.cm!.feedbackPathId, 0);
  assert.equal(feedback(driver)[0], 1);
});

test('measurements are taken from packets of every flag', () => {
  for (let flags = 0; flags <= 5; flags++) {
    const driver = session();
    driver.netUdp({ flags, sessionId: 7, pathId: 4, timestamp: driver.now - 11 });
    assert.deepEqual(feedback(driver), [4, 11], `flag ${flags}`);
  }
});

test('feedback for an own path reaches Table 3, an unknown path id is ignored', () => {
  const driver = session();
  driver.hostUdp();
  driver.netUdp({ sessionId: 7, feedbackPathId: 1, pathDelay: 5000 });
  driver.netUdp({ sessionId: 7, feedbackPathId: 1, pathDelay: 5800 });
  driver.netUdp({ sessionId: 7, feedbackPathId: 200, pathDelay: 1 });
  const path = driver.endpoint.nodes.at(REMOTE, 40000)!.paths.get(1)!;
  assert.equal(path.delay, 100);
  assert.equal(path.queuing, 100);
  assert.equal(path.samples, 2);
});

test('path delays: moving average, minimum, queuing, wrap-around, clock steps', () => {
  const driver = session();
  const row = driver.endpoint.nodes.at(REMOTE, 40000)!.sessions.get(7)!;
  const path = new Path(1, row, row.tuple, 1000, 0);
  const feed = (sample: number) => path.applyFeedback(sample | 0, 1 / 8, 60_000_000, 0);
  feed(0x7fffffff);
  feed(0x7fffffff + 800);
  assert.equal(path.delay, 100, 'across the wrap of the sign');
  feed(0x7fffffff - 700);
  assert.equal(path.delay, 0);
  feed(0x7fffffff - 8000);
  assert.equal(path.minDelay, -1000);
  assert.equal(path.maxQueuing, 100);
  feed(0x7fffffff + 500_000_000);
  assert.deepEqual([path.delay, path.minDelay, path.maxQueuing, path.samples], [0, 0, 0, 1]);
});

test('one-way traffic: a heartbeat when the feedback is a second old, with feedback and the session id, not before', () => {
  const driver = session();
  const packet = (pathId: number) => driver.netUdp({ sessionId: 7, pathId, timestamp: driver.now - 42 }).sent;
  assert.deepEqual(packet(0), []);
  driver.wait(999_999);
  assert.deepEqual(packet(0), []);
  driver.wait(1);
  const [beat, ...rest] = packet(0);
  assert.equal(rest.length, 0);
  assert.deepEqual(
    [beat!.cm!.flags, beat!.cm!.sessionId, beat!.payload, beat!.tuple.destinationPort],
    [Flags.heartbeat, 7, '', 40000],
  );
  assert.deepEqual(packet(3), []);
  driver.wait(1_000_000);
  const [second] = packet(3);
  assert.deepEqual([second!.cm!.flags, second!.cm!.feedbackPathId, second!.cm!.pathDelay], [Flags.heartbeat, 3, 42]);
  assert.deepEqual(packet(3), []);
});

test('a heartbeat takes the path that is chosen as for any packet (3.5, 3.6)', () => {
  const driver = new Driver();
  const list = { localAddresses: [REMOTE, OTHER] };
  driver.enable(list);
  driver.netUdp({ sessionId: 7, ...list });
  driver.hostUdp();
  driver.netUdp({ flags: Flags.enabled, ...list }, '', { address: OTHER });
  driver.hostUdp();
  const own = [...driver.endpoint.sessions.rows()][0]!;
  const { paths } = own;
  for (const chosen of [OTHER, REMOTE]) {
    driver.netUdp({ sessionId: 7, pathId: 3, ...list });
    driver.now += 1_000_000;
    own.weightsAt = driver.now;
    for (const path of paths) {
      path.weight = path.tuple.destination === chosen ? 1000 : 1e-9;
      // Else the path that carried nothing for a second would be the one.
      path.lastSent = driver.now;
    }
    const [beat] = driver.netUdp({ sessionId: 7, pathId: 3, ...list }).sent;
    assert.deepEqual([beat!.cm!.flags, beat!.tuple.destination], [Flags.heartbeat, chosen]);
    assert.equal(beat!.cm!.pathId, paths.find(({ tuple }) => tuple.destination === chosen)!.id);
  }
});

test('a path ages while packets are sent on it: a pause between two counts as a second at most (3.4, decision 35)', () => {
  const driver = session();
  driver.hostUdp();
  const [path] = [...driver.endpoint.sessions.rows()][0]!.paths;
  path!.unansweredMicros = 0;
  driver.now += 100_000;
  driver.hostUdp();
  assert.equal(path!.unansweredMicros, 100_000);
  driver.now += 60_000_000;
  driver.hostUdp();
  assert.equal(path!.unansweredMicros, 1_100_000);
});

test('no heartbeat while data carries the feedback, none without packets, none in answer to flags 2 to 5', () => {
  const driver = session();
  for (let i = 0; i < 20; i++) {
    driver.wait(300_000);
    assert.deepEqual(driver.netUdp({ sessionId: 7, pathId: 1, timestamp: driver.now }).sent, []);
    driver.hostUdp();
  }
  driver.wait(10_000_000);
  assert.deepEqual(driver.sent(), []);
  for (const flags of [Flags.heartbeat, Flags.enabled, Flags.handshake]) {
    driver.wait(2_000_000);
    assert.deepEqual(driver.netUdp({ flags, sessionId: 7, pathId: 1 }).sent, []);
  }
});

test('Table 5 gives each path its turn', () => {
  const table = new FeedbackTable();
  for (let id = 1; id <= 3; id++) table.record(id, id, id);
  assert.equal(table.next(10)?.pathId, 1);
  table.record(1, 9, 11);
  assert.equal(table.next(12)?.pathId, 2);
  assert.equal(table.next(13)?.pathId, 3);
  assert.equal(table.next(14)?.pathId, 1);
  assert.equal(table.next(15), undefined);
});

const idsOf = (table: FeedbackTable) => [...table.rows()].map(({ pathId }) => pathId);

test('Table 5 forgets the paths of a session that it knew before a time, and does not feed them back (3.4)', () => {
  const table = new FeedbackTable();
  for (const [pathId, at, sessionId] of [
    [1, 10, 7],
    [2, 20, 7],
    [3, 10, 8],
  ] as const)
    table.record(pathId, 5, at, sessionId);
  table.forgetSession(7, 20);
  assert.deepEqual([idsOf(table), table.first?.pathId], [[2, 3], 2]);
  assert.deepEqual([table.next(30)?.pathId, table.next(30)?.pathId, table.next(30)], [2, 3, undefined]);
  table.forgetSession(7);
  table.remove(2);
  assert.deepEqual([idsOf(table), table.first], [[3], undefined]);
  table.record(3, 6, 40);
  table.clear();
  assert.deepEqual([table.size, table.first, table.next(50)], [0, undefined, undefined]);
});

test('a full Table 5 gives up the oldest row of a session that is gone', () => {
  const table = new FeedbackTable(2, (sessionId) => sessionId === 7);
  for (const [pathId, sessionId] of [
    [1, 7],
    [2, 8],
    [3, 7],
  ] as const)
    table.record(pathId, 0, 0, sessionId);
  assert.deepEqual(idsOf(table), [1, 3]);
  const plain = new FeedbackTable(2);
  for (const pathId of [1, 2, 3]) plain.record(pathId, 0, 0);
  assert.deepEqual(idsOf(plain), [2, 3]);
});

test('of two samples for one path the newer stays when two peers turn out to be one; turns go on', () => {
  const [table, other] = [new FeedbackTable(), new FeedbackTable()];
  for (const pathId of [1, 2, 3]) table.record(pathId, 5, 10);
  for (const [pathId, at] of [
    [1, 9],
    [2, 10],
    [3, 11],
  ] as const)
    other.record(pathId, 6, at);
  table.takeOver(other);
  assert.deepEqual([[1, 2, 3].map((pathId) => table.get(pathId)!.delay), other.size], [[5, 5, 6], 0]);
  table.record(4, 5, 20);
  const due = () => table.next(30)?.pathId;
  assert.deepEqual([due(), due(), due(), due(), due()], [1, 2, 3, 4, undefined], 'a new path comes last');
  table.takeOver(new FeedbackTable());
  assert.equal(due(), undefined, 'nothing new');
  table.record(1, 5, 40);
  table.record(5, 5, 40);
  assert.deepEqual([due(), due()], [5, 1], 'one that was never fed back comes first');
});

test('a new port of a known node belongs to the same peer: ids stay unique', () => {
  const driver = session();
  driver.netUdp({ sessionId: 8, pathId: 0 }, 'x', { port: 40001 });
  driver.netUdp({ sessionId: 9, pathId: 0, localAddresses: [REMOTE, OTHER] }, 'x', { address: OTHER, port: 40001 });
  const ids = [
    driver.hostUdp(),
    driver.hostUdp('x', { port: 40001 }),
    driver.hostUdp('x', { address: OTHER, port: 40001 }),
  ].map((seen) => [seen[0]!.cm!.sessionId, seen[0]!.cm!.pathId]);
  assert.deepEqual(ids, [
    [7, 1],
    [8, 2],
    [9, 3],
  ]);
});
