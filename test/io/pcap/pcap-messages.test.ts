import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Kind, MessageReader, messageOf } from '../../../src/io/pcap/pcap-messages.js';

test('messages are found in whatever pieces they come', () => {
  const micros = 1_700_000_000_123_456;
  const messages: [number, Uint8Array, number][] = [
    [Kind.opened, Buffer.from('ETHERNET'), 0],
    [Kind.frame, Uint8Array.of(1, 2, 3), micros],
    [Kind.frame, new Uint8Array(0), micros + 1],
    [Kind.lost, new Uint8Array(0), 7],
  ];
  const stream = Buffer.concat(messages.map(([kind, octets, time]) => messageOf(kind, octets, time)));
  for (let size = 1; size <= stream.length; size++) {
    const reader = new MessageReader();
    const found: typeof messages = [];
    for (let at = 0; at < stream.length; at += size) {
      reader.push(stream.subarray(at, at + size));
      for (let next = reader.next(); next !== undefined; next = reader.next())
        found.push([next.kind, Buffer.from(next.octets), next.micros]);
    }
    assert.deepEqual(
      found.map(([kind, octets, time]) => [kind, [...octets], time]),
      messages.map(([kind, octets, time]) => [kind, [...octets], time]),
      `pieces of ${size}`,
    );
  }
});
