import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compactOctetSum } from '../../src/codec/checksum.js';
import {
  COMPACT,
  fieldOffset,
  fold,
  ipv4HeaderChecksum,
  l4Checksum,
  octetSum,
  updateChecksum,
  wordSum,
} from '../../src/codec/index.js';
import { bytesOf } from '../support/hex.js';
import { runs } from '../support/runs.js';

const internetChecksum = (bytes: Uint8Array) => ~fold(wordSum(bytes, 0, bytes.length)) & 0xffff;

test('octetSum is the sum of the octets of its range', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(), fc.nat(), (bytes, a, b) => {
      const [start, end] = [a % (bytes.length + 1), b % (bytes.length + 1)].sort((x, y) => x - y) as [number, number];
      assert.equal(
        octetSum(bytes, start, end),
        bytes.subarray(start, end).reduce((sum, octet) => sum + octet, 0),
      );
    }),
    runs(500),
  );
});

test('the written-out sum of compact is that of its 23 octets, and takes each once', () => {
  for (let at = 0; at < 30; at++) {
    const bytes = new Uint8Array(40);
    bytes[at] = 1;
    assert.equal(compactOctetSum(bytes, 4), at >= 4 && at < 27 ? 1 : 0, String(at));
  }
  assert.equal(fieldOffset(COMPACT, 'checksum'), 23);
});

test('the Internet checksum of the example of RFC 1071', () => {
  assert.equal(fold(wordSum(bytesOf('0001f203f4f5f6f7'), 0, 8)), 0xddf2);
});

test('wordSum does not overflow over the longest datagram', () => {
  const most = new Uint8Array(65535).fill(255);
  assert.equal(wordSum(most, 0, most.length), 32767 * 65535 + 0xff00);
  assert.equal(fold(wordSum(most, 0, most.length)), 0xff00);
});

test('an update equals the recomputation (RFC 1624)', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 20, maxLength: 60 }).filter((bytes) => bytes.some((octet) => octet !== 0)),
      fc.nat(),
      fc.integer({ min: 0, max: 0xffff }),
      (bytes, where, value) => {
        const at = (where % Math.floor(bytes.length / 2)) * 2;
        const before = internetChecksum(bytes);
        const old = (bytes[at]! << 8) | bytes[at + 1]!;
        bytes[at] = value >> 8;
        bytes[at + 1] = value & 255;
        if (bytes.every((octet) => octet === 0)) return;
        assert.equal(updateChecksum(before, old, value), internetChecksum(bytes));
      },
    ),
    runs(2000),
  );
});

test('an update never gives 0xffff (the example of RFC 1624)', () => {
  assert.equal(updateChecksum(0xdd2f, 0x5555, 0x3285), 0x0000);
  assert.equal(updateChecksum(0xffff, 0xffff, 0), 0);
  fc.assert(
    fc.property(fc.nat(0xffff), fc.nat(0xffff), fc.nat(0xffff), (checksum, removed, added) => {
      assert.notEqual(updateChecksum(checksum, removed, added), 0xffff);
    }),
    runs(1000),
  );
});

test('the header and UDP checksums of the worked datagram', () => {
  const packet = bytesOf(
    '4500003b1234400040112a6cc000020acb0071079c4013890027621b68656c6c6f00' +
      '199df8070305003073752efbffffc000020ac6336414003908',
  );
  assert.equal(ipv4HeaderChecksum(packet, 0, 20), 0x2a6c);
  assert.equal(l4Checksum(packet, 0, 17, 20, packet.length), 0x621b);
});

test('a UDP checksum that comes out as 0 is given as 0xffff, a TCP one is not', () => {
  const packet = new Uint8Array(40);
  packet.set([0x45, 0, 0, 40], 0);
  const udpRest = 0xffff - (17 + 20);
  packet.set([udpRest >> 8, udpRest & 255], 20);
  assert.equal(l4Checksum(packet, 0, 17, 20, 40), 0xffff);
  const tcpRest = 0xffff - (6 + 20);
  packet.set([tcpRest >> 8, tcpRest & 255], 20);
  assert.equal(l4Checksum(packet, 0, 6, 20, 40), 0);
});
