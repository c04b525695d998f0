import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fold, pseudoHeaderSum } from '../../../src/codec/checksum.js';
import { buildTcp, buildUdp, parseIpv4 } from '../../../src/codec/index.js';
import { completeChecksum } from '../../../src/io/pcap/pcap-sockets.js';

const TUPLE = {
  source: parseIpv4('10.0.0.1'),
  sourcePort: 7000,
  destination: parseIpv4('10.0.0.2'),
  destinationPort: 40_000,
};

for (const [name, packet, field] of [
  ['datagram', buildUdp(TUPLE, Buffer.from('odd')), 26],
  ['segment', buildTcp(TUPLE, { sequence: 1, acknowledgement: 2, flags: 16, window: 3 }, Buffer.from('even')), 36],
] as const) {
  const withField = (value: number, change: (packet: Uint8Array) => void = () => {}) => {
    const copy = packet.slice();
    new DataView(copy.buffer).setUint16(field, value);
    change(copy);
    return copy;
  };
  const left = fold(pseudoHeaderSum(packet, 0, packet[9]!, packet.length - 20));

  test(`what was left to hardware of the checksum of a ${name} is completed`, () => {
    const copy = withField(left);
    completeChecksum(copy);
    assert.deepEqual(copy, packet);
  });

  test(`any other checksum of a ${name} stays as it came, wrong ones too`, () => {
    const others = [
      packet,
      withField(left + 1),
      withField(0),
      withField(left, (copy) => new DataView(copy.buffer).setUint16(6, 0x2000)),
      withField(left, (copy) => copy.set([1], 9)),
      withField(left).subarray(0, 24),
    ];
    for (const other of others) {
      const copy = other.slice();
      completeChecksum(copy);
      assert.deepEqual(copy, other.slice());
    }
  });
}
