import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  attach,
  buildUdp,
  CmView,
  disagreements,
  encode,
  encodedSize,
  explain,
  isCompact,
  isFull,
  refusal,
} from '../../src/codec/index.js';
import { anyControlMessage } from '../support/control-message.arbitrary.js';
import { datagram, wildDatagram } from '../support/datagram.arbitrary.js';
import { bytesOf, hexOf } from '../support/hex.js';
import { runs } from '../support/runs.js';
import { type BlockVector, type DatagramVector, vectorFiles } from '../support/vectors.js';

const tuple = { source: 0xc000020a, sourcePort: 40000, destination: 0xcb007107, destinationPort: 5001 };
const worked = bytesOf(
  '4500003b1234400040112a6cc000020acb0071079c4013890027621b68656c6c6f00' +
    '199df8070305003073752efbffffc000020ac6336414003908',
);
const block = worked.subarray(34);

test('a refusal is given exactly where the view sees no CM', () => {
  const tail = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc
      .tuple(fc.uint8Array({ maxLength: 4 }), anyControlMessage, fc.nat(), fc.nat(255), fc.boolean())
      .map(([head, cm, where, value, spoil]) => {
        const bytes = Uint8Array.from([...head, ...encode(cm)]);
        if (spoil) bytes[where % bytes.length] = value;
        return bytes;
      }),
  );
  fc.assert(
    fc.property(tail, fc.nat(4), (bytes, from) => {
      assert.equal(refusal(bytes, from, bytes.length, 'compact') === undefined, isCompact(bytes, from, bytes.length));
      assert.equal(refusal(bytes, from, bytes.length, 'full') === undefined, isFull(bytes, from, bytes.length));
    }),
    runs(5000),
  );
});

test('every vector is explained as it says: the layout, the fields, or the first rule that fails', () => {
  for (const file of vectorFiles())
    for (const vector of file.vectors) {
      try {
        if (vector.kind === 'block') checkBlock(vector);
        else checkDatagram(vector);
      } catch (error) {
        throw new Error(`${vector.id}: ${(error as Error).message}`, { cause: error });
      }
    }
});

function checkBlock(vector: BlockVector): void {
  const bytes = bytesOf(vector.hex);
  const found = explain(bytes, { layout: vector.layout });
  // Octets in front of a good block are data to explain; to decode they are an error. Some blocks begin as an IP header.
  if (vector.reason === 'too-long' || found.kind === 'datagram') return;
  assert.equal(found.layout, vector.result === 'valid' ? vector.layout : undefined);
  if (vector.reason !== undefined)
    assert.deepEqual(
      found.refusals.map((error) => error.code),
      [vector.reason],
    );
  else assertFields(found, vector);
  assertCovered(found, bytes);
}

function checkDatagram(vector: DatagramVector): void {
  const bytes = bytesOf(vector.hex);
  const found = explain(bytes);
  if (found.kind === 'block') {
    assert.notEqual(vector.result, 'valid');
    return;
  }
  assert.equal(found.layout, vector.layout);
  assert.equal(found.trailerOffset, vector.trailerOffset);
  const codes = found.refusals.map((error) => error.code);
  if (vector.reason === 'no-cm') assert.deepEqual(codes, [vector.compact, vector.full]);
  else if (vector.reason !== undefined) assert.deepEqual(codes, [vector.reason]);
  else {
    assert.equal(found.isAmbiguous, vector.ambiguous);
    assertFields(found, vector);
  }
  assertCovered(found, bytes);
}

/** The values of the CM's fields are those of the vector. */
function assertFields(found: ReturnType<typeof explain>, vector: BlockVector | DatagramVector): void {
  const seen: Record<string, unknown> = {};
  for (const field of found.fields) {
    if (field.layer !== found.layout || field.name === 'filler') continue;
    if (field.name === 'localAddresses')
      seen.localAddresses = [...((seen.localAddresses as unknown[]) ?? []), field.value];
    else seen[field.name] = field.value;
    assert.notEqual(field.isWrong, true, field.name);
  }
  seen.localAddresses ??= [];
  assert.deepEqual(seen, vector.fields);
}

/** Every octet up to the end is explained once, in order. */
function assertCovered(found: ReturnType<typeof explain>, bytes: Uint8Array): void {
  let next = found.start;
  for (const { offset, hex } of found.fields) {
    assert.equal(offset, next);
    assert.equal(hex, hexOf(bytes.subarray(offset, offset + hex.length / 2)));
    next = offset + hex.length / 2;
  }
  if (found.layout !== undefined) assert.equal(next, found.end);
}

test('any octets can be explained', () => {
  fc.assert(
    fc.property(fc.oneof(wildDatagram, fc.uint8Array({ maxLength: 80 })), (bytes) => {
      const found = explain(bytes);
      assert.equal(found.layout === undefined, found.trailerOffset === undefined);
      if (found.layout === undefined) assert.ok(found.refusals.length > 0);
    }),
    runs(5000),
  );
});

test('what attach makes has no wrong field', () => {
  fc.assert(
    fc.property(
      datagram.filter((made) => made.checksum === 'valid'),
      anyControlMessage,
      ({ packet }, cm) => {
        const out = new Uint8Array(packet.length + encodedSize(cm));
        attach(packet, cm, out);
        const found = explain(out);
        assert.equal(found.layout, cm.layout);
        assert.deepEqual(
          found.fields.filter((field) => field.isWrong),
          [],
        );
      },
    ),
    runs(300),
  );
});

test('an Ethernet frame is explained behind its header', () => {
  const frame = Uint8Array.from([...bytesOf('5254000000015254000000020800'), ...worked, 0, 0]);
  const found = explain(frame);
  assert.equal(found.start, 14);
  assert.equal(found.trailerOffset, 14 + 33);
  assert.equal(found.layout, 'compact');
});

test('a wrong checksum, a lying UDP length and a fragment are said to be wrong', () => {
  const wrongIn = (edit: (bytes: Uint8Array) => void) => {
    const bytes = worked.slice();
    edit(bytes);
    return explain(bytes)
      .fields.filter((field) => field.isWrong)
      .map((field) => `${field.layer} ${field.name}`);
  };
  assert.deepEqual(
    wrongIn(() => undefined),
    [],
  );
  assert.deepEqual(
    wrongIn((bytes) => bytes.set([1], 10)),
    ['ipv4 header checksum'],
  );
  assert.deepEqual(
    wrongIn((bytes) => bytes.set([1], 27)),
    ['udp checksum'],
  );
  assert.deepEqual(
    wrongIn((bytes) => bytes.set([20], 25)),
    ['udp length', 'udp checksum'],
  );
  assert.deepEqual(
    wrongIn((bytes) => bytes.set([0], 57)),
    ['udp checksum', 'compact checksum'],
  );
  assert.deepEqual(
    wrongIn((bytes) => bytes.set([0x20], 6)),
    ['ipv4 flags and fragment offset', 'ipv4 header checksum'],
  );
});

test('octets that a CM lacks are shown as far as they go', () => {
  const found = explain(block.subarray(0, 8));
  assert.deepEqual(
    found.fields.map((field) => field.name),
    ['length', 'nodeId', 'sessionId', 'pathId', 'feedbackPathId', 'rest'],
  );
  assert.equal(found.layout, undefined);
});

test('user data in front of a trailer without IP header is told apart', () => {
  const found = explain(Uint8Array.from([1, 2, 3, 0, ...block]));
  assert.equal(found.layout, 'compact');
  assert.equal(found.trailerOffset, 3);
  assert.equal(found.fields[0]!.layer, 'data');
});

test('the view and the general decoder agree; a view that is off is noticed', () => {
  fc.assert(
    fc.property(anyControlMessage, (cm) => {
      const bytes = encode(cm);
      const start = cm.layout === 'compact' ? 1 : 0;
      assert.deepEqual(disagreements(new CmView().bind(bytes, start, bytes.length, cm.layout)), []);
    }),
    runs(200),
  );
  class Wrong extends CmView {
    override get pathId(): number {
      return super.pathId + 1;
    }
  }
  assert.equal(disagreements(new Wrong().bind(block, 0, 25, 'compact')).length, 1);
});

test('a datagram without user data and without CM is explained by its headers', () => {
  const found = explain(buildUdp(tuple, new Uint8Array(0)));
  assert.equal(found.layout, undefined);
  assert.deepEqual(
    found.refusals.map((error) => error.code),
    ['truncated', 'truncated'],
  );
});
