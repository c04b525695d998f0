import type { Counts } from '../coverage.js';
import { replayCommand } from '../finding.js';
import { bySeverity, type RunSummary, type SummaryFinding } from '../summary.js';

/** The result for a person at a terminal. */
export function textReport(summary: RunSummary): string {
  const { findings, runs, messages, seconds, seed, target, coverage, shard } = summary;
  const part = shard === '1/1' ? '' : `, shard ${shard}`;
  const rate = seconds > 0 ? `, ${Math.round(messages / seconds)} a second` : '';
  const lines = [
    `Fuzzed ${target}: ${runs} exchanges, ${messages} packets in ${seconds.toFixed(1)} s${rate}; seed ${seed}${part}.`,
    ...bySeverity(findings).flatMap(findingLines),
    '',
    coverageLine('Edges of the path state machine', coverage.edges, coverage.edgesNeverReached),
    coverageLine('Mutators', coverage.mutators, coverage.mutatorsNeverUsed),
    `Requirements judged: ${Object.keys(coverage.requirements).length}.`,
    '',
    `Verdict: ${summary.verdict}${findings.length === 0 ? '' : ` — ${findings.length} finding${findings.length === 1 ? '' : 's'}`}.`,
  ];
  return `${lines.join('\n')}\n`;
}

function findingLines({
  severity,
  title,
  id,
  folder,
  packets,
  reproduced,
  requirements,
  count,
}: SummaryFinding): string[] {
  const { n, of } = reproduced;
  const again = n === of ? `reproduced ${n} of ${of}` : n === 0 ? 'not reproduced' : `flaky: ${n} of ${of}`;
  const rules = requirements.length === 0 ? '' : `; ${requirements.join(' ')}`;
  return [
    '',
    `${severity.toUpperCase().padEnd(9)}${title}`,
    `         ${id}; ${packets} packets; ${again}; seen ${count} time${count === 1 ? '' : 's'}${rules}`,
    ...(folder === null ? [] : [`         ${replayCommand(folder)}`]),
  ];
}

function coverageLine(what: string, counts: Counts, never: readonly string[]): string {
  const reached = Object.keys(counts).length;
  const missing = never.length === 0 ? '' : `; never: ${never.slice(0, 6).join(', ')}${never.length > 6 ? ', …' : ''}`;
  return `${what}: ${reached} of ${reached + never.length}${missing}.`;
}
