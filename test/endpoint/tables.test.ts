import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { addressKey, defaultConstants, TCP, UDP } from '../../src/codec/index.js';
import { AddressMap } from '../../src/endpoint/address-map.js';
import { AddressSet } from '../../src/endpoint/address-set.js';
import { IdMap } from '../../src/endpoint/id-map.js';
import { FeedbackTable, Peer } from '../../src/endpoint/index.js';
import { SessionIndex } from '../../src/endpoint/session-index.js';
import { Session } from '../../src/endpoint/sessions.js';
import { Driver, LOCAL, REMOTE } from '../support/peer-driver.js';
import { runs } from '../support/runs.js';

test('feedback is due in the order that a look at every row would give', () => {
  const pathId = fc.integer({ min: 1, max: 12 });
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ kind: fc.constant('record' as const), pathId, sessionId: fc.nat(2) }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('next' as const), later: fc.nat(1) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove' as const), pathId }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('forget' as const), sessionId: fc.nat(2) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('used elsewhere' as const), pathId }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const table = new FeedbackTable(8);
      let now = 1;
      for (const action of steps) {
        if (action.kind === 'record') table.record(action.pathId, now, now, action.sessionId);
        else if (action.kind === 'remove') table.remove(action.pathId);
        else if (action.kind === 'forget') table.forgetSession(action.sessionId);
        else if (action.kind === 'used elsewhere') {
          const row = table.get(action.pathId);
          if (row !== undefined) row.fresh = false;
        } else {
          now += action.later;
          const fresh = [...table.rows()].filter((row) => row.fresh);
          const first = fresh.reduce<(typeof fresh)[0] | undefined>(
            (best, row) => (best === undefined || row.feedbackTime < best.feedbackTime ? row : best),
            undefined,
          );
          assert.equal(table.next(now), first);
          if (first !== undefined) assert.deepEqual([first.fresh, first.feedbackTime], [false, now]);
        }
        assert.ok(table.size <= 8);
      }
    }),
    runs(300),
  );
});

test('rows of two tables for one node are due in the order of their feedback times, those never fed back first', () => {
  const [table, other] = [new FeedbackTable(), new FeedbackTable()];
  const use = (one: FeedbackTable, pathId: number, fedBackAt: number) => {
    one.record(pathId, 0, 1);
    one.next(fedBackAt);
  };
  use(other, 1, 40);
  use(other, 2, 20);
  use(table, 3, 30);
  use(table, 4, 10);
  for (const id of [1, 2, 5]) other.record(id, id, 50);
  for (const id of [3, 4, 6, 1]) table.record(id, id, id === 1 ? 49 : 50);
  table.takeOver(other);
  const due = Array.from({ length: 7 }, () => table.next(60)?.pathId);
  assert.deepEqual(due, [6, 5, 4, 2, 3, 1, undefined]);
  table.record(3, 3, 70);
  table.record(6, 6, 70);
  assert.deepEqual([table.next(71)?.pathId, table.next(71)?.pathId], [6, 3]);
});

test('a map by address and port holds what a plain map holds, in the same order', () => {
  const address = fc.constantFrom(0, 1, 0x0a010001, 0x7fffffff, 0x80000000, 0xc0a80001, 0xffffffff);
  const port = fc.constantFrom(0, 1, 7000, 65535);
  const step = fc.record({ kind: fc.constantFrom('at', 'set', 'delete'), address, port });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
      const map = new AddressMap<number>();
      const plain = new Map<number, number>();
      for (const [i, { kind, address, port }] of steps.entries()) {
        const key = addressKey(address, port);
        if (kind === 'set') {
          map.set(key, i);
          plain.set(key, i);
        } else if (kind === 'delete') assert.equal(map.delete(key), plain.delete(key));
        else assert.equal(map.at(address, port), plain.get(key));
        assert.deepEqual([map.size, map.has(key), map.get(key)], [plain.size, plain.has(key), plain.get(key)]);
      }
      assert.deepEqual([...map.entries()], [...plain.entries()]);
    }),
    runs(200),
  );
});

test('a map by address and port finds rows that share a place, as many as there may be', () => {
  // The ports of one address, moved so that all are looked for at one place: of a table of 65536, more than are stepped over.
  const home = (address: number, port: number) =>
    Math.imul(Math.imul(address, 0x9e3779b1) ^ Math.imul(port, 0x85ebca6b), 0xc2b2ae35) >>> 16;
  const crowd: [number, number][] = [];
  for (let address = 1; crowd.length < 40; address++) if (home(address, 7000) === 99) crowd.push([address, 7000]);
  const [first] = crowd as [[number, number]];
  for (let port = 1; crowd.length < 60; port++)
    for (const address of [0xc0a80001, 0xc0a80002, 0xc0a80003, 0xc0a80004])
      if (((home(address, port) - 99) & 0xffff) < 8) crowd.push([address, port]);
  fc.assert(
    fc.property(
      fc.shuffledSubarray(crowd, { minLength: 50 }),
      fc.shuffledSubarray(crowd, { minLength: 30 }),
      (added, removed) => {
        const map = new AddressMap<number>();
        const plain = new Map<number, number>();
        for (let i = 0; i < 20_000; i++) map.set(addressKey(0xdf000000 + i, 1), i);
        for (const [address, port] of [...added, ...removed]) {
          const key = addressKey(address, port);
          if (plain.delete(key)) assert.ok(map.delete(key));
          else {
            plain.set(key, address + port);
            map.set(key, address + port);
          }
          for (const one of crowd) assert.equal(map.at(...one), plain.get(addressKey(...one)));
        }
        map.set(addressKey(...first), -1);
        assert.equal(map.at(...first), -1);
      },
    ),
    runs(10),
  );
});

test('maps by id that share a list hold what plain maps hold, in the same order', () => {
  const id = fc.constantFrom(0, 1, 2, 255, 256, 65535);
  const step = fc.record({ kind: fc.constantFrom('get', 'set', 'delete', 'clear'), id, which: fc.nat(2) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80, size: 'max' }), (steps) => {
      const places: unknown[] = [];
      const maps = [0, 1, 2].map((column) => new IdMap<number>(places, column));
      const plain = [0, 1, 2].map(() => new Map<number, number>());
      for (const [i, { kind, id, which }] of steps.entries()) {
        const [one, other] = [maps[which]!, plain[which]!];
        if (kind === 'set') for (const map of [one, other]) map.set(id, i);
        else if (kind === 'delete') assert.equal(one.delete(id), other.delete(id));
        else if (kind === 'clear') for (const map of [one, other]) map.clear();
        for (let m = 0; m < 3; m++) {
          const [map, expected] = [maps[m]!, plain[m]!];
          assert.deepEqual([map.size, map.has(id), map.get(id)], [expected.size, expected.has(id), expected.get(id)]);
        }
      }
      assert.deepEqual(
        maps.map((map) => [...map]),
        plain.map((map) => [...map]),
      );
    }),
    runs(200),
  );
});

test('a set of addresses holds what a plain set holds, also when it was just asked', () => {
  const address = fc.constantFrom(0, 1, 0x0a010001, 0x80000000, 0xc0a80001, 0xffffffff);
  const kind = fc.oneof(
    { weight: 6, arbitrary: fc.constant('has' as const) },
    { weight: 6, arbitrary: fc.constantFrom('add' as const, 'delete' as const) },
    { weight: 1, arbitrary: fc.constant('clear' as const) },
  );
  fc.assert(
    fc.property(fc.array(fc.record({ kind, address }), { maxLength: 100, size: 'max' }), (steps) => {
      const set = new AddressSet();
      const plain = new Set<number>();
      for (const { kind, address } of steps) {
        if (kind === 'add') for (const one of [set, plain]) one.add(address);
        else if (kind === 'delete') assert.equal(set.delete(address), plain.delete(address));
        else if (kind === 'clear') for (const one of [set, plain]) one.clear();
        assert.equal(set.has(address), plain.has(address));
      }
      assert.deepEqual([...set], [...plain]);
    }),
    runs(200),
  );
});

test('rows of Table 7 are found by their socket pair', () => {
  const peer = new Peer(1, 'full', defaultConstants());
  const ports = fc.integer({ min: 0, max: 0xffff });
  const tuple = fc.record({
    source: fc.constantFrom(LOCAL, 0xc0000299),
    destination: fc.constantFrom(REMOTE, 1),
    sourcePort: fc.oneof(fc.constant(1), ports),
    destinationPort: fc.oneof(fc.constant(1), ports),
  });
  const row = fc.record({ tuple, protocol: fc.constantFrom(TCP, UDP) });
  fc.assert(
    fc.property(fc.array(row, { maxLength: 40 }), fc.array(fc.nat(39)), (rows, removed) => {
      const index = new SessionIndex();
      const name = (session: Session) => `${JSON.stringify(Object.values(session.tuple))} ${session.protocol}`;
      const sessions = new Map<string, Session>();
      for (const { tuple, protocol } of rows) {
        const session = new Session(peer, 1, protocol, tuple, 'self', 0);
        if (sessions.has(name(session))) continue;
        sessions.set(name(session), session);
        index.add(session);
      }
      for (const i of removed) {
        const session = [...sessions.values()][i];
        if (session === undefined) continue;
        index.delete(session);
        sessions.delete(name(session));
        assert.equal(index.get(session.tuple, session.protocol), undefined);
      }
      for (const session of sessions.values()) assert.equal(index.get(session.tuple, session.protocol), session);
      for (const { tuple } of rows) {
        const isHeld = [...sessions.values()].some(
          (session) =>
            session.tuple.destination === tuple.destination && session.tuple.destinationPort === tuple.destinationPort,
        );
        assert.equal(index.hasRemote(addressKey(tuple.destination, tuple.destinationPort)), isHeld);
      }
    }),
    runs(100),
  );
});

test('expired rows leave a large Table 7 a few at a time, and all within a quarter of the expiry', () => {
  const driver = new Driver();
  const layout = 'full';
  driver.enable({ layout, nodeId: 0x020000000a01 });
  for (let id = 1; id <= 1000; id++) {
    driver.netUdp({ layout, nodeId: 0x020000000a01, sessionId: id }, 'x', { port: id });
    driver.endpoint.poll(driver.now);
  }
  const { sessions } = driver.endpoint;
  assert.equal(sessions.size, 1000);
  driver.now += 120_000_000;
  const end = driver.now + 30_000_000;
  let most = 0;
  while (sessions.size > 0 && driver.now <= end) {
    const before = sessions.size;
    const due = driver.endpoint.poll(driver.now);
    assert.ok(due > driver.now);
    driver.now = due;
    most = Math.max(most, before - sessions.size);
  }
  assert.equal(sessions.size, 0);
  assert.ok(most <= 256, `${most} rows at once`);
});

test('an acknowledgement is asked for by a number below what the peer acknowledged, or below what was sent (RFC 9293, 3.10.7.4)', () => {
  const tuple = { source: LOCAL, sourcePort: 1, destination: REMOTE, destinationPort: 2 };
  const session = new Session(new Peer(1, 'compact', defaultConstants()), 1, TCP, tuple, 'self', 0);
  assert.equal(session.sequenceBelowWindow, 2 ** 32 - 1);
  session.nextSent = 500;
  assert.equal(session.sequenceBelowWindow, 499);
  session.acknowledged = 0;
  assert.equal(session.sequenceBelowWindow, 2 ** 32 - 1);
  session.acknowledged = 400;
  assert.equal(session.sequenceBelowWindow, 399);
});
