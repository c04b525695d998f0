import assert from 'node:assert/strict';
import { type ChildProcess, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { FuzzPeer } from '../../src/cli/fuzz-options.js';
import { openTarget } from '../../src/cli/fuzz-targets.js';
import { buildUdp, parseIpv4 } from '../../src/codec/index.js';
import { Campaign } from '../../src/fuzz/campaign.js';
import { mutatorNames } from '../../src/fuzz/mutators.js';
import { endProcess, freePorts, startPeer } from '../support/check-process.js';
import { SEED } from '../support/runs.js';

const isRoot = process.platform === 'linux' && process.getuid?.() === 0;
const PEER = '127.46.0.2';
/** Six of this machine, and one that nobody has. */
const SOURCES = [11, 12, 13, 14, 15, 16].map((last) => parseIpv4(`127.46.0.${last}`));
const FORGED = parseIpv4('10.254.254.254');

describe('fuzzing over packet sockets', { skip: !isRoot && 'Packet sockets are for root.' }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'mpip-fuzz-raw-'));
  let process_: ChildProcess;
  let port = 0;
  let live: FuzzPeer & { kind: 'live' };

  before(async () => {
    [port = 0] = await freePorts(1, PEER);
    process_ = await startPeer(['--address', PEER, '--port', `${port}`, '--tcp']);
    live = {
      kind: 'live',
      address: parseIpv4(PEER),
      echoPort: port,
      discardPort: undefined,
      sources: [...SOURCES, FORGED],
      isRaw: true,
      tcpPort: port,
      pid: undefined,
      exec: undefined,
      restart: undefined,
      rate: 0,
    };
  });
  after(async () => {
    rmSync(folder, { recursive: true, force: true });
    await endProcess(process_);
  });

  test('TCP, broken headers, fragments and forged sources reach a live peer, which withstands', async () => {
    const target = await openTarget(live, SEED);
    const campaign = new Campaign({
      target,
      seed: SEED,
      runs: 30,
      time: 60_000,
      shard: { index: 1, of: 1 },
      corpus: [],
      regressions: [],
      folder,
      longestPause: 2000,
    });
    const { findings, coverage, verdict } = await campaign.run();
    await target.close();
    assert.deepEqual(
      findings.map(({ group, title }) => `${group}: ${title}`),
      [],
    );
    assert.equal(verdict, 'pass');
    const used = Object.keys(coverage.mutators);
    for (const name of ['ip-options', 'fragment', 'forged-source', 'header-cm', 'tcp-flags', 'l4-checksum'])
      assert.ok(used.includes(name), `${name} of ${used}`);
    assert.ok(!used.includes('ip-length'), 'the kernel writes that');
    assert.ok((coverage.requirements['MPIP-WF-01'] ?? 0) > 500, 'headers of the peer are judged');
  });

  test('nothing leaves from an address that was not given, and nothing for anybody but the peer', async () => {
    // Nobody has said anything to the peer from here.
    const bystander = parseIpv4('127.46.0.21');
    const target = await openTarget({ ...live, sources: [bystander] }, SEED);
    const other = createSocket('udp4').bind(0, '127.46.0.3');
    await once(other, 'listening');
    after(() => other.close());
    let heard = 0;
    other.on('message', () => heard++);
    target.begin(SEED);
    const send = (source: number, destination: string, destinationPort: number) =>
      target.send(
        buildUdp(
          { source, sourcePort: target.port(0), destination: parseIpv4(destination), destinationPort },
          Buffer.from('hello'),
        ),
      );
    send(bystander, '127.46.0.3', other.address().port);
    send(parseIpv4('127.46.0.11'), PEER, port);
    send(FORGED, PEER, port);
    await setTimeout(200);
    assert.deepEqual([heard, target.take().length], [0, 0]);
    send(bystander, PEER, port);
    const deadline = target.now() + 5_000_000;
    let answers = target.take();
    while (answers.length === 0 && target.now() < deadline) {
      await target.pass(deadline);
      answers = target.take();
    }
    assert.ok(answers.length > 0, 'what is in order arrives');
    await target.close();
  });

  test('an address of nobody needs --raw, and --raw needs its privilege: one sentence each', () => {
    const mpip = (command: readonly string[], ...args: string[]) =>
      spawnSync(command[0]!, [...command.slice(1), process.execPath, 'build/src/cli/mpip.js', 'fuzz', ...args], {
        encoding: 'utf8',
        timeout: 60_000,
      });
    const forged = ['--source', '10.254.254.254', '--source', '127.46.0.11'];
    const args = [PEER, '--udp-port', `${port}`, '--out', join(folder, 'none'), '--runs', '1'];
    const plain = mpip(['env'], ...args, ...forged);
    assert.equal(plain.status, 2);
    assert.match(
      plain.stderr,
      /^mpip: --source 10\.254\.254\.254 is no address of this machine; to forge it takes --raw\.\n/,
    );
    const humble = mpip(['setpriv', '--bounding-set', '-net_raw', '--inh-caps', '-net_raw'], ...args, '--raw');
    assert.equal(humble.status, 4, humble.stderr);
    assert.match(humble.stderr, /Without --raw ordinary UDP sockets are used, which need no privilege\.\n$/);
    assert.equal(humble.stderr.trim().split('\n').length, 1, humble.stderr);
  });

  test('raw and socket targets have the mutators that reach the wire by them', () => {
    const socket = mutatorNames('socket');
    const raw = mutatorNames('raw', false);
    assert.ok(socket.length > 10 && socket.every((name) => raw.includes(name)));
    assert.ok(!raw.includes('forged-source') && mutatorNames('raw').includes('forged-source'));
    assert.ok(!socket.includes('fragment') && raw.includes('fragment'));
  });
});
