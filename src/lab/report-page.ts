import { escapeHtml } from '../html/escape.js';
import { PAGE_STYLE } from '../html/page-style.js';
import { type Plot, plotPlace, plotScript, plotStyle } from '../html/plots.js';
import { bars } from './report-bars.js';
import type { ContenderResult, ExperimentResult, Judgement, LabResults, Run } from './results.js';

const STYLE = `
.verdict { display: inline-block; min-width: 8.2rem; font-weight: 600; }
.met, .reproduced { color: var(--pass); } .missed { color: var(--fail); } .reversed { color: var(--unsure); }
.not-reproduced, .not-measured { color: var(--none); }
.bars text { fill: var(--ink); font: 12px system-ui, sans-serif; } .bars .soft { fill: var(--soft); } .bars .axis { stroke: var(--line); }
.bars .whisker { stroke: var(--ink); stroke-width: 1.5; } .bars .paper { fill: none; stroke: var(--ink); stroke-width: 1.5; }
.bars { max-width: 100%; height: auto; } ul.judgements { list-style: none; padding: 0; } ul.judgements li { margin: .15rem 0; }
section { border-top: 1px solid var(--line); margin-top: 2rem; } nav { columns: 3 16rem; } nav a { display: block; }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(26rem, 1fr)); gap: 0 2rem; }
details > summary { cursor: pointer; color: var(--cm); }
`;

/** A run as one page that needs nothing else: figures beside the paper's, what holds of its statements, paths over time. */
export function labPage(results: LabResults): string {
  const { machine, experiments, rounds, isComplete, began, version, commit, peerCommand } = results;
  const facts = [
    began.slice(0, 16).replace('T', ' '),
    `mpip ${version}${commit === null ? '' : ` at ${commit}`}`,
    `Linux ${machine.kernel}`,
    `${machine.processor}, ${machine.cores} cores, load ${machine.load} at the beginning`,
    `Node ${machine.node}`,
    rounds === 1 ? 'one round' : `${rounds} rounds, medians`,
    ...(peerCommand === null ? [] : [`nodes: ${peerCommand}`]),
  ];
  return [
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>mpip lab</title><style>${PAGE_STYLE}${plotStyle()}${STYLE}</style></head><body>`,
    "<h1>The paper's measurements, repeated</h1>",
    `<p class="facts">${facts.map(escapeHtml).join(' · ')}</p>`,
    results.check === null
      ? ''
      : `<p class="note">mpip check of the node before the experiments: ${escapeHtml(results.check.verdict)} (${Object.entries(
          results.check.counts,
        )
          .filter(([, count]) => count > 0)
          .map(([name, count]) => `${count} ${escapeHtml(name)}`)
          .join(', ')}); report in ${escapeHtml(results.check.report)}.</p>`,
    isComplete ? '' : '<p class="note">The run was interrupted: what is missing was not measured.</p>',
    '<p>Every contender takes its turn in every round, with real TCP stacks, in network namespaces of one machine. Bars are medians, the lines on them the smallest and the largest run, empty diamonds what the paper reports.</p>',
    summary(experiments),
    `<nav>${experiments.map(({ name, title }) => `<a href="#${name}">${escapeHtml(title)}</a>`).join('')}</nav>`,
    ...experiments.map(section),
    `<script>${plotScript()}</script></body></html>`,
    '',
  ]
    .filter((part, i, all) => part !== '' || i === all.length - 1)
    .join('\n');
}

/** Goals and statements of the paper, with what was found. */
function summary(experiments: readonly ExperimentResult[]): string {
  const rows = experiments.flatMap(({ name, title, judgements }) =>
    judgements.map(
      ({ text, verdict, numbers }) =>
        `<tr><td><span class="verdict ${wordOf(verdict)}">${verdict}</span></td><td><a href="#${name}">${escapeHtml(title)}</a></td><td>${escapeHtml(text)}</td><td>${escapeHtml(numbers)}</td></tr>`,
    ),
  );
  return `<h2>What holds</h2><table><thead><tr><th></th><th>experiment</th><th>goal or statement</th><th>figures</th></tr></thead><tbody>${rows.join('\n')}</tbody></table>`;
}

function wordOf(verdict: Judgement['verdict']): string {
  return verdict.replace(' ', '-');
}

function section(result: ExperimentResult): string {
  const { name, title, source, about, unit, capacityMbps, judgements, systems, seconds, settle } = result;
  const capacity = capacityMbps > 0 ? ` Capacity ${capacityMbps} Mbit/s.` : '';
  const said = judgements.map(
    ({ text, verdict, numbers }) =>
      `<li><span class="verdict ${wordOf(verdict)}">${verdict}</span> ${escapeHtml(text)}${numbers === '' ? '' : ` (${escapeHtml(numbers)})`}</li>`,
  );
  return [
    `<section id="${name}"><h2>${escapeHtml(title)}</h2><p class="facts">${escapeHtml(source)} · ${escapeHtml(name)}</p>`,
    `<p>${escapeHtml(about)}${capacity} ${seconds} s measured after ${settle} s.</p>`,
    bars(result),
    said.length === 0 ? '' : `<ul class="judgements">${said.join('')}</ul>`,
    figures(systems),
    ...Object.values(systems).map((system) => overTime(system, unit)),
    '</section>',
  ].join('\n');
}

function figures(systems: Readonly<Record<string, ContenderResult>>): string {
  const all = Object.values(systems);
  const names = [...new Set(all.flatMap((system) => Object.keys(system.figures)))].filter(
    (name) => !name.startsWith('share '),
  );
  if (names.length === 0) return '';
  const head = all.map(({ label }) => `<th>${escapeHtml(label)}</th>`).join('');
  const rows = names.map((name) => {
    const cells = all.map(
      (system) => `<td>${system.figures[name] === undefined ? '' : short(system.figures[name])}</td>`,
    );
    return `<tr><td>${escapeHtml(name)}</td>${cells.join('')}</tr>`;
  });
  return `<table><thead><tr><th>median of</th>${head}</tr></thead><tbody>${rows.join('')}</tbody></table>`;
}

function short(number: number | null): string {
  if (number === null || Number.isNaN(number)) return '–';
  return Math.abs(number) >= 100 || Number.isInteger(number) ? number.toFixed(0) : number.toFixed(2);
}

/** A contender's typical run: what was received, and its paths. */
function overTime({ label, typical, errors }: ContenderResult, unit: string): string {
  const failed = errors.map((text) => `<p class="note">${escapeHtml(label)} failed: ${escapeHtml(text)}</p>`).join('');
  if (typical === null) return failed;
  const plots = [receivedPlot(typical), ...pathPlots(typical)].filter((plot) => plot !== undefined);
  if (plots.length === 0) return failed;
  const places = plots.map((plot) => plotPlace(plot)).join('');
  return `${failed}<details${plots.length > 1 ? ' open' : ''}><summary>${escapeHtml(label)}: the typical run (${short(typical.value)} ${escapeHtml(unit)}) over time</summary><div class="columns">${places}</div></details>`;
}

function receivedPlot({ received, interval }: Run): Plot | undefined {
  if (received.length === 0) return undefined;
  const times = received.map((_, i) => Math.round((i + 1) * interval * 1000) / 1000);
  return { title: 'received', unit: 'Mbit/s', times, lines: [{ label: 'received', values: received }], from: 0 };
}

/** Throughput, share, queuing delay and weight of each path, as in Figure 3. */
function pathPlots({ samples }: Run): Plot[] {
  const names = new Map<number, string>();
  for (const { paths } of samples) for (const { id, from, to } of paths) names.set(id, `${id}: ${from} → ${to}`);
  if (names.size === 0) return [];
  const ids = [...names.keys()].sort((a, b) => a - b);
  const times = samples.map(({ time }) => time);
  const value = (i: number, id: number) => samples[i]?.paths.find((path) => path.id === id);
  const rate = (i: number, id: number) => {
    const [now, before] = [value(i, id), value(i - 1, id)];
    if (now === undefined || before === undefined) return null;
    const span = samples[i]!.time - samples[i - 1]!.time;
    return span > 0 ? ((now.octets - before.octets) * 8) / span / 1e6 : null;
  };
  const lines = (of: (i: number, id: number) => number | null) =>
    ids.map((id) => ({ label: names.get(id)!, values: samples.map((_, i) => round(of(i, id))) }));
  const sum = (i: number) => ids.reduce((total, id) => total + (rate(i, id) ?? 0), 0);
  const share = (i: number, id: number) => {
    const [own, all] = [rate(i, id), sum(i)];
    return own === null || all === 0 ? null : (100 * own) / all;
  };
  return [
    { title: 'sent on each path', unit: 'Mbit/s', times, lines: lines(rate), from: 0 },
    { title: 'share of each path', unit: '%', times, lines: lines(share), from: 0 },
    {
      title: 'queuing delay Q',
      unit: 'ms',
      times,
      lines: lines((i, id) => (value(i, id)?.queuing ?? Number.NaN) / 1000),
      from: 0,
    },
    { title: 'weight', unit: '', times, lines: lines((i, id) => value(i, id)?.weight ?? null), from: 0 },
  ];
}

function round(number: number | null): number | null {
  return number === null || Number.isNaN(number) ? null : Math.round(number * 100) / 100;
}
