import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ipv4Offset, isKnownLinkType } from '../../src/io/link-type.js';
import { runs } from '../support/runs.js';

const IP = [0x45, 0, 0, 20];
const MAC = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
const IPV6 = [0x60, 0, 0, 0];

const frames: [string, number, number[], number][] = [
  ['Ethernet', 1, [...MAC, 0x08, 0x00, ...IP], 14],
  ['one VLAN tag', 1, [...MAC, 0x81, 0x00, 0, 5, 0x08, 0x00, ...IP], 18],
  ['stacked tags', 1, [...MAC, 0x88, 0xa8, 0, 5, 0x91, 0x00, 0, 6, 0x81, 0x00, 0, 7, 0x08, 0x00, ...IP], 26],
  ['ARP', 1, [...MAC, 0x08, 0x06, ...IP], -1],
  ['IPv6', 1, [...MAC, 0x86, 0xdd, ...IPV6], -1],
  ['VLAN with IPv6', 1, [...MAC, 0x81, 0x00, 0, 5, 0x86, 0xdd, ...IPV6], -1],
  ['802.3 length', 1, [...MAC, 0x00, 0x04, ...IP], -1],
  ['EtherType IPv4, version 6', 1, [...MAC, 0x08, 0x00, ...IPV6], -1],
  ['cooked v1', 113, [0, 4, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0, 0x08, 0x00, ...IP], 16],
  ['cooked v1, tagged', 113, [0, 4, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0, 0x81, 0x00, 0, 5, 0x08, 0x00, ...IP], 20],
  ['cooked v1, IPv6', 113, [0, 4, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0, 0x86, 0xdd, ...IPV6], -1],
  ['cooked v2', 276, [0x08, 0x00, 0, 0, 0, 0, 0, 1, 0, 1, 4, 6, 1, 2, 3, 4, 5, 6, 0, 0, ...IP], 20],
  ['cooked v2, IPv6', 276, [0x86, 0xdd, 0, 0, 0, 0, 0, 1, 0, 1, 4, 6, 1, 2, 3, 4, 5, 6, 0, 0, ...IPV6], -1],
  ['raw', 101, IP, 0],
  ['raw, BSD', 12, IP, 0],
  ['raw, OpenBSD', 14, IP, 0],
  ['raw IPv4', 228, IP, 0],
  ['raw, IPv6', 101, IPV6, -1],
  ['null, little-endian', 0, [2, 0, 0, 0, ...IP], 4],
  ['null, big-endian', 0, [0, 0, 0, 2, ...IP], 4],
  ['null, IPv6', 0, [30, 0, 0, 0, ...IPV6], -1],
  ['null, neither', 0, [1, 0, 1, 0, ...IP], -1],
  ['loop', 108, [0, 0, 0, 2, ...IP], 4],
  ['loop, wrong byte order', 108, [2, 0, 0, 0, ...IP], -1],
  ['an unknown link type', 147, IP, -1],
];

for (const [name, linkType, frame, expected] of frames) {
  test(`${name}: the datagram is at ${expected}, also deep in a buffer, and every cut before it is -1`, () => {
    assert.equal(ipv4Offset(linkType, Uint8Array.from(frame), 0, frame.length), expected);
    const shifted = Uint8Array.from([9, 9, 9, 9, 9, ...frame, 0x45, 0x45]);
    assert.equal(ipv4Offset(linkType, shifted, 5, frame.length), expected < 0 ? -1 : expected + 5);
    for (let length = 0; length <= expected; length++) assert.equal(ipv4Offset(linkType, shifted, 5, length), -1);
  });
}

test('what is found lies inside the frame and has version 4, for any bytes', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(0, 1, 12, 14, 101, 108, 113, 228, 276, 999),
      fc.uint8Array({ maxLength: 64 }),
      (linkType, bytes) => {
        const at = ipv4Offset(linkType, bytes, 0, bytes.length);
        assert.ok(at === -1 || (at < bytes.length && bytes[at]! >> 4 === 4 && isKnownLinkType(linkType)));
      },
    ),
    runs(2000),
  );
});
