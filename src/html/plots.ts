import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { escapeHtml } from './escape.js';

/** Lines over a common axis of time, for a page that opens without a network. */
export interface Plot {
  readonly title: string;
  /** Unit of the values, shown at the axis. */
  readonly unit: string;
  /** Seconds, rising. */
  readonly times: readonly number[];
  readonly lines: readonly PlotLine[];
  /** Lower end of the axis of values; default: as the values say. */
  readonly from?: number;
}

/** One line; null where there is no value. */
export interface PlotLine {
  readonly label: string;
  readonly values: readonly (number | null)[];
}

/** Colours that are told apart on light and dark ground, also with the common colour blindness (Okabe and Ito). */
export const COLOURS = [
  '#0072b2',
  '#d55e00',
  '#009e73',
  '#cc79a7',
  '#e69f00',
  '#56b4e9',
  '#8c8c8c',
  '#b8a800',
] as const;

/** A place for a plot; `plotScript` fills it. Without scripts it says what would be there. */
export function plotPlace(plot: Plot): string {
  const data = JSON.stringify(plot).replaceAll('<', '\\u003c');
  return (
    `<figure class="plot"><figcaption>${escapeHtml(plot.title)}${plot.unit === '' ? '' : `, ${escapeHtml(plot.unit)}`}</figcaption>` +
    `<noscript>A plot of ${plot.lines.length} lines: it needs JavaScript, no network.</noscript>` +
    `<script type="application/json">${data}</script></figure>`
  );
}

/** Style of the plots, uPlot's own included. */
export function plotStyle(): string {
  return `${asset('uPlot.min.css')}
.plot { margin: .6rem 0 1.2rem; } .plot figcaption { color: var(--soft); margin-bottom: .2rem; }
.u-legend { font-size: 12px; text-align: left !important; } .u-legend .u-value { min-width: 4.5em; display: inline-block; }
.u-legend th, .u-legend td { border: 0; padding: 0 .6rem 0 0; } .u-title { display: none; } @media print { .plot { break-inside: avoid; } }`;
}

/** uPlot itself and what draws every plot of the page. */
export function plotScript(): string {
  return `${asset('uPlot.iife.min.js')}
${DRAW}`;
}

const DRAW = `
(() => {
  const colours = ${JSON.stringify(COLOURS)};
  const sync = uPlot.sync('all');
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const draw = (figure) => {
    const plot = JSON.parse(figure.querySelector('script').textContent);
    figure.querySelector('.uplot')?.remove();
    const axis = { stroke: css('--soft'), grid: { stroke: css('--line'), width: 1 }, ticks: { stroke: css('--line') } };
    const series = plot.lines.map((line, i) => ({ label: line.label, stroke: colours[i % colours.length], width: 1.6, spanGaps: true,
      points: { show: false }, value: (_, v) => v === null || v === undefined ? '-' : (Math.abs(v) >= 100 ? v.toFixed(0) : v.toFixed(2)) + ' ' + plot.unit }));
    new uPlot({ width: Math.max(280, figure.clientWidth), height: 230, scales: { x: { time: false },
        y: plot.from === undefined ? {} : { range: (u, low, high) => [plot.from, high > plot.from ? high * 1.05 : plot.from + 1] } },
      axes: [{ ...axis, values: (_, all) => all.map((v) => v + ' s') }, { ...axis, size: 56 }],
      series: [{ label: 'time', value: (_, v) => v === null ? '-' : v.toFixed(2) + ' s' }, ...series], cursor: { sync: { key: sync.key } } },
      [plot.times, ...plot.lines.map((line) => line.values)], figure);
    figure.dataset.drawn = 'yes';
  };
  const figures = [...document.querySelectorAll('figure.plot')];
  const seen = new IntersectionObserver((entries) => { for (const { isIntersecting, target } of entries) if (isIntersecting && target.dataset.drawn === undefined) draw(target); }, { rootMargin: '400px' });
  for (const figure of figures) seen.observe(figure);
  const redraw = () => { for (const figure of figures) if (figure.dataset.drawn === 'yes') draw(figure); };
  addEventListener('beforeprint', () => { for (const figure of figures) if (figure.dataset.drawn === undefined && figure.clientWidth > 0) draw(figure); });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
  let timer; addEventListener('resize', () => { clearTimeout(timer); timer = setTimeout(redraw, 150); });
  for (const details of document.querySelectorAll('details')) details.addEventListener('toggle', () => { for (const figure of details.querySelectorAll('figure.plot')) if (figure.dataset.drawn === undefined && figure.clientWidth > 0) draw(figure); });
})();
`.trim();

/** A file of uPlot, which is small enough to stand in the page. */
function asset(name: string): string {
  const path = createRequire(import.meta.url).resolve(`uplot/dist/${name}`);
  return readFileSync(path, 'utf8').trim();
}
