import type { PacketView } from '../packet-view.js';
import { compare, holds, type Value, type Values } from './values.js';

/** Whether a packet is selected. */
export type Predicate = (view: PacketView) => boolean;

type Test = (a: Value, b: Value) => boolean;

/** Relations, and whether one pair of values is enough or all must be so. */
const TESTS: Readonly<Record<string, { readonly test: Test; readonly isForAll?: boolean }>> = {
  '==': { test: (a, b) => compare(a, b) === 0 },
  '!=': { test: (a, b) => compare(a, b) !== 0, isForAll: true },
  '===': { test: (a, b) => compare(a, b) === 0, isForAll: true },
  '!==': { test: (a, b) => compare(a, b) !== 0 },
  '<': { test: (a, b) => compare(a, b) < 0 },
  '<=': { test: (a, b) => compare(a, b) <= 0 },
  '>': { test: (a, b) => compare(a, b) > 0 },
  '>=': { test: (a, b) => compare(a, b) >= 0 },
  contains: { test: holds },
};

/** A relation between the values of two sides; false when a side has none. */
export function relation(name: string, left: Values, right: Values): Predicate {
  const { test, isForAll = false } = TESTS[name]!;
  return (view) => {
    const one = left(view);
    if (one.length === 0) return false;
    const other = right(view);
    if (other.length === 0) return false;
    for (const a of one) for (const b of other) if (test(a, b) !== isForAll) return !isForAll;
    return isForAll;
  };
}

/** A relation between one number of a packet (NaN = not there) and a constant: what most filters are made of. */
export function numberRelation(name: string, read: (view: PacketView) => number, constant: number): Predicate {
  switch (name) {
    case '==':
    case '===':
      return (view) => read(view) === constant;
    case '<':
      return (view) => read(view) < constant;
    case '<=':
      return (view) => read(view) <= constant;
    case '>':
      return (view) => read(view) > constant;
    case '>=':
      return (view) => read(view) >= constant;
    default:
      return (view) => {
        const value = read(view);
        return value !== constant && !Number.isNaN(value);
      };
  }
}
