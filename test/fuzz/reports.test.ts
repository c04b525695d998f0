import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { Coverage } from '../../src/fuzz/coverage.js';
import { ORACLES } from '../../src/fuzz/oracles/catalogue.js';
import { renderFuzzReport } from '../../src/fuzz/reports/index.js';
import type { RunSummary, SummaryFinding } from '../../src/fuzz/summary.js';

/** What a peer prints may be anything, and a folder may be called so. */
const TITLE = 'The peer ended (SIGSEGV): "<oops> & | \u0007\n\ud83d\ude00 ]]> \\" in 3 < 4';
const FOLDER = "out of #1/it's/process died 100%";
/** The folder for a shell. */
const AS_A_WORD = "'out of #1/it'\\''s/process died 100%'";

const finding: SummaryFinding = {
  id: 'process-died-5e0b3c1d',
  oracle: 'process-died',
  severity: 'critical',
  group: 'process-died/SIGSEGV',
  title: TITLE,
  requirements: ['MPIP-AV-06'],
  folder: FOLDER,
  count: 3,
  packets: 4,
  reproduced: { n: 4, of: 5 },
  firstSeen: { messages: 10, seconds: 0.5 },
};
const summary: RunSummary = {
  tool: 'mpip',
  version: '0.1.0',
  seed: 7,
  shard: '1/1',
  target: '127.0.0.2:7000',
  runs: 12,
  messages: 345,
  seconds: 6.7,
  verdict: 'fail',
  findings: [finding, { ...finding, id: 'latency-5e0b3c1d', oracle: 'latency', severity: 'low', folder: null }],
  coverage: new Coverage().report(),
};

const text = { type: 'object', required: ['text'], properties: { text: { type: 'string', minLength: 1 } } };
const bag = { type: 'object' };
const level = { enum: ['none', 'note', 'warning', 'error'] };
/** An object with these properties, the first ones necessary, and no other. */
const exactly = (required: Record<string, object>, optional: Record<string, object> = {}) => ({
  type: 'object',
  required: Object.keys(required),
  properties: { ...required, ...optional },
  additionalProperties: false,
});
const list = (items: object, minItems = 0) => ({ type: 'array', minItems, items });
const rule = exactly(
  { id: { type: 'string' }, shortDescription: text },
  { defaultConfiguration: exactly({ level }, { enabled: { type: 'boolean' } }) },
);
const place = exactly(
  { artifactLocation: exactly({ uri: { type: 'string', format: 'uri-reference' } }) },
  { region: exactly({ startLine: { type: 'integer', minimum: 1 } }) },
);

/** Of SARIF 2.1.0 (OASIS, sections 3.13 to 3.28) what a fuzz run uses, with what is necessary there and for GitHub's code scanning. */
const SARIF = exactly({
  $schema: { const: 'https://json.schemastore.org/sarif-2.1.0.json' },
  version: { const: '2.1.0' },
  runs: list(
    exactly(
      {
        tool: exactly({
          driver: exactly({ name: { type: 'string' } }, { version: { type: 'string' }, rules: list(rule, 1) }),
        }),
        results: list(
          exactly(
            {
              message: text,
              ruleId: { type: 'string' },
              level,
              locations: list(exactly({ physicalLocation: place }), 1),
            },
            {
              ruleIndex: { type: 'integer', minimum: -1 },
              partialFingerprints: { type: 'object', additionalProperties: { type: 'string' } },
              properties: bag,
            },
          ),
        ),
      },
      { invocations: list(exactly({ executionSuccessful: { type: 'boolean' } })), properties: bag },
    ),
    1,
  ),
});

interface SarifLog {
  readonly runs: readonly [
    {
      readonly tool: { readonly driver: { readonly rules: readonly { readonly id: string }[] } };
      readonly results: readonly {
        readonly ruleId: string;
        readonly ruleIndex: number;
        readonly level: string;
        readonly message: { readonly text: string };
        readonly locations: readonly [
          { readonly physicalLocation: { readonly artifactLocation: { readonly uri: string } } },
        ];
      }[];
    },
  ];
}

test('SARIF is valid, each result names its rule, and its place is a URI that leads to finding.json', async () => {
  const ajv = new Ajv2019({ strict: false, formats: { 'uri-reference': /^[A-Za-z0-9._~!$&'()*+,;=:@/?%-]+$/ } });
  const isValid = ajv.compile(SARIF);
  const log = JSON.parse(await renderFuzzReport(summary, 'sarif')) as SarifLog;
  assert.ok(isValid(log), JSON.stringify(isValid.errors));
  const [{ tool, results }] = log.runs;
  assert.deepEqual(
    results.map(({ ruleId, level, message }) => [ruleId, level, message.text]),
    [
      ['process-died', 'error', TITLE],
      ['latency', 'note', TITLE],
    ],
  );
  for (const { ruleId, ruleIndex } of results) assert.equal(tool.driver.rules[ruleIndex]!.id, ruleId);
  const { uri } = results[0]!.locations[0].physicalLocation.artifactLocation;
  assert.equal(decodeURIComponent(uri), `${FOLDER}/finding.json`);
  // The schema is one that notices.
  assert.ok(!isValid({ ...log, version: '2.0.0' }));
  assert.ok(!isValid({ ...log, runs: [{ ...log.runs[0], results: [{ ...results[0], level: 'fatal' }] }] }));
  const empty = JSON.parse(await renderFuzzReport({ ...summary, findings: [], verdict: 'pass' }, 'sarif')) as SarifLog;
  assert.ok(isValid(empty), JSON.stringify(isValid.errors));
});

test('JUnit is XML whatever a peer printed: a case for each oracle, which fails with its findings', async () => {
  const xml = await renderFuzzReport(summary, 'junit');
  assert.equal(XMLValidator.validate(xml), true);
  const parsed = new XMLParser({ ignoreAttributes: false, isArray: (name) => name === 'testcase' }).parse(xml) as {
    testsuites: {
      '@_failures': string;
      testsuite: {
        '@_tests': string;
        testcase: { '@_name': string; failure?: { '@_message': string; '@_type'?: string } }[];
      };
    };
  };
  const { testsuites } = parsed;
  assert.equal(testsuites['@_failures'], '2');
  assert.deepEqual(
    testsuites.testsuite.testcase.map((each) => each['@_name']),
    ORACLES.map(({ id }) => id),
  );
  const failed = testsuites.testsuite.testcase.filter(({ failure }) => failure !== undefined);
  assert.deepEqual(
    failed.map((each) => each['@_name']),
    ['process-died', 'latency'],
  );
  assert.ok(failed[0]!.failure!['@_message'].includes(`mpip fuzz --replay ${AS_A_WORD}`), JSON.stringify(failed[0]));
  assert.ok(!/mpip fuzz --replay/.test(failed[1]!.failure!['@_message']), 'no folder was written');
});

test('the table of the Markdown report has as many cells in each row as in its head', async () => {
  const markdown = await renderFuzzReport(summary, 'markdown');
  const rows = markdown.split('\n').filter((line) => line.startsWith('|'));
  const cells = (row: string) => row.replaceAll('\\|', '').split('|').length;
  const head = cells(rows[0]!);
  assert.ok(
    rows.filter((row) => row.includes('process-died')).every((row) => cells(row) === head),
    rows.join('\n'),
  );
  assert.ok(!markdown.includes('<oops>'));
});

test('the text report names the folder where there is one, and says nothing of one that is not', async () => {
  const report = await renderFuzzReport(summary, 'text');
  assert.ok(report.includes(`  mpip fuzz --replay ${AS_A_WORD}\n`), report);
  assert.doesNotMatch(report, /null|undefined/);
});
