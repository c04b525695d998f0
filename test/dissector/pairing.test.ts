import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { printConversations } from '../../src/cli/dissect-conversations.js';
import type { SessionReport } from '../../src/dissector/conversation-reports.js';
import type { PairReport } from '../../src/dissector/pair-report.js';
import { A1, A2, B1, B2, Pair } from '../support/endpoint-pair.js';
import { VirtualCapture } from '../support/virtual-capture.js';

/** What the command says of captures at both hosts. */
async function between(
  captures: readonly VirtualCapture[],
): Promise<{ pairs: PairReport[]; sessions: SessionReport[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'mpip-pairs-'));
  try {
    const files = captures.map((capture, i) => {
      const path = join(folder, `${'ab'[i]}.pcapng`);
      writeFileSync(path, capture.file());
      return path;
    });
    let out = '';
    const output = {
      out: (text: string) => {
        out += text;
      },
      error: () => {},
      flush: async () => {},
      isOpen: true,
      colour: false,
    };
    const request = {
      format: 'json',
      fields: [],
      all: false,
      summary: false,
      conversations: true,
      checksums: false,
    } as const;
    assert.equal(await printConversations({ files, ...request }, output as never), 0);
    const report = JSON.parse(out) as { pairs: PairReport[]; sessions: SessionReport[] };
    return report;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('captures at both hosts give the delay and the loss of each path, and count each packet once', async () => {
  const pair = new Pair({ seed: 5 });
  pair.links.set('10.2.0.1-10.2.0.2', { delayMicros: 7000, loss: 0.2 });
  const atA = new VirtualCapture(pair.network, [A1, A2]);
  const atB = new VirtualCapture(pair.network, [B1, B2]);
  for (let i = 0; i < 500; i++) pair.exchange('x', 10);
  const { pairs, sessions } = await between([atA, atB]);
  const fromA = pairs.filter((one) => one['mpip.node_id'] === '0a:01' && one['mpip.path_id'] !== 0);
  assert.equal(fromA.length, 4);
  const session = sessions[0]!.directions.find((one) => one['mpip.node_id'] === '0a:01')!;
  for (const one of fromA) {
    const path = session.paths.find((other) => other['mpip.path_id'] === one['mpip.path_id'])!;
    const isFar = path.source.startsWith('10.2.0.1') && path.destination.startsWith('10.2.0.2');
    assert.match(one.near, /a\.pcapng$/);
    assert.deepEqual(one.delay, isFar ? { min: 7000, mean: 7000, max: 7000 } : { min: 1000, mean: 1000, max: 1000 });
    if (!isFar) assert.equal(one.lost, 0);
    else assert.ok(one.lost / one.packets > 0.1 && one.lost / one.packets < 0.35, `${one.lost} of ${one.packets}`);
    // Packets after the last that both saw are in the session and not in the pair.
    assert.ok(path.packets >= one.packets && path.packets - one.packets < 20);
  }
  const sent = pair.a.sent.filter(({ cm }) => cm !== undefined && cm.sessionId !== 0 && cm.flags <= 2).length;
  assert.equal(session.packets, sent);
});

test('captures of different packets have no pairs', async () => {
  const pair = new Pair();
  const atA = new VirtualCapture(pair.network, [A1]);
  const other = new VirtualCapture(pair.network, [A2]);
  for (let i = 0; i < 20; i++) pair.exchange();
  assert.deepEqual((await between([atA, other])).pairs, []);
});
