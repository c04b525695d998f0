import junit, { type Builder } from 'junit-report-builder';
import { replayCommand } from '../finding.js';
import { ORACLES } from '../oracles/catalogue.js';
import type { RunSummary } from '../summary.js';

// The package's types speak of a default export, but it exports the builder itself.
const builder = junit as unknown as Builder;

/** The result as JUnit XML: a test case for each oracle, which fails with its findings. */
export function junitReport(summary: RunSummary): string {
  const report = builder.newBuilder();
  const suite = report.testSuite().name('mpip.fuzz').time(summary.seconds);
  suite.property('target', summary.target);
  suite.property('seed', String(summary.seed));
  suite.property('runs', String(summary.runs));
  suite.property('messages', String(summary.messages));
  for (const { id } of ORACLES) {
    const item = suite.testCase().className('mpip.fuzz').name(id);
    const findings = summary.findings.filter(({ oracle }) => oracle === id);
    for (const { severity, title, folder, requirements } of findings) {
      const where = folder === null ? '' : `; ${replayCommand(folder)}`;
      item.failure(clean(`${title} [${requirements.join(' ')}]${where}`), severity);
    }
  }
  return report.build();
}

/** Without the characters that XML cannot hold. */
function clean(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these are to be removed.
  return text.replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, ' ');
}
