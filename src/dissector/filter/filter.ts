import type { PacketView } from '../packet-view.js';
import { FilterError } from './filter-error.js';
import { FILTER_FIELDS, type FilterField, needsAnalysis } from './filter-fields.js';
import { integerRange } from './integers.js';
import { type Literal, literalOf } from './literals.js';
import { numberRelation, type Predicate, relation } from './relations.js';
import { sliced, slicesOf } from './slices.js';
import { type Token, tokensOf } from './tokens.js';
import { compare, kindOf, type Value, type ValueKind, type Values, valuesOf } from './values.js';

/** Nested brackets and negations that are followed. */
const MAX_DEPTH = 200;

/** A display filter, compiled. */
export interface DisplayFilter {
  readonly matches: Predicate;
  /** The packets with a CM must all be analysed for it, in their order ({@link PacketView.analysis}). */
  readonly needsAnalysis: boolean;
}

/** One side of a relation. */
interface Side {
  readonly token: Token;
  /** Undefined for what is no field: its kind is that of the other side. */
  readonly field?: FilterField;
  readonly name: string;
  /** Undefined: a literal, or a field without a value. */
  readonly kind?: ValueKind;
  readonly values?: Values;
  /** The one number of a plain field. */
  readonly read?: (view: PacketView) => number;
}

/**
 * Compiles a display filter of Wireshark's syntax (docs/filters.md).
 * @throws FilterError naming the place of the first thing that is wrong
 */
export function compileFilter(filter: string): DisplayFilter {
  return new Compiler(filter).compile();
}

class Compiler {
  readonly #filter: string;
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;
  #needsAnalysis = false;

  constructor(filter: string) {
    this.#filter = filter;
    this.#tokens = tokensOf(filter);
  }

  compile(): DisplayFilter {
    if (this.#tokens.length === 1) throw this.#error('an empty filter selects nothing');
    const matches = this.#alternatives();
    const rest = this.#token;
    if (rest.kind !== 'end') {
      throw this.#error(`'${rest.text}' stands where 'and', 'or' or the end of the filter is expected`);
    }
    return { matches, needsAnalysis: this.#needsAnalysis };
  }

  get #token(): Token {
    return this.#tokens[this.#next]!;
  }

  #error(problem: string, token = this.#token, unknownField?: string): FilterError {
    return new FilterError(problem, this.#filter, token.at, token.length, unknownField);
  }

  /** Takes the next token when it is this one. */
  #takes(kind: Token['kind'], text: string): boolean {
    if (this.#token.kind !== kind || this.#token.text !== text) return false;
    this.#next++;
    return true;
  }

  #demand(text: string): void {
    if (!this.#takes('mark', text)) throw this.#error(`'${text}' is missing here`);
  }

  #alternatives(): Predicate {
    return this.#joined(
      'or',
      () => this.#exclusives(),
      (a, b) => (view) => a(view) || b(view),
    );
  }

  #exclusives(): Predicate {
    return this.#joined(
      'xor',
      () => this.#conjunction(),
      (a, b) => (view) => a(view) !== b(view),
    );
  }

  #conjunction(): Predicate {
    return this.#joined(
      'and',
      () => this.#negation(),
      (a, b) => (view) => a(view) && b(view),
    );
  }

  #joined(logic: string, part: () => Predicate, join: (a: Predicate, b: Predicate) => Predicate): Predicate {
    let left = part();
    while (this.#takes('logic', logic)) left = join(left, part());
    return left;
  }

  #negation(): Predicate {
    if (++this.#depth > MAX_DEPTH) throw this.#error('brackets and negations are nested too deeply');
    try {
      if (this.#takes('logic', 'not')) {
        const inner = this.#negation();
        return (view) => !inner(view);
      }
      if (!this.#takes('mark', '(')) return this.#test();
      const inner = this.#alternatives();
      this.#demand(')');
      return inner;
    } finally {
      this.#depth--;
    }
  }

  /** A relation, a chain of them (`1 < a <= 3`), or the existence of a field. */
  #test(): Predicate {
    let left = this.#side();
    let tests: Predicate | undefined;
    for (;;) {
      const { kind, text } = this.#token;
      if (kind !== 'operator') break;
      const operator = this.#token;
      this.#next++;
      if (text === 'in') return this.#membership(left);
      if (text === 'matches') return this.#match(left);
      const right = this.#side();
      const test = this.#relation(left, operator, right);
      const before = tests;
      tests = before === undefined ? test : (view) => before(view) && test(view);
      left = right;
    }
    return tests ?? this.#existence(left);
  }

  #existence({ token, field, values, kind }: Side): Predicate {
    if (field === undefined) {
      if (token.kind === 'word') throw this.#noField(token);
      throw this.#error('a string alone selects nothing: compare a field with it', token);
    }
    if (field.kind === 'presence') return field.read;
    // A sum of bits is there when it is not 0.
    if (token.kind === 'operator') return (view) => values!(view).some((value) => value !== 0);
    return kind === undefined ? () => false : (view) => values!(view).length > 0;
  }

  #side(): Side {
    const token = this.#token;
    if (token.kind !== 'word' && token.kind !== 'string') {
      const found = token.kind === 'end' ? 'the filter ends' : `'${token.text}' stands`;
      throw this.#error(`${found} where a field or a value is expected`);
    }
    this.#next++;
    const field = token.kind === 'word' ? FILTER_FIELDS.get(token.text) : undefined;
    if (field === undefined) {
      if (this.#token.kind === 'slice' || this.#takesBits()) throw this.#noField(token);
      return { token, name: token.text };
    }
    if (needsAnalysis(token.text)) this.#needsAnalysis = true;
    const kind = kindOf(field);
    const name = token.text;
    const isPlain = field.kind === 'number' || field.kind === 'ipv4' || field.kind === 'flag';
    const side: Side = {
      token,
      field,
      name,
      values: valuesOf(field),
      ...(kind === undefined ? {} : { kind }),
      ...(isPlain ? { read: field.read } : {}),
    };
    if (this.#token.kind === 'slice') return this.#slice(side);
    return this.#takesBits() ? this.#bits(side) : side;
  }

  #takesBits(): boolean {
    return this.#takes('operator', '&');
  }

  /** `field & 0x02` */
  #bits(side: Side): Side {
    const token = this.#tokens[this.#next - 1]!;
    if (side.kind !== 'number') throw this.#error(`${side.name} has no bits: & needs a number`, side.token);
    const mask = this.#side();
    if (mask.field !== undefined) throw this.#error('& needs a number here', mask.token);
    const bits = this.#literal(mask.token, side).value as number;
    const values = side.values!;
    const isSigned = (integerRange(side.name)?.min ?? 0) < 0;
    const masked = (value: Value) => (isSigned ? (value as number) & bits : ((value as number) & bits) >>> 0);
    return { ...this.#without(side), token, values: (view) => values(view).map(masked) };
  }

  #slice(side: Side): Side {
    const token = this.#token;
    this.#next++;
    if (side.kind !== 'octets' && side.kind !== 'text')
      throw this.#error(`${side.name} has no octets to take a part of`, token);
    const ranges = slicesOf(token, this.#filter);
    return { ...this.#without(side), kind: 'octets', values: sliced(side.values!, ranges) };
  }

  #without({ read: _, ...side }: Side): Side {
    return side;
  }

  #noField(token: Token): FilterError {
    return this.#error(`there is no field '${token.text}'`, token, token.text);
  }

  #literal(token: Token, beside: Side): Literal {
    return literalOf(token, beside.kind!, beside.name, beside.field?.words, this.#filter);
  }

  #relation(left: Side, operator: Token, right: Side): Predicate {
    for (const side of [left, right]) {
      if (side.field?.kind === 'presence')
        throw this.#error(`${side.name} has no value: it is there or not`, side.token);
    }
    if (left.field === undefined && right.field === undefined) {
      throw left.token.kind === 'word' ? this.#noField(left.token) : this.#error('neither side is a field', left.token);
    }
    const side = left.field === undefined ? right : left;
    if (operator.text === 'contains' && side.kind !== 'text' && side.kind !== 'octets') {
      throw this.#error(`${side.name} is neither text nor octets, so it contains nothing`, operator);
    }
    if (left.field !== undefined && right.field !== undefined) {
      if (left.kind !== right.kind) throw this.#error(`${left.name} and ${right.name} are not of one kind`, operator);
      return relation(operator.text, left.values!, right.values!);
    }
    const literal = this.#literal((left.field === undefined ? left : right).token, side);
    if (left.field !== undefined && left.read !== undefined && literal.mask === undefined)
      return numberRelation(operator.text, left.read, literal.value as number);
    const list: readonly Value[] = [literal.value];
    const constant: Values = () => list;
    const values = masked(side.values!, literal);
    return left.field === undefined
      ? relation(operator.text, constant, values)
      : relation(operator.text, values, constant);
  }

  /** `field in {1, 3..5}` */
  #membership(left: Side): Predicate {
    this.#demandValue(left, 'in');
    this.#demand('{');
    const tests: Predicate[] = [];
    do {
      const first = this.#literal(this.#value(), left);
      if (this.#takes('mark', '..')) {
        const last = this.#literal(this.#value(), left);
        const values = left.values!;
        tests.push((view) =>
          values(view).some((value) => compare(value, first.value) >= 0 && compare(value, last.value) <= 0),
        );
      } else {
        const list: readonly Value[] = [first.value];
        tests.push(relation('==', masked(left.values!, first), () => list));
      }
    } while (this.#takes('mark', ','));
    this.#demand('}');
    return (view) => tests.some((test) => test(view));
  }

  #match(left: Side): Predicate {
    this.#demandValue(left, 'matches');
    if (left.kind !== 'text') throw this.#error(`${left.name} is no text, so no pattern matches it`, left.token);
    const token = this.#value();
    let pattern: RegExp;
    try {
      // As in Wireshark, without regard to case.
      pattern = new RegExp(token.text, 'i');
    } catch {
      throw this.#error('this is no regular expression', token);
    }
    const values = left.values!;
    return (view) => values(view).some((value) => pattern.test(value as string));
  }

  #demandValue(side: Side, operator: string): void {
    if (side.field === undefined) {
      throw side.token.kind === 'word'
        ? this.#noField(side.token)
        : this.#error(`'${operator}' needs a field before it`, side.token);
    }
    if (side.kind === undefined) throw this.#error(`${side.name} has no value: it is there or not`, side.token);
  }

  #value(): Token {
    const token = this.#token;
    if (token.kind !== 'word' && token.kind !== 'string') throw this.#error('a value is missing here');
    this.#next++;
    return token;
  }
}

/** Addresses under the mask of a network. */
function masked(values: Values, { mask }: Literal): Values {
  if (mask === undefined) return values;
  return (view) => values(view).map((value) => ((value as number) & mask) >>> 0);
}
