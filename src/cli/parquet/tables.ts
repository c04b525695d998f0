import type { SchemaElement } from 'hyparquet-writer';
import { type CaptureFinding, type Conversations, RECORD_FIELDS, type RecordField } from '../../dissector/index.js';

/** What a column holds. */
export type ColumnType = 'string' | 'int32' | 'int64' | 'double' | 'boolean' | 'strings' | 'time';

/** A table's columns, in order, under the names that Parquet shows. */
export type Columns = Readonly<Record<string, ColumnType>>;

/** A row; a column that it does not name is null. */
export type Row = Readonly<Record<string, unknown>>;

/** A field's column: dots become underscores, so that no query needs quotes. */
export const columnOf = (field: string): string => field.replaceAll('.', '_');

const STRINGS: readonly string[] = [
  'frame.file',
  'frame.time_epoch',
  'ip.src',
  'ip.dst',
  'ip.checksum.status',
  'udp.checksum.status',
  'tcp.checksum.status',
  'mpip.layout',
  'mpip.node_id',
  'mpip.checksum.status',
  'mpip.analysis.path_tuple',
  'mpip.analysis.feedback_tuple',
  'mpip.analysis.near_cm',
] satisfies RecordField[];
const LISTS: readonly string[] = ['frame.comment', 'mpip.local_addr', 'mpip.expert'] satisfies RecordField[];
/** Ports, ids, octets: what 31 bits hold. */
const SHORT =
  /^(ip\.proto|(udp|tcp)\.(src|dst)port|udp\.length|tcp\.flags|mpip\.(filler|length|version|session_id|path_id|feedback_path_id|addr_count|flags|checksum))$/;

function typeOf(field: RecordField): ColumnType {
  if (STRINGS.includes(field)) return 'string';
  if (LISTS.includes(field)) return 'strings';
  if (field === 'mpip.wrapper') return 'boolean';
  return SHORT.test(field) ? 'int32' : 'int64';
}

function recordColumns(fields: readonly RecordField[]): Columns {
  const columns: Record<string, ColumnType> = { frame_time: 'time' };
  for (const field of fields) columns[columnOf(field)] = typeOf(field);
  return columns;
}

/** Fields of every packet: all but what a CM says. */
export const PACKET_FIELDS = RECORD_FIELDS.filter(
  (field) => !field.startsWith('mpip.') || field === 'mpip.expert' || field === 'mpip.analysis.near_cm',
);

/** The tables, each in a folder of its name. */
export const TABLES = {
  packets: recordColumns(PACKET_FIELDS),
  cms: recordColumns(RECORD_FIELDS),
  paths: {
    session: 'int64',
    mpip_session_id: 'int32',
    protocol: 'string',
    mpip_node_id: 'string',
    mpip_path_id: 'int32',
    source: 'string',
    destination: 'string',
    wrapper: 'boolean',
    first: 'double',
    last: 'double',
    packets: 'int64',
    bytes: 'int64',
    share: 'double',
    heartbeats: 'int64',
    ipChange: 'int64',
    ...delayColumns('oneWay'),
    ...delayColumns('feedback'),
    queuing_latest: 'int64',
    queuing_max: 'int64',
    weight: 'int64',
    weightShare: 'double',
  },
  findings: {
    severity: 'string',
    id: 'string',
    requirement: 'string',
    text: 'string',
    count: 'int64',
    file: 'string',
    frame_number: 'int64',
  },
} as const satisfies Record<string, Columns>;

function delayColumns(name: string): Columns {
  return {
    [`${name}_samples`]: 'int64',
    [`${name}_latest`]: 'int64',
    [`${name}_mean`]: 'int64',
    [`${name}_max`]: 'int64',
  };
}

/** The paths of `--conversations`, one row for each: times in seconds since the first packet, delays in microseconds. */
export function* pathRows(conversations: Conversations): Generator<Row> {
  for (const { number, 'mpip.session_id': id, protocol, directions } of conversations.sessions()) {
    for (const { 'mpip.node_id': node, paths } of directions) {
      for (const path of paths)
        yield { session: number, mpip_session_id: id, protocol, mpip_node_id: node, ...flat(path, '') };
    }
  }
}

/** The list of `--findings`. */
export function* findingRows(findings: readonly CaptureFinding[]): Generator<Row> {
  for (const finding of findings) yield flat(finding, '');
}

/** A report as columns: what is inside another has that one's name in front. */
function flat(report: object, prefix: string): Row {
  const row: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(report)) {
    const column = prefix + columnOf(name);
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      Object.assign(row, flat(value, `${column}_`));
    else row[column] = value;
  }
  return row;
}

/** Parquet's schema of a table; every column may be null. */
export function schemaOf(columns: Columns): SchemaElement[] {
  const schema: SchemaElement[] = [{ name: 'root', num_children: Object.keys(columns).length }];
  for (const [name, type] of Object.entries(columns)) {
    if (type === 'strings') {
      schema.push({ name, repetition_type: 'OPTIONAL', num_children: 1, converted_type: 'LIST' });
      schema.push({ name: 'list', repetition_type: 'REPEATED', num_children: 1 });
    }
    schema.push({ name: type === 'strings' ? 'element' : name, repetition_type: 'OPTIONAL', ...ELEMENTS[type] });
  }
  return schema;
}

const TEXT = { type: 'BYTE_ARRAY', converted_type: 'UTF8' } as const;
const ELEMENTS: Readonly<Record<ColumnType, Partial<SchemaElement>>> = {
  string: TEXT,
  strings: TEXT,
  int32: { type: 'INT32' },
  int64: { type: 'INT64' },
  double: { type: 'DOUBLE' },
  boolean: { type: 'BOOLEAN' },
  time: { type: 'INT64', converted_type: 'TIMESTAMP_MICROS' },
};
