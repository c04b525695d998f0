import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import { type Columns, type Row, schemaOf } from './tables.js';

/** Rows of a row group: what is in memory before it is written. */
const GROUP_ROWS = 20_000;
/** Row groups of a part file: about a million rows, and the footer stays small. */
const PART_GROUPS = 50;

/** How large pieces are. */
export interface PieceSizes {
  readonly groupRows?: number;
  readonly partGroups?: number;
}

/**
 * A table: rows into part files of row groups, in a folder of its own, with a folder for each partition in it. Only the rows of one row
 * group are held. Methods throw the system's error when a file cannot be written.
 */
export class TableWriter {
  readonly #folder: string;
  readonly #columns: Columns;
  readonly #groupRows: number;
  readonly #partGroups: number;
  #data: Record<string, unknown[]>;
  #rows = 0;
  #partition: string | undefined;
  #part: { readonly writer: ParquetWriter; groups: number } | undefined;
  #parts = 0;

  constructor(folder: string, columns: Columns, sizes: PieceSizes = {}) {
    this.#folder = folder;
    this.#columns = columns;
    this.#groupRows = sizes.groupRows ?? GROUP_ROWS;
    this.#partGroups = sizes.partGroups ?? PART_GROUPS;
    this.#data = this.#none();
    mkdirSync(folder);
  }

  /** @param partition folder inside the table's, such as `date=2015-06-01`; a change of it starts another part file */
  add(row: Row, partition = ''): void {
    if (partition !== this.#partition) {
      this.#closePart();
      this.#partition = partition;
    }
    for (const [name, type] of Object.entries(this.#columns)) {
      const value = row[name] ?? null;
      this.#data[name]!.push(type === 'int64' && typeof value === 'number' ? BigInt(Math.round(value)) : value);
    }
    if (++this.#rows === this.#groupRows) this.#writeGroup();
  }

  /** Writes what is left; a table without rows gets a file too, so that queries find its columns. */
  close(): void {
    this.#closePart();
    if (this.#parts > 0) return;
    this.#partition = '';
    this.#openPart();
    this.#closePart();
  }

  #none(): Record<string, unknown[]> {
    return Object.fromEntries(Object.keys(this.#columns).map((name) => [name, []]));
  }

  #openPart(): { readonly writer: ParquetWriter; groups: number } {
    const folder = join(this.#folder, this.#partition ?? '');
    mkdirSync(folder, { recursive: true });
    const path = join(folder, `part-${String(this.#parts++).padStart(5, '0')}.parquet`);
    const writer = new ParquetWriter({
      writer: new FileBytes(path),
      schema: schemaOf(this.#columns),
      createdBy: 'mpip',
    });
    this.#part = { writer, groups: 0 };
    return this.#part;
  }

  #writeGroup(): void {
    const part = this.#part ?? this.#openPart();
    const columnData = Object.entries(this.#data).map(([name, data]) => ({ name, data }));
    part.writer.write({ columnData, rowGroupSize: this.#rows });
    this.#data = this.#none();
    this.#rows = 0;
    if (++part.groups === this.#partGroups) this.#closePart();
  }

  #closePart(): void {
    if (this.#rows > 0) this.#writeGroup();
    this.#part?.writer.finish();
    this.#part = undefined;
  }
}

/** The octets of a file, written out after each row group. */
class FileBytes extends ByteWriter {
  readonly #file: number;

  constructor(path: string) {
    super();
    this.#file = openSync(path, 'wx');
  }

  flush(): void {
    const bytes = new Uint8Array(this.buffer, 0, this.index);
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#file, bytes, at);
    this.index = 0;
  }

  override finish(): void {
    this.flush();
    closeSync(this.#file);
  }
}
