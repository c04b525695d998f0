import type { ArgumentsCamelCase } from 'yargs';
import {
  CONVERSATION_FORMATS,
  compileFilter,
  type DisplayFilter,
  FILTER_FIELDS,
  FilterError,
  FORMATS,
  type Format,
  RECORD_FIELDS,
  type RecordField,
} from '../dissector/index.js';
import { UsageError } from './exit.js';
import { asList, nearest, oneOf, restoreDash, wholeNumber } from './options.js';

/** How interfaces are read: by packet sockets of Linux, or through libpcap by the optional package cap. */
export const LIVE_LINKS = ['packet', 'pcap'] as const;

/** One of {@link LIVE_LINKS}. */
export type LiveLinkName = (typeof LIVE_LINKS)[number];

/** How interfaces are read, and when that ends by itself. */
export interface LiveRequest {
  readonly link: LiveLinkName;
  /** Seconds. */
  readonly duration?: number;
  /** Packets read, selected or not. */
  readonly count?: number;
}

/** What `mpip dissect` was asked for. */
export interface DissectRequest {
  /** Paths; `-` = standard input. At least one. With `live`: names of interfaces. */
  readonly files: readonly string[];
  /** Interfaces are read, not files. */
  readonly live?: LiveRequest;
  readonly format: Format;
  /** Fields to print, in this order; none = all. */
  readonly fields: readonly RecordField[];
  /** Selects packets, ordinary ones too. */
  readonly filter?: DisplayFilter;
  /** Ordinary packets and near-CMs too. */
  readonly all: boolean;
  readonly summary: boolean;
  /** Nodes, sessions and paths instead of packets. */
  readonly conversations: boolean;
  /** What deviates, instead of packets. */
  readonly findings?: boolean;
  /** Where to write a page about the captures; `-` = standard output. */
  readonly html?: string;
  /** Folder to write Parquet tables to. */
  readonly parquet?: string;
  /** Verify IP, UDP and TCP checksums. */
  readonly checksums: boolean;
  /** Put IPv4 fragments together before a CM is looked for. */
  readonly reassemble?: boolean;
  /** Processors to use for a summary. */
  readonly jobs?: number;
  /** The session whose data is printed, and how. */
  readonly follow?: { readonly session: number; readonly shape: FollowShape };
  /** Where to write the packets selected, as pcapng; `-` = standard output. */
  readonly write?: string;
}

/** How user data is printed. */
export const FOLLOW_SHAPES = ['text', 'hex', 'raw'] as const;

/** One of {@link FOLLOW_SHAPES}. */
export type FollowShape = (typeof FOLLOW_SHAPES)[number];

/**
 * Turns yargs' words into a request.
 * @throws UsageError for whatever cannot be done
 */
export function requestOf(argv: ArgumentsCamelCase): DissectRequest {
  const live = liveOf(argv);
  const files = live === undefined ? asList(argv.files).map(restoreDash) : [...new Set(asList(argv.i))];
  if (files.length === 0)
    throw new UsageError('mpip dissect needs a capture: give one or more files, or - for standard input.');
  if (files.filter((file) => file === '-').length > 1)
    throw new UsageError('Standard input (-) can be read only once: name it once.');
  const format = oneOf('--format', typeof argv.format === 'string' ? argv.format : 'text', FORMATS);
  const fields = asList(argv.e).map(fieldOf);
  const summary = argv.summary === true;
  if (summary && fields.length > 0)
    throw new UsageError('-e selects fields of packets, of which --summary prints none: leave one out.');
  if (summary && format === 'csv') throw new UsageError('--summary has no csv: choose text, json or ndjson.');
  const conversations = argv.conversations === true;
  if (conversations && (summary || fields.length > 0 || (argv.all === true && argv.write === undefined)))
    throw new UsageError('--conversations prints no packets and no summary: leave out --summary, --all and -e.');
  if (conversations && argv.reassemble === true)
    throw new UsageError('--conversations is about packets as they came: leave out --reassemble.');
  if (conversations && argv.write === '-')
    throw new UsageError('--conversations prints to standard output: give --write a file.');
  if (conversations) oneOf('--format', format, CONVERSATION_FORMATS);
  const findings = argv.findings === true;
  const html = typeof argv.html === 'string' ? argv.html : undefined;
  const parquet = typeof argv.parquet === 'string' ? argv.parquet : undefined;
  const reports = [findings, html !== undefined, parquet !== undefined].filter(Boolean).length;
  for (const [isAsked, name] of [
    [findings, '--findings'],
    [html !== undefined, '--html'],
    [parquet !== undefined, '--parquet'],
  ] as const) {
    if (!isAsked) continue;
    if (summary || conversations || fields.length > 0 || argv.all === true || reports > 1)
      throw new UsageError(`${name} is a report of its own: leave out other reports, --all and -e.`);
    if (argv.Y !== undefined || argv.write !== undefined || argv.reassemble === true)
      throw new UsageError(`${name} is about packets as they came: leave out -Y, --write and --reassemble.`);
  }
  if (findings) oneOf('--format', format, CONVERSATION_FORMATS);
  if (html !== undefined && argv.format !== undefined)
    throw new UsageError('--html writes a page: leave out --format.');
  if (parquet !== undefined && argv.format !== undefined)
    throw new UsageError('--parquet writes tables: leave out --format.');
  const write = typeof argv.write === 'string' ? argv.write : undefined;
  if (write !== undefined && !conversations && (summary || fields.length > 0 || argv.format !== undefined))
    throw new UsageError('--write writes packets, so there is nothing to print: leave out --summary, --format and -e.');
  const jobs = typeof argv.jobs === 'string' ? wholeNumber('--jobs', argv.jobs, 1, 64) : undefined;
  if (jobs !== undefined && !summary)
    throw new UsageError(
      '--jobs divides the work of --summary; all else depends on the packets before: leave it out, or run one mpip for each file.',
    );
  const follow = typeof argv.follow === 'string' ? followOf(argv.follow) : undefined;
  const others = ['summary', 'conversations', 'findings', 'html', 'parquet', 'write', 'format', 'Y', 'all'].filter(
    (name) => argv[name] !== undefined,
  );
  if (follow !== undefined && (others.length > 0 || fields.length > 0))
    throw new UsageError(
      '--follow prints the data of a session and nothing else: leave out what selects or prints packets.',
    );
  return {
    files,
    ...(live === undefined ? {} : { live }),
    format,
    fields,
    all: argv.all === true,
    summary,
    conversations,
    checksums: argv.checksums === true,
    ...(typeof argv.Y === 'string' ? { filter: filterOf(argv.Y) } : {}),
    ...(findings ? { findings } : {}),
    ...(html === undefined ? {} : { html }),
    ...(parquet === undefined ? {} : { parquet }),
    ...(write === undefined ? {} : { write }),
    ...(argv.reassemble === true ? { reassemble: true } : {}),
    ...(jobs === undefined ? {} : { jobs }),
    ...(follow === undefined ? {} : { follow }),
  };
}

/** What only captures in files have. */
const FILES_ONLY = ['findings', 'html', 'parquet', 'follow', 'jobs'];

/** @throws UsageError when the words about interfaces do not go together, or with others */
function liveOf(argv: ArgumentsCamelCase): LiveRequest | undefined {
  const names = asList(argv.i);
  if (argv.live !== true) {
    if (names.length > 0 || [argv.duration, argv.count, argv.link].some((word) => word !== undefined))
      throw new UsageError('-i, --duration, --count and --link belong to --live, which reads interfaces: add --live.');
    return undefined;
  }
  if (asList(argv.files).length > 0)
    throw new UsageError('--live reads interfaces (-i IFACE), not files: leave one of them out.');
  if (names.length === 0) throw new UsageError('--live needs an interface: give one or more with -i IFACE.');
  if (names.includes('any')) throw new UsageError('--live reads interfaces by name, not any: give each with -i.');
  const other = FILES_ONLY.find((name) => argv[name] !== undefined);
  if (other !== undefined)
    throw new UsageError(
      `--${other} is about captures in files: keep the packets with --live --write FILE, then give it the file.`,
    );
  return {
    link: oneOf('--link', typeof argv.link === 'string' ? argv.link : defaultLink(), LIVE_LINKS),
    ...(typeof argv.duration === 'string' ? { duration: wholeNumber('--duration', argv.duration, 1, 10 ** 9) } : {}),
    ...(typeof argv.count === 'string' ? { count: wholeNumber('--count', argv.count, 1, 10 ** 15) } : {}),
  };
}

function defaultLink(): LiveLinkName {
  return process.platform === 'linux' ? 'packet' : 'pcap';
}

/** `session=N` or `session=N,SHAPE` */
function followOf(text: string): NonNullable<DissectRequest['follow']> {
  const [what = '', shape = 'text', ...rest] = text.split(',');
  const number = /^session=(\d+)$/.exec(what)?.[1];
  if (number === undefined || rest.length > 0)
    throw new UsageError(
      `--follow takes session=N or session=N,SHAPE with SHAPE ${FOLLOW_SHAPES.join(', ')}; not '${text}'.`,
    );
  return { session: wholeNumber('The session', number, 1, 65535), shape: oneOf('The shape', shape, FOLLOW_SHAPES) };
}

function fieldOf(name: string): RecordField {
  const fields: readonly string[] = RECORD_FIELDS;
  if (fields.includes(name)) return name as RecordField;
  const near = nearest(name, fields);
  const advice = near === undefined ? 'mpip dissect --help lists them all.' : `did you mean ${near}?`;
  throw new UsageError(`There is no field '${name}'; ${advice}`);
}

/** @throws UsageError with a caret under the place that is wrong */
function filterOf(text: string): DisplayFilter {
  try {
    return compileFilter(text);
  } catch (error) {
    if (!(error instanceof FilterError)) throw error;
    const near = error.unknownField === undefined ? undefined : nearest(error.unknownField, [...FILTER_FIELDS.keys()]);
    const advice = near === undefined ? '.' : `; did you mean ${near}?`;
    const lines = error.pointed.split('\n').map((line) => `  ${line}`);
    throw new UsageError(`The filter is wrong: ${error.message}${advice}\n${lines.join('\n')}`);
  }
}
