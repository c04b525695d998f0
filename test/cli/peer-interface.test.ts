import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { Flags, TcpFlags } from '../../src/codec/index.js';
import { NamespaceLab, type Running, run, whyNoNamespaces } from '../support/namespaces.js';

const MPIP = 'build/src/cli/mpip.js';
const TRAFFIC = 'build/test/support/traffic.js';
/** The router's interfaces and who sends to it there: each packet is recorded on the link where it arrives. */
const ROUTER_SIDE = { ra1: '10.77.1.2', ra2: '10.77.2.2', rb1: '10.77.3.2', rb2: '10.77.4.2' };
/** What the applications may send in a packet: the host MTU without IPv4 and UDP headers. */
const LARGEST_DATAGRAM = 1474 - 28;

/** Copies that ask and confirm have a wrong TCP checksum on purpose (docs/decisions.md 1); nothing else has. */
const COPIES: readonly number[] = [Flags.enable, Flags.enabled];

const reason = whyNoNamespaces('ethtool');

describe('mpip peer --interface carries the traffic of an unmodified kernel', { skip: reason }, () => {
  let lab: NamespaceLab;
  const folder = mkdtempSync(join(tmpdir(), 'mpip-interface-'));

  before(async () => {
    lab = new NamespaceLab();
    lab.cutBeforeTheWire();
    await lab.start(lab.hostB, process.execPath, [TRAFFIC, 'serve', '0.0.0.0', '7000'], /serving/);
  });
  after(() => {
    lab?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  afterEach(() => lab.endPeers());

  const peer = (host: string, ...args: string[]): Promise<Running> => {
    const [first, second] = host === lab.hostA ? ['a1', 'a2'] : ['b1', 'b2'];
    const all = [MPIP, 'peer', '--interface', first!, '--interface', second!, ...args];
    return lab.start(host, process.execPath, all, /^ready /, true);
  };

  /** Runs a client on host A and returns what it printed. */
  const client = async (kind: 'udp' | 'tcp', ...args: number[]): Promise<Record<string, unknown>> => {
    const all = [TRAFFIC, kind, '10.77.3.2', '7000', ...args.map(String)];
    return JSON.parse((await lab.start(lab.hostA, process.execPath, all, /^\{/)).line) as Record<string, unknown>;
  };

  /** Records what passes the router while `during` runs. */
  const record = async (name: string, during: () => Promise<void>): Promise<string> => {
    const file = join(folder, `${name}.pcapng`);
    const inputs = Object.entries(ROUTER_SIDE).flatMap(([device, sender]) => [
      '-i',
      device,
      '-f',
      `src host ${sender}`,
    ]);
    const capture = await lab.start(lab.router, 'dumpcap', [...inputs, '-w', file], /^File: /);
    const recorded = () => Number(/.*Packets: (\d+)/s.exec(capture.output())?.[1] ?? 0);
    try {
      // It says that it captures some time before it does, and writes late.
      while (recorded() === 0) {
        run('ip', ['netns', 'exec', lab.hostA, 'bash', '-c', 'echo probe > /dev/udp/10.77.1.1/9']);
        await setTimeout(100);
      }
      await during();
      for (let before = -1; before < recorded(); await setTimeout(500)) before = recorded();
    } finally {
      await capture.end('SIGINT');
    }
    return file;
  };

  const linesOf = (text: string) => text.split('\n').filter((line) => line !== '');
  const count = (file: string, filter: string) => linesOf(run('tshark', ['-r', file, '-Y', filter])).length;

  /**
   * No kernel answers what it was not to see. The one RST that is in order is that of a closed socket: the last
   * acknowledgement of a connection came by a faster path than one before it.
   */
  const assertNoReset = (file: string, firstFin: number): void => {
    const resets = run('tshark', [
      ...['-r', file, '-Y', 'tcp.flags.reset == 1', '-T', 'fields'],
      ...['-e', 'frame.time_epoch', '-e', 'ip.src', '-e', 'ip.dst'],
    ]);
    for (const line of linesOf(resets)) {
      const [time, source, destination] = line.split('\t');
      assert.deepEqual([source, destination].sort(), ['10.77.1.2', '10.77.3.2'], 'an RST on another path');
      assert.ok(Number(time) > firstFin, 'an RST before the end of the connection');
    }
  };

  /** Rows of `mpip dissect` with the checks that hold for every recording. */
  const dissect = (file: string): Record<string, unknown>[] => {
    assert.equal(count(file, 'ip.flags.mf == 1 || ip.frag_offset > 0'), 0, 'a packet was fragmented');
    assert.equal(count(file, 'ip.len > 1500'), 0, 'a packet is longer than the links carry');
    const text = run(process.execPath, [MPIP, 'dissect', '--checksums', '--format', 'ndjson', file]);
    const rows = linesOf(text).map((line) => JSON.parse(line) as Record<string, unknown>);
    const fins = rows.filter((row) => ((row['tcp.flags'] as number | undefined) ?? 0) & TcpFlags.fin);
    assertNoReset(file, Math.min(...fins.map((row) => Number(row['frame.time_epoch']))));
    for (const row of rows) {
      assert.deepEqual(row['mpip.expert'], [], JSON.stringify(row));
      assert.equal(row['ip.checksum.status'], 'good', JSON.stringify(row));
      if (row['udp.checksum.status'] !== undefined)
        assert.equal(row['udp.checksum.status'], 'good', JSON.stringify(row));
    }
    return rows;
  };

  /** The address pairs by which host A sent user data with a CM in packets of one IP protocol. */
  const pairsOf = (rows: Record<string, unknown>[], protocol: number): string[] => {
    const data = rows.filter((row) => row['mpip.flags'] === Flags.normal && row['ip.proto'] === protocol);
    const pairs = data.map((row) => `${row['ip.src']}>${row['ip.dst']}`).filter((pair) => /^10\.77\.[12]\./.test(pair));
    return [...new Set(pairs)].sort();
  };
  const ALL_PAIRS = ['10.77.1.2>10.77.3.2', '10.77.1.2>10.77.4.2', '10.77.2.2>10.77.3.2', '10.77.2.2>10.77.4.2'];

  for (const mode of ['fake-tcp', 'udp-wrapper'] as const)
    test(`UDP and TCP use all four paths with --${mode}, and the host is as before`, async () => {
      const untouched = [lab.hostA, lab.hostB].map((host) => lab.snapshot(host));
      const peers = [await peer(lab.hostA, `--${mode}`), await peer(lab.hostB, `--${mode}`)];
      const mtu = mode === 'fake-tcp' ? 1474 : 1466;
      assert.match(
        peers[0]!.line,
        new RegExp(`^ready interfaces a1 a2 addresses 10.77.1.2 10.77.2.2 routes default .* host-mtu ${mtu} `),
      );
      const udp = await record(`${mode}-udp`, async () => {
        const largest = LARGEST_DATAGRAM - 1474 + mtu;
        assert.deepEqual(await client('udp', 300, largest), { sent: 300, intact: 300 });
      });
      assert.deepEqual(pairsOf(dissect(udp), 17), ALL_PAIRS);
      const tcp = await record(`${mode}-tcp`, async () => {
        assert.deepEqual(await client('tcp', 4_000_000), { received: 4_000_000, intact: true });
      });
      const rows = dissect(tcp);
      if (mode === 'fake-tcp') assert.deepEqual(pairsOf(rows, 6), ALL_PAIRS);
      else assert.deepEqual(pairsOf(rows, 17), ALL_PAIRS.slice(1));
      for (const row of rows)
        if (row['tcp.checksum.status'] === 'bad')
          assert.ok(COPIES.includes(row['mpip.flags'] as number), JSON.stringify(row));
      for (const running of peers) {
        const { code, output } = await running.end('SIGTERM');
        assert.equal(code, 0, output);
        assert.match(output, /stopped by SIGTERM/);
      }
      assert.deepEqual(
        [lab.hostA, lab.hostB].map((host) => lab.snapshot(host)),
        untouched,
      );
    });

  test('single packets with --no-offload on one side meet trains of the other', async () => {
    await peer(lab.hostA, '--udp-wrapper', '--no-offload');
    await peer(lab.hostB, '--udp-wrapper');
    assert.deepEqual(await client('udp', 50, LARGEST_DATAGRAM - 8), { sent: 50, intact: 50 });
    assert.deepEqual(await client('tcp', 4_000_000), { received: 4_000_000, intact: true });
  });

  test('a host without MPIP keeps its TCP streams and UDP datagrams', async () => {
    const running = await peer(lab.hostA);
    const file = await record('plain', async () => {
      assert.deepEqual(await client('udp', 60, LARGEST_DATAGRAM), { sent: 60, intact: 60 });
      assert.deepEqual(await client('tcp', 4_000_000), { received: 4_000_000, intact: true });
    });
    assert.equal(count(file, 'tcp.flags.reset == 1'), 0, 'a kernel answered with RST');
    assert.equal((await running.end('SIGINT')).code, 0);
  });

  test('--route narrows what goes through the node', async () => {
    const running = await peer(lab.hostA, '--route', '10.77.3.0/24');
    const way = (to: string, protocol: string) =>
      run('ip', ['-n', lab.hostA, 'route', 'get', to, 'ipproto', protocol]).split('\n')[0];
    assert.match(way('10.77.3.2', 'udp')!, /dev mpip0 /);
    assert.match(way('10.77.3.2', 'tcp')!, /dev mpip0 /);
    assert.match(way('10.77.3.2', 'icmp')!, /dev a1 /);
    assert.match(way('10.77.4.2', 'udp')!, /dev a1 /);
    assert.match(running.line, / routes 10\.77\.3\.0\/24 host-mtu /);
    assert.deepEqual(await client('udp', 5, 100), { sent: 5, intact: 5 });
    await running.end('SIGTERM');
  });

  test('what cannot be started is refused with a sentence, and nothing is left', async () => {
    const untouched = lab.snapshot(lab.hostA);
    const start = (...args: string[]) =>
      lab.start(lab.hostA, process.execPath, [MPIP, 'peer', ...args], /^ready /).then(
        () => assert.fail('it started'),
        (error: Error) => error.message,
      );
    assert.match(await start('--interface', 'nix'), /ended with 4: .*no interface 'nix'; choose from a1, a2\./);
    assert.match(
      await start('--interface', 'lo'),
      /ended with 4: .*lo is the loopback interface; choose from a1, a2\./,
    );
    assert.match(await start('--interface', 'a2', '--route', '192.0.2.0/24', '--route', '10.77.1.0/24'), /No route/);
    assert.match(await start('--interface', 'a1', '--route', '10.0.0.1/8'), /ended with 2: .*no IPv4 network/);
    assert.equal(lab.snapshot(lab.hostA), untouched);
  });
});
