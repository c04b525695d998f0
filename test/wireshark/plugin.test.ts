import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { FLAG_NAMES } from '../../src/codec/index.js';
import { dissectCapture } from '../../src/dissector/dissect-capture.js';
import { FINDINGS } from '../../src/dissector/findings.js';
import { RECORDINGS } from '../support/recordings.js';
import { assertSameFields, dissectFields, MPIP_FIELDS, skippedWithoutTshark, tshark, tsharkFields } from './tshark.js';

const pcap = (name: string) => `fixtures/pcaps/${name}.pcap`;

test('the plugin has the fields of a record, an expert item for each finding, and tshark knows them', (t) => {
  if (skippedWithoutTshark(t)) return;
  const experts = FINDINGS.map(({ id }) => `mpip.expert.${id.replaceAll('-', '_')}`);
  // tshark refuses a field that nobody has registered.
  const asked = [...MPIP_FIELDS, ...experts].flatMap((name) => ['-e', name]);
  tshark('-r', pcap('linux-2017-udp'), '-T', 'fields', ...asked);
  assert.throws(() => tshark('-r', pcap('linux-2017-udp'), '-T', 'fields', '-e', 'mpip.nothing'));
});

for (const name of RECORDINGS) {
  test(`${name}: every mpip field of tshark is that of mpip dissect`, async (t) => {
    if (skippedWithoutTshark(t)) return;
    const expected = await dissectFields(pcap(name));
    assertSameFields(tsharkFields(pcap(name)), expected, 'one pass');
  });
}

for (const name of ['linux-2015-tcp-wrapper-reqresp', 'linux-2017-udp-bigsizes', 'linux-2015-hand-made-probes']) {
  test(`${name}: the same in two passes, without putting fragments together, and with checksums`, async (t) => {
    if (skippedWithoutTshark(t)) return;
    const expected = await dissectFields(pcap(name));
    assertSameFields(tsharkFields(pcap(name), '-2'), expected, 'two passes');
    assertSameFields(tsharkFields(pcap(name), '-o', 'ip.defragment:FALSE'), expected, 'fragments left alone');
    const verified = await dissectFields(pcap(name), true);
    assertSameFields(tsharkFields(pcap(name), '-o', 'mpip.checksums:TRUE'), verified, 'checksums');
  });
}

test('tshark -T json: no key that a record has not but the expert items, and the same values', async (t) => {
  if (skippedWithoutTshark(t)) return;
  const name = 'linux-2015-tcp-wrapper-reqresp';
  const packets = JSON.parse(tshark('-r', pcap(name), '-T', 'json', '--no-duplicate-keys')) as {
    _source: { layers: { mpip?: Record<string, unknown> } };
  }[];
  const expected = await dissectFields(pcap(name));
  packets.forEach((packet, index) => {
    const found: Record<string, string> = {};
    for (const [key, value] of Object.entries(packet._source.layers.mpip ?? {})) {
      if (key === 'mpip.expert_tree') continue;
      found[key] = Array.isArray(value) ? value.join(';') : String(value);
    }
    assert.deepEqual(found, expected[index], `frame ${index + 1}`);
  });
});

test('the expected fields of the recordings, read by an independent program, are those of tshark', (t) => {
  if (skippedWithoutTshark(t)) return;
  const name = 'linux-2017-udp';
  const found = tsharkFields(pcap(name));
  const lines = readFileSync(`fixtures/pcaps/${name}.expected.ndjson`, 'utf8').trim().split('\n');
  for (const line of lines) {
    const expected = JSON.parse(line) as Record<string, unknown>;
    const fields = found[(expected['frame.number'] as number) - 1]!;
    for (const [key, value] of Object.entries(expected))
      if (key.startsWith('mpip.') && key in fields)
        assert.equal(fields[key], Array.isArray(value) ? value.join(';') : String(value === true ? 1 : value), key);
  }
});

/** What `tshark -z mpip,tree` prints: packets and octets by the names from the outermost to the innermost. */
function statisticsOf(file: string, ...args: readonly string[]): Record<string, string> {
  const counted: Record<string, string> = {};
  const names: string[] = [];
  for (const line of tshark('-r', file, '-q', '-z', 'mpip,tree', ...args).split('\n')) {
    const [, indent, name, packets, octets] = /^( *)(\S.*?) +(\d+) +[\d.]+% +(\d+)$/.exec(line) ?? [];
    if (name === undefined) continue;
    names.splice(indent!.length / 2);
    names.push(name.replaceAll(/ +/g, ' '));
    counted[names.join(' | ')] = `${packets} ${octets}`;
  }
  return counted;
}

for (const name of ['linux-2015-tcp-wrapper-reqresp', 'linux-2015-link-down-up', 'linux-2015-hand-made-probes']) {
  test(`${name}: tshark -z mpip,tree counts what mpip dissect prints`, async (t) => {
    if (skippedWithoutTshark(t)) return;
    const sums = new Map<string, [number, number]>();
    const count = (octets: number, ...names: readonly string[]) => {
      for (let length = 1; length <= names.length; length++) {
        const key = names.slice(0, length).join(' | ');
        const [packets, sum] = sums.get(key) ?? [0, 0];
        sums.set(key, [packets + 1, sum + octets]);
      }
    };
    const all = 'Packets with a control message';
    sums.set(all, [0, 0]);
    sums.set('Findings', [0, 0]);
    for await (const record of dissectCapture(pcap(name), { all: true })) {
      for (const id of record['mpip.expert'] ?? []) count(0, 'Findings', id);
      if (record['mpip.flags'] === undefined) continue;
      const octets = record['mpip.analysis.data_length']!;
      const wrapper = record['mpip.wrapper'] === true ? 'UDP wrapper' : 'UDP';
      const session = record['mpip.session_id']!;
      const place = session === 0 ? ['No session'] : [`Session ${session}`, `Path ${record['mpip.path_id']}`];
      for (const names of [
        ['By carrier', record['tcp.srcport'] !== undefined && wrapper === 'UDP' ? 'TCP' : wrapper],
        ['By flag', FLAG_NAMES[record['mpip.flags']]!],
        ['By layout', record['mpip.layout']!],
        ['By node, session and path', `Node ${record['mpip.node_id']}`, ...place],
      ])
        count(octets, all, ...names);
    }
    // Each packet was counted in four branches.
    const [packets, octets] = sums.get(all)!;
    sums.set(all, [packets / 4, octets / 4]);
    const expected = Object.fromEntries([...sums].map(([key, [packets, octets]]) => [key, `${packets} ${octets}`]));
    assert.deepEqual(statisticsOf(pcap(name)), expected);
    assert.deepEqual(statisticsOf(pcap(name), '-2'), expected, 'two passes');
  });
}
