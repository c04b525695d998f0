import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Dissector } from '../../src/dissector/dissector.js';
import { plainPaint } from '../../src/dissector/paint.js';
import { recordOf } from '../../src/dissector/record.js';
import { Summary } from '../../src/dissector/summary.js';
import { textSummary } from '../../src/dissector/summary-text.js';
import { TextTable } from '../../src/dissector/text.js';
import { captured, cm, tuple, udp } from './made-packets.js';

test('lines are held back until the columns are measured, then come one by one, in order and complete', () => {
  const table = new TextTable(plainPaint);
  const dissector = new Dissector();
  const lines: string[] = [];
  let heldBack = 0;
  for (let number = 1; number <= 1200; number++) {
    const packet = captured(udp(cm({ sessionId: number % 256 }), undefined, tuple(number)), number);
    dissector.inspect(packet);
    const text = table.add(recordOf(dissector, packet), number / 10);
    if (text === '') heldBack++;
    lines.push(...text.split('\n').slice(0, -1));
  }
  assert.ok(heldBack > 100 && heldBack < 1000, `${heldBack} held back`);
  assert.equal(table.end(), '');
  assert.equal(lines.length, 1201);
  assert.deepEqual(
    lines.slice(1).map((line) => Number(line.trim().split(' ')[0])),
    Array.from({ length: 1200 }, (_, index) => index + 1),
  );
  // A port of four digits after the measured three makes the line longer by one, never wrong.
  assert.match(lines[1200]!, / 192\.0\.2\.1:1200 +→ +203\.0\.113\.7:7000 +UDP +normal +0a:01 +176 /);
});

test('no packets, no header', () => {
  assert.equal(new TextTable(plainPaint).end(), '');
});

test('a summary of more paths than a call takes arguments has a line for each', () => {
  const dissector = new Dissector();
  const summary = new Summary({ checksums: false });
  const paths = 150_000;
  const nodes = Array.from({ length: 3 }, (_, node) => udp(cm({ nodeId: node + 1, sessionId: 1 })));
  for (const [index, datagram] of nodes.entries()) summary.add(dissector, captured(datagram, index));
  const report = summary.report(dissector);
  const [node] = report.nodes;
  const [session] = node!.sessions;
  const many = {
    ...report,
    nodes: [{ ...node!, sessions: [{ ...session!, paths: Array(paths).fill(session!.paths[0]) }] }],
  };
  const lines = textSummary(many, plainPaint).split('\n');
  assert.equal(lines.filter((line) => /^00:01 +1 +0 /.test(line)).length, paths);
});
