// kaitai/mpip.ksy: a Kaitai Struct description of datagrams with a CM, for the many languages that Kaitai has parsers for.
import { stringify } from 'yaml';

const NOTICE = `# Made by \`npm run generate\` from src/codec/layout.ts: change that, not this file.\n`;

/** The description by path. */
export function kaitai(declared) {
  const { COMPACT, FULL, FLAG_NAMES } = declared;
  const description = {
    meta: {
      id: 'mpip',
      title: 'IPv4 datagram with an MPIP control message',
      license: 'MIT',
      'ks-version': 0.9,
      endian: 'be',
    },
    doc: [
      'An IPv4 datagram, from its header on; octets behind its total length are padding. `compact` and `full` are what stands',
      'where a control message of that layout would; it is one when its `is_valid` is true. A datagram whose headers do not',
      'fit has neither, and reading one that is cut short ends in an error.',
    ].join(' '),
    seq: [
      { id: 'version', type: 'b4' },
      { id: 'header_words', type: 'b4' },
      { id: 'tos', type: 'u1' },
      { id: 'total_length', type: 'u2' },
      { id: 'identification', type: 'u2' },
      { id: 'reserved', type: 'b1' },
      { id: 'dont_fragment', type: 'b1' },
      { id: 'more_fragments', type: 'b1' },
      { id: 'fragment_offset', type: 'b13' },
      { id: 'ttl', type: 'u1' },
      { id: 'protocol', type: 'u1' },
      { id: 'header_checksum', type: 'u2' },
      { id: 'source', type: 'ipv4' },
      { id: 'destination', type: 'ipv4' },
    ],
    instances: {
      header_length: { value: 'header_words * 4' },
      is_whole: {
        value: [
          'version == 4',
          'header_length >= 20',
          'total_length >= header_length',
          'total_length <= _io.size',
          'not more_fragments',
          'fragment_offset == 0',
        ].join(' and '),
      },
      tcp_header_words: {
        pos: 'header_length + 12',
        type: 'b4',
        if: 'is_whole and protocol == 6 and total_length - header_length >= 20',
      },
      l4_header_length: {
        doc: 'Length of the TCP or UDP header; 0 when there is none.',
        value:
          'not is_whole ? 0 : protocol == 17 ? 8 : protocol == 6 and total_length - header_length >= 20 and tcp_header_words >= 5 ? tcp_header_words * 4 : 0',
      },
      user_data_offset: { value: 'header_length + l4_header_length' },
      can_carry: { value: 'l4_header_length > 0 and user_data_offset <= total_length' },
      compact: {
        doc: COMPACT.description,
        pos: `total_length - ${COMPACT.baseSize}`,
        size: COMPACT.baseSize,
        type: 'compact',
        if: `can_carry and total_length - ${COMPACT.filler + COMPACT.baseSize} >= user_data_offset`,
      },
      ...fullInstances(declared),
    },
    types: {
      compact: type(COMPACT),
      full: type(FULL),
      ipv4: { seq: [{ id: 'octets', size: 4 }] },
      octet_sum: octetSum(),
    },
    enums: { flag: Object.fromEntries(FLAG_NAMES.map((name, value) => [value, name.replaceAll('-', '_')])) },
  };
  return { 'kaitai/mpip.ksy': NOTICE + stringify(description, { lineWidth: 0 }) };
}

function fullInstances({ FULL, fieldOf, fieldOffset }) {
  const base = FULL.baseSize;
  const most = fieldOf(FULL, 'addressCount').max;
  const size = `${base} + 4 * full_address_count`;
  return {
    full_address_count: {
      pos: `total_length - ${base - fieldOffset(FULL, 'addressCount')}`,
      type: 'u1',
      if: `can_carry and total_length - ${base} >= user_data_offset`,
    },
    full: {
      doc: FULL.description,
      pos: `total_length - (${size})`,
      size,
      type: 'full',
      if: `can_carry and total_length - ${base} >= user_data_offset and full_address_count <= ${most} and total_length - (${size}) >= user_data_offset`,
    },
  };
}

const snake = (name) => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const INTEGERS = { u8: 'u1', u16: 'u2', u32: 'u4', s32: 's4' };

/** One layout: its fields in the order of the wire, and whether they make a CM. */
function type(layout) {
  const variable = layout.fields.some(({ count }) => count === 'addressCount');
  const addresses = variable ? `(_io.size - ${layout.baseSize}) / 4` : undefined;
  const conditions = [];
  const seq = layout.fields.map((field) => {
    const id = snake(field.name);
    const entry = { id, doc: field.description };
    if (field.constant !== undefined) conditions.push(`${id} == ${field.constant}`);
    if (field.max !== undefined) conditions.push(`${id}${field.name === 'flags' ? '.to_i' : ''} <= ${field.max}`);
    if (field.name === 'addressCount') conditions.push(`${id} * 4 + ${layout.baseSize} == _io.size`);
    if (field.type === 'id') return { ...entry, size: field.size };
    if (field.type === 'ipv4-list')
      return { ...entry, type: 'ipv4', repeat: 'expr', 'repeat-expr': addresses ?? field.count };
    const order = field.size > 1 ? field.endian.slice(0, 1) : '';
    const integer = INTEGERS[field.type] + (order === '' ? '' : `${order}e`);
    return { ...entry, type: integer, ...(field.name === 'flags' ? { enum: 'flag' } : {}) };
  });
  const node = layout.fields.find(({ name }) => name === 'nodeId');
  // A MAC address that is neither zero nor multicast; the two octets of compact may be any.
  if (node.size === 6) {
    const octets = Array.from({ length: node.size }, (_, index) => `node_id[${index}]`);
    conditions.push('node_id[0] & 1 == 0', `(${octets.join(' | ')}) != 0`);
  }
  conditions.push('sum.total == checksum');
  const summed = layout.baseSize - layout.fields.at(-1).size;
  return {
    doc: layout.description,
    seq,
    instances: {
      sum: { pos: 0, type: `octet_sum(${variable ? `_io.size - ${layout.baseSize - summed}` : summed})` },
      is_valid: { value: conditions.map((one) => `(${one})`).join(' and ') },
    },
  };
}

/** The plain sum of octets; Kaitai has no loop, so each step adds to the one before. */
function octetSum() {
  return {
    params: [{ id: 'count', type: 's4' }],
    seq: [
      { id: 'steps', type: 'step(_index == 0 ? 0 : steps[_index - 1].total)', repeat: 'expr', 'repeat-expr': 'count' },
    ],
    instances: { total: { value: 'count == 0 ? 0 : steps[count - 1].total' } },
    types: {
      step: {
        params: [{ id: 'before', type: 's4' }],
        seq: [{ id: 'octet', type: 'u1' }],
        instances: { total: { value: 'before + octet' } },
      },
    },
  };
}
