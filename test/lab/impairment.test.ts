import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Random } from '../../src/codec/index.js';
import { late, WIRELESS } from '../../src/lab/conditions.js';
import { DelayLine } from '../../src/lab/impairment.js';
import { NETEM_CLASS, netemWords } from '../../src/lab/netem.js';
import { limitOf } from '../../src/lab/shaping.js';
import { runs } from '../support/runs.js';

const arrivals = fc.array(fc.nat(2000), { minLength: 1, maxLength: 3000 });

test('packets leave in order, none before its delay, none later than delay, jitter and the packet before it', () => {
  fc.assert(
    fc.property(arrivals, fc.nat(20_000), fc.nat(5000), fc.nat(), (gaps, delay, jitter, seed) => {
      const line = new DelayLine({ delay, jitter, loss: 0 }, new Random(seed));
      const times: number[] = [];
      let now = 0;
      for (const [packet, gap] of gaps.entries()) {
        now += gap;
        times.push(now);
        assert.ok(line.take(packet, now));
      }
      let before = -1;
      let latest = 0;
      while (line.nextRelease !== Number.POSITIVE_INFINITY) {
        const due = line.nextRelease;
        assert.equal(line.release(due - 1), undefined, 'nothing leaves before it is due');
        const last = line.release(due)!;
        assert.ok(last > before);
        for (let packet = before + 1; packet <= last; packet++) assert.ok(due >= times[packet]! + delay);
        latest = Math.max(latest, times[last]! + delay + jitter);
        assert.ok(due <= latest);
        before = last;
      }
      assert.equal(before, gaps.length - 1, 'every packet left');
    }),
    runs(100),
  );
});

test('a delay without jitter is that delay to the microsecond', () => {
  const line = new DelayLine({ delay: 5000, jitter: 0, loss: 0 }, new Random(1));
  for (let packet = 0; packet < 5000; packet++) line.take(packet, packet * 10);
  for (let packet = 0; packet < 5000; packet++) {
    assert.equal(line.nextRelease, packet * 10 + 5000);
    assert.equal(line.release(packet * 10 + 5000), packet);
  }
});

test('as many packets are lost as was asked for, the same ones with the same seed', () => {
  const lostWith = (seed: number) => {
    const line = new DelayLine({ delay: 0, jitter: 0, loss: 0.1 }, new Random(seed));
    return Array.from({ length: 20_000 }, (_, packet) => packet).filter((packet) => !line.take(packet, packet));
  };
  const lost = lostWith(7);
  // Binomial: 2000 expected, standard deviation 42.
  assert.ok(Math.abs(lost.length - 2000) < 6 * 43, `${lost.length}`);
  assert.deepEqual(lostWith(7), lost);
  assert.notDeepEqual(lostWith(8), lost);
});

test('netem is told the same: jitter on top of the delay, not around it, and packets in order', () => {
  const words = netemWords('ra2', WIRELESS.out!).join(' ');
  // 200 µs and up to 300 more is 350, give or take 150; one in 2000 is 0.05 %.
  assert.equal(
    words,
    'qdisc replace dev ra2 root handle 2: netem limit 20000 delay 350us 150us loss 0.05% rate 100gbit',
  );
  assert.equal(
    netemWords('ra1', late(5)).join(' '),
    'qdisc replace dev ra1 root handle 2: netem limit 20000 delay 5000us rate 100gbit',
  );
});

test('a rate limit is the root of an end, or below netem where that holds packets first', () => {
  const place = (parent?: string) =>
    limitOf({ namespace: 'r', device: 'ra1', parent }, 150_000).commands(40)[0]!.join(' ');
  assert.match(place(), /^qdisc replace dev ra1 root handle 1: .* tbf rate 40000kbit burst 8kb limit 150000$/);
  assert.match(place(NETEM_CLASS), /^qdisc replace dev ra1 parent 2:1 handle 1: .* tbf rate 40000kbit /);
});
