// The measured part of docs/evaluation.md, from the run of the lab that is committed beside it.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { withGenerated } from '../lib/generated.mjs';
import { ROOT } from '../lib/run.mjs';
import { table } from './table.mjs';

const PAGE = 'docs/evaluation.md';
const RESULTS = 'docs/evaluation/results.json';

/** The page, where there is a run. */
export function evaluation() {
  if (!existsSync(join(ROOT, RESULTS))) return {};
  const results = JSON.parse(readFileSync(join(ROOT, RESULTS), 'utf8'));
  const page = readFileSync(join(ROOT, PAGE), 'utf8');
  return { [PAGE]: withGenerated(withGenerated(page, 'verdicts', verdicts(results)), 'figures', figures(results)) };
}

/** Goals and statements of the paper. */
function verdicts({ experiments }) {
  const rows = experiments.flatMap(({ title, judgements }) =>
    judgements.map(({ text, verdict, numbers }) => [`**${verdict}**`, title, text, numbers]),
  );
  return table(['', 'experiment', 'goal or statement', 'figures'], rows);
}

/** Every experiment with its contenders. */
function figures({ machine, rounds, began, commit, experiments }) {
  const facts = [
    `Measured ${began.slice(0, 10)}${commit === null ? '' : ` at ${commit}`}: Linux ${machine.kernel}`,
    `${machine.processor}, ${machine.cores} cores, load ${machine.load} at the beginning`,
    `Node ${machine.node}; ${rounds} rounds, medians, smallest and largest in brackets.`,
  ];
  return [facts.join(', '), ...experiments.map(experimentPart)].join('\n\n');
}

function experimentPart({ title, source, about, unit, capacityMbps, systems, ratios, paper, seconds, settle }) {
  const hasRatios = Object.keys(ratios).length > 0;
  const hasPaper = Object.keys(paper).length > 0;
  const isRate = unit === 'Mbit/s' && capacityMbps > 0;
  const head = [
    '',
    unit,
    ...(isRate ? ['of capacity'] : []),
    ...(hasRatios ? ['to MPTCP'] : []),
    ...(hasPaper ? ['paper'] : []),
    'shares of the paths, %',
  ];
  const rows = Object.entries(systems).map(([id, { label, median, min, max, runs, errors, figures: all }]) => {
    const shares = Object.entries(all).filter(([name]) => name.startsWith('share '));
    return [
      label,
      runs.length === 0 ? `failed: ${errors[0]}` : `${short(median)} [${short(min)}, ${short(max)}]`,
      ...(isRate ? [runs.length === 0 ? '' : (median / capacityMbps).toFixed(2)] : []),
      ...(hasRatios ? [ratios[id] === undefined ? '' : ratios[id].toFixed(2)] : []),
      ...(hasPaper ? [paper[id] ?? ''] : []),
      shares.map(([, value]) => Math.round(value)).join(' / '),
    ];
  });
  const capacity = capacityMbps > 0 ? ` Capacity ${capacityMbps} Mbit/s.` : '';
  return `### ${title}\n\n${source}. ${about}${capacity} ${seconds} s after ${settle} s.\n\n${table(head, rows)}${others(systems)}`;
}

/** The other figures. */
function others(systems) {
  const all = Object.values(systems);
  const names = [...new Set(all.flatMap((system) => Object.keys(system.figures)))].filter(
    (name) => !name.startsWith('share '),
  );
  if (names.length === 0) return '';
  const rows = names.map((name) => [
    name,
    ...all.map(({ figures: values }) => (values[name] === undefined ? '' : short(values[name]))),
  ]);
  return `\n\n${table(['median of', ...all.map(({ label }) => label)], rows)}`;
}

function short(number) {
  if (number === null) return '–';
  return Math.abs(number) >= 100 ? number.toFixed(0) : Math.abs(number) >= 10 ? number.toFixed(1) : number.toFixed(2);
}
