import { randomInt } from 'node:crypto';
import { accessSync, existsSync, constants as fsConstants, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import {
  type Constants,
  defaultConstants,
  formatIpv4,
  type Ipv4,
  PROFILE_NAMES,
  PROFILES,
  type Profile,
} from '../codec/index.js';
import {
  type AddressBlock,
  type Capability,
  KnownFailingError,
  type KnownFailure,
  PAPER_CAPABILITIES,
  parseKnownFailing,
  REPORT_KINDS,
  type ReportKind,
  type ServiceName,
  type TestCase,
} from '../conformance/index.js';
import { chosenCases } from './check-selection.js';
import { DEFAULT_PORT } from './default-port.js';
import { FaultError, UsageError } from './exit.js';
import { oneOf, wholeNumber } from './options.js';
import { parseAddress, parseConstants, parseServices } from './peer-options.js';

/** `mpip check` as typed. */
export interface CheckArguments {
  readonly peer: string | undefined;
  readonly self: boolean | undefined;
  readonly capture: string[];
  readonly list: boolean | undefined;
  readonly format: string | undefined;
  readonly 'udp-port': string | undefined;
  readonly 'tcp-port': string | undefined;
  readonly service: string[];
  readonly source: string[];
  readonly profile: string | undefined;
  readonly pics: string | undefined;
  readonly pixit: string[];
  readonly case: string[];
  readonly skip: string[];
  readonly requirement: string[];
  readonly area: string[];
  readonly slow: boolean | undefined;
  readonly unprivileged: boolean | undefined;
  readonly link: string | undefined;
  readonly explain: boolean | undefined;
  readonly seed: string | undefined;
  readonly jobs: string | undefined;
  readonly timeout: string | undefined;
  readonly report: string[];
  readonly evidence: string | undefined;
  readonly 'upper-tester': string | undefined;
  readonly shell: boolean | undefined;
  readonly control: string | undefined;
  readonly 'allow-target': string[];
  readonly rate: string | undefined;
  readonly 'known-failing': string | undefined;
  readonly 'update-known-failing': boolean | undefined;
}

/** What carries the packets of a run: packet sockets of Linux, libpcap by the optional package cap, or ordinary UDP sockets. */
export const CHECK_LINKS = ['packet', 'pcap', 'socket'] as const;

/** One of {@link CHECK_LINKS}. */
export type CheckLinkName = (typeof CHECK_LINKS)[number];

/** A report to write; `path` may be `-`. */
export interface ReportTarget {
  readonly kind: ReportKind;
  readonly path: string;
}

/** What `mpip check` is to do, everything read and validated. */
export interface CheckPlan {
  readonly cases: readonly TestCase[];
  /** Undefined for the reference in a virtual network (`--self`). */
  readonly peer: Ipv4 | undefined;
  readonly services: ReadonlyMap<ServiceName, number>;
  /** Of a TCP echo service. */
  readonly tcpPort: number | undefined;
  readonly sources: readonly Ipv4[];
  readonly profile: Profile | 'auto';
  /** What the peer was declared to support. */
  readonly capabilities: ReadonlySet<Capability>;
  readonly constants: Constants;
  readonly seed: number;
  readonly jobs: number | undefined;
  /** Microseconds. */
  readonly timeout: number | undefined;
  readonly slow: boolean;
  /** What carries packets; undefined: packet sockets where they may be opened, else ordinary ones. */
  readonly link: CheckLinkName | undefined;
  /** Ordinary sockets were asked for: cases that need more are left out. */
  readonly unprivileged: boolean;
  readonly explain: boolean;
  readonly upperTester: UpperTesterPlan | undefined;
  readonly allowedTargets: readonly AddressBlock[];
  /** Packets a second; undefined for the default. */
  readonly rate: number | undefined;
  readonly reports: readonly ReportTarget[];
  readonly evidence: string | undefined;
  readonly knownFailing: KnownFailingPlan | undefined;
}

/** What makes the peer act: a program, or the control socket of `mpip peer`. */
export type UpperTesterPlan = { readonly command: string; readonly shell: boolean } | { readonly control: string };

/** The file of failures that are known. */
export interface KnownFailingPlan {
  readonly path: string;
  /** What is in it. */
  readonly text: string;
  readonly entries: readonly KnownFailure[];
  /** Whether to bring it up to date after the run. */
  readonly update: boolean;
}

/**
 * Reads the command line of a run.
 * @throws UsageError for whatever cannot be meant, FaultError for a report that cannot be written.
 */
export async function planOf(argv: CheckArguments): Promise<CheckPlan> {
  const self = argv.self === true;
  if (argv.format !== undefined) throw new UsageError('--format belongs to --list; a run has --report KIND=PATH.');
  if (self && argv.peer !== undefined) {
    throw new UsageError(`Give either a PEER (${argv.peer}) or --self, the reference in a virtual network; not both.`);
  }
  if (!self && argv.peer === undefined) {
    throw new UsageError("Give the peer's IPv4 address, such as 127.0.0.2, or --self for the built-in reference.");
  }
  if (self && argv['allow-target'].length > 0)
    throw new UsageError('--allow-target is for a live peer; --self sends no packet anywhere.');
  if (self && argv.rate !== undefined)
    throw new UsageError('--rate is for a live peer; --self sends no packet anywhere.');
  const link = linkOf(argv, self);
  const cases = chosenCases(argv);
  const port = argv['udp-port'] === undefined ? DEFAULT_PORT : wholeNumber('--udp-port', argv['udp-port'], 1, 65535);
  const { seed, jobs, timeout } = argv;
  const services = servicesOf(argv.service, port, self);
  const pics = argv.pics === undefined ? undefined : (await import('./pics.js')).readPics(argv.pics);
  return {
    cases,
    peer: argv.peer === undefined ? undefined : peerAddress(argv.peer),
    services,
    tcpPort: tcpPortOf(argv['tcp-port'], services, self),
    sources: sourcesOf(argv.source),
    profile: profileOf(argv.profile ?? pics?.profile, self),
    capabilities: pics?.capabilities ?? PAPER_CAPABILITIES,
    constants: { ...defaultConstants(), ...pics?.constants, ...parseConstants(argv.pixit) },
    seed: seed === undefined ? randomInt(2 ** 32) : wholeNumber('--seed', seed, 0, 2 ** 32 - 1),
    jobs: jobs === undefined ? undefined : wholeNumber('--jobs', jobs, 1, 1000),
    timeout: timeout === undefined ? undefined : seconds('--timeout', timeout) * 1_000_000,
    slow: argv.slow === true,
    link,
    unprivileged: link === 'socket',
    explain: argv.explain === true,
    upperTester: upperTesterOf(argv, self),
    allowedTargets: argv['allow-target'].map(blockOf),
    rate: argv.rate === undefined ? undefined : wholeNumber('--rate', argv.rate, 1, 10_000_000),
    reports: reportsOf(argv.report),
    evidence: argv.evidence,
    knownFailing: knownFailingOf(argv['known-failing'], argv['update-known-failing'] === true),
  };
}

/** @throws UsageError without a file to update, FaultError for one that cannot be read. */
export function knownFailingOf(path: string | undefined, update: boolean): KnownFailingPlan | undefined {
  if (path === undefined) {
    if (update) throw new UsageError('--update-known-failing needs --known-failing FILE, the file to write.');
    return undefined;
  }
  if (update) mustBeWritable('The file', path);
  if (update && !existsSync(path)) return { path, text: '', entries: [], update };
  try {
    const text = readFileSync(path, 'utf8');
    return { path, text, entries: parseKnownFailing(text), update };
  } catch (error) {
    if (error instanceof KnownFailingError) throw new FaultError(`${path}: ${error.message}`);
    throw new FaultError(`The file ${path} cannot be read: ${(error as Error).message}.`);
  }
}

/** `--unprivileged` is the same as `--link socket`. */
function linkOf({ link, unprivileged }: CheckArguments, self: boolean): CheckLinkName | undefined {
  if (link === undefined) return unprivileged === true ? 'socket' : undefined;
  if (self) throw new UsageError('--link is for a live peer; --self sends no packet anywhere.');
  const name = oneOf('--link', link, CHECK_LINKS);
  if (unprivileged === true && name !== 'socket')
    throw new UsageError(`--unprivileged is --link socket, and --link ${name} needs privilege: leave one of them out.`);
  return name;
}

/** The reference in the virtual network is set to the profile that is given, so that there is nothing to find out. */
function profileOf(text: string | undefined, self: boolean): Profile | 'auto' {
  if (self && text === 'auto') throw new UsageError('--profile auto is for a live peer; --self is set to the profile.');
  if (text === 'auto' || (text === undefined && !self)) return 'auto';
  return PROFILES[oneOf('--profile', text ?? 'paper', PROFILE_NAMES)];
}

function upperTesterOf(
  { 'upper-tester': command, shell, control }: CheckArguments,
  self: boolean,
): UpperTesterPlan | undefined {
  if (shell === true && command === undefined) throw new UsageError('--shell belongs to --upper-tester CMD.');
  if (command === undefined && control === undefined) return undefined;
  const name = command === undefined ? '--control' : '--upper-tester';
  if (self) throw new UsageError(`${name} is for a live peer; with --self the tester makes the reference act itself.`);
  if (command !== undefined && control !== undefined)
    throw new UsageError('Give either --upper-tester or --control, not both.');
  return command === undefined ? { control: control! } : { command, shell: shell === true };
}

/** @throws UsageError for anything but an address and, if wanted, the length of a prefix. */
function blockOf(text: string): AddressBlock {
  const [address = '', prefix, ...rest] = text.split('/');
  if (rest.length > 0 || (prefix !== undefined && !/^\d+$/.test(prefix)))
    throw new UsageError(`--allow-target '${text}' is no block of addresses; write for example 203.0.113.0/24.`);
  return {
    address: parseAddress('--allow-target', address),
    prefix: prefix === undefined ? 32 : wholeNumber('The prefix of --allow-target', prefix, 0, 32),
  };
}

function peerAddress(text: string): Ipv4 {
  const address = parseAddress('PEER', text);
  const first = address >>> 24;
  if (first === 0 || first >= 224) {
    throw new UsageError(`PEER ${formatIpv4(address)} is no address of one host; give one such as 127.0.0.2.`);
  }
  return address;
}

function servicesOf(texts: readonly string[], port: number, self: boolean): ReadonlyMap<ServiceName, number> {
  if (texts.length === 0 && self) {
    if (port > 65533)
      throw new UsageError('--udp-port must be at most 65533 with --self, which offers three services.');
    return new Map([
      ['echo', port],
      ['discard', port + 1],
      ['chargen', port + 2],
    ]);
  }
  const services = new Map<ServiceName, number>();
  for (const { name, port: at } of parseServices(texts.length === 0 ? ['echo'] : texts, port)) {
    if (services.has(name)) throw new UsageError(`The service ${name} was given twice; a run tests one of each.`);
    services.set(name, at);
  }
  return services;
}

/** The reference in the virtual network has TCP on the ports of its services. */
function tcpPortOf(
  text: string | undefined,
  services: ReadonlyMap<ServiceName, number>,
  self: boolean,
): number | undefined {
  const echo = services.get('echo');
  if (text === undefined) return self ? echo : undefined;
  const port = wholeNumber('--tcp-port', text, 1, 65535);
  if (self && port !== echo) {
    throw new UsageError(
      `With --self TCP is on the port of echo, ${echo ?? 'which was not given'}; leave --tcp-port out.`,
    );
  }
  return port;
}

function sourcesOf(texts: readonly string[]): Ipv4[] {
  const sources = texts.map((text) => parseAddress('--source', text));
  const double = sources.find((source, i) => sources.indexOf(source) !== i);
  if (double !== undefined) throw new UsageError(`--source ${formatIpv4(double)} was given twice; give each once.`);
  return sources;
}

function seconds(option: string, text: string): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (!(value > 0 && value <= 86_400)) {
    throw new UsageError(`${option} must be a number of seconds above 0 and at most 86400, not '${text}'.`);
  }
  return value;
}

/** @throws UsageError for what is no KIND=PATH, FaultError for a path that cannot be written. */
export function reportsOf(texts: readonly string[]): ReportTarget[] {
  const reports = texts.map((text) => {
    const at = text.indexOf('=');
    if (at < 0 || at === text.length - 1) {
      throw new UsageError(`--report '${text}' is not KIND=PATH; write for example json=report.json.`);
    }
    return { kind: oneOf('The kind of --report', text.slice(0, at), REPORT_KINDS), path: text.slice(at + 1) };
  });
  if (reports.filter((report) => report.path === '-').length > 1) {
    throw new UsageError('Two reports cannot both go to standard output; give one of them a file.');
  }
  for (const { path } of reports) if (path !== '-') mustBeWritable('The report', path);
  return reports;
}

/** Finds out before the run that a file could not be written after it. */
function mustBeWritable(what: string, path: string): void {
  const existing = statSync(path, { throwIfNoEntry: false });
  if (existing?.isDirectory() === true) throw new FaultError(`${what} ${path} cannot be written: it is a folder.`);
  try {
    accessSync(existing === undefined ? dirname(path) : path, fsConstants.W_OK);
  } catch {
    throw new FaultError(`${what} ${path} cannot be written: make its folder, or look at its permissions.`);
  }
}
