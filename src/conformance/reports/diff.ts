import { CHANGES, type Change, type ReportDiff, type RunHead } from '../report-diff.js';

const TITLES: Readonly<Record<Change, string>> = {
  'new-failure': 'New failures',
  'still-failing': 'Still failing',
  'now-inconclusive': 'Now inconclusive',
  'no-longer-played': 'No longer played',
  fixed: 'Fixed',
  'now-conclusive': 'Now conclusive',
  'newly-played': 'Newly played',
};

/** The difference of two runs for people: each kind of change with its cases, and the sum. */
export function diffText(diff: ReportDiff): string {
  const lines = [`Before: ${headLine(diff.before)}`, `After:  ${headLine(diff.after)}`, ''];
  for (const change of CHANGES) {
    const items = diff.changes.filter((item) => item.change === change);
    if (items.length === 0) continue;
    lines.push(`${TITLES[change]} (${items.length})`);
    for (const [i, { id, before, after, text }] of items.entries()) {
      lines.push(`  ${id}  ${stateWords(before)} -> ${stateWords(after)}`);
      // A peer that is not there has one reason for all.
      const isSaidOfNext = items[i + 1]?.text === text;
      if (after !== null && after.verdict !== 'pass' && !isSaidOfNext) lines.push(`    ${text}`);
    }
    lines.push('');
  }
  lines.push(
    diff.changes.length === 0
      ? `No difference in ${diff.unchanged} cases, and none fails.`
      : `${diff.unchanged} cases are unchanged.`,
  );
  return `${lines.join('\n')}\n`;
}

/** The difference as Markdown, for the summary of a CI step. */
export function diffMarkdown(diff: ReportDiff): string {
  const lines = ['## mpip report diff', '', `Before: ${headLine(diff.before)}  `, `After: ${headLine(diff.after)}`, ''];
  for (const change of CHANGES) {
    const items = diff.changes.filter((item) => item.change === change);
    if (items.length === 0) continue;
    lines.push(`### ${TITLES[change]} (${items.length})`, '');
    for (const { id, before, after } of items) lines.push(`- \`${id}\`: ${stateWords(before)} → ${stateWords(after)}`);
    lines.push('');
  }
  lines.push(`${diff.unchanged} cases are unchanged.`);
  return `${lines.join('\n')}\n`;
}

function headLine({ peer, profile, link, version, seed, verdict, counts }: RunHead): string {
  const { pass, fail, inconc } = counts;
  return `${peer}, profile ${profile}, link ${link}, mpip ${version}, seed ${seed}: ${verdict} (${pass} pass, ${fail} fail, ${inconc} inconc)`;
}

function stateWords(state: { verdict: string; cause: string } | null): string {
  if (state === null) return 'absent';
  return state.verdict === 'pass' ? 'pass' : `${state.verdict} (${state.cause})`;
}
