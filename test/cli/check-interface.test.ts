import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { CASES, type RunResult } from '../../src/conformance/index.js';
import { isInOrder, isMostlyTold, MPIP } from '../support/check-process.js';
import { NamespaceLab, whyNoNamespaces } from '../support/namespaces.js';

const TRAFFIC = 'build/test/support/traffic.js';

describe('mpip check against mpip peer --interface', { skip: whyNoNamespaces() }, () => {
  let lab: NamespaceLab;
  const folder = mkdtempSync(join(tmpdir(), 'mpip-check-'));

  before(async () => {
    lab = new NamespaceLab();
    await lab.start(lab.hostB, process.execPath, [TRAFFIC, 'serve', '0.0.0.0', '7000'], /serving/);
    await lab.start(lab.hostB, process.execPath, [TRAFFIC, 'discard', '0.0.0.0', '7001'], /discarding/);
  });
  after(() => {
    lab?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test('every case passes across a router, TCP of an unmodified kernel included, and the host is as before', async () => {
    const before = lab.snapshot(lab.hostA);
    const control = join(folder, 'peer.sock');
    const options = ['--set', 'session-expiry=3s', '--control', control];
    const args = [MPIP, 'peer', '--interface', 'b1', '--interface', 'b2', ...options];
    await lab.start(lab.hostB, process.execPath, args, /^ready /, true);
    const report = join(folder, 'report.json');
    await lab
      .finish(
        ...[lab.hostA, process.execPath, MPIP, 'check', '10.77.3.2', '--tcp-port', '7000', '--control', control],
        ...['--service', 'echo:7000', '--service', 'discard:7001', '--source', '10.77.1.2', '--source', '10.77.2.2'],
        ...['--pixit', 'session-expiry=3s', '--report', `json=${report}`],
      )
      .catch((error: Error) => {
        // 3: of some cases nothing could be said.
        if (!/ended with 3:/.test(error.message)) throw error;
      });
    const run = JSON.parse(readFileSync(report, 'utf8')) as RunResult;
    assert.equal(run.link, 'raw');
    assert.ok(isMostlyTold(run.cases), JSON.stringify(run.counts));
    assert.deepEqual(
      run.cases.filter((one) => !isInOrder(one)).map(({ id, verdict, cause }) => `${id}: ${verdict}, ${cause.text}`),
      [],
    );
    const withTcp = new Set(CASES.filter(({ tcp }) => tcp).map(({ id }) => id));
    assert.ok(run.cases.some(({ id, verdict }) => withTcp.has(id) && verdict === 'pass'));
    assert.equal(lab.snapshot(lab.hostA), before);
    await lab.endPeers();
  });

  for (const [name, mode] of [
    ['with --tcp', ['--tcp']],
    ['over ordinary sockets', []],
  ] as const) {
    test(`a reference host ${name} knows what its links carry: a datagram that has no room for a CM goes without, in one piece`, async () => {
      const args = [MPIP, 'peer', '--address', '10.77.3.2', '--address', '10.77.4.2', '--port', '7100', ...mode];
      await lab.start(lab.hostB, process.execPath, args, /^ready /, true);
      const report = join(folder, 'mtu.json');
      const expected = ['CM-large-datagrams', 'WF-no-fragments-with-cm'];
      const cases = expected.flatMap((id) => ['--case', id]);
      await lab.finish(
        ...[lab.hostA, process.execPath, MPIP, 'check', '10.77.3.2', '--service', 'echo:7100', ...cases],
        ...['--report', `json=${report}`],
      );
      const run = JSON.parse(readFileSync(report, 'utf8')) as RunResult;
      assert.deepEqual(
        run.cases.map(({ id, verdict }) => `${id}: ${verdict}`),
        expected.map((id) => `${id}: pass`),
      );
      await lab.endPeers();
    });
  }
});
