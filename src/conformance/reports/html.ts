import { escapeHtml } from '../../html/escape.js';
import { sequenceDiagram } from '../../html/sequence.js';
import { COVERAGE_CLASSES, coverageOf } from '../coverage.js';
import type { CaseResult, PacketExcerpt, RequirementResult, RequirementStatus, RunResult } from '../result.js';
import { VERDICTS, type Verdict } from '../verdict.js';
import { SCRIPT, STYLE } from './html-page.js';

/** Statuses of requirements in the order of the table's sum. */
const STATUSES: readonly RequirementStatus[] = [
  'pass',
  'fail',
  'warn',
  'inconc',
  'not-applicable',
  'not-run',
  'untestable',
];

/**
 * The result as one HTML file that needs nothing else: it opens without a network, is readable without scripts, and can
 * be filtered by verdict and words. Each case shows its cause, the octets that decided and, when the run kept the
 * packets, a sequence diagram by path.
 */
export function htmlReport(run: RunResult): string {
  const { iut } = run;
  const areas = [...new Set(run.cases.map(({ area }) => area))];
  return [
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${run.verdict}: mpip check ${escapeHtml(iut.address)}</title><style>${STYLE}</style></head><body>`,
    `<h1><span class="${run.verdict}">${run.verdict}</span> — mpip check <code>${escapeHtml(iut.address)}</code></h1>`,
    `<p class="facts">${factsOf(run)}</p>`,
    verdictBar(run),
    run.isInterrupted ? '<p class="note">The run was interrupted: what is missing was not played.</p>' : '',
    run.preliminary === null
      ? ''
      : `<p class="note">${escapeHtml(run.preliminary.text)} <code>${escapeHtml(run.preliminary.code)}</code></p>`,
    explanation(run),
    failures(run),
    chips(run),
    '<h2>Cases</h2>',
    ...areas.map((area) => {
      const results = run.cases.filter((result) => result.area === area);
      return `<section data-area="${escapeHtml(area)}">${results.map(caseDetails).join('\n')}</section>`;
    }),
    requirements(run.requirements),
    `<script>${SCRIPT}</script></body></html>`,
    '',
  ]
    .filter((part, i, all) => part !== '' || i === all.length - 1)
    .join('\n');
}

function factsOf(run: RunResult): string {
  const { iut, selection, durationMs } = run;
  const services = Object.entries(iut.services).map(([name, port]) => `${name}:${port}`);
  const facts = [
    services.join(' '),
    iut.nodeId === null ? 'no node id seen' : `node ${iut.nodeId}, layout ${iut.layout}`,
    `profile ${run.profile}${run.profileFound === null ? '' : `, ${run.profileFound}`}`,
    `link ${run.link}`,
    `seed ${run.seed}`,
    `${selection.chosen} of ${selection.known} cases chosen`,
    ...(durationMs > 0 ? [`${(durationMs / 1000).toFixed(1)} s`] : []),
    `mpip ${run.version}`,
  ];
  return facts.map(escapeHtml).join(' · ');
}

function verdictBar({ counts, cases }: RunResult): string {
  if (cases.length === 0) return '';
  const parts = VERDICTS.filter((verdict) => counts[verdict] > 0).map(
    (verdict) =>
      `<span class="bg-${verdict}" style="flex:${counts[verdict]}" title="${counts[verdict]} ${verdict}"></span>`,
  );
  return `<div class="bar" role="img" aria-label="${VERDICTS.map((verdict) => `${counts[verdict]} ${verdict}`).join(', ')}">${parts.join('')}</div>`;
}

/** The answer to the question of `--explain`. */
function explanation({ explanation: found }: RunResult): string {
  if (found === null) return '';
  const reasons = found.reasons.map(({ code, text }) => `<p>${escapeHtml(text)} <code>${escapeHtml(code)}</code></p>`);
  const seen = found.seen.map((sentence) => `<li>${escapeHtml(sentence)}</li>`);
  const list = seen.length > 0 ? `<ul>${seen.join('')}</ul>` : '';
  return `<section id="explanation"><h2>Why is it not multipathing?</h2>${list}${reasons.join('')}</section>`;
}

/** Links to what failed: among many cases it would have to be looked for. */
function failures({ cases }: RunResult): string {
  const failed = cases.filter(({ verdict, isKnownFailing }) => verdict === 'fail' && isKnownFailing !== true);
  if (failed.length === 0) return '';
  const links = failed.map(({ id }) => `<a href="#${escapeHtml(id)}">${escapeHtml(id)}</a>`);
  return `<p id="failures"><span class="fail">Failed:</span> ${links.join(', ')}</p>`;
}

function chips({ counts }: RunResult): string {
  const buttons = VERDICTS.filter((verdict) => counts[verdict] > 0).map(
    (verdict) =>
      `<button type="button" value="${verdict}" class="${verdict}" aria-pressed="false">${counts[verdict]} ${verdict}</button>`,
  );
  return (
    `<div class="chips" hidden>${buttons.join('')}` +
    '<input id="words" type="search" placeholder="case, requirement, cause …" aria-label="Show only what contains these words"><output id="shown"></output></div>'
  );
}

function caseDetails(result: CaseResult): string {
  const { id, purpose, verdict, cause, requirements: ids } = result;
  const label = labelOf(result);
  const words = [id, verdict, label, cause.code, purpose, ...ids].join(' ').toLowerCase();
  const isOpen = verdict === 'fail' && result.isKnownFailing !== true;
  return (
    `<details class="case" id="${escapeHtml(id)}" data-verdict="${verdict}" data-words="${escapeHtml(words)}"${isOpen ? ' open' : ''}>` +
    `<summary><span class="tag ${label}">${label}</span><span class="id">${escapeHtml(id)}</span><span class="purpose">${escapeHtml(purpose)}</span></summary>` +
    `<div class="body ${verdict}">${caseBody(result)}</div></details>`
  );
}

function labelOf(result: CaseResult): Verdict | 'warn' | 'known' {
  if (result.isKnownFailing === true) return 'known';
  return result.verdict === 'pass' && result.warnings.length > 0 ? 'warn' : result.verdict;
}

function caseBody({ cause, warnings, requirements: ids, evidence, exchange, durationMs }: CaseResult): string {
  const links = ids.map((id) => `<a href="#${escapeHtml(id)}">${escapeHtml(id)}</a>`).join(' ');
  const file = evidence.file === null ? '' : ` · evidence <code>${escapeHtml(evidence.file)}</code>`;
  const facts = [links, `${durationMs.toFixed(1)} ms on the clock of the link${file}`];
  return [
    `<p>${escapeHtml(cause.text)} <code>${escapeHtml(cause.code)}</code></p>`,
    ...warnings.map(
      (warning) =>
        `<p class="warn">Recommendation ${escapeHtml(warning.requirement ?? '')} not followed: ${escapeHtml(warning.text)}</p>`,
    ),
    cause.packet === undefined ? '' : excerpt(cause.packet),
    exchange === undefined || exchange.length === 0 ? '' : sequenceDiagram(exchange),
    `<p class="facts">${facts.join(' · ')}</p>`,
  ].join('');
}

/** The octets of the packet that decided, those that matter marked. */
function excerpt(packet: PacketExcerpt): string {
  const bytes = packet.hex.match(/../g) ?? [];
  const first = packet.octet ?? -1;
  const last = first + (packet.octets ?? 1) - 1;
  const rows: string[] = [];
  for (let row = 0; row < bytes.length; row += 16) {
    const cells = bytes.slice(row, row + 16).map((byte, i) => {
      const at = packet.hexFrom + row + i;
      return first >= 0 && at >= first && at <= last ? `<mark>${byte}</mark>` : byte;
    });
    rows.push(`${(packet.hexFrom + row).toString(16).padStart(4, '0')}  ${cells.join(' ')}`);
  }
  const field = packet.field === undefined ? '' : `, ${escapeHtml(packet.field)}`;
  return `<p>Frame ${packet.frame} (${packet.direction}${field}):</p><pre>${rows.join('\n')}</pre>`;
}

function requirements(results: readonly RequirementResult[]): string {
  const sums = STATUSES.map((status) => [status, results.filter((result) => result.status === status).length] as const)
    .filter(([, count]) => count > 0)
    .map(([status, count]) => `<span class="${status}">${count} ${status}</span>`);
  const rows = results.map(({ id, level, section, status, text, cases }) => {
    const links = cases.map((name) => `<a href="#${escapeHtml(name)}">${escapeHtml(name)}</a>`).join(' ');
    const words = [id, level, status, text, ...cases].join(' ').toLowerCase();
    return `<tr id="${id}" data-verdict="${status}" data-words="${escapeHtml(words)}"><td class="${status}">${status}</td><td class="id">${id}</td><td>${level}</td><td>${escapeHtml(section)}</td><td>${escapeHtml(text)}</td><td>${links}</td></tr>`;
  });
  return (
    `<h2>Requirements</h2><p class="facts">${sums.join(' · ')}</p>` +
    coverageTable(results) +
    `<table id="requirements"><thead><tr><th>status</th><th>requirement</th><th>level</th><th>section</th><th>text</th><th>cases</th></tr></thead><tbody>${rows.join('\n')}</tbody></table>`
  );
}

/** How many requirements of each level were tested, and why the others were not. */
function coverageTable(results: readonly RequirementResult[]): string {
  const { total, levels } = coverageOf(results);
  const rows = [...levels, ['all', total] as const].map(([name, counts]) => {
    const cells = COVERAGE_CLASSES.map((column) => `<td>${counts[column]}</td>`);
    return `<tr><th scope="row">${name}</th>${cells.join('')}</tr>`;
  });
  const heads = COVERAGE_CLASSES.map((column) => `<th scope="col">${column}</th>`);
  return `<div class="wide"><table id="coverage"><thead><tr><th scope="col">level</th>${heads.join('')}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
}
