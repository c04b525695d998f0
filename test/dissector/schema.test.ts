import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Ajv } from 'ajv';
import { Conversations } from '../../src/dissector/conversations.js';
import { conversationsOutput } from '../../src/dissector/conversations-output.js';
import { dissectCapture } from '../../src/dissector/dissect-capture.js';
import { Dissector } from '../../src/dissector/dissector.js';
import { plainPaint } from '../../src/dissector/paint.js';
import { RECORD_FIELDS, recordOf } from '../../src/dissector/record.js';
import { Summary } from '../../src/dissector/summary.js';
import { Tracker } from '../../src/dissector/tracker/tracker.js';
import { readCapture } from '../../src/io/capture-reader.js';
import { RECORDINGS } from '../support/recordings.js';
import { ambiguousBlock, captured, cm, segmentOf, tcp, udp } from './made-packets.js';

const ajv = new Ajv({ allErrors: true });
const load = (name: string) =>
  JSON.parse(readFileSync(`docs/schema/${name}.schema.json`, 'utf8')) as Record<string, unknown>;
const recordSchema = load('dissect-record');
const isRecord = ajv.compile(recordSchema);
const conversationSchema = load('dissect-conversations');
const areConversations = ajv.compile(conversationSchema);
const isConversationLine = ajv.compile({ $ref: `${conversationSchema.$id as string}#/definitions/line` });
const isSummary = ajv.compile(load('dissect-summary'));

function check(value: unknown): void {
  const plain: unknown = JSON.parse(JSON.stringify(value));
  assert.ok(isRecord(plain), `${JSON.stringify(plain)}: ${ajv.errorsText(isRecord.errors)}`);
}

test('the schema names every field of a record, in the same order', () => {
  assert.deepEqual(Object.keys(recordSchema.properties as object), RECORD_FIELDS);
});

test('every record and summary of the recordings is as the schemas say', async () => {
  for (const name of RECORDINGS) {
    const path = `fixtures/pcaps/${name}.pcap`;
    for await (const record of dissectCapture(path, { all: true, checksums: true, file: name })) check(record);
    const dissector = new Dissector();
    const summary = new Summary();
    await readCapture(path, (packet) => summary.add(dissector, packet));
    const report: unknown = JSON.parse(JSON.stringify({ files: [path], ...summary.report(dissector) }));
    assert.ok(isSummary(report), ajv.errorsText(isSummary.errors));
  }
});

test('so are records that no recording has: full, wrapped, ambiguous, commented, cut', () => {
  const dissector = new Dissector({ nearCms: true });
  const session = { sessionId: 2 };
  const wrongSum = udp(cm());
  wrongSum[wrongSum.length - 2]! ^= 1;
  const datagrams = [
    udp(cm({ layout: 'full', nodeId: 2, localAddresses: [1, 2, 3] })),
    tcp(cm(session)),
    udp(cm(session), segmentOf(tcp(undefined))),
    wrongSum,
    udp(undefined, ambiguousBlock()),
    udp(cm()).slice(0, 21),
    udp(cm()).slice(0, 9),
  ];
  for (const datagram of datagrams) {
    const packet = { ...captured(datagram), comments: ['a comment'] };
    dissector.inspect(packet);
    check(recordOf(dissector, packet));
  }
});

test('the schema refuses a name for flags, a near-CM as CM, a field of the other layout', () => {
  const dissector = new Dissector();
  const packet = captured(udp(cm()));
  dissector.inspect(packet);
  const record = recordOf(dissector, packet);
  check(record);
  for (const wrong of [{ 'mpip.flags': 'normal' }, { 'mpip.checksum.status': 'bad' }, { 'mpip.version': 162 }]) {
    assert.ok(!isRecord({ ...record, ...wrong }), JSON.stringify(wrong));
  }
});

test('so are conversations, as a document and as lines', async () => {
  for (const name of RECORDINGS) {
    const path = `fixtures/pcaps/${name}.pcap`;
    const dissector = new Dissector();
    const tracker = new Tracker();
    await readCapture(path, (packet) => {
      dissector.inspect(packet);
      tracker.note(dissector, packet);
    });
    const pieces = (format: 'json' | 'ndjson') =>
      [...conversationsOutput(new Conversations(tracker), format, [path], plainPaint)].join('');
    const document = JSON.parse(pieces('json')) as Record<string, unknown[]>;
    assert.ok(areConversations(document), `${name}: ${ajv.errorsText(areConversations.errors)}`);
    const lines = pieces('ndjson').trimEnd().split('\n');
    for (const line of lines) {
      assert.ok(isConversationLine(JSON.parse(line)), `${line}: ${ajv.errorsText(isConversationLine.errors)}`);
    }
    const listed = ['nodes', 'handshakes', 'sessions', 'events'].reduce((sum, key) => sum + document[key]!.length, 0);
    assert.equal(lines.length, 1 + listed);
  }
});
