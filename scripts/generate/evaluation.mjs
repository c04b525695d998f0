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

/** Goals of the project and statements of the paper, a table each. */
function verdicts({ experiments }) {
  const all = experiments.flatMap((experiment) => experiment.judgements.map((said) => ({ experiment, said })));
  const isGoal = ({ experiment, said }) => said.text === experiment.goal;
  const goals = all
    .filter(isGoal)
    .map(({ experiment: { title, ratios }, said: { text, verdict, numbers } }) => [
      `**${verdict}**`,
      title,
      text,
      numbers,
      /MPTCP/.test(text) && ratios.mpip !== undefined ? ratios.mpip.toFixed(3) : '',
    ]);
  const statements = all
    .filter((one) => !isGoal(one))
    .map(({ experiment: { title, source }, said: { text, verdict, numbers } }) => [
      `**${verdict}**`,
      `${title} (${source})`,
      text,
      numbers,
    ]);
  return [
    "Goals of the project, each met by the better of the paper's path selection and `earliest`:",
    table(['', 'experiment', 'goal', 'the better one', "the paper's to MPTCP"], goals),
    'Statements of the paper, with its own path selection:',
    table(['', 'experiment', 'statement', 'figures'], statements),
  ].join('\n\n');
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
    'share of each path, %',
  ];
  const rows = Object.entries(systems).map(([id, { label, median, min, max, runs, errors, figures: all }]) => {
    return [
      label,
      runs.length === 0 ? `failed: ${errors[0]}` : `${short(median)} [${short(min)}, ${short(max)}]`,
      ...(isRate ? [runs.length === 0 ? '' : (median / capacityMbps).toFixed(2)] : []),
      ...(hasRatios ? [ratios[id] === undefined ? '' : ratios[id].toFixed(2)] : []),
      ...(hasPaper ? [paper[id] ?? ''] : []),
      sharesOf(all),
    ];
  });
  const capacity = capacityMbps > 0 ? ` Capacity ${capacityMbps} Mbit/s.` : '';
  return `### ${title}\n\n${source}. ${about}${capacity} ${seconds} s after ${settle} s.\n\n${table(head, rows)}${others(systems)}`;
}

/** By the addresses of the paths: those of a1 before those of a2, b1 before b2. */
function sharesOf(figures) {
  const shares = Object.entries(figures).filter(([name]) => name.startsWith('share '));
  return shares
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([, value]) => Math.round(value))
    .join(' / ');
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
