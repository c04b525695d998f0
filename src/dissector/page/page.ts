import { formatIpv4 } from '../../codec/index.js';
import { escapeHtml } from '../../html/escape.js';
import { PAGE_STYLE } from '../../html/page-style.js';
import { type Plot, plotPlace, plotScript, plotStyle } from '../../html/plots.js';
import { SEQUENCE_STYLE, sequenceDiagram } from '../../html/sequence.js';
import type { DirectionReport, NodeReport, SessionReport } from '../conversation-reports.js';
import { Conversations, nodeName } from '../conversations.js';
import { micros } from '../conversations-text.js';
import { count } from '../text-table.js';
import { Path } from '../tracker/paths.js';
import { Session } from '../tracker/sessions.js';
import type { Tracker } from '../tracker/tracker.js';
import type { Exchanges } from './exchanges.js';
import type { PathSeries, TimeSeries } from './time-series.js';

/** Sessions with a section of their own. */
const MAX_SESSIONS = 32;
/** Packets that a point of a line of shares stands for, at least on average. */
const PACKETS_A_SHARE = 24;
/** Lines of a plot. */
const MAX_LINES = 8;

/** Something found in a capture, for people and programs. */
export interface CaptureFinding {
  readonly severity: 'error' | 'warn' | 'note';
  /** Stable id. */
  readonly id: string;
  /** The requirement that it is about; null when it is about none. */
  readonly requirement: string | null;
  readonly text: string;
  /** Times that it was found, and the first frame. */
  readonly count: number;
  readonly file: string;
  readonly 'frame.number': number;
}

const STYLE = `
.wide { overflow-x: auto; } .wide table { font-variant-numeric: tabular-nums; white-space: nowrap; } td.n, th.n { text-align: right; }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(26rem, 100%), 1fr)); gap: 0 2rem; } .grid > * { min-width: 0; } #findings td:nth-child(3) { overflow-wrap: anywhere; }
section { border-top: 1px solid var(--line); margin-top: 2rem; } h4 { margin: 1.2rem 0 .3rem; font-size: .95rem; }
.error { color: var(--fail); font-weight: 600; } .warn { color: var(--unsure); font-weight: 600; } .noted { color: var(--none); font-weight: 600; }
.share { display: inline-block; height: .7em; background: var(--cm); vertical-align: middle; border-radius: 2px; min-width: 1px; }
details > summary { cursor: pointer; color: var(--cm); } nav a { margin-right: 1rem; }
`.trim();

/** Everything about captures in one page that needs nothing else: findings, nodes, paths over time, how the nodes met. */
export function capturePage(
  files: readonly string[],
  tracker: Tracker,
  series: TimeSeries,
  exchanges: Exchanges,
  findings: readonly CaptureFinding[],
): string {
  const conversations = new Conversations(tracker);
  const capture = conversations.capture();
  const sessions: SessionReport[] = [];
  for (const session of conversations.sessions()) {
    if (sessions.length < MAX_SESSIONS) sessions.push(session);
    else break;
  }
  const facts = [
    files.join(', '),
    `${count(capture.packets)} packets, ${count(capture.bytes)} octets, ${capture.duration.toFixed(3)} s`,
    `${count(capture.mpip)} with a control message`,
    ...(capture.firstEpoch === null ? [] : [`from ${new Date(Number(capture.firstEpoch) * 1000).toISOString()}`]),
  ];
  const left = capture.sessionCount - sessions.length;
  return [
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>mpip dissect: ${escapeHtml(files.join(', '))}</title><style>${PAGE_STYLE}${plotStyle()}${SEQUENCE_STYLE}${STYLE}</style></head><body>`,
    '<h1>What happened in this capture</h1>',
    `<p class="facts">${facts.map(escapeHtml).join(' · ')}</p>`,
    findingsTable(findings, files.length > 1),
    nodesTable(conversations.nodes()),
    ...exchanges.list.map((exchange) => exchangeSection(exchange, tracker)),
    ...sessions.map((session) => sessionSection(session, tracker, series)),
    left > 0
      ? `<p class="note">${count(left)} more sessions are not shown; mpip dissect --conversations lists them.</p>`
      : '',
    eventsTable(conversations),
    `<script>${plotScript()}</script></body></html>`,
    '',
  ].join('\n');
}

function findingsTable(findings: readonly CaptureFinding[], hasFiles: boolean): string {
  if (findings.length === 0)
    return '<h2>Findings</h2><p>Nothing deviates from the paper, as far as the capture shows.</p>';
  const rows = findings.map((finding) => {
    const { severity, id, requirement, text, count: times } = finding;
    const name = severity === 'note' ? 'noted' : severity;
    const file = hasFiles ? ` of ${escapeHtml(finding.file)}` : '';
    return `<tr><td class="${name}">${severity}</td><td>${escapeHtml(requirement ?? '')}</td><td>${escapeHtml(text)}<br><code>${escapeHtml(id)}</code></td><td class="n">${count(times)}</td><td class="n">${finding['frame.number']}${file}</td></tr>`;
  });
  return `<h2>Findings</h2><table id="findings"><thead><tr><th></th><th>requirement</th><th></th><th class="n">times</th><th class="n">first frame</th></tr></thead><tbody>${rows.join('\n')}</tbody></table>`;
}

function nodesTable(nodes: readonly NodeReport[]): string {
  if (nodes.length === 0) return '<p class="note">No packet carries a control message.</p>';
  const rows = nodes.map((node) => {
    const { clock } = node;
    const drift = clock.drift === null ? '' : `, ${clock.drift >= 0 ? '+' : ''}${clock.drift} ppm`;
    const steps = clock.steps === 0 ? '' : `, ${clock.steps} steps`;
    const list = (spans: NodeReport['seen']) => escapeHtml(spans.map(({ address }) => address).join(' '));
    return `<tr><td><code>${node['mpip.node_id']}</code></td><td>${node['mpip.layout']}</td><td class="n">${count(node.packets)}</td><td>${list(node.seen)}</td><td>${list(node.announced)}</td><td>${clock.tickMicros} µs${drift}${steps}</td><td class="n">${node.addressChanges}</td></tr>`;
  });
  return `<h2>Nodes</h2><div class="wide"><table><thead><tr><th>node</th><th>layout</th><th class="n">packets</th><th>sends from</th><th>announces</th><th>clock</th><th class="n">address changes</th></tr></thead><tbody>${rows.join('\n')}</tbody></table></div>`;
}

function exchangeSection({ nodes, packets }: Exchanges['list'][number], tracker: Tracker): string {
  const names = nodes.map((node) => nodeName(tracker.nodes.get(node))) as [string, string];
  return `<section><h2>How ${names[0]} and ${names[1]} met</h2><p class="facts">Queries, confirmations, handshakes, the first packet of each path and of each address change; ${names[0]} on the left.</p><div class="wide">${sequenceDiagram(packets, names)}</div></section>`;
}

function sessionSection(session: SessionReport, tracker: Tracker, series: TimeSeries): string {
  const [a, b] = session.nodes;
  const parts = session.directions.map((direction, i) => {
    const columns = tracker.sessions.columns;
    const fields = [Session.fromCreator, Session.fromOther].filter(
      (field) => columns.int(session.number - 1, field) > 0,
    );
    const index = columns.int(session.number - 1, fields[i]!) - 1;
    return `<h3>From ${direction['mpip.node_id']}: ${direction.source} → ${direction.destination}</h3>${directionFacts(direction)}${pathsTable(direction)}${plots(index, direction, tracker, series)}`;
  });
  const title = `Session ${session.number}: ${session.protocol.toUpperCase()}, id ${session['mpip.session_id']}`;
  return `<section id="session-${session.number}"><h2>${title}</h2><p class="facts">${a} and ${b ?? 'a node that sends no control message here'} · ${session.first.toFixed(3)} to ${session.last.toFixed(3)} s</p>${parts.join('\n')}</section>`;
}

function directionFacts(direction: DirectionReport): string {
  const { reordered, heartbeats } = direction;
  const facts = [
    `${count(direction.packets)} packets, ${count(direction.bytes)} octets of data`,
    direction.multipathSince === null ? 'path 0 only' : `paths from ${direction.multipathSince.toFixed(3)} s`,
    ...(heartbeats.packets > 0 ? [`${heartbeats.packets} heartbeats`] : []),
    ...(direction.ipChange > 0 ? [`${direction.ipChange} packets with ip-change`] : []),
    ...(reordered.segments > 0
      ? [`${count(reordered.segments)} segments overtaken, by up to ${micros(reordered.seconds * 1e6)}`]
      : []),
    ...(direction.retransmitted > 0 ? [`${count(direction.retransmitted)} segments sent again`] : []),
  ];
  return `<p class="facts">${facts.map(escapeHtml).join(' · ')}</p>`;
}

function pathsTable({ paths }: DirectionReport): string {
  const delay = (value: { mean: number; max: number } | null) =>
    value === null
      ? '<td class="n">-</td><td class="n">-</td>'
      : `<td class="n">+${micros(value.mean)}</td><td class="n">${micros(value.max)}</td>`;
  const rows = paths.map(
    (path) =>
      `<tr><td class="n">${path['mpip.path_id']}</td><td>${path.source} → ${path.destination}${path.wrapper ? ' (in UDP)' : ''}</td><td class="n">${count(path.packets)}</td><td><span class="share" style="width:${(path.share * 6).toFixed(2)}rem"></span> ${(path.share * 100).toFixed(1)} %</td><td class="n">${path.weight ?? '-'}</td>${delay(path.oneWay)}${delay(path.feedback)}<td class="n">${path.queuing === null ? '-' : micros(path.queuing.latest)}</td></tr>`,
  );
  return `<div class="wide"><table><thead><tr><th class="n">path</th><th>way</th><th class="n">packets</th><th>share</th><th class="n">weight</th><th class="n">one-way</th><th class="n">max</th><th class="n">fed back</th><th class="n">max</th><th class="n">Q</th></tr></thead><tbody>${rows.join('\n')}</tbody></table></div>`;
}

function plots(direction: number, report: DirectionReport, tracker: Tracker, series: TimeSeries): string {
  const followed = series.directions.get(direction);
  if (followed === undefined || report.packets < 3) return '';
  const paths = mostUsed(followed);
  const [from, to] = series.range(followed);
  if (to - from < 2) return '';
  const bins = Array.from({ length: to - from + 1 }, (_, i) => from + i);
  const times = bins.map((bin) => series.timeOf(bin));
  const line = (value: (path: PathSeries, bin: number) => number | null) =>
    paths.map((path) => ({ label: labelOf(path, tracker), values: bins.map((bin) => value(path, bin)) }));
  const mean = (sum: number, n: number) => (n === 0 ? null : round(sum / n / 1000));
  const all: Plot[] = [
    sharePlot(paths, followed, bins, report.packets, tracker, series),
    {
      title: 'Weights as Algorithm 1 makes them of the feedback',
      unit: '',
      times,
      from: 0,
      lines: line(({ weight, path }, bin) => (tracker.paths.pathId(path) === 0 ? null : finite(weight[bin]!))),
    },
    {
      title: 'Delay to the capture, above the smallest',
      unit: 'ms',
      times,
      from: 0,
      lines: line(({ above, timed }, bin) => mean(above[bin]!, timed[bin]!)),
    },
    {
      title: 'Delay fed back, above the smallest',
      unit: 'ms',
      times,
      from: 0,
      lines: line(({ fedBack, samples }, bin) => mean(fedBack[bin]!, samples[bin]!)),
    },
    {
      title: 'Queuing delay Q = D - Dmin',
      unit: 'ms',
      times,
      from: 0,
      lines: line(({ queuing }, bin) => (Number.isNaN(queuing[bin]!) ? null : round(queuing[bin]! / 1000))),
    },
  ];
  const shown = all.filter(({ lines }) => lines.some(({ values }) => values.some((value) => value !== null)));
  const note =
    report.paths.length > paths.length
      ? `<p class="facts">Drawn are the ${paths.length} of ${report.paths.length} paths with the most packets.</p>`
      : '';
  return `${note}<div class="grid">${shown.map(plotPlace).join('\n')}</div>`;
}

/** The paths with the most packets, in the order seen: more lines nobody tells apart. */
function mostUsed(followed: readonly PathSeries[]): PathSeries[] {
  const kept = new Set([...followed].sort((a, b) => b.total - a.total).slice(0, MAX_LINES));
  return followed.filter((path) => kept.has(path));
}

/** Shares are of some packets each, so that they are no noise of single ones. */
function sharePlot(
  paths: readonly PathSeries[],
  followed: readonly PathSeries[],
  bins: readonly number[],
  packets: number,
  tracker: Tracker,
  series: TimeSeries,
): Plot {
  const size = Math.max(1, Math.ceil((PACKETS_A_SHARE * bins.length) / packets));
  const groups: number[][] = [];
  for (let at = 0; at < bins.length; at += size) groups.push(bins.slice(at, at + size));
  const sum = (path: PathSeries, group: readonly number[]) =>
    group.reduce((total, bin) => total + path.packets[bin]!, 0);
  const totals = groups.map((group) => followed.reduce((total, path) => total + sum(path, group), 0));
  return {
    title: 'Share of the packets',
    unit: '%',
    times: groups.map((group) => (series.timeOf(group[0]!) + series.timeOf(group.at(-1)!)) / 2),
    from: 0,
    lines: paths.map((path) => ({
      label: labelOf(path, tracker),
      values: groups.map((group, i) => (totals[i] === 0 ? null : round((100 * sum(path, group)) / totals[i]!))),
    })),
  };
}

function labelOf({ path }: PathSeries, tracker: Tracker): string {
  const flow = tracker.paths.columns.int(path, Path.flow);
  const { source, destination } = tracker.flows.tuple(flow);
  return `${tracker.paths.pathId(path)}: ${formatIpv4(source)} → ${formatIpv4(destination)}`;
}

function finite(value: number): number | null {
  return Number.isNaN(value) ? null : round(value);
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

function eventsTable(conversations: Conversations): string {
  const events = conversations.events().slice(0, 200);
  if (events.length === 0) return '';
  const rows = events.map(
    (event) =>
      `<tr><td class="n">${event.time.toFixed(3)} s</td><td class="n">${event['frame.number']}</td><td><code>${event['mpip.node_id']}</code></td><td>${escapeHtml(event.text)}</td></tr>`,
  );
  return `<section><h2>Events</h2><table><thead><tr><th class="n">time</th><th class="n">frame</th><th>node</th><th></th></tr></thead><tbody>${rows.join('\n')}</tbody></table></section>`;
}
