// Vectors that are one CM block: compact-blocks.json and full-blocks.json.
import { judgeBlock } from './judge.mjs';

/** Hex digits as octets; spaces are free. */
export const octets = (text) => [...Buffer.from(text.replaceAll(' ', ''), 'hex')];
/** Octets as hex digits. */
export const hex = (list) => Buffer.from(list).toString('hex');

const FLAG_NAMES = ['normal', 'ip-change', 'heartbeat', 'enable', 'enabled', 'handshake'];
const sum = (list) => list.reduce((total, octet) => total + octet, 0);
const u16be = (value) => [Math.floor(value / 256) % 256, value % 256];
const u32be = (value) => [...u16be(Math.floor(value / 65536)), ...u16be(value % 65536)];

/** A compact block (no filler) with octets of the template changed and the sum they ask for. */
export function compact(edits = {}) {
  const b = octets('199df8070305003073752efbffffc000020ac633641400');
  for (const [at, value] of Object.entries(edits)) b[Number(at)] = value;
  return [...b, sum(b) % 256, Math.floor(sum(b) / 256)];
}

/** A full block from its parts, with the sum they ask for; `count` and `version` may lie. */
export function full(parts = {}) {
  const p = {
    node: '525400000a01',
    session: 0x0107,
    path: 0x0203,
    feedback: 0x0305,
    timestamp: 0x75733000,
    delay: 2 ** 32 - 1234,
    list: ['c000020a', 'c6336414'],
    version: 0xa2,
    flags: 0,
    ...parts,
  };
  const b = [
    ...octets(p.node),
    ...u16be(p.session),
    ...u16be(p.path),
    ...u16be(p.feedback),
    ...u32be(p.timestamp),
    ...u32be(p.delay),
    ...p.list.flatMap(octets),
    parts.count ?? p.list.length,
    p.version,
    p.flags,
  ];
  return [...b, ...u16be(sum(b))];
}

/** A collector of block vectors of one layout. */
function collector(layout) {
  const vectors = [];
  const add = (id, flags, notes, list) => {
    const { result, reason, fields } = judgeBlock(list, layout);
    const expected = reason === undefined ? { fields } : { reason };
    vectors.push({ id: `${layout}-${id}`, kind: 'block', layout, flags, notes, hex: hex(list), result, ...expected });
  };
  return { vectors, add };
}

/** Every proper prefix and every single-bit flip of one template. */
function breakEverywhere(add, name, template) {
  for (let length = 0; length < template.length; length++)
    add(`${name}-cut-${length}`, ['Truncated'], `the first ${length} octets of ${name}`, template.slice(0, length));
  for (let at = 0; at < template.length; at++)
    for (let bit = 0; bit < 8; bit++) {
      const flipped = [...template];
      flipped[at] ^= 1 << bit;
      add(
        `${name}-flip-${at}.${bit}`,
        ['BitFlip'],
        `bit ${bit} of octet ${at} of ${name} is the other way round`,
        flipped,
      );
    }
}

const commonFlags = {
  Template: 'the block that the cut and flipped vectors of one CM flag start from',
  Truncated: 'a proper prefix of a template',
  BitFlip: 'a template with one bit the other way round; the sum is not repaired',
  Worked: "a worked block of the wire format or of the notes on the authors' kernels",
  EdgeValue: 'a field at or near the end of its range; the sum is right',
  FlagsValue: 'every value of the CM flags octet, with the sum it asks for',
  Checksum: 'a sum that is off, swapped or of other octets',
};

/** compact-blocks.json */
export function compactBlocks() {
  const { vectors, add } = collector('compact');
  const worked = {
    'worked-data': ['the data block', '199df8070305003073752efbffffc000020ac6336414003908'],
    'worked-query': ['a query with one address', '199df800000000307375 00000000c000020a00000000039503'],
    'worked-extremes': ['extreme values', '1901020904 02ffffffffffffff7fcb007107c0000263010c0a'],
    'worked-handshake': ['fake TCP handshake', '199df807000000307375 00000000c000020ac6336414050f05'],
    'worked-2014': ['ticks of 10 µs as in 2014, delay -123', '199df8070305 9951582585ffffffc000020ac633641400e308'],
  };
  for (const [id, [notes, text]] of Object.entries(worked)) add(id, ['Worked'], notes, octets(text));
  for (let flags = 0; flags <= 5; flags++) {
    const name = FLAG_NAMES[flags];
    const template = compact({ 22: flags });
    add(name, ['Template'], `the template with CM flags ${name}`, template);
    breakEverywhere(add, name, template);
  }
  for (let value = 0; value < 256; value++)
    add(`flags-${value}`, ['FlagsValue'], `CM flags ${value}`, compact({ 22: value }));
  for (let value = 0; value < 256; value += value < 40 ? 1 : 23)
    add(`length-${value}`, ['LengthOctet'], `length octet ${value}`, compact({ 0: value }));
  for (const value of [0, 1, 25, 0x20, 0x7f, 0x80, 0xff]) {
    add(`filler-${value}`, ['Filler'], `filler ${value} in front`, [value, ...compact()]);
    add(`all-octets-${value}`, ['EdgeValue'], `every octet but length and flags is ${value}`, everyOctet(value));
    for (const [field, at] of Object.entries({ session: 3, path: 4, feedback: 5 }))
      add(`${field}-${value}`, ['EdgeValue'], `${field} id ${value}`, compact({ [at]: value }));
  }
  const words = ['00000000', '01000000', 'ffffff7f', '00000080', 'ffffffff', 'feffffff', '000000ff', '00ff0000'];
  for (const word of words)
    for (const [field, at] of Object.entries({ timestamp: 6, delay: 10, address1: 14, address2: 18 }))
      add(`${field}-${word}`, ['EdgeValue'], `octets ${word} in ${field}`, compact(at4(at, word)));
  for (const node of ['0000', '0001', '0100', 'aaaa', 'ffff', '1919'])
    add(`node-${node}`, ['EdgeValue'], `node id ${node}: any value is valid on receive`, compact(at4(1, node)));
  const good = compact();
  for (const [id, notes, low, high] of [
    ['sum-plus-1', 'the sum is one too large', 0x3a, 8],
    ['sum-minus-1', 'the sum is one too small', 0x38, 8],
    ['sum-swapped', 'the sum high octet first', 8, 0x39],
    ['sum-complement', "the one's complement of the sum", 0xc6, 0xf7],
    ['sum-without-length', 'the length octet is not summed', 0x20, 8],
    ['sum-low-only', 'only the low octet of the sum', 0x39, 0],
    ['sum-zero', 'a sum of 0', 0, 0],
  ])
    add(id, ['Checksum'], notes, [...good.slice(0, 23), low, high]);
  add('sum-with-filler', ['Checksum'], 'the filler 1 is summed too', [1, ...good.slice(0, 23), 0x3a, 8]);
  add('old-15', ['OldLayout'], 'a trailer of 15 octets, as before June 2014', [15, ...good.slice(1, 15)]);
  add('old-17', ['OldLayout'], 'a trailer of 17 octets, as before July 2014', [17, ...good.slice(1, 17)]);
  add('too-long-27', ['TooLong'], 'two octets in front', [0, 0, ...good]);
  add('too-long-50', ['TooLong'], 'two blocks', [...good, ...good]);
  return {
    title: 'Blocks read as layout compact',
    flags: {
      ...commonFlags,
      LengthOctet: 'values of the length octet, with the sum they ask for; only 25 is a CM',
      Filler: 'the filler octet in front is not looked at and not summed',
      OldLayout: "a trailer of an earlier kernel of the paper's authors",
      TooLong: 'more octets than a block with its filler has',
    },
    vectors,
  };
}

function everyOctet(value) {
  const edits = {};
  for (let at = 1; at < 22; at++) edits[at] = value;
  return compact(edits);
}

function at4(at, text) {
  return Object.fromEntries(octets(text).map((octet, i) => [at + i, octet]));
}

/** full-blocks.json */
export function fullBlocks() {
  const { vectors, add } = collector('full');
  for (let flags = 0; flags <= 5; flags++) {
    const name = FLAG_NAMES[flags];
    const template = full({ flags });
    add(name, ['Template'], `the template with CM flags ${name}`, template);
    breakEverywhere(add, name, template);
  }
  for (let flags = 0; flags < 256; flags++) add(`flags-${flags}`, ['FlagsValue'], `CM flags ${flags}`, full({ flags }));
  const list = (n) => Array.from({ length: n }, (_, i) => hex([10, 0, i, i + 1]));
  for (let n = 0; n <= 20; n++) add(`addresses-${n}`, ['AddressCount'], `${n} addresses`, full({ list: list(n) }));
  for (const count of [0, 1, 3, 16, 17, 128, 255])
    add(`count-lies-${count}`, ['AddressCount'], `2 addresses, the octet says ${count}`, full({ count }));
  for (const version of [0, 0xa1, 0xa3, 0x22, 0x2a, 0xff])
    add(`version-${version}`, ['Version'], `version octet ${version}`, full({ version }));
  for (const node of [
    '000000000000',
    '000000000001',
    'fe0000000000',
    '010000000000',
    '0000ffffffff',
    'ffffffffffff',
    'feffffffffff',
    '01005e000001',
    '333300000001',
  ])
    add(`node-${node}`, ['NodeId'], `node id ${node}`, full({ node }));
  for (const value of [0, 1, 255, 256, 0x7fff, 0x8000, 0xfffe, 0xffff])
    for (const field of ['session', 'path', 'feedback'])
      add(`${field}-${value}`, ['EdgeValue'], `${field} id ${value}`, full({ [field]: value }));
  for (const value of [0, 1, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff, 0xff000000, 0x00ff00ff]) {
    for (const field of ['timestamp', 'delay'])
      add(`${field}-${value}`, ['EdgeValue'], `octets ${hex(u32be(value))} in ${field}`, full({ [field]: value }));
    const word = hex(u32be(value));
    add(`address-${word}`, ['EdgeValue'], `address ${word}`, full({ list: [word] }));
  }
  const good = full();
  const body = good.slice(0, -2);
  const right = sum(body);
  for (const [id, notes, value] of [
    ['sum-plus-1', 'the sum is one too large', right + 1],
    ['sum-minus-1', 'the sum is one too small', right - 1],
    ['sum-swapped', 'the sum low octet first', (right % 256) * 256 + Math.floor(right / 256)],
    ['sum-complement', "the one's complement of the sum", 0xffff - right],
    ['sum-zero', 'a sum of 0', 0],
  ])
    add(id, ['Checksum'], notes, [...body, ...u16be(value)]);
  add('worked', ['Worked'], "the data block's fields in the full layout", good);
  add('too-long-1', ['TooLong'], 'one octet in front: there is no filler', [0, ...good]);
  add('too-long-66', ['TooLong'], 'two blocks', [...good, ...good]);
  return {
    title: 'Blocks read as layout full',
    flags: {
      ...commonFlags,
      AddressCount: 'numbers of addresses, true and not; 0 to 16 make a CM',
      Version: 'values of the version octet other than 0xa2',
      NodeId: 'node ids; zero and multicast make no CM',
      TooLong: 'more octets than the number of addresses asks for',
    },
    vectors,
  };
}
