import junit, { type Builder } from 'junit-report-builder';
import type { CaseResult, RunResult } from '../result.js';

// The package's types speak of a default export, but it exports the builder itself.
const builder = junit as unknown as Builder;

/**
 * The result as JUnit XML, a suite per area. A `fail` is a failure, a fault of the tester an error; what says nothing
 * about the peer (`inconc`, `not-applicable`, `not-run`) and what is known to fail is skipped, with the reason.
 */
export function junitReport(run: RunResult): string {
  const report = builder.newBuilder();
  const reasons: string[] = [];
  const areas = new Map<string, CaseResult[]>();
  for (const result of run.cases) {
    const list = areas.get(result.area);
    if (list === undefined) areas.set(result.area, [result]);
    else list.push(result);
  }
  for (const [area, results] of areas) {
    const suite = report.testSuite().name(`mpip.${area}`);
    suite.property('seed', String(run.seed));
    suite.property('profile', run.profile);
    suite.property('peer', run.iut.address);
    for (const result of results) {
      const item = suite
        .testCase()
        .className(`mpip.${area}`)
        .name(result.id)
        .time(Number((result.durationMs / 1000).toFixed(6)));
      item.property('requirements', result.requirements.join(' '));
      const { code, text } = result.cause;
      const message = clean(`${code}: ${text}`);
      if (result.isKnownFailing === true) {
        item.skipped();
        reasons.push(clean(`known failing: ${message}`));
      } else if (result.verdict === 'fail') item.failure(message, code);
      else if (result.verdict === 'error' || result.verdict === 'none') item.error(message, code);
      else if (result.verdict !== 'pass') {
        item.skipped();
        reasons.push(clean(`${result.verdict}: ${message}`));
      }
      if (result.evidence.file !== null) item.standardOutput(clean(`evidence ${result.evidence.file}`));
    }
  }
  // The builder has no reason for `skipped`; the elements come in the order in which they were made.
  return report.build().replaceAll('<skipped/>', () => `<skipped message="${attribute(reasons.shift()!)}"/>`);
}

/** Without the characters that XML cannot hold. */
function clean(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these are to be removed.
  return text.replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, ' ');
}

/** Text as the value of an XML attribute. */
function attribute(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
