import type { PacketView } from '../packet-view.js';
import type { FilterField } from './filter-fields.js';

/** What two sides of a relation have in common. */
export type ValueKind = 'number' | 'address' | 'octets' | 'text' | 'time';

/** A value; a time is whole seconds and nanoseconds. */
export type Value = number | string | Uint8Array | readonly [number, number];

/** The values of a field of a packet; none = it has not got it. */
export type Values = (view: PacketView) => readonly Value[];

const NONE: readonly Value[] = [];

/** The kind that the values of a field are compared as; undefined for what has no value. */
export function kindOf(field: FilterField): ValueKind | undefined {
  switch (field.kind) {
    case 'presence':
      return undefined;
    case 'ipv4':
    case 'addresses':
      return 'address';
    case 'octets':
      return 'octets';
    case 'text':
    case 'texts':
      return 'text';
    case 'time':
      return 'time';
    default:
      return 'number';
  }
}

/** How a field's values are read. */
export function valuesOf(field: FilterField): Values {
  switch (field.kind) {
    case 'presence':
      return () => NONE;
    case 'text':
      return (view) => {
        const value = field.read(view);
        return value === undefined ? NONE : [value];
      };
    case 'texts':
    case 'numbers':
    case 'addresses':
      return (view) => field.read(view) ?? NONE;
    case 'octets':
      return (view) => {
        const value = field.read(view);
        return Number.isNaN(value) ? NONE : [octetsOf(value, field.size(view))];
      };
    case 'time':
      return (view) => [[field.read(view), field.nanoseconds(view)]];
    default:
      return (view) => {
        const value = field.read(view);
        return Number.isNaN(value) ? NONE : [value];
      };
  }
}

function octetsOf(value: number, size: number): Uint8Array {
  const octets = new Uint8Array(size);
  let rest = value;
  for (let at = size - 1; at >= 0; at--) {
    octets[at] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return octets;
}

/** Below 0, 0 or above 0, as `a` stands to `b`, which must be of one kind. */
export function compare(a: Value, b: Value): number {
  if (typeof a === 'number') return a - (b as number);
  if (typeof a === 'string') return a < (b as string) ? -1 : a === b ? 0 : 1;
  const other = b as ArrayLike<number>;
  // As in Wireshark, what is longer is greater.
  if (a.length !== other.length) return a.length - other.length;
  for (let at = 0; at < a.length; at++) if (a[at] !== other[at]) return a[at]! - other[at]!;
  return 0;
}

/** Whether `part` stands somewhere in `whole`: text in text, octets in octets. Nothing is nowhere, as in Wireshark. */
export function holds(whole: Value, part: Value): boolean {
  if ((part as string | Uint8Array).length === 0) return false;
  if (typeof whole === 'string') return whole.includes(part as string);
  return Buffer.from(whole as Uint8Array).includes(Buffer.from(part as Uint8Array));
}
