import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fragment } from '../../../src/codec/fragment.js';
import {
  buildTcp,
  buildUdp,
  DatagramView,
  Flags,
  HeaderStatus,
  ipv4HeaderChecksum,
  l4Checksum,
  Random,
  TcpFlags,
} from '../../../src/codec/index.js';
import { Driver, LOCAL, OTHER, REMOTE, withCm } from '../../support/peer-driver.js';

const FROM_PEER = { source: REMOTE, sourcePort: 40000, destination: LOCAL, destinationPort: 7000 };
const text = (value: string) => new TextEncoder().encode(value);

/** A driver whose peer 0x0a01 at REMOTE:40000 did the handshake and has UDP session 7. */
function known(): Driver {
  const driver = new Driver();
  driver.enable();
  driver.netUdp({ sessionId: 7 });
  return driver;
}

/** Rows of Tables 2, 4 and 7. */
const rows = ({ endpoint }: Driver) => [endpoint.availability.size, endpoint.nodes.size, endpoint.sessions.size];

function parsed(bytes: Uint8Array): DatagramView {
  const view = new DatagramView();
  assert.equal(view.parse(bytes), HeaderStatus.ok);
  return view;
}

test('R1: header octets that happen to form a CM are no CM', () => {
  const hex = '450000280001000040061fb50a0000190a0007020040138900000000000000005010010000036c01';
  const packet = Buffer.from(hex, 'hex');
  const driver = new Driver({ addresses: [0x0a000702] });
  const { delivered, sent } = driver.net(packet);
  assert.deepEqual([delivered.map(({ bytes }) => Buffer.from(bytes)), sent], [[packet], []]);
  assert.deepEqual(rows(driver), [0, 0, 0]);
  assert.equal(driver.endpoint.counters.cmReceived, 0);
});

test('R2: a CM without its filler, or one that begins in the UDP header, is user data; filler and CM alone leave none', () => {
  const whole = parsed(withCm(buildUdp(FROM_PEER, text('')), { sessionId: 7 }));
  const cm = whole.bytes.slice(whole.payloadOffset + 1);
  assert.equal(cm.length, 25);
  for (let length = 0; length <= 25; length++) {
    const driver = known();
    const packet = buildUdp(FROM_PEER, cm.slice(25 - length));
    const { delivered } = driver.net(packet);
    assert.deepEqual(
      delivered.map(({ bytes }) => bytes),
      [packet],
      `${length} octets`,
    );
  }
  const { delivered } = known().net(whole.bytes);
  assert.deepEqual([delivered.length, delivered[0]!.bytes.length, delivered[0]!.payload], [1, 28, '']);
});

test('R3: a UDP length that lies never becomes negative: what is delivered has the length of its IP payload', () => {
  const packet = withCm(buildUdp(FROM_PEER, text('abc')), { sessionId: 7 });
  for (let length = 0; length <= 70; length++) {
    const lying = packet.slice();
    lying[24] = 0;
    lying[25] = length;
    const { delivered } = known().net(lying);
    assert.equal(delivered.length, 1);
    const view = parsed(delivered[0]!.bytes);
    assert.ok(view.udpLength >= 8 && view.totalLength === delivered[0]!.bytes.length, `length ${length}`);
    if (delivered[0]!.bytes.length < packet.length) assert.equal(view.udpLength, view.totalLength - 20);
  }
});

test('R4: a fragment is no datagram, though it ends in a CM: it waits for the others and changes no table', () => {
  for (const field of [0x2000, 0x00b9, 0x20b9]) {
    const driver = known();
    const before = rows(driver);
    const piece = withCm(buildUdp(FROM_PEER, text('tail')), { sessionId: 7, pathId: 3 });
    const words = new DataView(piece.buffer);
    words.setUint16(6, field);
    words.setUint16(10, ipv4HeaderChecksum(piece, 0, 20));
    const { delivered, sent } = driver.net(piece);
    assert.deepEqual([delivered, sent], [[], []]);
    assert.deepEqual(rows(driver), before);
    assert.equal(driver.endpoint.counters.cmReceived, 2);
  }
});

test('R4: a CM that fragments cut in two is found; the host gets the user data and nothing else', () => {
  const payload = 'x'.repeat(600);
  const packet = withCm(buildUdp(FROM_PEER, text(payload)), { sessionId: 7 });
  for (const mtu of [100, 300, 636, 640]) {
    const driver = known();
    const delivered = fragment(packet, mtu).flatMap((piece) => driver.net(piece).delivered);
    assert.deepEqual(
      delivered.map((seen) => [seen.payload, seen.cm]),
      [[payload, undefined]],
    );
    assert.equal(driver.endpoint.counters.cmReceived, 3);
  }
});

test("R4: fragments of other hosts' datagrams pass untouched", () => {
  const driver = known();
  const transit = fragment(buildUdp({ ...FROM_PEER, destination: OTHER }, text('x'.repeat(99))), 68);
  for (const piece of transit) assert.deepEqual(driver.net(piece).delivered[0]!.bytes, piece);
});

test('R4: fragments that never become whole take no more than their limit and go after 30 s', () => {
  const driver = known();
  for (let i = 0; i < 5000; i++) {
    const from = { ...FROM_PEER, source: 0x0b000000 + i };
    driver.net(fragment(buildUdp(from, text('x'.repeat(1400)), { identification: i }), 1200)[0]!);
  }
  const { reassembly } = driver.endpoint.state;
  assert.ok(reassembly.octets <= 4_194_304 && reassembly.size > 2000);
  driver.wait(31_000_000);
  assert.deepEqual([reassembly.size, reassembly.octets], [0, 0]);
});

test('R5: packets to and from addresses of other hosts pass untouched and leave no state, unless switched off', () => {
  const transit = withCm(buildUdp({ ...FROM_PEER, destination: OTHER }, text('x')), { flags: Flags.enable });
  const driver = new Driver();
  const { delivered, sent } = driver.net(transit);
  assert.deepEqual([delivered.map(({ bytes }) => bytes), sent], [[transit], []]);
  const outgoing = buildUdp({ source: OTHER, sourcePort: 1, destination: REMOTE, destinationPort: 2 }, text('x'));
  assert.deepEqual(
    driver.host(outgoing).map(({ bytes }) => bytes),
    [outgoing],
  );
  assert.deepEqual(rows(driver), [0, 0, 0]);
  assert.equal(driver.endpoint.counters.foreignReceived, 1);
  assert.equal(new Driver({ ownAddressesOnly: false }).net(transit).sent.length, 1);
});

test('R5: packets to an address that the node had until now are still its own', () => {
  const driver = known();
  driver.endpoint.setAddresses([OTHER], driver.now);
  assert.equal(driver.netUdp({ sessionId: 7, pathId: 1 }, 'late').delivered[0]!.payload, 'late');
});

test('R18: a segment for a UDP session, and a UDP datagram that is no segment for a TCP session, go nowhere', () => {
  const driver = known();
  const segment = driver.netTcp({ sessionId: 7, pathId: 2 }, { sequence: 1, flags: TcpFlags.ack }, 'x');
  assert.deepEqual(segment.delivered, []);
  assert.equal(driver.endpoint.counters.protocolMismatch, 1);
  driver.netTcp({ sessionId: 8 }, { sequence: 1, flags: TcpFlags.ack }, 'x');
  assert.deepEqual(driver.netUdp({ sessionId: 8, pathId: 2 }, 'not a segment at all').delivered, []);
});

test('R19: a wrapper without a whole TCP header inside, or with a data offset that does not fit, is dropped', () => {
  const inner = buildTcp(FROM_PEER, { sequence: 5, flags: TcpFlags.ack }, text('abc')).slice(20);
  const wrapper = (content: Uint8Array) =>
    withCm(buildUdp({ ...FROM_PEER, source: OTHER }, content), { sessionId: 8, pathId: 2 });
  const driver = new Driver();
  driver.enable();
  driver.netTcp({ sessionId: 8 }, { sequence: 2, flags: TcpFlags.ack }, 'abc');
  for (let length = 0; length < 20; length++)
    assert.deepEqual(driver.net(wrapper(inner.slice(0, length))).delivered, []);
  for (let offset = 0; offset < 16; offset++) {
    const changed = inner.slice();
    changed[12] = offset << 4;
    assert.equal(driver.net(wrapper(changed)).delivered.length, offset === 5 ? 1 : 0, `data offset ${offset}`);
  }
  assert.equal(driver.endpoint.counters.badWrappers, 35);
});

test('R20: a peer whose id has two equal octets is a peer like any other', () => {
  const driver = new Driver();
  driver.enable({ nodeId: 0xaaaa });
  driver.netUdp({ nodeId: 0xaaaa, sessionId: 3 });
  assert.deepEqual([driver.hostUdp()[0]!.cm!.sessionId, driver.hostUdp()[0]!.cm!.pathId], [3, 1]);
});

test('R21: a node whose own id has two equal octets, also 00 00, works', () => {
  for (const [mac, id] of [
    [0x02000000aaaa, 0xaaaa],
    [0x020000010000, 0],
  ] as const) {
    const driver = new Driver({ mac });
    driver.enable();
    assert.deepEqual([driver.hostUdp()[0]!.cm!.nodeId, driver.hostUdp()[0]!.cm!.sessionId], [id, 1]);
  }
});

test('R23: user data of an unknown sender that ends in a CM is delivered whole, except what a query or session looks like', () => {
  const swallowed: string[] = [];
  for (let flags = 0; flags <= 5; flags++)
    for (const sessionId of [0, 9])
      for (const pathId of [0, 3]) {
        const { delivered } = new Driver().netUdp({ flags, sessionId, pathId }, 'legacy');
        if (delivered[0]?.cm === undefined) swallowed.push(`${flags} ${sessionId} ${pathId}`);
      }
  assert.deepEqual(swallowed, ['0 9 0', '0 9 3', '1 9 0', '1 9 3', '2 9 0', '2 9 3', '3 0 0', '4 0 0']);
});

test('R24: among 200,000 random datagrams none passes for a CM', () => {
  const driver = new Driver();
  const random = new Random(2024);
  const packet = buildUdp(FROM_PEER, new Uint8Array(64));
  for (let i = 0; i < 200_000; i++) {
    for (let at = 28; at < packet.length; at += 4) new DataView(packet.buffer).setUint32(at, random.below(2 ** 32));
    driver.endpoint.fromNetwork(packet, driver.now);
    if (i % 1000 === 0) driver.endpoint.takeDeliveries();
  }
  assert.equal(driver.endpoint.counters.cmReceived, 0);
});

test('R30: corrupted user data keeps its wrong checksum, so that the host drops it', () => {
  for (const build of [
    () => buildUdp(FROM_PEER, text('user data')),
    () => buildTcp(FROM_PEER, { sequence: 1, flags: TcpFlags.ack }, text('user data')),
  ]) {
    const packet = withCm(build(), { sessionId: 9 });
    const { payloadOffset } = parsed(packet);
    packet[payloadOffset] = packet[payloadOffset]! ^ 4;
    const { delivered } = known().net(packet);
    for (const { bytes } of delivered) {
      const view = parsed(bytes);
      assert.notEqual(view.l4Checksum, l4Checksum(bytes, 0, view.protocol, view.l4Offset, view.end));
    }
    assert.equal(delivered.length, 1);
  }
});

test('R35: after the CM is gone IP total length, UDP length and both checksums are those of what is left', () => {
  const { delivered } = known().netUdp({ sessionId: 7, pathId: 2 }, 'user data', { address: OTHER, port: 9 });
  const { bytes } = delivered[0]!;
  const view = parsed(bytes);
  assert.deepEqual([view.totalLength, view.udpLength, bytes.length], [37, 17, 37]);
  assert.equal(view.l4Checksum, l4Checksum(bytes, 0, 17, 20, 37));
  let sum = 0;
  for (let at = 0; at < 20; at += 2) sum += (bytes[at]! << 8) | bytes[at + 1]!;
  assert.equal((sum & 0xffff) + (sum >>> 16), 0xffff);
});
