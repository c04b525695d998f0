import { PROFILES, type ProfileName } from '../codec/index.js';
import type { EndpointStatus } from '../endpoint/index.js';
import { eventInWords } from '../io/linux/host-network.js';
import type { HostStatus } from './interface-peer.js';

/** The status of a peer at one moment. */
export interface StatusSample {
  readonly status: EndpointStatus & { readonly host?: HostStatus };
  /** When it was asked for, milliseconds of any clock. */
  readonly atMs: number;
}

/** What the view may use. */
export interface ViewOptions {
  /** Columns, 40 at least. */
  readonly width: number;
  /** Most lines; the rest is summed up in the last one. */
  readonly height?: number;
  readonly colour: boolean;
}

type PathRow = EndpointStatus['paths'][number];
type SessionRow = EndpointStatus['sessions'][number];

const NARROWEST = 40;
const BAR = 10;
const ENCAPSULATION = {
  original: 'original',
  addresses: 'UDP',
  'fake-tcp': 'fake TCP',
  'udp-wrapper': 'in UDP',
} as const;
const EVENTS_SHOWN = 3;
const COUNTERS: readonly (readonly [name: keyof EndpointStatus['counters'], words: string])[] = [
  ['cmSent', 'CM out'],
  ['cmReceived', 'CM in'],
  ['ordinarySent', 'plain out'],
  ['ordinaryReceived', 'plain in'],
  ['heartbeatsSent', 'heartbeats out'],
  ['heartbeatsReceived', 'heartbeats in'],
  ['queriesSent', 'queries out'],
  ['confirmationsSent', 'confirmations out'],
];

/**
 * The live view of a peer, as lines of at most `width` columns: sessions with their paths (addresses, encapsulation,
 * weight, share of what was sent since the sample before, rate, delay above the minimum), peers, counters and what the
 * host's network did. Without a sample before there are no rates.
 */
export function statusView(before: StatusSample | undefined, now: StatusSample, options: ViewOptions): string[] {
  const width = Math.max(NARROWEST, options.width);
  const paint = painter(options.colour);
  const { status } = now;
  const lines = [
    ...headLines(status, width, paint),
    '',
    ...sessionLines(before, now, width, paint),
    '',
    ...peerLines(status, width, paint),
    ...eventLines(status.host, width, paint),
    '',
    ...counterLines(before, now, width, paint),
  ];
  return lines.length <= (options.height ?? Number.POSITIVE_INFINITY)
    ? lines
    : shortened(lines, options.height!, paint);
}

/** The same in one line, for what is no terminal: the time, what the node sends, and each path that carries something. */
export function statusLine(before: StatusSample | undefined, now: StatusSample, at: string): string {
  const { status } = now;
  const rows = measured(before, now).flatMap((block) => block.rows);
  const total = rows.reduce((sum, { rate }) => sum + (rate ?? 0), 0);
  const busy = rows
    .filter(({ share }) => share > 0)
    .map(
      ({ path, share, rate }) =>
        `${path.nodeId}#${path.sessionId}/${path.pathId} ${path.tuple.source}>${path.tuple.destination} ${percent(share)} ${rateInWords(rate ?? 0)}`,
    );
  const head = `${at} sessions ${status.sessions.length} paths ${status.paths.length}`;
  return before === undefined ? head : [`${head} out ${rateInWords(total)}`, ...busy].join(' | ');
}

function shortened(lines: readonly string[], height: number, paint: Paint): string[] {
  const kept = Math.max(1, height - 1);
  return [...lines.slice(0, kept), paint.dim(`… ${lines.length - kept} more lines; mpip status shows all`)];
}

function headLines(
  { nodeId, profile, addresses, host }: StatusSample['status'],
  width: number,
  paint: Paint,
): string[] {
  const first = `mpip ${nodeId}`;
  const rest = ` · ${profile} · ${addresses.join(' ')}`;
  const lines = [paint.bold(first) + cut(rest, width - first.length)];
  if (host === undefined) return lines;
  const text = devicesInWords(host);
  const well = host.interfaces.every((device) => stateOf(device) === 'up');
  return [...lines, well ? paint.dim(cut(text, width)) : paint.bad(cut(text, width))];
}

/** `mpip0 MTU 1474 · eth0 up · eth1 down`: the device of a peer with `--interface`, and its interfaces. */
export function devicesInWords({ device, hostMtu, interfaces }: HostStatus): string {
  return [`${device} MTU ${hostMtu}`, ...interfaces.map((one) => `${one.name} ${stateOf(one)}`)].join(' · ');
}

function stateOf({ isPresent, isUp, hasCarrier }: HostStatus['interfaces'][number]): string {
  if (!isPresent) return 'gone';
  if (!isUp) return 'down';
  return hasCarrier ? 'up' : 'no carrier';
}

/** A path and what was sent on it since the sample before. */
interface Measured {
  readonly path: PathRow;
  /** Octets a second; undefined without a sample before. */
  readonly rate: number | undefined;
  /** Share of what its session sent, 0 to 1. */
  readonly share: number;
  /** Milliseconds of a tick of the node's clock. */
  readonly tickMs: number;
}

/** A session with what it sent since the sample before. */
interface MeasuredSession {
  readonly session: SessionRow;
  readonly rows: readonly Measured[];
  readonly rate: number | undefined;
}

/** Every session with its paths; the busiest first, those that do nothing in their order. */
function measured(before: StatusSample | undefined, now: StatusSample): MeasuredSession[] {
  const { status } = now;
  const seconds = before === undefined ? 0 : Math.max(0.001, (now.atMs - before.atMs) / 1000);
  const tickMs = PROFILES[status.profile as ProfileName].tickMicros / 1000;
  const earlier = new Map(before?.status.paths.map((path) => [keyOf(path), path.octetsSent] as const) ?? []);
  const sentOn = (path: PathRow) =>
    before === undefined ? 0 : Math.max(0, path.octetsSent - (earlier.get(keyOf(path)) ?? 0));
  const blocks = status.sessions.map((session): MeasuredSession => {
    const paths = status.paths.filter((path) => path.nodeId === session.nodeId && path.sessionId === session.sessionId);
    const sent = paths.reduce((sum, path) => sum + sentOn(path), 0);
    const rows = paths.map((path): Measured => {
      const share = sent === 0 ? 0 : sentOn(path) / sent;
      return { path, share, tickMs, rate: before === undefined ? undefined : sentOn(path) / seconds };
    });
    return { session, rows, rate: before === undefined ? undefined : sent / seconds };
  });
  return blocks.sort((a, b) => (b.rate ?? 0) - (a.rate ?? 0));
}

function sessionLines(before: StatusSample | undefined, now: StatusSample, width: number, paint: Paint): string[] {
  const { status } = now;
  if (status.sessions.length === 0) return [paint.head('Sessions: none yet')];
  const sessions = measured(before, now);
  const table = pathTable(
    sessions.flatMap(({ rows }) => rows),
    width,
    paint,
  );
  return [
    paint.head(`Sessions ${status.sessions.length}, paths ${status.paths.length}`),
    ...table.head,
    ...sessions.flatMap(({ session, rows, rate }) => [
      sessionLine(session, rate, width, paint),
      ...rows.map((row) => table.lineOf(row)),
    ]),
  ];
}

function keyOf({ nodeId, sessionId, pathId, tuple }: PathRow): string {
  return `${nodeId} ${sessionId} ${pathId} ${tuple.source} ${tuple.destination}`;
}

function sessionLine(session: SessionRow, rate: number | undefined, width: number, paint: Paint): string {
  const { nodeId, sessionId, protocol, tuple, confirmed } = session;
  const way = `${tuple.source}:${tuple.sourcePort} → ${tuple.destination}:${tuple.destinationPort}`;
  const end = confirmed ? (rate === undefined ? '' : rateInWords(rate)) : 'not shared yet';
  const room = width - (end === '' ? 0 : end.length + 1);
  const text = cut(`${protocol === 6 ? 'TCP' : 'UDP'} ${way}  ${nodeId} #${sessionId}`, room);
  return `${paint.bold(text)}${end === '' ? '' : `${' '.repeat(room - text.length + 1)}${confirmed ? end : paint.dim(end)}`}`;
}

/** Columns in order of appearance; those of the lowest worth go first where the terminal is narrow. */
interface Column {
  readonly title: string;
  readonly isRight: boolean;
  /** Columns of low worth are left out first. */
  readonly worth: number;
  cell(row: Measured): string;
}

const COLUMNS: readonly Column[] = [
  { title: 'path', isRight: true, worth: 9, cell: ({ path }) => String(path.pathId) },
  { title: 'from', isRight: false, worth: 9, cell: ({ path }) => path.tuple.source },
  { title: 'to', isRight: false, worth: 9, cell: ({ path }) => path.tuple.destination },
  {
    title: 'as',
    isRight: false,
    worth: 5,
    cell: ({ path }) =>
      `${ENCAPSULATION[path.encapsulation]}${path.fallback === null ? '' : ` (${path.fallback})`}${path.pathSequence ? ', own seq' : ''}`,
  },
  { title: 'weight', isRight: true, worth: 6, cell: ({ path }) => String(Math.round(path.weight)) },
  { title: 'share', isRight: true, worth: 8, cell: ({ share, rate }) => (rate === undefined ? '-' : percent(share)) },
  { title: '', isRight: false, worth: 1, cell: ({ share }) => bar(share) },
  { title: 'rate', isRight: true, worth: 7, cell: ({ rate }) => (rate === undefined ? '-' : rateInWords(rate)) },
  {
    title: 'delay',
    isRight: true,
    worth: 4,
    cell: ({ path, tickMs }) => (path.delay === null ? '-' : millis(path.queuing * tickMs)),
  },
  {
    title: 'most',
    isRight: true,
    worth: 2,
    cell: ({ path, tickMs }) => (path.delay === null ? '-' : millis(path.maxQueuing * tickMs)),
  },
];
const MARGIN = 2;
const GAP = 2;

/** The columns that fit, as wide as the widest cell of all sessions' paths. */
function pathTable(
  rows: readonly Measured[],
  width: number,
  paint: Paint,
): { head: string[]; lineOf(row: Measured): string } {
  let shown = COLUMNS.map((column) => {
    const wide = Math.max(column.title.length, ...rows.map((row) => column.cell(row).length));
    return { ...column, wide };
  });
  const total = () => MARGIN + shown.reduce((sum, { wide }) => sum + wide + GAP, -GAP);
  while (total() > width && shown.length > 1) {
    const least = Math.min(...shown.map(({ worth }) => worth));
    const last = shown.findLastIndex(({ worth }) => worth === least);
    shown = shown.filter((_, i) => i !== last);
  }
  const line = (text: (column: Column) => string) => {
    const cells = shown.map((column) =>
      column.isRight ? text(column).padStart(column.wide) : text(column).padEnd(column.wide),
    );
    return cut(`${' '.repeat(MARGIN)}${cells.join(' '.repeat(GAP))}`.trimEnd(), width);
  };
  return {
    head: rows.length === 0 ? [] : [paint.dim(line(({ title }) => title))],
    lineOf: (row) => {
      const text = line((column) => column.cell(row));
      if (row.path.samples === 0) return paint.dim(text);
      return row.share > 0 ? paint.good(text) : text;
    },
  };
}

function peerLines({ nodes, availability }: EndpointStatus, width: number, paint: Paint): string[] {
  const peers = new Map<string, Set<string>>();
  for (const { nodeId, address } of nodes) peers.set(nodeId, (peers.get(nodeId) ?? new Set()).add(address));
  const plain = new Set(availability.filter(({ enabled }) => !enabled).map(({ address }) => address));
  const lines = [...peers].map(([nodeId, addresses]) => cut(`  ${nodeId}  ${[...addresses].join(' ')}`, width));
  const words =
    plain.size === 0 ? '' : `, ${plain.size} ${plain.size === 1 ? 'address' : 'addresses'} without MPIP so far`;
  return [paint.head(cut(`Peers ${peers.size}${words}`, width)), ...lines];
}

function eventLines(host: HostStatus | undefined, width: number, paint: Paint): string[] {
  if (host === undefined || host.events.length === 0) return [];
  const last = host.events.slice(-EVENTS_SHOWN).reverse();
  return [
    '',
    paint.head(`Events of the host ${host.eventCount}`),
    ...last.map((event) => cut(`  ${event.at.slice(11, 19)}  ${eventInWords(event)}`, width)),
  ];
}

function counterLines(before: StatusSample | undefined, now: StatusSample, width: number, paint: Paint): string[] {
  const { counters } = now.status;
  const shown = COUNTERS.map(([name, words]) => {
    const more = before === undefined ? 0 : counters[name] - before.status.counters[name];
    return `${words} ${count(counters[name])}${more > 0 ? ` (+${count(more)})` : ''}`;
  });
  const known = new Set<string>(COUNTERS.map(([name]) => name));
  const others = Object.entries(counters).filter(([name, value]) => value > 0 && !known.has(name));
  const refused = now.status.host?.refused ?? 0;
  const rest = [
    ...others.map(([name, value]) => `${name} ${count(value)}`),
    ...(refused > 0 ? [`refused ${count(refused)}`] : []),
  ];
  return [paint.head('Packets'), ...wrapped([...shown, ...rest], width)];
}

/** Words side by side, as many as fit into a line. */
function wrapped(words: readonly string[], width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of words) {
    const longer = line === '' ? `  ${word}` : `${line} · ${word}`;
    if (longer.length > width && line !== '') {
      lines.push(line);
      line = `  ${word}`;
    } else line = longer;
  }
  return [...lines, line].map((text) => cut(text, width));
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

function bar(share: number): string {
  const full = Math.round(share * BAR);
  return '█'.repeat(full) + '·'.repeat(BAR - full);
}

/** Octets a second as bits a second. */
function rateInWords(octets: number): string {
  const bits = octets * 8;
  for (const [unit, size] of [
    ['Gb/s', 1e9],
    ['Mb/s', 1e6],
    ['kb/s', 1e3],
  ] as const)
    if (bits >= size) return `${(bits / size).toFixed(bits < 10 * size ? 2 : bits < 100 * size ? 1 : 0)} ${unit}`;
  return `${Math.round(bits)} b/s`;
}

function millis(ms: number): string {
  return `${ms < 10 ? ms.toFixed(2) : ms.toFixed(ms < 100 ? 1 : 0)} ms`;
}

function count(value: number): string {
  if (value < 100_000) return String(value);
  return value < 10_000_000 ? `${(value / 1000).toFixed(0)}k` : `${(value / 1e6).toFixed(1)}M`;
}

type Paint = Readonly<Record<'bold' | 'dim' | 'head' | 'good' | 'bad', (text: string) => string>>;

function painter(isColoured: boolean): Paint {
  const code = (number: number) => (text: string) =>
    isColoured && text !== '' ? `\u001b[${number}m${text}\u001b[0m` : text;
  return { bold: code(1), dim: code(2), head: code(36), good: code(32), bad: code(31) };
}
