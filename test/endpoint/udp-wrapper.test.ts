import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readU16be, readU32be, writeU16be } from '../../src/codec/bytes.js';
import { buildTcp, DatagramView, ipv4HeaderChecksum, l4Checksum, TCP, TcpFlags, UDP } from '../../src/codec/index.js';
import { hasSoundChecksum, unwrap, wrap } from '../../src/endpoint/udp-wrapper.js';
import { runs } from '../support/runs.js';

const TUPLE = { source: 0x0a4d0102, sourcePort: 40000, destination: 0x0a4d0302, destinationPort: 7000 };
const PATH = { source: 0x0a4d0202, sourcePort: 40000, destination: 0x0a4d0402, destinationPort: 7000 };
/** What the receiver's host knows: behind a NAT another address and port. */
const INBOUND = { source: 0xc0000201, sourcePort: 51234, destination: 0x0a4d0302, destinationPort: 7000 };

/** A segment wrapped and taken out again, with what it was in between; it begins `offset` octets into its buffers. */
function carry(segment: Uint8Array, change: (wrapped: Uint8Array) => void = () => {}, offset = 0) {
  const view = new DatagramView();
  const moved = (octets: Uint8Array) => Uint8Array.from([...new Uint8Array(offset).fill(0x55), ...octets]);
  view.parse(moved(segment), offset, offset + segment.length);
  const wrapped = new Uint8Array(segment.length + 8);
  assert.equal(wrap(view, PATH, wrapped), wrapped.length);
  change(wrapped);
  const buffer = moved(wrapped);
  view.parse(buffer, offset, buffer.length);
  const isSound = hasSoundChecksum(view);
  const received = buffer.subarray(offset, offset + unwrap(view, INBOUND));
  return { sent: wrapped, isSound, received };
}

const payloads = fc.uint8Array({ minLength: 0, maxLength: 600 });
const numbers = fc.integer({ min: 0, max: 0xffffffff });
const offsets = fc.integer({ min: 0, max: 40 });
const segmentOf = (payload: Uint8Array, sequence = 1) =>
  buildTcp(TUPLE, { sequence, acknowledgement: 9, flags: TcpFlags.ack }, payload);
const isRight = (packet: Uint8Array, protocol: number, field: number) =>
  readU16be(packet, field) === l4Checksum(packet, 0, protocol, 20, packet.length);

test('checksums outside and inside are worked out from each other and are what a sum over all octets gives (3.8.2)', () => {
  fc.assert(
    fc.property(payloads, numbers, fc.boolean(), offsets, (payload, sequence, isSummed, offset) => {
      const segment = segmentOf(payload, sequence);
      const unsum = (wrapped: Uint8Array) => {
        if (!isSummed) writeU16be(wrapped, 26, 0);
      };
      const { sent, isSound, received } = carry(segment, unsum, offset);
      assert.ok(isSound);
      if (isSummed) assert.ok(isRight(sent, UDP, 26));
      assert.equal(readU16be(sent, 10), ipv4HeaderChecksum(sent, 0, 20));
      assert.deepEqual([readU32be(sent, 12), readU32be(sent, 16)], [PATH.source, PATH.destination]);
      assert.deepEqual([readU16be(sent, 20), readU16be(sent, 22)], [PATH.sourcePort, PATH.destinationPort]);
      assert.deepEqual(sent.subarray(28), segment.subarray(20));
      assert.ok(isRight(received, TCP, 36));
      assert.equal(readU16be(received, 10), ipv4HeaderChecksum(received, 0, 20));
      assert.deepEqual(received.subarray(40), payload);
      assert.deepEqual([readU32be(received, 12), readU32be(received, 16)], [INBOUND.source, INBOUND.destination]);
      assert.equal(readU16be(received, 20), INBOUND.sourcePort);
    }),
    runs(200),
  );
});

test('a segment that was damaged before it was wrapped does not become sound by that', () => {
  const segment = segmentOf(new Uint8Array(100));
  segment[80]! ^= 0x10;
  assert.equal(carry(segment).isSound, false);
});
