import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { Dissector } from '../../src/dissector/dissector.js';
import { Summary } from '../../src/dissector/summary.js';
import {
  conflictOf,
  type PartRequest,
  type PartResult,
  partsInOrder,
  summarisePart,
} from '../../src/dissector/summary-part.js';
import { CaptureError } from '../../src/io/capture-error.js';
import { readCapture } from '../../src/io/capture-reader.js';
import { PcapngEncoder, PcapngFile } from '../../src/io/pcapng-writer.js';
import { captureHead } from '../../src/io/resynchronise.js';
import { madePcap } from '../io/made-captures.js';
import { RECORDINGS } from '../support/recordings.js';
import { runs } from '../support/runs.js';
import { ambiguousBlock, cm, pcapOf, segmentOf, tcp, tuple, udp } from './made-packets.js';

const folder = mkdtempSync(join(tmpdir(), 'mpip-parts-'));
after(() => rmSync(folder, { recursive: true }));

async function wholeReport(path: string): Promise<{ report: unknown; damage: string | undefined }> {
  const dissector = new Dissector();
  const summary = new Summary({ checksums: true });
  let damage: string | undefined;
  try {
    await readCapture(path, (packet) => summary.add(dissector, packet));
  } catch (error) {
    assert.ok(error instanceof CaptureError);
    damage = error.message;
  }
  return { report: summary.report(dissector), damage };
}

/** Cuts at these places, each moved to where a record seems to begin. */
async function inParts(path: string, cuts: readonly number[]): Promise<PartResult[]> {
  const bytes = readFileSync(path);
  const head = captureHead(bytes)!;
  const starts = [head.length];
  for (const cut of [...cuts].sort((a, b) => a - b)) {
    const at = Math.floor(cut / 4) * 4;
    const found = head.resynchronise(bytes.subarray(at));
    if (found >= 0 && at + found > starts.at(-1)!) starts.push(at + found);
  }
  const requests = starts.map(
    (start, index): PartRequest => ({
      path,
      head: bytes.subarray(0, head.length),
      start,
      end: starts[index + 1] ?? bytes.length,
      checksums: true,
    }),
  );
  return Promise.all(requests.map((request) => summarisePart(request)));
}

function mergedReport(parts: readonly PartResult[]): { report: unknown; damage: string | undefined } {
  const summary = new Summary({ checksums: true });
  const unread = { unknownLinkType: 0, cutShort: 0 };
  for (const part of parts) {
    summary.merge(part.summary);
    unread.unknownLinkType += part.unread.unknownLinkType;
    unread.cutShort += part.unread.cutShort;
    if (part.damage !== undefined) return { report: summary.report({ unread }), damage: part.damage.message };
  }
  return { report: summary.report({ unread }), damage: undefined };
}

/** Asserts that parts which say they are right are. @returns the conflict */
async function assertExact(path: string, cuts: readonly number[]): Promise<string | undefined> {
  const parts = await inParts(path, cuts);
  // What was sent between threads is all that counts.
  const sent = structuredClone(parts);
  const conflict = conflictOf(partsInOrder(sent));
  if (conflict === undefined) assert.deepEqual(mergedReport(sent), await wholeReport(path), `${path} cut at ${cuts}`);
  return conflict;
}

test('recordings cut anywhere: the parts together are the whole, or say that they are not', async () => {
  let exact = 0;
  let conflicts = 0;
  for (const name of RECORDINGS) {
    const path = `fixtures/pcaps/${name}.pcap`;
    const { length } = readFileSync(path);
    for (const cuts of [[length / 2], [length / 3, (2 * length) / 3], [1000, length - 1000]]) {
      if ((await assertExact(path, cuts)) === undefined) exact++;
      else conflicts++;
    }
  }
  assert.ok(exact > 30, `${exact} exact, ${conflicts} not`);
});

test('classic captures of every byte order and resolution, and pcapng, cut at random places', async () => {
  const datagrams = Array.from({ length: 300 }, (_, index) =>
    udp(
      index % 3 === 0 ? undefined : cm({ sessionId: index % 5, pathId: index % 4 }),
      new Uint8Array((index * 37) % 700),
    ),
  );
  const little = pcapOf(...datagrams);
  const files = [little, little.subarray(0, little.length - 11)];
  for (const littleEndian of [true, false])
    for (const nanoseconds of [true, false])
      files.push(
        madePcap(
          { linkType: 101, littleEndian, nanoseconds },
          datagrams.map((data, index) => ({ data, seconds: index, fraction: index })),
        ),
      );
  const encoder = new PcapngEncoder();
  const blocks = [encoder.section(), encoder.interface({ linkType: 101 }).bytes];
  blocks.push(...datagrams.map((data, index) => encoder.packet({ seconds: index, nanoseconds: 5, data })));
  files.push(Buffer.concat(blocks));
  const paths = files.map((bytes, index) => {
    const path = join(folder, `${index}.cap`);
    writeFileSync(path, bytes);
    return path;
  });
  let exact = 0;
  let all = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...paths),
      fc.array(fc.integer({ min: 30, max: little.length - 100 }), { minLength: 1, maxLength: 4 }),
      async (path, cuts) => {
        all++;
        if ((await assertExact(path, cuts)) === undefined) exact++;
      },
    ),
    runs(60),
  );
  assert.equal(exact, all, 'nothing stands in the way of dividing these');
});

test('a chain of records inside user data is no place to begin: the ends do not meet', async () => {
  const inner = pcapOf(...Array.from({ length: 40 }, () => udp(cm()))).subarray(24);
  const path = join(folder, 'nested.pcap');
  const outer = pcapOf(udp(undefined), udp(undefined, inner), udp(cm()));
  writeFileSync(path, outer);
  assert.equal(await assertExact(path, [24 + 16 + 60]), 'join');
});

test('what an earlier part has learned and a later one would have needed is a conflict', async () => {
  const filler = Array.from({ length: 60 }, () => udp(undefined, new Uint8Array(100)));
  const full = cm({ layout: 'full', nodeId: 0x5254_0000_0a01, sessionId: 9 });
  const wrapped = udp(cm({ sessionId: 9, pathId: 2 }), segmentOf(tcp(undefined, new Uint8Array(9))));
  const cases: [string, Uint8Array, Uint8Array][] = [
    ['a sender changes its layout', udp(full), udp(cm())],
    ['a block satisfies both layouts', udp(full), udp(undefined, ambiguousBlock())],
    ['a wrapper', tcp(cm({ sessionId: 9, pathId: 1 })), wrapped],
  ];
  for (const [what, before, behind] of cases) {
    const path = join(folder, 'learned.pcap');
    const bytes = pcapOf(before, ...filler, behind);
    writeFileSync(path, bytes);
    assert.equal(await assertExact(path, [bytes.length / 2]), 'state', what);
    // The other way round nothing is in the way.
    const swapped = pcapOf(udp(cm(), undefined, tuple(7, 8)), ...filler, behind);
    writeFileSync(path, swapped);
    if (what !== 'a block satisfies both layouts')
      assert.equal(await assertExact(path, [swapped.length / 2]), undefined, what);
  }
});

test('an interface described in the middle of a pcapng is a conflict', async () => {
  const path = join(folder, 'described.pcapng');
  const file = new PcapngFile(path);
  const ids = [file.interface({ linkType: 101 })];
  for (let index = 0; index < 300; index++) {
    if (index === 100) ids.push(file.interface({ linkType: 1 }));
    const data = index < 100 ? udp(cm()) : Buffer.concat([new Uint8Array(12), Uint8Array.of(8, 0), udp(cm())]);
    file.packet({ interfaceId: ids.at(-1)!, seconds: index, nanoseconds: 0, data });
  }
  file.close();
  const { length } = readFileSync(path);
  assert.equal(await assertExact(path, [length / 2]), 'descriptions');
  assert.equal(await assertExact(path, [length / 10, length / 2]), 'descriptions');
  assert.equal(await assertExact(path, [length / 10]), undefined, 'the last part reads what it describes itself');
});
