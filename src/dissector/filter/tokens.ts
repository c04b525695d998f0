import { FilterError } from './filter-error.js';

/** A piece of a display filter. */
export interface Token {
  /**
   * `word`: a field, a number, an address, octets; `string`: text in quotes; `operator`: a relation; `logic`: and, or, xor, not;
   * `mark`: a bracket, a comma, `..`; `slice`: what stands in brackets behind a field; `end`.
   */
  readonly kind: 'word' | 'string' | 'operator' | 'logic' | 'mark' | 'slice' | 'end';
  /** Of an operator, its first name; of a string, its content. */
  readonly text: string;
  readonly at: number;
  readonly length: number;
}

const OPERATORS: Readonly<Record<string, string>> = {
  '==': '==',
  eq: '==',
  any_eq: '==',
  '!=': '!=',
  ne: '!=',
  all_ne: '!=',
  '===': '===',
  all_eq: '===',
  '!==': '!==',
  any_ne: '!==',
  '<': '<',
  lt: '<',
  '<=': '<=',
  le: '<=',
  '>': '>',
  gt: '>',
  '>=': '>=',
  ge: '>=',
  '&': '&',
  bitwise_and: '&',
  '~': 'matches',
  matches: 'matches',
  contains: 'contains',
  in: 'in',
};
const LOGIC: Readonly<Record<string, string>> = {
  '&&': 'and',
  and: 'and',
  '||': 'or',
  or: 'or',
  '^^': 'xor',
  xor: 'xor',
  '!': 'not',
  not: 'not',
};
const SPACE = /\s+/y;
const MARK = /\.\.|[(){},]/y;
const SYMBOL = /===|!==|==|!=|<=|>=|&&|\|\||\^\^|[<>~!&]/y;
/** Dots within a word, but not two of them: those make a range. */
const WORD = /(?:[\w:/-]|\.(?!\.))+/y;
const SLICE = /\[([^\]]*)\]/y;
const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
  '"': '"',
  "'": "'",
  '\\': '\\',
};

/**
 * The pieces of a filter, the last of kind `end`.
 * @throws FilterError at what is none
 */
export function tokensOf(filter: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const taken = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    return pattern.exec(filter);
  };
  while (at < filter.length) {
    const space = taken(SPACE);
    if (space !== null) {
      at += space[0].length;
      continue;
    }
    const token =
      stringAt(filter, at) ?? sliceToken(taken(SLICE)) ?? plainToken(taken(MARK), taken(SYMBOL), taken(WORD));
    if (token === undefined) {
      const problem =
        filter[at] === '['
          ? 'a bracket that is not closed'
          : `'${filter[at]}' means nothing here${filter[at] === '=' ? '; equal is ==' : ''}`;
      throw new FilterError(problem, filter, at, 1);
    }
    tokens.push(token);
    at += token.length;
  }
  tokens.push({ kind: 'end', text: '', at: filter.length, length: 1 });
  return tokens;
}

function sliceToken(found: RegExpExecArray | null): Token | undefined {
  return found === null ? undefined : { kind: 'slice', text: found[1]!, at: found.index, length: found[0].length };
}

function plainToken(
  mark: RegExpExecArray | null,
  symbol: RegExpExecArray | null,
  word: RegExpExecArray | null,
): Token | undefined {
  const found = mark ?? symbol ?? word;
  if (found === null) return undefined;
  const [text] = found;
  const place = { at: found.index, length: text.length };
  if (mark !== null) return { kind: 'mark', text, ...place };
  if (Object.hasOwn(OPERATORS, text)) return { kind: 'operator', text: OPERATORS[text]!, ...place };
  if (Object.hasOwn(LOGIC, text)) return { kind: 'logic', text: LOGIC[text]!, ...place };
  return { kind: 'word', text, ...place };
}

/** A string in quotes, plain (`"a\"b"`) or raw (`r"a\d"`). */
function stringAt(filter: string, start: number): Token | undefined {
  const isRaw = /^[rR]"/.test(filter.slice(start, start + 2));
  let at = start + (isRaw ? 1 : 0);
  if (filter[at] !== '"') return undefined;
  let text = '';
  for (at++; at < filter.length; at++) {
    const letter = filter[at]!;
    if (letter === '"') return { kind: 'string', text, at: start, length: at + 1 - start };
    if (letter !== '\\') text += letter;
    else if (isRaw) {
      // As in Wireshark, a raw string holds the backslash of \" too.
      text += letter + (filter[at + 1] ?? '');
      at++;
    } else {
      const octet = /^x([0-9a-f]{1,2})/i.exec(filter.slice(at + 1, at + 4));
      const meant = ESCAPES[filter[at + 1] ?? ''];
      if (octet !== null) {
        text += String.fromCharCode(Number.parseInt(octet[1]!, 16));
        at += octet[0].length;
      } else if (meant !== undefined) {
        text += meant;
        at++;
      } else throw new FilterError(`there is no escape '${filter.slice(at, at + 2)}'`, filter, at, 2);
    }
  }
  throw new FilterError('a string that is not closed', filter, start, filter.length - start);
}
