import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { RunResult } from '../../src/conformance/index.js';
import { CAP } from '../support/cap.js';
import { childrenOf, isInOrder, runCheck } from '../support/check-process.js';
import { describeInLab } from '../support/lab-suite.js';
import type { NamespaceLab } from '../support/namespaces.js';

const MPIP = resolve('build/src/cli/mpip.js');
const PEER = '10.77.3.2';
const SERVICES = ['--service', 'echo:7000', '--service', 'discard:7001'];
const SOURCES = ['--source', '10.77.1.2', '--source', '10.77.2.2'];

test('links that do not go with what else was asked for are refused', async () => {
  const wrong: [RegExp, ...string[]][] = [
    [/^mpip: --link .*packet, pcap, socket/, '127.0.0.2', '--link', 'tun'],
    [
      /^mpip: --unprivileged is --link socket, and --link pcap needs privilege/,
      '127.0.0.2',
      '--link',
      'pcap',
      '--unprivileged',
    ],
    [/^mpip: --link is for a live peer/, '--self', '--link', 'socket'],
    [/^mpip: --link is for a peer that packets are sent to/, '--capture', 'a.pcap', '--link', 'pcap'],
  ];
  for (const [sentence, ...args] of wrong) {
    const { code, stderr } = await runCheck(args);
    assert.match(stderr, sentence);
    assert.equal(code, 2, stderr);
  }
});

// Nothing is registered, and so nothing skipped, where verify could not compile the package cap.
if (CAP !== undefined) {
  process.env.MPIP_CAP = CAP;
  const folder = mkdtempSync(join(tmpdir(), 'mpip-pcap-'));
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** Runs `mpip check` on host A while the caller does other things. */
  const check = (lab: NamespaceLab, ...args: string[]) => {
    const child = lab.open(lab.hostA, process.execPath, [MPIP, 'check', PEER, '--link', 'pcap', ...SERVICES, ...args]);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data));
    const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, output }));
    return { child, ended, output: () => output };
  };

  describeInLab('mpip check through libpcap', {}, (suite) => {
    const startPeer = () => {
      const addresses = ['--address', PEER, '--address', '10.77.4.2'];
      const options = ['peer', ...addresses, ...SERVICES, '--tcp', '--set', 'session-expiry=3s'];
      return suite.lab.start(suite.lab.hostB, process.execPath, [MPIP, ...options], /^ready/, true);
    };

    test('cases about TCP, UDP and forged packets pass against a sound peer behind a router, by somebody without rights', async () => {
      const { lab } = suite;
      await startPeer();
      const report = join(folder, 'report.json');
      const cases = ['WF-*', 'CK-*', 'HS-syn-*', 'HS-data-*', 'CM-stream-*', 'AV-tcp-*', 'AD-flag-*'];
      const { child, ended, output } = check(
        lab,
        ...[...SOURCES, '--tcp-port', '7000', '--pixit', 'session-expiry=3s', '--report', `json=${report}`],
        ...cases.flatMap((id) => ['--case', id]),
      );
      // As it was last: while the interfaces are opened, it still has rights.
      let status = '';
      while (child.exitCode === null) {
        try {
          status = readFileSync(`/proc/${childrenOf(child.pid!)[0]}/status`, 'utf8');
        } catch {
          // It has not begun, or has ended meanwhile.
        }
        await setTimeout(20);
      }
      const { code } = await ended;
      assert.match(status, /^CapPrm:\s*0+$/m, output());
      assert.doesNotMatch(status, /^Uid:.*\b0\b/m);
      const run = JSON.parse(readFileSync(report, 'utf8')) as RunResult;
      const told = run.cases.filter(({ verdict }) => verdict !== 'not-applicable' && verdict !== 'not-run');
      // The datagrams of this peer at the MTU do not come back over whatever link.
      const others = told.filter((one) => !isInOrder(one) && one.cause.code !== 'no-echo');
      assert.deepEqual(
        others.map(({ id, verdict, cause }) => `${id}: ${verdict}, ${cause.text}`),
        [],
        output(),
      );
      assert.ok(told.length > 20, `${told.length} cases`);
      assert.equal(code, run.counts.inconc > 0 ? 3 : 0);
      assert.equal(run.link, 'raw');
      await lab.endPeers();
    });

    test('octets are on the wire as they were given, and are read as they were on the wire, wrong checksums too', async () => {
      const { lab } = suite;
      const module = (path: string) => new URL(`../../src/${path}`, import.meta.url).href;
      const packets = `
        const { buildUdp, parseIpv4 } = await import('${module('codec/index.js')}');
        const own = parseIpv4('10.77.1.2'), far = parseIpv4('${PEER}');
        const packet = (from, to, text, flip) => {
          const built = buildUdp({ source: from, sourcePort: 4100, destination: to, destinationPort: 4101 }, Buffer.from(text), { identification: 77 });
          built[27] ^= flip;
          return built;
        };
        const hex = (octets) => Buffer.from(octets).toString('hex');`;
      const theirs = `${packets}
        const { RawSockets } = await import('${module('io/linux/raw-sockets.js')}');
        const sockets = RawSockets.open([far], (arrived) => {
          // Not what shows the way.
          if (arrived.length === 28) return;
          console.log(hex(arrived));
          for (const flip of [0, 1]) sockets.send(packet(far, own, 'back', flip));
          // Shorter than a frame of Ethernet may be.
          sockets.send(packet(far, own, '', 0));
        });
        sockets.ports.claim(17, far, 4101);
        console.log('ready');`;
      const script = ['--input-type=module', '-e'];
      const peer = await lab.start(lab.hostB, process.execPath, [...script, theirs], /^ready/);
      const ours = `${packets}
        const { PcapSockets } = await import('${module('io/pcap/pcap-sockets.js')}');
        const seen = [];
        const sockets = await PcapSockets.open([own], (arrived, age) => {
          seen.push(hex(arrived));
          if (!(age >= 0 && age < 60e6)) throw new Error('age ' + age);
          if (seen.length < 3) return;
          console.log(JSON.stringify({ sent: hex(packet(own, far, 'there', 1)), seen, refused: sockets.refused,
            wanted: [packet(far, own, 'back', 0), packet(far, own, 'back', 1), packet(far, own, '', 0)].map(hex) }));
          sockets.close();
          process.exit(0);
        });
        sockets.ports.claim(17, own, 4101);
        sockets.send(packet(own, far, 'there', 1));`;
      const result = JSON.parse(await lab.finish(lab.hostA, process.execPath, ...script, ours)) as Record<
        string,
        never
      >;
      // The router takes one from the TTL and sums the header anew.
      const routed = (text: string) => text.slice(0, 16) + text.slice(18, 20) + text.slice(24);
      assert.equal(routed(await peer.until(/^45/)), routed(result.sent!));
      assert.deepEqual((result.seen as string[]).map(routed), (result.wanted as string[]).map(routed));
      assert.equal(result.refused, 0);
      await peer.end('SIGTERM');
    });

    test('where it would not be sound it is refused, in one sentence', async () => {
      const { lab } = suite;
      lab.exec(lab.hostA, 'ethtool', '-K', 'a1', 'gro', 'on');
      const joined = await check(lab, '--source', '10.77.1.2').ended;
      lab.exec(lab.hostA, 'ethtool', '-K', 'a1', 'gro', 'off');
      assert.match(
        joined.output,
        /^mpip: a1 joins segments that arrive, .*ethtool -K a1 gro off lro off.*--link packet\./,
      );
      const loopback = await check(lab, '--source', '127.0.0.1').ended;
      assert.match(loopback.output, /^mpip: Linux delivers no frame that is put on lo: .*--link packet\./);
      process.env.MPIP_CAP = '/nonexistent/cap';
      const missing = await check(lab, '--source', '10.77.1.2').ended;
      process.env.MPIP_CAP = CAP;
      assert.match(
        missing.output,
        /^mpip: libpcap is used through the optional package cap, .*--unprivileged ordinary/,
      );
      assert.deepEqual([joined.code, loopback.code, missing.code], [4, 4, 4]);
    });

    test('an interface that goes meanwhile is a fault of this side: what is finished is reported, nobody is blamed', async () => {
      const { lab } = suite;
      await startPeer();
      const report = join(folder, 'cut.json');
      const { child, ended, output } = check(lab, ...SOURCES, '--jobs', '1', '--report', `json=${report}`);
      while (!/ [1-9]\d* of \d+ cases done/.test(output()) && child.exitCode === null) await setTimeout(20);
      lab.linkDown('a2');
      const { code } = await ended;
      lab.linkUp('a2');
      assert.match(output(), /^mpip check: Interface a1 or a2 went down or was removed meanwhile\. What is finished/m);
      assert.equal(code, 4, output());
      const { cases } = JSON.parse(readFileSync(report, 'utf8')) as RunResult;
      assert.ok(existsSync(report) && cases.length > 0);
      assert.deepEqual(
        cases.filter(({ verdict }) => verdict === 'fail').map(({ id }) => id),
        [],
      );
      await lab.endPeers();
    });
  });
}
