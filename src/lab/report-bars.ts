import { escapeHtml } from '../html/escape.js';
import { COLOURS } from '../html/plots.js';
import type { ExperimentResult } from './results.js';

const WIDTH = 900;
const LABELS = 190;
const FIGURES = 200;
const ROW = 30;

/** Medians as bars with the smallest and largest run, and the paper's figures. */
export function bars({ systems, unit, capacityMbps, paper }: ExperimentResult): string {
  const rows = Object.entries(systems).filter(([, { runs }]) => runs.length > 0);
  if (rows.length === 0) return '';
  const most = Math.max(
    ...rows.map(([, { max }]) => max),
    ...Object.values(paper),
    unit === 'Mbit/s' ? capacityMbps : 0,
    Number.MIN_VALUE,
  );
  const room = WIDTH - LABELS - FIGURES;
  const x = (value: number) => LABELS + (Math.max(0, value) / most) * room;
  const height = rows.length * ROW + 10;
  const parts = rows.map(([id, { label, median, min, max }], i) => {
    const y = 6 + i * ROW;
    const middle = y + 9;
    const colour = COLOURS[i % COLOURS.length]!;
    const diamond =
      paper[id] === undefined
        ? ''
        : `<path class="paper" d="M${x(paper[id])} ${middle - 7}l6 7l-6 7l-6 -7z"><title>paper: ${paper[id]} ${escapeHtml(unit)}</title></path>`;
    return [
      `<text x="${LABELS - 8}" y="${middle + 4}" text-anchor="end">${escapeHtml(label)}</text>`,
      `<rect x="${LABELS}" y="${y}" width="${(x(median) - LABELS).toFixed(1)}" height="18" fill="${colour}" rx="2"/>`,
      `<line class="whisker" x1="${x(min).toFixed(1)}" x2="${x(max).toFixed(1)}" y1="${middle}" y2="${middle}"/>`,
      diamond,
      `<text x="${WIDTH - FIGURES + 12}" y="${middle + 4}">${figure(median)} ${escapeHtml(unit)}${paper[id] === undefined ? '' : `<tspan class="soft"> paper ${paper[id]}</tspan>`}</text>`,
    ].join('');
  });
  const limit =
    unit === 'Mbit/s' && capacityMbps > 0
      ? `<line class="axis" x1="${x(capacityMbps)}" x2="${x(capacityMbps)}" y1="0" y2="${height}" stroke-dasharray="4 3"><title>capacity</title></line>`
      : '';
  const said = rows.map(([, { label, median }]) => `${label} ${figure(median)} ${unit}`).join(', ');
  return `<svg class="bars" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" role="img" aria-label="${escapeHtml(said)}">${limit}${parts.join('')}</svg>`;
}

function figure(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(Math.abs(value) < 10 ? 2 : 1);
}
