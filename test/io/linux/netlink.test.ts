import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { dumpRequest, Get, type NetlinkMessage, parseNetlink, wayRequest } from '../../../src/io/linux/netlink.js';
import { runs } from '../../support/runs.js';

/** Attributes as octets: type, value; padded to four. */
function attributes(...list: [type: number, value: Uint8Array][]): Uint8Array {
  return Buffer.concat(
    list.map(([type, value]) => {
      const bytes = Buffer.alloc((4 + value.length + 3) & ~3);
      bytes.writeUInt16LE(4 + value.length, 0);
      bytes.writeUInt16LE(type, 2);
      bytes.set(value, 4);
      return bytes;
    }),
  );
}
const u32 = (value: number) => new Uint8Array(Uint32Array.of(value).buffer);
const ip = (value: number) => Buffer.from([value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]);

function framed(type: number, body: Uint8Array, flags = 0): Uint8Array {
  const bytes = Buffer.alloc((16 + body.length + 3) & ~3);
  bytes.writeUInt32LE(16 + body.length, 0);
  bytes.writeUInt16LE(type, 4);
  bytes.writeUInt16LE(flags, 6);
  bytes.set(body, 16);
  return bytes;
}

/** The octets of a message, as the kernel lays them out. */
function encoded(message: NetlinkMessage): Uint8Array {
  const type = (first: number) => ('isGone' in message && message.isGone ? first + 1 : first);
  switch (message.kind) {
    case 'link': {
      const { index, name, isUp, hasCarrier, isLoopback, mtu } = message;
      const head = Buffer.alloc(16);
      head.writeInt32LE(index, 4);
      head.writeUInt32LE((isUp ? 1 : 0) | (isLoopback ? 8 : 0) | (hasCarrier ? 0x40 : 0) | 0x1000, 8);
      const rest = attributes([3, Buffer.from(`${name}\0`)], [13, u32(1)], [4, u32(mtu)]);
      return framed(type(16), Buffer.concat([head, rest]));
    }
    case 'address': {
      const head = Buffer.alloc(8);
      head.set([2, message.prefix, 0, message.isGlobal ? 0 : 254]);
      head.writeUInt32LE(message.index, 4);
      const rest = attributes([1, ip(1)], [2, ip(message.address)]);
      return framed(type(20), Buffer.concat([head, rest]));
    }
    case 'route': {
      const { network, table, isUnicast, hops, source, metric } = message;
      const head = Buffer.alloc(12);
      head.set([2, network.prefix, 0, 0, 252, 3, 0, isUnicast ? 1 : 7]);
      const gateway = (value: number | undefined): [number, Uint8Array][] =>
        value === undefined ? [] : [[5, ip(value)]];
      const nexthops = hops.map(({ index, gateway: via }) => {
        const inner = attributes(...gateway(via));
        const hop = Buffer.alloc(8);
        hop.writeUInt16LE(8 + inner.length, 0);
        hop.writeInt32LE(index, 4);
        return Buffer.concat([hop, inner]);
      });
      const one = hops[0]!;
      const way: [number, Uint8Array][] =
        hops.length === 1 ? [[4, u32(one.index)], ...gateway(one.gateway)] : [[9, Buffer.concat(nexthops)]];
      const rest = attributes(
        [15, u32(table)],
        [1, ip(network.address)],
        [6, u32(metric)],
        ...(source === undefined ? [] : ([[7, ip(source)]] as [number, Uint8Array][])),
        ...way,
      );
      return framed(type(24), Buffer.concat([head, rest]));
    }
    case 'done':
      return framed(3, u32(0));
    case 'error':
      return framed(2, u32(-message.errno >>> 0));
    case 'other':
      return framed(message.type, new Uint8Array(20));
  }
}

const u = (max: number) => fc.integer({ min: 0, max });
const address = u(2 ** 32 - 1);
const index = fc.integer({ min: 1, max: 2 ** 31 - 1 });
const optional = fc.option(address, { nil: undefined });
const link = fc.record({
  kind: fc.constant('link' as const),
  isGone: fc.boolean(),
  index,
  name: fc.stringMatching(/^[a-z][a-z0-9.@-]{0,14}$/),
  isUp: fc.boolean(),
  hasCarrier: fc.boolean(),
  isLoopback: fc.boolean(),
  mtu: u(2 ** 32 - 1),
});
const addressMessage = fc.record({
  kind: fc.constant('address' as const),
  isGone: fc.boolean(),
  index,
  address,
  prefix: u(32),
  isGlobal: fc.boolean(),
});
const route = fc.record({
  kind: fc.constant('route' as const),
  isGone: fc.boolean(),
  table: u(2 ** 32 - 1),
  network: fc.record({ address, prefix: u(32) }),
  isUnicast: fc.boolean(),
  hops: fc.array(fc.record({ index, gateway: optional }), { minLength: 1, maxLength: 4 }),
  source: optional,
  metric: u(2 ** 32 - 1),
});
const message: fc.Arbitrary<NetlinkMessage> = fc
  .oneof(
    link,
    addressMessage,
    route,
    fc.constant({ kind: 'done' as const }),
    fc.record({ kind: fc.constant('error' as const), errno: u(133) }),
    fc.record({ kind: fc.constant('other' as const), type: fc.integer({ min: 28, max: 120 }) }),
  )
  // Plain objects, as the parser makes them.
  .map((one) => structuredClone(one) as NetlinkMessage);

test('what the kernel lays out is read back, any number of messages in one read', () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 8 }), (messages) => {
      const bytes = new Uint8Array(Buffer.concat(messages.map(encoded)));
      assert.deepEqual(parseNetlink(bytes), { messages, isInterrupted: false, isDamaged: false });
    }),
    runs(300),
  );
});

test('a shortened read gives the whole messages and says that it is damaged', () => {
  fc.assert(
    fc.property(fc.array(message, { minLength: 1, maxLength: 4 }), fc.nat(), (messages, cut) => {
      const bytes = new Uint8Array(Buffer.concat(messages.map(encoded)));
      const length = cut % bytes.length;
      const batch = parseNetlink(bytes.subarray(0, length));
      assert.deepEqual(batch.messages, messages.slice(0, batch.messages.length));
      const whole = messages.slice(0, batch.messages.length).reduce((sum, one) => sum + encoded(one).length, 0);
      assert.equal(batch.isDamaged, whole !== length);
    }),
    runs(300),
  );
});

test('no octets make it fail', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }),
      fc.array(message, { maxLength: 3 }),
      fc.nat(),
      (noise, messages, at) => {
        assert.ok(Array.isArray(parseNetlink(noise).messages));
        const bytes = new Uint8Array(Buffer.concat(messages.map(encoded)));
        if (bytes.length > 0) bytes.set(noise.subarray(0, 4), at % Math.max(1, bytes.length - 4));
        assert.ok(Array.isArray(parseNetlink(bytes).messages));
      },
    ),
    runs(500),
  );
});

test('messages of a bridge about its ports are no interfaces', () => {
  const bytes = new Uint8Array(
    encoded({
      kind: 'link',
      isGone: true,
      index: 3,
      name: 'p0',
      isUp: true,
      hasCarrier: true,
      isLoopback: false,
      mtu: 9,
    }),
  );
  bytes[16] = 7;
  assert.deepEqual(parseNetlink(bytes).messages, [{ kind: 'other', type: 17 }]);
});

test('a dump that something changed is known as such', () => {
  assert.equal(parseNetlink(new Uint8Array(framed(3, u32(0), 0x10))).isInterrupted, true);
});

test('requests are laid out as the kernel reads them', () => {
  assert.equal(
    Buffer.from(dumpRequest(Get.address)).toString('hex'),
    `2000000016000103${'01000000'}00000000${'02'.padEnd(32, '0')}`,
  );
  const way = wayRequest({ source: 0x0a000002, destination: 0x0a010203, index: 7, mark: 0x1000000 });
  assert.equal(
    Buffer.from(way).toString('hex'),
    [
      '3c0000001a0001000100000000000000',
      '022020000000000000200000',
      '080001000a010203',
      '080002000a000002',
      '0800040007000000',
      '0800100000000001',
    ].join(''),
  );
});
