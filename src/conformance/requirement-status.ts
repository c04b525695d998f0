import { REQUIREMENTS, type Requirement } from './requirements.js';
import type { CaseResult, RequirementResult, RequirementStatus } from './result.js';

/** From best to worst; a requirement has the worst that its cases say. */
const ORDER: readonly RequirementStatus[] = ['not-run', 'not-applicable', 'pass', 'warn', 'inconc', 'fail'];

/**
 * What a run says of every requirement. `fail`: a case found it broken. `warn`: it is only recommended, and broken.
 * `inconc`: a case that covers it could not tell. `not-run`: cases exist or could exist, and none was played.
 * `untestable`: nothing outside the peer can see it, or only the experiments of the laboratory.
 */
export function requirementResults(cases: readonly CaseResult[]): RequirementResult[] {
  const covering = new Map<string, CaseResult[]>();
  for (const result of cases) {
    for (const id of result.requirements) {
      const list = covering.get(id);
      if (list === undefined) covering.set(id, [result]);
      else list.push(result);
    }
  }
  return REQUIREMENTS.map((requirement) => {
    const results = covering.get(requirement.id) ?? [];
    return {
      id: requirement.id,
      level: requirement.level,
      section: requirement.section,
      status: statusOf(requirement, results),
      observable: requirement.observable,
      text: requirement.text,
      cases: results.map((result) => result.id),
    };
  });
}

function statusOf(requirement: Requirement, results: readonly CaseResult[]): RequirementStatus {
  if (results.length === 0) {
    return requirement.observable === 'no' || requirement.observable === 'lab' ? 'untestable' : 'not-run';
  }
  return results
    .map((result) => saysOf(requirement, result))
    .reduce((worst, status) => (ORDER.indexOf(status) > ORDER.indexOf(worst) ? status : worst), 'not-run');
}

/** What one case says of a requirement that it covers. */
function saysOf({ id, level }: Requirement, result: CaseResult): RequirementStatus {
  const isAbout = (named: string | undefined) => named === undefined || named === id;
  const recommended = level === 'SHOULD' || level === 'MAY';
  switch (result.verdict) {
    case 'fail':
      if (!isAbout(result.cause.requirement)) return 'inconc';
      return recommended ? 'warn' : 'fail';
    case 'pass':
      return result.warnings.some((warning) => isAbout(warning.requirement)) && recommended ? 'warn' : 'pass';
    case 'not-applicable':
    case 'not-run':
      return result.verdict;
    default:
      return 'inconc';
  }
}
