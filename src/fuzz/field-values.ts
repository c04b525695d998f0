import {
  type FieldDeclaration,
  type FieldName,
  fieldOffset,
  fieldSize,
  type LayoutDeclaration,
} from '../codec/index.js';

/**
 * Values for the fields of a CM, from nothing but the layout's declaration: a field that is added there is fuzzed without
 * more ado.
 */

/** The largest unsigned value of `size` octets. */
const most = (size: number) => 2 ** (8 * size) - 1;

/** Values of a field where mistakes live: the ends of its range, of its sign, of what the declaration allows. */
export function edgeValues(field: FieldDeclaration): readonly number[] {
  let values = edges.get(field);
  if (values === undefined) {
    values = valuesOf(field);
    edges.set(field, values);
  }
  return values;
}

const edges = new WeakMap<FieldDeclaration, readonly number[]>();

function valuesOf(field: FieldDeclaration): number[] {
  const top = most(field.size);
  const values = [0, 1, 2, top, top - 1, (top + 1) / 2, (top - 1) / 2, (top + 1) / 4];
  if (field.type === 's32') values.push(0x8000_0001, 0x7fff_fffe, 0xffff_fc18, 1000, 0x8000_03e8);
  if (field.constant !== undefined) values.push(field.constant - 1, field.constant + 1, field.constant);
  if (field.max !== undefined) values.push(field.max, field.max + 1);
  if (field.type === 'ipv4-list') values.push(0x7f00_0001, 0xe000_0001, 0xffff_ffff, 0x0a00_0001);
  if (field.type === 'id') values.push(0xaaaa % (top + 1), 0x0101 % (top + 1));
  return [...new Set(values.map((value) => Math.floor(value)).filter((value) => value >= 0 && value <= top))];
}

/** A place in a CM that a mutator can write: a field, or one entry of a list. */
export interface FieldPlace {
  readonly field: FieldDeclaration;
  readonly offset: number;
}

/** Every field of a CM with its place, list entries one by one. */
export function fieldPlaces(layout: LayoutDeclaration, addressCount: number): readonly FieldPlace[] {
  let ofLayout = places.get(layout);
  if (ofLayout === undefined) {
    ofLayout = [];
    places.set(layout, ofLayout);
  }
  ofLayout[addressCount] ??= placesOf(layout, addressCount);
  return ofLayout[addressCount];
}

/** By the number of addresses, at most 255. */
const places = new WeakMap<LayoutDeclaration, (readonly FieldPlace[])[]>();

function placesOf(layout: LayoutDeclaration, addressCount: number): FieldPlace[] {
  const places: FieldPlace[] = [];
  for (const field of layout.fields) {
    const offset = offsetOf(layout, field.name, addressCount);
    const size = fieldSize(field, addressCount);
    if (field.count === undefined) places.push({ field, offset });
    else for (let at = 0; at < size; at += field.size) places.push({ field, offset: offset + at });
  }
  return places;
}

function offsetOf(layout: LayoutDeclaration, name: FieldName, addressCount: number): number {
  return fieldOffset(layout, name, addressCount);
}

/** Writes a value into a field, in the field's octet order. */
export function writeField(bytes: Uint8Array, at: number, field: FieldDeclaration, value: number): void {
  let rest = value;
  for (let i = 0; i < field.size; i++) {
    const octet = rest % 256;
    rest = Math.floor(rest / 256);
    bytes[at + (field.endian === 'little' ? i : field.size - 1 - i)] = octet;
  }
}

/** Reads a field as an unsigned number. */
export function readField(bytes: Uint8Array, at: number, field: FieldDeclaration): number {
  let value = 0;
  for (let i = 0; i < field.size; i++)
    value = value * 256 + bytes[at + (field.endian === 'little' ? field.size - 1 - i : i)]!;
  return value;
}
