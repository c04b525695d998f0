import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readU16be } from '../../src/codec/bytes.js';
import { buildUdp, parseIpv4, TrailerView } from '../../src/codec/index.js';
import { ReferenceHost, type ReferenceHostOptions } from '../../src/endpoint/index.js';

const HOST = parseIpv4('192.0.2.1');
const CLIENT = { source: parseIpv4('198.51.100.1'), sourcePort: 4000, destination: HOST, destinationPort: 7 };
const MORE_FRAGMENTS = 0x2000;

/** What a host sends in answer to so many octets, queries left out. */
function answersTo(octets: number, options: Partial<ReferenceHostOptions>): Uint8Array[] {
  const host = new ReferenceHost({ addresses: [HOST], services: [{ name: 'echo', port: 7 }], seed: 1, ...options });
  host.receive(buildUdp(CLIENT, new Uint8Array(octets)), 1_000_000);
  host.poll(1_000_000);
  const sent: Uint8Array[] = [];
  host.drain((packet) => sent.push(packet.slice()));
  return sent.filter((packet) => !new TrailerView().locate(packet));
}

test('an answer that the links do not carry whole is cut: by the node, or by the sockets that it is given to (decision 16)', () => {
  const linkMtu = 1500;
  const pieces = answersTo(3000, { linkMtu });
  assert.deepEqual(
    pieces.map(({ length }) => length),
    [1500, 1500, 20 + 3008 - 2 * 1480],
  );
  assert.deepEqual(
    pieces.map((piece) => (readU16be(piece, 6) & MORE_FRAGMENTS) !== 0),
    [true, true, false],
  );
  assert.deepEqual(
    answersTo(3000, { linkMtu, fragmentsBelow: true }).map(({ length }) => length),
    [3028],
  );
  // What fits says so, as a kernel that finds out about the way.
  const [whole] = answersTo(1472, { linkMtu, fragmentsBelow: true });
  assert.deepEqual([whole!.length, readU16be(whole!, 6)], [1500, 0x4000]);
});
