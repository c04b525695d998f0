import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildTcp, buildUdp, Flags, TcpFlags } from '../../../src/codec/index.js';
import { Driver, LOCAL, OTHER, REMOTE } from '../../support/peer-driver.js';

const { syn, ack } = TcpFlags;
const TO_HOST = { source: REMOTE, sourcePort: 40000, destination: LOCAL, destinationPort: 7000 };
const list = { localAddresses: [REMOTE, OTHER] };

/** UDP session 7 with two paths, the last CM of which came just now. */
function talking(): Driver {
  const driver = new Driver();
  driver.enable(list);
  driver.netUdp({ sessionId: 7, ...list });
  driver.hostUdp();
  driver.netUdp({ flags: Flags.enabled, ...list }, '', { address: OTHER });
  driver.hostUdp();
  assert.equal([...driver.endpoint.sessions.rows()][0]!.paths.length, 2);
  return driver;
}

/** So many forged datagrams of a connection, each a millisecond after the other. */
function forge(driver: Driver, count: number, tuple = TO_HOST): void {
  for (let i = 0; i < count; i++) {
    driver.now += 1000;
    driver.net(buildUdp(tuple, Uint8Array.of(1)));
  }
}

test('forged ordinary packets do not make a connection ordinary while CMs of it come', () => {
  const driver = talking();
  for (let i = 0; i < 20; i++) {
    forge(driver, 100);
    driver.netUdp({ sessionId: 7, pathId: 1, ...list });
  }
  assert.deepEqual([driver.endpoint.sessions.size, driver.endpoint.counters.peersLeft], [1, 0]);
  assert.equal(driver.hostUdp()[0]!.cm?.sessionId, 7);
});

test('nor do those from other addresses and ports, or to other ports, or a few of them', () => {
  const driver = talking();
  driver.now += 1_000_000;
  forge(driver, 100, { ...TO_HOST, source: OTHER });
  forge(driver, 100, { ...TO_HOST, sourcePort: 40001 });
  forge(driver, 100, { ...TO_HOST, destinationPort: 7001 });
  forge(driver, 9);
  assert.equal(driver.hostUdp()[0]!.cm?.sessionId, 7);
});

test('ten of the very connection do while it is idle: its data goes on as it is, and after 30 s the peer is asked again', () => {
  const driver = talking();
  driver.now += 250_000;
  forge(driver, 10);
  assert.equal(driver.endpoint.sessions.size, 0);
  assert.equal(driver.endpoint.counters.peersLeft, 1);
  const plain = driver.hostUdp('goes on');
  assert.deepEqual(
    plain.map(({ cm, payload, tuple }) => [cm, payload, tuple.destination]),
    [[undefined, 'goes on', REMOTE]],
  );
  driver.now += 29_000_000;
  assert.equal(driver.hostUdp().length, 1);
  driver.now += 1_000_000;
  assert.deepEqual(
    driver.hostUdp().map(({ cm }) => cm?.flags),
    [undefined, Flags.enable],
  );
  driver.netUdp({ flags: Flags.enabled, ...list }, '');
  assert.equal(driver.hostUdp()[0]!.cm?.flags, Flags.normal);
});

test('a CM of the peer brings an idle connection back at once', () => {
  const driver = talking();
  driver.now += 250_000;
  forge(driver, 10);
  driver.netUdp({ sessionId: 7, pathId: 1, ...list });
  assert.deepEqual([driver.hostUdp()[0]!.cm?.sessionId, driver.endpoint.sessions.size], [7, 1]);
});

test('a forged SYN-ACK makes a connection ordinary only before any CM of it came', () => {
  const answer = buildTcp(TO_HOST, { sequence: 5, acknowledgement: 2, flags: syn | ack }, new Uint8Array(0));
  const open = () => {
    const driver = new Driver();
    driver.enable(list);
    assert.equal(driver.hostTcp({ sequence: 1, flags: syn })[0]!.cm?.flags, Flags.normal);
    return driver;
  };
  const before = open();
  before.net(answer);
  assert.equal(before.endpoint.sessions.size, 0);
  const after = open();
  after.netTcp({ sessionId: 1, ...list }, { sequence: 5, acknowledgement: 2, flags: syn | ack });
  after.net(answer);
  assert.equal(after.endpoint.sessions.size, 1);
});
