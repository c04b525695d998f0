import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  CmView,
  CodecError,
  type ControlMessage,
  cmSize,
  decode,
  decodeGeneral,
  encode,
  encodedSize,
  type FieldName,
  FULL,
  fieldOffset,
  formatIpv4,
  formatNodeId,
  isCompact,
  LAYOUTS,
  type LayoutName,
  octetSum,
} from '../../src/codec/index.js';
import { anyControlMessage, controlMessage } from '../support/control-message.arbitrary.js';
import { bytesOf } from '../support/hex.js';
import { runs } from '../support/runs.js';

const layouts: LayoutName[] = ['compact', 'full'];

/** Where the CM begins in what `encode` gives: behind the filler in `compact`. */
const startOf = (cm: ControlMessage) => LAYOUTS[cm.layout].filler;

for (const layout of layouts) {
  test(`${layout}: decode(encode(m)) is m`, () => {
    fc.assert(
      fc.property(controlMessage(layout), (cm) => {
        const bytes = encode(cm);
        assert.equal(bytes.length, encodedSize(cm));
        const read = decode(bytes, layout);
        // The encoder of full may have moved the timestamp to stay unambiguous.
        assert.deepEqual({ ...read, timestamp: cm.timestamp }, cm);
        assert.equal(read.timestamp, cm.timestamp);
      }),
      runs(2000),
    );
  });

  test(`${layout}: the view, decode and the general decoder agree on every field`, () => {
    fc.assert(
      fc.property(controlMessage(layout), (cm) => {
        const bytes = encode(cm);
        const block = bytes.subarray(startOf(cm));
        const view = new CmView().bind(bytes, startOf(cm), bytes.length, layout);
        const general = decodeGeneral(block, layout);
        const slots = Array.from({ length: view.addressSlots }, (_, i) => formatIpv4(view.address(i)));
        assert.deepEqual(general, {
          ...(layout === 'compact' ? { length: 25 } : { version: 0xa2, addressCount: cm.localAddresses.length }),
          nodeId: formatNodeId(view.nodeId, layout === 'compact' ? 2 : 6),
          sessionId: view.sessionId,
          pathId: view.pathId,
          feedbackPathId: view.feedbackPathId,
          timestamp: view.timestamp,
          pathDelay: view.pathDelay,
          localAddresses: slots,
          flags: view.flags,
          checksum: view.checksum,
        });
        assert.equal(view.checksum, view.expectedChecksum);
        assert.equal(view.filler, layout === 'compact' ? cm.filler : undefined);
      }),
      runs(1000),
    );
  });

  test(`${layout}: the encoder puts each field where the declaration says`, () => {
    const cm: ControlMessage = {
      layout,
      nodeId: layout === 'compact' ? 0x1122 : 0x102233445566,
      sessionId: layout === 'compact' ? 0x31 : 0x3132,
      pathId: layout === 'compact' ? 0x41 : 0x4142,
      feedbackPathId: layout === 'compact' ? 0x51 : 0x5152,
      timestamp: 0x61626364,
      pathDelay: 0x71727374,
      localAddresses: [0x81828384, 0x91929394],
      flags: 4,
    };
    const block = encode(cm).subarray(startOf(cm));
    const declaration = LAYOUTS[layout];
    assert.equal(block.length, cmSize(declaration, 2));
    const number = (name: FieldName) => {
      const field = declaration.fields.find((candidate) => candidate.name === name)!;
      const at = fieldOffset(declaration, name, 2);
      const octets = [...block.subarray(at, at + field.size)];
      if (field.endian === 'little') octets.reverse();
      return octets.reduce((value, octet) => value * 256 + octet, 0);
    };
    for (const name of ['nodeId', 'sessionId', 'pathId', 'feedbackPathId', 'timestamp', 'pathDelay', 'flags'] as const)
      assert.equal(number(name), cm[name], name);
    assert.equal(number('localAddresses'), 0x81828384);
    assert.equal(number('checksum'), octetSum(block, 0, block.length - 2));
    for (const field of declaration.fields)
      if (field.constant !== undefined) assert.equal(number(field.name), field.constant, field.name);
  });

  test(`${layout}: every proper prefix of a block is an error that says offset, field, found and needed`, () => {
    fc.assert(
      fc.property(controlMessage(layout), (cm) => {
        const block = encode(cm).subarray(startOf(cm));
        for (let length = 0; length < block.length; length++) {
          assert.throws(
            () => decode(block.subarray(0, length), layout),
            (error: unknown) => {
              assert.ok(error instanceof CodecError);
              const { details } = error;
              assert.equal(details.layer, layout);
              assert.notEqual(details.field, '');
              assert.ok(Number.isInteger(details.offset) && details.offset >= 0 && details.offset <= length);
              assert.notEqual(String(details.found), '');
              assert.notEqual(String(details.needed), '');
              for (const part of [details.field, details.offset, details.found, details.needed])
                assert.ok(error.message.includes(String(part)));
              return true;
            },
          );
        }
      }),
      runs(40),
    );
  });

  test(`${layout}: random octets throw nothing but the codec's own error`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        try {
          decode(bytes, layout);
        } catch (error) {
          assert.ok(error instanceof CodecError, String(error));
        }
      }),
      runs(5000),
    );
  });

  test(`${layout}: one octet changed is an error or another message, never the same one`, () => {
    fc.assert(
      fc.property(controlMessage(layout), fc.nat(), fc.integer({ min: 1, max: 255 }), (cm, where, change) => {
        const block = encode(cm).slice(startOf(cm));
        block[where % block.length]! ^= change;
        // A plain sum shows every change of one octet.
        assert.throws(() => decode(block, layout), CodecError);
      }),
      runs(1000),
    );
  });
}

test('compact: a prefix names the field that is cut and where it begins', () => {
  const block = bytesOf('199df8070305003073752efbffffc000020ac6336414003908');
  const cases: [number, string, number][] = [
    [0, 'length', 0],
    [1, 'nodeId', 1],
    [2, 'nodeId', 1],
    [7, 'timestamp', 6],
    [13, 'pathDelay', 10],
    [21, 'localAddresses', 14],
    [22, 'flags', 22],
    [24, 'checksum', 23],
  ];
  for (const [length, field, offset] of cases) {
    assert.throws(
      () => decode(block.subarray(0, length), 'compact'),
      (error: CodecError) => {
        assert.equal(error.code, 'truncated');
        assert.deepEqual(error.details, {
          layer: 'compact',
          field,
          offset,
          found: `${length} octets`,
          needed: '25 octets, or 26 with the filler first',
        });
        return true;
      },
    );
  }
});

test('a block with octets to spare is refused as too long', () => {
  const cm: ControlMessage = { ...decode(bytesOf('199df8070305003073752efbffffc000020ac6336414003908'), 'compact') };
  const compact = new Uint8Array(27);
  compact.set(encode(cm), 1);
  assert.throws(() => decode(compact, 'compact'), { code: 'too-long' });
  const full = new Uint8Array(34);
  full.set(encode({ ...cm, layout: 'full' }), 1);
  assert.throws(() => decode(full, 'full'), { code: 'too-long' });
});

test('encode refuses every value that its field cannot hold, and says which', () => {
  const base: ControlMessage = {
    layout: 'compact',
    nodeId: 1,
    sessionId: 0,
    pathId: 0,
    feedbackPathId: 0,
    timestamp: 0,
    pathDelay: 0,
    localAddresses: [],
    flags: 0,
  };
  const wrong: [LayoutName, string, Partial<ControlMessage>][] = [
    ['compact', 'nodeId', { nodeId: 0x10000 }],
    ['compact', 'sessionId', { sessionId: 256 }],
    ['compact', 'pathId', { pathId: -1 }],
    ['compact', 'feedbackPathId', { feedbackPathId: 1.5 }],
    ['compact', 'timestamp', { timestamp: 2 ** 32 }],
    ['compact', 'pathDelay', { pathDelay: 2 ** 31 }],
    ['compact', 'pathDelay', { pathDelay: -(2 ** 31) - 1 }],
    ['compact', 'flags', { flags: 6 }],
    ['compact', 'filler', { filler: 256 }],
    ['compact', 'localAddresses', { localAddresses: [1, 2, 3] }],
    ['compact', 'localAddresses', { localAddresses: [-1] }],
    ['compact', 'sessionId', { sessionId: Number.NaN }],
    ['full', 'nodeId', { nodeId: 0 }],
    ['full', 'nodeId', { nodeId: 2 ** 48 }],
    ['full', 'nodeId', { nodeId: 0x010000000001 }],
    ['full', 'sessionId', { sessionId: 65536 }],
    ['full', 'localAddresses', { localAddresses: Array.from({ length: 17 }, () => 1) }],
  ];
  for (const [layout, field, change] of wrong) {
    assert.throws(
      () => encode({ ...base, layout, ...change }),
      (error: CodecError) => error.code === 'range' && error.details.field === field,
      `${layout} ${field} ${JSON.stringify(change)}`,
    );
  }
});

/**
 * A full message with one address whose last 25 octets read as compact: the fifth octet of the node id is 25, and the
 * block's sum S with its octets swapped is the sum of its last octets: S = 0x0605, and the first four octets, which
 * compact does not see, sum to 0x0605 - 0x0506 = 255.
 */
const ambiguous: ControlMessage = {
  layout: 'full',
  nodeId: 0x02fd00001900,
  sessionId: 0xffff,
  pathId: 0xffff,
  feedbackPathId: 0x43,
  timestamp: 0,
  pathDelay: 0,
  localAddresses: [0x0a000001],
  flags: 0,
};

/** The octets of a full message with one address, written here and not by the encoder under test. */
function fullBlock(cm: ControlMessage): Uint8Array {
  const block = new Uint8Array(29);
  const view = new DataView(block.buffer);
  view.setUint16(0, Math.floor(cm.nodeId / 2 ** 32));
  view.setUint32(2, cm.nodeId % 2 ** 32);
  view.setUint16(6, cm.sessionId);
  view.setUint16(8, cm.pathId);
  view.setUint16(10, cm.feedbackPathId);
  view.setUint32(12, cm.timestamp);
  view.setInt32(16, cm.pathDelay);
  view.setUint32(20, cm.localAddresses[0]!);
  block[24] = 1;
  block[25] = 0xa2;
  block[26] = cm.flags;
  view.setUint16(
    27,
    block.subarray(0, 27).reduce((sum, octet) => sum + octet, 0),
  );
  return block;
}

test('a block that is both reads as compact and is reported; the encoder of full does not make one', () => {
  const block = fullBlock(ambiguous);
  const packet = new Uint8Array(block.length + 1);
  packet.set(block, 1);
  const view = new CmView();
  assert.ok(view.recognise(packet, 0, packet.length, 3));
  assert.equal(view.layout, 'compact');
  assert.ok(view.isAmbiguous);
  assert.ok(view.recognise(packet, 0, packet.length, 2));
  assert.equal(view.layout, 'full');
  assert.ok(!view.isAmbiguous);
  const made = encode(ambiguous);
  assert.ok(!isCompact(made, -1, made.length));
  assert.equal(decode(made, 'full').timestamp, 1);
  const wrapping = { ...ambiguous, sessionId: 0, pathId: 0, timestamp: 0xffffffff };
  assert.ok(isCompact(fullBlock(wrapping), -1, 29));
  const last = encode(wrapping);
  assert.ok(!isCompact(last, -1, last.length));
  assert.equal(decode(last, 'full').timestamp, 0);
});

test('a full message with n addresses takes 25 + 4n octets, a compact one 26', () => {
  fc.assert(
    fc.property(anyControlMessage, (cm) => {
      assert.equal(encodedSize(cm), cm.layout === 'compact' ? 26 : FULL.baseSize + 4 * cm.localAddresses.length);
    }),
    runs(200),
  );
});

test('the general decoder refuses blocks that are too short with a RangeError', () => {
  for (const layout of layouts)
    for (let length = 0; length < 25; length++)
      assert.throws(() => decodeGeneral(new Uint8Array(length), layout), RangeError, `${layout} ${length}`);
});
