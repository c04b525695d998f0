import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AUDIO_PORT } from './audio.js';
import { ADDRESSES, conditions } from './conditions.js';
import { Program } from './host-commands.js';
import { LabError } from './lab-error.js';
import { foreign, type NodeTools } from './nodes.js';
import type { CheckResult } from './results.js';
import { HOST_A, HOST_B, type Testbed } from './testbed.js';

/** The report of `mpip check`. */
const CHECK_FILE = 'check.json';

/**
 * Examines somebody else's node on the server from the client, which has none, before it takes part in experiments.
 * @throws LabError when the node does not start or the tester gives no report.
 */
export async function examineForeignNode(testbed: Testbed, tools: NodeTools, out: string): Promise<CheckResult> {
  await testbed.apply(conditions());
  const words = foreign(tools.peerCommand!, { mode: 'fake-tcp' }, HOST_B, ['b1', 'b2']);
  const node = await Program.start(HOST_B, words, /^ready/);
  const echo = await Program.start(HOST_B, [...tools.words, 'lab', 'audio-echo'], /^ready/);
  const report = join(out, CHECK_FILE);
  try {
    const sources = ['--source', ADDRESSES.a1, '--source', ADDRESSES.a2];
    const check = [...tools.words, 'check', ADDRESSES.b1, '--udp-port', String(AUDIO_PORT), ...sources];
    const tester = await Program.start(HOST_A, [...check, '--report', `json=${report}`]);
    await tester.finish().catch(() => undefined);
    if (!existsSync(report))
      throw new LabError(`mpip check gave no report: ${tester.errors.trim() || 'it said nothing'}.`);
    const { verdict, counts } = JSON.parse(readFileSync(report, 'utf8')) as Omit<CheckResult, 'report'>;
    return { verdict, counts, report };
  } finally {
    await echo.end();
    await node.end();
  }
}
