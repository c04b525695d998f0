import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatIpv4, parseIpv4 } from '../../../src/codec/index.js';
import { formatNetwork, type MainRoute, ownRoutes, parseNetwork } from '../../../src/io/linux/host-routes.js';

const network = (text: string) => parseNetwork(text)!;
const route = (text: string, device: string | undefined, more: Partial<MainRoute> = {}): MainRoute => ({
  network: network(text),
  device,
  gateway: undefined,
  source: undefined,
  metric: 0,
  ...more,
});
const interfaces = [
  { name: 'eth0', mtu: 1500, addresses: [{ address: parseIpv4('10.0.0.2'), prefix: 24 }] },
  {
    name: 'eth1',
    mtu: 1500,
    addresses: [
      { address: parseIpv4('10.0.1.2'), prefix: 24 },
      { address: parseIpv4('10.0.9.2'), prefix: 24 },
    ],
  },
];
const main = [
  route('default', 'eth1', { gateway: parseIpv4('10.0.9.1'), metric: 200 }),
  route('default', 'eth0', { gateway: parseIpv4('10.0.0.1'), metric: 100 }),
  route('10.0.0.0/24', 'eth0', { source: parseIpv4('10.0.0.2') }),
  route('172.16.0.0/12', 'eth1', { gateway: parseIpv4('10.0.9.1') }),
  route('172.16.5.0/24', 'vpn0'),
  route('192.0.2.0/24', undefined),
];
const shown = (wanted: string[], of = interfaces) =>
  Object.fromEntries(
    ownRoutes(main, of, wanted.map(network)).map((own) => [
      formatNetwork(own.network),
      own.source === undefined ? 'throw' : formatIpv4(own.source),
    ]),
  );

test('what leads by the interfaces goes through the node with the source it would have had; the rest is thrown back', () => {
  assert.deepEqual(shown([]), {
    default: '10.0.0.2',
    '10.0.0.0/24': '10.0.0.2',
    '172.16.0.0/12': '10.0.9.2',
    '172.16.5.0/24': 'throw',
    '192.0.2.0/24': 'throw',
    '224.0.0.0/4': 'throw',
    '255.255.255.255/32': 'throw',
  });
});

test('with one interface the default route of the other stays as it is', () => {
  assert.deepEqual(shown([], [interfaces[1]!]), {
    default: 'throw',
    '10.0.0.0/24': 'throw',
    '172.16.0.0/12': '10.0.9.2',
    '172.16.5.0/24': 'throw',
    '192.0.2.0/24': 'throw',
    '224.0.0.0/4': 'throw',
    '255.255.255.255/32': 'throw',
  });
});

test('networks narrow it: routes inside them stay, of the routes around them the longest counts', () => {
  assert.deepEqual(shown(['172.16.0.0/13', '203.0.113.0/24']), {
    '172.16.0.0/13': '10.0.9.2',
    '172.16.5.0/24': 'throw',
    '203.0.113.0/24': '10.0.0.2',
  });
  assert.deepEqual(shown(['172.16.5.128/25']), {});
});

test('a network is an address and the length of its prefix, without bits behind it', () => {
  assert.deepEqual(parseNetwork('default'), { address: 0, prefix: 0 });
  assert.deepEqual(parseNetwork('0.0.0.0/0'), { address: 0, prefix: 0 });
  assert.deepEqual(parseNetwork('10.1.2.3'), { address: 0x0a010203, prefix: 32 });
  for (const bad of ['10.0.0.1/8', '10.0.0.0/33', '10.0.0.0/8/9', '10.0.0/8', '10.0.0.0/', '::/0', '', 'eth0'])
    assert.equal(parseNetwork(bad), undefined, bad);
});
