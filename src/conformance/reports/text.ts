import { COVERAGE_CLASSES, coverageOf } from '../coverage.js';
import type { Explanation } from '../diagnosis.js';
import type { CaseResult, PacketExcerpt, RequirementStatus, ResultCause, RunResult } from '../result.js';
import { VERDICTS, type Verdict } from '../verdict.js';

/** How words are coloured; the identity where there is no terminal. */
export interface Colours {
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  dim(text: string): string;
  bold(text: string): string;
}

/** No colours. */
export const PLAIN: Colours = { red: same, green: same, yellow: same, dim: same, bold: same };

function same(text: string): string {
  return text;
}

/** Where the other reports of the run were written. */
export interface TextOptions {
  readonly colours?: Colours;
  /** Width of the terminal in characters; without one, lines of cases are not cut and paragraphs are 100 wide. */
  readonly width?: number;
  /** Paths of reports that were written, for the last lines. */
  readonly reports?: readonly string[];
}

/** The report for people: a line per case, a paragraph per failure, the requirements, the verdict, where things lie. */
export function textReport(run: RunResult, options: TextOptions = {}): string {
  const colours = options.colours ?? PLAIN;
  const width = Math.max(60, Math.min(options.width ?? 100, 120));
  const lines: string[] = [];
  const { iut } = run;
  const services = Object.entries(iut.services)
    .map(([name, port]) => `${name}:${port}`)
    .join(' ');
  if (run.link === 'capture') lines.push(`${colours.bold('mpip check --capture')} ${captureWords(run)}`, '');
  else
    lines.push(
      `${colours.bold('mpip check')} ${iut.address} (${services}) · profile ${run.profile} · ${linkWords(run)} · seed ${run.seed}`,
      ...(run.profileFound === null ? [] : paragraph(`Profile ${run.profile} ${run.profileFound}.`, width, '')),
      '',
    );
  const common = commonCause(run);
  if (common !== undefined) lines.push(...paragraph(common.text, width, ''), '');
  if (common !== undefined && run.cases.every((result) => isLeftOut(result) || result.cause.text === common.text)) {
    const count = run.cases.length - run.cases.filter(isLeftOut).length;
    lines.push(
      count === 1
        ? 'The case could not be judged for this reason.'
        : `None of the ${count} cases could be judged for this reason.`,
    );
  } else lines.push(...caseLines(run, common, options, width, colours));
  if (run.cases.length > 0) lines.push('');
  lines.push(...requirementLines(run, width, colours), '', ...knownFailingLines(run, width), verdictLine(run, colours));
  if (run.explanation !== null) lines.push('', ...explanationLines(run.explanation, width, colours), '');
  for (const path of options.reports ?? []) lines.push(`Report:   ${path}`);
  if (run.evidenceFolder !== null) lines.push(`Evidence: ${run.evidenceFolder} (one pcapng file per case)`);
  else if (run.link !== 'capture' && run.counts.fail + run.counts.inconc > 0)
    lines.push(colours.dim('Evidence: none kept; add --evidence DIR.'));
  return `${lines.join('\n')}\n`;
}

/** The answer to the question of `--explain`. */
function explanationLines({ reasons, seen }: Explanation, width: number, colours: Colours): string[] {
  return [
    colours.bold('Why is it not multipathing?'),
    ...seen.flatMap((sentence) => paragraph(`- ${sentence}`, width, '  ')),
    ...reasons.flatMap(({ code, text }) => paragraph(`${text} [${code}]`, width, '  ')),
  ];
}

function linkWords(run: RunResult): string {
  return { socket: 'ordinary UDP sockets', raw: 'raw link', virtual: 'virtual network', capture: 'captures' }[run.link];
}

/** What was judged. */
function captureWords({ captures, iut, profile }: RunResult): string {
  const files = captures?.files.join(', ') ?? '';
  const packets = `${captures?.controlMessages ?? 0} of ${captures?.packets ?? 0} packets carry a control message`;
  const nodes = captures?.nodes.map(({ nodeId, addresses }) => `${nodeId} (${addresses.join(', ')})`).join(' and ');
  const whom = iut.address === '0.0.0.0' ? (nodes ?? '') : `the node at ${iut.address}`;
  return `${files} · ${packets} · ${whom === '' ? 'no node' : whom} · profile ${profile}`;
}

/** The cause that every case shares, so that it is told once. */
function commonCause(run: RunResult): ResultCause | undefined {
  if (run.preliminary !== null) return run.preliminary;
  const executed = run.cases.filter((result) => !isLeftOut(result));
  const first = executed[0]?.cause;
  if (executed.length < 3 || executed.some((result) => result.verdict === 'pass')) return undefined;
  return executed.every((result) => result.cause.text === first!.text) ? first : undefined;
}

function isLeftOut({ verdict }: CaseResult): boolean {
  return verdict === 'not-applicable' || verdict === 'not-run';
}

/** A line for each case, and a paragraph where there is something to tell that is not told already. */
function caseLines(
  run: RunResult,
  common: ResultCause | undefined,
  options: TextOptions,
  width: number,
  colours: Colours,
): string[] {
  const lines: string[] = [];
  const columns = {
    label: Math.max(0, ...run.cases.map((result) => labelOf(result).length)),
    id: Math.max(0, ...run.cases.map((result) => result.id.length)),
  };
  const unseen = run.cases.filter(isUnseen);
  for (const result of run.cases) {
    if (isUnseen(result)) continue;
    lines.push(caseLine(result, columns, options.width, colours));
    const isTold =
      result.verdict === 'pass' ||
      result.isKnownFailing === true ||
      isLeftOut(result) ||
      result.cause.code === common?.code;
    if (!isTold) lines.push(...caseParagraph(result, width, colours));
    for (const warning of result.warnings) {
      lines.push(
        ...paragraph(`Recommendation ${warning.requirement ?? ''} not followed: ${warning.text}`, width, '    '),
      );
    }
  }
  if (unseen.length > 0) {
    const ids = unseen.map(({ id }) => id).join(', ');
    lines.push(...paragraph(`Not seen in the capture, ${unseen.length}: ${ids}.`, width, ''));
  }
  return lines;
}

/** What a capture does not show: told in one sentence, there are many. */
function isUnseen({ verdict, cause }: CaseResult): boolean {
  return verdict === 'not-applicable' && cause.code === 'not-seen';
}

function labelOf(result: CaseResult): Verdict | 'warn' | 'known' {
  if (result.isKnownFailing === true) return 'known';
  return result.verdict === 'pass' && result.warnings.length > 0 ? 'warn' : result.verdict;
}

function caseLine(
  result: CaseResult,
  columns: { label: number; id: number },
  width: number | undefined,
  colours: Colours,
): string {
  const label = labelOf(result);
  const room = width === undefined ? Number.POSITIVE_INFINITY : Math.max(20, width - columns.label - columns.id - 3);
  const words =
    isLeftOut(result) || result.isKnownFailing === true
      ? `${result.cause.text} [${result.cause.code}]`
      : result.purpose;
  const purpose = words.length > room ? `${words.slice(0, room - 1)}…` : words;
  return `${coloured(label, label.padEnd(columns.label), colours)} ${result.id.padEnd(columns.id)}  ${colours.dim(purpose)}`;
}

function caseParagraph(result: CaseResult, width: number, colours: Colours): string[] {
  const { cause, evidence } = result;
  const lines = paragraph(`${cause.text} [${cause.code}]`, width, '    ');
  if (cause.packet === undefined) return lines;
  lines.push(`    ${whereOf(cause.packet, evidence)}`);
  lines.push(...hexLines(cause.packet, colours));
  return lines;
}

function whereOf(packet: PacketExcerpt, { file, link }: CaseResult['evidence']): string {
  const octet =
    packet.octet === undefined
      ? ''
      : `, octet${(packet.octets ?? 1) > 1 ? `s ${packet.octet}-${packet.octet + packet.octets! - 1}` : ` ${packet.octet}`}`;
  const field = packet.field === undefined ? '' : ` (${packet.field})`;
  const direction = link === 'capture' ? '' : ` (${packet.direction})`;
  return `Frame ${packet.frame}${direction}${octet}${field}${file === null ? '' : ` of ${file}`}:`;
}

/** The excerpt as hex, the octets that decided between brackets. */
function hexLines(packet: PacketExcerpt, colours: Colours): string[] {
  const bytes = packet.hex.match(/../g) ?? [];
  const first = packet.octet ?? -1;
  const last = packet.octet === undefined ? -1 : packet.octet + (packet.octets ?? 1) - 1;
  const lines: string[] = [];
  for (let row = 0; row < bytes.length; row += 16) {
    let line = `      ${(packet.hexFrom + row).toString(16).padStart(4, '0')} `;
    for (let i = row; i < Math.min(row + 16, bytes.length); i++) {
      const at = packet.hexFrom + i;
      const before = at === first || (i === row && at > first && at <= last) ? '[' : ' ';
      const inside = at >= first && at <= last;
      const ends = inside && (at === last || i === row + 15);
      const previousEnded = at - 1 === last && i > row;
      line += `${previousEnded ? '' : before}${inside ? colours.bold(bytes[i]!) : bytes[i]}${ends ? ']' : ''}`;
    }
    lines.push(line);
  }
  return lines;
}

function requirementLines(run: RunResult, width: number, colours: Colours): string[] {
  const { total } = coverageOf(run.requirements);
  const parts = (['pass', 'fail', 'warn'] as const).flatMap((status) => {
    const count = run.requirements.filter((requirement) => requirement.status === status).length;
    return count > 0 ? [`${count} ${status}`] : [];
  });
  const tested = parts.length > 0 ? ` (${parts.join(', ')})` : '';
  const classes = COVERAGE_CLASSES.map((name) => `${total[name]} ${name}${name === 'tested' ? tested : ''}`);
  const lines = paragraph(`Requirements: ${run.requirements.length} in all; ${classes.join(', ')}.`, width, '');
  // Of a host without MPIP there is no use in listing every requirement that it breaks.
  for (const requirement of run.preliminary === null ? run.requirements : []) {
    if (requirement.status !== 'fail' && requirement.status !== 'warn') continue;
    const words = `${requirement.status.padEnd(5)} ${requirement.id} (${requirement.level}, section ${requirement.section}): ${requirement.text}`;
    lines.push(...paragraph(words, width, '  ').map((line) => coloured(requirement.status, line, colours)));
  }
  return lines;
}

/** What a file of known failures says that is no longer so. */
function knownFailingLines({ knownFailing }: RunResult, width: number): string[] {
  if (knownFailing === undefined) return [];
  const { stale, unmatched } = knownFailing;
  const lines: string[] = [];
  if (stale.length > 0) lines.push(`Known failures that pass now, to be taken off the list: ${stale.join(' ')}.`);
  if (unmatched.length > 0) lines.push(`Known failures of cases that do not exist: ${unmatched.join(' ')}.`);
  if (lines.length > 0) lines.push('--update-known-failing writes the list anew.');
  return lines.flatMap((line) => paragraph(line, width, ''));
}

function verdictLine(run: RunResult, colours: Colours): string {
  const counts = VERDICTS.filter((verdict) => run.counts[verdict] > 0).map(
    (verdict) => `${run.counts[verdict]} ${verdict}`,
  );
  const left = run.selection.known - run.selection.chosen;
  const rest = left > 0 ? `; ${left} more cases were not chosen` : '';
  const known = run.knownFailing?.known.length ?? 0;
  const expected =
    known > 0 ? ` ${known === run.counts.fail ? 'Every fail' : `${known} of ${run.counts.fail} fail`} is known.` : '';
  const cut = run.isInterrupted ? ' The run was interrupted.' : '';
  const verdict = coloured(run.verdict, run.verdict, colours);
  return `${colours.bold('Verdict:')} ${verdict} — ${counts.length > 0 ? counts.join(', ') : 'no case'}${rest}.${expected}${cut}`;
}

function coloured(verdict: Verdict | RequirementStatus | 'known', text: string, colours: Colours): string {
  if (verdict === 'pass') return colours.green(text);
  if (verdict === 'fail' || verdict === 'error') return colours.red(text);
  return verdict === 'inconc' || verdict === 'warn' || verdict === 'known' ? colours.yellow(text) : colours.dim(text);
}

/** Text broken at words to a width, each line with an indent. */
function paragraph(text: string, width: number, indent: string): string[] {
  const lines: string[] = [];
  let line = indent;
  for (const word of text.split(/\s+/)) {
    if (line.length > indent.length && line.length + 1 + word.length > width) {
      lines.push(line);
      line = indent;
    }
    line += line.length > indent.length ? ` ${word}` : word;
  }
  lines.push(line);
  return lines;
}
