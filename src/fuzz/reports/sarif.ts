import type { Severity } from '../oracle.js';
import { ORACLES } from '../oracles/catalogue.js';
import type { RunSummary } from '../summary.js';

const LEVELS: Readonly<Record<Severity, 'error' | 'warning' | 'note'>> = {
  critical: 'error',
  high: 'error',
  medium: 'warning',
  low: 'note',
};

/** The result as SARIF 2.1.0: a rule for each oracle, a result for each finding, at its finding.json. */
export function sarifReport(summary: RunSummary): string {
  const log = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'mpip fuzz',
            version: summary.version,
            rules: ORACLES.map(({ id, description, severity }) => ({
              id,
              shortDescription: { text: description },
              defaultConfiguration: { level: LEVELS[severity] },
            })),
          },
        },
        invocations: [{ executionSuccessful: true }],
        properties: { seed: summary.seed, runs: summary.runs, messages: summary.messages, target: summary.target },
        results: summary.findings.map((finding) => ({
          ruleId: finding.oracle,
          ruleIndex: ORACLES.findIndex(({ id }) => id === finding.oracle),
          level: LEVELS[finding.severity],
          message: { text: finding.title },
          partialFingerprints: { 'group/v1': finding.group },
          locations: [
            {
              physicalLocation: {
                artifactLocation: {
                  uri: finding.folder === null ? 'summary.json' : `${uriOf(finding.folder)}/finding.json`,
                },
                region: { startLine: 1 },
              },
            },
          ],
          properties: {
            severity: finding.severity,
            requirements: finding.requirements,
            reproduced: finding.reproduced,
          },
        })),
      },
    ],
  };
  return `${JSON.stringify(log, null, 2)}\n`;
}

function uriOf(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}
