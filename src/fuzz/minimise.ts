import type { GeneratedStep, Generator } from './generator.js';
import { groupOf, type Violation } from './oracle.js';
import type { Step } from './step.js';

/** Steps in one of two forms: as generated, so that fast-check can simplify each, or as read from a file. */
export type AnyStep = GeneratedStep | Step;

/** The step itself. */
export function plainStep(step: AnyStep): Step {
  return 'value_' in step ? step.value_ : step;
}

/** Plays steps against a peer without memory and says what the oracles found. */
export type Attempt = (steps: readonly Step[]) => Promise<readonly Violation[]>;

/** Bounds of a minimisation. */
export interface MinimiseOptions {
  /** Most exchanges played. */
  readonly tries: number;
  /** True when it is to end: no time left, or interrupted. */
  isOver(): boolean;
}

/** What a minimisation came to. */
export interface Minimised {
  readonly steps: readonly Step[];
  /** The violation as the last exchange that showed it did. */
  readonly violation: Violation;
  readonly tries: number;
}

/**
 * Makes an exchange that shows a violation smaller while it still shows it: fewer steps first, then simpler ones. Every try is an
 * exchange against a peer without memory, over the same wire.
 */
export async function minimise(
  found: readonly AnyStep[],
  violation: Violation,
  attempt: Attempt,
  generator: Generator | undefined,
  options: MinimiseOptions,
): Promise<Minimised> {
  const search = new Search(violation, attempt, options);
  let steps = await search.fewer(await search.end([...found]));
  for (let round = 0; round < 3 && !search.isOver; round++) {
    const before = search.kept;
    steps = await search.simpler(steps, generator);
    if (search.kept === before) break;
    steps = await search.fewer(steps);
  }
  return { steps: steps.map(plainStep), violation: search.violation, tries: search.tries };
}

/** Most steps of an end that is tried alone. */
const LONGEST_END = 32;

class Search {
  tries = 0;
  /** Changes that were kept. */
  kept = 0;

  constructor(
    public violation: Violation,
    private readonly attempt: Attempt,
    private readonly options: MinimiseOptions,
  ) {}

  get isOver(): boolean {
    return this.tries >= this.options.tries || this.options.isOver();
  }

  /** The last steps alone, where they show it: a peer that ends does so soon after the cause, and a new one takes its time. */
  async end(steps: AnyStep[]): Promise<AnyStep[]> {
    for (let size = 1; size < steps.length && size <= LONGEST_END && !this.isOver; size *= 2) {
      const last = steps.slice(-size);
      if (await this.#holds(last)) return last;
    }
    return steps;
  }

  /** Leaves out runs of steps, large ones first. */
  async fewer(steps: AnyStep[]): Promise<AnyStep[]> {
    let current = steps;
    for (let size = Math.max(1, current.length >> 1); ; size >>= 1) {
      // From the end: what follows the cause goes first.
      for (let at = current.length - size; at > -size && !this.isOver; at -= size) {
        const from = Math.max(0, at);
        const shorter = [...current.slice(0, from), ...current.slice(at + size)];
        if (shorter.length < current.length && (await this.#holds(shorter))) current = shorter;
      }
      if (size <= 1 || this.isOver) return current;
    }
  }

  /** Simplifies steps one by one: mutations away, then whatever fast-check holds for simpler. */
  async simpler(steps: AnyStep[], generator: Generator | undefined): Promise<AnyStep[]> {
    const current = [...steps];
    for (let i = 0; i < current.length && !this.isOver; i++) {
      let goesOn = true;
      while (goesOn && !this.isOver) {
        goesOn = false;
        for (const candidate of candidates(current[i]!, generator)) {
          if (this.isOver) break;
          if (!(await this.#holds([...current.slice(0, i), candidate, ...current.slice(i + 1)]))) continue;
          current[i] = candidate;
          goesOn = true;
          break;
        }
      }
    }
    return current;
  }

  async #holds(steps: readonly AnyStep[]): Promise<boolean> {
    this.tries++;
    const group = groupOf(this.violation);
    const violation = (await this.attempt(steps.map(plainStep))).find((each) => groupOf(each) === group);
    if (violation === undefined) return false;
    this.violation = violation;
    this.kept++;
    return true;
  }
}

/** Most simpler forms of one step that are looked at before the next step's turn. */
const MOST_CANDIDATES = 60;

function* candidates(step: AnyStep, generator: Generator | undefined): IterableIterator<AnyStep> {
  if ('value_' in step && generator !== undefined) {
    let count = 0;
    for (const simpler of generator.simpler(step)) {
      if (++count > MOST_CANDIDATES) return;
      yield simpler;
    }
    return;
  }
  yield* simplerPlain(plainStep(step));
}

/** Simpler forms of a step that was read from a file. */
function* simplerPlain(step: Step): IterableIterator<Step> {
  if (step.kind === 'pause' && step.micros > 1000) yield { ...step, micros: Math.floor(step.micros / 4) };
  if ((step.kind === 'send' || step.kind === 'corpus') && step.mutations.length > 0) {
    for (let i = 0; i < step.mutations.length; i++)
      yield { ...step, mutations: step.mutations.filter((_, index) => index !== i) };
  }
  if ((step.kind === 'send' || step.kind === 'bystander') && step.size > 1) yield { ...step, size: 1 };
}
