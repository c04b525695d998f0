import { performance } from 'node:perf_hooks';
import { VERSION } from '../version.js';
import { type Outcome, type Play, Player } from './attempt.js';
import type { CorpusPacket } from './corpus.js';
import { Coverage } from './coverage.js';
import { corpusOf, type Finding, findingOf, writeFinding } from './finding.js';
import { type GeneratedStep, Generator, mixSeed } from './generator.js';
import { minimise } from './minimise.js';
import { mutatorNames } from './mutators.js';
import { groupOf, type Violation } from './oracle.js';
import { SOAK_REPEATS, SOAK_STEPS } from './soak.js';
import type { RunSummary } from './summary.js';
import { type Target, TargetError } from './target.js';

/** Every so many exchanges one is played again and again, to see what adds up. */
const SOAK_EVERY = 500;
/** The first of them. */
const FIRST_SOAK = 49;
/** Most exchanges of one minimisation. */
const MOST_TRIES = { virtual: 1500, socket: 250, raw: 250 } as const;
/** Longest minimisation of one finding, in milliseconds. */
const LONGEST_MINIMISATION = { virtual: 10_000, socket: 45_000, raw: 45_000 } as const;
/** Findings after which a campaign ends. */
const MOST_FINDINGS = 100;
/** Milliseconds between two looks at signals. */
const BREATH = 50;
/** How often a finding is played again for the count of `reproduced`. */
const CONFIRMATIONS = 5;

/** What a campaign does and with what. */
export interface CampaignOptions {
  readonly target: Target;
  readonly seed: number;
  /** Most exchanges; of a shard, of all shards together. */
  readonly runs: number;
  /** Longest time in milliseconds. */
  readonly time: number;
  /** This part of how many; 1 of 1 for all. */
  readonly shard: { readonly index: number; readonly of: number };
  readonly corpus: readonly CorpusPacket[];
  /** Earlier findings, played first. */
  readonly regressions: readonly Finding[];
  /** Where findings are written as they are found; undefined for nowhere. */
  readonly folder: string | undefined;
  /** Longest pause between packets, in microseconds of the target's time. */
  readonly longestPause: number;
  /** Ends when so many findings were made; default 100: something is broken all over. */
  readonly mostFindings?: number;
  /** False leaves findings as long as they were found; default true. */
  readonly minimises?: boolean;
  readonly signal?: AbortSignal;
  readonly onProgress?: (state: CampaignState) => void;
}

/** How far a campaign is. */
export interface CampaignState {
  readonly runs: number;
  readonly messages: number;
  readonly findings: number;
  /** Milliseconds. */
  readonly elapsed: number;
  /** What it does: `fuzzing`, or `minimising GROUP`. */
  readonly doing: string;
}

/** One finding with the folder it was written to. */
export interface FoundFinding {
  readonly finding: Finding;
  readonly folder: string | undefined;
  /** How often its group was seen. */
  count: number;
  /** Packets sent and milliseconds passed when it was first seen. */
  readonly firstSeen: { readonly messages: number; readonly elapsed: number };
}

/**
 * Fuzzes a target: exchange after exchange, each decided by the seed and its number; what an oracle finds is played again against a
 * peer without memory, made small, and written at once, so that an interruption loses nothing.
 */
export class Campaign {
  readonly findings = new Map<string, FoundFinding>();
  readonly coverage = new Coverage();
  runs = 0;
  messages = 0;
  readonly #options: CampaignOptions;
  readonly #player: Player;
  readonly #generator: Generator;
  readonly #start = performance.now();
  #breathed = performance.now();
  #doing = 'fuzzing';

  constructor(options: CampaignOptions) {
    const { target, corpus, longestPause } = options;
    this.#options = options;
    this.#player = new Player(target, corpus);
    this.#generator = new Generator({
      mutators: mutatorNames(target.kind, target.surroundings.forged.length > 0),
      sendsTcp: target.surroundings.tcpPort !== undefined,
      corpusSize: corpus.length,
      mayImpersonate: target.surroundings.isSeparate,
      longestPause,
    });
  }

  /** Runs until the runs, the time, or the signal end it. */
  async run(): Promise<RunSummary> {
    const { runs, shard, seed } = this.#options;
    for (const finding of this.#options.regressions) {
      if (this.isOver) break;
      await this.#replayed(finding);
    }
    for (let run = shard.index - 1; run < runs && !this.isOver; run += shard.of) {
      const steps = isSoak(run)
        ? this.#generator.long(mixSeed(seed, run), SOAK_STEPS[this.#options.target.kind])
        : this.#generator.exchange(mixSeed(seed, run));
      try {
        await this.#play(steps, run);
      } catch (error) {
        // A port that somebody else uses: the next exchange has others.
        if (!(error instanceof TargetError) || error.code !== 'port') throw error;
      }
      this.#progress();
      await this.#breathe();
    }
    return this.summary();
  }

  /** Lets signals and timers be noticed: a target in this process never waits. */
  async #breathe(): Promise<void> {
    const now = performance.now();
    if (now - this.#breathed < BREATH) return;
    await new Promise((resolve) => setImmediate(resolve));
    this.#breathed = performance.now();
  }

  /** True when the time is over or somebody asked to end. */
  get isOver(): boolean {
    const { signal, time, mostFindings = MOST_FINDINGS } = this.#options;
    return signal?.aborted === true || this.#elapsed >= time || this.findings.size >= mostFindings;
  }

  /** The result so far. */
  summary(): RunSummary {
    const { target, seed, shard } = this.#options;
    const found = [...this.findings.values()];
    return {
      tool: 'mpip',
      version: VERSION,
      seed,
      shard: `${shard.index}/${shard.of}`,
      target: target.name,
      runs: this.runs,
      messages: this.messages,
      seconds: Math.round(this.#elapsed) / 1000,
      verdict: found.length > 0 ? 'fail' : this.runs > 0 ? 'pass' : 'none',
      findings: found.map(({ finding, folder, count, firstSeen }) => ({
        id: finding.id,
        oracle: finding.oracle,
        severity: finding.severity,
        group: finding.group,
        title: finding.title,
        requirements: finding.requirements,
        folder: folder ?? null,
        count,
        packets: finding.packets,
        reproduced: finding.reproduced,
        firstSeen: { messages: firstSeen.messages, seconds: Math.round(firstSeen.elapsed) / 1000 },
      })),
      coverage: this.coverage.report(),
    };
  }

  get #elapsed(): number {
    return performance.now() - this.#start;
  }

  async #play(steps: readonly GeneratedStep[], run: number): Promise<void> {
    const { seed } = this.#options;
    const play: Play = {
      steps: steps.map(({ value_ }) => value_),
      seed: mixSeed(seed, run),
      repeat: isSoak(run) ? SOAK_REPEATS[this.#options.target.kind] : 1,
    };
    const outcome = await this.#player.play(play, this.coverage);
    this.runs++;
    this.messages += outcome.messages;
    if (this.coverage.isNew) this.#generator.keep(steps);
    await this.#take(play, steps, outcome, `run ${run}`);
    if (outcome.exchange.isOver) await this.#options.target.reset(play.seed);
  }

  async #replayed(finding: Finding): Promise<void> {
    const player = new Player(this.#options.target, corpusOf(finding));
    const outcome = await player.again(finding.play);
    this.messages += outcome.messages;
    await this.#take(finding.play, undefined, outcome, `regression ${finding.id}`);
  }

  async #take(play: Play, steps: readonly GeneratedStep[] | undefined, outcome: Outcome, path: string): Promise<void> {
    for (const violation of outcome.violations) {
      const group = groupOf(violation);
      const known = this.findings.get(group);
      if (known !== undefined) {
        known.count++;
        continue;
      }
      const firstSeen = { messages: this.messages, elapsed: this.#elapsed };
      this.#doing = `minimising ${group}`;
      this.#progress();
      const found = await this.#investigate(violation, play, steps, outcome, path);
      this.#doing = 'fuzzing';
      // What is measured has noise: it counts when it shows again.
      if (isMeasured(violation, this.#options.target.kind) && !isMostly(found.finding.reproduced)) continue;
      this.findings.set(group, { ...found, count: 1, firstSeen });
    }
  }

  /** Plays a violation again, makes it small, counts how often it shows, and writes it. */
  async #investigate(
    violation: Violation,
    play: Play,
    steps: readonly GeneratedStep[] | undefined,
    outcome: Outcome,
    path: string,
  ): Promise<Omit<FoundFinding, 'count' | 'firstSeen'>> {
    const { target, corpus, seed, signal, folder } = this.#options;
    const group = groupOf(violation);
    const begun = performance.now();
    const isOver = () => signal?.aborted === true || performance.now() - begun > LONGEST_MINIMISATION[target.kind];
    let last = outcome;
    const attempt = async (candidate: Play) => {
      await this.#breathe();
      last = await this.#player.again(candidate);
      return last.violations;
    };
    // What was not played any more, because the peer had ended, is no part of it.
    const played = outcome.exchange.step + 1;
    const small = await minimise(
      steps?.slice(0, played) ?? play.steps.slice(0, played),
      violation,
      (candidate) => attempt({ ...play, steps: candidate }),
      this.#generator,
      { tries: this.#options.minimises === false ? 0 : play.repeat > 1 ? 20 : MOST_TRIES[target.kind], isOver },
    );
    const shortest = { ...play, steps: small.steps };
    let shown = outcome;
    let seen = violation;
    let n = 0;
    let of = 0;
    while (of < CONFIRMATIONS && (of === 0 || !isOver())) {
      of++;
      const again = (await attempt(shortest)).find((each) => groupOf(each) === group);
      if (again === undefined) continue;
      n++;
      shown = last;
      seen = again;
      // What takes many exchanges to show is believed when most of the tries must have shown it.
      if (play.repeat > 1 && 2 * n > CONFIRMATIONS) break;
    }
    // What cannot be shown again is kept as it was seen.
    const finding = findingOf({
      violation: seen,
      play: n > 0 ? shortest : play,
      seed,
      path,
      reproduced: { n, of },
      minimised: {
        steps: n > 0 ? shortest.steps.length : play.steps.length,
        from: play.steps.length,
        tries: small.tries,
      },
      target,
      outcome: shown,
      corpus,
    });
    const isNoise = isMeasured(violation, target.kind) && !isMostly({ n, of });
    const written = folder === undefined || isNoise ? undefined : writeFinding(folder, finding, shown, target);
    if (target.death !== undefined) await target.reset(play.seed);
    return { finding, folder: written };
  }

  #progress(): void {
    this.#options.onProgress?.({
      runs: this.runs,
      messages: this.messages,
      findings: this.findings.size,
      elapsed: this.#elapsed,
      doing: this.#doing,
    });
  }
}

/** True for the runs that play one exchange again and again. */
function isSoak(run: number): boolean {
  return run % SOAK_EVERY === FIRST_SOAK;
}

/** True when more tries than not showed it. */
function isMostly({ n, of }: Finding['reproduced']): boolean {
  return 2 * n > of;
}

/** Violations of quantities, which vary by themselves. In virtual time no delay does. */
function isMeasured({ oracle, code }: Violation, kind: Target['kind']): boolean {
  return oracle === 'memory-growth' || oracle === 'latency' || (code === 'feedback-delay' && kind !== 'virtual');
}
