import { Parser } from 'binary-parser';
import { formatIpv4, formatNodeId } from './address.js';
import { type FieldDeclaration, type FieldName, fieldOffset, LAYOUTS, type LayoutName } from './layout.js';

/**
 * The general decoder: built from a layout's declaration with binary-parser. It is slow and independent: it shares
 * nothing with the view but the declaration, and is what the view is tested against.
 */

/** Field values as they are shown: numbers, a node id in hex with colons, addresses dotted (empty slots included). */
export type GeneralValues = Partial<Record<FieldName, number | string | string[]>>;

let compact: Parser | undefined;

function compactParser(): Parser {
  compact ??= LAYOUTS.compact.fields.reduce((built, field) => addField(built, field), new Parser());
  return compact;
}

function addField(parser: Parser, field: FieldDeclaration): Parser {
  switch (field.type) {
    case 'u8':
      return parser.uint8(field.name);
    case 'u16':
      return field.endian === 'little' ? parser.uint16le(field.name) : parser.uint16be(field.name);
    case 'u32':
      return field.endian === 'little' ? parser.uint32le(field.name) : parser.uint32be(field.name);
    case 's32':
      return field.endian === 'little' ? parser.int32le(field.name) : parser.int32be(field.name);
    case 'id':
      return parser.buffer(field.name, { length: field.size });
    case 'ipv4-list':
      // binary-parser has no array of length 0; the field is then left out.
      return field.count === 0 ? parser : parser.array(field.name, { type: 'uint32be', length: field.count as number });
  }
}

/**
 * Reads the values of a CM block (filler not included) without judging them.
 * @throws RangeError when the block is shorter than its layout says.
 */
export function decodeGeneral(block: Uint8Array, layoutName: LayoutName): GeneralValues {
  const layout = LAYOUTS[layoutName];
  const parser = layoutName === 'full' ? fullParser(addressCountOf(block)) : compactParser();
  const raw = parser.parse(block);
  const values: GeneralValues = {};
  for (const field of layout.fields) {
    const value = raw[field.name];
    if (field.type === 'id')
      values[field.name] = formatNodeId(
        Number.parseInt(Buffer.from(value as Uint8Array).toString('hex'), 16),
        field.size,
      );
    else if (field.type === 'ipv4-list') values[field.name] = ((value ?? []) as number[]).map(formatIpv4);
    else values[field.name] = value as number;
  }
  return values;
}

/** The number of addresses of a `full` block. binary-parser reads forwards, and the number stands behind the list. */
function addressCountOf(block: Uint8Array): number {
  const at = block.length - LAYOUTS.full.baseSize + fieldOffset(LAYOUTS.full, 'addressCount');
  if (at < 0) throw new RangeError(`A full CM has 25 octets or more, not ${block.length}.`);
  return block[at]!;
}

const fullParsers: Parser[] = [];

/** The parser of `full` for a known number of addresses; made once for each. */
function fullParser(count: number): Parser {
  fullParsers[count] ??= LAYOUTS.full.fields.reduce(
    (built, field) => addField(built, field.type === 'ipv4-list' ? { ...field, count } : field),
    new Parser(),
  );
  return fullParsers[count];
}
