import { createHash } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatIpv4 } from '../codec/index.js';
import { LINKTYPE_RAW } from '../io/link-type.js';
import { makeFolder } from '../io/make-folder.js';
import { PcapngFile } from '../io/pcapng-writer.js';
import { VERSION } from '../version.js';
import type { Outcome, Play } from './attempt.js';
import type { CorpusPacket } from './corpus.js';
import { groupOf, type Severity, type Violation } from './oracle.js';
import { type Step, stepText } from './step.js';
import type { Target } from './target.js';

/** A finding as `finding.json` holds it (docs/schema/fuzz-finding.schema.json). */
export interface Finding {
  readonly tool: 'mpip';
  readonly version: string;
  readonly id: string;
  readonly oracle: string;
  readonly severity: Severity;
  readonly title: string;
  readonly requirements: readonly string[];
  /** Oracle and code: findings of one group are one defect as far as can be told. */
  readonly group: string;
  /** Seed of the run that found it. */
  readonly seed: number;
  /** Where in that run: `run N`. */
  readonly path: string;
  readonly target: {
    readonly kind: string;
    readonly name: string;
    readonly address: string;
    readonly udpPort: number;
    /** Port of the TCP echo service, where segments could be sent. */
    readonly tcpPort?: number;
  };
  /** Packets sent in `repro.pcapng`. */
  readonly packets: number;
  /** The packet that showed it, counted from 1; null when it is none in particular. */
  readonly frame: number | null;
  readonly reproduced: { readonly n: number; readonly of: number };
  readonly minimised: { readonly steps: number; readonly from: number; readonly tries: number };
  /** What `--replay` plays. */
  readonly play: Play;
  /** Packets of the corpus that the steps name, by their index. */
  readonly corpus: Readonly<Record<string, { readonly name: string; readonly protocol: number; readonly hex: string }>>;
}

/** The id of a violation's group: the same in every run, so that shards can be merged. */
export function findingId(violation: Pick<Violation, 'oracle' | 'code'>): string {
  return `${violation.oracle}-${createHash('sha256').update(groupOf(violation)).digest('hex').slice(0, 8)}`;
}

/** What a finding is made of. */
export interface FindingParts {
  readonly violation: Violation;
  readonly play: Play;
  readonly seed: number;
  readonly path: string;
  readonly reproduced: Finding['reproduced'];
  readonly minimised: Finding['minimised'];
  readonly target: Target;
  readonly outcome: Outcome;
  readonly corpus: readonly CorpusPacket[];
}

/** The finding of these parts. */
export function findingOf(parts: FindingParts): Finding {
  const { violation, play, seed, path, reproduced, minimised, target, outcome, corpus } = parts;
  const used = new Set(play.steps.flatMap((step) => (step.kind === 'corpus' ? [step.index % corpus.length] : [])));
  return {
    tool: 'mpip',
    version: VERSION,
    id: findingId(violation),
    oracle: violation.oracle,
    severity: violation.severity,
    title: violation.title,
    requirements: violation.requirements,
    group: groupOf(violation),
    seed,
    path,
    target: {
      kind: target.kind,
      name: target.name,
      address: formatIpv4(target.surroundings.peer),
      udpPort: target.surroundings.echoPort,
      ...(target.surroundings.tcpPort === undefined ? {} : { tcpPort: target.surroundings.tcpPort }),
    },
    packets: outcome.exchange.log.filter(({ isSent }) => isSent).length,
    frame: violation.frame ?? null,
    reproduced,
    minimised,
    play,
    corpus: Object.fromEntries(
      [...used].map((index) => {
        const { name, protocol, octets } = corpus[index]!;
        return [index, { name, protocol, hex: Buffer.from(octets).toString('hex') }];
      }),
    ),
  };
}

/**
 * Writes a finding's folder: finding.json, repro.pcapng with a comment on every packet of a step, replay.sh, and the peer's output
 * where it is known.
 * @returns the folder.
 * @throws the system's error when it cannot be written.
 */
export function writeFinding(folder: string, finding: Finding, outcome: Outcome, target: Target): string {
  const path = join(folder, finding.id);
  makeFolder(path);
  writeFileSync(join(path, 'finding.json'), `${JSON.stringify(finding, null, 2)}\n`);
  writeCapture(join(path, 'repro.pcapng'), finding, outcome);
  const script = join(path, 'replay.sh');
  writeFileSync(script, replayScript(finding));
  chmodSync(script, 0o755);
  const output = target.output?.();
  if (output !== undefined && output !== '') writeFileSync(join(path, 'peer-output.txt'), output);
  return path;
}

/** Reads `finding.json` of a folder. */
export function readFinding(folder: string): Finding {
  const path = existsSync(join(folder, 'finding.json')) ? join(folder, 'finding.json') : folder;
  return JSON.parse(readFileSync(path, 'utf8')) as Finding;
}

/** The corpus that a finding carries along, its packets at their index. */
export function corpusOf(finding: Finding): CorpusPacket[] {
  const packets: CorpusPacket[] = [];
  for (const [index, { name, protocol, hex }] of Object.entries(finding.corpus))
    packets[Number(index)] = { name, protocol, octets: Uint8Array.from(Buffer.from(hex, 'hex')) };
  return packets;
}

/** The command line that plays the finding of a folder again, for a shell. */
export function replayCommand(folder: string): string {
  const word = /^[\w./@%+=:,-]+$/.test(folder) ? folder : `'${folder.replaceAll("'", "'\\''")}'`;
  return `mpip fuzz --replay ${word}`;
}

function replayScript(finding: Finding): string {
  return `#!/bin/sh
# ${finding.title.replaceAll('\n', ' ')}
# Exit code: 1 reproduced, 0 not reproduced, 3 the peer is silent. Options given here are added: another PEER, --udp-port, --exec.
exec ${'$'}{MPIP:-mpip} fuzz --replay "${'$'}(dirname "${'$'}0")" "${'$'}@"
`;
}

function writeCapture(path: string, finding: Finding, { exchange }: Outcome): void {
  const file = new PcapngFile(path, {
    application: `mpip ${VERSION}`,
    comments: [
      `finding ${finding.id} (${finding.severity}): ${finding.title}`,
      `oracle ${finding.oracle}; requirements ${finding.requirements.join(' ') || 'none of the paper'}`,
      `target ${finding.target.name}; seed ${finding.seed}, ${finding.path}; reproduced ${finding.reproduced.n} of ${finding.reproduced.of}`,
    ],
  });
  try {
    file.interface({ linkType: LINKTYPE_RAW, name: finding.target.kind });
    let commented = -1;
    for (const { frame, time, packet, isSent, step } of exchange.log) {
      const comments: string[] = [];
      if (frame === finding.frame) comments.push(`${finding.id} | ${finding.oracle} | ${finding.title}`);
      if (isSent && step !== commented && finding.play.steps[step] !== undefined) {
        comments.push(`step ${step + 1}: ${stepText(finding.play.steps[step] as Step)}`);
        commented = step;
      }
      file.packet({
        seconds: Math.floor(time / 1_000_000),
        nanoseconds: (time % 1_000_000) * 1000,
        data: packet,
        ...(comments.length > 0 ? { comments } : {}),
      });
    }
  } finally {
    file.close();
  }
}
