/** A small generator of numbers below `below` (xorshift), so that a seed gives the same filters everywhere. */
export type Random = (below: number) => number;

export function generator(seed: number): Random {
  let state = seed >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % below;
  };
}

interface Kind {
  readonly fields: readonly string[];
  readonly values: readonly string[];
  readonly relations: readonly string[];
  readonly hasRanges?: boolean;
}

const ORDER = ['==', '!=', '===', '!==', '<', '<=', '>', '>=', 'eq', 'ne', 'lt', 'le', 'gt', 'ge'];

const NUMBERS: Kind = {
  fields: [
    'mpip.session_id',
    'mpip.path_id',
    'mpip.feedback_path_id',
    'mpip.checksum',
    'mpip.analysis.data_length',
    'mpip.analysis.delay',
    'frame.number',
    'frame.len',
  ],
  values: ['0', '1', '2', '3', '0x10', '100', '200'],
  relations: ORDER,
  hasRanges: true,
};

/** What relations are made of. Values are such that both outcomes occur. */
const OF_CM: readonly Kind[] = [
  NUMBERS,
  { fields: ['mpip.path_delay'], values: ['0', '-4000', '5000', '-12883'], relations: ORDER, hasRanges: true },
  { fields: ['mpip.timestamp'], values: ['0', '1870724496', '0x70000000'], relations: ORDER, hasRanges: true },
  { fields: ['mpip.flags'], values: ['0', '2', '3', '"heartbeat"', '"Enabled"', '5'], relations: ORDER },
  {
    fields: ['mpip.node_id'],
    values: ['0a:01', '0b:01', '0b-01', '0a:01:02', '52:54'],
    relations: [...ORDER, 'contains'],
  },
  {
    fields: [
      'mpip.node_id[0]',
      'mpip.node_id[1:]',
      'mpip.node_id[0:2]',
      'mpip.node_id[0-1]',
      'mpip.node_id[-1:1]',
      'mpip.node_id[:1]',
    ],
    values: ['0a', '01', '0b:01'],
    relations: ORDER,
  },
  {
    fields: ['mpip.local_addr'],
    values: ['10.1.0.1', '10.2.0.2', '10.2.0.0/16', '0.0.0.0/0'],
    relations: ['==', '!=', '===', '!==', '<', '>='],
    hasRanges: true,
  },
  {
    fields: [
      'mpip.analysis.path_tuple',
      'mpip.analysis.feedback_tuple',
      'mpip.layout',
      'mpip.expert',
      'mpip.checksum.status',
    ],
    values: ['"10.2.0.1"', '"compact"', '"udp-length"', '"good"', '"7000"', '"near-cm"', '""'],
    relations: ['==', '!=', '===', '!==', '<', '>', 'contains'],
  },
  {
    fields: ['mpip.analysis.path_tuple', 'mpip.layout', 'mpip.expert'],
    values: ['"^10\\\\.2"', '"COMPACT"', '"[0-9]:7000"', '"udp|near"', 'r"\\d+ > 10\\.1"'],
    relations: ['matches', '~'],
  },
];

const OF_HEADERS: readonly Kind[] = [
  {
    fields: ['ip.src', 'ip.dst', 'ip.addr'],
    values: ['10.1.0.1', '10.2.0.2', '10.2.0.0/16', '10.1.0.2/32'],
    relations: ['==', '!=', '===', '!==', '<', '>='],
    hasRanges: true,
  },
  {
    fields: ['udp.srcport', 'udp.dstport', 'udp.port', 'tcp.srcport', 'tcp.port'],
    values: ['7000', '40000', '5001', '0x1b58'],
    relations: ORDER,
    hasRanges: true,
  },
  {
    fields: ['udp.length', 'tcp.flags', 'ip.proto', 'ip.ttl', 'ip.len'],
    values: ['0x02', '6', '17', '64', '126'],
    relations: ORDER,
    hasRanges: true,
  },
  {
    fields: ['tcp.flags.syn', 'tcp.flags.ack', 'tcp.flags.fin', 'tcp.flags.push'],
    values: ['0', '1', '"Set"', '"Not set"'],
    relations: ['==', '!='],
  },
  { fields: ['mpip.wrapper'], values: ['0', '1', 'true', 'false'], relations: ['==', '!='] },
  { fields: ['frame.time_relative'], values: ['0', '0.1', '1.5', '0.035271'], relations: ['<', '<=', '>', '>='] },
];

const EXISTENCE = [
  'mpip',
  'mpip.wrapper',
  'mpip.analysis.response_to',
  'mpip.expert',
  'mpip.expert.udp_length',
  'mpip.expert.near_cm',
  'mpip.expert.path_zero',
  'mpip.version',
  'mpip.flags & 1',
  'mpip.path_id & 6',
  'frame',
];

/** Filters of Wireshark's syntax about fields that both know; `withHeaders`: those of IP, UDP and TCP too. */
export function madeFilters(count: number, random: Random, withHeaders: boolean): string[] {
  const kinds = withHeaders ? [...OF_CM, ...OF_HEADERS] : OF_CM;
  const one = <T>(list: readonly T[]): T => list[random(list.length)]!;
  const test = (): string => {
    if (random(6) === 0) return one(EXISTENCE);
    const kind = one(kinds);
    const field = one(kind.fields);
    const plain = kind.values.filter((value) => !value.includes('/'));
    const choice = random(10);
    if (choice === 0 && kind.relations.includes('==') && !field.endsWith(']'))
      return `${field} in {${one(plain)}, ${one(plain)}}`;
    if (choice === 1 && kind.hasRanges === true) return `${field} in {${one(plain)}..${one(plain)}, ${one(plain)}}`;
    if (choice === 2 && kind === NUMBERS) return `${one(kind.fields)} ${one(ORDER)} ${one(kind.fields)}`;
    if (choice === 3 && kind === NUMBERS) return `${field} > ${one(plain)} and ${field} <= ${one(plain)}`;
    return `${field} ${one(kind.relations)} ${one(kind.values)}`;
  };
  const expression = (depth: number): string => {
    if (depth === 0) return test();
    const part = () => expression(random(depth));
    switch (random(7)) {
      case 0:
        return `${one(['!', 'not '])}(${part()})`;
      case 1:
        return `${one(['!', 'not '])}${test()}`;
      case 2:
        return `(${part()}) ${one(['&&', 'and', '||', 'or'])} (${part()})`;
      default:
        return `${part()} ${one(['&&', 'and', '||', 'or'])} ${part()}`;
    }
  };
  return Array.from({ length: count }, (_, index) => expression(index % 4));
}
