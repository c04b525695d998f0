import { setMaxListeners } from 'node:events';
import {
  type Constants,
  type ControlMessage,
  defaultConstants,
  formatIpv4,
  formatNodeId,
  type Ipv4,
  PROFILES,
  type Profile,
  Random,
} from '../codec/index.js';
import { makeFolder } from '../io/make-folder.js';
import { VERSION } from '../version.js';
import { leftOut } from './applicability.js';
import { type Capability, PAPER_CAPABILITIES } from './capabilities.js';
import type { ServiceName, TestCase } from './case.js';
import { type Detection, detectProfile } from './detect-profile.js';
import { Diagnosis, type Explanation } from './diagnosis.js';
import { type EvidenceContext, evidencePath, writeEvidence } from './evidence.js';
import { exchangeOf } from './exchange.js';
import { toResult } from './explain.js';
import type { RunHead } from './journal.js';
import { RECENT } from './lateness.js';
import type { Link, Micros } from './link.js';
import { examinePeer, type PeerFacts } from './preliminary.js';
import {
  isDoubtful,
  LATE_PLAYS,
  LOSS_PROBE,
  playUntilInTime,
  playUntilSure,
  SLOW_NETWORK,
  wasInVain,
} from './repeat.js';
import { requirementResults } from './requirement-status.js';
import { type CaseResult, noCounts, REPORT_VERSION, type ResultCause, type RunResult } from './result.js';
import { type CaseSettings, type FinishedCase, runCase } from './run-case.js';
import { randomNodeId } from './tester.js';
import { type RunVerdict, worse } from './verdict.js';

/** Time beyond its own waiting that a case gets when it is played again, in microseconds. */
const PATIENT_GRACE: Micros = 300_000_000;

/** Added to the seed for each further play of a case. */
const ANOTHER_SEED = 0x9e3779b1;

/** Cases that are played again because everything came late: of a peer that fails most cases not all. */
const MOST_LATE = 40;
/** Such cases, one after the other, of which nothing could be said then either: the rest are not played again. */
const MOST_IN_VAIN = 3;

/** Cases played side by side in a live run: they mostly wait. */
export const DEFAULT_JOBS = 48;

/** A run: whom to test, with what, and how. Only `link`, `address`, `services` and `cases` have no default. */
export interface SuiteOptions {
  readonly link: Link;
  /** The peer's address. */
  readonly address: Ipv4;
  /** UDP ports of the peer's services. */
  readonly services: ReadonlyMap<ServiceName, number>;
  /** The cases to play, in the order of the report. */
  readonly cases: readonly TestCase[];
  /** Every case that exists, so that a case is the same alone and among others; default `cases`. */
  readonly catalogue?: readonly TestCase[];
  /** How the peer speaks; `auto` finds it out from its answers first. Default `paper`. */
  readonly profile?: Profile | 'auto';
  /** The peer's constants (PIXIT); default the paper's. */
  readonly constants?: Constants;
  /** Default 1. */
  readonly seed?: number;
  /** Cases played side by side; default 48 live. Virtual runs play one after the other. */
  readonly jobs?: number;
  /** Longest time for one case in microseconds; default: what it waits for and 10 s. */
  readonly timeout?: Micros;
  /** Play cases that wait longer than 10 s on a live link too. */
  readonly slow?: boolean;
  /** Port of the peer's TCP echo service; without one, cases about TCP are not applicable. */
  readonly tcpPort?: number;
  /** What the peer was declared to support (PICS); default what the paper describes, with fake TCP. */
  readonly capabilities?: ReadonlySet<Capability>;
  /** True when nothing but ordinary sockets is wanted: cases that need more are then left out instead of `inconc`. */
  readonly unprivileged?: boolean;
  /** Folder for evidence, made when missing: one pcapng per case. */
  readonly evidence?: string;
  /** Where that folder is for this process, when its path cannot be followed; then it exists. Default `evidence`. */
  readonly evidenceAt?: string;
  /** Whether results keep the packets that explain them, for sequence diagrams; default false. */
  readonly keepExchanges?: boolean;
  /** Whether to find out at the end why the peer does not use several paths; default false. */
  readonly explain?: boolean;
  /** Ends the run early: what is finished is reported, the rest is `not-run` or `inconc`, cause `interrupted`. */
  readonly signal?: AbortSignal;
  /** Called once, before the first case is played. */
  readonly onBegin?: (head: RunHead) => void;
  /** Called with each case's result as it is there, after its evidence was written. */
  readonly onResult?: (result: CaseResult) => void;
  /** Called as cases begin and end. */
  readonly onProgress?: (progress: Progress) => void;
}

/** How far a run is. */
export interface Progress {
  readonly done: number;
  readonly total: number;
  /** Ids of the cases being played. */
  readonly playing: readonly string[];
}

/**
 * Plays the cases and returns what was found. What the peer does never makes this throw.
 * @throws the system's error when the folder for evidence cannot be made or written.
 */
export async function runSuite(options: SuiteOptions): Promise<RunResult> {
  const { profile = PROFILES.paper } = options;
  if (profile !== 'auto') return await new Run(options, profile).play();
  const random = new Random(((options.seed ?? 1) ^ options.link.nonce ^ PROFILE_SEED) >>> 0);
  const ids = Array.from({ length: NODES_PER_CASE }, () => randomNodeId(random, PROFILES.paper));
  const detection = await detectProfile(settingsOf(options, PROFILES.paper), ids, options.signal);
  return await new Run(options, detection.profile, detection).play();
}

/** Keeps the node ids that ask for the profile apart from those of the cases, mostly. */
const PROFILE_SEED = 0x70726f66;

/** What the cases of a run have in common, with the defaults filled in. */
function settingsOf(options: SuiteOptions, profile: Profile): CaseSettings {
  return {
    link: options.link,
    profile,
    constants: options.constants ?? defaultConstants(),
    address: options.address,
    services: options.services,
    seed: options.seed ?? 1,
    capabilities: options.capabilities ?? PAPER_CAPABILITIES,
    ...(options.tcpPort === undefined ? {} : { tcpPort: options.tcpPort }),
    ...(options.timeout === undefined ? {} : { timeout: options.timeout }),
  };
}

class Run {
  readonly #options: SuiteOptions;
  readonly #settings: CaseSettings;
  readonly #results = new Map<TestCase, CaseResult>();
  readonly #playing = new Set<string>();
  readonly #nodeIds: ReadonlyMap<string, readonly number[]>;
  readonly #evidence: EvidenceContext | undefined;
  readonly #seed: number;
  readonly #profile: Profile;
  /** The caller's signal, for as many listeners as there are cases. */
  readonly #interrupt = new AbortController();
  #peerCm: ControlMessage | undefined;
  #runnable = 0;
  #lossProbe: Promise<boolean> | undefined;
  /** Cases whose play was disturbed by this machine, or by the peer's, being late. */
  #inVain = 0;
  readonly #late: { readonly testCase: TestCase; readonly finished: FinishedCase }[] = [];

  constructor(
    options: SuiteOptions,
    profile: Profile,
    /** How the profile was found, where it was. */
    private readonly detection?: Detection,
  ) {
    this.#options = options;
    setMaxListeners(0, this.#interrupt.signal);
    this.#seed = options.seed ?? 1;
    this.#profile = profile;
    this.#settings = {
      ...settingsOf(options, profile),
      onPeerCm: (cm) => {
        this.#peerCm ??= cm;
      },
    };
    const nodeSeed = (this.#seed ^ options.link.nonce) >>> 0;
    this.#nodeIds = allotNodeIds(options.catalogue ?? options.cases, this.#profile, nodeSeed);
    if (options.evidence !== undefined) {
      const folder = options.evidenceAt ?? options.evidence;
      if (options.evidenceAt === undefined) makeFolder(folder);
      this.#evidence = {
        folder,
        version: VERSION,
        seed: this.#seed,
        profile: this.#profile.name,
        peer: formatIpv4(options.address),
      };
    }
  }

  async play(): Promise<RunResult> {
    const { signal } = this.#options;
    const onAbort = () => this.#interrupt.abort();
    if (signal?.aborted === true) onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      return await this.#playAll();
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  async #playAll(): Promise<RunResult> {
    const began = performance.now();
    const { cases, link } = this.#options;
    const { signal } = this.#interrupt;
    const runnable: TestCase[] = [];
    const unplayed: [TestCase, CaseResult][] = [];
    for (const testCase of cases) {
      const left = leftOut(testCase, this.#options, this.#settings);
      if (left === undefined) runnable.push(testCase);
      else unplayed.push([testCase, this.#unplayed(testCase, left.verdict, left.cause)]);
    }
    this.#runnable = runnable.length;
    const { detection } = this;
    if (this.#evidence !== undefined && detection !== undefined) {
      writeEvidence(this.#evidence, this.#resultOf(detection.testCase, detection.finished), detection.finished.log);
    }
    let facts: PeerFacts = { unreachable: new Map(), ownCmEchoed: undefined };
    if (runnable.length > 0) {
      const first = await examinePeer(this.#settings, this.#nodeIds.get('') ?? [], signal);
      facts = first.facts;
      if (this.#evidence !== undefined && first.finished !== undefined) {
        writeEvidence(this.#evidence, this.#resultOf(first.testCase, first.finished), first.finished.log);
      }
    }
    this.#options.onBegin?.({ ...this.#head(facts), order: cases.map(identity) });
    for (const [testCase, result] of unplayed) this.#finish(testCase, result);
    await this.#schedule(runnable, facts);
    const explanation = this.#options.explain === true ? await this.#explain(facts) : undefined;
    const durationMs = link.isVirtual ? 0 : performance.now() - began;
    return this.#report(facts, Math.round(durationMs * 1000) / 1000, explanation);
  }

  /** Why the peer does not use several paths. */
  async #explain(facts: PeerFacts): Promise<Explanation> {
    const { services, link, tcpPort } = this.#options;
    const obstacle = facts.unreachable.get('echo');
    if (obstacle !== undefined)
      return { reasons: [{ code: obstacle.code, text: obstacle.text, frames: [] }], seen: [] };
    if (!services.has('echo')) {
      const text = 'Without an echo service at the peer (--service echo) its answers cannot be told from its silence.';
      return { reasons: [{ code: 'service', text, frames: [] }], seen: [] };
    }
    const isReal = link.kind !== 'socket';
    const diagnosis = new Diagnosis(isReal && tcpPort !== undefined, isReal);
    const finished = await runCase(diagnosis.testCase, this.#settings, [], this.#interrupt.signal);
    if (this.#evidence !== undefined) {
      writeEvidence(this.#evidence, this.#resultOf(diagnosis.testCase, finished), finished.log);
    }
    return diagnosis.result();
  }

  /** Plays cases side by side, those that wait longest first; the exclusive ones alone afterwards. */
  async #schedule(runnable: readonly TestCase[], facts: PeerFacts): Promise<void> {
    const { link, jobs } = this.#options;
    const { constants } = this.#settings;
    const lanes = link.isVirtual ? 1 : (jobs ?? DEFAULT_JOBS);
    const length = (testCase: TestCase) => testCase.duration?.(constants) ?? 0;
    const isAlone = ({ exclusive, changesPeer }: TestCase) =>
      exclusive === true || (changesPeer === true && !link.isVirtual);
    const shared = runnable.filter((testCase) => !isAlone(testCase));
    if (lanes > 1) shared.sort((a, b) => length(b) - length(a));
    let next = 0;
    const lane = async () => {
      while (next < shared.length) await this.#playOne(shared[next++]!, facts);
    };
    await Promise.all(Array.from({ length: Math.min(lanes, shared.length) }, lane));
    for (const testCase of runnable) if (isAlone(testCase)) await this.#playOne(testCase, facts);
    for (const { testCase, finished } of this.#late.splice(0)) await this.#playLate(testCase, finished, facts);
  }

  async #playOne(testCase: TestCase, facts: PeerFacts): Promise<void> {
    const { signal } = this.#interrupt;
    if (signal.aborted) {
      const text = 'The run was interrupted before the case began.';
      this.#finish(testCase, this.#unplayed(testCase, 'not-run', { code: 'interrupted', text }));
      return;
    }
    const obstacle = testCase.services.map((service) => facts.unreachable.get(service)).find((cause) => cause);
    if (obstacle !== undefined) {
      this.#finish(testCase, this.#unplayed(testCase, 'inconc', obstacle));
      return;
    }
    this.#begin(testCase);
    const ids = this.#nodeIds.get(testCase.id) ?? [];
    let finished = await runCase(testCase, this.#settings, ids.slice(0, NODES_PER_CASE), signal);
    if (peerHasOneOf(finished, ids)) {
      finished = await runCase(testCase, this.#settings, ids.slice(NODES_PER_CASE), signal);
    }
    const isUnsure = async () => this.#mustRepeat(testCase, finished) || (await this.#wasLate(finished, facts));
    if (this.#late.length < MOST_LATE && (await isUnsure())) {
      // Later, when nothing else keeps this machine busy.
      this.#late.push({ testCase, finished });
      this.#playing.delete(testCase.id);
    } else await this.#end(testCase, finished, facts);
  }

  /** Plays a case again, alone, as long as everything comes later than it allowed for. */
  async #playLate(testCase: TestCase, first: FinishedCase, facts: PeerFacts): Promise<void> {
    this.#begin(testCase);
    const again = async (attempt: number) => {
      // What was late before is not to count any more.
      await this.#rest(RECENT);
      return await this.#again(testCase, attempt);
    };
    const doubts = {
      mustRepeat: (finished: FinishedCase) => this.#mustRepeat(testCase, finished),
      wasLate: (finished: FinishedCase) => this.#wasLate(finished, facts),
    };
    // A machine that is busy with something else stays so: not every case has to find that out.
    const plays = this.#inVain < MOST_IN_VAIN ? LATE_PLAYS : 1;
    const finished = await playUntilInTime(first, again, doubts, plays);
    this.#inVain = wasInVain(finished) ? this.#inVain + 1 : 0;
    await this.#end(testCase, finished, facts);
  }

  /** Judges a case that was played, in doubt by further plays, and notes its result. */
  async #end(testCase: TestCase, played: FinishedCase, facts: PeerFacts): Promise<void> {
    const { signal } = this.#interrupt;
    let finished = played;
    if (isDoubtful(finished) && !signal.aborted && (await this.#loses())) {
      const { constants } = this.#settings;
      // What is lost is sent again: that takes its time.
      const timeout = this.#settings.timeout ?? (testCase.duration?.(constants) ?? 0) + PATIENT_GRACE;
      finished = await playUntilSure(finished, (attempt) => this.#again(testCase, attempt, { timeout }), signal);
    }
    if (facts.ownCmEchoed !== undefined) finished.log.overrule(facts.ownCmEchoed);
    const result = this.#resultOf(testCase, finished);
    if (this.#evidence !== undefined) writeEvidence(this.#evidence, result, finished.log);
    this.#finish(testCase, result);
    this.#playing.delete(testCase.id);
    this.#progress();
  }

  async #rest(duration: Micros): Promise<void> {
    const { signal } = this.#interrupt;
    const caseLink = this.#options.link.openCase(0);
    await caseLink.wait(caseLink.now() + duration, () => signal.aborted);
    caseLink.close();
  }

  #again(testCase: TestCase, attempt: number, settings: Partial<CaseSettings> = {}): Promise<FinishedCase> {
    const seed = (this.#seed + attempt * ANOTHER_SEED) >>> 0;
    return runCase(testCase, { ...this.#settings, ...settings, seed }, [], this.#interrupt.signal);
  }

  /** Whether a verdict is a failure that has to come again, see `TestCase.timed`. */
  #mustRepeat({ timed }: TestCase, { log }: FinishedCase): boolean {
    return timed === true && log.verdict === 'fail' && !this.#options.link.isVirtual;
  }

  /** Whether a verdict may come from lateness that the case did not allow for. */
  async #wasLate(finished: FinishedCase, { ownCmEchoed }: PeerFacts): Promise<boolean> {
    if (!isDoubtful(finished) || ownCmEchoed !== undefined || this.#interrupt.signal.aborted) return false;
    await this.#options.link.settled();
    return finished.log.cause?.code === SLOW_NETWORK || this.#options.link.worstSince(finished.began) > finished.slack;
  }

  #begin(testCase: TestCase): void {
    this.#playing.add(testCase.id);
    this.#progress();
  }

  #finish(testCase: TestCase, result: CaseResult): void {
    this.#results.set(testCase, result);
    this.#options.onResult?.(result);
  }

  /** Whether the network loses or doubles datagrams; asked once, when a verdict may rest on it. */
  #loses(): Promise<boolean> {
    if (!this.#options.services.has('echo')) return Promise.resolve(false);
    this.#lossProbe ??= runCase(LOSS_PROBE, this.#settings, this.#nodeIds.get('') ?? [], this.#interrupt.signal).then(
      ({ log }) => log.verdict === 'fail' || log.warnings.length > 0,
    );
    return this.#lossProbe;
  }

  #progress(): void {
    const { onProgress, cases } = this.#options;
    const done = this.#runnable - (cases.length - this.#results.size);
    onProgress?.({ done, total: this.#runnable, playing: [...this.#playing] });
  }

  #unplayed(testCase: TestCase, verdict: 'not-applicable' | 'not-run' | 'inconc', cause: ResultCause): CaseResult {
    const evidence = { file: null, link: this.#options.link.kind, frames: [] };
    return { ...identity(testCase), verdict, cause, warnings: [], evidence, durationMs: 0 };
  }

  #resultOf(testCase: TestCase, { log, began, ended }: FinishedCase): CaseResult {
    const noCause = { code: 'none', text: '' };
    return {
      ...identity(testCase),
      verdict: log.verdict,
      cause: log.cause === undefined ? noCause : toResult(log.cause),
      warnings: log.warnings.map(toResult),
      evidence: {
        file: this.#options.evidence === undefined ? null : evidencePath(this.#options.evidence, testCase.id),
        link: log.link.kind,
        frames: log.deciding.map((packet) => packet.frame),
      },
      durationMs: (ended - began) / 1000,
      ...(this.#options.keepExchanges === true ? { exchange: exchangeOf(log.packets, log.deciding, began) } : {}),
    };
  }

  /** What is known before the first case is played. */
  #head(facts: PeerFacts): Omit<RunHead, 'order'> {
    const { cases, catalogue, address, services, link, evidence } = this.#options;
    const cm = this.#peerCm;
    return {
      tool: 'mpip',
      version: VERSION,
      reportVersion: REPORT_VERSION,
      seed: this.#seed,
      profile: this.#profile.name,
      profileFound: this.detection?.text ?? null,
      link: link.kind,
      iut: {
        address: formatIpv4(address),
        udpPort: services.get('echo') ?? [...services.values()][0] ?? 0,
        tcpPort: this.#options.tcpPort ?? null,
        nodeId: cm === undefined ? null : formatNodeId(cm.nodeId, cm.layout === 'full' ? 6 : 2),
        layout: cm?.layout ?? null,
        services: Object.fromEntries(services),
      },
      preliminary: facts.summary ?? null,
      selection: { known: (catalogue ?? cases).length, chosen: cases.length },
      evidenceFolder: evidence ?? null,
    };
  }

  #report(facts: PeerFacts, durationMs: number, explanation: Explanation | undefined): RunResult {
    const results = this.#options.cases.map((testCase) => this.#results.get(testCase)!);
    const counts = noCounts();
    for (const result of results) counts[result.verdict]++;
    return {
      ...this.#head(facts),
      verdict: results.reduce<RunVerdict>((worst, result) => worse(worst, result.verdict), 'none'),
      counts,
      explanation: explanation ?? null,
      isInterrupted: this.#interrupt.signal.aborted,
      cases: results,
      requirements: requirementResults(results),
      durationMs,
    };
  }
}

function identity(testCase: TestCase): Pick<CaseResult, 'id' | 'area' | 'purpose' | 'requirements'> {
  const { id, area, purpose, requirements } = testCase;
  return { id, area, purpose, requirements };
}

/** Nodes that a case plays at most, as far as their ids are allotted beforehand. */
const NODES_PER_CASE = 8;

/** Node ids that each case may use, no id twice: kernels tell nodes apart by the id alone. '' is for the preliminary. */
function allotNodeIds(
  catalogue: readonly TestCase[],
  profile: Profile,
  seed: number,
): ReadonlyMap<string, readonly number[]> {
  const random = new Random(seed);
  const used = new Set<number>();
  const fresh = () => {
    for (;;) {
      const id = randomNodeId(random, profile);
      if (used.has(id)) continue;
      used.add(id);
      return id;
    }
  };
  const ids = ['', ...catalogue.map((testCase) => testCase.id).sort()];
  return new Map(ids.map((id) => [id, Array.from({ length: 2 * NODES_PER_CASE }, fresh)]));
}

/**
 * True when a case went wrong because the peer has one of the node ids that the tester drew, which happens with ids of 16
 * bits: a peer takes its own id for no other node. The case is then played again with other ids.
 */
function peerHasOneOf({ log }: FinishedCase, ids: readonly number[]): boolean {
  if (log.verdict === 'pass' || log.cause?.code === 'own-cm-echoed') return false;
  return log.packets.some(
    ({ direction, cm }) => direction === 'received' && cm !== undefined && ids.includes(cm.nodeId),
  );
}
