import type { Counts } from '../coverage.js';
import { bySeverity, type RunSummary } from '../summary.js';

/** The result as Markdown, for a job summary or a comment. */
export function markdownReport(summary: RunSummary): string {
  const { findings, runs, messages, seconds, seed, target, coverage, verdict, version } = summary;
  const lines = [
    `# Fuzzing ${escaped(target)}: ${verdict}`,
    '',
    `${runs} exchanges, ${messages} packets, ${seconds} s, seed ${seed}, mpip ${version}.`,
    '',
  ];
  if (findings.length === 0) lines.push('No finding.', '');
  else {
    lines.push(
      '| severity | finding | what | packets | reproduced | requirements |',
      '| --- | --- | --- | --- | --- | --- |',
    );
    for (const finding of bySeverity(findings)) {
      const { n, of } = finding.reproduced;
      const cells = [
        finding.severity,
        `\`${finding.id}\``,
        escaped(finding.title),
        String(finding.packets),
        `${n} of ${of}`,
        finding.requirements.join(' '),
      ];
      lines.push(`| ${cells.join(' | ')} |`);
    }
    lines.push('', 'Play one again: `mpip fuzz --replay FOLDER`.', '');
  }
  lines.push(
    ...table('Requirements judged', coverage.requirements, []),
    ...table('CM flags sent', coverage.flagsSent, []),
    ...table('CM flags received', coverage.flagsReceived, []),
    ...table('Edges of the path state machine', coverage.edges, coverage.edgesNeverReached),
    ...table('Mutators', coverage.mutators, coverage.mutatorsNeverUsed),
  );
  return `${lines.join('\n')}\n`;
}

function table(title: string, counts: Counts, never: readonly string[]): string[] {
  return [
    `## ${title}`,
    '',
    '| what | how often |',
    '| --- | --- |',
    ...Object.entries(counts).map(([name, count]) => `| ${escaped(name)} | ${count} |`),
    ...never.map((name) => `| ${escaped(name)} | never |`),
    '',
  ];
}

function escaped(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('\n', ' ');
}
