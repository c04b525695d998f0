import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  attach,
  buildUdp,
  CodecError,
  type ControlMessage,
  clampMss,
  detach,
  encode,
  encodedSize,
  HeaderStatus,
  ipv4HeaderChecksum,
  isAttachable,
  l4Checksum,
  messageOf,
  TCP,
  TrailerView,
  UDP,
} from '../../src/codec/index.js';
import { anyControlMessage } from '../support/control-message.arbitrary.js';
import { datagram, type MadeDatagram, wildDatagram } from '../support/datagram.arbitrary.js';
import { bytesOf, hexOf } from '../support/hex.js';
import { runs } from '../support/runs.js';

const word = (bytes: Uint8Array, at: number) => (bytes[at]! << 8) | bytes[at + 1]!;
const block = bytesOf('199df8070305003073752efbffffc000020ac6336414003908');
const message: ControlMessage = {
  layout: 'compact',
  nodeId: 0x9df8,
  sessionId: 7,
  pathId: 3,
  feedbackPathId: 5,
  timestamp: 0x75733000,
  pathDelay: -1234,
  localAddresses: [0xc000020a, 0xc6336414],
  flags: 0,
};
const tuple = { source: 0xc000020a, sourcePort: 40000, destination: 0xcb007107, destinationPort: 5001 };

/** A UDP datagram whose payload ends in the given octets, without changing anything else. */
function udpWith(...parts: Uint8Array[]): Uint8Array {
  return buildUdp(tuple, Buffer.concat(parts));
}

/** Header fields of a datagram with `total` octets are as they must be after attach or detach. */
function assertLengthsAndChecksums(packet: Uint8Array, made: MadeDatagram): void {
  assert.equal(word(packet, 2), packet.length);
  assert.equal(word(packet, 10), ipv4HeaderChecksum(packet, 0, made.ipHeaderLength));
  const l4 = made.ipHeaderLength;
  const found = word(packet, l4 + (made.protocol === TCP ? 16 : 6));
  if (made.protocol === UDP) assert.equal(word(packet, l4 + 4), packet.length - l4);
  if (made.checksum === 'valid') assert.equal(found, l4Checksum(packet, 0, made.protocol, l4, packet.length));
  if (made.checksum === 'none') assert.equal(found, 0);
}

test('detach(attach(p)) is p, and lengths and checksums are right in between', () => {
  fc.assert(
    fc.property(datagram, anyControlMessage, fc.nat(40), (made, cm, offset) => {
      const { packet } = made;
      const before = hexOf(packet);
      const out = new Uint8Array(packet.length + encodedSize(cm));
      const length = attach(packet, cm, out);
      assert.equal(hexOf(packet), before);
      assert.equal(length, out.length);
      assertLengthsAndChecksums(out, made);
      // The same at an offset of a larger buffer with octets behind it.
      const buffer = new Uint8Array(offset + length + 20).fill(0xee);
      buffer.set(out, offset);
      const view = new TrailerView();
      assert.ok(view.locate(buffer, offset, length + 20));
      assert.equal(view.userDataLength, packet.length - made.ipHeaderLength - made.l4HeaderLength);
      assert.deepEqual(messageOf(view.cm), { ...cm, timestamp: view.cm.timestamp });
      const left = detach(view);
      assert.equal(hexOf(buffer.subarray(offset, offset + left)), before);
      assert.ok(!view.hasCm);
    }),
    runs(3000),
  );
});

test('attach in place gives the same octets as attach to another array', () => {
  fc.assert(
    fc.property(datagram, anyControlMessage, ({ packet }, cm) => {
      const out = new Uint8Array(packet.length + encodedSize(cm));
      attach(packet, cm, out);
      const inPlace = new Uint8Array(out.length);
      inPlace.set(packet);
      assert.equal(attach(inPlace, cm, inPlace, packet.length), out.length);
      assert.equal(hexOf(inPlace), hexOf(out));
    }),
    runs(300),
  );
});

test('a payload corrupted on the way still shows in the checksum after detach', () => {
  fc.assert(
    fc.property(
      datagram.filter((made) => made.checksum === 'valid' && made.packet.length > 100),
      anyControlMessage,
      fc.integer({ min: 1, max: 255 }),
      (made, cm, change) => {
        const out = new Uint8Array(made.packet.length + encodedSize(cm));
        attach(made.packet, cm, out);
        out[made.packet.length - 1]! ^= change;
        const view = new TrailerView();
        assert.ok(view.locate(out));
        const rest = out.subarray(0, detach(view));
        const at = made.ipHeaderLength + (made.protocol === TCP ? 16 : 6);
        assert.notEqual(word(rest, at), l4Checksum(rest, 0, made.protocol, made.ipHeaderLength, rest.length));
      },
    ),
    runs(200),
  );
});

test('random datagrams: locate and clampMss never throw, attach throws only CodecError', () => {
  const view = new TrailerView();
  fc.assert(
    fc.property(wildDatagram, fc.integer({ min: 0, max: 2000 }), (packet, mtu) => {
      const located = view.locate(packet);
      if (view.status === HeaderStatus.ok) assert.ok(view.payloadLength >= 0 && view.end <= packet.length);
      if (located) assert.ok(view.userDataLength >= 0);
      clampMss(packet.slice(), mtu);
      try {
        attach(packet, message, new Uint8Array(300));
      } catch (error) {
        assert.ok(error instanceof CodecError, String(error));
        assert.match(error.message, /^\S+: .+ at offset \d+ is .+, needed .+\.$/);
      }
    }),
    runs(20_000),
  );
});

test('random datagrams that end in a CM: detach never throws and leaves a datagram that is not longer', () => {
  const view = new TrailerView();
  fc.assert(
    fc.property(wildDatagram, anyControlMessage, (head, cm) => {
      const packet = new Uint8Array([...head, ...encode(cm)]);
      if (packet.length > 3) packet[3] = packet.length;
      if (!view.locate(packet)) return;
      const left = detach(view);
      assert.equal(left, packet.length - encodedSize(cm));
      assert.equal(word(packet, 2), left);
    }),
    runs(2000),
  );
});

test('exactly one trailer is removed when two stand', () => {
  const packet = udpWith(new Uint8Array([1]), block, new Uint8Array([2]), block);
  const view = new TrailerView();
  assert.ok(view.locate(packet));
  assert.equal(view.cm.filler, 2);
  const rest = packet.subarray(0, detach(view));
  assert.equal(hexOf(rest), hexOf(udpWith(new Uint8Array([1]), block)));
});

test('a UDP length that lies does not matter for finding the trailer and is set right when it is removed', () => {
  for (const lie of [0, 7, 8, 33, 59, 65535]) {
    const packet = udpWith(bytesOf('68656c6c6f00'), block);
    packet[24] = lie >> 8;
    packet[25] = lie & 255;
    const view = new TrailerView();
    assert.ok(view.locate(packet), String(lie));
    const rest = packet.subarray(0, detach(view));
    assert.equal(word(rest, 24), 13);
    assert.equal(word(rest, 2), 33);
    assert.equal(word(rest, 10), ipv4HeaderChecksum(rest, 0, 20));
  }
});

test('a UDP checksum that was right for a UDP length without the trailer is right after detach', () => {
  for (const payload of ['68656c6c6f', '68656c6c']) {
    const plain = buildUdp(tuple, bytesOf(payload));
    // As the kernel of 2017 sends it: IP length covers the trailer, UDP length and checksum do not.
    const packet = new Uint8Array(plain.length + 26);
    packet.set(plain);
    packet.set(block, plain.length + 1);
    packet[3] = packet.length;
    packet.set([0, 0], 10);
    const headerChecksum = ipv4HeaderChecksum(packet, 0, 20);
    packet.set([headerChecksum >> 8, headerChecksum & 255], 10);
    const view = new TrailerView();
    assert.ok(view.locate(packet));
    assert.equal(hexOf(packet.subarray(0, detach(view))), hexOf(plain));
  }
});

test('a UDP checksum that comes out as 0 is written as 0xffff, and one of 0xffff comes back', () => {
  // The octets 28 and 29 are free: adding the checksum to them (one's complement) brings it to 0.
  const zeroed = (length: number, measured: Uint8Array) => {
    const packet = buildUdp(tuple, new Uint8Array(length));
    packet.set(measured.subarray(26, 28), 28);
    return packet;
  };
  const out = new Uint8Array(100);
  attach(buildUdp(tuple, new Uint8Array(6)), message, out);
  const plain = zeroed(6, out);
  plain.set([0, 0], 26);
  const checksum = l4Checksum(plain, 0, UDP, 20, plain.length);
  plain.set([checksum >> 8, checksum & 255], 26);
  const total = attach(plain, message, out);
  assert.equal(word(out, 26), 0xffff);
  assert.equal(l4Checksum(out, 0, UDP, 20, total), 0xffff);
  const ones = zeroed(6, buildUdp(tuple, new Uint8Array(6)));
  ones.set([255, 255], 26);
  assert.equal(l4Checksum(ones, 0, UDP, 20, ones.length), 0xffff);
  const view = new TrailerView();
  assert.ok(view.locate(out, 0, attach(ones, message, out)));
  assert.equal(hexOf(out.subarray(0, detach(view))), hexOf(ones));
});

test('detach keeps a checksum right that covered only a part of the user data', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 4, maxLength: 60 }), fc.nat(), (payload, cut) => {
      const whole = udpWith(payload, new Uint8Array(1), block);
      const covered = 8 + (cut % (payload.length + 26));
      whole[25] = covered;
      const sum = l4Checksum(whole, 0, UDP, 20, 20 + covered);
      whole.set([sum >> 8, sum & 255], 26);
      const view = new TrailerView();
      assert.ok(view.locate(whole));
      const rest = whole.subarray(0, detach(view));
      assert.equal(word(rest, 26), l4Checksum(rest, 0, UDP, 20, rest.length));
    }),
    runs(300),
  );
});

test('attach refuses what can carry no CM and says where and why', () => {
  const good = buildUdp(tuple, bytesOf('68656c6c6f'));
  const change = (edits: Record<number, number>, from = good) => {
    const packet = from.slice();
    for (const [at, value] of Object.entries(edits)) packet[Number(at)] = value;
    return packet;
  };
  const cases: [string, Uint8Array, string, number][] = [
    ['nothing', new Uint8Array(0), 'not-ipv4', 0],
    ['IPv6', change({ 0: 0x60 }), 'not-ipv4', 0],
    ['a header shorter than 20', change({ 0: 0x44 }), 'ip-header', 0],
    ['a total length shorter than its header', change({ 3: 19 }), 'ip-header', 0],
    ['cut short', good.subarray(0, 30), 'truncated', 2],
    ['more fragments', change({ 6: 0x20 }), 'fragment', 6],
    ['a fragment offset', change({ 6: 0, 7: 1 }), 'fragment', 6],
    ['ICMP', change({ 9: 1 }), 'protocol', 9],
    ['half a UDP header', change({ 3: 27 }), 'l4-header', 20],
    ['half a TCP header', change({ 9: 6 }), 'l4-header', 20],
    ['a UDP length too small', change({ 25: 12 }), 'udp-length', 24],
    ['a UDP length too large', change({ 25: 14 }), 'udp-length', 24],
  ];
  for (const [name, packet, code, offset] of cases) {
    assert.throws(
      () => attach(packet, message, new Uint8Array(200)),
      (error: CodecError) => {
        assert.equal(error.code, code, name);
        assert.equal(error.details.offset, offset, name);
        return true;
      },
      name,
    );
    const view = new TrailerView();
    view.locate(packet);
    assert.ok(!isAttachable(view), name);
  }
  const tcp = buildTcpWithDataOffset(0x40);
  assert.throws(() => attach(tcp, message, new Uint8Array(200)), { code: 'l4-header' });
});

/** A TCP segment of 20 octets of header whose data offset octet is `value`. */
function buildTcpWithDataOffset(value: number): Uint8Array {
  const packet = new Uint8Array(70);
  packet.set([0x45, 0, 0, 70, 0, 0, 0, 0, 64, TCP]);
  packet[32] = value;
  return packet;
}

test('attach refuses a datagram that would become longer than 65535 octets or than the output', () => {
  const long = buildUdp(tuple, new Uint8Array(65535 - 28 - 25));
  assert.throws(() => attach(long, message, new Uint8Array(70_000)), { code: 'too-long' });
  const fits = buildUdp(tuple, new Uint8Array(65535 - 28 - 26));
  assert.equal(attach(fits, message, new Uint8Array(65535)), 65535);
  const small = buildUdp(tuple, bytesOf('68656c6c6f'));
  assert.throws(() => attach(small, message, new Uint8Array(58)), { code: 'too-long' });
  assert.equal(attach(small, message, new Uint8Array(59)), 59);
});

test('detach without a located CM is refused', () => {
  const view = new TrailerView();
  assert.equal(view.locate(buildUdp(tuple, bytesOf('00'))), false);
  assert.throws(() => detach(view), { code: 'no-trailer' });
});

test('a view does not show positions of an earlier datagram', () => {
  const view = new TrailerView();
  assert.ok(view.locate(udpWith(new Uint8Array(1), block)));
  view.locate(new Uint8Array([0x45, 0, 0]));
  assert.equal(view.status, HeaderStatus.truncated);
  assert.deepEqual([view.totalLength, view.protocol, view.end, view.hasCm], [0, 0, 3, false]);
});
