import { AREAS, type TestCase } from './case.js';
import { REQUIREMENTS } from './requirements.js';

/** Which cases of the catalogue to play. Lists that are empty choose everything. */
export interface Selection {
  /** Globs of ids: `*` any letters, `?` one. */
  readonly cases?: readonly string[];
  /** Globs of ids to leave out. */
  readonly skip?: readonly string[];
  readonly areas?: readonly string[];
  readonly requirements?: readonly string[];
}

/** A filter that cannot be right: unknown, or matches nothing. `message` is one sentence; `candidates` what exists. */
export class SelectionError extends Error {
  override readonly name = 'SelectionError';
  readonly code = 'selection';

  constructor(
    message: string,
    /** What was typed. */
    readonly typed: string,
    /** What could have been meant. */
    readonly candidates: readonly string[],
  ) {
    super(message);
  }
}

/**
 * Chooses cases, in the order of the catalogue. All kinds of filters must agree; within a kind one match is enough.
 * @returns an empty list when filters that are right each leave nothing together.
 * @throws SelectionError when a filter is unknown or matches nothing.
 */
export function select<Case extends Pick<TestCase, 'id' | 'area' | 'requirements'>>(
  catalogue: readonly Case[],
  selection: Selection,
): Case[] {
  const { cases = [], skip = [], areas = [], requirements = [] } = selection;
  const ids = catalogue.map((testCase) => testCase.id);
  for (const [option, globs] of [
    ['--case', cases],
    ['--skip', skip],
  ] as const) {
    for (const glob of globs) {
      const pattern = globPattern(glob);
      if (!ids.some((id) => pattern.test(id))) {
        throw new SelectionError(`No case matches ${option} '${glob}'`, glob.replaceAll(/[*?]/g, ''), ids);
      }
    }
  }
  for (const area of areas) {
    if (!(AREAS as readonly string[]).includes(area)) {
      throw new SelectionError(`There is no area '${area}'; known are ${AREAS.join(', ')}`, area, AREAS);
    }
    if (!catalogue.some((testCase) => testCase.area === area)) {
      throw new SelectionError(`No case is in the area '${area}'`, area, [...new Set(catalogue.map((c) => c.area))]);
    }
  }
  const known = REQUIREMENTS.map((requirement) => requirement.id);
  for (const id of requirements) {
    if (!known.includes(id)) throw new SelectionError(`There is no requirement '${id}'`, id, known);
    if (!catalogue.some((testCase) => testCase.requirements.includes(id))) {
      const covered = known.filter((other) => catalogue.some((testCase) => testCase.requirements.includes(other)));
      throw new SelectionError(`No case covers the requirement '${id}'`, id, covered);
    }
  }
  const wanted = cases.map(globPattern);
  const unwanted = skip.map(globPattern);
  return catalogue.filter(
    (testCase) =>
      (wanted.length === 0 || wanted.some((pattern) => pattern.test(testCase.id))) &&
      !unwanted.some((pattern) => pattern.test(testCase.id)) &&
      (areas.length === 0 || areas.includes(testCase.area)) &&
      (requirements.length === 0 || requirements.some((id) => testCase.requirements.includes(id))),
  );
}

/** A glob as a pattern for whole ids, in which upper and lower case count as one. */
export function globPattern(glob: string): RegExp {
  const source = glob
    .replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 'i');
}
