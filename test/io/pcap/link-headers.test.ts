import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildUdp, formatIpv4, parseIpv4 } from '../../../src/codec/index.js';
import { LinkHeaders, PROBE_PORT } from '../../../src/io/pcap/link-headers.js';

const OWN = parseIpv4('127.0.0.1');
const FAR = parseIpv4('127.9.9.9');
const HEADER = Uint8Array.of(2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0);

const packetTo = (destination: number, destinationPort: number, text: string) =>
  buildUdp({ source: OWN, sourcePort: 4000, destination, destinationPort }, Buffer.from(text));
const frameOf = (packet: Uint8Array) => Buffer.concat([HEADER, packet]);

async function openHeaders() {
  const sent: [string, string, string][] = [];
  let refused = 0;
  const headers = await LinkHeaders.open<string>(
    [OWN],
    (way, packet) =>
      sent.push([way.interface, Buffer.from(way.header).toString('hex'), Buffer.from(packet.subarray(28)).toString()]),
    (packets) => {
      refused += packets;
    },
  );
  return { headers, sent, refused: () => refused };
}

test('packets wait until a frame shows the way, and then go behind its header', async () => {
  const { headers, sent } = await openHeaders();
  headers.pass(packetTo(FAR, 7, 'one'), OWN);
  headers.pass(packetTo(FAR, 7, 'two'), OWN);
  const other = packetTo(parseIpv4('127.9.9.8'), PROBE_PORT, '');
  assert.ok(headers.learn('eth1', frameOf(other), 14), 'a probe to somebody else');
  assert.equal(headers.learn('eth1', frameOf(packetTo(FAR, 7, '')), 14), false, 'another port');
  const strange = buildUdp({ source: FAR, sourcePort: 1, destination: FAR, destinationPort: PROBE_PORT }, HEADER);
  assert.equal(headers.learn('eth1', frameOf(strange), 14), false, 'from another address');
  assert.deepEqual(sent, []);
  assert.ok(headers.learn('eth0', frameOf(packetTo(FAR, PROBE_PORT, '')), 14));
  headers.pass(packetTo(FAR, 7, 'three'), OWN);
  const header = Buffer.from(HEADER).toString('hex');
  assert.deepEqual(
    sent,
    ['one', 'two', 'three'].map((text) => ['eth0', header, text]),
  );
  headers.close();
});

test('packets to which no way is found are counted, and the next one looks again', async () => {
  const { headers, sent, refused } = await openHeaders();
  for (let i = 0; i < 300; i++) headers.pass(packetTo(FAR, 7, 'lost'), OWN);
  assert.equal(refused(), 300 - 256, 'more do not wait');
  while (refused() < 300) await new Promise((resolve) => setTimeout(resolve, 20));
  headers.pass(packetTo(FAR, 7, 'again'), OWN);
  headers.learn('eth0', frameOf(packetTo(FAR, PROBE_PORT, '')), 14);
  assert.deepEqual(
    sent.map(([, , text]) => text),
    ['again'],
    formatIpv4(FAR),
  );
  headers.close();
});
