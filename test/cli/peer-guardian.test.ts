import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { after, afterEach, before, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { NamespaceLab, type Running, run, whyNoNamespaces } from '../support/namespaces.js';

const MPIP = 'build/src/cli/mpip.js';
const TRAFFIC = 'build/test/support/traffic.js';

const reason = whyNoNamespaces();

describe('what mpip peer changed on the host is undone, however it ends', { skip: reason }, () => {
  let lab: NamespaceLab;
  before(async () => {
    lab = new NamespaceLab();
    await lab.start(lab.hostB, process.execPath, [TRAFFIC, 'serve', '0.0.0.0', '7000'], /serving/);
    // A file of a removed namespace whose number one of these got may still be there.
    cleanUp();
  });
  after(() => lab?.close());
  afterEach(() => lab.endPeers());

  const peer = (...more: string[]): Promise<Running> =>
    lab.start(
      lab.hostA,
      process.execPath,
      [MPIP, 'peer', '--interface', 'a1', '--interface', 'a2', ...more],
      /^ready /,
      true,
    );
  const cleanUp = () => lab.exec(lab.hostA, process.execPath, MPIP, 'peer', '--cleanup');
  const seen = () =>
    [lab.snapshot(lab.hostA), lab.exec(lab.hostA, 'sysctl', '-a', '-r', '^net\\.ipv4\\.(conf|ip)')].join('\n');
  const until = async (isTrue: () => boolean) => {
    while (!isTrue()) await setTimeout(50);
  };
  /** Process numbers of the guardians of a peer. */
  const guardians = (pid: number): number[] =>
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .filter((name) => {
        try {
          const words = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0');
          return words.includes('mpip-guardian') && words.includes(String(pid));
        } catch {
          return false;
        }
      })
      .map(Number);
  /** Ends what waits for the end of a shield that is gone. */
  const endGuardians = (pid: number) => {
    for (const name of readdirSync('/proc').filter((text) => /^\d+$/.test(text)))
      try {
        const words = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0');
        if (words.includes('--cleanup') && words.includes(String(pid))) process.kill(Number(name), 'SIGKILL');
      } catch {
        // It ended meanwhile.
      }
  };
  const isNoted = (pid: number) => readdirSync('/run/mpip').some((name) => name.includes(`-${pid}.`));
  const client = async (kind: 'udp' | 'tcp', ...args: number[]): Promise<unknown> => {
    const all = [TRAFFIC, kind, '10.77.3.2', '7000', ...args.map(String)];
    return JSON.parse((await lab.start(lab.hostA, process.execPath, all, /^\{/)).line);
  };
  /** Ends the guardian for good, then the peer: as when the whole control group is killed. */
  const killBoth = async (running: Running) => {
    running.signal('SIGSTOP');
    for (const pid of guardians(running.pid)) process.kill(pid, 'SIGKILL');
    await running.end('SIGKILL');
  };

  test('after SIGKILL the guardian undoes everything, and the plain network works', async () => {
    const untouched = seen();
    const running = await peer('--shield', '0');
    assert.equal(guardians(running.pid).length, 1);
    assert.notEqual(seen(), untouched);
    assert.deepEqual(await client('udp', 3, 100), { sent: 3, intact: 3 });
    await running.end('SIGKILL');
    await until(() => !isNoted(running.pid));
    assert.equal(seen(), untouched);
    assert.deepEqual(await client('udp', 20, 1000), { sent: 20, intact: 20 });
    assert.deepEqual(await client('tcp', 500_000), { received: 500_000, intact: true });
    await until(() => guardians(running.pid).length === 0);
    assert.match(cleanUp(), /^Nothing was left\.$/m);
  });

  test('after SIGKILL packets with a CM are kept from the kernel: for a while, until the next start, or --cleanup', async () => {
    const untouched = seen();
    const filters = () => lab.exec(lab.hostA, 'tc', 'filter', 'show', 'dev', 'a1', 'ingress');
    const isShielded = (pid: number) => isNoted(pid) && !lab.exec(lab.hostA, 'ip', 'rule').includes('lookup 700');
    const killed = await peer('--shield', '600');
    const before = filters();
    await killed.end('SIGKILL');
    await until(() => isShielded(killed.pid));
    assert.match(filters(), /direct-action/);
    assert.notEqual(filters(), before);
    assert.deepEqual(await client('tcp', 500_000), { received: 500_000, intact: true });
    const next = await peer('--shield', '1');
    assert.ok(!isNoted(killed.pid), 'the next one has lifted the shield');
    assert.equal(filters().match(/direct-action/g)?.length, 1);
    await next.end('SIGKILL');
    await until(() => !isNoted(next.pid));
    assert.equal(seen(), untouched);
    const last = await peer();
    await last.end('SIGKILL');
    await until(() => isShielded(last.pid));
    assert.match(cleanUp(), new RegExp(`^Undone what the killed process ${last.pid} left`, 'm'));
    assert.equal(seen(), untouched);
    for (const { pid } of [killed, last]) endGuardians(pid);
  });

  test('a guardian ignores SIGINT and SIGHUP, is replaced when it is killed, and ends with its peer', async () => {
    const running = await peer();
    const [first] = guardians(running.pid);
    process.kill(first!, 'SIGINT');
    process.kill(first!, 'SIGHUP');
    await setTimeout(200);
    assert.deepEqual(guardians(running.pid), [first]);
    process.kill(first!, 'SIGKILL');
    await until(() => guardians(running.pid).some((pid) => pid !== first));
    assert.equal((await running.end('SIGHUP')).code, 0);
    await until(() => guardians(running.pid).length === 0);
  });

  test('when both are killed, --cleanup repairs', async () => {
    const untouched = seen();
    const running = await peer();
    await killBoth(running);
    assert.notEqual(seen(), untouched);
    assert.match(cleanUp(), new RegExp(`^Undone what the killed process ${running.pid} left\\.$`, 'm'));
    assert.equal(seen(), untouched);
    assert.ok(!isNoted(running.pid));
  });

  test('when both are killed, the next start repairs', async () => {
    const untouched = seen();
    const killed = await peer();
    await killBoth(killed);
    const next = await peer();
    assert.match(cleanUp(), /still running/);
    const { code, output } = await next.end('SIGTERM');
    assert.equal(code, 0);
    assert.match(output, new RegExp(`undone what the killed process ${killed.pid} left`));
    assert.equal(seen(), untouched);
  });

  test('what is noted of a network namespace that is gone is removed', () => {
    const path = '/run/mpip/1-1.json';
    writeFileSync(path, JSON.stringify({ version: 1, pid: 1, started: 'never', namespace: '1', changes: [] }));
    // Whoever starts or cleans up first removes it, on this host the tests beside this one too.
    assert.match(cleanUp(), /^(Removed \d+ files? of processes whose network namespace is gone|Nothing was left)\.$/m);
    assert.ok(!existsSync(path));
  });

  test('a second peer on an interface is refused; on another one both run', async () => {
    const first = await lab.start(lab.hostA, process.execPath, [MPIP, 'peer', '--interface', 'a1'], /^ready /, true);
    await assert.rejects(peer(), new RegExp(`ended with 4: .*Process ${first.pid} runs a peer on a1 already`));
    const second = await lab.start(lab.hostA, process.execPath, [MPIP, 'peer', '--interface', 'a2'], /^ready /, true);
    assert.match(second.line, /device mpip1/);
  });

  test('numbers of rules and tables that somebody else uses are left alone', async () => {
    const others = [
      ['route', 'add', '192.0.2.0/24', 'dev', 'a1', 'table', '7000'],
      ['rule', 'add', 'pref', '7001', 'from', '192.0.2.1', 'lookup', '1'],
    ];
    for (const words of others) run('ip', ['-n', lab.hostA, ...words]);
    const untouched = seen();
    const running = await peer();
    assert.match(run('ip', ['-n', lab.hostA, 'rule']), /^7002:.*ipproto tcp lookup 7002/m);
    await running.end('SIGTERM');
    assert.equal(seen(), untouched);
    for (const words of others) run('ip', ['-n', lab.hostA, ...words.map((word) => (word === 'add' ? 'del' : word))]);
  });

  test('a strict reverse path check on the host does not stop the traffic', async () => {
    const strict = (value: number) => lab.exec(lab.hostA, 'sysctl', '-qw', `net.ipv4.conf.all.rp_filter=${value}`);
    strict(1);
    const untouched = seen();
    const running = await peer();
    assert.deepEqual(await client('udp', 5, 100), { sent: 5, intact: 5 });
    await running.end('SIGTERM');
    assert.equal(seen(), untouched);
    strict(0);
  });

  test('without privilege and without a TUN device it says what is missing', async () => {
    const untouched = seen();
    const words = [process.execPath, MPIP, 'peer', '--interface', 'a1'];
    const start = (command: string, ...args: string[]) =>
      lab.start(lab.hostA, command, args, /^ready /).then(
        () => assert.fail('it started'),
        (error: Error) => error.message,
      );
    assert.match(
      await start('setpriv', '--bounding-set=-net_raw', '--inh-caps=-net_raw', ...words),
      /ended with 4: .*lacks CAP_NET_RAW; run it as root/,
    );
    assert.match(
      await start('unshare', '-m', 'sh', '-c', `mount -t tmpfs none /dev/net && exec ${words.join(' ')}`),
      /ended with 4: .*Opening \/dev\/net\/tun failed \(ENOENT\): load the module tun/,
    );
    run('ip', ['-n', lab.hostA, 'addr', 'del', '10.77.2.2/24', 'dev', 'a2']);
    assert.match(await start(process.execPath, MPIP, 'peer', '--interface', 'a2'), /a2 has no IPv4 address/);
    lab.restore('a2');
    assert.equal(seen(), untouched);
  });
});
