import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndpointStatus } from '../../src/endpoint/index.js';
import { ALL_PAIRS, captured, kernelCounters } from '../support/lab-capture.js';
import { describeInLab } from '../support/lab-suite.js';
import { MPIP, withPair } from '../support/live-pair.js';
import { type NamespaceLab, run } from '../support/namespaces.js';

const KINDS = {
  TCP: { protocol: 6, words: ['-C', 'cubic', '-t', '2'] },
  UDP: { protocol: 17, words: ['-u', '-b', '120M', '-l', '1400', '-t', '2'] },
} as const;

/** The end of the report of iperf3, as far as it matters here. */
interface Report {
  readonly end: { readonly sum_sent: { readonly bytes: number }; readonly sum_received: { readonly bytes: number } };
}

const prepare = async (lab: NamespaceLab) => {
  lab.limitRate(100, ['a1', 'a2', 'b1', 'b2']);
  await lab.start(lab.hostB, 'iperf3', ['--server', '--forceflush'], /^Server listening/);
};

describeInLab('iperf3 over two interfaces of 100 Mbit/s at each end', { commands: ['iperf3'], prepare }, (suite) => {
  for (const mode of ['fake-tcp', 'udp-wrapper'] as const)
    for (const [kind, { protocol, words }] of Object.entries(KINDS))
      test(`${kind} goes by all four paths with --${mode}`, async (t) => {
        const { lab } = suite;
        const kernel = (host: string) => kernelCounters(lab, host, 'Tcp');
        await withPair(lab, { mode }, async ({ a }) => {
          const before = { a: kernel(lab.hostA), b: kernel(lab.hostB) };
          const wire = await captured(lab, `iperf3-${kind.toLowerCase()}-${mode}`, async () => {
            const text = await lab.finish(lab.hostA, 'iperf3', '-c', '10.77.3.2', '--json', ...words);
            const { end } = JSON.parse(text) as Report;
            assert.ok(end.sum_received.bytes > 0, text);
          });
          const after = { a: kernel(lab.hostA), b: kernel(lab.hostB) };
          // How many are sent again is a matter of how busy the machine is: paths overtake each other by more than the
          // receiver sorts, and TCP takes it for loss. What a node spoils is not.
          const again = after.a.RetransSegs! - before.a.RetransSegs!;
          t.diagnostic(`${again} segments were sent again besides ${after.a.OutSegs! - before.a.OutSegs!}`);
          for (const host of ['a', 'b'] as const)
            for (const counter of ['InErrs', 'InCsumErrors'])
              assert.equal(after[host][counter], before[host][counter], `host ${host}: ${counter}`);

          // A wrapped segment is UDP on every path but the original.
          const wrapped = kind === 'TCP' && mode === 'udp-wrapper';
          const shares = wire.shares('a', wrapped ? 17 : protocol);
          assert.deepEqual([...shares.keys()].sort(), wrapped ? ALL_PAIRS.slice(1) : ALL_PAIRS);
          if (wrapped) assert.ok(wire.shares('a', 6).has(ALL_PAIRS[0]!));

          const text = run(process.execPath, [MPIP, 'status', '--control', a.control, '--format', 'json']);
          const { sessions, paths } = JSON.parse(text) as EndpointStatus;
          // The connection of the test's data, not that of its control.
          const carried = sessions
            .filter((session) => session.protocol === protocol)
            .map(({ sessionId }) => paths.filter((path) => path.sessionId === sessionId))
            .map((own) => own.filter(({ packetsSent }) => packetsSent > 100))
            .map((own) => own.map(({ tuple }) => `${tuple.source}>${tuple.destination}`).sort());
          assert.ok(
            carried.some((pairs) => `${pairs}` === `${ALL_PAIRS}`),
            `paths that carried data: ${JSON.stringify(carried)}`,
          );
        });
      });
});
