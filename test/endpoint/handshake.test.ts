import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressKey, DatagramView, Flags, HeaderStatus, l4Checksum, TcpFlags } from '../../src/codec/index.js';
import { AvailabilityTable, WaitingList } from '../../src/endpoint/availability.js';
import { Driver, LOCAL, OTHER, REMOTE } from '../support/peer-driver.js';

const validChecksum = (bytes: Uint8Array) => {
  const view = new DatagramView();
  assert.equal(view.parse(bytes), HeaderStatus.ok);
  return view.l4Checksum === l4Checksum(bytes, 0, view.protocol, view.l4Offset, view.end);
};

test('to an unknown address the original goes out untouched and a query copy follows (3.2)', () => {
  const driver = new Driver();
  const [original, copy, ...rest] = driver.hostUdp('hello');
  assert.equal(rest.length, 0);
  assert.equal(original!.cm, undefined);
  assert.equal(original!.payload, 'hello');
  assert.equal(copy!.payload, 'hello');
  assert.deepEqual(copy!.tuple, original!.tuple);
  assert.deepEqual(
    {
      flags: copy!.cm!.flags,
      session: copy!.cm!.sessionId,
      path: copy!.cm!.pathId,
      feedback: copy!.cm!.feedbackPathId,
      delay: copy!.cm!.pathDelay,
    },
    { flags: Flags.enable, session: 0, path: 0, feedback: 0, delay: 0 },
  );
  assert.ok(validChecksum(copy!.bytes));
});

test('queries stop at the limit, traffic goes on as ordinary (3.2)', () => {
  const driver = new Driver();
  const queries = Array.from({ length: 8 }, () => driver.hostUdp().length - 1);
  assert.deepEqual(queries, [1, 1, 1, 1, 1, 0, 0, 0]);
  assert.equal(new Driver({ constants: { 'query-limit': 2 } }).hostUdp().length, 2);
});

test('availability is kept per address and port', () => {
  const driver = new Driver();
  for (let i = 0; i < 6; i++) driver.hostUdp();
  assert.equal(driver.hostUdp('x', { port: 40001 }).length, 2);
  assert.equal(driver.hostUdp('x', { address: OTHER }).length, 2);
});

for (const flags of [Flags.enable, Flags.enabled]) {
  test(`flag ${flags} enables its sender, also one that was given up, and is not delivered`, () => {
    const driver = new Driver();
    for (let i = 0; i < 6; i++) driver.hostUdp();
    const { delivered } = driver.netUdp({ flags });
    assert.deepEqual(delivered, []);
    const [data, ...rest] = driver.hostUdp();
    assert.equal(rest.length, 0);
    assert.equal(data!.cm!.flags, Flags.normal);
    assert.equal(data!.cm!.sessionId, 1);
  });
}

test('a UDP query is confirmed at once with a new packet', () => {
  const driver = new Driver();
  const { sent } = driver.netUdp({ flags: Flags.enable });
  assert.equal(sent.length, 1);
  assert.equal(sent[0]!.cm!.flags, Flags.enabled);
  assert.equal(sent[0]!.tuple.destination, REMOTE);
  assert.equal(sent[0]!.tuple.destinationPort, 40000);
  assert.equal(sent[0]!.cm!.sessionId, 0);
  assert.ok(validChecksum(sent[0]!.bytes));
});

test('a TCP query waits for the next segment, which goes out and is copied as the confirmation', () => {
  const driver = new Driver();
  const { sent } = driver.netTcp({ flags: Flags.enable }, { sequence: 5, flags: TcpFlags.syn });
  assert.deepEqual(sent, []);
  const [segment, copy, ...rest] = driver.hostTcp({ sequence: 77, acknowledgement: 6, flags: TcpFlags.ack }, 'abc');
  assert.equal(rest.length, 0);
  assert.equal(segment!.cm!.flags, Flags.normal);
  assert.equal(copy!.cm!.flags, Flags.enabled);
  assert.equal(copy!.bytes.subarray(24, 28).join(), segment!.bytes.subarray(24, 28).join());
  assert.equal(driver.hostTcp({ sequence: 80, flags: TcpFlags.ack }).length, 1);
});

test('query copies of TCP: valid checksum for SYN and SYN-ACK only (decision 1)', () => {
  const copyOf = (flags: number) => new Driver().hostTcp({ sequence: 1, flags }, '')[1]!;
  assert.ok(validChecksum(copyOf(TcpFlags.syn).bytes));
  assert.ok(validChecksum(copyOf(TcpFlags.syn | TcpFlags.ack).bytes));
  assert.ok(!validChecksum(copyOf(TcpFlags.ack).bytes));
});

test('a waiting confirmation is dropped by RST from either end and after its time (decision 9)', () => {
  const asked = () => {
    const driver = new Driver();
    driver.netTcp({ flags: Flags.enable }, { sequence: 5, flags: TcpFlags.ack });
    return driver;
  };
  const confirmations = (driver: Driver) =>
    driver.hostTcp({ sequence: 1, flags: TcpFlags.ack }).filter((seen) => seen.cm?.flags === Flags.enabled).length;
  assert.equal(confirmations(asked()), 1);
  const byPeer = asked();
  byPeer.netTcp(undefined, { sequence: 6, flags: TcpFlags.rst });
  assert.equal(confirmations(byPeer), 0);
  const byHost = asked();
  byHost.hostTcp({ sequence: 1, flags: TcpFlags.rst });
  assert.equal(confirmations(byHost), 0);
  const late = asked();
  late.wait(120_000_000);
  assert.equal(confirmations(late), 0);
});

test('a connection waits once, since its last query; of too many the longest waiting goes, and none is kept too long', () => {
  const list = new WaitingList(2, 100);
  const add = (port: number, now: number) => list.add(LOCAL, 7000, REMOTE, port, now);
  const take = (port: number, now: number) => list.take(LOCAL, 7000, REMOTE, port, now);
  add(1, 0);
  add(2, 10);
  add(1, 15);
  add(1, 20);
  assert.equal(list.size, 2, 'one that waits already drives out no other');
  add(3, 30);
  assert.deepEqual([list.size, take(2, 30)], [2, false]);
  assert.deepEqual([take(1, 119), take(1, 119), take(3, 130)], [true, false, false]);
  assert.equal(list.size, 0);
  add(1, 0);
  add(2, 50);
  const left = [99, 100, 149, 150].map((now) => {
    list.sweep(now);
    return list.size;
  });
  assert.deepEqual(left, [2, 1, 1, 0]);
  add(1, 200);
  list.clear();
  assert.deepEqual([list.size, take(1, 200)], [0, false]);
});

test('a node that was forgotten is asked again from the beginning, once in a period (decision 49)', () => {
  const table = new AvailabilityTable(4, () => false);
  const row = table.row(REMOTE, 40000);
  const lapse = (now: number) => {
    Object.assign(row, { enabled: true, answered: true, queries: 5 });
    table.lapse(row, 100, now);
    return [row.enabled, row.answered, row.queries];
  };
  const [asked, kept] = [
    [false, false, 0],
    [true, true, 5],
  ];
  assert.deepEqual([0, 99, 100, 199, 200].map(lapse), [asked, kept, asked, kept, asked]);
  assert.deepEqual([...table.rows()], [row]);
  table.clear();
  assert.deepEqual([table.size, table.get(REMOTE, 40000)], [0, undefined]);
});

test('Table 2 gives up the oldest address that is not in use, and has room beside its limit for those that are', () => {
  const used = new Set<number>();
  const table = new AvailabilityTable(4, (key) => used.has(key), 2);
  const ports = () => [...table.rows()].map(({ port }) => port);
  for (let port = 1; port <= 4; port++) table.row(REMOTE, port);
  for (let port = 1; port <= 6; port++) if (port !== 4) used.add(addressKey(REMOTE, port));
  table.row(REMOTE, 5);
  assert.deepEqual(ports(), [1, 2, 3, 5], 'the one that is not in use');
  table.row(REMOTE, 6);
  table.row(REMOTE, 7);
  assert.deepEqual(ports(), [1, 2, 3, 5, 6, 7]);
  table.row(REMOTE, 8);
  assert.deepEqual(ports(), [1, 2, 3, 5, 6, 8]);
  used.add(addressKey(REMOTE, 8));
  table.row(REMOTE, 9);
  assert.equal(table.size, 6, 'one in use goes, as there is no other');
});

test('RST, multicast, broadcast and DHCP carry no CM and trigger no query (decision 8)', () => {
  const driver = new Driver();
  assert.equal(driver.hostTcp({ sequence: 1, flags: TcpFlags.rst }).length, 1);
  assert.equal(driver.hostUdp('x', { address: 0xe00000fb }).length, 1);
  assert.equal(driver.hostUdp('x', { address: 0xffffffff }).length, 1);
  assert.equal(driver.hostUdp('x', { port: 67, from: 68 }).length, 1);
});

test('fragments and datagrams whose UDP length lies pass untouched', () => {
  const driver = new Driver();
  const [plain] = driver.hostUdp('payload', { port: 9 });
  const fragment = plain!.bytes.slice();
  fragment[6] = 0x20;
  assert.deepEqual(
    driver.host(fragment).map((seen) => seen.bytes),
    [fragment],
  );
  const lying = plain!.bytes.slice();
  lying[25] = 9;
  assert.deepEqual(
    driver.host(lying).map((seen) => seen.bytes),
    [lying],
  );
});
