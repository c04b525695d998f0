import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { ByteWriter } from '../../src/dissector/byte-writer.js';
import { csvLine } from '../../src/dissector/csv.js';
import { Dissector } from '../../src/dissector/dissector.js';
import { type Format, packetWriter } from '../../src/dissector/formats.js';
import { PacketView } from '../../src/dissector/packet-view.js';
import { plainPaint } from '../../src/dissector/paint.js';
import { formatTime, type PacketRecord, RECORD_FIELDS, recordOf } from '../../src/dissector/record.js';
import { readCapture } from '../../src/io/capture-reader.js';
import { RECORDINGS } from '../support/recordings.js';
import { runs, SEED } from '../support/runs.js';
import { writeMutatedCapture } from '../wireshark/mutated-capture.js';

const folder = mkdtempSync(join(tmpdir(), 'mpip-formats-'));
after(() => rmSync(folder, { recursive: true }));
const mutated = join(folder, 'mutated.pcapng');
writeMutatedCapture(mutated, 5000, SEED);
const CAPTURES = [mutated, ...RECORDINGS.map((name) => `fixtures/pcaps/${name}.pcap`)];

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

/** What a format prints of every packet of a capture, and the records of the same packets. */
async function printed(file: string, format: Format, checksums: boolean, fields?: (typeof RECORD_FIELDS)[number][]) {
  const records: PacketRecord[] = [];
  const reference = new Dissector({ nearCms: true });
  const view = new PacketView(new Dissector({ nearCms: true }), { checksums });
  view.file = 'dir/"a" \u00e9.pcap';
  const writer = packetWriter(format, { paint: plainPaint, checksums, ...(fields === undefined ? {} : { fields }) });
  const out = new ByteWriter();
  writer.start(out);
  await readCapture(file, (packet) => {
    view.inspect(packet);
    writer.packet(view, out);
    reference.inspect(packet);
    records.push(recordOf(reference, packet, { checksums, file: view.file! }));
  });
  writer.end(out);
  return { out: text(out.take()), records };
}

for (const checksums of [false, true]) {
  test(`NDJSON and JSON are JSON.stringify of the record, octet by octet, checksums ${checksums}`, async () => {
    for (const file of CAPTURES) {
      const { out, records } = await printed(file, 'ndjson', checksums);
      const lines = out.split('\n');
      assert.equal(lines.pop(), '');
      assert.equal(lines.length, records.length);
      records.forEach((record, index) => {
        if (lines[index] !== JSON.stringify(record)) assert.equal(lines[index], JSON.stringify(record), file);
      });
      const json = await printed(file, 'json', checksums);
      assert.deepEqual(JSON.parse(json.out), records, file);
    }
  });
}

test('CSV, and text with fields, hold the values of the record', async () => {
  for (const file of CAPTURES.slice(0, 4)) {
    const { out, records } = await printed(file, 'csv', true);
    const lines = [
      csvLine(RECORD_FIELDS),
      ...records.map((record) => csvLine(RECORD_FIELDS.map((field) => record[field]))),
    ];
    assert.equal(out, `${lines.join('\n')}\n`);
    const plain = await printed(file, 'text', true, [
      'mpip.local_addr',
      'frame.file',
      'frame.time_epoch',
      'mpip.wrapper',
    ]);
    const rows = plain.records.map((record) =>
      [record['mpip.local_addr'], record['frame.file'], record['frame.time_epoch'], record['mpip.wrapper']]
        .map((value) => String(value ?? ''))
        .join('\t'),
    );
    assert.equal(plain.out, `${rows.join('\n')}\n`);
  }
});

test('a selection of fields, in its order, is the record with these keys', async () => {
  const fields = ['mpip.expert', 'mpip.path_delay', 'frame.number', 'mpip.node_id'] as const;
  const { out, records } = await printed(mutated, 'ndjson', true, [...fields]);
  const lines = records.map((record) =>
    JSON.stringify(
      Object.fromEntries(fields.filter((field) => record[field] !== undefined).map((field) => [field, record[field]])),
    ),
  );
  assert.equal(out, `${lines.join('\n')}\n`);
});

test('numbers, times and text are written as JavaScript writes them', () => {
  const out = new ByteWriter();
  const one = (write: () => void): string => {
    out.reserve(100);
    write();
    return text(out.take());
  };
  for (const value of [
    0,
    9,
    10,
    99,
    100,
    999_999_999,
    1e9,
    1e9 + 7,
    4294967295,
    -1,
    -2147483648,
    2 ** 53 - 1,
    1.8e19,
    1e300,
  ])
    assert.equal(
      one(() => out.number(value)),
      String(value),
    );
  fc.assert(
    fc.property(fc.maxSafeInteger(), (value) => one(() => out.number(value)) === String(value)),
    runs(500),
  );
  fc.assert(
    fc.property(
      fc.integer({ min: -10, max: 2 ** 40 }),
      fc.integer({ min: 0, max: 999_999_999 }),
      (seconds, nanoseconds) => one(() => out.time(seconds, nanoseconds)) === formatTime(seconds, nanoseconds),
    ),
    runs(500),
  );
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (value) => one(() => out.text(value)) === value),
    runs(300),
  );
});
