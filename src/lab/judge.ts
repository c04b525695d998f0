import type { Experiment, Systems } from './experiment.js';
import type { ExperimentResult, LabResults } from './results.js';

/** What an experiment's figures mean for its goal and for the statements of the paper. */
export function judge(
  { goal, claims = [] }: Pick<Experiment, 'goal' | 'claims'>,
  systems: Systems,
): Pick<ExperimentResult, 'goal' | 'verdict' | 'judgements'> {
  const judged = goal?.judge(systems);
  return {
    goal: goal?.text ?? null,
    verdict: judged?.verdict ?? 'not measured',
    judgements: [...(judged === undefined ? [] : [judged]), ...claims.map((claim) => claim(systems))],
  };
}

/** A run that was read from its file, judged by the goals and statements of today. */
export function judgedAnew(results: LabResults, experiments: readonly Experiment[]): LabResults {
  const known = new Map(experiments.map((experiment) => [experiment.name, experiment]));
  const anew = (result: ExperimentResult): ExperimentResult => {
    const experiment = known.get(result.name);
    return experiment === undefined ? result : { ...result, ...judge(experiment, withNaN(result.systems)) };
  };
  return { ...results, experiments: results.experiments.map(anew) };
}

/** JSON has null where there was no number. */
function withNaN(systems: Systems): Systems {
  const entries = Object.entries(systems).map(([id, system]) => [
    id,
    { ...system, median: system.median ?? Number.NaN },
  ]);
  return Object.fromEntries(entries);
}
