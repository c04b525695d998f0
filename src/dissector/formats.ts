import { csvLine, plain } from './csv.js';
import type { Paint } from './paint.js';
import { type PacketRecord, RECORD_FIELDS, type RecordField } from './record.js';
import { TextTable } from './text.js';

/** How records are printed. */
export const FORMATS = ['text', 'ndjson', 'json', 'csv'] as const;

/** One of {@link FORMATS}. */
export type Format = (typeof FORMATS)[number];

/** Turns records into text, piece by piece: `start`, `record` for each, `end`. */
export interface RecordWriter {
  start(): string;
  /** @param sinceFirst seconds since the first packet of the capture; @returns what is ready to be printed */
  record(record: PacketRecord, sinceFirst: number): string;
  end(): string;
}

/**
 * @param fields the fields to print, in this order; none = all of them (in text: the line for people)
 * @param paint colours of the text format
 */
export function recordWriter(format: Format, fields: readonly RecordField[], paint: Paint): RecordWriter {
  const select = (record: PacketRecord) => (fields.length === 0 ? record : selected(record, fields));
  switch (format) {
    case 'ndjson':
      return { start: () => '', record: (record) => `${JSON.stringify(select(record))}\n`, end: () => '' };
    case 'json': {
      let separator = '[\n';
      return {
        start: () => '',
        record: (record) => {
          const text = separator + JSON.stringify(select(record));
          separator = ',\n';
          return text;
        },
        end: () => (separator === '[\n' ? '[]\n' : '\n]\n'),
      };
    }
    case 'csv': {
      const columns = fields.length === 0 ? RECORD_FIELDS : fields;
      return {
        start: () => `${csvLine(columns)}\n`,
        record: (record) => `${csvLine(columns.map((field) => record[field]))}\n`,
        end: () => '',
      };
    }
    case 'text': {
      if (fields.length > 0) {
        const line = (record: PacketRecord) => `${fields.map((field) => plain(record[field])).join('\t')}\n`;
        return { start: () => '', record: line, end: () => '' };
      }
      const table = new TextTable(paint);
      return {
        start: () => '',
        record: (record, sinceFirst) => table.add(record, sinceFirst),
        end: () => table.end(),
      };
    }
  }
}

/** The record with only these keys, in this order; what it has not is left out. */
function selected(record: PacketRecord, fields: readonly RecordField[]): Partial<PacketRecord> {
  return Object.fromEntries(
    fields.filter((field) => record[field] !== undefined).map((field) => [field, record[field]]),
  );
}
