import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  buildTcp,
  buildUdp,
  CONSTANT_NAMES,
  CONSTANTS,
  DatagramView,
  Flags,
  l4Checksum,
  parseConstant,
  TcpFlags,
  TrailerView,
} from '../../../src/codec/index.js';
import { Evictor } from '../../../src/endpoint/evictor.js';
import { IdPool } from '../../../src/endpoint/id-pool.js';
import { RateLimit } from '../../../src/endpoint/rate-limit.js';
import { ReorderingBuffer } from '../../../src/endpoint/reordering.js';
import { Driver, LOCAL, OTHER, REMOTE, withCm } from '../../support/peer-driver.js';

const STRANGER = 0xcb007100;

/** A peer with a session that the host uses. */
function established(options: ConstructorParameters<typeof Driver>[0] = {}): Driver {
  const driver = new Driver(options);
  driver.enable();
  driver.netUdp({ sessionId: 7 });
  driver.hostUdp();
  return driver;
}

const pathOf = (driver: Driver) => driver.hostUdp().map(({ cm }) => [cm?.sessionId, cm?.pathId]);

test('R15: strangers that fill Tables 2 and 4 and the waiting list do not drive out a session in use', () => {
  const driver = established({ tableLimit: 50 });
  for (let i = 0; i < 500; i++) {
    const stranger = { address: STRANGER + (i % 200), port: 1000 + i };
    driver.netUdp({ nodeId: 0x1000 + i, flags: Flags.enable, localAddresses: [] }, '', stranger);
    const tuple = { source: STRANGER + i, sourcePort: 9, destination: LOCAL, destinationPort: 7000 };
    driver.net(withCm(buildTcp(tuple, { sequence: 1, flags: 16 }, new Uint8Array(0)), { flags: Flags.enable }));
  }
  const { availability, nodes, state } = driver.endpoint;
  assert.deepEqual([availability.size, nodes.size, state.waiting.size], [50, 50, 50]);
  assert.deepEqual(pathOf(driver), [[7, 1]]);
});

test('R15: the oldest row that is not in use goes; rows in use are passed once a turn', () => {
  const rows = new Map<number, boolean>();
  let asked = 0;
  const evictor = new Evictor(rows, (isUsed) => {
    asked++;
    return isUsed;
  });
  assert.equal(evictor.next(), undefined);
  for (let i = 0; i < 200; i++) rows.set(i, i < 100);
  for (let i = 0; i < 1000; i++) {
    const key = evictor.next()!;
    assert.ok(key >= 100);
    rows.delete(key);
    rows.set(200 + i, false);
  }
  assert.ok(asked <= 1000 + 100, `${asked} rows looked at`);
  for (const key of rows.keys()) rows.set(key, true);
  assert.notEqual(evictor.next(), undefined, 'all in use');
  assert.equal(evictor.next(true), undefined, 'and spared');
});

test('R15: rows of Tables 2 and 4 that sessions use are kept beyond the limit, those of strangers still go', () => {
  const driver = new Driver({ tableLimit: 50, limits: { sessions: 500 } });
  const { availability, nodes, sessions, counters } = driver.endpoint;
  const ports = Array.from({ length: 400 }, (_, i) => 10_000 + i);
  for (const port of ports) {
    driver.enable({}, { port: port });
    assert.ok(driver.hostUdp('x', { port })[0]!.cm !== undefined || sessions.size === 255);
  }
  assert.equal(sessions.size, 255, 'as many as compact has ids');
  const asked = counters.queriesSent;
  for (let i = 0; i < 2000; i++)
    driver.netUdp({ nodeId: 0x1000 + i, flags: Flags.enable, localAddresses: [] }, '', { address: STRANGER + i });
  assert.ok(availability.size <= 50 + 500 && nodes.size <= 50 + 500, `${availability.size} ${nodes.size}`);
  for (const port of ports.slice(0, 255)) assert.equal(driver.hostUdp('x', { port })[0]!.cm?.flags, Flags.normal);
  assert.equal(counters.queriesSent, asked, 'nobody is asked again');
  assert.equal(sessions.size, 255);
});

test('R15: Table 7 gives up sessions of strangers first, refuses newcomers when all are used, and keeps busy ones', () => {
  const driver = new Driver({ limits: { sessions: 20 } });
  driver.enable();
  const used = (port: number) => driver.hostUdp('x', { from: port })[0]!.cm;
  for (let port = 1; port <= 10; port++) assert.notEqual(used(port), undefined);
  driver.netUdp({ sessionId: 100 }, 'busy', { port: 50000 });
  driver.now += 2_000_000;
  driver.netUdp({ sessionId: 100 }, 'busy', { port: 50000 });
  for (let i = 0; i < 500; i++)
    driver.netUdp({ nodeId: i, sessionId: 1, localAddresses: [] }, 'x', { address: STRANGER + i });
  assert.equal(driver.endpoint.sessions.size, 20);
  assert.ok([...driver.endpoint.sessions.rows()].some(({ id }) => id === 100));
  for (let port = 1; port <= 10; port++) assert.equal(used(port)!.sessionId, port);
  for (let port = 11; port <= 19; port++) assert.notEqual(used(port), undefined, String(port));
  driver.now += 1_000_000;
  assert.equal(used(20), undefined, 'ordinary');
  assert.equal(driver.endpoint.counters.idsExhausted, 1);
  assert.equal(driver.netUdp({ nodeId: 9999, sessionId: 1 }, 'x', { address: OTHER }).delivered.length, 1);
  assert.equal(driver.endpoint.counters.sessionsRefused, 1);
  assert.equal(driver.endpoint.sessions.size, 20);
});

test('R15: sessions of one peer are bounded; others are not affected', () => {
  const driver = new Driver({ limits: { sessionsPerPeer: 10 } });
  driver.enable();
  for (let id = 1; id <= 100; id++) {
    driver.netUdp({ sessionId: id }, 'x', { port: id });
    if (id <= 3) driver.hostUdp('used', { port: id });
  }
  assert.equal(driver.endpoint.sessions.size, 10);
  const used = [...driver.endpoint.sessions.rows()].filter(({ isUsed }) => isUsed);
  assert.deepEqual(
    used.map(({ id }) => id),
    [1, 2, 3],
  );
  driver.netUdp({ nodeId: 5, sessionId: 1, localAddresses: [] }, 'x', { address: OTHER });
  assert.equal(driver.endpoint.sessions.size, 11);
});

test('R15: rows of Table 5, announced addresses and sources of a session are bounded', () => {
  const driver = new Driver({ limits: { feedbackPerPeer: 40 } });
  const nodeId = 0x020000000a01;
  driver.enable({ layout: 'full', nodeId });
  driver.netUdp({ layout: 'full', nodeId, sessionId: 7, pathId: 1 });
  for (let i = 1; i <= 2000; i++) {
    const localAddresses = [REMOTE, STRANGER + i];
    driver.netUdp({ layout: 'full', nodeId, sessionId: 7, pathId: i, localAddresses });
    driver.netUdp({ layout: 'full', nodeId, sessionId: 7, pathId: 1 }, 'x', { address: OTHER, port: i });
  }
  const [session] = driver.endpoint.sessions.rows();
  const { peer } = session!;
  assert.equal(peer.feedback.size, 40);
  assert.equal(peer.announced.size, 32);
  assert.equal([...peer.announced][0], REMOTE, 'it was never forgotten');
  assert.equal(session!.sources.size, 32);
});

test('R15: rows of Table 5 of sessions that are there stay', () => {
  const driver = established({ limits: { feedbackPerPeer: 40 } });
  driver.netUdp({ sessionId: 7, pathId: 1 });
  for (let pathId = 2; pathId <= 255; pathId++) driver.netUdp({ flags: Flags.heartbeat, sessionId: 99, pathId });
  const [session] = driver.endpoint.sessions.rows();
  assert.deepEqual([session!.peer.feedback.size, session!.peer.feedback.get(1)?.sessionId], [40, 7]);
});

test('R15: a source that answered stays among those of its session, whatever else is seen', () => {
  const driver = established();
  driver.netUdp({ sessionId: 7, pathId: 2 }, 'x', { address: OTHER });
  driver.hostUdp();
  driver.netUdp({ flags: Flags.enabled }, '', { address: OTHER });
  for (let port = 1; port <= 500; port++) driver.netUdp({ sessionId: 7, pathId: 2 }, 'x', { address: OTHER, port });
  const [session] = driver.endpoint.sessions.rows();
  assert.ok(session!.sources.has(OTHER * 0x10000 + 40000));
});

test('R15: peers that share a node id are bounded; one with a session stays', () => {
  const driver = established();
  for (let i = 0; i < 200; i++) driver.enable({ localAddresses: [STRANGER + i] }, { address: STRANGER + i, port: 1 });
  assert.equal(driver.endpoint.nodes.withId(0x0a01, 'compact').length, 16);
  assert.deepEqual(pathOf(driver), [[7, 1]]);
});

test('R15: a rate limit lets a burst pass and then its rate, also after the clock stepped back', () => {
  const limit = new RateLimit(10, 40);
  const taken = (now: number) => Array.from({ length: 100 }, () => limit.take(now)).filter(Boolean).length;
  assert.deepEqual([taken(1e9), taken(1e9), taken(1e9 + 1e6), taken(1e9 + 100e6)], [40, 0, 10, 40]);
  assert.equal(taken(1e9 - 500e6), 40);
  assert.equal(new RateLimit(Number.POSITIVE_INFINITY, 1).take(5), true);
});

/** Puts segments `[sequence, length]` through a buffer; gives the order of delivery, and what is held at the end. */
function reorder(segments: readonly (readonly [number, number])[]): { order: number[]; buffer: ReorderingBuffer } {
  const buffer = new ReorderingBuffer(10, 50_000, false);
  const order: number[] = [];
  const view = new DatagramView();
  const tuple = { source: REMOTE, sourcePort: 1, destination: LOCAL, destinationPort: 2 };
  for (const [sequence, length] of segments) {
    const packet = buildTcp(tuple, { sequence, flags: TcpFlags.ack }, new Uint8Array(length));
    view.parse(packet);
    const deliver = (bytes: Uint8Array) => order.push(new DataView(bytes.buffer, bytes.byteOffset).getUint32(24));
    if (buffer.passes(view)) order.push(sequence);
    else buffer.accept(view, 1000, deliver);
  }
  return { order, buffer };
}

test('R25: sequence number 0 is one like any other, order holds across 2^32, duplicates do no harm, silence ends a hold', () => {
  const top = 2 ** 32;
  assert.deepEqual(
    reorder([
      [0, 1],
      [2, 1],
      [1, 1],
    ]).order,
    [0, 1, 2],
  );
  assert.deepEqual(
    reorder([
      [top - 1, 1],
      [1, 1],
      [2, 1],
      [0, 1],
    ]).order,
    [top - 1, 0, 1, 2],
  );
  assert.deepEqual(
    reorder([
      [9, 1],
      [11, 1],
      [11, 1],
      [10, 1],
    ]).order,
    [9, 10, 11, 11],
  );
  const { order, buffer } = reorder([
    [9, 1],
    [11, 1],
    [12, 1],
    [13, 1],
    [14, 1],
  ]);
  assert.deepEqual([order, buffer.size, buffer.deadline], [[9], 4, 51_000]);
  buffer.flush(() => order.push(0));
  assert.deepEqual([order.length, buffer.size], [5, 0]);
});

/** Times that only bound something: 0 is a value like any other. */
const BOUNDS = ['reordering-hold', 'reordering-margin', 'id-reuse', 'weight-dead-band'];

test('R28: no constant that divides or repeats can be set to 0 or below', () => {
  for (const name of CONSTANT_NAMES) {
    assert.throws(() => parseConstant(`${name}=-1`), name);
    const isPeriod = CONSTANTS[name].unit === 'µs' && !BOUNDS.includes(name);
    if (isPeriod || name === 'delay-smoothing') assert.throws(() => parseConstant(`${name}=0`), name);
  }
  const driver = established({ constants: { 'weight-period': 1, 'heartbeat-age': 1, 'reordering-hold': 0 } });
  driver.wait(3_600_000_000);
  assert.equal(driver.hostUdp().length, 1);
});

test('R29: the filler octet is 0 in every packet, whatever the buffer held', () => {
  const driver = established();
  const view = new TrailerView();
  for (let i = 0; i < 50; i++) {
    driver.netUdp({ sessionId: 7 }, '\xff'.repeat(200));
    for (const { bytes } of [...driver.hostUdp('\xff'.repeat(i)), ...driver.hostUdp('\xff'.repeat(200 - i))]) {
      assert.ok(view.locate(bytes));
      assert.equal(view.cm.filler, 0);
    }
  }
});

test("R31: the host's datagrams go out whole at every size; one that does not fit with its CM goes without", () => {
  const driver = established({ linkMtu: 1500 });
  for (const size of [0, 1, 25, 26, 51, 52, 53, 200, 1446, 1447, 1472]) {
    const [seen, ...rest] = driver.host(
      buildUdp({ source: LOCAL, sourcePort: 7000, destination: REMOTE, destinationPort: 40000 }, new Uint8Array(size)),
    );
    assert.deepEqual([seen!.payload.length, seen!.cm === undefined, rest.length], [size, size > 1446, 0]);
    assert.ok(seen!.bytes.length <= 1500);
  }
});

test('R32: a query copy of a segment with data has a wrong checksum, so that a peer without MPIP drops it', () => {
  const [original, copy] = new Driver().hostTcp({ sequence: 5, flags: TcpFlags.ack }, 'in the stream');
  for (const [seen, isSound] of [
    [original!, true],
    [copy!, false],
  ] as const) {
    const view = new DatagramView();
    view.parse(seen.bytes);
    assert.equal(view.l4Checksum === l4Checksum(seen.bytes, 0, 6, 20, seen.bytes.length), isSound);
  }
});

test("R36: a clock step of 500 s restarts a path's measurement: delay, minimum and weights recover", () => {
  for (const step of [500_654_080, -500_000_000]) {
    const driver = established();
    const [session] = driver.endpoint.sessions.rows();
    const [path] = session!.paths;
    const feed = (pathDelay: number) => driver.netUdp({ sessionId: 7, feedbackPathId: path!.id, pathDelay });
    for (let i = 0; i < 20; i++) feed(10_000 + i);
    for (let i = 0; i < 20; i++) feed(10_000 + step + i);
    assert.ok(path!.queuing >= 0 && path!.queuing < 1000, `queuing delay ${path!.queuing}`);
    assert.ok(path!.maxQueuing < 1000);
    assert.ok(Math.abs(path!.networkDelay - (10_000 + step)) < 1000);
  }
});

test('R15: an id that a peer takes again and again is remembered once', () => {
  const pool = new IdPool(255, 120_000_000);
  for (let i = 0; i < 1000; i++) {
    pool.take(1);
    pool.free(1, i);
  }
  assert.deepEqual([pool.size, pool.resting], [0, 1]);
});
