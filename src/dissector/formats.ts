import type { ByteWriter } from './byte-writer.js';
import { csvLine } from './csv.js';
import { type FieldReader, RECORD_FIELD_READERS } from './packet-fields.js';
import type { PacketView } from './packet-view.js';
import type { Paint } from './paint.js';
import { RECORD_FIELDS, type RecordField, recordOf } from './record.js';
import { TextTable } from './text.js';

/** How packets are printed. */
export const FORMATS = ['text', 'ndjson', 'json', 'csv'] as const;

/** One of {@link FORMATS}. */
export type Format = (typeof FORMATS)[number];

/** Prints packets: `start`, `packet` for each, `end`. */
export interface PacketWriter {
  start(out: ByteWriter): void;
  packet(view: PacketView, out: ByteWriter): void;
  end(out: ByteWriter): void;
}

/** How a {@link PacketWriter} prints. */
export interface PacketWriterOptions {
  /** The fields to print, in this order; none = all of them (in text: the line for people). */
  readonly fields?: readonly RecordField[];
  /** Colours of the text format. */
  readonly paint: Paint;
  /** Whether the view verifies checksums. */
  readonly checksums?: boolean;
}

/** A writer of one of the formats. JSON and NDJSON are what `JSON.stringify` makes of `recordOf`, several times as fast. */
export function packetWriter(format: Format, options: PacketWriterOptions): PacketWriter {
  const fields = options.fields ?? [];
  const isSelection = fields.length > 0;
  switch (format) {
    case 'ndjson':
      return new ObjectLines(isSelection ? fields : RECORD_FIELDS, '', '\n', '', '');
    case 'json':
      return new ObjectLines(isSelection ? fields : RECORD_FIELDS, '[\n', ',\n', '\n]\n', '[]\n');
    case 'csv':
      return new Cells(isSelection ? fields : RECORD_FIELDS, ',', true);
    case 'text':
      return isSelection ? new Cells(fields, '\t', false) : new Lines(options.paint, options.checksums === true);
  }
}

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
const QUOTE = 34;
const COMMA = 44;
const NEW_LINE = 10;
const OPEN = 123;
const CLOSE = 125;
/** Room for any number, address or time with its quotes. */
const SCALAR = 40;

/** Objects with a key for each field that the packet has. */
class ObjectLines implements PacketWriter {
  readonly #parts: { readonly key: Uint8Array; readonly reader: FieldReader }[];
  readonly #open: Uint8Array;
  readonly #between: Uint8Array;
  readonly #close: Uint8Array;
  readonly #empty: Uint8Array;
  readonly #isList: boolean;
  #count = 0;

  constructor(fields: readonly RecordField[], open: string, between: string, close: string, empty: string) {
    this.#parts = fields.map((field) => ({ key: ascii(`"${field}":`), reader: RECORD_FIELD_READERS[field] }));
    this.#open = ascii(open);
    this.#between = ascii(between);
    this.#close = ascii(close);
    this.#empty = ascii(empty);
    this.#isList = open !== '';
  }

  start(): void {}

  packet(view: PacketView, out: ByteWriter): void {
    out.reserve(SCALAR);
    if (this.#isList) out.octets(this.#count === 0 ? this.#open : this.#between);
    this.#count++;
    out.octet(OPEN);
    const start = out.length;
    for (const { key, reader } of this.#parts) {
      out.reserve(key.length + 1 + SCALAR);
      writeMember(view, out, key, reader, out.length > start);
    }
    out.octet(CLOSE);
    if (!this.#isList) out.octet(NEW_LINE);
  }

  end(out: ByteWriter): void {
    out.reserve(SCALAR);
    out.octets(this.#count === 0 ? this.#empty : this.#close);
  }
}

/** Writes `"key":value`, or nothing for what the packet has not. */
function writeMember(view: PacketView, out: ByteWriter, key: Uint8Array, reader: FieldReader, isLater: boolean): void {
  switch (reader.kind) {
    case 'number': {
      const value = reader.read(view);
      if (Number.isNaN(value)) return;
      startMember(out, key, isLater);
      out.number(value);
      return;
    }
    case 'ipv4':
    case 'octets': {
      const value = reader.read(view);
      if (Number.isNaN(value)) return;
      startMember(out, key, isLater);
      out.octet(QUOTE);
      if (reader.kind === 'ipv4') out.address(value);
      else out.hex(value, reader.size(view));
      out.octet(QUOTE);
      return;
    }
    case 'time':
      startMember(out, key, isLater);
      out.octet(QUOTE);
      out.time(reader.read(view), reader.nanoseconds(view));
      out.octet(QUOTE);
      return;
    case 'flag':
      if (reader.read(view) !== 1) return;
      startMember(out, key, isLater);
      out.ascii('true');
      return;
    case 'text': {
      const value = reader.read(view);
      if (value === undefined) return;
      startMember(out, key, isLater);
      writeQuoted(out, value);
      return;
    }
    default: {
      const values = reader.read(view);
      if (values === undefined) return;
      startMember(out, key, isLater);
      writeList(out, values);
    }
  }
}

function startMember(out: ByteWriter, key: Uint8Array, isLater: boolean): void {
  if (isLater) out.octet(COMMA);
  out.octets(key);
}

function writeList(out: ByteWriter, values: readonly (string | number)[]): void {
  out.ascii('[');
  for (let index = 0; index < values.length; index++) {
    const value = values[index]!;
    out.reserve(SCALAR);
    if (index > 0) out.octet(COMMA);
    if (typeof value === 'string') writeQuoted(out, value);
    else {
      out.octet(QUOTE);
      out.address(value);
      out.octet(QUOTE);
    }
  }
  out.reserve(SCALAR);
  out.ascii(']');
}

const PLAIN = /^[ !#-[\]-~]*$/;

/** A JSON string. */
function writeQuoted(out: ByteWriter, text: string): void {
  if (PLAIN.test(text)) {
    out.reserve(text.length + 2 + SCALAR);
    out.octet(QUOTE);
    out.ascii(text);
    out.octet(QUOTE);
  } else {
    out.text(JSON.stringify(text));
    out.reserve(SCALAR);
  }
}

/** A line of cells for each packet; with a header and quotes where they are needed (RFC 4180), or plain. */
class Cells implements PacketWriter {
  readonly #fields: readonly RecordField[];
  readonly #readers: readonly FieldReader[];
  readonly #separator: number;
  readonly #isCsv: boolean;

  constructor(fields: readonly RecordField[], separator: string, isCsv: boolean) {
    this.#fields = fields;
    this.#readers = fields.map((field) => RECORD_FIELD_READERS[field]);
    this.#separator = separator.charCodeAt(0);
    this.#isCsv = isCsv;
  }

  start(out: ByteWriter): void {
    if (this.#isCsv) out.text(`${csvLine(this.#fields)}\n`);
  }

  packet(view: PacketView, out: ByteWriter): void {
    const readers = this.#readers;
    for (let index = 0; index < readers.length; index++) {
      out.reserve(SCALAR);
      if (index > 0) out.octet(this.#separator);
      this.#cell(view, out, readers[index]!);
    }
    out.reserve(1);
    out.octet(NEW_LINE);
  }

  end(): void {}

  #cell(view: PacketView, out: ByteWriter, reader: FieldReader): void {
    switch (reader.kind) {
      case 'number':
      case 'ipv4':
      case 'octets': {
        const value = reader.read(view);
        if (Number.isNaN(value)) return;
        if (reader.kind === 'number') out.number(value);
        else if (reader.kind === 'ipv4') out.address(value);
        else out.hex(value, reader.size(view));
        return;
      }
      case 'time':
        out.time(reader.read(view), reader.nanoseconds(view));
        return;
      case 'flag':
        if (reader.read(view) === 1) out.ascii('true');
        return;
      case 'text':
        this.#text(out, reader.read(view) ?? '');
        return;
      case 'texts':
        this.#text(out, reader.read(view)?.join(',') ?? '');
        return;
      default:
        this.#addresses(out, reader.read(view) ?? []);
    }
  }

  #addresses(out: ByteWriter, values: readonly number[]): void {
    const isQuoted = this.#isCsv && values.length > 1;
    out.reserve(2 + 16 * values.length);
    if (isQuoted) out.octet(QUOTE);
    for (let index = 0; index < values.length; index++) {
      if (index > 0) out.octet(COMMA);
      out.address(values[index]!);
    }
    if (isQuoted) out.octet(QUOTE);
  }

  #text(out: ByteWriter, text: string): void {
    if (text !== '') out.text(this.#isCsv ? csvLine([text]) : text);
  }
}

/** The table for people. */
class Lines implements PacketWriter {
  readonly #table: TextTable;
  readonly #checksums: boolean;

  constructor(paint: Paint, checksums: boolean) {
    this.#table = new TextTable(paint);
    this.#checksums = checksums;
  }

  start(): void {}

  packet(view: PacketView, out: ByteWriter): void {
    const { file } = view;
    const options = { checksums: this.#checksums, ...(file === undefined ? {} : { file }) };
    out.text(this.#table.add(recordOf(view.dissector, view.packet, options), view.sinceFirst));
  }

  end(out: ByteWriter): void {
    out.text(this.#table.end());
  }
}
