import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeCapture } from '../../bench/make-capture.js';
import { Dissector } from '../../src/dissector/dissector.js';
import { Summary, type SummaryReport } from '../../src/dissector/summary.js';
import { readCapture } from '../../src/io/capture-reader.js';
import { captured, cm, segmentOf, tcp, tuple, udp } from './made-packets.js';

function summaryOf(...datagrams: readonly Uint8Array[]): SummaryReport {
  const dissector = new Dissector();
  const summary = new Summary({ checksums: true });
  for (const [index, datagram] of datagrams.entries()) summary.add(dissector, captured(datagram, index));
  return summary.report(dissector);
}

test('the generated capture of the benchmark holds as many CMs as it says, all with right checksums', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mpip-summary-'));
  try {
    const path = join(folder, 'a.pcap');
    const made = makeCapture(path, 5001, 3);
    assert.equal(statSync(path).size, made.bytes);
    const dissector = new Dissector();
    const summary = new Summary({ checksums: true });
    await readCapture(path, (packet) => summary.add(dissector, packet));
    const report = summary.report(dissector);
    assert.deepEqual([report.packets, report.ipv4, report.mpip], [5001, 5001, 2501]);
    assert.equal(made.controlMessages, 2501);
    assert.equal(report.nodes.length, 8);
    assert.ok(Object.values(report.notes).every((count) => count === 0));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('counts by carrier, node of each layout, session and path; data without headers and trailers', () => {
  const session = { sessionId: 2, pathId: 3 };
  const segment = tcp(undefined, new Uint8Array(70));
  const report = summaryOf(
    udp(cm(), new Uint8Array(20)),
    udp(undefined),
    tcp(cm(session), new Uint8Array(50)),
    udp(cm({ ...session, pathId: 4 }), segmentOf(segment), tuple(9, 5001)),
    udp(cm({ layout: 'full', nodeId: 0x0a01, flags: 2 }), new Uint8Array(0), tuple(1)),
    udp(cm({ layout: 'full', nodeId: 0x0a01, sessionId: 65535, pathId: 65535 }), new Uint8Array(1), tuple(1)),
  );
  assert.deepEqual(report.carriers, { udp: 3, tcp: 1, wrapper: 1 });
  assert.equal(report.packets, 6);
  assert.equal(report.mpip, 5);
  assert.deepEqual([report.flags.normal, report.flags.heartbeat], [4, 1]);
  assert.deepEqual(
    report.nodes.map((node) => [node['mpip.node_id'], node['mpip.layout'], node.packets, node.addresses]),
    [
      ['0a:01', 'compact', 3, ['192.0.2.1']],
      ['00:00:00:00:0a:01', 'full', 2, ['192.0.2.1']],
    ],
  );
  assert.deepEqual(report.nodes[0]!.sessions, [
    { 'mpip.session_id': 0, packets: 1, paths: [{ 'mpip.path_id': 0, packets: 1, bytes: 20 }] },
    {
      'mpip.session_id': 2,
      packets: 2,
      paths: [
        { 'mpip.path_id': 3, packets: 1, bytes: 50 },
        { 'mpip.path_id': 4, packets: 1, bytes: 70 },
      ],
    },
  ]);
  assert.equal(report.nodes[1]!.sessions[1]!['mpip.session_id'], 65535);
  assert.equal(report.nodes[1]!.sessions[1]!.paths[0]!['mpip.path_id'], 65535);
  assert.deepEqual([report.first, report.last], ['1795376191.000001000', '1795376196.000001000']);
});

test('many nodes, sessions and paths of both layouts, ids at both ends of their range', () => {
  const wanted = new Map<string, number>();
  const datagrams: Uint8Array[] = [];
  for (let index = 0; index < 3000; index++) {
    const isFull = index % 2 === 1;
    const most = isFull ? 65535 : 255;
    const message = cm({
      layout: isFull ? 'full' : 'compact',
      nodeId: isFull ? 2 + (index % 5) : index % 3 === 0 ? 0xffff : index % 7,
      sessionId: index % 4 === 0 ? most : (index * 31) % 200,
      pathId: index % 9 === 0 ? most : (index * 7) % 50,
    });
    const key = [isFull, message.nodeId, message.sessionId, message.pathId].join();
    wanted.set(key, (wanted.get(key) ?? 0) + 1);
    datagrams.push(udp(message, new Uint8Array(3), tuple(1 + (index % 2))));
  }
  const report = summaryOf(...datagrams);
  const found = new Map<string, number>();
  for (const node of report.nodes) {
    for (const session of node.sessions) {
      for (const path of session.paths) {
        const id = Number.parseInt(node['mpip.node_id'].replaceAll(':', ''), 16);
        const key = [node['mpip.layout'] === 'full', id, session['mpip.session_id'], path['mpip.path_id']].join();
        found.set(key, path.packets);
        assert.equal(path.bytes, 3 * path.packets);
      }
    }
  }
  assert.equal(report.mpip, 3000);
  assert.deepEqual([...found].sort(), [...wanted].sort());
});

test('wrong checksums and UDP lengths of packets with a CM are counted', () => {
  const sum = udp(cm());
  sum[26]! ^= 1;
  const header = tcp(cm());
  header[10]! ^= 1;
  const segment = tcp(cm());
  segment[36]! ^= 1;
  const length = udp(cm());
  length[25]! -= 1;
  const ordinary = udp(undefined);
  ordinary[26]! ^= 1;
  const { notes } = summaryOf(sum, header, segment, length, ordinary);
  assert.deepEqual(
    [notes.badUdpChecksum, notes.badIpChecksum, notes.badTcpChecksum, notes.wrongUdpLength],
    [2, 1, 1, 1],
  );
});

test('nothing at all', () => {
  const report = summaryOf();
  assert.deepEqual([report.packets, report.first, report.last, report.nodes], [0, null, null, []]);
});
