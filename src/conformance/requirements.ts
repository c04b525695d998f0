import { REQUIREMENT_TABLE } from './requirement-table.js';

/** How binding a requirement is; a judgement where the paper uses no such word. */
export type Level = 'MUST' | 'MUST NOT' | 'SHOULD' | 'MAY';

/**
 * What an external tester can see of a requirement: `yes`, `partly`, `no` (untestable from outside), or `lab` (measured
 * by the experiments of the paper, not by a case).
 */
export type Observability = 'yes' | 'partly' | 'no' | 'lab';

/** A requirement: one testable statement of the MPIP paper. */
export interface Requirement {
  /** Stable: `MPIP-AV-14`. */
  readonly id: string;
  /** The part between the hyphens: `AV`. */
  readonly area: string;
  /** Sections of the paper. */
  readonly section: string;
  readonly level: Level;
  readonly observable: Observability;
  /** True where the paper leaves it open and this project decided. */
  readonly isJudgement: boolean;
  /** One sentence. */
  readonly text: string;
}

const OBSERVABILITY: Readonly<Record<string, Observability>> = { Y: 'yes', P: 'partly', N: 'no', lab: 'lab' };

function parse(line: string): Requirement {
  const [id, section, level, observable, source, text] = line.split(' | ');
  return {
    id: id!,
    area: id!.split('-')[1]!,
    section: section!,
    level: level as Level,
    observable: OBSERVABILITY[observable!]!,
    isJudgement: source === 'judgement',
    text: text!,
  };
}

/** Every requirement, in the order of the areas. */
export const REQUIREMENTS: readonly Requirement[] = REQUIREMENT_TABLE.trim().split('\n').map(parse);

const byId = new Map(REQUIREMENTS.map((requirement) => [requirement.id, requirement]));

/** The requirement with an id, or undefined. */
export function requirement(id: string): Requirement | undefined {
  return byId.get(id);
}

/** True when breaking it is a fault: MUST and MUST NOT. An unknown id is binding. */
export function isBinding(id: string): boolean {
  const level = byId.get(id)?.level;
  return level !== 'SHOULD' && level !== 'MAY';
}
