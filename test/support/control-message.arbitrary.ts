import fc from 'fast-check';
import { type ControlMessage, fieldOf, LAYOUTS, type LayoutName, maxAddresses } from '../../src/codec/index.js';

/** Values of an unsigned field of a layout, edges more often than the middle. */
function unsigned(layout: LayoutName, name: 'sessionId' | 'pathId' | 'feedbackPathId' | 'timestamp') {
  const max = 2 ** (8 * fieldOf(LAYOUTS[layout], name)!.size) - 1;
  return fc.oneof(fc.constantFrom(0, 1, max - 1, max), fc.integer({ min: 0, max }));
}

/** An IPv4 address that is not the empty slot. */
export const address = fc.oneof(
  fc.constantFrom(0xc000020a, 0x0a010001, 0xffffffff, 1),
  fc.integer({ min: 1, max: 0xffffffff }),
);

/** Node ids valid in the layout: any two octets in `compact`, a unicast MAC in `full`. */
function nodeId(layout: LayoutName) {
  if (layout === 'compact') return fc.integer({ min: 0, max: 0xffff });
  return fc
    .integer({ min: 1, max: 2 ** 48 - 1 })
    .map((id) => (Math.floor(id / 2 ** 40) % 2 === 1 ? id - 2 ** 40 : id))
    .filter((id) => id !== 0);
}

/** Every control message that `layout` can carry, built from its declaration; no empty slots in the address list. */
export function controlMessage(layout: LayoutName): fc.Arbitrary<ControlMessage> {
  const fields = {
    layout: fc.constant(layout),
    nodeId: nodeId(layout),
    sessionId: unsigned(layout, 'sessionId'),
    pathId: unsigned(layout, 'pathId'),
    feedbackPathId: unsigned(layout, 'feedbackPathId'),
    timestamp: unsigned(layout, 'timestamp'),
    pathDelay: fc.oneof(
      fc.constantFrom(0, -1, -(2 ** 31), 2 ** 31 - 1),
      fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    ),
    localAddresses: fc.array(address, { maxLength: maxAddresses(LAYOUTS[layout]), size: 'max' }),
    flags: fc.integer({ min: 0, max: fieldOf(LAYOUTS[layout], 'flags')!.max! }),
  };
  return layout === 'compact'
    ? fc.record({ ...fields, filler: fc.integer({ min: 0, max: 255 }) }, { noNullPrototype: true })
    : fc.record(fields, { noNullPrototype: true });
}

/** A control message of either layout. */
export const anyControlMessage = fc.oneof(controlMessage('compact'), controlMessage('full'));
