import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  attach,
  buildTcp,
  buildUdp,
  clampMss,
  encodedSize,
  fitsWithTrailer,
  hostMtu,
  l4Checksum,
  overhead,
  TCP,
  TcpFlags,
  UDP,
  userDataRoom,
} from '../../src/codec/index.js';
import { anyControlMessage } from '../support/control-message.arbitrary.js';
import { bytesOf, hexOf } from '../support/hex.js';
import { runs } from '../support/runs.js';

const tuple = { source: 1, sourcePort: 2, destination: 3, destinationPort: 4 };

test('the MTU shown to the host is the link MTU less the trailer, and 8 more in wrapper mode', () => {
  assert.equal(overhead({ layout: 'compact' }), 26);
  assert.equal(overhead({ layout: 'compact', addressCount: 9 }), 26);
  assert.equal(overhead({ layout: 'compact', wrapper: true }), 34);
  for (let n = 0; n <= 16; n++) assert.equal(overhead({ layout: 'full', addressCount: n }), 25 + 4 * n);
  assert.equal(hostMtu(1500, { layout: 'compact' }), 1474);
  assert.equal(hostMtu(1500, { layout: 'full', addressCount: 3, wrapper: true }), 1500 - 37 - 8);
  assert.equal(hostMtu(80, { layout: 'compact' }), 68);
});

test('user data is reduced, never lost: what fits the host MTU fits the link with its trailer and arrives whole', () => {
  fc.assert(
    fc.property(fc.integer({ min: 200, max: 9000 }), anyControlMessage, fc.boolean(), (linkMtu, cm, tcp) => {
      const options = { layout: cm.layout, addressCount: cm.localAddresses.length };
      const room = hostMtu(linkMtu, options) - (tcp ? 40 : 28);
      assert.equal(userDataRoom(linkMtu, tcp ? TCP : UDP, encodedSize(cm)), room);
      const data = new Uint8Array(room).fill(7);
      const packet = tcp ? buildTcp(tuple, { sequence: 0, flags: 16 }, data) : buildUdp(tuple, data);
      assert.ok(fitsWithTrailer(packet.length, linkMtu, encodedSize(cm)));
      assert.ok(!fitsWithTrailer(packet.length + 1, linkMtu, encodedSize(cm)));
      const out = new Uint8Array(linkMtu);
      assert.equal(attach(packet, cm, out), linkMtu);
      const header = tcp ? 40 : 28;
      assert.equal(hexOf(out.subarray(header, header + room)), hexOf(data));
    }),
    runs(200),
  );
});

/** A TCP segment with options and a valid checksum. */
function segment(flags: number, options: string): Uint8Array {
  const octets = bytesOf(options);
  const packet = buildTcp(tuple, { sequence: 1, flags }, octets);
  packet[32] = ((20 + octets.length) / 4) << 4;
  const checksum = l4Checksum(packet, 0, TCP, 20, packet.length);
  packet.set([checksum >> 8, checksum & 255], 36);
  return packet;
}

const isRight = (packet: Uint8Array) =>
  l4Checksum(packet, 0, TCP, 20, packet.length) === ((packet[36]! << 8) | packet[37]!);

test('clampMss lowers the option of SYN and SYN-ACK, at even and odd places, and keeps the checksum right', () => {
  for (const flags of [TcpFlags.syn, TcpFlags.syn | TcpFlags.ack]) {
    for (const [options, at] of [
      ['020405b4', 42],
      ['01020405b4010101', 43],
      ['0402080a0000000000000000020405b4', 54],
      ['010303070204ffff', 46],
    ] as const) {
      const packet = segment(flags, options);
      assert.ok(clampMss(packet, 1474), options);
      assert.equal((packet[at]! << 8) | packet[at + 1]!, 1434);
      assert.ok(isRight(packet), options);
      assert.equal(clampMss(packet, 1474), false);
    }
  }
});

test('clampMss lowers every MSS option of a segment that has it twice', () => {
  const packet = segment(TcpFlags.syn, '02040100020405b4');
  assert.ok(clampMss(packet, 1474));
  assert.equal(hexOf(packet.subarray(40)), '020401000204059a');
  assert.ok(isRight(packet));
});

test('clampMss leaves alone: no SYN, no option, a smaller value, options that lie, octets behind the end of options', () => {
  const untouched: [number, string][] = [
    [TcpFlags.ack, '020405b4'],
    [TcpFlags.syn, ''],
    [TcpFlags.syn, '02040100'],
    [TcpFlags.syn, '0200ffff'],
    [TcpFlags.syn, '0201ffff'],
    [TcpFlags.syn, '01010102'],
    [TcpFlags.syn, '0205ffff'],
    [TcpFlags.syn, '0203ff00'],
    [TcpFlags.syn, '000000000204ffff'],
    [TcpFlags.syn, '00020204ffff0000'],
  ];
  for (const [flags, options] of untouched) {
    const packet = segment(flags, options);
    const before = hexOf(packet);
    assert.equal(clampMss(packet, 1474), false, options);
    assert.equal(hexOf(packet), before);
  }
  assert.equal(clampMss(buildUdp(tuple, new Uint8Array(40)), 100), false);
});

test('clampMss never writes below 0', () => {
  const packet = segment(TcpFlags.syn, '020405b4');
  assert.ok(clampMss(packet, 0));
  assert.equal(hexOf(packet.subarray(40)), '02040000');
  assert.ok(isRight(packet));
});
