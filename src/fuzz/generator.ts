import { type Arbitrary, Random, type Value } from 'fast-check';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import type { Step } from './step.js';
import { type StepSettings, stepArbitrary } from './step-arbitrary.js';

/** A generated step with what fast-check needs to simplify it. */
export type GeneratedStep = Value<Step>;

/** Fewest and most steps of a fresh exchange. */
const SHORTEST = 6;
const LONGEST = 120;
/** Most steps of an exchange. */
const MOST = 240;
/** Exchanges kept because they showed something new. */
const POOL = 256;

/** Mixes the numbers of a run into one seed of 32 bits. */
export function mixSeed(...numbers: readonly number[]): number {
  let mixed = 0x9e3779b9;
  for (const number of numbers) {
    mixed = Math.imul(mixed ^ (number | 0), 0x85ebca6b);
    mixed ^= mixed >>> 13;
    mixed = Math.imul(mixed, 0xc2b2ae35);
    mixed ^= mixed >>> 16;
  }
  return mixed >>> 0;
}

/**
 * Makes exchanges: fresh ones, and variations of earlier ones that showed something new of the target. The same seed, and the
 * same answers to "was that new", give the same exchanges.
 */
export class Generator {
  readonly #step: Arbitrary<Step>;
  /** Exchanges that showed something new. */
  readonly #pool: GeneratedStep[][] = [];

  constructor(settings: StepSettings) {
    this.#step = stepArbitrary(settings);
  }

  /** The exchange of a run. */
  exchange(seed: number): GeneratedStep[] {
    const random = new Random(xoroshiro128plus(seed));
    if (this.#pool.length > 0 && random.nextInt(0, 2) > 0) return this.#variation(random);
    return this.#fresh(random, random.nextInt(SHORTEST, LONGEST));
  }

  /** A fresh exchange of so many steps: of many, so that it has something of everything. */
  long(seed: number, steps = MOST): GeneratedStep[] {
    return this.#fresh(new Random(xoroshiro128plus(seed)), steps);
  }

  /** Remembers an exchange that showed something new, to vary it later. */
  keep(steps: readonly GeneratedStep[]): void {
    if (this.#pool.length >= POOL) this.#pool.shift();
    this.#pool.push([...steps]);
  }

  /** Simpler steps that could stand for one, simplest first. */
  *simpler(step: GeneratedStep): IterableIterator<GeneratedStep> {
    yield* this.#step.shrink(step.value_, step.context);
  }

  #fresh(random: Random, length: number): GeneratedStep[] {
    return Array.from({ length }, () => this.#step.generate(random, undefined));
  }

  #variation(random: Random): GeneratedStep[] {
    const pool = this.#pool;
    // Later ones are more interesting: they needed more to be reached.
    const pick = () => pool[Math.max(random.nextInt(0, pool.length - 1), random.nextInt(0, pool.length - 1))]!;
    const steps = [...pick()];
    for (let change = random.nextInt(1, 3); change > 0; change--) {
      const at = random.nextInt(0, steps.length);
      switch (random.nextInt(0, 4)) {
        case 0:
          steps.splice(at, 0, ...this.#fresh(random, random.nextInt(1, 8)));
          break;
        case 1:
          steps.splice(at, random.nextInt(1, 4));
          break;
        case 2:
          if (at < steps.length) steps[at] = this.#step.generate(random, undefined);
          break;
        case 3: {
          const other = pick();
          steps.splice(at, steps.length, ...other.slice(random.nextInt(0, other.length)));
          break;
        }
        default: {
          // The same thing again and again: limits and leaks.
          const part = steps.slice(at, at + random.nextInt(1, 4));
          for (let times = random.nextInt(1, 8); times > 0; times--) steps.splice(at, 0, ...part);
        }
      }
    }
    if (steps.length === 0) return this.#fresh(random, SHORTEST);
    return steps.slice(0, MOST);
  }
}
