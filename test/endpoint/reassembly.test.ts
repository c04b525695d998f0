import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fragment } from '../../src/codec/fragment.js';
import { buildUdp, DatagramView, HeaderStatus, ipv4HeaderChecksum, parseIpv4 } from '../../src/codec/index.js';
import { DEFAULT_LIMITS } from '../../src/endpoint/limits.js';
import { Reassembly } from '../../src/endpoint/reassembly.js';
import { datagram } from '../support/datagram.arbitrary.js';
import { runs } from '../support/runs.js';

const FROM = parseIpv4('198.51.100.1');
const TO = parseIpv4('192.0.2.1');
const SECOND = 1_000_000;

const made = (size: number, identification = 1, source = FROM, fill = 0) =>
  buildUdp(
    { source, sourcePort: 1, destination: TO, destinationPort: 2 },
    Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >>> 8) + fill) & 255),
    { identification, dontFragment: false },
  );

/** Feeds fragments; returns the datagrams that became whole. */
function feed(reassembly: Reassembly, pieces: readonly Uint8Array[], now = 0): Uint8Array[] {
  const view = new DatagramView();
  return pieces.flatMap((piece) => {
    assert.equal(view.parse(piece), HeaderStatus.fragment);
    const whole = reassembly.add(view, piece.length, now);
    return whole === undefined ? [] : [whole];
  });
}

const fresh = (limits: Partial<typeof DEFAULT_LIMITS> = {}) => new Reassembly({ ...DEFAULT_LIMITS, ...limits });

/** A fragment of `size` octets at `offset`, with a valid header. */
function piece(offset: number, size: number, more: boolean, { id = 1, fill = 0, tos = 0, source = FROM } = {}) {
  const packet = made(Math.max(size, 12), id, source).slice(0, 20 + size);
  packet.fill(fill, 20);
  const view = new DataView(packet.buffer);
  packet[1] = tos;
  view.setUint16(2, packet.length);
  view.setUint16(6, (more ? 0x2000 : 0) | (offset / 8));
  view.setUint16(10, ipv4HeaderChecksum(packet, 0, 20));
  return packet;
}

test('any datagram, cut once or twice, in any order, with repetitions, comes out as it was', () => {
  fc.assert(
    fc.property(
      datagram.filter(({ packet, ipHeaderLength }) => packet.length - ipHeaderLength > 16),
      fc.integer({ min: 68, max: 700 }),
      fc.integer({ min: 68, max: 400 }),
      fc.infiniteStream(fc.nat()),
      ({ packet, ipHeaderLength }, first, second, choices) => {
        const original = packet.slice();
        original[6] = 0;
        new DataView(original.buffer).setUint16(10, ipv4HeaderChecksum(original, 0, ipHeaderLength));
        const pieces = fragment(original, first).flatMap((one) => fragment(one, second));
        fc.pre(pieces.length > 1);
        const next = () => choices.next().value as number;
        const order = pieces.map((one) => ({ one, at: next() })).sort((a, b) => a.at - b.at);
        const sent = order.flatMap(({ one, at }, i) => (at % 3 === 0 && i < order.length - 1 ? [one, one] : [one]));
        const reassembly = fresh();
        assert.deepEqual(feed(reassembly, sent), [original]);
        assert.deepEqual([reassembly.size, reassembly.octets], [0, 0]);
      },
    ),
    runs(300),
  );
});

test('whatever fragments say, nothing is thrown, limits hold, and a whole datagram has a valid header', () => {
  const any = fc.record({
    offset: fc.nat(40).map((n) => n * 8),
    size: fc.nat(60),
    more: fc.boolean(),
    id: fc.nat(2),
    fill: fc.nat(1),
    tos: fc.nat(3),
    source: fc.constantFrom(FROM, TO),
    cut: fc.nat(90),
    header: fc.constantFrom(0x45, 0x46, 0x4f),
  });
  fc.assert(
    fc.property(fc.array(any, { maxLength: 80 }), (all) => {
      const reassembly = fresh({ fragmentOctets: 6000, fragmentOctetsPerAddress: 4000 });
      const view = new DatagramView();
      for (const { cut, header, ...one } of all) {
        const packet = piece(one.offset, one.size, one.more, one);
        packet[0] = header;
        new DataView(packet.buffer).setUint16(10, ipv4HeaderChecksum(packet, 0, Math.min(20, packet.length)));
        const length = Math.min(packet.length, cut < 30 ? cut : packet.length);
        if (view.parse(packet, 0, length) !== HeaderStatus.fragment) continue;
        const whole = reassembly.add(view, length, 0);
        assert.ok(reassembly.octets <= 6000);
        if (whole === undefined) continue;
        const status = view.parse(whole);
        assert.ok(status === HeaderStatus.ok || status === HeaderStatus.badL4Header);
        assert.equal(view.totalLength, whole.length);
        assert.equal(ipv4HeaderChecksum(whole, 0, view.ipHeaderLength), new DataView(whole.buffer).getUint16(10));
      }
      reassembly.sweep(31 * SECOND);
      assert.deepEqual([reassembly.size, reassembly.octets], [0, 0]);
    }),
    runs(300),
  );
});

test('fragments of different datagrams do not mix: source, identification', () => {
  const others = [made(900, 1), made(900, 2, FROM, 1), made(900, 1, TO, 2)];
  const cut = others.map((one) => fragment(one, 400));
  const reassembly = fresh();
  const wholes = [0, 1, 2].flatMap((i) =>
    feed(
      reassembly,
      cut.map((pieces) => pieces[i]!),
    ),
  );
  assert.deepEqual(wholes, others);
});

const CONTRADICTIONS: Record<string, readonly Uint8Array[]> = {
  'an overlap at the end (teardrop)': [piece(0, 64, true), piece(32, 16, false)],
  'an overlap at the beginning': [piece(32, 64, true), piece(0, 40, true)],
  'the same place with other octets': [piece(0, 64, true), piece(0, 64, true, { fill: 1 })],
  'a longer fragment at the same place': [piece(0, 64, true), piece(0, 72, true)],
  'two ends': [piece(64, 16, false), piece(128, 16, false)],
  'octets behind the end': [piece(64, 16, false), piece(128, 16, true)],
  'an end before octets that are there': [piece(128, 16, true), piece(64, 16, false)],
  'an end where it goes on': [piece(64, 16, true), piece(64, 16, false)],
  'more to come where it ended': [piece(64, 16, false), piece(64, 16, true)],
  'more fragments after the end': [piece(64, 16, false), piece(48, 32, true)],
  'congestion seen, and a sender without ECN (RFC 3168)': [piece(64, 16, true, { tos: 3 }), piece(80, 8, true)],
  'more octets than a datagram has (ping of death)': [piece(65528, 16, false)],
  'one octet more than a datagram has': [piece(65512, 4, false)],
};
for (const [what, pieces] of Object.entries(CONTRADICTIONS))
  test(`${what}: the datagram goes, with everything that still comes of it (RFC 5722)`, () => {
    const reassembly = fresh();
    assert.deepEqual(feed(reassembly, pieces), []);
    assert.ok(reassembly.octets < 600, `no fragment is kept of it: ${reassembly.octets}`);
    const proper = fragment(made(400), 200);
    assert.deepEqual(feed(reassembly, proper), [], 'the identification is spoilt');
    assert.ok(reassembly.octets < 600, `nor one that comes: ${reassembly.octets}`);
    assert.deepEqual(feed(reassembly, proper, 31 * SECOND).length, 1, 'until the time is over');
  });

test('the longest datagram comes out; one that is longer with the options of its header does not', () => {
  const longest = made(65507);
  assert.deepEqual(feed(fresh(), fragment(longest, 9000)), [longest]);
  const options = new Uint8Array(24 + 65504).fill(1);
  options.set(piece(0, 8, true).subarray(0, 20));
  const view = new DataView(options.buffer);
  options[0] = 0x46;
  view.setUint16(2, options.length);
  view.setUint16(10, ipv4HeaderChecksum(options, 0, 24));
  assert.deepEqual(feed(fresh(), [options, piece(65504, 11, false)]), []);
  assert.equal(feed(fresh(), [options, piece(65504, 7, false)])[0]!.length, 65535);
});

test('the header is that of the fragment at the beginning; fragments of the same octets are no repetition', () => {
  const ends = [piece(64, 16, false, { tos: 8 }), piece(0, 64, true, { tos: 16 })];
  assert.deepEqual(
    feed(fresh(), ends).map((whole) => whole[1]),
    [16],
  );
  assert.equal(feed(fresh(), [piece(16, 16, true), piece(0, 16, true), piece(32, 8, false)]).length, 1);
});

test('worthless fragments leave nothing: cut short, empty, not in steps of eight octets, a wrong header checksum', () => {
  const reassembly = fresh();
  const wrong = piece(0, 64, true);
  wrong[11]! ^= 1;
  assert.deepEqual(feed(reassembly, [piece(0, 0, true), piece(64, 0, false), piece(0, 63, true), wrong]), []);
  const view = new DatagramView();
  view.parse(piece(0, 64, true), 0, 60);
  assert.equal(reassembly.add(view, 60, 0), undefined);
  assert.equal(reassembly.size, 0);
});

test('time: a datagram waits 30 s after its first fragment, not longer', () => {
  const pieces = fragment(made(900), 400);
  const reassembly = fresh();
  feed(reassembly, pieces.slice(0, 1), 0);
  assert.equal(reassembly.sweep(0), 30 * SECOND);
  assert.equal(feed(reassembly, pieces.slice(1), 29 * SECOND).length, 1);
  feed(reassembly, pieces.slice(0, 1), 0);
  assert.equal(feed(reassembly, pieces.slice(1), 30 * SECOND).length, 0);
});

test('memory: a sender drives out its own datagrams, all of them together the oldest of all', () => {
  const reassembly = fresh({ fragmentOctets: 20_000, fragmentOctetsPerAddress: 8_000 });
  const other = fragment(made(900, 7, TO), 400);
  feed(reassembly, other.slice(0, 1));
  for (let id = 1; id <= 200; id++) feed(reassembly, [piece(0, 64, true, { id })]);
  assert.ok(reassembly.octets <= 9_000, `${reassembly.octets}`);
  assert.ok(reassembly.size <= 13, `${reassembly.size}: each costs more than its octets`);
  assert.equal(feed(reassembly, other.slice(1)).length, 1, 'the other sender loses nothing');
  for (let source = 1; source <= 200; source++) feed(reassembly, [piece(0, 64, true, { source })]);
  assert.ok(reassembly.octets <= 20_000);
  assert.deepEqual(feed(reassembly, [piece(64, 16, false, { source: 200 })]).length, 1, 'the newest stays');
});

test('memory: as much is kept as the limits say, and no more', () => {
  const one = fresh();
  feed(one, [piece(0, 64, true)]);
  const kept = (limits: Partial<typeof DEFAULT_LIMITS>) => {
    const reassembly = fresh(limits);
    feed(reassembly, [piece(0, 64, true)]);
    return reassembly.size;
  };
  const { octets } = one;
  assert.deepEqual(
    [kept({ fragmentOctetsPerAddress: octets }), kept({ fragmentOctetsPerAddress: octets - 1 })],
    [1, 0],
  );
  assert.deepEqual([kept({ fragmentOctets: octets }), kept({ fragmentOctets: octets - 1 })], [1, 0]);
});

test('a datagram has 256 fragments at most', () => {
  const reassembly = fresh();
  for (let i = 0; i < 256; i++) feed(reassembly, [piece(i * 16, 8, true)]);
  const before = reassembly.octets;
  feed(reassembly, [piece(4096, 8, true)]);
  assert.ok(before > 256 * 8 && reassembly.octets < 1000);
});

test('congestion seen by one fragment is seen by the datagram (RFC 3168)', () => {
  const reassembly = fresh();
  const [whole] = feed(reassembly, [piece(0, 64, true, { tos: 2 }), piece(64, 16, false, { tos: 3 })]);
  assert.equal(whole![1], 3);
});
