import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  attach,
  buildTcp,
  buildUdp,
  COMPACT,
  emptyControlMessage,
  FULL,
  LAYOUTS,
  type LayoutDeclaration,
  parseIpv4,
  TcpFlags,
  TrailerView,
} from '../../src/codec/index.js';
import { edgeValues, fieldPlaces, readField, writeField } from '../../src/fuzz/field-values.js';
import { MUTATORS, type MutatorTools, mutatorNames, mutatorOf } from '../../src/fuzz/mutators.js';
import { hasSoundChecksum, partsOf } from '../../src/fuzz/packet-parts.js';
import { runs } from '../support/runs.js';

const TUPLE = {
  source: parseIpv4('198.51.100.1'),
  sourcePort: 4000,
  destination: parseIpv4('192.0.2.1'),
  destinationPort: 7000,
};
const DATA = new TextEncoder().encode('forty octets of user data, more or less.');

/** A well-formed packet with a CM. */
function packet(layout: 'compact' | 'full', isTcp: boolean): Uint8Array {
  const plain = isTcp ? buildTcp(TUPLE, { sequence: 1, flags: TcpFlags.ack }, DATA) : buildUdp(TUPLE, DATA);
  const out = new Uint8Array(plain.length + 64);
  const cm = { ...emptyControlMessage(layout), nodeId: 0x0200_0000_9df8 % 2 ** (layout === 'full' ? 48 : 16) };
  return out.slice(0, attach(plain, { ...cm, sessionId: 7, pathId: 3, localAddresses: [TUPLE.source] }, out));
}

const tools: MutatorTools = { earlier: () => packet('compact', false), forged: [parseIpv4('203.0.113.201')] };
const parameter = fc.oneof(fc.nat(300), fc.integer({ min: 0, max: 0xffff_ffff }));

test('every mutator takes every packet, changes it, and never fails', () => {
  const changed = new Set<string>();
  fc.assert(
    fc.property(
      fc.constantFrom(...MUTATORS),
      fc.constantFrom('compact' as const, 'full' as const),
      fc.boolean(),
      parameter,
      parameter,
      (mutator, layout, isTcp, at, value) => {
        const before = packet(layout, isTcp);
        const result = mutator.apply(before.slice(), { name: mutator.name, at, value }, tools);
        if (result === undefined) return;
        const packets = result instanceof Uint8Array ? [result] : result;
        assert.ok(packets.length > 0 && packets.every((each) => each.length <= 65535));
        if (packets.length > 1 || Buffer.compare(packets[0]!, before) !== 0) changed.add(mutator.name);
      },
    ),
    runs(3000),
  );
  assert.deepEqual([...changed].sort(), MUTATORS.map(({ name }) => name).sort());
});

test('what mutators of the payload make has fitting lengths and checksums outside, so that it reaches the node', () => {
  const names = new Set(mutatorNames('socket'));
  fc.assert(
    fc.property(fc.constantFrom(...names), fc.boolean(), parameter, parameter, (name, isTcp, at, value) => {
      const result = mutatorOf(name)!.apply(packet('compact', isTcp), { name, at, value }, tools);
      if (!(result instanceof Uint8Array) || name === 'tcp-fields') return;
      const parts = partsOf(result);
      // A trailer without user data may be shorter than the header that it stands behind.
      if (parts !== undefined) assert.ok(hasSoundChecksum(result, parts), name);
    }),
    runs(1000),
  );
});

test('edge values of every field of every layout are written, and the sum fits or does not as the mutator says', () => {
  for (const declaration of Object.values(LAYOUTS)) {
    const written = new Map<string, Set<number>>();
    const view = new TrailerView();
    for (let at = 0; at < 40; at++) {
      for (let value = 0; value < 60; value++) {
        const result = mutatorOf('cm-field')!.apply(packet(declaration.name, false), { name: '', at, value }, tools);
        assert.ok(result instanceof Uint8Array);
        const before = packet(declaration.name, false);
        view.locate(before);
        for (const { field, offset } of fieldPlaces(declaration, view.cm.addressSlots)) {
          const position = view.cm.start + offset;
          const found = readField(result, position, field);
          if (found === readField(before, position, field)) continue;
          const values = written.get(field.name) ?? new Set();
          written.set(field.name, values.add(found));
        }
      }
    }
    for (const field of declaration.fields) {
      const values = written.get(field.name) ?? new Set();
      const missing = edgeValues(field).filter((edge) => !values.has(edge));
      assert.ok(missing.length <= 1, `${declaration.name}.${field.name} lacks ${missing}`);
    }
  }
});

test('a field that is added to a layout is fuzzed without more ado', () => {
  const added = {
    name: 'version' as const,
    filter: 'mpip.colour',
    title: 'Colour',
    type: 'u16' as const,
    size: 2,
    endian: 'little' as const,
    max: 1000,
    description: 'a field that nobody has heard of',
  };
  const layout: LayoutDeclaration = { ...COMPACT, fields: [added, ...COMPACT.fields] };
  const [place] = fieldPlaces(layout, 0);
  assert.equal(place?.field.title, 'Colour');
  const edges = edgeValues(added);
  for (const edge of [0, 1, 1000, 1001, 0xffff, 0x8000]) assert.ok(edges.includes(edge), String(edge));
  const bytes = new Uint8Array(8);
  writeField(bytes, 2, added, 0x1234);
  assert.deepEqual([...bytes], [0, 0, 0x34, 0x12, 0, 0, 0, 0]);
  assert.equal(readField(bytes, 2, added), 0x1234);
});

test('values are written in the order of the field and read back', () => {
  for (const field of [...COMPACT.fields, ...FULL.fields])
    for (const edge of edgeValues(field)) {
      const bytes = new Uint8Array(16);
      writeField(bytes, 3, field, edge);
      assert.equal(readField(bytes, 3, field), edge);
    }
});
