import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildUdp, Flags, formatIpv4 } from '../../../src/codec/index.js';
import { A1, A2, B1, B2, dataOf, tuplesOf, WidePair } from '../../support/wide-pair.js';

const sessionOf = (node: WidePair['a']) => [...node.endpoint.sessions.rows()][0]!;
const pathsOf = (pair: WidePair) => [pair.a, pair.b].map((node) => sessionOf(node).paths.length);

/** Nothing gets through on an access link, both ways; or everything again. */
function cut(pair: WidePair, names: readonly ('a1' | 'a2' | 'b1' | 'b2')[], isUp = false): void {
  for (const name of names) {
    pair.links[name].forward.isUp = isUp;
    pair.links[name].back.isUp = isUp;
  }
}

type Talk = (pair: WidePair, seconds: number) => void;
const twoWay: Talk = (pair, seconds) => pair.talk('x', seconds * 20, 50);
const slowly: Talk = (pair, seconds) => pair.talk('x', seconds * 5, 200);
const oneWay: Talk = (pair, seconds) => {
  for (let i = 0; i < seconds * 20; i++) {
    pair.udp('a', 'x');
    pair.run(50);
  }
};
/** Segments of A with acknowledgements; what is lost is not sent again, as the node does not mind. */
const stream: Talk = (pair, seconds) => void pair.stream(seconds * 20, 101 + Math.round(pair.network.now / 1e3), 50);

const WAYS: readonly [string, Talk, 'fake-tcp' | 'udp-wrapper', boolean][] = [
  ['UDP both ways', twoWay, 'fake-tcp', false],
  ['UDP one way, heartbeats back', oneWay, 'fake-tcp', false],
  ['TCP with fake handshakes', stream, 'fake-tcp', true],
  ['TCP in the UDP wrapper', stream, 'udp-wrapper', true],
];

for (const [name, talk, tcpMode, isTcp] of WAYS) {
  for (const down of ['a2', 'a1', 'b1'] as const) {
    test(`${name}: ${down} down for 60 s, its paths given up at both ends, carries data again afterwards (decision 52)`, () => {
      const pair = new WidePair({ a: { tcpMode }, b: { tcpMode } });
      if (isTcp) pair.connect();
      talk(pair, 15);
      assert.deepEqual(pathsOf(pair), [4, 4]);
      cut(pair, [down]);
      talk(pair, 60);
      assert.deepEqual(pathsOf(pair), [2, 2], 'given up');
      cut(pair, [down], true);
      talk(pair, 120);
      assert.deepEqual(pathsOf(pair), [4, 4]);
      pair.a.sent.length = 0;
      pair.b.delivered.splice(1);
      talk(pair, 30);
      pair.run(100);
      assert.equal(tuplesOf(dataOf(pair.a.sent)).length, 4);
      assert.equal(pair.b.delivered.length - 1, 600);
      const counts = new Map<string, number>();
      for (const { tuple } of dataOf(pair.a.sent)) {
        const way = `${formatIpv4(tuple.source)}-${formatIpv4(tuple.destination)}`;
        counts.set(way, (counts.get(way) ?? 0) + 1);
      }
      for (const [way, count] of counts) assert.ok(count > 600 / 20, `${way}: ${count} of 600`);
    });
  }

  test(`${name}: everything down for 60 s, then up again: data flows at once or soon, all paths return (decision 52)`, () => {
    const pair = new WidePair({ a: { tcpMode }, b: { tcpMode } });
    if (isTcp) pair.connect();
    talk(pair, 15);
    cut(pair, ['a1', 'a2', 'b1', 'b2']);
    talk(pair, 60);
    // The one path that each end kept does not come back: others must.
    const kept = sessionOf(pair.a).paths.at(-1)!.tuple.source;
    cut(pair, ['a1', 'a2', 'b1', 'b2'], true);
    cut(pair, [kept === A1 ? 'a1' : 'a2']);
    pair.b.delivered.splice(1);
    talk(pair, 30);
    assert.ok(pair.b.delivered.length > 1, 'not stuck on the path that stays down');
    cut(pair, ['a1', 'a2'], true);
    talk(pair, 300);
    assert.deepEqual(pathsOf(pair), [4, 4]);
  });
}

test('probes of a path that stays down are few, ever fewer, and one at a time; nothing of the host is lost (decision 52)', () => {
  const pair = new WidePair();
  twoWay(pair, 15);
  cut(pair, ['b2']);
  slowly(pair, 30);
  pair.a.sent.length = 0;
  pair.b.delivered.splice(1);
  const times: number[] = [];
  for (let i = 0; i < 3600; i++) {
    const before = pair.a.sent.length;
    slowly(pair, 1);
    const probes = pair.a.sent.slice(before).filter(({ tuple }) => tuple.destination === B2);
    assert.ok(probes.length <= 1, 'one at a time');
    for (const { cm, payload } of probes) {
      assert.deepEqual([cm?.flags, cm?.pathId, payload], [Flags.heartbeat, 0, '']);
      times.push(i);
    }
    pair.a.sent.length = 0;
  }
  pair.run(100);
  assert.equal(pair.b.delivered.length - 1, 3600 * 5);
  // Two paths, each after about 30, 60, 120, 240, 480 s and every 480 s then.
  assert.ok(times.length >= 12 && times.length <= 26, `${times}`);
  assert.ok(times.filter((at) => at > 1800).length <= 8, `${times}`);
});

test('a path that is broken in one direction costs few packets, and ever fewer (decisions 35, 52)', () => {
  const pair = new WidePair({ links: { a1: {}, a2: {} } });
  twoWay(pair, 15);
  // A2's packets vanish, what goes to A2 arrives.
  pair.links.a2.forward.isUp = false;
  slowly(pair, 30);
  pair.b.delivered.splice(1);
  for (const [minutes, most] of [
    [10, 60],
    [10, 40],
    [20, 60],
  ] as const) {
    pair.b.delivered.splice(1);
    slowly(pair, 60 * minutes);
    pair.run(100);
    const lost = minutes * 300 - (pair.b.delivered.length - 1);
    assert.ok(lost <= most, `${lost} lost in ${minutes} minutes`);
  }
  pair.links.a2.forward.isUp = true;
  slowly(pair, 600);
  assert.deepEqual(pathsOf(pair), [4, 4]);
});

test('a sender whose packets nobody answers says the session again on its own tuple; the other end, started anew, learns it', () => {
  const pair = new WidePair();
  twoWay(pair, 15);
  cut(pair, ['b1', 'b2']);
  twoWay(pair, 30);
  const first = pair.a.sent.length;
  oneWay(pair, 10);
  const named = dataOf(pair.a.sent.slice(first)).filter(({ cm }) => cm!.pathId === 0);
  assert.ok(named.length >= 8 && named.length <= 12, `${named.length} in 10 s`);
  assert.ok(named.every(({ tuple }) => tuple.source === A1 && tuple.destination === B1));
  pair.b.reboot({ addresses: [B1, B2], mac: 0x020000000b01, seed: 5 });
  cut(pair, ['b1', 'b2'], true);
  pair.b.delivered.length = 0;
  oneWay(pair, 20);
  pair.b.delivered.length = 0;
  oneWay(pair, 10);
  assert.deepEqual(tuplesOf(pair.b.delivered), ['10.1.0.1:40000-203.1.0.1:7000']);
  assert.ok(pair.b.delivered.length >= 199);
});

test('a path beyond the fastest N does not come back, whatever arrives by it', () => {
  const pair = new WidePair({ a: { maxPaths: 2 }, links: { a2: { delayMicros: 30_000 } } });
  twoWay(pair, 100);
  assert.deepEqual(pathsOf(pair), [2, 4]);
  const tuple = { source: B1, sourcePort: 7000, destination: A2, destinationPort: 40000 };
  pair.b.host(buildUdp(tuple, Uint8Array.of(1)));
  twoWay(pair, 100);
  assert.ok(sessionOf(pair.a).paths.every(({ tuple: { source } }) => source === A1));
});
