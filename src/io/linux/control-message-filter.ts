import { type Ipv4, TCP, UDP } from '../../codec/index.js';
import {
  COMPACT,
  cmSize,
  type FieldName,
  FULL,
  fieldOf,
  fieldOffset,
  type LayoutDeclaration,
} from '../../codec/layout.js';
import {
  assemble,
  type FilterInstruction,
  type FilterLine,
  JUMP_EQUAL,
  LOAD_OCTET,
  LOAD_WORD,
  NETWORK,
  RETURN,
  TO_THIS_HOST,
} from './packet-filter.js';

const JUMP_GREATER = 0x25;
/** Compares with the index register. */
const JUMP_EQUAL_X = 0x1d;
/** Loads the octet at the index register and an offset. */
const LOAD_OCTET_AT_X = 0x50;
const LOAD_X_LENGTH = 0x81;
const LOAD_X = 0x61;
const STORE = 0x02;
const ADD_X = 0x0c;
const SHIFT_LEFT = 0x64;
const LOAD_IMMEDIATE = 0x00;
/** Places of the filter's memory. */
const SUM = 0;
/** TC_ACT_SHOT and TC_ACT_UNSPEC: drop, or let the next filter decide. */
const DROP = 2;
const PASS = 0xffffffff;

/**
 * An ingress filter that drops TCP and UDP over IPv4 with a CM to one of these addresses (docs/decisions.md 60). Frames
 * that end in a CM are too long to be padded. Of layout compact the sum is computed; of `full`, whose length varies, the
 * mark, the number of addresses and the flags are looked at.
 */
export function controlMessageFilter(addresses: readonly Ipv4[]): FilterInstruction[] {
  return assemble([
    ...TO_THIS_HOST,
    { code: LOAD_OCTET, value: NETWORK + 9 },
    { code: JUMP_EQUAL, value: TCP, yes: 'destination' },
    { code: JUMP_EQUAL, value: UDP, no: 'otherwise' },
    { code: LOAD_WORD, value: NETWORK + 16, label: 'destination' },
    ...addresses.map((value, i) => ({
      code: JUMP_EQUAL,
      value,
      yes: 'compact',
      ...(i === addresses.length - 1 ? { no: 'otherwise' } : {}),
    })),
    { code: LOAD_X_LENGTH, value: 0, label: 'compact' },
    ...fieldLines(COMPACT, 'full'),
    ...sumLines(COMPACT, 'full'),
    { code: LOAD_X_LENGTH, value: 0, label: 'full' },
    ...fieldLines(FULL, 'otherwise'),
    { code: RETURN, value: DROP, label: 'matched' },
    { code: RETURN, value: PASS, label: 'otherwise' },
  ]);
}

/** Looks at the fields that have one value or a largest one; the index register holds the frame's length. */
function fieldLines(layout: LayoutDeclaration, no: string): FilterLine[] {
  return layout.fields.flatMap(({ name, constant, max, size }) => {
    if (size !== 1 || (constant === undefined && max === undefined)) return [];
    const load = { code: LOAD_OCTET_AT_X, value: fromEnd(layout, name) };
    if (constant !== undefined) return [load, { code: JUMP_EQUAL, value: constant, no }];
    const next = `${layout.name} ${name}`;
    return [
      load,
      { code: JUMP_GREATER, value: max!, yes: no, no: next },
      { code: LOAD_IMMEDIATE, value: 0, label: next },
    ];
  });
}

/** Adds the octets up and compares: on to `matched`, or to `no`. */
function sumLines(layout: LayoutDeclaration, no: string): FilterLine[] {
  const checksum = fromEnd(layout, 'checksum');
  const begin = -cmSize(layout, 0);
  const end = fieldOffset(layout, 'checksum') - cmSize(layout, 0);
  const octets = Array.from({ length: end - begin }, (_, i) => (begin + i) >>> 0);
  const [low, high] =
    fieldOf(layout, 'checksum')!.endian === 'little' ? [checksum, checksum + 1] : [checksum + 1, checksum];
  return [
    { code: LOAD_IMMEDIATE, value: 0 },
    { code: STORE, value: SUM },
    ...octets.flatMap((value) => [
      { code: LOAD_OCTET_AT_X, value },
      { code: LOAD_X, value: SUM },
      { code: ADD_X, value: 0 },
      { code: STORE, value: SUM },
      { code: LOAD_X_LENGTH, value: 0 },
    ]),
    { code: LOAD_OCTET_AT_X, value: high! >>> 0 },
    { code: SHIFT_LEFT, value: 8 },
    { code: STORE, value: SUM + 1 },
    { code: LOAD_OCTET_AT_X, value: low! >>> 0 },
    { code: LOAD_X, value: SUM + 1 },
    { code: ADD_X, value: 0 },
    { code: LOAD_X, value: SUM },
    { code: JUMP_EQUAL_X, value: 0, yes: 'matched', no },
  ];
}

/** Where a field is, counted from the end of the frame: a negative number as the filter takes it. */
function fromEnd(layout: LayoutDeclaration, name: FieldName): number {
  return (fieldOffset(layout, name) - cmSize(layout, 0)) >>> 0;
}
