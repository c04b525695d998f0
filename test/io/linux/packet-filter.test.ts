import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { buildIcmpError } from '../../../src/codec/icmp.js';
import {
  Accept,
  attach,
  buildTcp,
  buildUdp,
  CodecError,
  parseIpv4,
  TrailerView,
  type Tuple,
} from '../../../src/codec/index.js';
import { controlMessageFilter } from '../../../src/io/linux/control-message-filter.js';
import {
  type FilterInstruction,
  filterText,
  MOST_FILTER_ENTRIES,
  packetFilter,
} from '../../../src/io/linux/packet-filter.js';
import { controlMessage } from '../../support/control-message.arbitrary.js';
import { datagram } from '../../support/datagram.arbitrary.js';
import { runs } from '../../support/runs.js';

interface Frame {
  readonly packet: Uint8Array;
  readonly protocol?: number;
  readonly type?: number;
  readonly vlan?: number;
}

/** Runs a filter as the kernel does: the few instructions that it is made of. */
function runFilter(filter: readonly FilterInstruction[], frame: Frame): number {
  const { packet, protocol = 0x0800, type = 0, vlan = 0 } = frame;
  const ancillary = new Map([
    [0xfffff000, protocol],
    [0xfffff004, type],
    [0xfffff030, vlan],
  ]);
  const view = new DataView(packet.buffer, packet.byteOffset);
  let a = 0;
  let x = 0;
  const memory: number[] = [];
  for (let i = 0; i < filter.length; i++) {
    const [code, yes, no, k] = filter[i]!;
    const at = k - 0xfff00000;
    if (code === 0x06) return k;
    if (code === 0x15) i += a === k ? yes : no;
    else if (code === 0x05) i += k;
    else if (code === 0x02) memory[k] = a;
    else if (code === 0x60) a = memory[k]!;
    else if (code === 0x54) a = (a & k) >>> 0;
    else if (code === 0x00) a = k;
    else if (code === 0x64) a = (a << k) >>> 0;
    else if (code === 0x0c) a = (a + x) >>> 0;
    else if (code === 0x25) i += a > k ? yes : no;
    else if (code === 0x1d) i += a === x ? yes : no;
    else if (code === 0x81) x = packet.length;
    else if (code === 0x61) x = memory[k]!;
    else if (code === 0x50) {
      const place = x + (k | 0);
      // A load outside the frame ends the filter with 0.
      if (place < 0 || place >= packet.length) return 0;
      a = view.getUint8(place);
    } else if (ancillary.has(k)) a = ancillary.get(k)!;
    else if (code === 0x30) a = view.getUint8(at);
    else if (code === 0x20) a = view.getUint32(at);
    else assert.fail(`instruction ${code} at ${i}`);
  }
  return assert.fail('the filter has no end');
}

const tuple = (source: string, destination: string): Tuple => ({
  source: parseIpv4(source),
  sourcePort: 5,
  destination: parseIpv4(destination),
  destinationPort: 7,
});
const udp = (source: string, destination: string) => buildUdp(tuple(source, destination), new Uint8Array(3));
const own = ['10.0.0.1', '10.0.1.1', '203.0.113.9'].map(parseIpv4);

test('TCP and UDP to the node match; everything else of the interface does not', () => {
  const filter = packetFilter(own, [], 2, 9);
  for (const destination of ['10.0.0.1', '10.0.1.1', '203.0.113.9'])
    assert.equal(runFilter(filter, { packet: udp('192.0.2.1', destination) }), 2, destination);
  const tcp = buildTcp(
    tuple('192.0.2.1', '10.0.1.1'),
    { sequence: 1, acknowledgement: 0, flags: 2 },
    new Uint8Array(0),
  );
  assert.equal(runFilter(filter, { packet: tcp }), 2);

  const packet = udp('192.0.2.1', '10.0.0.1');
  assert.equal(runFilter(filter, { packet: udp('192.0.2.1', '10.0.0.2') }), 9, 'another host');
  assert.equal(runFilter(filter, { packet, protocol: 0x86dd }), 9, 'IPv6');
  assert.equal(runFilter(filter, { packet, vlan: 1 }), 9, 'another virtual LAN');
  for (const type of [1, 2, 3, 4]) assert.equal(runFilter(filter, { packet, type }), 9, `packet type ${type}`);
  const icmp = packet.slice();
  icmp[9] = 1;
  assert.equal(runFilter(filter, { packet: icmp }), 9, 'ICMP');
});

test('with networks only what comes from them matches', () => {
  const networks = [
    { address: parseIpv4('192.0.2.0'), prefix: 24 },
    { address: parseIpv4('198.51.100.7'), prefix: 32 },
  ];
  const filter = packetFilter(own, networks, 1, 0);
  const from = (source: string) => runFilter(filter, { packet: udp(source, '10.0.1.1') });
  assert.deepEqual(['192.0.2.0', '192.0.2.255', '198.51.100.7'].map(from), [1, 1, 1]);
  assert.deepEqual(['192.0.3.0', '192.0.1.255', '198.51.100.6', '10.0.0.1'].map(from), [0, 0, 0, 0]);
  assert.equal(
    runFilter(packetFilter(own, [{ address: 0, prefix: 0 }], 1, 0), { packet: udp('1.2.3.4', '10.0.0.1') }),
    1,
  );
});

test('ICMP errors about TCP and UDP of the node match, those about packets to other networks do not', () => {
  const sent = (destination: string) => udp('10.0.1.1', destination);
  const error = (packet: Uint8Array, type = 3) =>
    buildIcmpError({ from: parseIpv4('192.0.2.254'), to: parseIpv4('10.0.1.1'), type, code: 0 }, packet);
  const all = packetFilter(own, [], 2, 9);
  const narrowed = packetFilter(own, [{ address: parseIpv4('198.51.100.0'), prefix: 24 }], 2, 9);
  for (const type of [3, 11, 12]) {
    const packet = error(sent('198.51.100.7'), type);
    assert.deepEqual(
      [all, narrowed].map((filter) => runFilter(filter, { packet })),
      [2, 2],
      `type ${type}`,
    );
  }
  for (const type of [0, 4, 5, 8]) assert.equal(runFilter(all, { packet: error(sent('198.51.100.7'), type) }), 9);
  const elsewhere = error(sent('203.0.113.1'));
  assert.deepEqual(
    [all, narrowed].map((filter) => runFilter(filter, { packet: elsewhere })),
    [2, 9],
  );
  const echo = sent('198.51.100.7');
  echo[9] = 1;
  assert.equal(runFilter(all, { packet: error(echo) }), 9, 'about a ping');
  const foreign = error(sent('198.51.100.7'));
  foreign[19]! ^= 1;
  assert.equal(runFilter(all, { packet: foreign }), 9, 'to another host');
  const long = error(sent('198.51.100.7'));
  long[0] = 0x46;
  assert.equal(runFilter(all, { packet: long }), 9, 'behind IP options');
});

test('as many entries as are allowed can be reached by jumps of one octet', () => {
  const many = Array.from({ length: MOST_FILTER_ENTRIES }, (_, i) => 0x0a000000 + i);
  const filter = packetFilter(
    many,
    many.map((address) => ({ address, prefix: 32 })),
    1,
    0,
  );
  for (const [, yes, no] of filter) assert.ok(yes <= 255 && no <= 255 && yes >= 0 && no >= 0);
  assert.equal(runFilter(filter, { packet: udp(`10.0.0.${MOST_FILTER_ENTRIES - 1}`, '10.0.0.0') }), 1);
});

test('the filter as text is its length and its instructions', () => {
  assert.equal(filterText([[6, 0, 0, 2]]), '1,6 0 0 2');
});

test('the filter for control messages finds those that the codec finds, in both layouts, and no others of the same kind', () => {
  const filter = controlMessageFilter(own);
  const view = new TrailerView();
  const judge = (packet: Uint8Array) => runFilter(filter, { packet });
  const mutation = fc.record({ at: fc.nat({ max: 24 }), bit: fc.nat({ max: 7 }) });
  for (const layout of ['compact', 'full'] as const)
    fc.assert(
      fc.property(datagram, controlMessage(layout), fc.option(mutation), ({ packet }, cm, change) => {
        const out = new Uint8Array(packet.length + 128);
        let frame: Uint8Array;
        try {
          frame = out.slice(0, attach(packet, cm, out));
        } catch (error) {
          if (error instanceof CodecError) return;
          throw error;
        }
        new DataView(frame.buffer).setUint32(16, own[1]!);
        if (change !== null) frame[frame.length - 1 - change.at]! ^= 1 << change.bit;
        const isFound = view.locate(frame, 0, frame.length, layout === 'compact' ? Accept.compact : Accept.full);
        if (isFound) assert.equal(judge(frame), 2);
        else if (layout === 'compact' && !view.locate(frame, 0, frame.length, Accept.full))
          assert.equal(judge(frame) === 2, hasMarkOfFull(frame));
        new DataView(frame.buffer).setUint32(16, parseIpv4('10.0.0.77'));
        assert.notEqual(judge(frame), 2, 'another host');
      }),
      runs(300),
    );
  assert.notEqual(judge(udp('192.0.2.1', '10.0.0.1')), 2, 'shorter than a CM');
});

/** What the filter looks at of layout `full`, whose sum it does not compute. */
function hasMarkOfFull(frame: Uint8Array): boolean {
  const [count, version, flags] = frame.subarray(-5, -2);
  return version === 0xa2 && count! <= 16 && flags! <= 5;
}
