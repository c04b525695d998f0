import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, test } from 'node:test';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { parse } from 'yaml';

const folder = mkdtempSync(join(tmpdir(), 'mpip-fuzz-ci-'));
after(() => rmSync(folder, { recursive: true, force: true }));

type Job = Record<string, unknown> & {
  steps?: { run?: string; uses?: string }[];
  script?: string[];
  stage?: string;
};

/** The YAML blocks of the page. */
const blocks = [...readFileSync('docs/fuzz-in-ci.md', 'utf8').matchAll(/```yaml\n([\s\S]*?)```/g)].map(
  ([, text]) => parse(text!) as Record<string, unknown>,
);
const [sharded, short, gitlab] = blocks as [
  { jobs: Record<string, Job> },
  { jobs: Record<string, Job> },
  Record<string, Job>,
];

const step = {
  type: 'object',
  properties: { name: { type: 'string' }, run: { type: 'string' }, uses: { type: 'string' }, with: { type: 'object' } },
  oneOf: [{ required: ['run'] }, { required: ['uses'] }],
};
const WORKFLOW = {
  type: 'object',
  required: ['on', 'jobs'],
  properties: {
    jobs: {
      type: 'object',
      minProperties: 1,
      additionalProperties: {
        type: 'object',
        required: ['runs-on', 'steps'],
        properties: { steps: { type: 'array', minItems: 1, items: step } },
      },
    },
  },
};
const GITLAB_JOB = {
  type: 'object',
  required: ['stage', 'script'],
  properties: { stage: { type: 'string' }, script: { type: 'array', minItems: 1, items: { type: 'string' } } },
};
const ACTION = {
  type: 'object',
  required: ['name', 'description', 'runs'],
  properties: {
    inputs: { type: 'object', additionalProperties: { type: 'object', required: ['description'] } },
    runs: {
      type: 'object',
      required: ['using', 'steps'],
      properties: {
        using: { const: 'composite' },
        steps: { type: 'array', items: { ...step, dependentRequired: { run: ['shell'] } } },
      },
    },
  },
};

function fits(schema: object, value: unknown, what: string): void {
  const validate = new Ajv2019({ strict: false }).compile(schema);
  assert.ok(validate(value), `${what}: ${JSON.stringify(validate.errors)}`);
}

/** A place with what the jobs expect: a Makefile that builds the peer, and a folder of regressions. */
function workplace(name: string): string {
  const place = join(folder, name);
  mkdirSync(join(place, 'fuzz-regressions'), { recursive: true });
  const peer = `exec ${process.execPath} ${resolve('build/src/cli/mpip.js')} peer --address 127.0.0.2 --port 7000 --service echo`;
  writeFileSync(join(place, 'Makefile'), `my-peer:\n\tprintf '#!/bin/sh\\n${peer}\\n' > my-peer && chmod +x my-peer\n`);
  return place;
}

/** Runs a job's lines as a runner does, in bash, with less time. */
function runLines(lines: readonly string[], cwd: string, env: Record<string, string> = {}): void {
  const script = lines.join('\n').replaceAll('--time 60', '--time 2');
  const result = spawnSync('bash', ['-e', '-c', script], {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, MPIP: resolve('build/src/cli/mpip.js'), ...env },
    timeout: 120_000,
  });
  assert.equal(result.status, 0, `${script}\n${result.stdout}\n${result.stderr}`);
}

const runsOf = (job: Job) => (job.steps ?? []).flatMap(({ run }) => (run === undefined ? [] : [run]));

test('the workflows and the action are what their services take', () => {
  fits(WORKFLOW, sharded, 'the workflow with shards');
  fits(WORKFLOW, short, 'the workflow with the action');
  const { stages, variables, ...jobs } = gitlab;
  assert.ok(Array.isArray(stages) && typeof variables === 'object');
  for (const [name, job] of Object.entries(jobs)) {
    fits(GITLAB_JOB, job, name);
    assert.ok((stages as string[]).includes(job.stage!), name);
  }
  const action = parse(readFileSync('action.yml', 'utf8')) as { inputs: Record<string, unknown> };
  fits(ACTION, action, 'action.yml');
  const used = short.jobs.fuzz!.steps!.find(({ uses }) => uses?.includes('/mpip@')) as { with: Record<string, string> };
  for (const name of Object.keys(used.with)) assert.ok(Object.hasOwn(action.inputs, name), name);
});

test('the lines of the GitHub jobs do what they say', { skip: !existsSync('/bin/bash') }, () => {
  const place = workplace('github');
  for (const shard of ['1', '2'])
    runLines(
      runsOf(sharded.jobs.fuzz!).map((run) => run.replaceAll(`\${{ matrix.shard }}`, shard)),
      place,
    );
  runLines(runsOf(sharded.jobs.merge!), place);
  for (const name of ['fuzz-1/summary.json', 'fuzz-2.xml', 'fuzz/summary.json', 'fuzz.sarif', 'fuzz.md'])
    assert.ok(existsSync(join(place, name)), name);
});

test('the lines of the GitLab jobs do what they say', { skip: !existsSync('/bin/bash') }, () => {
  const place = workplace('gitlab');
  runLines(gitlab.peer!.script!, place);
  for (const index of ['1', '2']) runLines(gitlab.fuzz!.script!, place, { CI_NODE_INDEX: index, CI_NODE_TOTAL: '2' });
  runLines(gitlab['one-result']!.script!, place);
  assert.ok(existsSync(join(place, 'fuzz.md')));
});

test('the step of the action does what it says', { skip: !existsSync('/bin/bash') }, () => {
  const place = workplace('action');
  const [{ run }] = (parse(readFileSync('action.yml', 'utf8')) as { runs: { steps: { run: string }[] } }).runs
    .steps as [{ run: string }];
  runLines(['make my-peer'], place);
  const peer = join(place, 'my-peer');
  chmodSync(peer, 0o755);
  const output = join(place, 'output');
  runLines([run], place, {
    PEER: '127.0.0.2',
    UDP_PORT: '7000',
    EXEC: peer,
    TIME: '2',
    SEED: '5',
    SHARD: '1/1',
    REGRESSIONS: '',
    OUT: 'mpip-fuzz',
    GITHUB_OUTPUT: output,
    GITHUB_STEP_SUMMARY: join(place, 'summary.md'),
  });
  assert.equal(readFileSync(output, 'utf8').trim(), 'findings=0');
  assert.match(readFileSync(join(place, 'summary.md'), 'utf8'), /^# Fuzzing 127\.0\.0\.2:7000: pass/);
});
