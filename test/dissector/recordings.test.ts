import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { dissectCapture } from '../../src/dissector/dissect-capture.js';
import { Dissector } from '../../src/dissector/dissector.js';
import type { PacketRecord } from '../../src/dissector/record.js';
import { Summary } from '../../src/dissector/summary.js';
import { readCapture } from '../../src/io/capture-reader.js';

const FOLDER = 'fixtures/pcaps';
const captures = readdirSync(FOLDER).filter((name) => name.endsWith('.pcap'));

function expectedOf(name: string): Record<string, unknown>[] {
  const lines = readFileSync(join(FOLDER, name.replace(/\.pcap$/, '.expected.ndjson')), 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Record<string, unknown>);
}

async function recordsOf(name: string, options = {}): Promise<PacketRecord[]> {
  const records: PacketRecord[] = [];
  for await (const record of dissectCapture(join(FOLDER, name), options)) records.push(record);
  return records;
}

test('there are recordings to compare with', () => {
  assert.equal(captures.length, 24);
});

for (const name of captures) {
  test(`${name}: the same frames carry a CM, and every expected field is equal`, async () => {
    const expected = expectedOf(name);
    const records = await recordsOf(name);
    assert.deepEqual(
      records.map((record) => record['frame.number']),
      expected.map((record) => record['frame.number']),
    );
    records.forEach((record, index) => {
      const wanted = expected[index]!;
      const found = Object.fromEntries(Object.keys(wanted).map((key) => [key, record[key as keyof PacketRecord]]));
      assert.deepEqual(found, wanted);
    });
  });

  test(`${name}: the summary counts what the expected file holds`, async () => {
    const expected = expectedOf(name);
    const dissector = new Dissector();
    const summary = new Summary();
    await readCapture(join(FOLDER, name), (packet) => summary.add(dissector, packet));
    const report = summary.report(dissector);
    assert.equal(report.mpip, expected.length);
    const names = Object.keys(report.flags);
    const tally = (keys: readonly string[]) => {
      const counts: Record<string, number> = {};
      for (const record of expected) {
        const key = keys.map((one) => record[one]).join(' ');
        counts[key] = (counts[key] ?? 0) + 1;
      }
      return counts;
    };
    const flags = tally(['mpip.flags']);
    names.forEach((flag, value) => {
      assert.equal(report.flags[flag], flags[String(value)] ?? 0, flag);
    });
    const paths: Record<string, number> = {};
    for (const node of report.nodes) {
      assert.equal(node.packets, tally(['mpip.node_id'])[node['mpip.node_id']]);
      for (const session of node.sessions) {
        for (const path of session.paths) {
          paths[[node['mpip.node_id'], session['mpip.session_id'], path['mpip.path_id']].join(' ')] = path.packets;
        }
      }
    }
    assert.deepEqual(paths, tally(['mpip.node_id', 'mpip.session_id', 'mpip.path_id']));
  });
}

for (const name of captures.filter((one) => one.includes('wrapper'))) {
  test(`${name}: UDP with a session is wrapped TCP, and its inner header is shown`, async () => {
    const records = await recordsOf(name);
    const inSession = records.filter((record) => record['ip.proto'] === 17 && record['mpip.session_id'] !== 0);
    assert.ok(inSession.length > 50);
    for (const record of inSession) {
      assert.equal(record['mpip.wrapper'], true, `frame ${record['frame.number']}`);
      assert.equal(record['tcp.srcport'], record['udp.srcport']);
      assert.equal(record['tcp.dstport'], record['udp.dstport']);
      assert.ok(record['udp.length']! > 0);
      assert.equal(record['tcp.flags']! & 0x10, 0x10, 'an ACK');
    }
    // The wrapped segments are of the byte streams that the unwrapped ones are of.
    const streams = records.filter((record) => record['ip.proto'] === 6).map((record) => record['tcp.seq_raw']!);
    const [low, high] = [Math.min(...streams), Math.max(...streams)];
    assert.ok(inSession.some((record) => record['tcp.seq_raw']! >= low && record['tcp.seq_raw']! <= high));
  });
}

test('no UDP recording is taken for wrapped TCP, and no plain TCP for a wrapper', async () => {
  for (const name of captures.filter((one) => !one.includes('wrapper'))) {
    for (const record of await recordsOf(name)) assert.equal(record['mpip.wrapper'], undefined, name);
  }
});

test('with all, every packet has its record and the CMs stay the same', async () => {
  const name = 'linux-2015-udp-bigsizes.pcap';
  const records = await recordsOf(name, { all: true });
  let packets = 0;
  await readCapture(join(FOLDER, name), () => packets++);
  assert.deepEqual(
    records.map((record) => record['frame.number']),
    Array.from({ length: packets }, (_, index) => index + 1),
  );
  assert.equal(records.filter((record) => record['mpip.flags'] !== undefined).length, expectedOf(name).length);
});

test('hand-made probes with flags 6 are near-CMs, only with all; one with a wrong sum from a node not yet seen is not', async () => {
  const name = 'linux-2015-hand-made-probes.pcap';
  const near = (await recordsOf(name, { all: true })).filter((record) => record['mpip.expert']?.includes('near-cm'));
  assert.deepEqual(
    near.map((record) => record['frame.number']),
    [19, 20],
  );
  assert.ok(near.every((record) => record['mpip.analysis.near_cm'] === 'flags are 6, above 5'));
  for (const record of near) {
    assert.equal(record['mpip.checksum.status'], 'bad');
    assert.equal(record['mpip.flags'], undefined);
  }
  assert.ok((await recordsOf(name)).every((record) => !record['mpip.expert']?.includes('near-cm')));
});

test('checksums are unverified until asked for; then 2015 kernels show their wrong ones', async () => {
  const plain = await recordsOf('linux-2015-udp.pcap');
  assert.ok(plain.every((record) => record['udp.checksum.status'] === 'unverified'));
  const verified = await recordsOf('linux-2015-udp.pcap', { checksums: true });
  assert.ok(verified.every((record) => record['ip.checksum.status'] === 'good'));
  const bad = verified.filter((record) => record['udp.checksum.status'] === 'bad');
  assert.ok(bad.length > verified.length / 2);
  assert.ok(bad.every((record) => record['mpip.expert']?.includes('udp-checksum')));
  const later = await recordsOf('linux-2017-udp.pcap', { checksums: true });
  assert.ok(later.some((record) => record['udp.checksum.status'] === 'good'));
});
