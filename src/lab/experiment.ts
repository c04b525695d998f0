import type { Conditions } from './conditions.js';
import type { NodeOptions, Nodes } from './nodes.js';
import type { ContenderResult, Judgement, Run } from './results.js';
import type { Testbed } from './testbed.js';

/** What is compared: which stack carries the traffic. */
export interface Contender {
  readonly id: string;
  readonly label: string;
  /** MPIP nodes on both hosts. */
  readonly node?: NodeOptions;
  /** The applications ask for the kernel's MPTCP. */
  readonly mptcp?: boolean;
  /** The client's TCP takes three overtaken segments for a loss, as that of the paper's time did. */
  readonly strictTcp?: boolean;
}

/** What a measurement has to work with. */
export interface Bench {
  readonly testbed: Testbed;
  readonly contender: Contender;
  /** The nodes, running; undefined where the contender has none. */
  readonly nodes: Nodes | undefined;
  /** Seconds to measure, and before that seconds that do not count. */
  readonly seconds: number;
  readonly settle: number;
  /** How this program is started. */
  readonly words: readonly string[];
}

/** Medians by contender; undefined where it was not measured. */
export type Medians = (id: string) => number | undefined;

/** One experiment: the network, who takes turns, what is measured and what it is held against. */
export interface Experiment {
  /** Stable words. */
  readonly name: string;
  readonly title: string;
  /** Where in the paper; 'beyond the paper' otherwise. */
  readonly source: string;
  /** What is done, in a sentence or two. */
  readonly about: string;
  readonly capacityMbps: number;
  readonly unit: string;
  readonly conditions: Conditions;
  readonly contenders: (scheduler: string) => readonly Contender[];
  readonly seconds: number;
  readonly settle: number;
  measure(bench: Bench): Promise<Run>;
  /** Figures of the paper by contender. */
  readonly paper?: Readonly<Record<string, number>>;
  /** The project's goal, in words, and whether it is met. */
  readonly goal?: { readonly text: string; judge(systems: Systems): Judgement };
  /** Statements of the paper. */
  readonly claims?: readonly Claim[];
}

/** What the figures say of a statement of the paper. */
export type Claim = (systems: Systems) => Judgement;

/** Results by contender. */
export type Systems = Readonly<Record<string, ContenderResult>>;

/** The best of several contenders by median. */
export function best(systems: Systems, ids: readonly string[], sense: 1 | -1 = 1): [string, number] | undefined {
  const measured = ids.flatMap((id): [string, number][] => {
    const value = systems[id]?.median;
    return value === undefined || Number.isNaN(value) ? [] : [[id, value]];
  });
  return measured.sort(([, a], [, b]) => sense * (b - a))[0];
}

/** A goal of the form: the best of these systems to that one, at least (or at most) so much. */
export function ratioGoal(
  text: string,
  ids: readonly string[],
  to: string | number,
  bound: { readonly atLeast: number } | { readonly atMost: number },
): NonNullable<Experiment['goal']> {
  return {
    text,
    judge(systems) {
      const isLeast = 'atLeast' in bound;
      const first = best(systems, ids, isLeast ? 1 : -1);
      const base = typeof to === 'number' ? to : systems[to]?.median;
      if (first === undefined || base === undefined || Number.isNaN(base))
        return { text, verdict: 'not measured', numbers: '' };
      const ratio = first[1] / base;
      const isMet = isLeast ? ratio >= bound.atLeast : ratio <= bound.atMost;
      const measured = `${systems[first[0]]!.label} ${first[1].toFixed(1)}`;
      const numbers = base === 1 ? measured : `${measured} to ${base.toFixed(1)}: ${ratio.toFixed(3)}`;
      return { text, verdict: isMet ? 'met' : 'missed', numbers };
    },
  };
}

/**
 * A statement of the paper that one system is better than another. Within `margin` of each other it is not reproduced;
 * the other way round it is reversed.
 */
export function orderClaim(text: string, better: string, worse: string, margin = 0.03, sense: 1 | -1 = 1): Claim {
  return (systems) => {
    const [high, low] = [systems[better]?.median, systems[worse]?.median];
    if (high === undefined || low === undefined || Number.isNaN(high) || Number.isNaN(low))
      return { text, verdict: 'not measured', numbers: '' };
    const ratio = sense === 1 ? high / low : low / high;
    const numbers = `${systems[better]!.label} ${high.toFixed(1)}, ${systems[worse]!.label} ${low.toFixed(1)}`;
    if (ratio > 1 + margin) return { text, verdict: 'reproduced', numbers };
    return { text, verdict: ratio < 1 / (1 + margin) ? 'reversed' : 'not reproduced', numbers };
  };
}

/** A statement of the paper that two systems are about equal. */
export function equalClaim(text: string, one: string, other: string, margin = 0.1): Claim {
  return (systems) => {
    const [a, b] = [systems[one]?.median, systems[other]?.median];
    if (a === undefined || b === undefined || Number.isNaN(a) || Number.isNaN(b))
      return { text, verdict: 'not measured', numbers: '' };
    const numbers = `${systems[one]!.label} ${a.toFixed(1)}, ${systems[other]!.label} ${b.toFixed(1)}`;
    return { text, verdict: Math.abs(a / b - 1) <= margin ? 'reproduced' : 'not reproduced', numbers };
  };
}

/**
 * A statement of the paper on how a contender's octets are spread over its paths: the paths of `counted`, of all by
 * falling share, carry at least, or at most, so many per cent.
 */
export function shareClaim(
  text: string,
  id: string,
  counted: (path: string, rank: number) => boolean,
  bound: { readonly atLeast: number } | { readonly atMost: number },
): Claim {
  return (systems) => {
    const shares = Object.entries(systems[id]?.figures ?? {}).filter(([name]) => name.startsWith('share '));
    if (shares.length === 0) return { text, verdict: 'not measured', numbers: '' };
    const sorted = shares.sort(([, a], [, b]) => b - a);
    const sum = sorted.reduce((total, [name, share], rank) => total + (counted(name, rank) ? share : 0), 0);
    const holds = 'atLeast' in bound ? sum >= bound.atLeast : sum <= bound.atMost;
    const numbers = `${systems[id]!.label}: ${sum.toFixed(0)} %`;
    return { text, verdict: holds ? 'reproduced' : 'not reproduced', numbers };
  };
}
