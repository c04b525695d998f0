import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseIpv4 } from '../../src/codec/index.js';
import type { ServiceName } from '../../src/conformance/case.js';
import { runSuite } from '../../src/conformance/engine.js';
import { Lateness, RECENT, UNKNOWN_SLACK } from '../../src/conformance/lateness.js';
import { VirtualLink } from '../../src/conformance/virtual-link.js';
import { makeCase } from '../support/made-cases.js';
import { TinyPeer } from '../support/tiny-peer.js';

test('the slack follows what was measured: little while all is quick, more while it is late, and little again', () => {
  let now = 1_000_000;
  const lateness = new Lateness(() => now);
  lateness.note(200);
  assert.equal(lateness.slack, UNKNOWN_SLACK, 'how soon the peer answers is not known yet');
  lateness.noteAnswer(400);
  assert.ok(lateness.slack <= 10_000, `${lateness.slack} µs`);
  const quiet = lateness.slack;
  now += 200_000;
  // This machine stood still: as bad as a late answer.
  lateness.note(30_000);
  assert.ok(lateness.slack >= 3 * 30_000);
  now += RECENT / 2;
  lateness.noteAnswer(500);
  assert.ok(lateness.slack >= 3 * 30_000, 'for a while it counts');
  now += RECENT;
  lateness.noteAnswer(500);
  assert.equal(lateness.slack, quiet);
  now += 2 * RECENT;
  assert.equal(lateness.slack, UNKNOWN_SLACK, 'the peer has stopped to answer');
});

test('the worst since a time is told, whatever came before and however long ago', () => {
  let now = 0;
  const lateness = new Lateness(() => now);
  const noted: { at: number; late: number }[] = [];
  for (let i = 0; i < 2000; i++) {
    now += 7_000 + ((i * 7919) % 90_000);
    const late = (i * 104_729) % 50_000;
    lateness.note(late);
    noted.push({ at: now, late });
  }
  for (const since of [0, 1, 5_000_000, 33_333_333, now - 1, now]) {
    const worst = Math.max(...noted.filter(({ at }) => at >= since).map(({ late }) => late));
    const told = lateness.worstSince(since);
    // What happened a moment before may count.
    const nearly = Math.max(...noted.filter(({ at }) => at >= since - 50_000).map(({ late }) => late));
    assert.ok(told >= worst && told <= nearly, `since ${since}: ${told}, not ${worst} to ${nearly}`);
  }
});

/**
 * A suite of one case that fails in its first `failing` plays, of which nothing can be said of the first `late` ones, on a link
 * where so much lateness was seen in each of its plays.
 */
async function resultOf(failing: number, lateness: readonly number[], timed = false, late = 0) {
  const address = parseIpv4('192.0.2.1');
  let plays = 0;
  const link = new VirtualLink({
    createPeer: () => new TinyPeer({ addresses: [address], services: { 7000: 'echo' } }),
  });
  link.worstSince = () => lateness[Math.min(plays, lateness.length) - 1] ?? 0;
  // As a live link is judged, with a clock that need not be waited for.
  if (timed) Object.defineProperty(link, 'isVirtual', { value: false });
  const testCase = makeCase('GEN-made-late', async (t) => {
    if (++plays <= late) t.inconc('slow-network', 'It came late.');
    if (plays <= failing)
      t.fail('too-late', 'It came too late.', { expected: 'at once', seen: 'later', packet: undefined });
    t.pass('It came in time.');
  });
  const services = new Map<ServiceName, number>([['echo', 7000]]);
  const { cases } = await runSuite({ link, address, services, cases: [{ ...testCase, timed }] });
  return { result: cases[0]!, plays };
}

async function verdictOf(...args: Parameters<typeof resultOf>) {
  const { result, plays } = await resultOf(...args);
  return [result.verdict, result.cause.code, plays];
}

test('a failure counts only of a play in which nothing was later than the case allowed for', async () => {
  assert.deepEqual(await verdictOf(1, [0]), ['fail', 'too-late', 1]);
  assert.deepEqual(await verdictOf(1, [60_000]), ['pass', 'as-required', 2], 'late, and well when played again');
  assert.deepEqual(await verdictOf(9, [60_000, 60_000, 0]), ['fail', 'too-late', 3], 'it fails in time too');
  assert.deepEqual(await verdictOf(9, [60_000]), ['inconc', 'slow-network', 4]);
  assert.deepEqual(await verdictOf(0, [60_000]), ['pass', 'as-required', 1], 'what passes although late has passed');
});

test('a failure that rests on milliseconds counts live when it came three times: a peer may have been served late', async () => {
  assert.deepEqual(await verdictOf(1, [0], true), ['pass', 'as-required', 2]);
  assert.deepEqual(await verdictOf(2, [0], true), ['pass', 'as-required', 3]);
  assert.deepEqual(await verdictOf(9, [0], true), ['fail', 'too-late', 3]);
  assert.deepEqual(await verdictOf(9, [60_000], true), ['inconc', 'slow-network', 4]);
  const { result, plays } = await resultOf(9, [0], true, 2);
  assert.deepEqual(
    [result.verdict, result.cause.code, plays],
    ['inconc', 'not-repeated', 4],
    'late twice, then failed twice',
  );
  assert.match(
    result.cause.text,
    /^The case rests on waits of few milliseconds, .* failed 2 times in the 4 plays that it may have; .*It came too late\.$/,
  );
  assert.match((await resultOf(9, [60_000], true)).result.cause.text, /^Answers, or this machine, were later than/);
});
