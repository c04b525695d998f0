import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatIpv4, parseIpv4 } from '../../../src/codec/index.js';
import { eventInWords, HostNetwork, hostEvents, usableAddresses } from '../../../src/io/linux/host-network.js';
import type { LinkMessage, NetlinkMessage } from '../../../src/io/linux/netlink.js';

const link = (index: number, name: string, more: Partial<LinkMessage> = {}): NetlinkMessage => ({
  kind: 'link',
  isGone: false,
  index,
  name,
  isUp: true,
  hasCarrier: true,
  isLoopback: false,
  mtu: 1500,
  ...more,
});
const address = (index: number, text: string, isGlobal = true): NetlinkMessage => ({
  kind: 'address',
  isGone: false,
  index,
  address: parseIpv4(text),
  prefix: 24,
  isGlobal,
});
const route = (index: number, via: string, prefix = 0, table = 254): NetlinkMessage => ({
  kind: 'route',
  isGone: false,
  table,
  network: { address: prefix === 0 ? 0 : parseIpv4('192.0.2.0'), prefix },
  isUnicast: true,
  hops: [{ index, gateway: parseIpv4(via) }],
  source: undefined,
  metric: 0,
});
const start = [link(2, 'a1'), link(3, 'a2'), address(2, '10.0.1.2'), address(3, '10.0.2.2'), route(2, '10.0.1.1')];
const names = ['a1', 'a2'];
const between = (before: NetlinkMessage[], after: NetlinkMessage[]) =>
  hostEvents(new HostNetwork(before), new HostNetwork(after), names).map(eventInWords);
const without = (i: number, ...more: NetlinkMessage[]) => [...start.filter((_, at) => at !== i), ...more];

const cases: [what: string, after: NetlinkMessage[], expected: string[]][] = [
  ['nothing', start, []],
  ['the order of what is told', [...start].reverse(), []],
  ['an interface that is not the node’s', [...start, link(9, 'x'), address(9, '10.9.9.9')], []],
  ['a route of another table', [...start, route(2, '10.0.1.9', 24, 7000)], []],
  ['an address of the link only', [...start, address(2, '169.254.0.1', false)], []],
  ['down', without(0, link(2, 'a1', { isUp: false, hasCarrier: false })), ['a1 went down']],
  ['no carrier', without(0, link(2, 'a1', { hasCarrier: false })), ['a1 lost its carrier']],
  ['another MTU', without(0, link(2, 'a1', { mtu: 1400 })), ['a1 has the MTU 1400']],
  ['an address removed', without(2), ['a1 lost the address 10.0.1.2/24']],
  ['an address added', [...start, address(2, '10.0.1.3')], ['a1 has the address 10.0.1.3/24']],
  ['no default route', without(4), ['the default route by a1 is gone']],
  [
    'another default route',
    without(4, route(3, '10.0.2.1')),
    ['the default route by a1 is gone', 'there is a default route by a2'],
  ],
  ['another route', [...start, route(2, '10.0.1.1', 24)], ['the routes changed']],
  ['gone', start.slice(1, 2).concat(start.slice(3, 4)), ['interface a1 is gone', 'the default route by a1 is gone']],
  [
    'made again between two looks',
    [link(7, 'a1'), link(3, 'a2'), address(7, '10.0.1.2'), address(3, '10.0.2.2'), route(7, '10.0.1.1')],
    ['interface a1 is gone', 'interface a1 was made', 'a1 has the address 10.0.1.2/24'],
  ],
];

for (const [what, after, expected] of cases)
  test(`changes of the host: ${what}`, () => {
    assert.deepEqual(between(start, after), expected);
  });

test('what went comes back', () => {
  assert.deepEqual(between(without(0, link(2, 'a1', { isUp: false, hasCarrier: false })), start), ['a1 went up']);
  assert.deepEqual(between(without(0, link(2, 'a1', { hasCarrier: false })), start), ['a1 has a carrier again']);
  assert.deepEqual(between(without(4), start), ['there is a default route by a1']);
  assert.deepEqual(between(start.slice(1), start).slice(0, 1), ['interface a1 was made']);
});

test('usable are addresses of interfaces that are up with a carrier and a way, the primary ones first', () => {
  const all = new HostNetwork([...start, address(2, '10.0.1.3')]);
  const of = (host: HostNetwork, hasWay = (_: number) => true) =>
    usableAddresses(
      names.flatMap((name) => host.interface(name) ?? []),
      hasWay,
    ).map(formatIpv4);
  assert.deepEqual(of(all), ['10.0.1.2', '10.0.2.2', '10.0.1.3']);
  assert.deepEqual(of(new HostNetwork(without(0, link(2, 'a1', { hasCarrier: false })))), ['10.0.2.2']);
  assert.deepEqual(of(new HostNetwork(start.slice(1))), ['10.0.2.2']);
  assert.deepEqual(
    of(all, (source) => source !== parseIpv4('10.0.1.2')),
    ['10.0.1.3', '10.0.2.2'],
  );
});

test('an address is somewhere on the host, or only where it does not count', () => {
  const host = new HostNetwork([...start, link(8, 'mpip0'), address(8, '10.0.7.7')]);
  assert.equal(host.has(parseIpv4('10.0.7.7')), true);
  assert.equal(host.has(parseIpv4('10.0.7.7'), ['mpip0']), false);
  assert.equal(host.has(parseIpv4('10.0.7.8')), false);
});
