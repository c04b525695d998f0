import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndpointStatus } from '../../src/endpoint/index.js';
import { captured } from '../support/lab-capture.js';
import { describeInLab } from '../support/lab-suite.js';
import { applicationOn, type LivePair, serveOn, until, withPair } from '../support/live-pair.js';
import type { NamespaceLab } from '../support/namespaces.js';

const LENGTH = 4_000_000;

/** A router that masquerades and checks: what does not fit the sequence numbers that it saw is dropped. */
const prepare = async (lab: NamespaceLab) => {
  const rule = (...words: string[]) => lab.exec(lab.router, 'iptables', ...words);
  for (const name of ['be_liberal', 'loose'])
    lab.exec(lab.router, 'sysctl', '-qw', `net.netfilter.nf_conntrack_tcp_${name}=0`);
  rule('-t', 'nat', '-A', 'POSTROUTING', '-o', 'rb+', '-j', 'MASQUERADE');
  rule('-A', 'FORWARD', '-m', 'conntrack', '--ctstate', 'INVALID', '-j', 'DROP');
  rule('-A', 'FORWARD', '-i', 'rb+', '-m', 'conntrack', '--ctstate', 'NEW', '-j', 'DROP');
  lab.limitRate(20, ['a1', 'a2', 'b1', 'b2']);
  await serveOn(lab, lab.hostB);
};

/** Packets that the router dropped because they fit nothing. */
function refusedBy(lab: NamespaceLab): number {
  const line = lab
    .exec(lab.router, 'iptables', '-L', 'FORWARD', '-v', '-n', '-x')
    .split('\n')
    .find((text) => text.includes('INVALID'));
  return Number(line?.trim().split(/\s+/)[0]);
}

/** The paths of the connection that runs now. */
function pathsOf({ paths, sessions }: EndpointStatus) {
  const newest = sessions.filter(({ protocol }) => protocol === 6).at(-1);
  return paths.filter(({ sessionId }) => sessionId === newest?.sessionId);
}

/** Streams go through, one after the other, until the paths of one are as wanted at its end. */
async function streamUntil(
  lab: NamespaceLab,
  pair: LivePair,
  what: string,
  isAsWanted: (paths: ReturnType<typeof pathsOf>) => boolean,
): Promise<void> {
  await until(what, async () => {
    const report = await applicationOn(lab, lab.hostA, 'tcp', LENGTH);
    assert.deepEqual(report, { received: LENGTH, intact: true });
    return isAsWanted(pathsOf(await pair.a.status()));
  });
}

describeInLab(
  'host A is behind a router that drops what does not fit',
  { commands: ['iptables'], prepare },
  (suite) => {
    test('fake TCP falls back to UDP on the paths that the router refuses; every path carries, the stream is intact', async () => {
      const { lab } = suite;
      await withPair(lab, { mode: 'fake-tcp' }, async (pair) => {
        const before = refusedBy(lab);
        await streamUntil(lab, pair, 'all four paths carried and one of them fell back', (paths) => {
          const isWrapped = paths.some(
            ({ encapsulation, fallback }) => encapsulation === 'udp-wrapper' && fallback !== null,
          );
          return isWrapped && paths.length === 4 && paths.every(({ samples }) => samples > 0);
        });
        assert.ok(refusedBy(lab) > before, 'the router did refuse');
      });
    });

    test('with --path-sequence all four paths carry TCP through the router; captures dissect', async () => {
      const { lab } = suite;
      await withPair(lab, { mode: 'fake-tcp', args: ['--path-sequence'] }, async (pair) => {
        const before = refusedBy(lab);
        const packets = await captured(lab, 'path-sequence', () =>
          streamUntil(lab, pair, 'all four paths carried, by TCP', (paths) => {
            const isTcp = paths.every(({ encapsulation }) => ['original', 'fake-tcp'].includes(encapsulation));
            return (
              isTcp && paths.length === 4 && paths.every(({ samples, pathSequence }) => samples > 0 && pathSequence)
            );
          }),
        );
        for (const side of ['a', 'b'] as const)
          assert.ok(
            packets.rows(side).some((row) => row['ip.proto'] === 6 && row['mpip.wrapper'] === true),
            'the inner segments are shown',
          );
        assert.equal(packets.shares('a', 6).size, 4);
        // What was under way on the original path while the ends agreed may acknowledge what it has not seen.
        const refused = refusedBy(lab) - before;
        assert.ok(refused < 10, `the router refused ${refused} packets of thousands`);
        for (const node of [pair.a, pair.b]) assert.equal((await node.status()).counters.fallbacks, 0);
      });
    });

    test('with --udp-wrapper the original path, too, goes in UDP when the router refuses it', async () => {
      const { lab } = suite;
      await withPair(lab, { mode: 'udp-wrapper' }, async (pair) => {
        await streamUntil(lab, pair, 'all paths carried', (paths) => paths.every(({ samples }) => samples > 0));
      });
    });
  },
);
