import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
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
