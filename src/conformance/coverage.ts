import type { Level } from './requirements.js';
import type { RequirementResult, RequirementStatus } from './result.js';

/** What a run can do with a requirement, in the order of reports. */
export const COVERAGE_CLASSES = ['tested', 'not tested', 'untestable', 'not applicable', 'not run'] as const;

/**
 * `tested`: a case told whether it is kept. `not tested`: cases were played, and none could tell. `untestable`: nothing
 * outside the peer can see it, or only an experiment. `not applicable`: the peer does not have what it is about. `not
 * run`: no case for it was played.
 */
export type CoverageClass = (typeof COVERAGE_CLASSES)[number];

const CLASS_OF: Readonly<Record<RequirementStatus, CoverageClass>> = {
  pass: 'tested',
  fail: 'tested',
  warn: 'tested',
  inconc: 'not tested',
  untestable: 'untestable',
  'not-applicable': 'not applicable',
  'not-run': 'not run',
};

/** Numbers of requirements. */
export interface Coverage {
  readonly total: Readonly<Record<CoverageClass, number>>;
  /** The same by level, only of levels that occur, the strictest first. */
  readonly levels: ReadonlyMap<Level, Readonly<Record<CoverageClass, number>>>;
}

const LEVELS: readonly Level[] = ['MUST', 'MUST NOT', 'SHOULD', 'MAY'];

/** How many requirements are in each class. */
export function coverageOf(requirements: readonly Pick<RequirementResult, 'level' | 'status'>[]): Coverage {
  const levels = new Map<Level, Readonly<Record<CoverageClass, number>>>();
  for (const level of LEVELS) {
    const ofLevel = requirements.filter((requirement) => requirement.level === level);
    if (ofLevel.length > 0) levels.set(level, countClasses(ofLevel));
  }
  return { total: countClasses(requirements), levels };
}

function countClasses(requirements: readonly Pick<RequirementResult, 'status'>[]): Record<CoverageClass, number> {
  const counts = { tested: 0, 'not tested': 0, untestable: 0, 'not applicable': 0, 'not run': 0 };
  for (const { status } of requirements) counts[CLASS_OF[status]]++;
  return counts;
}
