import type { Sample } from './nodes.js';

/** One measurement of one contender. */
export interface Run {
  /** The figure that is compared, in the experiment's unit. */
  readonly value: number;
  /** Other figures by name; the name ends with the unit. */
  readonly figures: Readonly<Record<string, number>>;
  /** What the client's paths did; empty without a node of ours. */
  readonly samples: readonly Sample[];
  /** Mbit/s that the receiver got, in intervals of `interval` seconds from the beginning of the transfer. */
  readonly received: readonly number[];
  readonly interval: number;
}

/** What a contender came to in all rounds. */
export interface ContenderResult {
  readonly label: string;
  /** Median of the runs' values in Mbit/s; absent where the experiment's unit is another. */
  readonly medianMbps?: number;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly runs: readonly number[];
  /** Medians of the other figures. */
  readonly figures: Readonly<Record<string, number>>;
  /** The run whose value is the median, for the plots. */
  readonly typical: Run | null;
  /** What went wrong in rounds that gave no figure. */
  readonly errors: readonly string[];
}

/** Whether a goal of the project, or a statement of the paper, holds. */
export interface Judgement {
  readonly text: string;
  readonly verdict: 'met' | 'missed' | 'reproduced' | 'not reproduced' | 'reversed' | 'not measured';
  /** The figures that it rests on. */
  readonly numbers: string;
}

/** One experiment. */
export interface ExperimentResult {
  readonly name: string;
  readonly title: string;
  /** Where in the paper, or why beyond it. */
  readonly source: string;
  readonly about: string;
  readonly unit: string;
  readonly capacityMbps: number;
  /** When its first measurement began, and how often each contender had its turn. */
  readonly began: string;
  readonly rounds: number;
  readonly seconds: number;
  readonly settle: number;
  readonly systems: Readonly<Record<string, ContenderResult>>;
  /** The better of the MPIP systems to the kernel's MPTCP, by medians; null where there is no MPTCP. */
  readonly ratioToMptcp: number | null;
  /** Each system to the kernel's MPTCP. */
  readonly ratios: Readonly<Record<string, number>>;
  /** What the paper reports, by system. */
  readonly paper: Readonly<Record<string, number>>;
  readonly goal: string | null;
  readonly verdict: Judgement['verdict'];
  readonly judgements: readonly Judgement[];
}

/** What `mpip check` said of somebody else's node before the experiments. */
export interface CheckResult {
  readonly verdict: string;
  readonly counts: Readonly<Record<string, number>>;
  /** The whole report, JSON. */
  readonly report: string;
}

/** The machine that it was measured on. */
export interface Machine {
  readonly kernel: string;
  readonly processor: string;
  readonly cores: number;
  readonly node: string;
  /** Load average of one minute when the run began. */
  readonly load: number;
  /** What makes delay, jitter and loss: the kernel's netem, or the lab's own stage. */
  readonly delays: 'netem' | 'own stage';
}

/** A run of the lab: `results.json`. */
export interface LabResults {
  readonly tool: 'mpip lab';
  readonly version: string;
  readonly commit: string | null;
  readonly began: string;
  readonly machine: Machine;
  readonly peerCommand: string | null;
  readonly check: CheckResult | null;
  readonly scheduler: string;
  readonly rounds: number;
  readonly isComplete: boolean;
  readonly experiments: readonly ExperimentResult[];
}

/** The middle of some numbers; NaN of none. */
export function median(numbers: readonly number[]): number {
  if (numbers.length === 0) return Number.NaN;
  const sorted = [...numbers].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

/** Puts the rounds of one contender together. */
export function summarise(
  label: string,
  unit: string,
  runs: readonly Run[],
  errors: readonly string[],
): ContenderResult {
  const values = runs.map(({ value }) => value);
  const middle = median(values);
  const nearest = [...runs].sort((a, b) => Math.abs(a.value - middle) - Math.abs(b.value - middle))[0] ?? null;
  const names = new Set(runs.flatMap(({ figures }) => Object.keys(figures)));
  const figures = [...names].map((name) => [
    name,
    rounded(median(runs.flatMap((run) => (run.figures[name] === undefined ? [] : [run.figures[name]])))),
  ]);
  return {
    label,
    ...(unit === 'Mbit/s' && runs.length > 0 ? { medianMbps: rounded(middle) } : {}),
    median: rounded(middle),
    min: rounded(Math.min(...values)),
    max: rounded(Math.max(...values)),
    runs: values.map(rounded),
    figures: Object.fromEntries(figures),
    typical: nearest,
    errors,
  };
}

/** A number with the digits that mean something. */
export function rounded(number: number): number {
  return Math.round(number * 1000) / 1000;
}
