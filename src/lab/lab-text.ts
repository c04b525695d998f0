import type { Experiment } from './experiment.js';
import type { ExperimentResult, LabResults } from './results.js';

/** The experiments, for `mpip lab list`. */
export function listText(experiments: readonly Experiment[], scheduler: string, shape: 'text' | 'json'): string {
  const rows = experiments.map((experiment) => ({
    name: experiment.name,
    title: experiment.title,
    source: experiment.source,
    about: experiment.about,
    capacityMbps: experiment.capacityMbps,
    systems: experiment.contenders(scheduler).map(({ id, label }) => ({ id, label })),
    goal: experiment.goal?.text ?? null,
  }));
  if (shape === 'json') return `${JSON.stringify(rows, undefined, 2)}\n`;
  const width = Math.max(...rows.map(({ name }) => name.length));
  return rows
    .map(({ name, title, source, systems, goal }) => {
      const indent = ' '.repeat(width + 2);
      const goalLine = goal === null ? '' : `${indent}goal: ${goal}\n`;
      return `${name.padEnd(width)}  ${title} (${source})\n${indent}${systems.map(({ id }) => id).join(', ')}\n${goalLine}`;
    })
    .join('\n');
}

/** What a run found, for a terminal. */
export function labText(results: LabResults): string {
  const { machine, rounds, isComplete, experiments } = results;
  const head = `Linux ${machine.kernel}, ${machine.processor}, ${machine.cores} cores, load ${machine.load}; ${rounds} round${rounds === 1 ? '' : 's'}${isComplete ? '' : '; interrupted'}\n`;
  const check = results.check === null ? '' : `mpip check of the node on the server: ${results.check.verdict}\n`;
  return head + check + experiments.map(experimentText).join('');
}

function experimentText(result: ExperimentResult): string {
  const { title, source, unit, systems, ratios, paper, judgements } = result;
  const rows = Object.entries(systems).map(([id, { label, median, min, max, runs, errors }]) => [
    label,
    runs.length === 0 ? `failed: ${errors[0]}` : `${median.toFixed(1)} ${unit}`,
    runs.length === 0 ? '' : `${min.toFixed(1)} to ${max.toFixed(1)}`,
    ratios[id] === undefined ? '' : `${ratios[id].toFixed(2)} of MPTCP`,
    paper[id] === undefined ? '' : `paper ${paper[id]}`,
  ]);
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  const table = rows.map((row) => `  ${row.map((cell, i) => cell.padEnd(widths[i]!)).join('  ')}`.trimEnd());
  const said = judgements.map(({ text, verdict, numbers }) => `  ${verdict}: ${text} (${numbers || 'no figures'})`);
  return `\n${title} (${source})\n${[...table, ...said].join('\n')}\n`;
}
