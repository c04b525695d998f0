import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  addressKey,
  addressOfKey,
  CodecError,
  formatIpv4,
  formatNodeId,
  parseIpv4,
  parseNodeId,
  portOfKey,
} from '../../src/codec/index.js';
import { runs } from '../support/runs.js';

test('an address survives being written and read', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0xffffffff }), (address) =>
      assert.equal(parseIpv4(formatIpv4(address)), address),
    ),
    runs(500),
  );
});

test('what is no IPv4 address is refused', () => {
  for (const text of ['', '1.2.3', '1.2.3.4.5', '256.1.1.1', '01.2.3.4', '1.2.3.4 ', '::1', 'a.b.c.d', '1..2.3'])
    assert.throws(() => parseIpv4(text), CodecError, text);
});

test('a key gives back its address and port', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0xffffffff }), fc.integer({ min: 0, max: 0xffff }), (address, port) => {
      const key = addressKey(address, port);
      assert.deepEqual([addressOfKey(key), portOfKey(key)], [address, port]);
    }),
    runs(500),
  );
});

test('a node id survives being written and read', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0xffff }), (nodeId) =>
      assert.deepEqual(parseNodeId(formatNodeId(nodeId, 2)), { nodeId, octets: 2 }),
    ),
    runs(200),
  );
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 48 - 1 }), (nodeId) =>
      assert.deepEqual(parseNodeId(formatNodeId(nodeId, 6)), { nodeId, octets: 6 }),
    ),
    runs(200),
  );
  assert.deepEqual(parseNodeId('9DF8'), { nodeId: 0x9df8, octets: 2 });
  assert.deepEqual(parseNodeId('52-54-00-00-0a-01'), { nodeId: 0x525400000a01, octets: 6 });
});

test('what is no node id is refused', () => {
  for (const text of ['', '9d', '9d:f', ':9d:f8', '9-d:f8', '9d:f8:01', '9d:f8:', 'zz:zz', '9d::f8', '0x9df8'])
    assert.throws(() => parseNodeId(text), CodecError, text);
});
