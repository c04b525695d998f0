import { UsageError } from './exit.js';

/** Stands for a bare `-` while yargs reads the arguments, which would lose it. */
const STDIN = '\u0000stdin';

/** Arguments as yargs can read them: a bare `-` (standard input or output) survives as a placeholder. */
export function protectDash(args: readonly string[]): string[] {
  return args.map((arg) => (arg === '-' ? STDIN : arg));
}

/** Undoes `protectDash` for one value. */
export function restoreDash(value: string): string {
  return value.replaceAll(STDIN, '-');
}

/** yargs settings of an option that may be repeated and takes one value per occurrence; gives an array of strings. */
export function repeatable(describe: string, extra: { alias?: string } = {}) {
  return {
    describe,
    type: 'string' as const,
    requiresArg: true,
    default: [] as string[],
    defaultDescription: 'none',
    ...(extra.alias === undefined ? {} : { alias: extra.alias }),
    coerce: (value: unknown): string[] => asList(value).map(restoreDash),
  };
}

/** The values of an option that was given never, once or often. */
export function asList(value: unknown): string[] {
  if (value === undefined) return [];
  return (Array.isArray(value) ? value : [value]).map(String);
}

/** yargs settings of an option that takes one value; a second occurrence is an error. */
export function single(describe: string, extra: { alias?: string } = {}) {
  return {
    describe,
    type: 'string' as const,
    requiresArg: true,
    ...(extra.alias === undefined ? {} : { alias: extra.alias }),
    coerce: (value: unknown): string | undefined => {
      if (Array.isArray(value))
        throw new UsageError(`An option was given ${value.length} times (${value.join(', ')}); give it once.`);
      return value === undefined ? undefined : restoreDash(String(value));
    },
  };
}

/**
 * Reads a whole number.
 * @throws UsageError naming the option when the text is none or out of bounds.
 */
export function wholeNumber(option: string, text: string, min: number, max: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max))
    throw new UsageError(`${option} must be a whole number from ${min} to ${max}, not '${text}'.`);
  return value;
}

/** Reads one of a list of words, with a suggestion when it is close to one of them. */
export function oneOf<T extends string>(option: string, text: string, allowed: readonly T[]): T {
  if ((allowed as readonly string[]).includes(text)) return text as T;
  const near = nearest(text, allowed);
  throw new UsageError(
    `${option} cannot be '${text}'; choose ${allowed.join(', ')}${near ? ` (did you mean ${near}?)` : ''}.`,
  );
}

/** The candidate that differs from `text` in fewest letters, when at most two or a third of them differ, and not all. */
export function nearest(text: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.min(text.length - 1, Math.max(2, Math.floor(text.length / 3))) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(text.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Levenshtein distance. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      current[j] = Math.min(previous[j]! + 1, current[j - 1]! + 1, previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    previous = current;
  }
  return previous[b.length]!;
}
