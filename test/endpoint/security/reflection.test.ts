import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildTcp, buildUdp, Flags, TcpFlags } from '../../../src/codec/index.js';
import { AnswerLimit } from '../../../src/endpoint/rate-limit.js';
import { Pair } from '../../support/endpoint-pair.js';
import { Driver, LOCAL, OTHER, REMOTE, withCm } from '../../support/peer-driver.js';

const { syn, ack } = TcpFlags;
const VICTIM = 0xcb007163;

/** A segment of the peer, from `source`, with a CM. */
function segment(driver: Driver, cm: Parameters<typeof withCm>[1], flags: number, source = REMOTE) {
  const tuple = { source, sourcePort: 40000, destination: LOCAL, destinationPort: 7000 };
  return driver.net(withCm(buildTcp(tuple, { sequence: 1, flags }, new Uint8Array(0)), cm));
}

/** Runs 1000 packets to the host's stack and its answers at one instant, for each list that the peer announces. */
function announce(driver: Driver, send: () => unknown, lists: number): void {
  for (let i = 0; i < lists; i++) {
    driver.netUdp({ sessionId: 200, localAddresses: [REMOTE, VICTIM + i] });
    send();
  }
}

test('R11: a SYN is answered once, never again by itself, at most 500 times at once to an address, and not without its session', () => {
  const driver = new Driver();
  segment(driver, { flags: Flags.enable }, syn);
  segment(driver, { sessionId: 5 }, ack);
  const fake = { flags: Flags.handshake, sessionId: 5, localAddresses: [REMOTE, VICTIM] };
  assert.equal(segment(driver, { ...fake, sessionId: 6 }, syn, VICTIM).sent.length, 0);
  let answers = 0;
  for (let i = 0; i < 1000; i++) answers += segment(driver, fake, syn, VICTIM).sent.length;
  assert.equal(answers, 500);
  for (let i = 0; i < 100; i++) {
    driver.wait(1_000_000);
    assert.deepEqual(driver.sent(), []);
  }
  assert.equal(driver.endpoint.fakeTcp.size, 0, 'half-open handshakes are forgotten');
  assert.equal(segment(driver, fake, syn, VICTIM).sent.length, 1);
});

test('R11: half-open handshakes are bounded per session and leave room for handshakes of this node', () => {
  const driver = new Driver({ limits: { handshakes: 100, handshakesPerSession: 20 } });
  segment(driver, { flags: Flags.enable }, syn);
  for (let id = 1; id <= 10; id++) {
    const tuple = { source: REMOTE, sourcePort: 40000 + id, destination: LOCAL, destinationPort: 7000 };
    driver.net(withCm(buildTcp(tuple, { sequence: 1, flags: ack }, new Uint8Array(0)), { sessionId: id }));
  }
  const flood = (sessionId: number) => {
    for (let i = 0; i < 50; i++)
      segment(
        driver,
        { flags: Flags.handshake, sessionId, localAddresses: [REMOTE] },
        syn,
        VICTIM + 1000 * sessionId + i,
      );
    return driver.endpoint.fakeTcp.size;
  };
  assert.deepEqual([flood(1), flood(2), flood(3), flood(4)], [20, 40, 50, 50]);
});

test('R12: over UDP an announced address is asked by 5 packets without user data, and a peer aims 64 at once', () => {
  const driver = new Driver();
  driver.enable();
  driver.netUdp({ sessionId: 200, localAddresses: [REMOTE, VICTIM] });
  const toVictim = Array.from({ length: 100 }, () => driver.hostUdp('secret'))
    .flat()
    .filter(({ tuple }) => tuple.destination === VICTIM);
  assert.equal(toVictim.length, 5);
  assert.ok(toVictim.every(({ payload }) => payload === ''));
  announce(driver, () => Array.from({ length: 10 }, () => driver.hostUdp()), 300);
  assert.equal(driver.endpoint.counters.queriesSent, 64);
  assert.ok(driver.endpoint.counters.probesLimited > 0);
  for (let i = 0; i < 20; i++) {
    driver.now += 100_000;
    driver.hostUdp();
  }
  assert.ok(driver.endpoint.counters.queriesSent <= 64 + 33, '16 a second afterwards');
});

test('R12: fake SYNs go out once for each path, not for each packet, and within the same limit', () => {
  const driver = new Driver();
  driver.enable();
  driver.hostTcp({ sequence: 1, flags: syn });
  const answer = { sessionId: 1, localAddresses: [REMOTE, VICTIM] };
  segment(driver, answer, syn | ack);
  const sent = Array.from({ length: 1000 }, () => driver.hostTcp({ sequence: 2, flags: ack })).flat();
  assert.equal(sent.filter(({ cm }) => cm?.flags === Flags.handshake).length, 1);
  let syns = 0;
  for (let i = 1; i < 300; i++) {
    segment(driver, { ...answer, localAddresses: [REMOTE, VICTIM + i] }, ack);
    syns += driver.hostTcp({ sequence: 2, flags: ack }).filter(({ cm }) => cm?.flags === Flags.handshake).length;
  }
  assert.equal(syns, 63);
});

test('R13: a query is answered with one packet that is not longer, at most 500 times at once to an address', () => {
  const driver = new Driver();
  const { sent } = driver.netUdp({ flags: Flags.enable }, 'query');
  assert.equal(sent.length, 1);
  assert.ok(sent[0]!.bytes.length <= 28 + 5 + 26 && sent[0]!.payload === '');
  let confirmations = 1;
  for (let port = 1; port < 1000; port++)
    confirmations += driver.netUdp({ flags: Flags.enable }, '', { port }).sent.length;
  assert.equal(confirmations, 500);
  assert.equal(driver.endpoint.counters.answersLimited, 500);
  assert.equal(
    driver.netUdp({ flags: Flags.enable }, '', { address: OTHER }).sent.length,
    1,
    'others are not affected',
  );
  driver.now += 1_000_000;
  assert.equal(driver.netUdp({ flags: Flags.enable }).sent.length, 1);
});

test('R13: forged queries from many addresses are answered at most 20000 times at once in all', () => {
  const driver = new Driver({ limits: { answers: 300 } });
  let confirmations = 0;
  for (let i = 0; i < 1000; i++)
    confirmations += driver.netUdp({ nodeId: i, flags: Flags.enable }, '', { address: VICTIM + i }).sent.length;
  assert.equal(confirmations, 300);
  assert.equal(new Driver().endpoint.settings.limits.answers, 20_000);
});

test('R13: the addresses whose rate is remembered are bounded', () => {
  const driver = new Driver({ limits: { answers: Number.POSITIVE_INFINITY } });
  for (let i = 0; i < 10_000; i++) driver.netUdp({ flags: Flags.enable }, '', { address: VICTIM + i });
  assert.equal(driver.endpoint.state.answers.size, 4096);
});

test('R13: the address forgotten is the one that was answered first; one that is answered again drives out none', () => {
  const limit = new AnswerLimit(1, Number.POSITIVE_INFINITY);
  for (let address = 0; address < 4096; address++) limit.take(address, 0);
  assert.ok(limit.take(0, 0), 'a burst of two');
  assert.deepEqual([limit.take(0, 0), limit.size], [false, 4096]);
  limit.take(1, 0);
  assert.equal(limit.take(1, 0), false);
  limit.take(9999, 0);
  assert.equal(limit.take(1, 0), false, 'still known');
  assert.deepEqual([limit.take(0, 0), limit.size], [true, 4096], 'forgotten');
  const unlimited = new AnswerLimit(Number.POSITIVE_INFINITY, 3);
  assert.deepEqual(
    [1, 1, 1, 1].map((address) => unlimited.take(address, 0)),
    [true, true, true, false],
  );
  assert.equal(unlimited.size, 0, 'nothing to remember');
});

test('R14: over a round trip of 2 s one datagram causes one heartbeat and no more', () => {
  const pair = new Pair({ delayMicros: 1_000_000 });
  for (let i = 0; i < 12; i++) pair.exchange('x', 3000);
  for (let i = 0; i < 4; i++) {
    pair.run(20_000);
    pair.a.sent.length = 0;
    pair.b.sent.length = 0;
    pair.a.host(buildUdp(pair.toB, new Uint8Array(1)));
    pair.run(30_000);
    assert.deepEqual(
      [...pair.a.sent, ...pair.b.sent].map(({ cm, payload }) => [cm?.flags, payload.length]),
      [
        [Flags.normal, 1],
        [Flags.heartbeat, 0],
      ],
    );
  }
});

test('R13: heartbeats count among the answers to an address', () => {
  const driver = new Driver({ limits: { answersPerAddress: 5 } });
  driver.enable();
  for (let id = 1; id <= 50; id++) driver.netUdp({ sessionId: id, pathId: id }, 'x', { port: id });
  driver.now += 10_000_000;
  let heartbeats = 0;
  for (let id = 1; id <= 50; id++)
    heartbeats += driver.netUdp({ sessionId: id, pathId: id }, 'x', { port: id }).sent.length;
  assert.equal(heartbeats, 10);
});

test('R22: an address change does not replace the flag of queries, confirmations and heartbeats', () => {
  const driver = new Driver();
  driver.enable();
  driver.netUdp({ sessionId: 7 });
  driver.hostUdp();
  driver.endpoint.setAddresses([LOCAL, OTHER], driver.now);
  assert.equal(driver.hostUdp('x', { port: 9 })[1]!.cm!.flags, Flags.enable);
  assert.equal(driver.netUdp({ flags: Flags.enable }).sent[0]!.cm!.flags, Flags.enabled);
  driver.now += 2_000_000;
  driver.netUdp({ sessionId: 7, pathId: 3 });
  driver.now += 2_000_000;
  assert.equal(driver.netUdp({ sessionId: 7, pathId: 3 }).sent[0]!.cm!.flags, Flags.heartbeat);
  assert.equal(driver.hostUdp()[0]!.cm!.flags, Flags.ipChange);
});

test('R26: control packets by the ten thousand leave nothing behind in the queues', () => {
  const driver = new Driver();
  driver.enable();
  for (const flags of [2, 3, 4, 5])
    for (let i = 0; i < 10_000; i++) {
      const { delivered } = driver.netUdp({ flags, sessionId: flags === 2 || flags === 5 ? 1 : 0 });
      assert.equal(delivered.length, 0);
    }
  const { transmits, deliveries } = driver.endpoint.state;
  assert.deepEqual([transmits.filling.length, deliveries.filling.length], [0, 0]);
  assert.equal(driver.endpoint.fakeTcp.size, 0);
});
