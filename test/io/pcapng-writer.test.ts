import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { CaptureParser, readCapture } from '../../src/io/capture-reader.js';
import { type CapturedPacket, copyPacket } from '../../src/io/captured-packet.js';
import { PcapngEncoder, PcapngFile } from '../../src/io/pcapng-writer.js';
import { runs } from '../support/runs.js';
import { bytes, joined } from './made-captures.js';

const comment = fc.string({ unit: 'grapheme', maxLength: 40 });

test('what is written is read back: interfaces, times, bytes, lengths, comments', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ linkType: fc.integer({ min: 0, max: 65535 }), name: comment }), {
        minLength: 1,
        maxLength: 4,
      }),
      fc.array(
        fc.record({
          from: fc.nat(),
          seconds: fc.oneof(fc.integer({ min: 0, max: 2 ** 32 }), fc.constant(18446744072)),
          nanoseconds: fc.integer({ min: 0, max: 999_999_999 }),
          data: fc.uint8Array({ maxLength: 100 }),
          more: fc.nat(2000),
          comments: fc.array(comment, { maxLength: 3 }),
        }),
        { maxLength: 10 },
      ),
      (interfaces, packets) => {
        const encoder = new PcapngEncoder();
        const chunks = [encoder.section({ application: 'mpip', comments: ['evidence.link: socket'] })];
        const ids = interfaces.map((one) => {
          const { id, bytes } = encoder.interface(one);
          chunks.push(bytes);
          return id;
        });
        for (const { from, seconds, nanoseconds, data, more, comments } of packets) {
          const interfaceId = ids[from % ids.length]!;
          chunks.push(
            encoder.packet({ interfaceId, seconds, nanoseconds, data, originalLength: data.length + more, comments }),
          );
        }
        const read: CapturedPacket[] = [];
        const parser = new CaptureParser((packet) => read.push(copyPacket(packet)));
        parser.push(joined(chunks));
        parser.end();
        assert.deepEqual(
          read.map((p) => ({ ...p, buffer: [...p.buffer] })),
          packets.map((p, index) => ({
            number: index + 1,
            seconds: p.seconds,
            nanoseconds: p.nanoseconds,
            linkType: interfaces[p.from % ids.length]!.linkType,
            interfaceId: p.from % ids.length,
            buffer: [...p.data],
            offset: 0,
            capturedLength: p.data.length,
            originalLength: p.data.length + p.more,
            comments: p.comments.length > 0 ? p.comments : undefined,
          })),
        );
      },
    ),
    runs(500),
  );
});

test('what pcapng cannot hold is refused', () => {
  const encoder = new PcapngEncoder();
  const packet = { seconds: 0, nanoseconds: 0, data: bytes(1) };
  encoder.section();
  assert.throws(() => encoder.packet(packet), { code: 'pcapng-not-writable', message: /interface 0/ });
  encoder.interface({ linkType: 101 });
  assert.throws(() => encoder.packet({ ...packet, interfaceId: 1 }), { code: 'pcapng-not-writable' });
  assert.throws(() => encoder.packet({ ...packet, nanoseconds: 1e9 }), { code: 'pcapng-not-writable' });
  assert.throws(() => encoder.packet({ ...packet, seconds: -1 }), { code: 'pcapng-not-writable' });
  assert.throws(() => encoder.packet({ ...packet, seconds: 1.5 }), { code: 'pcapng-not-writable' });
  assert.throws(() => encoder.packet({ ...packet, comments: ['x'.repeat(65536)] }), { code: 'pcapng-not-writable' });
  assert.ok(encoder.packet({ ...packet, comments: ['x'.repeat(65535)] }).length > 65535);
});

test('a file grows by whole blocks, keeps packets larger than its buffer, and closes twice', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mpip-io-'));
  try {
    const path = join(folder, 'a.pcapng');
    const file = new PcapngFile(path, { application: 'mpip' });
    file.interface({ linkType: 101 });
    file.packet({ seconds: 1, nanoseconds: 1, data: bytes(262144) });
    file.flush();
    const count = async () => {
      let packets = 0;
      await readCapture(path, () => packets++);
      return packets;
    };
    assert.equal(await count(), 1);
    for (let index = 0; index < 3000; index++) file.packet({ seconds: 2, nanoseconds: index, data: bytes(100) });
    file.close();
    file.close();
    assert.equal(await count(), 3001);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

const hasTshark = spawnSync('tshark', ['--version']).status === 0;

test('tshark reads our pcapng as we mean it, comments included', (t) => {
  if (!hasTshark) {
    assert.notEqual(process.env.CI, 'true', 'tshark is needed to check our pcapng files: apt-get install tshark');
    t.skip('tshark is not installed (apt-get install tshark), so nothing but our own reader has read our pcapng here');
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'mpip-io-'));
  try {
    const path = join(folder, 'a.pcapng');
    const datagram = Buffer.from(
      '4500001e000040004011' + '3cac' + '7f0000027f000003' + '1b581b59000a0000' + '6869',
      'hex',
    );
    const file = new PcapngFile(path, { application: 'mpip 0.1', comments: ['evidence.link: socket'] });
    const raw = file.interface({ linkType: 101, name: 'lo' });
    const ethernet = file.interface({ linkType: 1, name: 'veth0' });
    const frame = Buffer.concat([Buffer.from('0102030405060708090a0b0c0800', 'hex'), datagram]);
    file.packet({
      interfaceId: raw,
      seconds: 1795376191,
      nanoseconds: 114421001,
      data: datagram,
      comments: ['AV-query-cap: pass', 'zweite Zeile ✓'],
    });
    file.packet({ interfaceId: ethernet, seconds: 1795376192, nanoseconds: 7, data: frame, originalLength: 1500 });
    file.close();
    const fields = [
      'frame.number',
      'frame.time_epoch',
      'frame.interface_name',
      'frame.cap_len',
      'frame.len',
      'ip.dst',
      'udp.srcport',
      'frame.comment',
    ];
    const output = execFileSync(
      'tshark',
      ['-r', path, '-T', 'fields', '-E', 'separator=|', ...fields.flatMap((field) => ['-e', field])],
      {
        encoding: 'utf8',
        env: { ...process.env, LC_ALL: 'C.UTF-8', TZ: 'UTC' },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    const [first, second] = output.trim().split('\n');
    assert.equal(first, '1|1795376191.114421001|lo|30|30|127.0.0.3|7000|AV-query-cap: pass,zweite Zeile ✓');
    assert.equal(second, '2|1795376192.000000007|veth0|44|1500|127.0.0.3|7000|');
    assert.ok(readFileSync(path).includes('evidence.link: socket'));
    const info = spawnSync('capinfos', [path], { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C.UTF-8' } });
    if (info.status === 0) {
      assert.match(info.stdout, /Capture application:\s+mpip 0\.1/);
      assert.match(info.stdout, /evidence\.link: socket/);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
