import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Dissector } from '../../src/dissector/dissector.js';
import { compileFilter } from '../../src/dissector/filter/filter.js';
import { FilterError } from '../../src/dissector/filter/filter-error.js';
import { FILTER_FIELDS } from '../../src/dissector/filter/filter-fields.js';
import { integerRange } from '../../src/dissector/filter/integers.js';
import { PacketView } from '../../src/dissector/packet-view.js';
import { readCapture } from '../../src/io/capture-reader.js';
import { IS_NIGHTLY, SEED } from '../support/runs.js';
import { generator, madeFilters } from './made-filters.js';
import { writeMutatedCapture } from './mutated-capture.js';
import { skippedWithoutTshark, tshark } from './tshark.js';

const folder = mkdtempSync(join(tmpdir(), 'mpip-filters-'));
after(() => rmSync(folder, { recursive: true }));

/**
 * For each filter the frames that tshark selects, or undefined when it refuses the filter; one run for all of them. Taps
 * with filters cannot be made before tshark knows the plugin's fields: hence a statistic.
 */
function framesOfTshark(file: string, filters: readonly string[], ...args: string[]): (number[] | undefined)[] {
  const list = join(folder, 'filters.txt');
  const taps = join(folder, 'taps.lua');
  writeFileSync(list, filters.map((filter) => `${filter}\n`).join(''));
  writeFileSync(
    taps,
    `register_stat_cmd_arg("frames,", function()
  local index = 0
  for filter in io.lines(${JSON.stringify(list)}) do
    index = index + 1
    local at, frames = index, {}
    local made, tap = pcall(Listener.new, "frame", filter)
    if made then
      function tap.packet(pinfo) frames[#frames + 1] = pinfo.number end
      function tap.draw() print("FRAMES " .. at .. " " .. table.concat(frames, " ")) end
    end
  end
end)`,
  );
  const out = tshark(
    '-q',
    '-X',
    `lua_script:${taps}`,
    '-z',
    'frames,',
    '-r',
    file,
    '-o',
    'ip.defragment:FALSE',
    ...args,
  );
  const found: (number[] | undefined)[] = filters.map(() => undefined);
  for (const line of out.split('\n')) {
    const [word, index, ...frames] = line.trim().split(' ');
    if (word === 'FRAMES') found[Number(index) - 1] = frames.map(Number);
  }
  return found;
}

async function framesOfOurs(file: string, filters: readonly string[]): Promise<number[][]> {
  const compiled = filters.map((filter) => compileFilter(filter));
  const found: number[][] = filters.map(() => []);
  const dissector = new Dissector({ nearCms: true });
  const view = new PacketView(dissector);
  await readCapture(file, (packet) => {
    if (view.inspect(packet)) view.analysis;
    compiled.forEach(({ matches }, index) => {
      if (matches(view)) found[index]!.push(packet.number);
    });
  });
  return found;
}

async function assertSameFrames(file: string, filters: readonly string[], ...args: string[]): Promise<number> {
  const theirs = framesOfTshark(file, filters, ...args);
  const ours = await framesOfOurs(file, filters);
  filters.forEach((filter, index) => {
    assert.deepEqual(ours[index], theirs[index], `${file}: ${filter}`);
  });
  return ours.filter((frames) => frames.length > 0).length;
}

const count = IS_NIGHTLY ? 3000 : 250;

for (const name of ['linux-2015-link-down-up', 'linux-2015-tcp-wrapper-reqresp', 'linux-2015-hand-made-probes']) {
  test(`${name}: ${count} generated filters select the same frames in tshark`, async (t) => {
    if (skippedWithoutTshark(t)) return;
    const filters = madeFilters(count, generator(SEED + name.length), true);
    const selecting = await assertSameFrames(`fixtures/pcaps/${name}.pcap`, filters);
    t.diagnostic(`${selecting} of ${count} filters select something`);
    assert.ok(selecting > count / 3);
  });
}

test(`mutated packets: ${count} generated filters about MPIP select the same frames in tshark`, async (t) => {
  if (skippedWithoutTshark(t)) return;
  const file = join(folder, 'mutated.pcapng');
  writeMutatedCapture(file, 2000, SEED);
  await assertSameFrames(file, madeFilters(count, generator(SEED), false));
});

test('the examples of docs/filters.md select the same frames', async (t) => {
  if (skippedWithoutTshark(t)) return;
  const examples = readFileSync('docs/filters.md', 'utf8').split('## Examples')[1]!;
  const filters = [...examples.matchAll(/^\| `([^`]+)` \|/gm)].map(([, filter]) => filter!);
  assert.ok(filters.length >= 7);
  await assertSameFrames('fixtures/pcaps/linux-2015-tcp-wrapper-reqresp.pcap', filters);
});

test('a number that an integer field cannot hold is refused, at the same bound as in tshark', (t) => {
  if (skippedWithoutTshark(t)) return;
  const bounds = [...FILTER_FIELDS.keys()].flatMap((name) => {
    const range = integerRange(name);
    return range === undefined ? [] : [{ name, ...range }];
  });
  assert.ok(bounds.length >= 30, `${bounds.length} integer fields`);
  // The smallest is tshark's but for its own slip: it cannot read -2147483648.
  const least = bounds.filter(({ min }) => min < 0).map(({ name, min }) => `${name} == ${min + 1}`);
  const held = [...least, ...bounds.map(({ name, max }) => `${name} == ${max}`)];
  const beyond = bounds.flatMap(({ name, min, max }) => [
    `${name} == ${max + 1}`,
    `${name} in {0..${max + 1}}`,
    ...(min < 0 ? [`${name} == ${min - 1}`] : []),
  ]);
  const theirs = framesOfTshark('fixtures/pcaps/linux-2017-udp.pcap', [...held, ...beyond]);
  for (const [index, filter] of held.entries()) {
    compileFilter(filter);
    assert.ok(theirs[index] !== undefined, `tshark refuses ${filter}`);
  }
  for (const [index, filter] of beyond.entries()) {
    assert.throws(() => compileFilter(filter), /is a number from -?\d+ to \d+$/, filter);
    assert.equal(theirs[held.length + index], undefined, `tshark takes ${filter}`);
  }
});

test('what we refuse as wrong, tshark refuses too', (t) => {
  if (skippedWithoutTshark(t)) return;
  const wrong = [
    'mpip.flag == 3',
    'mpip.flags == 3 mpip',
    'mpip.flags ==',
    '== 3',
    'mpip.flags == "nothing"',
    'mpip.flags in {1, 3',
    'mpip.flags in 3',
    '(mpip.flags == 3',
    'mpip.flags == 3)',
    'mpip.node_id == xyz',
    'ip.src == 10.1.0.1/33',
    'ip.src == 10.1.0.256',
    'mpip.flags contains 3',
    'mpip.flags matches "a"',
    'mpip.layout matches "("',
    'mpip.layout == "compact',
    'mpip.flags[0:1] == 3',
    'mpip.node_id[x] == 3',
    'not',
    'mpip.flags and',
    'mpip.flags == mpip.layout',
    '"text"',
    '3 == 3',
    'mpip.flags ? 3',
    'mpip.flags == true',
    'ip.ttl == 08',
  ];
  const theirs = framesOfTshark('fixtures/pcaps/linux-2017-udp.pcap', wrong);
  wrong.forEach((filter, index) => {
    assert.throws(() => compileFilter(filter), FilterError, filter);
    assert.equal(theirs[index], undefined, `tshark takes ${filter}`);
  });
});
