import { FilterError } from './filter-error.js';
import type { Token } from './tokens.js';
import type { Value, Values } from './values.js';

/** Octets from `start` (below 0: counted from the end), `length` of them; undefined = all that follow. */
interface Range {
  readonly start: number;
  readonly length: number | undefined;
}

/**
 * The ranges in brackets behind a field: `[n]` one octet, `[a:n]` n octets, `[a-b]` both included, `[:n]`, `[a:]`, several with commas.
 * @throws FilterError when it is none
 */
export function slicesOf(token: Token, filter: string): readonly Range[] {
  return token.text.split(',').map((text) => {
    const part = text.trim();
    const one = /^-?\d+$/.exec(part);
    if (one !== null) return { start: Number(part), length: 1 };
    const counted = /^(-?\d*)\s*:\s*(\d*)$/.exec(part);
    if (counted !== null && part !== ':' && counted[1] !== '-') {
      return { start: Number(counted[1]), length: counted[2] === '' ? undefined : Number(counted[2]) };
    }
    const included = /^(\d+)\s*-\s*(\d+)$/.exec(part);
    if (included !== null && Number(included[2]) >= Number(included[1]))
      return { start: Number(included[1]), length: Number(included[2]) - Number(included[1]) + 1 };
    throw new FilterError(`'${part}' is no range of octets, such as 0, 0:2 or 1-3`, filter, token.at, token.length);
  });
}

/** Parts of octets, or of the octets of text, one behind the other; a value that is too short has none. */
export function sliced(values: Values, ranges: readonly Range[]): Values {
  return (view) => {
    const found: Value[] = [];
    for (const value of values(view)) {
      const octets = typeof value === 'string' ? Buffer.from(value) : (value as Uint8Array);
      const parts = ranges.map((range) => partOf(octets, range));
      if (parts.every((part) => part !== undefined)) found.push(Buffer.concat(parts as Uint8Array[]));
    }
    return found;
  };
}

function partOf(octets: Uint8Array, { start, length }: Range): Uint8Array | undefined {
  const first = start < 0 ? octets.length + start : start;
  const last = length === undefined ? octets.length : first + length;
  return first < 0 || last > octets.length || first >= last ? undefined : octets.subarray(first, last);
}
