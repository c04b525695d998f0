import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Ajv } from 'ajv';
import {
  CmView,
  type CodecError,
  decode,
  decodeGeneral,
  detach,
  formatIpv4,
  formatNodeId,
  type GeneralValues,
  HeaderStatus,
  headerError,
  TrailerView,
} from '../../src/codec/index.js';
import { bytesOf, hexOf } from '../support/hex.js';
import { type BlockVector, type DatagramVector, vectorFiles, vectorSchema } from '../support/vectors.js';

const files = vectorFiles();

test('the files satisfy their schema', () => {
  const ajv = new Ajv({ allErrors: true });
  ajv.addFormat('ipv4', /^\d{1,3}(\.\d{1,3}){3}$/);
  const validate = ajv.compile(vectorSchema());
  for (const { name } of files) {
    const file = JSON.parse(readFileSync(`fixtures/vectors/${name}`, 'utf8')) as unknown;
    assert.ok(validate(file), `${name}: ${ajv.errorsText(validate.errors?.slice(0, 5))}`);
  }
});

test('there are at least 2,000 vectors, with unique ids, counted right, every flag described', () => {
  const ids = new Set<string>();
  for (const file of files) {
    assert.equal(file.vectors.length, file.count, file.name);
    for (const vector of file.vectors) {
      assert.ok(!ids.has(vector.id), vector.id);
      ids.add(vector.id);
      for (const flag of vector.flags) assert.ok(Object.hasOwn(file.flags, flag), `${vector.id}: ${flag}`);
    }
  }
  assert.ok(ids.size >= 2000);
});

test('every truncation and every single-bit flip of a template per CM flag and layout is there', () => {
  const ids = new Set(files.flatMap((file) => file.vectors.map((vector) => vector.id)));
  for (const [layout, size] of [
    ['compact', 25],
    ['full', 33],
  ] as const)
    for (const flag of ['normal', 'ip-change', 'heartbeat', 'enable', 'enabled', 'handshake'])
      for (let at = 0; at < size; at++) {
        assert.ok(ids.has(`${layout}-${flag}-cut-${at}`));
        for (let bit = 0; bit < 8; bit++) assert.ok(ids.has(`${layout}-${flag}-flip-${at}.${bit}`));
      }
});

test('the files are what the script makes of its constants and the recordings', () => {
  const result = spawnSync(process.execPath, ['scripts/generate.mjs', '--check'], { encoding: 'utf8' });
  assert.equal(result.status, 0, result.stderr);
});

for (const file of files) {
  test(`${file.name}: the codec and the general decoder give what each vector says`, () => {
    for (const vector of file.vectors) {
      try {
        if (vector.kind === 'block') checkBlock(vector);
        else checkDatagram(vector);
      } catch (error) {
        throw new Error(`${vector.id} (${vector.notes}): ${(error as Error).message}`, { cause: error });
      }
    }
  });
}

function checkBlock(vector: BlockVector): void {
  const bytes = bytesOf(vector.hex);
  const { layout } = vector;
  if (vector.result === 'ordinary') {
    assert.throws(
      () => decode(bytes, layout),
      (error: CodecError) => {
        assert.equal(error.code, vector.reason);
        return true;
      },
    );
    const padded = Uint8Array.from([0, ...bytes]);
    const whole = bytes.length === 26 && layout === 'compact' ? bytes : padded;
    if (vector.reason !== 'too-long')
      assert.equal(new CmView().recognise(whole, 0, whole.length, layout === 'compact' ? 1 : 2), false);
    return;
  }
  const message = decode(bytes, layout);
  const fields = vector.fields!;
  const filler = layout === 'compact' ? bytes.length - 25 : 0;
  assert.deepEqual(decodeGeneral(bytes.subarray(filler), layout), fields);
  assert.equal(formatNodeId(message.nodeId, layout === 'compact' ? 2 : 6), fields.nodeId);
  for (const name of ['sessionId', 'pathId', 'feedbackPathId', 'timestamp', 'pathDelay', 'flags'] as const)
    assert.equal(message[name], fields[name], name);
  assert.deepEqual(message.localAddresses.map(formatIpv4), filled(fields));
  if (filler === 1) assert.equal(message.filler, bytes[0]);
}

/** The addresses without empty slots. */
function filled(fields: GeneralValues): string[] {
  return (fields.localAddresses as string[]).filter((address) => address !== '0.0.0.0');
}

const view = new TrailerView();

function checkDatagram(vector: DatagramVector): void {
  const bytes = bytesOf(vector.hex);
  assert.equal(view.locate(bytes), vector.result === 'valid');
  if (vector.result === 'ordinary') {
    const reason = view.status === HeaderStatus.ok ? 'no-cm' : headerError(view, bytes.length).code;
    assert.equal(reason, vector.reason);
    return;
  }
  const { cm } = view;
  assert.equal(cm.layout, vector.layout);
  assert.equal(cm.isAmbiguous, vector.ambiguous);
  assert.equal(cm.trailerStart, vector.trailerOffset);
  assert.equal(cm.filler, vector.filler);
  const fields = vector.fields!;
  assert.deepEqual(decodeGeneral(bytes.slice(cm.start, cm.end), cm.layout), fields);
  assert.equal(formatNodeId(cm.nodeId, cm.isFull ? 6 : 2), fields.nodeId);
  for (const name of ['sessionId', 'pathId', 'feedbackPathId', 'timestamp', 'pathDelay', 'flags', 'checksum'] as const)
    assert.equal(cm[name], fields[name], name);
  assert.deepEqual(cm.localAddresses.map(formatIpv4), filled(fields));
  const left = detach(view);
  assert.equal(left, vector.trailerOffset);
  if (vector.detached !== undefined) assert.equal(hexOf(bytes.subarray(0, left)), vector.detached);
}
