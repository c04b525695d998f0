import type { CaseResult, RequirementStatus, RunResult } from '../result.js';
import { VERDICTS, type Verdict } from '../verdict.js';

const MARKS: Readonly<Record<Verdict | RequirementStatus, string>> = {
  pass: '✅',
  fail: '❌',
  warn: '⚠️',
  inconc: '❔',
  error: '💥',
  none: '💥',
  'not-applicable': '➖',
  'not-run': '➖',
  untestable: '➖',
};

/**
 * The result as GitHub-flavoured Markdown, short enough for the step summary of a CI job: the verdict, what failed and
 * why, what could not be told, the requirements that are broken. Cases that passed are counted, not listed.
 */
export function markdownReport(run: RunResult): string {
  const { iut, counts } = run;
  const parts = [
    `## ${MARKS[run.verdict]} mpip check ${code(iut.address)}: ${run.verdict}`,
    table(
      VERDICTS.filter((verdict) => counts[verdict] > 0).map((verdict) => `${MARKS[verdict]} ${verdict}`),
      [VERDICTS.filter((verdict) => counts[verdict] > 0).map((verdict) => String(counts[verdict]))],
    ),
    [
      `Profile ${code(run.profile)}, link ${code(run.link)}, seed ${code(String(run.seed))}`,
      iut.nodeId === null ? 'no node id seen' : `node ${code(iut.nodeId)}, layout ${code(iut.layout!)}`,
      `${code(`mpip ${run.version}`)}.`,
    ].join(', '),
  ];
  if (run.isInterrupted) parts.push('**The run was interrupted**: what is missing was not played.');
  if (run.preliminary !== null) parts.push(`> ${plain(run.preliminary.text)} (${code(run.preliminary.code)})`);
  if (run.explanation !== null) {
    const { reasons, seen } = run.explanation;
    parts.push('### Why is it not multipathing?', seen.map((sentence) => `- ${plain(sentence)}`).join('\n'));
    parts.push(...reasons.map((reason) => `${plain(reason.text)} (${code(reason.code)})`));
  }
  const about = (verdicts: readonly Verdict[]) => run.cases.filter(({ verdict }) => verdicts.includes(verdict));
  parts.push(...section('Failed', about(['fail', 'error', 'none']), true));
  parts.push(...section('Inconclusive', about(['inconc']), false));
  const broken = run.requirements.filter(({ status }) => status === 'fail' || status === 'warn');
  if (broken.length > 0 && run.preliminary === null) {
    parts.push(
      '### Requirements',
      table(
        ['', 'requirement', 'level', 'section', 'text'],
        broken.map(({ status, id, level, section: at, text }) => [MARKS[status], code(id), level, at, plain(text)]),
      ),
    );
  }
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function section(title: string, results: readonly CaseResult[], withPackets: boolean): string[] {
  if (results.length === 0) return [];
  const rows = results.map(({ id, cause, isKnownFailing }) => [
    code(id),
    code(cause.code),
    `${isKnownFailing === true ? 'Known. ' : ''}${plain(cause.text)}`,
  ]);
  const parts = [`### ${title}`, table(['case', 'cause', 'why'], rows)];
  for (const { id, cause, evidence } of withPackets ? results : []) {
    if (cause.packet === undefined) continue;
    const { packet } = cause;
    const where = [
      `frame ${packet.frame}, ${packet.direction}`,
      ...(packet.octet === undefined ? [] : [`octet ${packet.octet}`]),
      ...(packet.field === undefined ? [] : [packet.field]),
      ...(evidence.file === null ? [] : [evidence.file]),
    ].join(', ');
    const hex = packet.hex.match(/.{1,32}/g) ?? [];
    const rows16 = hex.map((row, i) => `${offset(packet.hexFrom + 16 * i)}  ${row.match(/../g)!.join(' ')}`);
    parts.push(
      `<details><summary>Packet that decided ${id} (${html(where)})</summary>\n\n\`\`\`text\n${rows16.join('\n')}\n\`\`\`\n\n</details>`,
    );
  }
  return parts;
}

function offset(octet: number): string {
  return octet.toString(16).padStart(4, '0');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (head.length === 0) return '';
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Words in a code span that may stand in a table. */
function code(text: string): string {
  return `\`${text.replaceAll('`', "'").replaceAll('|', '\\|').replaceAll(/\s+/g, ' ')}\``;
}

/** Text that means nothing to Markdown or HTML, on one line. */
function plain(text: string): string {
  return html(text.replaceAll(/\s+/g, ' ')).replaceAll(/[\\`*_[\]|~#]/g, '\\$&');
}

function html(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
