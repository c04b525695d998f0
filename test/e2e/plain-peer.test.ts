import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Flags, TcpFlags } from '../../src/codec/index.js';
import { type Captured, captured, type Row } from '../support/lab-capture.js';
import { describeInLab } from '../support/lab-suite.js';
import { applicationOn, PORTS, serveOn, TRAFFIC, withPair } from '../support/live-pair.js';
import type { NamespaceLab } from '../support/namespaces.js';

const prepare = async (lab: NamespaceLab) => {
  await serveOn(lab, lab.hostA);
  await serveOn(lab, lab.hostB);
  await lab.start(lab.hostB, process.execPath, [TRAFFIC, 'name-server', '0.0.0.0', '5300'], /serving/);
};

/** Copies that ask, among what host A sent to host B's port; the rest are originals, which never carry a CM. */
function sentTo(wire: Captured, port: number): { copies: number; originals: number } {
  const rows = wire.rows('b').filter((row) => row['ip.dst'] === '10.77.3.2' && row['udp.dstport'] === port);
  const copies = rows.filter((row) => row['mpip.flags'] !== undefined);
  for (const copy of copies) assert.equal(copy['mpip.flags'], Flags.enable, JSON.stringify(copy));
  return { copies: copies.length, originals: rows.length - copies.length };
}

/** RSTs of connections that both ends had not ended yet. A second acknowledgement of the last FIN finds no socket. */
function earlyResets(wire: Captured): Row[] {
  const ended = new Set<string>();
  const way = (row: Row) => `${row['ip.src']}:${row['tcp.srcport']}>${row['ip.dst']}:${row['tcp.dstport']}`;
  const back = (row: Row) => `${row['ip.dst']}:${row['tcp.dstport']}>${row['ip.src']}:${row['tcp.srcport']}`;
  return wire.rows('b').filter((row) => {
    const flags = Number(row['tcp.flags'] ?? 0);
    if (flags & TcpFlags.fin) ended.add(way(row));
    return flags & TcpFlags.rst && !(ended.has(way(row)) && ended.has(back(row)));
  });
}

describeInLab('only host A has a node', { prepare }, (suite) => {
  for (const mode of ['fake-tcp', 'udp-wrapper'] as const)
    test(`streams that either host opens are intact with --${mode}, from the first segment`, async () => {
      const { lab } = suite;
      await withPair(lab, { hosts: ['a'], mode }, async () => {
        const wire = await captured(lab, `plain-tcp-${mode}`, async () => {
          // Copies that ask accompany the first packets to each port, SYN and SYN-ACK among them.
          for (const host of [lab.hostA, lab.hostB])
            for (const length of [1, 1000, 100_000, 4_000_000])
              assert.deepEqual(await applicationOn(lab, host, 'tcp', length), { received: length, intact: true });
        });
        const copies = wire.rows('b').filter((row) => row['mpip.flags'] === Flags.enable);
        assert.ok(copies.length > 0, 'host A never asked');
        assert.deepEqual(earlyResets(wire), []);
      });
    });

  test('every datagram arrives as it was, once; five copies at most ask', async () => {
    const { lab } = suite;
    await withPair(lab, { hosts: ['a'] }, async () => {
      const wire = await captured(lab, 'plain-udp', async () => {
        assert.deepEqual(await applicationOn(lab, lab.hostA, 'udp', 60, 1400), { sent: 60, intact: 60 });
      });
      const { copies, originals } = sentTo(wire, PORTS.udp);
      assert.equal(originals, 60);
      assert.ok(copies >= 1 && copies <= 5, `${copies} copies`);
    });
  });

  test('a strict name server and a resolver understand each other', async () => {
    const { lab } = suite;
    await withPair(lab, { hosts: ['a'] }, async () => {
      const wire = await captured(lab, 'plain-names', async () => {
        const report = await lab.finish(lab.hostA, process.execPath, TRAFFIC, 'names', '10.77.3.2', '5300', '20');
        assert.deepEqual(JSON.parse(report), { asked: 20, right: 20 });
      });
      const { copies, originals } = sentTo(wire, 5300);
      assert.ok(originals >= 20, `${originals} questions`);
      assert.ok(copies >= 1 && copies <= 5, `${copies} copies`);
    });
  });
});
