import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatIpv4, parseIpv4 } from '../../src/codec/index.js';
import { Pacer } from '../../src/conformance/pacer.js';
import { isIn, OWN_BLOCKS } from '../../src/conformance/targets.js';

test('no second sees more packets than the rate and one burst, the order stays, nothing is lost', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let now = 0;
  const rate = 200;
  const pacer = new Pacer(rate, () => now);
  const sent: { packet: number; at: number }[] = [];
  for (let packet = 0; packet < 1000; packet++) pacer.pass(() => sent.push({ packet, at: now }));
  assert.ok(pacer.lateness > 4_000_000);
  for (let millis = 0; millis < 6000; millis++) {
    now += 1000;
    t.mock.timers.tick(1);
  }
  assert.deepEqual(
    sent.map(({ packet }) => packet),
    Array.from({ length: 1000 }, (_, i) => i),
  );
  for (const { at } of sent) {
    const second = sent.filter((other) => other.at >= at && other.at < at + 1_000_000).length;
    assert.ok(second <= rate + 10, `${second} packets in the second from ${at}`);
  }
  assert.ok(sent.at(-1)!.at > 4_500_000 && sent.at(-1)!.at < 5_200_000, `the last left at ${sent.at(-1)!.at}`);
  assert.equal(pacer.lateness, 0);
});

test('what waits when the pacer is closed is never sent', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let count = 0;
  const pacer = new Pacer(1, () => 0);
  for (let i = 0; i < 100; i++) pacer.pass(() => count++);
  const before = count;
  assert.ok(before < 100);
  pacer.close();
  t.mock.timers.tick(1_000_000);
  assert.equal(count, before);
});

test('addresses are the user’s own where they are loopback, private or link-local', () => {
  const own = [
    '127.0.0.1',
    '127.255.255.255',
    '10.0.0.1',
    '172.16.0.0',
    '172.31.255.255',
    '192.168.1.1',
    '169.254.9.9',
  ];
  const strange = ['8.8.8.8', '172.15.255.255', '172.32.0.0', '192.169.0.0', '11.0.0.0', '100.64.0.1', '224.0.0.1'];
  for (const text of own) assert.ok(isIn(OWN_BLOCKS, parseIpv4(text)), text);
  for (const text of strange) assert.ok(!isIn(OWN_BLOCKS, parseIpv4(text)), text);
});

test('a block holds the addresses whose first bits are its own', () => {
  const bits = (address: number) => address.toString(2).padStart(32, '0');
  const address = fc.integer({ min: 0, max: 2 ** 32 - 1 });
  fc.assert(
    fc.property(address, fc.integer({ min: 0, max: 32 }), address, (first, prefix, other) => {
      const same = bits(first).slice(0, prefix) === bits(other).slice(0, prefix);
      assert.equal(
        isIn([{ address: first, prefix }], other),
        same,
        `${formatIpv4(other)} in ${formatIpv4(first)}/${prefix}`,
      );
      assert.ok(isIn([{ address: first, prefix }], first));
    }),
  );
});
