import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildUdp } from '../../../src/codec/index.js';
import type { Session } from '../../../src/endpoint/index.js';
import { Pair } from '../../support/endpoint-pair.js';

const [AB, BA] = ['10.1.0.1-10.1.0.2', '10.1.0.2-10.1.0.1'];
const isOurs = ({ tuple }: Session) => tuple.sourcePort === 40000 || tuple.destinationPort === 40000;
const sessionOf = (node: Pair['a']) => [...node.endpoint.sessions.rows()].find(isOurs);
const named = (pair: Pair) => [sessionOf(pair.a)!, sessionOf(pair.b)!] as const;

/** Both hosts send at once, every 20 ms, for `millis`. */
function both(pair: Pair, millis: number): void {
  for (let i = 0; i < millis / 20; i++) {
    pair.a.host(buildUdp(pair.toB, Uint8Array.of(1)));
    pair.b.host(buildUdp(pair.toA, Uint8Array.of(2)));
    pair.run(20);
  }
}

/** Each end knows that the other speaks MPIP, each has named the connection, and neither heard the other's id. */
function clash(): Pair {
  const pair = new Pair();
  pair.a.host(buildUdp(pair.toB, Uint8Array.of(0)));
  pair.a.host(buildUdp({ ...pair.toB, sourcePort: 40001 }, Uint8Array.of(0)));
  pair.run(10);
  pair.links.set(AB, 'down').set(BA, 'down');
  // Another connection of B takes id 1, so that the two choose different ids.
  pair.b.host(buildUdp({ ...pair.toA, destinationPort: 40001 }, Uint8Array.of(0)));
  both(pair, 100);
  assert.deepEqual(
    named(pair).map(({ id, confirmed }) => [id, confirmed]),
    [
      [1, false],
      [2, false],
    ],
  );
  return pair;
}

test('one way of the original path is down while both name a connection: the ends agree and use paths (decision 48)', () => {
  for (const [open, ids] of [
    [AB, 'the lower node is heard: its id counts at once'],
    [BA, 'the lower node is not heard: after 5 s it takes the id that it hears'],
  ] as const) {
    const pair = clash();
    pair.links.delete(open);
    both(pair, 20_000);
    const [a, b] = named(pair);
    assert.deepEqual([a.confirmed, b.confirmed], [true, true], ids);
    assert.deepEqual([a.id, b.id], open === AB ? [1, 1] : [2, 2], ids);
    // The rest of the mesh carries what the original path cannot.
    const before = [pair.a.delivered.length, pair.b.delivered.length];
    both(pair, 4000);
    assert.equal(pair.a.delivered.length - before[0]!, 200);
    assert.equal(pair.b.delivered.length - before[1]!, 200);
  }
});

test('the choice of the lower node counts as soon as the other hears it, once and for all (decision 48)', () => {
  const pair = clash();
  pair.links.delete(BA);
  both(pair, 20_000);
  assert.deepEqual(
    named(pair).map(({ id }) => id),
    [2, 2],
  );
  // A copy of the lower node's first packet, under way all the while, arrives at last.
  const late = pair.a.sent.find(
    ({ cm, tuple }) => cm?.sessionId === 1 && cm.pathId === 0 && tuple.sourcePort === 40000,
  )!;
  pair.b.receive(late.bytes.slice(), pair.network.now);
  pair.links.clear();
  const ids = new Set<string>();
  for (let i = 0; i < 200; i++) {
    both(pair, 20);
    ids.add(
      named(pair)
        .map(({ id }) => id)
        .join(),
    );
  }
  assert.equal([...ids].at(-1), '1,1');
  assert.ok(ids.size <= 2, `${[...ids]}`);
  pair.run(20);
  assert.ok(named(pair).every(({ confirmed }) => confirmed));
});

test('a node that forgot the session, its id unchanged, is told the name again on the original path (decision 48)', () => {
  const pair = new Pair();
  pair.exchange();
  both(pair, 2000);
  assert.equal(sessionOf(pair.a)!.paths.length, 4);
  pair.b.reboot({ addresses: pair.b.addresses, mac: 0x020000000b01, seed: 77 });
  pair.b.delivered.length = 0;
  both(pair, 3000);
  assert.deepEqual(
    [...pair.b.endpoint.sessions.rows()].filter(({ isUsed }) => isUsed).map(({ id }) => id),
    [sessionOf(pair.a)!.id],
  );
  pair.b.delivered.length = 0;
  both(pair, 1000);
  assert.equal(pair.b.delivered.length, 50);
  assert.deepEqual(new Set(pair.b.delivered.map(({ tuple }) => `${tuple.source} ${tuple.destination}`)).size, 1);
  assert.equal(pair.b.delivered[0]!.tuple.source, pair.toB.source);
});
