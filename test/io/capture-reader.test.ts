import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { CaptureError } from '../../src/io/capture-error.js';
import { CaptureParser, capturePackets, readCapture } from '../../src/io/capture-reader.js';
import type { CaptureSource } from '../../src/io/capture-source.js';
import { type CapturedPacket, copyPacket } from '../../src/io/captured-packet.js';
import { runs } from '../support/runs.js';
import { bytes, joined, MadeSection, madePcap, madePcapRecord, pieces, sourceOf } from './made-captures.js';

const PCAPS = 'fixtures/pcaps';

interface Outcome {
  packets: CapturedPacket[];
  error: CaptureError | undefined;
}

/** Everything that a source yields, and the error that ended it. */
async function outcomeOf(source: CaptureSource): Promise<Outcome> {
  const packets: CapturedPacket[] = [];
  try {
    await readCapture(source, (packet) => packets.push(copyPacket(packet)));
  } catch (error) {
    assert.ok(error instanceof CaptureError, String(error));
    return { packets, error };
  }
  return { packets, error: undefined };
}

function parsed(file: Uint8Array, chunkLength = file.length): Outcome {
  const packets: CapturedPacket[] = [];
  const parser = new CaptureParser((packet) => packets.push(copyPacket(packet)));
  try {
    for (const piece of pieces(file, Math.max(chunkLength, 1))) parser.push(piece);
    parser.end();
  } catch (error) {
    assert.ok(error instanceof CaptureError, String(error));
    return { packets, error };
  }
  return { packets, error: undefined };
}

const essence = (packets: readonly CapturedPacket[]) =>
  packets.map((p) => [
    p.number,
    p.seconds,
    p.nanoseconds,
    p.linkType,
    p.capturedLength,
    p.originalLength,
    [...p.buffer],
    p.comments,
  ]);

/** A small file in each of the two formats, with the offsets at which it may be cut and still be whole. */
function smallPcap(): { file: Uint8Array; boundaries: number[] } {
  const packets = [bytes(60), bytes(0), bytes(33, 7)].map((data, index) => ({
    seconds: 100 + index,
    fraction: index,
    data,
  }));
  const boundaries = [24];
  for (const { data } of packets) boundaries.push(boundaries.at(-1)! + 16 + data.length);
  return { file: madePcap({ littleEndian: true }, packets), boundaries };
}

function smallPcapng(): { file: Uint8Array; boundaries: number[] } {
  const le = new MadeSection(true);
  const be = new MadeSection(false);
  const blocks = [
    le.header(),
    le.interface(1),
    le.enhanced(0, 1_000_000n, bytes(41), 41, ['first']),
    le.block(5, bytes(20)),
    le.simple(bytes(21)),
    be.header(),
    be.interface(101, 96, [be.option(9, Uint8Array.of(9))]),
    be.block(0x0bad, bytes(4)),
    be.obsolete(0, 5_000_000_001n, bytes(17), 1500),
  ];
  const boundaries: number[] = [];
  for (const block of blocks) boundaries.push((boundaries.at(-1) ?? 0) + block.length);
  return { file: joined(blocks), boundaries };
}

test('classic pcap agrees with pcap-parser on every recording, in both byte orders', async () => {
  const files = readdirSync(PCAPS).filter((name) => name.endsWith('.pcap'));
  assert.ok(files.length > 20);
  for (const name of files) {
    const file = readFileSync(join(PCAPS, name));
    const ours = await outcomeOf(join(PCAPS, name));
    assert.equal(ours.error, undefined);
    assertOracle(ours.packets, await oracle(file), name);
    if (ours.packets.length > 1000) continue;
    const turned = madePcap(
      { littleEndian: false },
      ours.packets.map((p) => ({
        seconds: p.seconds,
        fraction: p.nanoseconds / 1000,
        data: p.buffer,
        originalLength: p.originalLength,
      })),
    );
    const big = parsed(turned);
    assert.deepEqual(essence(big.packets), essence(ours.packets), name);
    assertOracle(big.packets, await oracle(Buffer.from(turned)), `${name} big-endian`);
  }
});

interface OraclePacket {
  header: { timestampSeconds: number; timestampMicroseconds: number; capturedLength: number; originalLength: number };
  data: Uint8Array;
}

function oracle(file: Buffer): Promise<OraclePacket[]> {
  const pcapParser = createRequire(import.meta.url)('pcap-parser') as {
    parse(stream: Readable): NodeJS.EventEmitter;
  };
  return new Promise((resolve, reject) => {
    const packets: OraclePacket[] = [];
    const parser = pcapParser.parse(Readable.from([file]));
    parser.on('packet', (packet: OraclePacket) => packets.push(packet));
    parser.on('end', () => resolve(packets));
    parser.on('error', reject);
  });
}

function assertOracle(ours: readonly CapturedPacket[], theirs: readonly OraclePacket[], name: string): void {
  assert.equal(ours.length, theirs.length, name);
  ours.forEach((packet, index) => {
    const { header, data } = theirs[index]!;
    assert.equal(packet.number, index + 1);
    assert.equal(packet.seconds, header.timestampSeconds);
    assert.equal(packet.nanoseconds, header.timestampMicroseconds * 1000);
    assert.equal(packet.capturedLength, header.capturedLength);
    assert.equal(packet.originalLength, header.originalLength);
    assert.ok(Buffer.from(data).equals(packet.buffer), `${name} frame ${packet.number}`);
  });
}

test('nanosecond pcap in both byte orders; a fraction of a second or more is carried', () => {
  for (const littleEndian of [true, false]) {
    const file = madePcap({ littleEndian, nanoseconds: true, linkType: 113 }, [
      { seconds: 1, fraction: 999_999_999, data: bytes(3), originalLength: 1514 },
      { seconds: 1, fraction: 2_500_000_000, data: bytes(0) },
    ]);
    const { packets, error } = parsed(file);
    assert.equal(error, undefined);
    assert.deepEqual(essence(packets), [
      [1, 1, 999_999_999, 113, 3, 1514, [0, 1, 2], undefined],
      [2, 3, 500_000_000, 113, 0, 0, [], undefined],
    ]);
  }
});

test('a frame check sequence length in the network field does not change the link type', () => {
  const file = madePcap({ littleEndian: true, linkType: 0x14000001 }, [{ seconds: 0, fraction: 0, data: bytes(1) }]);
  assert.equal(parsed(file).packets[0]?.linkType, 1);
});

for (const littleEndian of [true, false]) {
  test(`pcapng ${littleEndian ? 'little' : 'big'}-endian: every packet block, options, several interfaces and sections`, () => {
    const s = new MadeSection(littleEndian);
    const other = new MadeSection(!littleEndian);
    const file = joined([
      s.header(),
      s.interface(1, 64, [s.option(2, bytes(5, 97)), s.option(9, Uint8Array.of(3))]),
      s.interface(113, 0, [s.option(14, s.u64(1000n)), s.option(9, Uint8Array.of(0x8a))]),
      s.block(4, bytes(8)), // name resolution
      s.enhanced(0, 1234n, bytes(5), 1500, ['eins', 'zwei']),
      s.enhanced(1, 1536n, bytes(4)),
      s.block(0x80000001, bytes(0)), // someone's own block
      s.obsolete(1, 1024n, bytes(7), 7, ['old']),
      s.simple(bytes(64), 200),
      s.simple(bytes(9)),
      s.block(5, bytes(12)), // interface statistics
      other.header(),
      other.interface(101),
      other.enhanced(0, 2_000_001n, bytes(2)),
    ]);
    const { packets, error } = parsed(file);
    assert.equal(error, undefined);
    assert.deepEqual(
      packets.map((p) => [
        p.number,
        p.seconds,
        p.nanoseconds,
        p.linkType,
        p.interfaceId,
        p.capturedLength,
        p.originalLength,
        p.comments,
      ]),
      [
        [1, 1, 234_000_000, 1, 0, 5, 1500, ['eins', 'zwei']],
        [2, 1001, 500_000_000, 113, 1, 4, 4, undefined],
        [3, 1001, 0, 113, 1, 7, 7, ['old']],
        [4, 0, 0, 1, 0, 64, 200, undefined],
        [5, 0, 0, 1, 0, 9, 9, undefined],
        [6, 2, 1000, 101, 0, 2, 2, undefined],
      ],
    );
    for (const packet of packets) assert.deepEqual([...packet.buffer], [...bytes(packet.capturedLength)]);
  });
}

test('if_tsresol: every power of ten and of two gives the time that exact arithmetic gives', () => {
  const s = new MadeSection(true);
  fc.assert(
    fc.property(
      fc.oneof(
        fc.integer({ min: 0, max: 19 }),
        fc.integer({ min: 0, max: 63 }).map((n) => n | 0x80),
      ),
      fc.bigInt({ min: 0n, max: (1n << 40n) - 1n }),
      fc.bigInt({ min: 0n, max: (1n << 63n) - 1n }),
      (resolution, wholeSeconds, part) => {
        const unit = (resolution & 0x80) === 0 ? 10n ** BigInt(resolution) : 2n ** BigInt(resolution & 0x7f);
        const units = BigInt.asUintN(64, wholeSeconds * unit + (part % unit));
        const file = joined([
          s.header(),
          s.interface(1, 0, [s.option(9, Uint8Array.of(resolution))]),
          s.enhanced(0, units, bytes(1)),
        ]);
        const packet = parsed(file).packets[0]!;
        // Beyond 2^53 a number of seconds is not exact; no clock is there.
        if (units / unit < 1n << 53n) assert.equal(packet.seconds, Number(units / unit));
        assert.equal(packet.nanoseconds, Number(((units % unit) * 1_000_000_000n) / unit));
      },
    ),
    runs(3000),
  );
});

test('a negative if_tsoffset is subtracted', () => {
  const s = new MadeSection(false);
  const offset = s.option(14, s.u64(BigInt.asUintN(64, -7n)));
  const file = joined([s.header(), s.interface(1, 0, [offset]), s.enhanced(0, 10_500_000n, bytes(1))]);
  const packet = parsed(file).packets[0]!;
  assert.deepEqual([packet.seconds, packet.nanoseconds], [3, 500_000_000]);
});

for (const [name, { file, boundaries }] of [
  ['pcap', smallPcap()],
  ['pcapng', smallPcapng()],
] as const) {
  test(`every prefix of a small ${name} yields a prefix of its packets, and is truncated unless cut between records`, () => {
    const whole = parsed(file);
    assert.equal(whole.error, undefined);
    for (let length = 0; length < file.length; length++) {
      for (const chunkLength of [1, 7, length]) {
        const { packets, error } = parsed(file.slice(0, length), chunkLength);
        assert.deepEqual(essence(packets), essence(whole.packets.slice(0, packets.length)), `prefix ${length}`);
        if (boundaries.includes(length)) {
          assert.equal(error, undefined, `prefix ${length}`);
        } else {
          assert.equal(error?.code, 'capture-truncated', `prefix ${length}`);
          // The place named is the start of the header, record or block that was cut.
          const start = Math.max(0, ...boundaries.filter((boundary) => boundary <= length));
          assert.ok(error.offset >= start && error.offset <= length, `prefix ${length}: offset ${error.offset}`);
        }
      }
    }
  });

  test(`a ${name} reads the same in chunks of any length`, () => {
    const whole = essence(parsed(file).packets);
    for (let chunkLength = 1; chunkLength < file.length; chunkLength++) {
      const { packets, error } = parsed(file, chunkLength);
      assert.equal(error, undefined);
      assert.deepEqual(essence(packets), whole, `chunks of ${chunkLength}`);
    }
  });

  test(`a ${name} with any byte changed ends in packets and at most one CaptureError`, () => {
    fc.assert(
      fc.property(
        fc.nat(file.length - 1),
        fc.integer({ min: 1, max: 255 }),
        fc.integer({ min: 1, max: 64 }),
        (at, flip, size) => {
          const changed = file.slice();
          changed[at]! ^= flip;
          parsed(changed, size);
        },
      ),
      runs(2000),
    );
  });
}

test('random bytes after a right magic number never throw anything but a CaptureError', () => {
  const magics = [
    [0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0],
    [0xa1, 0xb2, 0x3c, 0x4d, 0, 2, 0, 4],
    [0x0a, 0x0d, 0x0d, 0x0a, 28, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0],
  ];
  fc.assert(
    fc.property(fc.constantFrom(...magics), fc.uint8Array({ maxLength: 400 }), (magic, rest) => {
      parsed(joined([Uint8Array.from(magic), rest]));
    }),
    runs(2000),
  );
});

test('lengths that cannot be right are damage, named with offset, found and needed, after the packets before', () => {
  const le = new MadeSection(true);
  const good = [le.header(), le.interface(1), le.enhanced(0, 0n, bytes(4))];
  const at = joined(good).length;
  const oddLength = le.block(6, bytes(32));
  new DataView(oddLength.buffer).setUint32(4, 46, true);
  const huge = le.enhanced(0, 0n, bytes(4));
  new DataView(huge.buffer).setUint32(4, 0xfffffffc, true);
  const lying = le.enhanced(0, 0n, bytes(4));
  new DataView(lying.buffer).setUint32(20, 5, true);
  const cases: [string, Uint8Array, Partial<CaptureError>][] = [
    ['not a multiple of 4', oddLength, { found: 46, needed: 'a multiple of 4' }],
    ['too small', le.block(6, bytes(16)), { found: 28, needed: 32 }],
    ['unknown block too small', joined([le.u32(77), le.u32(8), bytes(8)]), { found: 8, needed: 12 }],
    ['huge', huge, { found: 0xfffffffc, needed: 1 << 20 }],
    ['trailing length', le.block(6, bytes(24), 40), { found: 40, needed: 36 }],
    ['trailing length of a skipped block', le.block(77, bytes(24), 40), { found: 40, needed: 36 }],
    ['more captured than the block holds', lying, { found: 5, needed: 4 }],
    ['unknown interface', le.enhanced(3, 0n, bytes(4)), { found: 3, needed: 'below 1' }],
    ['captured length', le.enhanced(0, 0n, bytes(262148)), { found: 262148, needed: 262144 }],
  ];
  for (const [name, block, expected] of cases) {
    const { packets, error } = parsed(joined([...good, block, le.enhanced(0, 0n, bytes(4))]));
    assert.equal(packets.length, 1, name);
    assert.equal(error?.code, 'capture-damaged', name);
    assert.equal(error.offset, at, name);
    assert.deepEqual({ found: error.found, needed: error.needed }, expected, name);
    assert.match(error.message, new RegExp(`byte ${at}\\b`), name);
  }

  const record = madePcapRecord(true, { seconds: 0, fraction: 0, data: bytes(4) });
  const absurd = record.slice();
  new DataView(absurd.buffer).setUint32(8, 0xffffffff, true);
  const { packets, error } = parsed(
    joined([madePcap({ littleEndian: true }, []), record, absurd, new Uint8Array(1 << 20)]),
    4096,
  );
  assert.equal(packets.length, 1);
  assert.deepEqual(
    [error?.code, error?.offset, error?.found, error?.needed],
    ['capture-damaged', 44, 0xffffffff, 262144],
  );
});

test('the largest believed packet is read in both formats', () => {
  const data = bytes(262144);
  const s = new MadeSection(true);
  const pcap = madePcap({ littleEndian: true }, [{ seconds: 0, fraction: 0, data }]);
  const pcapng = joined([s.header(), s.interface(1), s.enhanced(0, 0n, data)]);
  for (const file of [pcap, pcapng]) {
    const { packets, error } = parsed(file, 1000);
    assert.equal(error, undefined);
    assert.deepEqual(packets[0]?.buffer, data);
  }
});

test('a block of an unknown type is skipped whatever its length, without being held in memory', () => {
  const s = new MadeSection(true);
  const parser = new CaptureParser(() => {});
  parser.push(joined([s.header(), s.u32(77), s.u32(0x40000000)]));
  const before = process.memoryUsage().arrayBuffers;
  const chunk = new Uint8Array(1 << 20);
  for (let sent = 0; sent < 64; sent++) parser.push(chunk);
  assert.ok(process.memoryUsage().arrayBuffers - before < 8 << 20);
  assert.throws(() => parser.end(), { code: 'capture-truncated' });
});

test('foreign formats and versions are refused by name', async () => {
  const cases: [Uint8Array, string, RegExp][] = [
    [Buffer.from('hello, world'), 'capture-unknown-format', /0x68656c6c/],
    [Buffer.from('<?xm'), 'capture-unknown-format', /no capture file/],
    [new Uint8Array(0), 'capture-truncated', /is empty/],
    [new MadeSection(true).header(2), 'capture-unsupported', /version 2\.0/],
    [Uint8Array.from([0xa1, 0xb2, 0xc3, 0xd4, 0, 9, 0, 4, ...bytes(16)]), 'capture-unsupported', /version 9\.4/],
    [Uint8Array.from([0x0a, 0x0d, 0x0d, 0x0a, 28, 0, 0, 0, 1, 2, 3, 4]), 'capture-damaged', /byte-order magic/],
  ];
  for (const [file, code, message] of cases) {
    const { packets, error } = await outcomeOf(sourceOf(file));
    assert.equal(packets.length, 0);
    assert.equal(error?.code, code);
    assert.match(error.message, message);
  }
});

test('a file that cannot be read is said so in one sentence', async () => {
  const missing = await outcomeOf('fixtures/pcaps/no-such-file.pcap');
  assert.equal(missing.error?.code, 'capture-unreadable');
  assert.match(missing.error.message, /no-such-file\.pcap cannot be read: there is no such file\.$/);
  const folder = await outcomeOf('fixtures/pcaps');
  assert.equal(folder.error?.code, 'capture-unreadable');
  assert.match(folder.error.message, /it is a directory\.$/);
});

test('gzip is recognised by its magic: from a file, from single bytes, in several members', async () => {
  const { file } = smallPcapng();
  const whole = essence(parsed(file).packets);
  const members = joined([gzipSync(file.subarray(0, 100)), gzipSync(file.subarray(100))]);
  for (const source of [sourceOf(gzipSync(file)), sourceOf(...pieces(gzipSync(file), 1)), sourceOf(members)]) {
    const { packets, error } = await outcomeOf(source);
    assert.equal(error, undefined);
    assert.deepEqual(essence(packets), whole);
  }
  const folder = mkdtempSync(join(tmpdir(), 'mpip-io-'));
  try {
    writeFileSync(join(folder, 'a.pcapng.gz'), gzipSync(file));
    assert.deepEqual(essence((await outcomeOf(join(folder, 'a.pcapng.gz'))).packets), whole);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a large gzip reads like the plain file, and cut or damaged yields what comes before', async () => {
  const name = join(PCAPS, 'linux-2015-tcp-fake.pcap');
  const whole = await outcomeOf(name);
  const zipped = gzipSync(readFileSync(name));
  const same = await outcomeOf(sourceOf(...pieces(zipped, 100_000)));
  assert.equal(same.error, undefined);
  assert.deepEqual(essence(same.packets), essence(whole.packets));

  const cut = await outcomeOf(sourceOf(zipped.subarray(0, zipped.length >> 1)));
  assert.equal(cut.error?.code, 'capture-truncated');
  assert.ok(cut.packets.length > whole.packets.length / 4);
  assert.deepEqual(essence(cut.packets), essence(whole.packets.slice(0, cut.packets.length)));

  const damaged = Buffer.from(zipped);
  damaged.fill(0xff, zipped.length >> 1, (zipped.length >> 1) + 64);
  const broken = await outcomeOf(sourceOf(damaged));
  assert.ok(broken.error !== undefined);
  // zlib notices damage a little late, so only the packets before it need be right.
  assert.ok(broken.packets.length > whole.packets.length / 4);
});

test('a gzip damaged in its last octets still yields every packet', async () => {
  const name = join(PCAPS, 'linux-2015-udp.pcap');
  const whole = await outcomeOf(name);
  const zipped = gzipSync(readFileSync(name));
  const sum = Buffer.from(zipped);
  sum[sum.length - 8]! ^= 1;
  for (const source of [sourceOf(sum), sourceOf(...pieces(sum, 5000))]) {
    const { packets, error } = await outcomeOf(source);
    assert.equal(error?.code, 'capture-gzip-damaged');
    assert.match(error.message, new RegExp(`damaged after ${readFileSync(name).length} inflated bytes`));
    assert.deepEqual(essence(packets), essence(whole.packets));
  }
});

test('a gzip cut anywhere yields a prefix of the packets and is truncated', async () => {
  const { file } = smallPcap();
  const whole = essence(parsed(file).packets);
  const zipped = gzipSync(file);
  for (let length = 2; length < zipped.length; length++) {
    const { packets, error } = await outcomeOf(sourceOf(zipped.subarray(0, length)));
    assert.equal(error?.code, 'capture-truncated', `prefix ${length}`);
    assert.deepEqual(essence(packets), whole.slice(0, packets.length));
  }
});

test('a file of several chunks is read as the bytes in memory are, plain and from a slow reader', async () => {
  const packets = Array.from({ length: 10_000 }, (_, index) => ({
    seconds: index,
    fraction: index,
    data: bytes(900 + (index % 400), index),
  }));
  const file = madePcap({ littleEndian: true }, packets);
  assert.ok(file.length > 10 << 20);
  const digest = (list: readonly CapturedPacket[]) =>
    list.map((p) => `${p.number} ${p.seconds} ${p.capturedLength} ${p.buffer[0]} ${p.buffer.at(-1)}`).join();
  const whole = digest(parsed(file).packets);
  const folder = mkdtempSync(join(tmpdir(), 'mpip-io-'));
  try {
    const path = join(folder, 'a.pcap');
    writeFileSync(path, file);
    assert.equal(digest((await outcomeOf(path)).packets), whole);
    const slowly: CapturedPacket[] = [];
    for await (const packet of capturePackets(path)) {
      slowly.push(packet);
      if (packet.number % 4000 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assert.equal(digest(slowly), whole);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('the async iterator yields packets that may be kept, and the damage after them', async () => {
  const { file } = smallPcap();
  const kept: CapturedPacket[] = [];
  await assert.rejects(
    async () => {
      for await (const packet of capturePackets(sourceOf(file.slice(0, file.length - 1)))) kept.push(packet);
    },
    { code: 'capture-truncated' },
  );
  assert.deepEqual(essence(kept), essence(parsed(file).packets.slice(0, 2)));

  let ended = false;
  async function* watched() {
    try {
      yield file;
    } finally {
      ended = true;
    }
  }
  for await (const _ of capturePackets(watched())) break;
  assert.ok(ended, 'a reader that stops early closes the source');
});

test('betweenChunks can stop the reading', async () => {
  const { file } = smallPcap();
  let count = 0;
  await readCapture(sourceOf(...pieces(file, 60)), () => count++, { betweenChunks: () => false });
  assert.equal(count, 0);
});

test('the reused record is the same object every time and comments do not stay on it', () => {
  const s = new MadeSection(true);
  const seen = new Set<CapturedPacket>();
  const comments: unknown[] = [];
  const parser = new CaptureParser((packet) => {
    seen.add(packet);
    comments.push(packet.comments);
  });
  parser.push(joined([s.header(), s.interface(1), s.enhanced(0, 0n, bytes(1), 1, ['c']), s.enhanced(0, 0n, bytes(1))]));
  assert.equal(seen.size, 1);
  assert.deepEqual(comments, [['c'], undefined]);
});
