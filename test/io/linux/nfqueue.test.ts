import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  bindQueue,
  configureQueue,
  readPackets,
  Verdict,
  verdictOn,
  verdictUpTo,
} from '../../../src/io/linux/nfqueue.js';
import { hexOf } from '../../support/hex.js';
import { runs } from '../../support/runs.js';

/** A message as the kernel sends it for a packet: generic header, packet header attribute, one more attribute. */
function packetMessage(queue: number, packet: number): Uint8Array {
  const bytes = new Uint8Array(16 + 4 + 12 + 8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, 3 << 8, true);
  bytes[16] = 2;
  view.setUint16(18, queue);
  view.setUint16(20, 4, true);
  view.setUint16(20, 8, true);
  view.setUint16(22, 5, true);
  view.setUint16(28, 11, true);
  view.setUint16(30, 1, true);
  view.setUint32(32, packet);
  return bytes;
}

test('messages to the queue, octet by octet', () => {
  assert.equal(
    hexOf(bindQueue(0x102)),
    '1c000000 0203 0100 00000000 00000000 0000 0102 0800 0100 01000002'.replaceAll(' ', ''),
  );
  assert.equal(
    hexOf(configureQueue(1, 20_000)),
    '38000000 0203 0100 00000000 00000000 0000 0001 0900 0200 0000000001 000000 0800 0300 00004e20 0800 0500 00000004 0800 0400 00000004'.replaceAll(
      ' ',
      '',
    ),
  );
  assert.equal(
    hexOf(verdictUpTo(3, 0x01020304, Verdict.accept)),
    '20000000 0303 0100 00000000 00000000 0000 0003 0c00 0200 00000001 01020304'.replaceAll(' ', ''),
  );
  assert.equal(
    hexOf(verdictOn(3, 9, Verdict.drop)),
    '20000000 0103 0100 00000000 00000000 0000 0003 0c00 0200 00000000 00000009'.replaceAll(' ', ''),
  );
});

test('the numbers of all packets in one read', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(0xffffffff), { maxLength: 20 }), (packets) => {
      const messages = packets.map((packet) => packetMessage(1, packet));
      const all = Uint8Array.from(messages.flatMap((message) => [...message]));
      const found: number[] = [];
      readPackets(all, all.length, (packet) => found.push(packet));
      assert.deepEqual(found, packets);
    }),
    runs(100),
  );
});

test('octets that contradict themselves give fewer packets, never an error', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), fc.nat(39), fc.nat(255), (noise, at, value) => {
      const message = packetMessage(1, 5);
      message[at] = value;
      for (const bytes of [noise, message, message.subarray(0, at)]) readPackets(bytes, bytes.length, () => {});
    }),
    runs(500),
  );
});
