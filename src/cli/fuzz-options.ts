import { randomInt } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { formatIpv4, type Ipv4 } from '../codec/index.js';
import { FUZZ_REPORT_KINDS, type FuzzReportKind } from '../fuzz/reports/index.js';
import { isLoopback, type Network, parseNetwork, refusalOfTarget } from '../fuzz/safety.js';
import { DEFAULT_PORT } from './default-port.js';
import { FaultError, UsageError } from './exit.js';
import { oneOf, wholeNumber } from './options.js';
import { parseAddress, parseServices } from './peer-options.js';

/** `mpip fuzz` as typed. */
export interface FuzzArguments {
  readonly peer: string | undefined;
  readonly folders: string[];
  readonly self: boolean | undefined;
  readonly replay: string | undefined;
  readonly 'udp-port': string | undefined;
  readonly service: string[];
  readonly source: string[];
  readonly pid: string | undefined;
  readonly exec: string | undefined;
  readonly restart: string | undefined;
  readonly runs: string | undefined;
  readonly time: string | undefined;
  readonly seed: string | undefined;
  readonly shard: string | undefined;
  readonly corpus: string | undefined;
  readonly regressions: string | undefined;
  readonly out: string | undefined;
  readonly report: string[];
  readonly 'allow-target': string[];
  readonly rate: string | undefined;
  readonly 'longest-pause': string | undefined;
  readonly 'udp-wrapper': boolean | undefined;
  readonly raw: boolean | undefined;
  readonly 'tcp-port': string | undefined;
}

/** A report to write; `path` may be `-`. */
export interface FuzzReportTarget {
  readonly kind: FuzzReportKind;
  readonly path: string;
}

/** What is fuzzed. */
export type FuzzPeer =
  | { readonly kind: 'self'; readonly isWrapper: boolean; readonly echoPort: number }
  | {
      readonly kind: 'live';
      readonly address: Ipv4;
      readonly echoPort: number;
      readonly discardPort: number | undefined;
      readonly sources: readonly Ipv4[];
      /** Whole packets, over packet sockets. */
      readonly isRaw: boolean;
      /** TCP port of the peer's echo service, where whole packets are sent. */
      readonly tcpPort: number | undefined;
      readonly pid: number | undefined;
      readonly exec: string | undefined;
      readonly restart: string | undefined;
      /** Packets a second; 0 for no limit. */
      readonly rate: number;
    };

/** What a campaign is to do, everything read and validated. */
export interface FuzzPlan {
  readonly peer: FuzzPeer;
  readonly seed: number;
  readonly runs: number;
  /** Milliseconds. */
  readonly time: number;
  readonly shard: { readonly index: number; readonly of: number };
  readonly corpus: string | undefined;
  readonly regressions: string | undefined;
  readonly out: string;
  readonly reports: readonly FuzzReportTarget[];
  /** Microseconds. */
  readonly longestPause: number;
}

/** Options that say nothing of a reference in virtual time. */
const OF_LIVE_PEERS = [
  'pid',
  'exec',
  'restart',
  'rate',
  'raw',
  'tcp-port',
  'source',
  'service',
  'allow-target',
] as const;
const DEFAULT_RUNS = 1000;
/** A run that was given no bound of time ends after an hour all the same. */
const DEFAULT_TIME = 3600;
/** Packets a second to another machine. */
const DEFAULT_RATE = 1000;

/**
 * Reads the command line of a campaign.
 * @throws UsageError for whatever cannot be meant or is not allowed; nothing has been sent.
 */
export function fuzzPlanOf(argv: FuzzArguments): FuzzPlan {
  const { seed, runs, time, shard } = argv;
  const pause = argv['longest-pause'];
  const peer = peerOf(argv);
  // A time without a number of runs means: for so long.
  const mostRuns = time === undefined ? DEFAULT_RUNS : Number.MAX_SAFE_INTEGER;
  return {
    peer,
    seed: seed === undefined ? randomInt(2 ** 32) : wholeNumber('--seed', seed, 0, 2 ** 32 - 1),
    runs: runs === undefined ? mostRuns : wholeNumber('--runs', runs, 1, 1_000_000_000),
    time: 1000 * (time === undefined ? DEFAULT_TIME : seconds('--time', time)),
    shard: shard === undefined ? { index: 1, of: 1 } : shardOf(shard),
    corpus: folderOf('--corpus', argv.corpus),
    regressions: folderOf('--regressions', argv.regressions),
    out: argv.out ?? 'mpip-fuzz',
    reports: reportsOf(argv.report),
    longestPause: Math.round(
      1e6 * (pause === undefined ? (peer.kind === 'self' ? 121 : 0.002) : seconds('--longest-pause', pause)),
    ),
  };
}

/** Reads what is fuzzed; for a replay, `address` and `port` of the finding stand for what is not given. */
export function peerOf(argv: FuzzArguments, found?: { readonly address: string; readonly port: number }): FuzzPeer {
  const port =
    argv['udp-port'] === undefined
      ? (found?.port ?? DEFAULT_PORT)
      : wholeNumber('--udp-port', argv['udp-port'], 1, 65_534);
  if (argv.self === true) {
    if (argv.peer !== undefined) throw new UsageError(`Give either a PEER (${argv.peer}) or --self, not both.`);
    for (const name of OF_LIVE_PEERS) {
      const value = argv[name];
      if (value !== undefined && !(Array.isArray(value) && value.length === 0))
        throw new UsageError(`--${name} belongs to a live PEER, and --self is none; leave one of them out.`);
    }
    return { kind: 'self', isWrapper: argv['udp-wrapper'] === true, echoPort: port };
  }
  if (argv['udp-wrapper'] === true)
    throw new UsageError('--udp-wrapper says how the built-in reference is to be; give it with --self.');
  const text = argv.peer ?? found?.address;
  if (text === undefined)
    throw new UsageError("Give the peer's IPv4 address, such as 127.0.0.2, or --self for the built-in reference.");
  const address = parseAddress('PEER', text);
  const allowed = argv['allow-target'].map((block) => networkOf(block));
  const refusal = refusalOfTarget(address, allowed);
  if (refusal !== undefined) throw new UsageError(refusal);
  if (argv.exec !== undefined && (argv.pid !== undefined || argv.restart !== undefined))
    throw new UsageError('--exec starts and watches the peer itself; leave --pid and --restart out.');
  if (argv['tcp-port'] !== undefined && argv.raw !== true)
    throw new UsageError('--tcp-port needs --raw: ordinary sockets send no segments.');
  const services = parseServices(argv.service.length === 0 ? ['echo'] : argv.service, port);
  const echo = services.find(({ name }) => name === 'echo');
  if (echo === undefined)
    throw new UsageError(
      'Fuzzing needs an echo service, which shows what the peer delivers; give --service echo:PORT.',
    );
  return {
    kind: 'live',
    address,
    echoPort: echo.port,
    discardPort: services.find(({ name }) => name === 'discard')?.port,
    sources: argv.source.map((source) => parseAddress('--source', source)),
    isRaw: argv.raw === true,
    tcpPort: argv['tcp-port'] === undefined ? undefined : wholeNumber('--tcp-port', argv['tcp-port'], 1, 65_535),
    pid: argv.pid === undefined ? undefined : wholeNumber('--pid', argv.pid, 1, 2 ** 22),
    exec: argv.exec,
    restart: argv.restart,
    rate:
      argv.rate === undefined
        ? isLoopback(address)
          ? 0
          : DEFAULT_RATE
        : wholeNumber('--rate', argv.rate, 1, 1_000_000),
  };
}

/** Reads and checks `--report`. */
export function reportsOf(texts: readonly string[]): FuzzReportTarget[] {
  const reports = texts.map((text) => {
    const at = text.indexOf('=');
    if (at < 0 || at === text.length - 1)
      throw new UsageError(`--report '${text}' is not KIND=PATH; write for example sarif=fuzz.sarif.`);
    return { kind: oneOf('The kind of --report', text.slice(0, at), FUZZ_REPORT_KINDS), path: text.slice(at + 1) };
  });
  if (reports.filter((report) => report.path === '-').length > 1)
    throw new UsageError('Two reports cannot both go to standard output; give one of them a file.');
  return reports;
}

function networkOf(text: string): Network {
  const network = parseNetwork(text);
  if (network === undefined)
    throw new UsageError(`--allow-target '${text}' is no block of addresses; write 192.0.2.0/24 or 192.0.2.1.`);
  return network;
}

function shardOf(text: string): FuzzPlan['shard'] {
  const match = /^(\d{1,6})\/(\d{1,6})$/.exec(text);
  const [index, of] = [Number(match?.[1]), Number(match?.[2])];
  if (!(index >= 1 && of >= index))
    throw new UsageError(`--shard must be I/N with I from 1 to N, such as 2/4, not '${text}'.`);
  return { index, of };
}

function folderOf(option: string, path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  if (!existsSync(path) || !statSync(path).isDirectory())
    throw new FaultError(`${option} ${path} is no folder; give one that exists.`);
  return path;
}

function seconds(option: string, text: string): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (!(value > 0 && value <= 604_800))
    throw new UsageError(`${option} must be a number of seconds above 0 and at most 604800, not '${text}'.`);
  return value;
}

/** A live peer by its address and port, for people. */
export function peerName(peer: FuzzPeer): string {
  return peer.kind === 'self'
    ? `the reference${peer.isWrapper ? ' with the UDP wrapper' : ''}`
    : `${formatIpv4(peer.address)}:${peer.echoPort}`;
}
