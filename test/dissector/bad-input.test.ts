import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ByteWriter } from '../../src/dissector/byte-writer.js';
import { Conversations } from '../../src/dissector/conversations.js';
import { conversationsOutput } from '../../src/dissector/conversations-output.js';
import { Dissector } from '../../src/dissector/dissector.js';
import { compileFilter } from '../../src/dissector/filter/filter.js';
import { FORMATS, packetWriter } from '../../src/dissector/formats.js';
import { PacketView } from '../../src/dissector/packet-view.js';
import { plainPaint } from '../../src/dissector/paint.js';
import { Summary } from '../../src/dissector/summary.js';
import { textSummary } from '../../src/dissector/summary-text.js';
import { Tracker } from '../../src/dissector/tracker/tracker.js';
import { CaptureError } from '../../src/io/capture-error.js';
import { readCapture } from '../../src/io/capture-reader.js';
import { pieces, sourceOf } from '../io/made-captures.js';
import { IS_NIGHTLY, SEED } from '../support/runs.js';
import { type BadCapture, badCapture } from './bad-captures.js';

const COUNT = Number(process.env.MPIP_BAD_CAPTURES ?? (IS_NIGHTLY ? 100_000 : 1000));
/** More than reading one of these small captures may leave behind, in octets. */
const MOST_MEMORY = 96 << 20;
const folder = mkdtempSync(join(tmpdir(), 'mpip-bad-'));
after(() => rmSync(folder, { recursive: true }));

const filter = compileFilter(
  'mpip.expert || mpip.node_id contains 0a || mpip.analysis.path_tuple matches "7000" || tcp.port == 1',
);

/** The packets of a capture as text, and why it ends early. Everything that mpip dissect makes of packets is made. */
async function dissected(
  bytes: Uint8Array,
  pieceLength: number,
): Promise<{ packets: string[]; error: CaptureError | undefined }> {
  const dissector = new Dissector({ nearCms: true });
  const view = new PacketView(dissector, { checksums: true });
  const summary = new Summary({ checksums: true });
  const tracker = new Tracker();
  const writers = FORMATS.map((format) => packetWriter(format, { paint: plainPaint, checksums: true }));
  const out = new ByteWriter();
  const packets: string[] = [];
  let error: CaptureError | undefined;
  try {
    await readCapture(sourceOf(...pieces(bytes, pieceLength)), (packet) => {
      assert.ok(packet.offset + packet.capturedLength <= packet.buffer.length, 'a packet lies within its buffer');
      view.inspect(packet);
      filter.matches(view);
      summary.count(dissector, packet);
      tracker.note(dissector, packet);
      for (const writer of writers) writer.packet(view, out);
      const data = packet.buffer.subarray(packet.offset, packet.offset + packet.capturedLength);
      packets.push(
        `${packet.seconds} ${packet.nanoseconds} ${packet.originalLength} ${Buffer.from(data).toString('base64')}`,
      );
      // A record is never shorter than its header.
      assert.ok(packets.length <= 1 + (1 << 20) / 12, 'packets come out of nothing');
    });
  } catch (thrown) {
    if (!(thrown instanceof CaptureError)) throw thrown;
    error = thrown;
  }
  for (const writer of writers) writer.end(out);
  textSummary(summary.report(dissector), plainPaint);
  for (const format of ['text', 'ndjson'] as const)
    for (const piece of conversationsOutput(new Conversations(tracker), format, ['bad'], plainPaint)) out.text(piece);
  return { packets, error };
}

/** How many packets of the origin end before the damage, by an own count for classic captures. */
function packetsBefore({ origin, intact }: BadCapture): number {
  const view = new DataView(origin.buffer, origin.byteOffset, origin.byteLength);
  if (view.getUint32(0, true) !== 0xa1b2c3d4 || intact < 24) return 0;
  let count = 0;
  for (let at = 24; at < origin.length; count++) {
    at += 16 + view.getUint32(at + 8, true);
    if (at > intact) return count;
  }
  return count;
}

test(`${COUNT} damaged captures, seed ${SEED}: dissected, or refused with offset and reason; nothing before the damage is lost`, async (t) => {
  const outcomes = new Map<string, number>();
  const origins = new Map<Uint8Array, string[]>();
  const before = process.memoryUsage();
  for (let number = 0; number < COUNT; number++) {
    const bad = badCapture(number, SEED);
    const name = `capture ${number}: ${bad.deeds.join(', ')}`;
    try {
      const { packets, error } = await dissected(bad.bytes, [7, 100, 1 << 20][number % 3]!);
      outcomes.set(error?.code ?? 'whole', (outcomes.get(error?.code ?? 'whole') ?? 0) + 1);
      if (error !== undefined) {
        assert.match(error.message, /^[A-Z].*\.$/s);
        assert.ok(Number.isInteger(error.offset) && error.offset >= 0, `offset ${error.offset}`);
        // A skipped block may announce more than there is.
        if (!bad.deeds.includes('gzip'))
          assert.ok(error.offset <= bad.bytes.length, `offset ${error.offset} of ${bad.bytes.length}`);
      }
      let original = origins.get(bad.origin);
      if (original === undefined) {
        original = (await dissected(bad.origin, 1 << 20)).packets;
        origins.set(bad.origin, original);
      }
      const intact = packetsBefore(bad);
      assert.deepEqual(packets.slice(0, intact), original.slice(0, intact));
    } catch (error) {
      throw new Error(name, { cause: error });
    }
  }
  const after = process.memoryUsage();
  const grown = after.heapUsed + after.external - before.heapUsed - before.external;
  assert.ok(grown < MOST_MEMORY, `${grown} octets more than before`);
  t.diagnostic([...outcomes].map(([code, count]) => `${code} ${count}`).join(', '));
  for (const code of [
    'whole',
    'capture-truncated',
    'capture-damaged',
    'capture-unknown-format',
    'capture-unsupported',
    'capture-gzip-damaged',
  ])
    assert.ok((outcomes.get(code) ?? 0) > 0, `none ends with ${code}`);
});

test('the command says of each damaged file its name, the offset and the reason, in one sentence, and goes on with the next', () => {
  const numbers = Array.from({ length: 40 }, (_, index) => index);
  const files = numbers.map((number) => {
    const path = join(folder, `${number}.cap`);
    writeFileSync(path, badCapture(number, SEED).bytes);
    return path;
  });
  for (const options of [
    ['--all'],
    ['--format', 'ndjson', '--checksums'],
    ['--conversations'],
    ['--summary', '--jobs', '2'],
  ]) {
    const { status, stderr } = spawnSync(process.execPath, ['build/src/cli/mpip.js', 'dissect', ...options, ...files], {
      encoding: 'utf8',
      maxBuffer: 1 << 26,
    });
    assert.equal(status, 4, stderr);
    const said = stderr.split('\n').filter((line) => line.includes(folder));
    assert.ok(said.length > 10, stderr);
    for (const line of said) assert.match(line, /^mpip: .*\d+\.cap: [A-Z].*(\d+|gzip|empty).*\.$/);
    assert.doesNotMatch(stderr, /fault of mpip|at .*\.js/);
  }
});
