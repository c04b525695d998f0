import { flagName } from '../codec/index.js';
import type { Paint } from './paint.js';
import type { PacketRecord } from './record.js';

/** Rows gathered before the first is printed: they decide how wide the columns are. */
const MEASURED_ROWS = 500;

interface Column {
  readonly title: string;
  readonly toTheRight?: boolean;
  /** For what grows along the capture, beyond the rows that are measured. */
  readonly leastWidth?: number;
}

const COLUMNS: readonly Column[] = [
  { title: 'no', toTheRight: true, leastWidth: 5 },
  { title: 'time', toTheRight: true, leastWidth: 10 },
  { title: 'source' },
  { title: '' },
  { title: 'destination' },
  { title: 'carrier' },
  { title: 'flag' },
  { title: 'node' },
  { title: 'session', toTheRight: true },
  { title: 'path', toTheRight: true },
  { title: 'feedback' },
  { title: 'timestamp', toTheRight: true },
  { title: 'data', toTheRight: true },
];
/** Stands first when the packets come from several files. */
const FILE_COLUMN: Column = { title: 'file' };
/** Index of the flag column, the first that an ordinary packet has not. */
const FLAG = 6;

interface Row {
  /** One cell a column; fewer for an ordinary packet. */
  readonly cells: readonly string[];
  readonly flags: number | undefined;
  /** What comes after the columns, painted. */
  readonly rest: string;
}

/**
 * Packets as a table for people, one line each. The columns are as wide as the first few hundred packets need, so these are held back
 * until they are known. A node's address list is printed when it is new or has changed.
 */
export class TextTable {
  readonly #paint: Paint;
  readonly #addresses = new Map<string, string>();
  #held: Row[] | undefined = [];
  #widths: number[] = [];
  #columns = COLUMNS;

  constructor(paint: Paint) {
    this.#paint = paint;
  }

  /**
   * @param sinceFirst seconds since the first packet of the capture
   * @returns the lines that are ready, perhaps none
   */
  add(record: PacketRecord, sinceFirst: number): string {
    const row = this.#row(record, sinceFirst);
    if (this.#held === undefined) return this.#line(row);
    this.#held.push(row);
    return this.#held.length < MEASURED_ROWS ? '' : this.end();
  }

  /** @returns the lines held back */
  end(): string {
    const held = this.#held;
    if (held === undefined || held.length === 0) return '';
    this.#held = undefined;
    this.#widths = this.#columns.map(({ title, leastWidth = 0 }, column) =>
      held.reduce(
        (width, { cells }) => Math.max(width, cells[column]?.length ?? 0),
        Math.max(leastWidth, title.length),
      ),
    );
    const header = this.#paint.dim(
      this.#cells(this.#columns.map(({ title }) => title))
        .join('  ')
        .concat('  addresses'),
    );
    return `${header}\n${held.map((row) => this.#line(row)).join('')}`;
  }

  #row(record: PacketRecord, sinceFirst: number): Row {
    const cells = [
      String(record['frame.number']),
      sinceFirst.toFixed(6),
      endpoint(record['ip.src'], record['udp.srcport'] ?? record['tcp.srcport']),
      '→',
      endpoint(record['ip.dst'], record['udp.dstport'] ?? record['tcp.dstport']),
      carrier(record),
    ];
    const file = record['frame.file'];
    if (file !== undefined) {
      if (this.#columns === COLUMNS) this.#columns = [FILE_COLUMN, ...COLUMNS];
      cells.unshift(file);
    }
    const flags = record['mpip.flags'];
    if (flags === undefined) {
      const near = record['mpip.analysis.near_cm'];
      const nearly = near === undefined ? '' : this.#paint.yellow(`near-cm: ${near}`);
      return { cells, flags, rest: joined([nearly, this.#findings(record), this.#comments(record)]) };
    }
    cells.push(
      flagName(flags),
      record['mpip.node_id']!,
      record['mpip.session_id'] === 0 ? '-' : String(record['mpip.session_id']),
      String(record['mpip.path_id']),
      feedback(record),
      String(record['mpip.timestamp']),
      String(record['mpip.analysis.data_length']),
    );
    const rest = joined([this.#newAddresses(record), this.#findings(record), this.#comments(record)]);
    return { cells, flags, rest };
  }

  #newAddresses(record: PacketRecord): string {
    const node = record['mpip.node_id']!;
    const list = record['mpip.local_addr']!.join(' ') || 'none';
    if (this.#addresses.get(node) === list) return '';
    this.#addresses.set(node, list);
    return list;
  }

  #findings(record: PacketRecord): string {
    const findings = record['mpip.expert']?.filter((id) => id !== 'near-cm') ?? [];
    return findings.length === 0 ? '' : this.#paint.red(`! ${findings.join(', ')}`);
  }

  #comments(record: PacketRecord): string {
    const comments = record['frame.comment']?.map(oneLine) ?? [];
    return comments.length === 0 ? '' : this.#paint.blue(`# ${comments.join(' # ')}`);
  }

  #line({ cells, flags, rest }: Row): string {
    const padded = this.#cells(cells);
    if (flags === undefined) {
      const start = padded.join('  ');
      return `${rest === '' ? this.#paint.dim(start.trimEnd()) : `${start}  ${rest}`}\n`;
    }
    const flag = FLAG + this.#columns.length - COLUMNS.length;
    padded[flag] = flagPaint(flags, this.#paint)(padded[flag]!);
    return `${`${padded.join('  ')}  ${rest}`.trimEnd()}\n`;
  }

  #cells(cells: readonly string[]): string[] {
    return cells.map((cell, column) => {
      const width = this.#widths[column]!;
      return this.#columns[column]!.toTheRight === true ? cell.padStart(width) : cell.padEnd(width);
    });
  }
}

function joined(parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('  ');
}

/** A stranger's text without what would move a terminal's cursor. */
function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ');
}

function endpoint(address: string | undefined, port: number | undefined): string {
  if (address === undefined) return '-';
  return port === undefined ? address : `${address}:${port}`;
}

function carrier(record: PacketRecord): string {
  const flags = record['tcp.flags'];
  if (record['mpip.wrapper'] === true)
    return `${record['ip.proto'] === 6 ? 'TCP' : 'UDP'}/TCP ${tcpLetters(flags ?? 0)}`;
  switch (record['ip.proto']) {
    case undefined:
      return 'not IPv4';
    case 1:
      return 'ICMP';
    case 6:
      return flags === undefined ? 'TCP' : `TCP ${tcpLetters(flags)}`;
    case 17:
      return 'UDP';
    default:
      return `protocol ${record['ip.proto']}`;
  }
}

/** First letters of the TCP flags, in the order of people: SA, PA, FA. */
function tcpLetters(flags: number): string {
  const letters = ['S', 'F', 'R', 'P', 'U', 'A'];
  const bits = [2, 1, 4, 8, 32, 16];
  return letters.filter((_, index) => (flags & bits[index]!) !== 0).join('') || '-';
}

function feedback(record: PacketRecord): string {
  const path = record['mpip.feedback_path_id']!;
  const delay = record['mpip.path_delay']!;
  if (path === 0 && delay === 0) return '-';
  return `${path}: ${delay > 0 ? '+' : ''}${delay}`;
}

function flagPaint(flags: number, paint: Paint): (text: string) => string {
  return [paint.green, paint.magenta, paint.dim, paint.cyan, paint.cyan, paint.blue][flags] ?? ((text) => text);
}
