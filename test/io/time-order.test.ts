import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TimeOrder } from '../../src/io/time-order.js';
import { captured } from '../dissector/made-packets.js';

/** Hands these milliseconds on. @returns them with the numbers of their packets, as they come out before the end and then */
function ordered(millis: readonly number[]): string[] {
  const out: string[] = [];
  const order = new TimeOrder((packet, source) => {
    const at = (packet.seconds - 1_000_000) * 1000 + packet.nanoseconds / 1e6;
    out.push(`${at}:${packet.number}${source === 0 ? '' : ` of ${source}`}`);
  });
  const bytes = new Uint8Array(20);
  for (const [index, at] of millis.entries()) {
    const packet = captured(bytes, index + 1);
    packet.seconds = 1_000_000 + Math.floor(at / 1000);
    packet.nanoseconds = (at % 1000) * 1e6;
    order.add(packet, at % 2);
    // The reader uses its object and octets again.
    packet.number = 0;
  }
  out.push('end');
  order.end();
  return out;
}

test('packets come in the order of their times, equal ones as they came; what nobody waits for comes at once', () => {
  assert.deepEqual(ordered([10, 30, 20, 20, 5, 40]).slice(1), ['5:5 of 1', '10:1', '20:3', '20:4', '30:2', '40:6']);
  assert.deepEqual(ordered([0, 500, 1400, 1501, 2600, 90]).slice(0, 4), ['0:1', '500:2', '1400:3', '1501:4 of 1']);
});

test('once thousands came in order, the next come at once, until one does not: from there on order is made', () => {
  const start = Array.from({ length: 5000 }, (_, index) => index);
  const out = ordered([...start, 5100, 5099, 5098]);
  assert.equal(out.indexOf('5100:5001'), 5000, 'at once');
  assert.deepEqual(out.slice(5001), ['end', '5098:5003', '5099:5002 of 1']);
});

test('a clock that is set back puts nothing that was before behind what comes then', () => {
  const set = ordered([5000, 5020, 5010, 100, 120, 110]);
  assert.deepEqual(
    set.filter((one) => one !== 'end').map((one) => one.split(':')[0]),
    ['5000', '5010', '5020', '100', '110', '120'],
  );
});

test('what is held is bounded, and nothing is lost', () => {
  const many = ordered(Array.from({ length: 50_000 }, (_, index) => index % 2));
  assert.ok(many.indexOf('end') > 30_000, `${many.indexOf('end')} came before the end`);
  assert.equal(new Set(many).size, 50_001);
});
