import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { CASES, type RunResult } from '../../src/conformance/index.js';
import { freePorts, isInOrder, MPIP } from '../support/check-process.js';

test('mpip check passes every case against mpip peer over real sockets, and knows its node id', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mpip-live-'));
  const ports = await freePorts(3);
  const services = ['echo', 'discard', 'chargen'].flatMap((name, i) => ['--service', `${name}:${ports[i]}`]);
  const peer = spawn(
    process.execPath,
    [
      MPIP,
      'peer',
      '--address',
      '127.0.0.1',
      '--address',
      '127.0.0.3',
      '--node-id',
      '9d:f8',
      '--set',
      'session-expiry=3s',
      ...services,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  try {
    await once(createInterface({ input: peer.stdout }), 'line');
    const report = join(folder, 'report.json');
    const options = ['--unprivileged', '--pixit', 'session-expiry=3s', '--report', `json=${report}`];
    const check = spawn(process.execPath, [MPIP, 'check', '127.0.0.1', ...services, ...options], { stdio: 'ignore' });
    const [code] = await once(check, 'close');
    const run = JSON.parse(readFileSync(report, 'utf8')) as RunResult;
    const others = run.cases.filter((one) => !isInOrder(one));
    assert.deepEqual(
      others.map(({ id, verdict, cause }) => `${id}: ${verdict}, ${cause.text}`),
      [],
    );
    assert.ok(run.counts.pass > 0.7 * CASES.filter((one) => !one.raw && !one.tcp && !one.upperTester).length);
    assert.equal(code, run.counts.inconc > 0 ? 3 : 0);
    assert.equal(run.link, 'socket');
    assert.equal(run.iut.nodeId, '9d:f8');
  } finally {
    peer.kill();
    rmSync(folder, { recursive: true });
  }
});
