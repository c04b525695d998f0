import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fragment } from '../../src/codec/fragment.js';
import { buildIcmpError, IcmpErrorView, plateauBelow } from '../../src/codec/icmp.js';
import { buildUdp, fold, ipv4HeaderChecksum, parseIpv4, wordSum } from '../../src/codec/index.js';
import { datagram } from '../support/datagram.arbitrary.js';
import { runs } from '../support/runs.js';

const from = parseIpv4('203.0.113.254');
const to = parseIpv4('192.0.2.1');
const tuple = { source: to, sourcePort: 7000, destination: parseIpv4('198.51.100.1'), destinationPort: 40000 };

/** Writes the checksum that the message asks for. */
function repaired(packet: Uint8Array): Uint8Array {
  const words = new DataView(packet.buffer, packet.byteOffset);
  words.setUint16(22, 0);
  words.setUint16(22, ~fold(wordSum(packet, 20, packet.length)) & 0xffff);
  return packet;
}

test('what is built is read again: who, what, of which packet', () => {
  fc.assert(
    fc.property(
      datagram,
      fc.constantFrom(3, 11, 12),
      fc.nat(15),
      fc.nat(65535),
      ({ packet, ipHeaderLength, protocol }, type, code, value) => {
        const message = buildIcmpError({ from, to, type, code, value }, packet);
        assert.ok(message.length <= 576);
        assert.equal(ipv4HeaderChecksum(message, 0, 20), new DataView(message.buffer).getUint16(10));
        const view = new IcmpErrorView();
        assert.ok(view.parse(message));
        assert.deepEqual([view.from, view.to, view.type, view.code], [from, to, type, code]);
        const isTooLarge = type === 3 && code === 4;
        assert.deepEqual([view.isFragmentationNeeded, view.nextHopMtu], [isTooLarge, isTooLarge ? value : 0]);
        assert.deepEqual([view.protocol, view.quotedTotal], [protocol, packet.length]);
        assert.equal(view.isWhole, packet.length <= 548);
        assert.deepEqual(
          message.subarray(view.quotedOffset, view.quotedEnd),
          packet.subarray(0, Math.min(548, packet.length)),
        );
        const words = new DataView(packet.buffer, packet.byteOffset);
        assert.deepEqual(view.tuple, {
          source: words.getUint32(12),
          sourcePort: words.getUint16(ipHeaderLength),
          destination: words.getUint32(16),
          destinationPort: words.getUint16(ipHeaderLength + 2),
        });
      },
    ),
    runs(300),
  );
});

test('random octets, and messages with octets changed, are read within their bounds or not at all', () => {
  const any = fc.oneof(
    fc.uint8Array({ maxLength: 90 }),
    fc
      .tuple(datagram, fc.array(fc.tuple(fc.nat(70), fc.nat(255)), { maxLength: 4 }), fc.nat(700))
      .map(([{ packet }, changes, cut]) => {
        const message = buildIcmpError({ from, to, type: 3, code: 4 }, packet);
        for (const [at, value] of changes) if (at < message.length) message[at] = value;
        return repaired(message).slice(0, cut);
      }),
  );
  const view = new IcmpErrorView();
  fc.assert(
    fc.property(any, (bytes) => {
      if (!view.parse(bytes)) return;
      assert.ok(view.quotedOffset >= 28 && view.quotedEnd <= bytes.length);
      assert.ok(view.quotedEnd >= view.quotedL4Offset + 8 && view.quotedEnd - view.quotedOffset <= view.quotedTotal);
      assert.ok(view.tuple.sourcePort <= 65535);
    }),
    runs(500),
  );
});

test('every message that is cut short is refused', () => {
  const message = buildIcmpError({ from, to, type: 3, code: 1 }, buildUdp(tuple, new Uint8Array(20)));
  const view = new IcmpErrorView();
  for (let length = 0; length < message.length; length++) assert.equal(view.parse(message, length), false, `${length}`);
  assert.ok(view.parse(message));
});

test('refused: a wrong checksum, other types, a quoted fragment that is not the first, other protocols, fragments', () => {
  const view = new IcmpErrorView();
  const quoted = buildUdp(tuple, new Uint8Array(99), { dontFragment: false });
  const error = (packet: Uint8Array, type = 3) => buildIcmpError({ from, to, type, code: 1 }, packet);
  const wrong = error(quoted);
  wrong[22]! ^= 1;
  assert.equal(view.parse(wrong), false);
  for (const type of [0, 4, 5, 8, 13]) assert.equal(view.parse(error(quoted, type)), false, `type ${type}`);
  const [first, second] = fragment(quoted, 68);
  assert.ok(view.parse(error(first!)));
  assert.equal(view.parse(error(second!)), false);
  const other = quoted.slice();
  other[9] = 1;
  assert.equal(view.parse(error(other)), false);
  const [piece] = fragment(error(quoted), 68);
  assert.equal(view.parse(piece!), false);
});

test('structures behind the quoted packet are left out (RFC 4884)', () => {
  const quoted = buildUdp(tuple, new Uint8Array(100));
  const message = new Uint8Array(28 + 128 + 12);
  message.set(buildIcmpError({ from, to, type: 11, code: 0 }, quoted));
  message.set([0x20, 0, 0, 0, 0, 8, 1, 1, 9, 9, 9, 9], 28 + 128);
  message[25] = 32;
  new DataView(message.buffer).setUint16(2, message.length);
  const view = new IcmpErrorView();
  assert.ok(view.parse(repaired(message)));
  assert.equal(view.quotedEnd, 28 + 128);
  message[25] = 6;
  assert.equal(view.parse(repaired(message)), false, 'fewer octets than headers have');
});

test('without an MTU the next smaller usual one is assumed (RFC 1191)', () => {
  const lengths = [65535, 1500, 1492, 1400, 1281, 577, 576, 60];
  assert.deepEqual(lengths.map(plateauBelow), [32000, 1492, 1400, 1280, 1280, 576, 576, 576]);
});
