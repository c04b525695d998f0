import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { CASES, type RunResult } from '../../src/conformance/index.js';
import { endProcess, freePorts, isInOrder, isMostlyTold, runCheck, startPeer } from '../support/check-process.js';

const isRoot = process.platform === 'linux' && process.getuid?.() === 0;

describe('mpip check over packet sockets', { skip: !isRoot && 'Packet sockets are for root.' }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'mpip-raw-'));
  after(() => rmSync(folder, { recursive: true, force: true }));

  test('every case passes on loopback against mpip peer --tcp, by somebody without rights, with evidence', async () => {
    const ports = await freePorts(3);
    const services = ['echo', 'discard', 'chargen'].flatMap((name, i) => ['--service', `${name}:${ports[i]}`]);
    const control = join(folder, 'peer.sock');
    const addresses = ['--address', '127.45.0.2', '--address', '127.45.0.3'];
    const peer = await startPeer([
      ...[...addresses, ...services, '--tcp', '--set', 'session-expiry=3s', '--control', control],
    ]);
    try {
      // Where nobody but root may enter, as in the home of root.
      const closed = join(folder, 'closed');
      mkdirSync(closed, { mode: 0o700 });
      const report = join(closed, 'report.json');
      const evidence = join(closed, 'evidence');
      let status = '';
      const args = ['127.45.0.2', ...services, '--tcp-port', String(ports[0]), '--pixit', 'session-expiry=3s'];
      const { code, stderr } = await runCheck(
        [...args, '--explain', '--control', control, '--report', `json=${report}`, '--evidence', evidence],
        async (child) => {
          await setTimeout(2000);
          status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
        },
      );
      const run = JSON.parse(readFileSync(report, 'utf8')) as RunResult;
      const others = run.cases.filter((one) => !isInOrder(one));
      assert.deepEqual(
        others.map(({ id, verdict, cause }) => `${id}: ${verdict}, ${cause.text}`),
        [],
        stderr,
      );
      assert.equal(code, run.counts.inconc > 0 ? 3 : 0, stderr);
      assert.equal(run.link, 'raw');
      assert.ok(isMostlyTold(run.cases), JSON.stringify(run.counts));
      assert.ok(run.cases.some(({ id, verdict }) => CASES.find((one) => one.id === id)!.tcp && verdict === 'pass'));
      assert.match(status, /^CapEff:\s*0+$/m, 'all capabilities are given up');
      assert.match(status, /^CapPrm:\s*0+$/m);
      assert.doesNotMatch(status, /^Uid:.*\b0\b/m);
      assert.equal(run.profile, 'paper');
      assert.match(run.profileFound!, /layout compact, with a clock of [\d.]+ µs a tick and right checksums/);
      assert.deepEqual(
        run.explanation!.reasons.map((reason) => reason.code),
        ['multipath'],
        JSON.stringify(run.explanation),
      );
      // Beside the cases there is what happened before the first one and after the last.
      const passed = run.cases.filter(({ verdict }) => verdict === 'pass').map(({ id }) => id);
      const files = readdirSync(evidence);
      for (const id of [...passed, 'profile', 'preliminary', 'explanation'])
        assert.ok(files.includes(`${id}.pcapng`), id);
      assert.notEqual(statSync(join(evidence, `${run.cases[0]!.id}.pcapng`)).uid, 0);
      assert.equal(run.cases[0]!.evidence.file, join(evidence, `${run.cases[0]!.id}.pcapng`));
      assert.ok(existsSync(run.cases[0]!.evidence.file!));
    } finally {
      await endProcess(peer);
    }
  });

  test('raw packets go to nobody else’s addresses unless that is allowed', async () => {
    const refused = await runCheck(['203.0.113.9', '--report', `json=${join(folder, 'none.json')}`]);
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /neither a loopback nor a private address.*--allow-target 203\.0\.113\.9\/32/);
    assert.ok(!existsSync(join(folder, 'none.json')));
    const wrong = await runCheck(['127.45.0.9', '--allow-target', '203.0.113.0/40']);
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /prefix of --allow-target/);
  });

  test('an upper tester that does not answer, or answers nonsense, is a fault that names it', async () => {
    const none = await runCheck(['127.45.0.9', '--control', join(folder, 'no.sock')]);
    assert.equal(none.code, 4);
    assert.match(none.stderr, /No peer answers on .*no\.sock/);
    const silly = await runCheck(['127.45.0.9', '--upper-tester', "sh -c 'read line; echo nonsense'"]);
    assert.equal(silly.code, 4);
    assert.match(silly.stderr, /answered no JSON: nonsense/);
    const missing = await runCheck(['127.45.0.9', '--upper-tester', 'no-such-program --x']);
    assert.equal(missing.code, 4);
    assert.match(missing.stderr, /no-such-program/);
    const open = await runCheck(['127.45.0.9', '--upper-tester', "echo 'x"]);
    assert.equal(open.code, 2);
  });
});
