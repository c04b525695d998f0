import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  attach,
  buildUdp,
  type ControlMessage,
  decode,
  decodeGeneral,
  detach,
  emptyControlMessage,
  encode,
  Flags,
  parseIpv4,
  TrailerView,
} from '../../src/codec/index.js';

const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ''), 'hex'));
const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

const addresses = [parseIpv4('192.0.2.10'), parseIpv4('198.51.100.20')];
const dataBlock = '199df8070305003073752efbffffc000020ac6336414003908';
const data: ControlMessage = {
  ...emptyControlMessage(),
  nodeId: 0x9df8,
  sessionId: 7,
  pathId: 3,
  feedbackPathId: 5,
  timestamp: 0x75733000,
  pathDelay: -1234,
  localAddresses: addresses,
};

const blocks: [string, string, ControlMessage][] = [
  ['data', dataBlock, data],
  [
    'query',
    '199df800000000307375 00000000 c000020a 00000000 03 9503',
    {
      ...emptyControlMessage(),
      nodeId: 0x9df8,
      timestamp: 0x75733000,
      localAddresses: [addresses[0]!],
      flags: Flags.enable,
    },
  ],
  [
    'extremes',
    '19 0102 09 04 02 ffffffff ffffff7f cb007107 c0000263 01 0c0a',
    {
      ...emptyControlMessage(),
      nodeId: 0x0102,
      sessionId: 9,
      pathId: 4,
      feedbackPathId: 2,
      timestamp: 0xffffffff,
      pathDelay: 0x7fffffff,
      localAddresses: [parseIpv4('203.0.113.7'), parseIpv4('192.0.2.99')],
      flags: Flags.ipChange,
    },
  ],
];

for (const [name, hex, message] of blocks) {
  test(`worked block ${name}: encode, decode and the general decoder agree`, () => {
    const block = bytesOf(hex);
    assert.equal(hexOf(encode(message)), `00${hexOf(block)}`);
    assert.deepEqual(decode(block, 'compact'), message);
    assert.equal(decodeGeneral(block, 'compact').pathDelay, message.pathDelay);
    assert.equal(decodeGeneral(block, 'compact').timestamp, message.timestamp);
  });
}

test('worked datagram: attach makes the documented bytes and detach gives the datagram back', () => {
  const expected = `4500003b123440004011 2a6c c000020acb007107 9c4013890027621b68656c6c6f00${dataBlock}`.replaceAll(
    ' ',
    '',
  );
  const tuple = {
    source: addresses[0]!,
    sourcePort: 40000,
    destination: parseIpv4('203.0.113.7'),
    destinationPort: 5001,
  };
  const plain = buildUdp(tuple, new TextEncoder().encode('hello'), { identification: 0x1234 });
  const out = new Uint8Array(100);
  const length = attach(plain, data, out);
  assert.equal(hexOf(out.subarray(0, length)), expected);
  const view = new TrailerView();
  assert.ok(view.locate(out, 0, length));
  assert.equal(view.cm.nodeId, 0x9df8);
  const left = detach(view);
  assert.equal(hexOf(out.subarray(0, left)), hexOf(plain));
});
