import type { LayoutName, ProfileName } from '../codec/index.js';
import type { Area, ServiceName } from './case.js';
import type { Explanation } from './diagnosis.js';
import type { ExchangePacket } from './exchange.js';
import type { KnownFailingOutcome } from './known-failing.js';
import type { LinkKind } from './link.js';
import type { Level, Observability } from './requirements.js';
import type { RunVerdict, Verdict } from './verdict.js';

/** Version of the shape below; raised when a key changes its meaning or goes. */
export const REPORT_VERSION = 1;

/** The packet that decided, so that a report can be read without the evidence. */
export interface PacketExcerpt {
  /** Position of the packet in the case's evidence, from 1. */
  readonly frame: number;
  readonly direction: 'sent' | 'received';
  /** The CM field that decided, as in Wireshark: `mpip.session_id`. */
  readonly field?: string;
  /** First octet that decided, counted from the start of the IP header, and how many. */
  readonly octet?: number;
  readonly octets?: number;
  /** Octets of the datagram in hex, from octet `hexFrom` on. */
  readonly hex: string;
  readonly hexFrom: number;
}

/** Why a case or the run ended as it did. */
export interface ResultCause {
  /** Machine-readable and stable; docs/check.md lists the engine's own. */
  readonly code: string;
  /** A paragraph for a person: what was wrong, expected, seen and where. */
  readonly text: string;
  readonly expected?: string | number;
  readonly seen?: string | number;
  /** The requirement it is about, when the case covers several and only one is concerned. */
  readonly requirement?: string;
  readonly packet?: PacketExcerpt;
}

/** How packets were got: over a link, or out of captures that somebody else made. */
export type ReportLink = LinkKind | 'capture';

/** Where a case's packets are. */
export interface EvidenceReference {
  /** Path of the pcapng file; null when none was written. */
  readonly file: string | null;
  readonly link: ReportLink;
  /** Frames of the file that decided, from 1. */
  readonly frames: readonly number[];
}

/** One case of a run. */
export interface CaseResult {
  readonly id: string;
  readonly area: Area;
  readonly purpose: string;
  readonly requirements: readonly string[];
  readonly verdict: Verdict;
  readonly cause: ResultCause;
  /** Recommendations (SHOULD, MAY) that were not followed. */
  readonly warnings: readonly ResultCause[];
  readonly evidence: EvidenceReference;
  /** On the link's clock. */
  readonly durationMs: number;
  /** The packets that explain the verdict, when the run was asked to keep them. */
  readonly exchange?: readonly ExchangePacket[];
  /** True for a `fail` that was expected with this cause (`--known-failing`). */
  readonly isKnownFailing?: boolean;
}

/** What a run says of a requirement. */
export type RequirementStatus = 'pass' | 'fail' | 'warn' | 'inconc' | 'not-applicable' | 'not-run' | 'untestable';

/** One requirement of a run. */
export interface RequirementResult {
  readonly id: string;
  readonly level: Level;
  readonly section: string;
  readonly status: RequirementStatus;
  readonly observable: Observability;
  readonly text: string;
  /** Cases of the run that cover it. */
  readonly cases: readonly string[];
}

/** Everything a run found: every report is made from this. */
export interface RunResult {
  readonly tool: 'mpip';
  readonly version: string;
  readonly reportVersion: number;
  readonly seed: number;
  readonly profile: ProfileName;
  /** How the profile was found out, as the end of a sentence; null when it was given. */
  readonly profileFound: string | null;
  readonly link: ReportLink;
  /** The peer. `nodeId` and `layout` are those of the first control message it sent, null when it sent none. */
  readonly iut: {
    readonly address: string;
    readonly udpPort: number;
    readonly tcpPort: number | null;
    readonly nodeId: string | null;
    readonly layout: LayoutName | null;
    readonly services: Readonly<Partial<Record<ServiceName, number>>>;
  };
  /** The worst verdict of a case; `not-applicable` and `not-run` count as `none`. */
  readonly verdict: RunVerdict;
  readonly counts: Readonly<Record<Verdict, number>>;
  /** What was found before the first case, when it matters for all of them: `unreachable`, `own-cm-echoed`. */
  readonly preliminary: ResultCause | null;
  /** Why the peer does not use several paths, when that was asked for (`--explain`). */
  readonly explanation: Explanation | null;
  readonly isInterrupted: boolean;
  /** How many cases exist and how many the filters chose. */
  readonly selection: { readonly known: number; readonly chosen: number };
  /** Folder of the evidence, null when none was written. */
  readonly evidenceFolder: string | null;
  readonly cases: readonly CaseResult[];
  readonly requirements: readonly RequirementResult[];
  readonly durationMs: number;
  /** Only of a run that judged captures. */
  readonly captures?: {
    readonly files: readonly string[];
    readonly packets: number;
    readonly controlMessages: number;
    readonly nodes: readonly { readonly nodeId: string; readonly addresses: readonly string[] }[];
  };
  /** Only of a run that was compared with a file of known failures. */
  readonly knownFailing?: KnownFailingOutcome;
}

/** Counts of nothing. */
export function noCounts(): Record<Verdict, number> {
  return { pass: 0, fail: 0, inconc: 0, error: 0, 'not-applicable': 0, 'not-run': 0, none: 0 };
}

/**
 * The exit code of a run, by the first that applies: 4 a fault of the tester, an interruption, nothing executed, or an
 * entry of the known failures that is stale or names no case; 1 a `fail` that is not known; 3 an `inconc`; 0 otherwise.
 */
export function exitCodeOf(run: RunResult): 0 | 1 | 3 | 4 {
  const { counts, knownFailing } = run;
  const executed = counts.pass + counts.fail + counts.inconc + counts.error;
  if (counts.error > 0 || counts.none > 0 || run.isInterrupted || executed === 0) return 4;
  if (knownFailing !== undefined && knownFailing.stale.length + knownFailing.unmatched.length > 0) return 4;
  if (counts.fail > (knownFailing?.known.length ?? 0)) return 1;
  return counts.inconc > 0 ? 3 : 0;
}
