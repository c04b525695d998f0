import { type CoverageReport, mergedCoverage } from './coverage.js';
import { SEVERITIES, type Severity } from './oracle.js';

/** A finding in a summary. */
export interface SummaryFinding {
  readonly id: string;
  readonly oracle: string;
  readonly severity: Severity;
  readonly group: string;
  readonly title: string;
  readonly requirements: readonly string[];
  /** Its folder, or null when none was written. */
  readonly folder: string | null;
  /** How often it was seen. */
  readonly count: number;
  /** Packets of the smallest exchange that shows it. */
  readonly packets: number;
  readonly reproduced: { readonly n: number; readonly of: number };
  readonly firstSeen: { readonly messages: number; readonly seconds: number };
}

/** The result of a campaign: `summary.json` (docs/schema/fuzz-summary.schema.json). */
export interface RunSummary {
  readonly tool: 'mpip';
  readonly version: string;
  readonly seed: number;
  readonly shard: string;
  readonly target: string;
  readonly runs: number;
  readonly messages: number;
  readonly seconds: number;
  readonly verdict: 'pass' | 'fail' | 'inconc' | 'none';
  readonly findings: readonly SummaryFinding[];
  readonly coverage: CoverageReport;
}

/** Findings, the worst first. */
export function bySeverity(findings: readonly SummaryFinding[]): SummaryFinding[] {
  return [...findings].sort(
    (a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) || (a.id < b.id ? -1 : 1),
  );
}

/** The summaries of shards as one: of findings of one group the smallest stays, their counts are added. */
export function mergedSummary(summaries: readonly RunSummary[]): RunSummary {
  const [first] = summaries;
  if (first === undefined) throw new RangeError('There is no summary to merge.');
  const findings = new Map<string, SummaryFinding>();
  for (const finding of summaries.flatMap((summary) => summary.findings)) {
    const known = findings.get(finding.group);
    const better = known === undefined || isBetter(finding, known) ? finding : known;
    findings.set(finding.group, { ...better, count: finding.count + (known?.count ?? 0) });
  }
  const sum = (pick: (summary: RunSummary) => number) => summaries.reduce((total, each) => total + pick(each), 0);
  return {
    ...first,
    shard: summaries.map(({ shard }) => shard).join(' '),
    runs: sum(({ runs }) => runs),
    messages: sum(({ messages }) => messages),
    seconds: Math.max(...summaries.map(({ seconds }) => seconds)),
    verdict: worst(summaries.map(({ verdict }) => verdict)),
    findings: bySeverity([...findings.values()]),
    coverage: mergedCoverage(summaries.map(({ coverage }) => coverage)),
  };
}

/** Shown more often, or as often with fewer packets. */
function isBetter(a: SummaryFinding, b: SummaryFinding): boolean {
  const share = ({ reproduced: { n, of } }: SummaryFinding) => (of === 0 ? 0 : n / of);
  return share(a) > share(b) || (share(a) === share(b) && a.packets < b.packets);
}

function worst(verdicts: readonly RunSummary['verdict'][]): RunSummary['verdict'] {
  return (['fail', 'inconc', 'pass'] as const).find((verdict) => verdicts.includes(verdict)) ?? 'none';
}
