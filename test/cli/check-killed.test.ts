import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { CaseResult, RunResult } from '../../src/conformance/index.js';
import { endProcess, freePorts, MPIP, runCheck, startPeer } from '../support/check-process.js';

const report = (...args: string[]) => spawnSync(process.execPath, [MPIP, 'report', ...args], { encoding: 'utf8' });

describe('a run that does not come to its end', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mpip-killed-'));
  let peer: Awaited<ReturnType<typeof startPeer>>;
  let services: string[];

  before(async () => {
    const [echo, discard] = await freePorts(2, '127.46.0.2');
    services = ['--service', `echo:${echo}`, '--service', `discard:${discard}`];
    peer = await startPeer(['--address', '127.46.0.2', '--address', '127.46.0.3', ...services]);
  });
  after(async () => {
    await endProcess(peer);
    rmSync(folder, { recursive: true, force: true });
  });

  const linesOf = (path: string) =>
    existsSync(path)
      ? readFileSync(path, 'utf8')
          .split('\n')
          .filter((line) => line.includes('"verdict":"pass"')).length
      : 0;

  /** Runs some cases, of which the last waits for minutes, and sends a signal when `count` have ended. */
  const cutShort = async (name: string, signal: NodeJS.Signals, count: number) => {
    const evidence = join(folder, name);
    const ndjson = join(folder, `${name}.ndjson`);
    const all = ['127.46.0.2', '--unprivileged', ...services, '--slow', '--case', 'AV-*', '--case', 'SS-expires'];
    const ended = await runCheck(
      [
        ...all,
        '--evidence',
        evidence,
        '--report',
        `ndjson=${ndjson}`,
        '--report',
        `json=${join(folder, `${name}.json`)}`,
      ],
      async (child) => {
        while (linesOf(join(evidence, 'journal.ndjson')) < count) await setTimeout(20);
        child.kill(signal);
      },
    );
    return { ended, evidence, ndjson };
  };

  test('kill -9 loses no verdict that was there: the journal becomes every kind of report', async () => {
    const { ended, evidence, ndjson } = await cutShort('killed', 'SIGKILL', 15);
    assert.equal(ended.code, null);
    for (const path of [join(evidence, 'journal.ndjson'), ndjson]) {
      const json = join(folder, 'rendered.json');
      const rendered = report('render', path, '--report', `json=${json}`);
      assert.equal(rendered.status, 4, 'an interrupted run is no success');
      assert.match(rendered.stdout, /SS-expires/);
      const run = JSON.parse(readFileSync(json, 'utf8')) as RunResult;
      assert.equal(run.isInterrupted, true);
      const finished = run.cases.filter(({ verdict }) => verdict === 'pass');
      assert.ok(finished.length >= 15, `${finished.length}`);
      assert.equal(finished.length, readFileSync(path, 'utf8').split('"verdict":"pass"').length - 1);
      const missing = run.cases.find(({ id }) => id === 'SS-expires')!;
      assert.deepEqual([missing.verdict, missing.cause.code], ['not-run', 'interrupted']);
      assert.ok(run.requirements.some(({ status }) => status === 'pass'));
      for (const { evidence: found } of finished as CaseResult[]) {
        const { status, stderr } = spawnSync(process.execPath, [MPIP, 'dissect', found.file!], { encoding: 'utf8' });
        assert.equal(status, 0, stderr);
        break;
      }
    }
  });

  test('SIGTERM and SIGINT: the reports are written, what had ended is in them, exit code 4', async () => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const { ended, evidence } = await cutShort(signal, signal, 10);
      assert.equal(ended.code, 4, ended.stderr);
      assert.match(ended.stderr, /interrupted; what is finished is reported/);
      const run = JSON.parse(readFileSync(join(folder, `${signal}.json`), 'utf8')) as RunResult;
      assert.equal(run.isInterrupted, true);
      assert.ok(run.counts.pass >= 10);
      assert.equal(run.cases.find(({ id }) => id === 'SS-expires')!.cause.code, 'interrupted');
      // The journal says the same of every case.
      const again = report(
        'render',
        join(evidence, 'journal.ndjson'),
        '--report',
        `json=${join(folder, 'again.json')}`,
      );
      assert.equal(again.status, 4, again.stderr);
      const same = JSON.parse(readFileSync(join(folder, 'again.json'), 'utf8')) as RunResult;
      assert.deepEqual(same.cases, run.cases);
      assert.deepEqual(same.requirements, run.requirements);
    }
  });

  test('a whole report is rendered as it is', async () => {
    const [json, ndjson] = [join(folder, 'whole.json'), join(folder, 'whole.ndjson')];
    const made = [
      '--self',
      '--case',
      'AV-*',
      '--seed',
      '3',
      '--report',
      `json=${json}`,
      '--report',
      `ndjson=${ndjson}`,
    ];
    assert.equal((await runCheck(made)).code, 0);
    const twice = join(folder, 'twice.json');
    assert.equal(report('render', ndjson, '--report', `json=${twice}`).status, 0);
    assert.deepEqual(JSON.parse(readFileSync(twice, 'utf8')), JSON.parse(readFileSync(json, 'utf8')));
    assert.match(report('render', json).stdout, /Verdict: pass/);
  });
});
