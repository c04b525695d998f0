import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { buildIcmpError, IcmpErrorView } from '../../src/codec/icmp.js';
import {
  buildTcp,
  buildUdp,
  DatagramView,
  Flags,
  type Ipv4,
  ipv4HeaderChecksum,
  l4Checksum,
  TcpFlags,
} from '../../src/codec/index.js';
import type { EndpointOptions } from '../../src/endpoint/index.js';
import { Driver, LOCAL, look, OTHER, REMOTE, type Seen, withCm } from '../support/peer-driver.js';
import { runs } from '../support/runs.js';

const ROUTER = 0x0a0000fe;
const SECOND = 1_000_000;
const list = { localAddresses: [REMOTE, OTHER] };
const toPeer = { source: LOCAL, sourcePort: 7000, destination: REMOTE, destinationPort: 40000 };
const fromPeer = { source: REMOTE, sourcePort: 40000, destination: LOCAL, destinationPort: 7000 };

/** UDP session 7 with paths to REMOTE and OTHER. */
function established(options: Partial<EndpointOptions> = {}): Driver {
  const driver = new Driver({ linkMtu: 1500, ...options });
  driver.enable(list);
  driver.netUdp({ sessionId: 7, ...list });
  driver.hostUdp();
  driver.netUdp({ flags: Flags.enabled, ...list }, '', { address: OTHER });
  driver.hostUdp();
  assert.equal(sessionOf(driver).paths.length, 2);
  return driver;
}

/** TCP session 5 with paths to REMOTE and OTHER, in wrapper mode. */
function wrapped(): Driver {
  const driver = new Driver({ linkMtu: 1500, tcpMode: 'udp-wrapper' });
  const query = { ...list, flags: Flags.enable };
  driver.net(withCm(buildTcp(fromPeer, { sequence: 9, flags: TcpFlags.syn }, new Uint8Array(0)), query));
  driver.netTcp({ ...list, sessionId: 5 }, { sequence: 10, flags: TcpFlags.ack });
  driver.hostTcp({ sequence: 1, flags: TcpFlags.ack });
  driver.netUdp({ flags: Flags.enabled, ...list }, '', { address: OTHER });
  driver.hostTcp({ sequence: 1, flags: TcpFlags.ack });
  assert.equal(sessionOf(driver).paths.length, 2);
  return driver;
}

const sessionOf = ({ endpoint }: Driver) => [...endpoint.sessions.rows()][0]!;
const udp = (size: number, dontFragment = true) =>
  buildUdp(toPeer, new Uint8Array(size - 28).fill(7), { dontFragment });
const tcp = (size: number) =>
  buildTcp(toPeer, { sequence: 77, acknowledgement: 5, flags: TcpFlags.ack }, new Uint8Array(size - 40).fill(7));

const destinations = (driver: Driver) => sessionOf(driver).paths.map(({ tuple }) => tuple.destination);

/** For `times` 200 ms both ends send; the peer feeds back the paths named. */
function talk(driver: Driver, times: number, pathIds: readonly number[]): void {
  for (let i = 0; i < times; i++) {
    driver.now += 200_000;
    for (let packet = 0; packet < 10; packet++) driver.hostUdp();
    for (const feedbackPathId of pathIds) driver.netUdp({ sessionId: 7, pathId: 1, feedbackPathId, ...list });
  }
}

/** What the node sends for packets of the host, until one goes to `address`. */
function sentTo(driver: Driver, address: Ipv4, packet: Uint8Array): Seen {
  for (let i = 0; i < 100; i++) {
    const seen = driver.host(packet).find(({ tuple, cm }) => tuple.destination === address && cm?.flags === 0);
    if (seen !== undefined) return seen;
  }
  return assert.fail('no packet takes that path');
}

interface Said {
  readonly type?: number;
  readonly code?: number;
  readonly value?: number;
  readonly from?: Ipv4;
  /** Octets quoted. */
  readonly cut?: number;
}

/** An ICMP error about a packet arrives; returns what the host gets. */
function tell(driver: Driver, packet: Uint8Array, said: Said = {}): Uint8Array[] {
  const { type = 3, code = 1, value = 0, from = ROUTER, cut = packet.length } = said;
  const message = buildIcmpError({ from, to: LOCAL, type, code, value }, packet.subarray(0, cut));
  return driver.net(message).delivered.map(({ bytes }) => bytes);
}

/** Reads a message that the host got. */
function read(bytes: Uint8Array): { view: IcmpErrorView; quoted: Uint8Array } {
  const view = new IcmpErrorView();
  assert.ok(view.parse(bytes), 'a whole ICMP error with a valid checksum');
  const quoted = bytes.slice(view.quotedOffset, view.quotedEnd);
  assert.equal(ipv4HeaderChecksum(quoted, 0, 20), new DataView(quoted.buffer).getUint16(10), 'quoted IP checksum');
  return { view, quoted };
}

test('port unreachable from the peer itself reaches the host, about its own packet: no CM, valid checksums', () => {
  const driver = established();
  const original = udp(200);
  const [message, ...rest] = tell(driver, sentTo(driver, REMOTE, original).bytes, { code: 3, from: REMOTE });
  assert.deepEqual(rest, []);
  const { view, quoted } = read(message!);
  assert.deepEqual([view.from, view.to, view.type, view.code], [REMOTE, LOCAL, 3, 3]);
  assert.deepEqual(quoted, original);
  assert.equal(driver.endpoint.sessions.size, 1);
});

test('a packet that is quoted to its first eight octets keeps ports and gets its lengths back', () => {
  const driver = established();
  const [message] = tell(driver, sentTo(driver, REMOTE, udp(200)).bytes, { code: 3, from: REMOTE, cut: 28 });
  const { view, quoted } = read(message!);
  assert.deepEqual([view.tuple, view.quotedTotal, quoted.length], [toPeer, 200, 28]);
  assert.equal(new DataView(quoted.buffer).getUint16(24), 180, 'UDP length');
});

test('a path that is unreachable, or refused at another address of the peer, is given up; the host hears nothing', () => {
  for (const said of [{}, { code: 0 }, { code: 13 }, { type: 11, code: 0 }, { code: 3, from: OTHER }, { code: 3 }]) {
    const driver = established();
    const { bytes } = sentTo(driver, OTHER, udp(200));
    const [other] = sessionOf(driver).paths.filter(({ tuple }) => tuple.destination === OTHER);
    for (const isFalse of [true, false]) {
      assert.deepEqual(tell(driver, bytes, said), []);
      talk(driver, 10, isFalse ? [other!.id] : []);
      assert.deepEqual(destinations(driver), isFalse ? [REMOTE, OTHER] : [REMOTE]);
    }
    assert.equal(driver.endpoint.counters.pathsDoubted, 2);
    assert.notEqual(driver.hostUdp()[0]!.cm, undefined, 'the session lives');
  }
});

test("a router's word about the session's own path is no end of it while there is another", () => {
  const driver = established();
  const { bytes } = sentTo(driver, REMOTE, udp(200));
  assert.deepEqual(tell(driver, bytes, { code: 3 }), [], 'a firewall that refuses');
  talk(driver, 10, []);
  assert.deepEqual(destinations(driver), [OTHER]);
  const last = sentTo(driver, OTHER, udp(200)).bytes;
  const { view, quoted } = read(tell(driver, last)[0]!);
  assert.deepEqual([view.code, quoted, sessionOf(driver).paths.length], [1, udp(200), 1], 'of the last one it is told');
});

test('a refusal is that of a port or of the protocol, of the peer itself, by the own path; the host hears of no other', () => {
  const driver = established();
  const { bytes } = sentTo(driver, REMOTE, udp(200));
  assert.equal(read(tell(driver, bytes, { code: 2, from: REMOTE })[0]!).view.code, 2);
  const others = [{ code: 0 }, { code: 1 }, { code: 13 }, { type: 11, code: 2 }, { type: 11, code: 3 }];
  for (const said of others) assert.deepEqual(tell(driver, bytes, { ...said, from: REMOTE }), []);
  assert.deepEqual([driver.endpoint.counters.icmpErrors, driver.endpoint.counters.pathsDoubted], [6, 5]);
});

test('what is said of a path that is gone concerns none of those that are there', () => {
  const driver = new Driver({ addresses: [LOCAL, LOCAL + 1] });
  driver.enable(list);
  driver.netUdp({ sessionId: 7, ...list });
  driver.hostUdp();
  driver.netUdp({ flags: Flags.enabled, ...list }, '', { address: OTHER });
  driver.hostUdp();
  const { bytes } = sentTo(driver, REMOTE, udp(200));
  const [own] = sessionOf(driver).paths;
  driver.endpoint.state.mesh.remove(own!, driver.now);
  assert.deepEqual([own!.tuple, destinations(driver).length], [toPeer, 3]);
  assert.deepEqual(tell(driver, bytes), []);
  assert.equal(driver.endpoint.counters.pathsDoubted, 0);
});

test('an error about a segment by the addresses of a path of UDP is about something else', () => {
  const driver = established();
  const { tuple } = sentTo(driver, OTHER, udp(200));
  const packet = buildTcp(tuple, { sequence: 1, flags: TcpFlags.ack }, new Uint8Array(20));
  const message = buildIcmpError({ from: ROUTER, to: LOCAL, type: 3, code: 1 }, packet);
  assert.deepEqual(tell(driver, packet), [message]);
  assert.equal(driver.endpoint.counters.icmpErrors, 0);
});

test('what is left for the host of a smaller MTU is less by the CM, and by the wrapper only where there is one', () => {
  const datagrams = new Driver({ linkMtu: 1500, tcpMode: 'udp-wrapper' });
  datagrams.enable();
  datagrams.netUdp({ sessionId: 7 });
  datagrams.hostUdp();
  const sent = datagrams.host(udp(1460))[0]!;
  assert.equal(read(tell(datagrams, sent.bytes, { code: 4, value: 1400 })[0]!).view.nextHopMtu, 1400 - 26);
  const segments = new Driver({ linkMtu: 1500 });
  const query = { flags: Flags.enable };
  segments.net(withCm(buildTcp(fromPeer, { sequence: 9, flags: TcpFlags.syn }, new Uint8Array(0)), query));
  segments.netTcp({ sessionId: 5 }, { sequence: 10, flags: TcpFlags.ack });
  const segment = segments.host(tcp(1460)).at(-1)!;
  assert.equal(read(tell(segments, segment.bytes, { code: 4, value: 1400 })[0]!).view.nextHopMtu, 1400 - 26);
});

test('while a session has no path the host is told as ever, without the CM', () => {
  const driver = new Driver();
  driver.enable();
  const sent = driver.host(udp(300))[0]!;
  assert.equal(sent.cm!.pathId, 0);
  assert.deepEqual(read(tell(driver, sent.bytes)[0]!).quoted, udp(300));
});

test('a smaller MTU of one path keeps large datagrams off it, and the host hears nothing; all come through', () => {
  const driver = established();
  const { bytes } = sentTo(driver, OTHER, udp(1470));
  assert.deepEqual(tell(driver, bytes, { code: 4, value: 1400, cut: 28 }), []);
  const ways = (size: number) =>
    new Set(
      Array.from({ length: 60 }, () => driver.host(udp(size))[0]!).map(({ tuple, cm }) => cm && tuple.destination),
    );
  assert.deepEqual(ways(1374), new Set([REMOTE, OTHER]));
  assert.deepEqual(ways(1375), new Set([REMOTE]));
  assert.deepEqual(ways(1474), new Set([REMOTE]));
  assert.deepEqual(ways(1475), new Set([undefined]), 'without a CM');
  driver.now += 600 * SECOND;
  driver.netUdp({ sessionId: 7, ...list });
  assert.ok(sentTo(driver, OTHER, udp(1470)), 'for ten minutes');
});

test('with a smaller MTU of every path the host is told what is left for it', () => {
  const driver = established();
  for (const [address, value] of [
    [REMOTE, 1400],
    [OTHER, 1380],
  ] as const) {
    const { bytes } = sentTo(driver, address, udp(1450));
    const messages = tell(driver, bytes, { code: 4, value, cut: 28 });
    if (address === REMOTE) assert.deepEqual(messages, []);
    else assert.equal(read(messages[0]!).view.nextHopMtu, 1380 - 26);
  }
  assert.equal(driver.host(udp(1390))[0]!.cm, undefined, 'it still fits without a CM');
  assert.deepEqual(driver.host(udp(1420)), [], 'it does not fit at all');
  const [message] = driver.endpoint.takeDeliveries().toArray();
  assert.deepEqual([read(message!).view.nextHopMtu, driver.endpoint.counters.tooLarge], [1380 - 26, 1]);
  assert.deepEqual(driver.host(udp(1420, false))[0]!.cm, undefined, 'routers may cut it');
});

test('a router that does not say its MTU, and one that says what cannot be', () => {
  const driver = established();
  const { bytes } = sentTo(driver, REMOTE, udp(1470));
  tell(driver, bytes, { code: 4, value: 1496, cut: 28 });
  assert.equal(sessionOf(driver).wayMtus, undefined, 'the packet was not longer');
  tell(driver, bytes, { code: 4, value: 0, cut: 28 });
  const { pathMtus } = driver.endpoint.state;
  assert.equal(pathMtus.of(sessionOf(driver), toPeer, driver.now), 1492);
  tell(driver, bytes, { code: 4, value: 68, cut: 28 });
  assert.equal(pathMtus.of(sessionOf(driver), toPeer, driver.now), 552);
  assert.equal(pathMtus.forHost(sessionOf(driver), driver.now), 1500, 'not for the sake of so narrow a path');
});

test('TCP is told at once, whatever the path, about the segment that it had sent; from wrapper and addresses', () => {
  const driver = wrapped();
  const original = tcp(1460);
  const { bytes, tuple } = sentTo(driver, OTHER, original);
  assert.deepEqual([bytes[9], tuple.destination, bytes.length], [17, OTHER, 1494]);
  for (const cut of [548, 36]) {
    const messages = tell(driver, bytes, { code: 4, value: 1400, cut });
    const { view, quoted } = read(messages[0]!);
    assert.deepEqual([view.protocol, view.tuple, view.nextHopMtu], [6, toPeer, 1400 - 34]);
    assert.equal(view.quotedTotal, 1460);
    assert.deepEqual(quoted.subarray(20, 28), original.subarray(20, 28), 'ports and sequence number');
    if (cut === 548) assert.deepEqual(quoted.subarray(38), original.subarray(38, 540), 'all but the checksum');
  }
  assert.deepEqual(tell(driver, bytes, { code: 4, value: 1400, cut: 28 }), [], 'nothing of the segment is quoted');
});

test('a wrapped segment that is quoted whole is quoted whole to the host, checksums included', () => {
  const driver = wrapped();
  const original = tcp(300);
  const { bytes } = sentTo(driver, OTHER, original);
  driver.endpoint.state.mesh.remove(sessionOf(driver).paths.find(({ tuple }) => tuple.destination === REMOTE)!, 0);
  const { quoted } = read(tell(driver, bytes)[0]!);
  assert.deepEqual(quoted, original);
});

test('an error about a packet of MPIP itself stays here; one about anything else goes up as it came', () => {
  const driver = new Driver();
  const [plain, copy] = driver.hostUdp();
  assert.deepEqual([plain!.cm, copy!.cm!.flags], [undefined, Flags.enable]);
  assert.deepEqual(tell(driver, copy!.bytes), []);
  const about = (packet: Uint8Array) => buildIcmpError({ from: ROUTER, to: LOCAL, type: 3, code: 1 }, packet);
  assert.deepEqual(tell(driver, plain!.bytes), [about(plain!.bytes)]);
  const echo = about(plain!.bytes);
  echo[20] = 8;
  assert.deepEqual(driver.net(echo).delivered[0]!.bytes, echo);
});

test('no more messages are obeyed than a hundred a second; none throws or touches another session', () => {
  const driver = established();
  const { bytes } = sentTo(driver, REMOTE, udp(1470));
  const before = sessionOf(driver);
  fc.assert(
    fc.property(
      fc.constantFrom(3, 11, 12),
      fc.nat(16),
      fc.nat(0xffff),
      fc.nat(600),
      fc.array(fc.tuple(fc.nat(60), fc.nat(255)), { maxLength: 3 }),
      fc.nat(200_000),
      (type, code, value, cut, changes, pause) => {
        driver.now += pause;
        const quoted = bytes.slice();
        for (const [at, octet] of changes) quoted[at] = octet;
        for (const message of tell(driver, quoted, { type, code, value, cut })) look(message);
      },
    ),
    runs(500),
  );
  assert.equal(sessionOf(driver), before);
  const flooded = established();
  const victim = sentTo(flooded, REMOTE, udp(200)).bytes;
  let told = 0;
  for (let i = 0; i < 1000; i++) told += tell(flooded, victim, { code: 3, from: REMOTE }).length;
  assert.ok(told <= 201, `${told}`);
});

test('a packet of the host that is longer than the links: it is told (DF), or the packet goes in fragments', () => {
  const driver = established();
  assert.deepEqual(driver.host(udp(1501)), []);
  const [message] = driver.endpoint.takeDeliveries().toArray();
  const { view, quoted } = read(message!);
  assert.deepEqual([view.from, view.to, view.type, view.code], [REMOTE, LOCAL, 3, 4]);
  assert.deepEqual([view.nextHopMtu, quoted], [1474, udp(1501).subarray(0, 548)]);
  const pieces = driver.host(udp(8000, false));
  assert.deepEqual([pieces.length, Math.max(...pieces.map(({ bytes }) => bytes.length))], [6, 1500]);
  assert.deepEqual(driver.endpoint.takeDeliveries().length, 0);
  const strange = driver.host(buildUdp({ ...toPeer, destination: 0xe00000fb }, new Uint8Array(1600)));
  assert.deepEqual([strange.length, driver.endpoint.takeDeliveries().length], [0, 0], 'never about multicast');
});

test('a segment that does not fit with its CM goes without, and TCP learns what does', () => {
  const driver = wrapped();
  const [sent] = driver.host(tcp(1467));
  assert.deepEqual([sent!.cm, sent!.bytes.length], [undefined, 1467]);
  const [message] = driver.endpoint.takeDeliveries().toArray();
  assert.equal(read(message!).view.nextHopMtu, 1466);
  assert.notEqual(driver.host(tcp(1466))[0]!.cm, undefined);
  for (let i = 0; i < 1000; i++) driver.host(tcp(1467));
  assert.ok(driver.endpoint.takeDeliveries().length <= 100);
});

test('the host reads in the SYN of a peer with MPIP how large its segments may be; other SYNs are left alone', () => {
  const options = Uint8Array.of(2, 4, 0x05, 0xb4);
  const syn = buildTcp(fromPeer, { sequence: 1, flags: TcpFlags.syn, options }, new Uint8Array(0));
  const mssOf = (seen: Seen[]) => new DataView(seen[0]!.bytes.buffer).getUint16(42);
  for (const [profile, mss] of [
    ['paper', 1434],
    ['paper-full', 1431],
  ] as const) {
    const driver = new Driver({ linkMtu: 1500, profile });
    assert.deepEqual(driver.net(syn).delivered[0]!.bytes, syn);
    driver.enable({ layout: profile === 'paper' ? 'compact' : 'full', nodeId: 0x0a01 });
    for (const packet of [syn, withCm(syn, { sessionId: 3, layout: profile === 'paper' ? 'compact' : 'full' })]) {
      const { delivered } = driver.net(packet);
      assert.equal(mssOf(delivered), mss, profile);
      const view = new DatagramView();
      view.parse(delivered[0]!.bytes);
      assert.equal(view.l4Checksum, l4Checksum(view.bytes, 0, 6, 20, view.end));
    }
  }
});
