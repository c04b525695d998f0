// wireshark/mpip.lua: the logic of wireshark/mpip.template.lua with what can be derived from the declarations put in.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../lib/run.mjs';
import { trailerFields } from './fields.mjs';

const TEMPLATE = 'wireshark/mpip.template.lua';
const NOTICE = `Made by \`npm run generate\` from ${TEMPLATE} and src/codec/layout.ts: change those, not this file.`;

/** The plugin by path. */
export function wireshark(declared) {
  const sections = {
    layouts: [constants(declared), compactReader(declared.COMPACT), fullReader(declared.FULL)].join('\n\n'),
    fields: fields(declared),
    findings: findings(declared),
  };
  let text = readFileSync(join(ROOT, TEMPLATE), 'utf8').replace('@NOTICE@', NOTICE);
  for (const [name, content] of Object.entries(sections)) {
    const marker = `-- @generated ${name}@`;
    if (!text.includes(marker)) throw new Error(`${TEMPLATE} has no line ${marker}.`);
    text = text.replace(marker, () => content);
  }
  return { 'wireshark/mpip.lua': text };
}

/** Key of a field in the Lua table `f`: its name without the protocol. */
const luaKey = (filter) => filter.replace(/^mpip\.(analysis\.)?/, '').replaceAll('.', '_');
const quoted = (text) => JSON.stringify(text);
const names = (letter, from, to) => Array.from({ length: to - from }, (_, i) => `${letter}${from + i}`);

function constants({ FLAG_NAMES, Flags, MAX_FLAGS, COMPACT, FULL, fieldOf, fieldOffset }) {
  const back = (name) => FULL.baseSize - fieldOffset(FULL, name);
  return `local FLAG_NAMES = { ${FLAG_NAMES.map((name, value) => `[${value}] = ${quoted(name)}`).join(', ')} }
local MAX_FLAGS = ${MAX_FLAGS}
local HEARTBEAT, ENABLE, ENABLED, HANDSHAKE = ${Flags.heartbeat}, ${Flags.enable}, ${Flags.enabled}, ${Flags.handshake}

-- compact: ${COMPACT.description}
local COMPACT_FILLER, COMPACT_SIZE = ${COMPACT.filler}, ${COMPACT.baseSize}
local COMPACT_MARK, COMPACT_MARK_AT = ${fieldOf(COMPACT, 'length').constant}, ${fieldOffset(COMPACT, 'length')}
local COMPACT_NODE_AT = ${fieldOffset(COMPACT, 'nodeId')}

-- full: ${FULL.description}
local FULL_SIZE, FULL_MAX_ADDRESSES = ${FULL.baseSize}, ${fieldOf(FULL, 'addressCount').max}
local FULL_MARK, FULL_MARK_BACK = ${fieldOf(FULL, 'version').constant}, ${back('version')}
local FULL_COUNT_BACK, FULL_NODE_AT = ${back('addressCount')}, ${fieldOffset(FULL, 'nodeId')}`;
}

/** The value of a field as a sum of octets; `at` names the octet at an offset of the field. */
function fieldSum(field, octet) {
  const { size, endian } = field;
  const terms = Array.from({ length: size }, (_, i) => {
    const weight = 256 ** (endian === 'little' ? i : size - 1 - i);
    return weight === 1 ? octet(i) : `${octet(i)} * ${weight}`;
  });
  const sum = terms.join(' + ');
  return field.type === 's32' ? `(${sum} + 2147483648) % 4294967296 - 2147483648` : sum;
}

const READ = ['flags', 'checksum', 'sum', 'sessionId', 'pathId', 'feedbackPathId', 'pathDelay'];

function reader(name, args, lines, value, sum) {
  const values = READ.map((field) => (field === 'sum' ? sum : value(field)));
  return `-- Flags, checksum, the sum that it should be, session id, path id, feedback path id, path delay.
local function read_${name}(${args})
${lines.map((line) => `  ${line}`).join('\n')}
  return ${values.join(',\n    ')}
end`;
}

function compactReader(layout) {
  const offset = (name) => {
    let at = 0;
    for (const field of layout.fields) {
      if (field.name === name) return at;
      at += field.size * (field.count ?? 1);
    }
    throw new Error(`No field ${name}.`);
  };
  const field = (name) => layout.fields.find((one) => one.name === name);
  const octets = names('o', 0, layout.baseSize);
  return reader(
    'compact',
    'b, start',
    [`local ${octets.join(', ')} = byte(b, start + 1, start + ${layout.baseSize})`],
    (name) => fieldSum(field(name), (i) => `o${offset(name) + i}`),
    octets.slice(0, offset('checksum')).join(' + '),
  );
}

function fullReader(layout) {
  const list = layout.fields.findIndex((field) => field.count === 'addressCount');
  const octetsOf = (fields) => fields.reduce((sum, { size }) => sum + size, 0);
  const before = octetsOf(layout.fields.slice(0, list));
  const behind = octetsOf(layout.fields.slice(list + 1));
  const octet = (name) => {
    const index = layout.fields.findIndex((field) => field.name === name);
    const at =
      index < list ? octetsOf(layout.fields.slice(0, index)) : before + octetsOf(layout.fields.slice(list + 1, index));
    return (i) => `o${at + i}`;
  };
  const all = names('o', 0, before + behind);
  const summed = all.slice(0, before + behind - octetsOf(layout.fields.slice(-1)));
  return reader(
    'full',
    'b, start, finish',
    [
      `local ${all.slice(0, before).join(', ')} = byte(b, start + 1, start + ${before})`,
      `local ${all.slice(before).join(', ')} = byte(b, finish - ${behind - 1}, finish)`,
      'local sum = 0',
      `for at = start + ${before}, finish - ${behind + 4}, 4 do`,
      '  local a1, a2, a3, a4 = byte(b, at + 1, at + 4)',
      '  sum = sum + a1 + a2 + a3 + a4',
      'end',
    ],
    (name) =>
      fieldSum(
        layout.fields.find((field) => field.name === name),
        octet(name),
      ),
    `sum + ${summed.join(' + ')}`,
  );
}

/** The Lua constructor of a declared field; its type is the widest of the layouts. */
function protoField({ filter, title, type, unit, description }) {
  const make = (kind, ...rest) =>
    `f.${luaKey(filter)} = ProtoField.${kind}(${[quoted(filter), quoted(title), ...rest, quoted(description)].join(', ')})`;
  const number = (kind) =>
    unit === undefined
      ? make(kind, 'base.DEC', 'nil', 'nil')
      : make(kind, 'base.UNIT_STRING', `{ ${quoted(` ${unit}`)} }`, 'nil');
  switch (type) {
    case 'u8':
      return filter === 'mpip.flags' ? make('uint8', 'base.DEC', 'FLAG_NAMES', 'nil') : number('uint8');
    case 'u16':
      return number('uint16');
    case 'u32':
      return number('uint32');
    case 's32':
      return number('int32');
    case 'frame':
      return make('framenum', 'base.NONE', 'frametype.RESPONSE', 'nil');
    case 'id':
      return make('bytes', 'base.COLON');
    case 'ipv4-list':
      return make('ipv4');
    case 'flag':
      return make('bool', 'base.NONE', 'nil', 'nil');
    case 'string':
      return make('string', 'base.ASCII');
    default:
      throw new Error(`${filter}: no field of Wireshark is known for type ${type}.`);
  }
}

function fields(declared) {
  const { COMPACT, FULL, DERIVED_FIELDS, fieldOf, fieldOffset } = declared;
  const all = [...trailerFields(declared), ...DERIVED_FIELDS];
  const lines = ['local f = {}', ...all.map(protoField)];
  lines.push(
    'mpip.fields = f',
    '',
    '-- Where the fields stand: `at` counts from the start of the CM, `back` from its end.',
  );
  for (const layout of [COMPACT, FULL]) {
    lines.push(`local ${layout.name.toUpperCase()}_FIELDS = {`);
    const list = layout.fields.findIndex(({ count }) => count === 'addressCount');
    layout.fields.forEach((field, index) => {
      const offset = fieldOffset(layout, field.name);
      const parts = [`field = f.${luaKey(field.filter)}`];
      parts.push(list >= 0 && index > list ? `back = ${layout.baseSize - offset}` : `at = ${offset}`);
      parts.push(`size = ${field.size}`);
      if (field.size > 1 && field.endian === 'little') parts.push('is_little = true');
      if (field.type === 'ipv4-list') parts.push('is_list = true');
      if (typeof field.count === 'number') parts.push(`count = ${fieldOf(layout, field.name).count}`);
      lines.push(`  { ${parts.join(', ')} },`);
    });
    lines.push('}');
  }
  return lines.join('\n');
}

function findings({ FINDINGS }) {
  const lines = ['local experts = {}'];
  for (const { id, severity, group, text } of FINDINGS) {
    const abbreviation = `mpip.expert.${id.replaceAll('-', '_')}`;
    lines.push(
      `experts[${quoted(id)}] = { text = ${quoted(text)}, info = ProtoExpert.new(${quoted(abbreviation)},`,
      `  ${quoted(text)}, expert.group.${group.toUpperCase()}, expert.severity.${severity.toUpperCase()}) }`,
    );
  }
  lines.push('mpip.experts = {');
  for (const { id } of FINDINGS) lines.push(`  experts[${quoted(id)}].info,`);
  lines.push('}');
  return lines.join('\n');
}
