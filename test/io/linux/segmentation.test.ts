import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readU16be, readU32be, writeU16be, writeU32be } from '../../../src/codec/bytes.js';
import {
  buildTcp,
  buildUdp,
  fold,
  ipv4HeaderChecksum,
  l4Checksum,
  TCP,
  TcpFlags,
  UDP,
  wordSum,
} from '../../../src/codec/index.js';
import { Arrivals } from '../../../src/io/linux/arrivals.js';
import { Cut, OFFLOAD_HEADER, OffloadHeader } from '../../../src/io/linux/offload-header.js';
import { Frame, LARGEST_PART, PacketSplitter } from '../../../src/io/linux/packet-splitter.js';
import { SegmentJoiner } from '../../../src/io/linux/segment-joiner.js';
import { SummedMemory } from '../../../src/io/linux/summed-memory.js';
import { runs } from '../../support/runs.js';

const TUPLE = { source: 0x0a4d0102, sourcePort: 40000, destination: 0x0a4d0302, destinationPort: 7000 };
const ACK = TcpFlags.ack;
const FRAME = 70_000;

/** Memory with one frame at its start, and what cuts it. */
class Bench {
  readonly memory = new SummedMemory(FRAME + LARGEST_PART);
  readonly splitter = new PacketSplitter(this.memory, FRAME);
  readonly header = new OffloadHeader();

  /** A frame that holds an offload header, then a packet, as the kernel hands it over. */
  begin(bytes: Uint8Array, linkHeader = 0): Frame {
    this.memory.bytes.set(bytes);
    this.header.read(this.memory.view, 0);
    const at = OFFLOAD_HEADER + linkHeader;
    const frame = new Frame();
    this.splitter.begin(frame, this.memory.bytes.subarray(at), at, bytes.length - at, linkHeader, this.header);
    return frame;
  }

  /** Every packet of a frame; each must be sound and whole. */
  cut(bytes: Uint8Array): Uint8Array[] {
    const frame = this.begin(bytes);
    const parts: Uint8Array[] = [];
    while (!frame.isFinished)
      this.splitter.next(frame, (packet, length, isSound) => {
        assert.ok(isSound);
        parts.push(packet.slice(0, length));
      });
    for (const part of parts) assertComplete(part);
    return parts;
  }
}

function assertComplete(packet: Uint8Array): void {
  assert.equal(readU16be(packet, 2), packet.length);
  assert.equal(readU16be(packet, 10), ipv4HeaderChecksum(packet, 0, 20));
  const protocol = packet[9]!;
  const field = protocol === TCP ? 36 : 26;
  assert.equal(readU16be(packet, field), l4Checksum(packet, 0, protocol, 20, packet.length));
  if (protocol === UDP) assert.equal(readU16be(packet, 24), packet.length - 20);
}

/** A frame with a super-packet: its checksum field holds the sum of the pseudo-header, as the kernel leaves it. */
function superPacket(packet: Uint8Array, cut: number, size: number): Uint8Array {
  const frame = new Uint8Array(OFFLOAD_HEADER + packet.length);
  frame.set(packet, OFFLOAD_HEADER);
  const headers = cut === Cut.tcp ? 20 + (packet[32]! >>> 4) * 4 : 28;
  OffloadHeader.writeCut(new DataView(frame.buffer), 0, cut, size, headers, 20);
  const pseudo = wordSum(packet, 12, 20) + packet[9]! + packet.length - 20;
  writeU16be(frame, OFFLOAD_HEADER + (cut === Cut.tcp ? 36 : 26), fold(pseudo));
  return frame;
}

/** What a joiner writes when it takes these packets, one array a write. */
function join(packets: readonly Uint8Array[]): Uint8Array[] {
  const written: Uint8Array[] = [];
  let counted = 0;
  const joiner: SegmentJoiner = new SegmentJoiner((length, count) => {
    written.push(joiner.memory.bytes.slice(0, length));
    counted += count;
  });
  for (const packet of packets) joiner.add(packet, packet.length);
  joiner.flush();
  assert.equal(counted, packets.length);
  return written;
}

const segment = (sequence: number, payload: Uint8Array, flags: number = ACK, acknowledgement = 77) =>
  buildTcp(TUPLE, { sequence, acknowledgement, flags }, payload);
const octets = (length: number, seed = 1) => Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 17) & 255);

test('a sum of the vector unit is that of the loop over octets, at every start and length', () => {
  const memory = new SummedMemory(4096);
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 0, maxLength: 300 }),
      fc.integer({ min: 0, max: 40 }),
      fc.constantFrom(0, 255),
      (bytes, start, around) => {
        memory.bytes.fill(around, 0, 600);
        memory.bytes.set(bytes, start);
        assert.equal(memory.sum(start, start + bytes.length) % 0xffff, fold(wordSum(bytes, 0, bytes.length)) % 0xffff);
      },
    ),
    runs(500),
  );
  const most = new SummedMemory(65536);
  most.bytes.fill(255);
  assert.equal(most.sum(0, 65536), 0xffff);
});

test('a TCP super-packet is cut into complete segments, and joining them gives it back', () => {
  const bench = new Bench();
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 60_000 }),
      fc.integer({ min: 88, max: 9000 }),
      fc.integer({ min: 0, max: 0xffffffff }),
      fc.boolean(),
      (length, size, sequence, pushes) => {
        const data = octets(length, size);
        const whole = segment(sequence, data, pushes ? ACK | TcpFlags.psh : ACK);
        const frame = superPacket(whole, Cut.tcp, size);
        const parts = bench.cut(frame);
        assert.equal(parts.length, Math.ceil(length / size));
        let at = 0;
        for (const [i, part] of parts.entries()) {
          assert.equal(readU32be(part, 24), (sequence + at) >>> 0);
          assert.equal(readU16be(part, 4), (readU16be(whole, 4) + i) & 0xffff);
          assert.deepEqual(part.subarray(40), data.subarray(at, at + size));
          assert.equal((part[33]! & TcpFlags.psh) !== 0, pushes && i === parts.length - 1);
          at += size;
        }
        const joined = join(parts);
        assert.equal(joined.length, 1);
        if (parts.length > 1) assert.deepEqual(joined[0], frame);
        assert.deepEqual(bench.cut(joined[0]!), parts);
      },
    ),
    runs(100),
  );
});

test('FIN and PSH are those of the last segment, CWR that of the first', () => {
  const bench = new Bench();
  const whole = segment(5, octets(3000), ACK | TcpFlags.fin | TcpFlags.psh | 0x80);
  const flags = bench.cut(superPacket(whole, Cut.tcp, 1000)).map((part) => part[33]);
  assert.deepEqual(flags, [ACK | 0x80, ACK, ACK | TcpFlags.fin | TcpFlags.psh]);
});

test('a train of datagrams is cut into complete datagrams with their own user data', () => {
  const bench = new Bench();
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60_000 }), fc.integer({ min: 30, max: 9000 }), (length, size) => {
      const data = octets(length);
      const parts = bench.cut(superPacket(buildUdp(TUPLE, data), Cut.udp, size));
      assert.equal(parts.length, Math.ceil(length / size));
      for (const [i, part] of parts.entries())
        assert.deepEqual(part.subarray(28), data.subarray(i * size, (i + 1) * size));
    }),
    runs(50),
  );
});

test('a checksum left to this side is completed; one that is there is only judged', () => {
  const bench = new Bench();
  const packet = segment(1, octets(501));
  const left = superPacket(packet, Cut.tcp, 0);
  left[1] = Cut.none;
  assert.deepEqual(bench.cut(left), [packet]);
  const plain = new Uint8Array(OFFLOAD_HEADER + packet.length);
  plain.set(packet, OFFLOAD_HEADER);
  plain[OFFLOAD_HEADER + 50]! ^= 1;
  const frame = bench.begin(plain);
  bench.splitter.next(frame, (_packet, _length, isSound) => assert.equal(isSound, false));
});

test('a super-packet that contradicts itself is refused', () => {
  const bench = new Bench();
  const tcp = superPacket(segment(1, octets(3000)), Cut.tcp, 1000);
  const spoilt = [
    Object.assign(tcp.slice(), { 1: Cut.udp }),
    Object.assign(tcp.slice(), { 1: 4 }),
    Object.assign(tcp.slice(), { 4: 0, 5: 0 }),
    Object.assign(tcp.slice(), { [OFFLOAD_HEADER]: 0x65 }),
    Object.assign(tcp.slice(), { [OFFLOAD_HEADER + 32]: 0x10 }),
    tcp.slice(0, OFFLOAD_HEADER + 40),
  ];
  for (const frame of spoilt) assert.ok(bench.begin(frame).isFinished);
  assert.equal(bench.splitter.refused, spoilt.length);
});

test('only what follows on exactly is joined, and nothing overtakes anything', () => {
  const first = segment(1000, octets(500));
  const next = segment(1500, octets(500, 2));
  const count = (...packets: Uint8Array[]) => join(packets).length;
  withId(next, readU16be(first, 4) + 1);
  assert.equal(count(first, next), 1);
  assert.equal(count(first, segment(1501, octets(500))), 2, 'a gap');
  assert.equal(count(first, segment(1500, octets(500), ACK, 78)), 2, 'another acknowledgement');
  assert.equal(count(first, segment(1500, octets(501))), 2, 'longer than the first');
  assert.equal(count(first, segment(1500, octets(500), ACK | TcpFlags.fin)), 2, 'FIN');
  assert.equal(count(first, segment(1500, new Uint8Array(0))), 2, 'no user data');
  assert.equal(count(segment(500, octets(500), ACK | TcpFlags.psh), first), 2, 'behind PSH');
  assert.equal(count(segment(600, octets(400)), first), 2, 'behind a shorter one');
  const other = buildTcp({ ...TUPLE, sourcePort: 1 }, { sequence: 1500, acknowledgement: 77, flags: ACK }, octets(500));
  assert.deepEqual(
    join([first, other, next]).map((write) => readU16be(write, OFFLOAD_HEADER + 20)),
    [40000, 1, 40000],
  );
  const damaged = next.slice();
  damaged[60]! ^= 1;
  const kept = join([first, damaged]);
  assert.equal(kept.length, 2, 'a wrong checksum');
  assert.deepEqual(kept[1]!.subarray(OFFLOAD_HEADER), damaged, 'it stays wrong');
  assert.equal(kept[1]![0], 0, 'and is not called valid');
  const mayFragment = [first, next].map((packet) => {
    const copy = packet.slice();
    writeU16be(copy, 6, 0);
    return withId(copy, 9);
  });
  assert.equal(count(...mayFragment), 2, 'an IP id that matters');
});

/** The packet with another IP id. */
function withId(packet: Uint8Array, id: number): Uint8Array {
  writeU16be(packet, 4, id);
  writeU16be(packet, 10, ipv4HeaderChecksum(packet, 0, 20));
  return packet;
}

/** A frame of a packet without offload header: as it was read by the splitter of its own memory. */
function arrived(packet: Uint8Array, train?: number): [Frame, PacketSplitter] {
  const bench = new Bench();
  const frame = new Uint8Array(OFFLOAD_HEADER + packet.length);
  frame.set(packet, OFFLOAD_HEADER);
  const bytes = train === undefined ? frame : superPacket(packet, Cut.udp, train);
  return [bench.begin(bytes), bench.splitter];
}

/** What a wrapper holds: a TCP header with a sequence number, and data. */
function inside(sequence: number, length: number, port = 40000): Uint8Array {
  const tcp = new Uint8Array(length);
  writeU16be(tcp, 0, port);
  writeU16be(tcp, 2, 7000);
  writeU32be(tcp, 4, sequence);
  return tcp;
}

test('of packets that arrived together those of one connection come in order over all ways, each way in its own', () => {
  const SIZE = 100;
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 60 }),
      fc.integer({ min: 0, max: 0xffffffff }),
      (ways, start) => {
        const numbers: number[][] = [[], [], [], []];
        for (const [i, way] of ways.entries()) numbers[way]!.push((start + i * SIZE) >>> 0);
        const arrivals = new Arrivals();
        for (const [way, own] of numbers.entries()) {
          const tuple = { ...TUPLE, destination: TUPLE.destination + way };
          if (way === 0) for (const number of own) arrivals.add(...arrived(segment(number, octets(SIZE))));
          else if (own.length > 0) {
            const train = new Uint8Array(own.length * SIZE);
            for (const [i, number] of own.entries()) train.set(inside(number, SIZE), i * SIZE);
            arrivals.add(...arrived(buildUdp(tuple, train), SIZE));
          }
        }
        const seen: number[] = [];
        const count = arrivals.pass((packet) => seen.push(readU32be(packet, packet[9] === TCP ? 24 : 32)));
        assert.equal(count, ways.length);
        assert.deepEqual(
          seen,
          ways.map((_way, i) => (start + i * SIZE) >>> 0),
        );
      },
    ),
    runs(100),
  );
});

test('other connections, other protocols and packets of one way stay in the order in which they came', () => {
  const ping = buildUdp(TUPLE, octets(4));
  const packets = [
    segment(500, octets(10)),
    segment(400, octets(10)),
    buildUdp(TUPLE, inside(300, 30, 1)),
    ping,
    buildUdp({ ...TUPLE, destination: 1 }, inside(200, 30, 2)),
  ];
  const arrivals = new Arrivals();
  for (const packet of packets) arrivals.add(...arrived(packet));
  const seen: Uint8Array[] = [];
  arrivals.pass((packet, length) => seen.push(packet.slice(0, length)));
  assert.deepEqual(seen, packets);
  assert.equal(
    arrivals.pass(() => assert.fail()),
    0,
  );
});
