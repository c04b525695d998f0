import type { CaseResult, RunResult } from '../result.js';

/**
 * The result as TAP version 14, a test point per case. A `fail` and a fault of the tester are `not ok`; a failure that
 * is known is `not ok` with the directive TODO, which harnesses do not count; what says nothing about the peer
 * (`inconc`, `not-applicable`, `not-run`) is `ok` with the directive SKIP and the reason. Details follow as YAML.
 */
export function tapReport(run: RunResult): string {
  const lines = ['TAP version 14', `1..${run.cases.length}`];
  lines.push(
    `# mpip check ${run.iut.address}, profile ${run.profile}, link ${run.link}, seed ${run.seed}, version ${run.version}`,
  );
  run.cases.forEach((result, i) => {
    lines.push(
      `${isOk(result) ? 'ok' : 'not ok'} ${i + 1} - ${escaped(`${result.id}: ${result.purpose}`)}${directive(result)}`,
    );
    if (result.verdict !== 'pass' || result.warnings.length > 0) lines.push(...diagnostics(result));
  });
  if (run.isInterrupted) lines.push('Bail out! The run was interrupted; cases without a verdict were not run.');
  return `${lines.join('\n')}\n`;
}

function isOk({ verdict }: CaseResult): boolean {
  return verdict !== 'fail' && verdict !== 'error' && verdict !== 'none';
}

function directive(result: CaseResult): string {
  if (result.isKnownFailing === true) return ` # TODO known failing (${result.cause.code})`;
  if (result.verdict === 'pass' || !isOk(result)) return '';
  return ` # SKIP ${escaped(`${result.verdict} (${result.cause.code}): ${result.cause.text}`)}`;
}

/** A YAML block; every value is a JSON string, list or number, which YAML reads as the same. */
function diagnostics({ verdict, cause, warnings, requirements, evidence, durationMs }: CaseResult): string[] {
  const values: Record<string, unknown> = {
    message: cause.text,
    severity: verdict,
    cause: cause.code,
    requirements: cause.requirement === undefined ? requirements : [cause.requirement],
    expected: cause.expected,
    seen: cause.seen,
    evidence: evidence.file ?? undefined,
    frames: evidence.frames,
    warnings:
      warnings.length > 0
        ? warnings.map((warning) => `${warning.requirement ?? ''} ${warning.text}`.trim())
        : undefined,
    duration_ms: durationMs,
  };
  const rows = Object.entries(values).filter(([, value]) => value !== undefined);
  return ['  ---', ...rows.map(([name, value]) => `  ${name}: ${JSON.stringify(value)}`), '  ...'];
}

/** A description without what TAP would read as a directive or as the end of the line. */
function escaped(text: string): string {
  return text.replaceAll(/\s+/g, ' ').replaceAll('\\', '\\\\').replaceAll('#', '\\#');
}
