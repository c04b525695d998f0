import { flagName } from '../codec/index.js';
import type { PacketRecord } from './record.js';
import type { SummaryReport } from './summary.js';

/** Colours a piece of text; `plainPaint` leaves it alone. */
export interface Paint {
  dim(text: string): string;
  bold(text: string): string;
  red(text: string): string;
  yellow(text: string): string;
  green(text: string): string;
  cyan(text: string): string;
  magenta(text: string): string;
  blue(text: string): string;
}

const same = (text: string): string => text;

/** No colours. */
export const plainPaint: Paint = {
  dim: same,
  bold: same,
  red: same,
  yellow: same,
  green: same,
  cyan: same,
  magenta: same,
  blue: same,
};

const HEADER = columns([
  ['no', 6, 'right'],
  ['time', 12, 'right'],
  ['source', 21],
  ['  destination', 23],
  ['carrier', 11],
  ['flag', 9],
  ['node', 5],
  ['sess', 4, 'right'],
  ['path', 4, 'right'],
  ['feedback', 15],
  ['timestamp', 10, 'right'],
  ['data', 5, 'right'],
  ['addresses', 0],
]);

/** The line above the packets. */
export function textHeader(paint: Paint): string {
  return paint.dim(HEADER);
}

/**
 * One line about a packet, for people.
 * @param sinceFirst seconds since the first packet of the capture
 */
export function textLine(record: PacketRecord, sinceFirst: number, paint: Paint): string {
  const start = columns([
    [String(record['frame.number']), 6, 'right'],
    [sinceFirst.toFixed(6), 12, 'right'],
    [endpoint(record['ip.src'], record['udp.srcport'] ?? record['tcp.srcport']), 21],
    [`→ ${endpoint(record['ip.dst'], record['udp.dstport'] ?? record['tcp.dstport'])}`, 23],
    [carrier(record), 11],
  ]);
  const flags = record['mpip.flags'];
  if (flags === undefined) {
    const near = record['mpip.analysis.near_cm'];
    return near === undefined
      ? paint.dim(`${start}  -`)
      : `${start}  ${paint.yellow(`near-cm: ${near}`)}${marks(record, paint)}`;
  }
  const middle = columns([
    [record['mpip.node_id']!, 5],
    [idOrDash(record['mpip.session_id']!), 4, 'right'],
    [String(record['mpip.path_id']), 4, 'right'],
    [feedback(record), 15],
    [String(record['mpip.timestamp']), 10, 'right'],
    [String(record['mpip.analysis.data_length']), 5, 'right'],
    [record['mpip.local_addr']!.join(' ') || '-', 0],
  ]);
  return `${start}  ${flagPaint(flags, paint)(flagName(flags).padEnd(9))}  ${middle}${marks(record, paint)}`;
}

function endpoint(address: string | undefined, port: number | undefined): string {
  if (address === undefined) return '-';
  return port === undefined ? address : `${address}:${port}`;
}

function carrier(record: PacketRecord): string {
  const flags = record['tcp.flags'];
  if (record['mpip.wrapper'] === true) return `UDP/TCP ${tcpLetters(flags ?? 0)}`;
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

/** F, S, R, P, A, U as tcpdump names them, in the order of people (SA, PA, FA). */
function tcpLetters(flags: number): string {
  const letters = ['S', 'F', 'R', 'P', 'U', 'A'];
  const bits = [2, 1, 4, 8, 32, 16];
  return letters.filter((_, index) => (flags & bits[index]!) !== 0).join('') || '-';
}

function idOrDash(id: number): string {
  return id === 0 ? '-' : String(id);
}

function feedback(record: PacketRecord): string {
  const path = record['mpip.feedback_path_id']!;
  const delay = record['mpip.path_delay']!;
  if (path === 0 && delay === 0) return '-';
  return `${path}: ${delay > 0 ? '+' : ''}${delay}`;
}

function marks(record: PacketRecord, paint: Paint): string {
  const findings = record['mpip.expert']?.filter((id) => id !== 'near-cm') ?? [];
  return findings.length === 0 ? '' : `  ${paint.red(`! ${findings.join(', ')}`)}`;
}

function flagPaint(flags: number, paint: Paint): (text: string) => string {
  return [paint.green, paint.magenta, paint.dim, paint.cyan, paint.cyan, paint.blue][flags] ?? same;
}

/** Tables of counts per flag, node, session and path. */
export function textSummary(report: SummaryReport, paint: Paint): string {
  const share = report.packets === 0 ? '' : ` (${((100 * report.mpip) / report.packets).toFixed(1)} %)`;
  const duration = report.first === null ? '' : `, ${(Number(report.last) - Number(report.first)).toFixed(3)} s`;
  const lines = [
    `${count(report.packets)} packets, ${count(report.bytes)} bytes${duration}; ${count(report.ipv4)} IPv4; ${paint.bold(`${count(report.mpip)} with a CM`)}${share}`,
  ];
  if (report.mpip > 0) {
    const { udp, tcp, wrapper } = report.carriers;
    lines.push(`carriers: UDP ${count(udp)}, TCP ${count(tcp)}, TCP wrapped in UDP ${count(wrapper)}`, '');
    const names = Object.keys(report.flags);
    lines.push(
      ...table(
        ['node', 'layout', 'packets', ...names, 'addresses'],
        [
          ...report.nodes.map((node) => [
            node['mpip.node_id'],
            node['mpip.layout'],
            count(node.packets),
            ...names.map((name) => count(node.flags[name]!)),
            node.addresses.join(' '),
          ]),
          ...(report.nodes.length > 1
            ? [['all', '', count(report.mpip), ...names.map((name) => count(report.flags[name]!)), '']]
            : []),
        ],
        paint,
      ),
      '',
    );
    lines.push(
      ...table(
        ['node', 'session', 'path', 'packets', 'data bytes'],
        report.nodes.flatMap((node) =>
          node.sessions.flatMap((session) =>
            session.paths.map((path) => [
              node['mpip.node_id'],
              idOrDash(session['mpip.session_id']),
              String(path['mpip.path_id']),
              count(path.packets),
              count(path.bytes),
            ]),
          ),
        ),
        paint,
      ),
    );
  }
  const { notes } = report;
  const remarks: [number, string][] = [
    [notes.wrongUdpLength, 'packets with a CM have a wrong UDP length'],
    [notes.badIpChecksum, 'packets with a CM have a wrong IP header checksum'],
    [notes.badUdpChecksum, 'packets with a CM have a wrong UDP checksum'],
    [notes.badTcpChecksum, 'packets with a CM have a wrong TCP checksum'],
    [notes.ambiguous, 'blocks satisfy both layouts'],
    [notes.nearCm, 'ordinary packets end in what is nearly a CM'],
  ];
  const told = remarks
    .filter(([number]) => number > 0)
    .map(([number, text]) => paint.yellow(`${count(number)} ${text}`));
  if (told.length > 0) lines.push('', ...told);
  return `${lines.join('\n')}\n`;
}

/** Rows under a header, columns as wide as they must be: numbers to the right, words to the left. */
function table(header: readonly string[], rows: readonly (readonly string[])[], paint: Paint): string[] {
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)));
  const numeric = header.map((_, column) => rows.every((row) => /^[\d,]*$|^-$/.test(row[column]!)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => (numeric[column] ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
      .join('  ')
      .trimEnd();
  return [paint.dim(line(header)), ...rows.map(line)];
}

/** A number with commas between thousands. */
function count(value: number): string {
  return String(value).replaceAll(/\B(?=(\d{3})+$)/g, ',');
}

function columns(cells: readonly (readonly [text: string, width: number, align?: 'right'])[]): string {
  return cells
    .map(([text, width, align]) => (align === 'right' ? text.padStart(width) : text.padEnd(width)))
    .join('  ');
}
