import { FilterError } from './filter-error.js';
import type { FilterField } from './filter-fields.js';
import { integerRange } from './integers.js';
import type { Token } from './tokens.js';
import type { Value, ValueKind } from './values.js';

/** A literal's value; a network has the mask that the address is compared under. */
export interface Literal {
  readonly value: Value;
  readonly mask?: number;
}

const NUMBER = /^-?(0[xX][0-9a-fA-F]+|0[bB][01]+|0[0-7]*|[1-9]\d*)$/;
const BOOLEAN = /^(true|false)$/i;
const ADDRESS = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:\/(\d{1,2}))?$/;
const TIME = /^(-?)(\d+)(?:\.(\d{1,9}))?$/;
const OCTETS = /^[0-9a-fA-F]{2}(?:([:.-])[0-9a-fA-F]{2}(?:\1[0-9a-fA-F]{2})*)?$|^(?:[0-9a-fA-F]{2})+$/;

const NEEDED: Readonly<Record<ValueKind, string>> = {
  number: 'a number, such as 3 or 0x1f',
  address: 'an IPv4 address, such as 10.1.0.1 or 10.1.0.0/16',
  octets: 'octets in hex, such as 0a:01',
  text: 'text, in quotes where it has spaces',
  time: 'seconds, such as 12.5',
};

/**
 * What a word or string means beside a field.
 * @param name the field's name, for errors; @param words names of its values
 * @throws FilterError when it means nothing, or is a number that the field cannot hold
 */
export function literalOf(
  token: Token,
  kind: ValueKind,
  name: string,
  words: FilterField['words'],
  filter: string,
): Literal {
  const { text } = token;
  const range = integerRange(name);
  if (kind === 'number' && range === undefined && token.kind === 'word' && BOOLEAN.test(text))
    return { value: text.length === 4 ? 1 : 0 };
  const found = token.kind === 'string' ? quoted(text, kind, words) : unquoted(text, kind, words);
  if (found !== undefined) {
    const number = found.value as number;
    if (kind !== 'number' || range === undefined || (number >= range.min && number <= range.max)) return found;
    throw new FilterError(`${name} is a number from ${range.min} to ${range.max}`, filter, token.at, token.length);
  }
  const meant = words === undefined ? '' : `, or one of ${words.join(', ')}`;
  throw new FilterError(`${name} takes ${NEEDED[kind]}${meant}`, filter, token.at, token.length);
}

function quoted(text: string, kind: ValueKind, words: FilterField['words']): Literal | undefined {
  if (kind === 'text') return { value: text };
  if (kind === 'octets') return { value: new TextEncoder().encode(text) };
  return kind === 'number' ? wordOf(text, words) : unquoted(text, kind, words);
}

function unquoted(text: string, kind: ValueKind, words: FilterField['words']): Literal | undefined {
  switch (kind) {
    case 'number':
      return NUMBER.test(text) ? { value: wholeNumber(text) } : wordOf(text, words);
    case 'address':
      return addressOf(text);
    case 'octets':
      return OCTETS.test(text) ? { value: Buffer.from(text.replaceAll(/[:.-]/g, ''), 'hex') } : undefined;
    case 'text':
      return { value: text };
    case 'time': {
      const parts = TIME.exec(text);
      if (parts === null) return undefined;
      const seconds = Number(parts[2]);
      const nanoseconds = Number((parts[3] ?? '').padEnd(9, '0'));
      if (parts[1] === '') return { value: [seconds, nanoseconds] };
      return { value: nanoseconds === 0 ? [-seconds, 0] : [-seconds - 1, 1e9 - nanoseconds] };
    }
  }
}

function wordOf(text: string, words: FilterField['words']): Literal | undefined {
  const index = words?.indexOf(text.toLowerCase()) ?? -1;
  return index < 0 ? undefined : { value: index };
}

/** A number as Wireshark reads it: a leading 0 makes it octal. */
function wholeNumber(text: string): number {
  const isNegative = text.startsWith('-');
  const digits = isNegative ? text.slice(1) : text;
  const value = /^0[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number(digits);
  return isNegative ? -value : value;
}

function addressOf(text: string): Literal | undefined {
  const parts = ADDRESS.exec(text);
  if (parts === null) return undefined;
  const octets = parts.slice(1, 5).map(Number);
  const bits = parts[5] === undefined ? 32 : Number(parts[5]);
  if (octets.some((octet) => octet > 255) || bits > 32) return undefined;
  const value = octets.reduce((sum, octet) => sum * 256 + octet, 0);
  if (bits === 32) return { value };
  const mask = bits === 0 ? 0 : (0xffffffff << (32 - bits)) >>> 0;
  return { value: (value & mask) >>> 0, mask };
}
