import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { Flags } from '../../src/codec/index.js';
import { PassiveRun } from '../../src/conformance/passive/run.js';
import type { PairReport } from '../../src/dissector/pair-report.js';
import { CaptureParser } from '../../src/io/capture-reader.js';
import { TimeOrder } from '../../src/io/time-order.js';
import { MPIP, until } from './live-pair.js';
import { type NamespaceLab, type Running, run } from './namespaces.js';

/** Where captures are kept: evidence of what was on the wire. */
const EVIDENCE = join(process.env.MPIP_EVIDENCE ?? 'build/evidence', 'e2e');
/** Whole packets of each host: some 6 megabytes at most. */
const MOST_PACKETS = 4000;
/** Octets of an Ethernet header. */
const ETHERNET = 14;
/** Copies that ask and confirm have a wrong TCP checksum on purpose (docs/decisions.md 1); nothing else has. */
const COPIES: readonly unknown[] = [Flags.enable, Flags.enabled];
const SIDES = { a: ['a1', 'a2'], b: ['b1', 'b2'] } as const;

/** The four ways from host A to host B, as `Captured.shares` names them. */
export const ALL_PAIRS = ['10.77.1.2>10.77.3.2', '10.77.1.2>10.77.4.2', '10.77.2.2>10.77.3.2', '10.77.2.2>10.77.4.2'];

/** A row of `mpip dissect --format ndjson`. */
export type Row = Readonly<Record<string, unknown>>;

/** How a capture is judged. */
export interface CaptureOptions {
  /** Findings of the dissector that belong to what was done; any other fails the test. */
  readonly tolerated?: readonly string[];
}

/** The packets of every interface of both hosts while `during` runs, the first 4000 of each host, in the evidence folder. */
export async function captured(
  lab: NamespaceLab,
  name: string,
  during: () => Promise<void>,
  options: CaptureOptions = {},
): Promise<Captured> {
  mkdirSync(EVIDENCE, { recursive: true });
  const files = { a: join(EVIDENCE, `${name}-host-a.pcapng`), b: join(EVIDENCE, `${name}-host-b.pcapng`) };
  const before = fragments(lab);
  const captures: Running[] = [];
  try {
    for (const side of ['a', 'b'] as const) {
      rmSync(files[side], { force: true });
      captures.push(await startCapture(lab, side, files[side]));
    }
    await during();
    // It reads late: a block of packets waits for 250 ms.
    for (const capture of captures)
      for (let last = -1; last < recorded(capture); await setTimeout(300)) last = recorded(capture);
  } finally {
    for (const capture of captures) await capture.end('SIGINT');
  }
  assert.deepEqual(fragments(lab), before, 'a kernel has made or seen fragments (host A, router, host B)');
  return new Captured(files, options.tolerated);
}

async function startCapture(lab: NamespaceLab, side: 'a' | 'b', file: string): Promise<Running> {
  const host = side === 'a' ? lab.hostA : lab.hostB;
  const inputs = SIDES[side].flatMap((device) => ['-i', device, '-f', 'ip']);
  const capture = await lab.start(host, 'dumpcap', [...inputs, '-c', `${MOST_PACKETS}`, '-w', file], /^File: /);
  // It says that it captures some time before it does.
  await until('a capture has begun', () => {
    lab.exec(host, 'bash', '-c', `echo probe > /dev/udp/10.77.${side === 'a' ? 1 : 3}.1/9`);
    return recorded(capture) > 0;
  });
  return capture;
}

function recorded(capture: Running): number {
  return Number(/.*Packets: (\d+)/s.exec(capture.output())?.[1] ?? 0);
}

/** Fragments that the kernels of all three namespaces made, failed to make, or put together. */
function fragments(lab: NamespaceLab): unknown {
  return [lab.hostA, lab.router, lab.hostB].map((namespace) => {
    const { FragCreates, FragFails, ReasmReqds } = kernelCounters(lab, namespace, 'Ip');
    return { FragCreates, FragFails, ReasmReqds };
  });
}

/** Counters of a namespace's kernel: a group of /proc/net/snmp or /proc/net/netstat. */
export function kernelCounters(lab: NamespaceLab, namespace: string, group: string): Readonly<Record<string, number>> {
  const lines = lab.exec(namespace, 'cat', '/proc/net/snmp', '/proc/net/netstat').split('\n');
  const [names, values] = lines.filter((line) => line.startsWith(`${group}: `)).map((line) => line.split(' ').slice(1));
  return Object.fromEntries(names!.map((name, i) => [name, Number(values![i])]));
}

/** What the wire carried. */
export class Captured {
  readonly #files: Readonly<Record<'a' | 'b', string>>;
  readonly #rows: Readonly<Record<'a' | 'b', readonly Row[]>>;

  constructor(files: Readonly<Record<'a' | 'b', string>>, tolerated: readonly string[] = []) {
    this.#files = files;
    this.#rows = { a: dissected(files.a, tolerated), b: dissected(files.b, tolerated) };
  }

  /** What both captures saw of each path: the delay from one to the other, and what was lost between them. */
  pairs(): readonly PairReport[] {
    const { a, b } = this.#files;
    const text = run(process.execPath, [MPIP, 'dissect', '--conversations', '--format', 'json', a, b]);
    return (JSON.parse(text) as { pairs: PairReport[] }).pairs;
  }

  /** IPv4 packets at the interfaces of a host, in both directions. */
  rows(side: 'a' | 'b'): readonly Row[] {
    return this.#rows[side];
  }

  /** How many packets with user data and a CM of one IP protocol left a host for each address pair. */
  shares(side: 'a' | 'b', protocol: number): ReadonlyMap<string, number> {
    const own = side === 'a' ? /^10\.77\.[12]\.2$/ : /^10\.77\.[34]\.2$/;
    const shares = new Map<string, number>();
    for (const row of this.#rows[side]) {
      if (row['mpip.flags'] !== Flags.normal || row['ip.proto'] !== protocol || !own.test(`${row['ip.src']}`)) continue;
      const pair = `${row['ip.src']}>${row['ip.dst']}`;
      shares.set(pair, (shares.get(pair) ?? 0) + 1);
    }
    return shares;
  }
}

/** Reads a capture with `mpip dissect`, which has to find nothing: checksums are right, no packet is a part or too long, no requirement is broken. */
function dissected(file: string, tolerated: readonly string[]): Row[] {
  const text = run(process.execPath, [MPIP, 'dissect', '--all', '--checksums', '--format', 'ndjson', file]);
  const rows = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Row);
  assert.ok(rows.length > 0, `${file} is empty`);
  let longest = 0;
  let isFragmented = false;
  const passive = new PassiveRun();
  const inOrder = new TimeOrder((packet) => passive.see(packet));
  const parser = new CaptureParser((packet) => {
    const { buffer, offset, originalLength } = packet;
    inOrder.add(packet, 0);
    longest = Math.max(longest, originalLength - ETHERNET);
    // More fragments, or an offset: RFC 791.
    if (((buffer[offset + ETHERNET + 6]! << 8) | buffer[offset + ETHERNET + 7]!) & 0x3fff) isFragmented = true;
  });
  parser.push(readFileSync(file));
  parser.end();
  inOrder.end();
  const broken = passive.end().filter(({ verdict }) => verdict === 'fail');
  assert.deepEqual(
    broken.map(({ predicate, finding, place }) => `${predicate.id}, frame ${place!.frame}: ${finding!.text}`),
    [],
    `${file}: as mpip check --capture judges it`,
  );
  assert.ok(longest <= 1500, `${file}: a packet of ${longest} octets`);
  assert.ok(!isFragmented, `${file}: a fragment`);
  for (const row of rows) {
    const words = `${file}: ${JSON.stringify(row)}`;
    const allowed = COPIES.includes(row['mpip.flags']) && row['tcp.checksum.status'] === 'bad' ? ['tcp-checksum'] : [];
    const findings = ((row['mpip.expert'] ?? []) as string[]).filter((finding) => !tolerated.includes(finding));
    assert.deepEqual(findings, allowed, words);
    assert.notEqual(row['ip.checksum.status'], 'bad', words);
    assert.notEqual(row['udp.checksum.status'], 'bad', words);
    if (row['tcp.checksum.status'] === 'bad') assert.ok(COPIES.includes(row['mpip.flags']), words);
  }
  return rows;
}
