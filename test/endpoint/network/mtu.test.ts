import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fragment } from '../../../src/codec/fragment.js';
import { IcmpErrorView } from '../../../src/codec/icmp.js';
import { buildUdp } from '../../../src/codec/index.js';
import { Stream } from '../../support/stream.js';
import { B1, B2, dataOf, sequencesOf, tuplesOf, WidePair } from '../../support/wide-pair.js';

/** Datagrams without DF, so that routers may cut them; each is filled with its number. */
const loose = (pair: WidePair, size: number, i: number) =>
  buildUdp(pair.toB, new Uint8Array(size).fill(i), { identification: i, dontFragment: false });

test('packets with a CM that routers cut arrive whole and without their CM, by every path', () => {
  const pair = new WidePair({ access: { mtu: 600, oversize: 'fragment', delayMicros: 2000, jitterMicros: 1000 } });
  pair.talk('settle', 1000);
  pair.a.sent.length = 0;
  pair.b.delivered.length = 0;
  for (let i = 0; i < 200; i++) {
    pair.a.host(loose(pair, 1000 + i, i));
    pair.run(5);
  }
  pair.run(100);
  assert.equal(tuplesOf(dataOf(pair.a.sent)).length, 4);
  assert.ok(pair.b.endpoint.counters.reassembled >= 200);
  const got = pair.b.delivered.map(({ bytes }) => bytes).sort((x, y) => x.length - y.length);
  assert.deepEqual(
    got.map((bytes) => [bytes.length, bytes[30], bytes.at(-1)]),
    Array.from({ length: 200 }, (_, i) => [1028 + i, i, i]),
  );
  assert.deepEqual([...new Set(tuplesOf(pair.b.delivered))].length, 1);
});

test('a datagram that the host sends in fragments leaves so, without a CM, and arrives whole', () => {
  const pair = new WidePair();
  pair.talk('settle', 500);
  pair.a.sent.length = 0;
  pair.b.delivered.length = 0;
  const whole = loose(pair, 20_000, 3);
  for (const piece of fragment(whole, 1474)) pair.a.host(piece);
  pair.run(100);
  assert.equal(pair.a.sent.length, 14);
  assert.ok(pair.a.sent.every(({ cm }) => cm === undefined));
  assert.deepEqual(
    pair.b.delivered.map(({ bytes }) => bytes.subarray(20)),
    [whole.subarray(20)],
  );
});

/** B's second link carries 1400 octets, the others 1500; the router reports what is too long. */
const unequal = (): WidePair =>
  new WidePair({
    a: { linkMtu: 1500 },
    b: { linkMtu: 1400 },
    access: { mtu: 1500, oversize: 'report' },
    links: { b2: { mtu: 1400 } },
  });
const errorsAt = (pair: WidePair) => pair.a.delivered.filter(({ bytes }) => bytes[9] === 1);

test('UDP: a path that carries less gets the smaller datagrams; the host hears nothing and loses nothing after that', () => {
  const pair = unequal();
  pair.talk('settle', 1000);
  const send = (size: number, count: number) => {
    pair.a.sent.length = 0;
    pair.b.delivered.length = 0;
    for (let i = 0; i < count; i++) {
      pair.a.host(buildUdp(pair.toB, new Uint8Array(size - 28)));
      pair.udp('b', 'answer');
      pair.run(10);
    }
    pair.run(100);
    return { ways: tuplesOf(dataOf(pair.a.sent)).length, lost: count - pair.b.delivered.length };
  };
  const learning = send(1474, 100);
  assert.ok(learning.lost > 0 && learning.lost <= 4, `${learning.lost}`);
  assert.deepEqual(send(1474, 300), { ways: 2, lost: 0 });
  assert.deepEqual(send(1374, 300), { ways: 4, lost: 0 });
  assert.deepEqual(errorsAt(pair), []);
});

test('TCP: the host is told what every path carries; then all of them carry its segments', () => {
  const pair = unequal();
  pair.connect();
  let next = pair.stream(300, 101);
  next = pair.stream(100, next, 10, 1434);
  const told = errorsAt(pair);
  assert.ok(told.length > 0);
  for (const { bytes } of told) {
    const error = new IcmpErrorView();
    assert.ok(error.parse(bytes));
    assert.deepEqual([error.nextHopMtu, error.tuple], [1374, pair.toB]);
  }
  pair.a.sent.length = 0;
  pair.b.delivered.length = 0;
  pair.stream(300, next, 10, 1334);
  pair.run(200);
  assert.equal(tuplesOf(dataOf(pair.a.sent)).length, 4);
  assert.equal(sequencesOf(pair.b.delivered).length, 300);
});

for (const [name, client, server] of [
  ['to the server', 20_000_000, 0],
  ['to the client', 0, 20_000_000],
  ['both ways', 12_000_000, 12_000_000],
] as const)
  for (const tcpMode of ['fake-tcp', 'udp-wrapper'] as const)
    test(`a path that loses large packets without a word is found by a stream ${name} (${tcpMode}); all paths carry again`, () => {
      const stream = new Stream({
        a: { tcpMode },
        b: { tcpMode },
        links: { b2: { mtu: 1400, oversize: 'drop' } },
        client: { length: client },
        server: { length: server },
      });
      stream.finish();
      assert.deepEqual([stream.server.received, stream.client.received], [client, server]);
      const { a, b } = stream.pair;
      for (const [node, own, sends] of [
        [a, 'destination', client],
        [b, 'source', server],
      ] as const) {
        if (sends === 0) continue;
        const [session] = [...node.endpoint.sessions.rows()];
        const now = stream.pair.network.now;
        const mtus = new Map<number, number[]>();
        for (const { tuple } of session!.paths)
          mtus.set(tuple[own], [
            ...(mtus.get(tuple[own]) ?? []),
            node.endpoint.state.pathMtus.of(session!, tuple, now),
          ]);
        assert.ok(mtus.get(B2)!.includes(1280));
        assert.deepEqual(mtus.get(B1), [1500, 1500]);
      }
      if (client > 0) assert.ok(stream.client.mss < 1280);
      if (server > 0) assert.ok(stream.server.mss < 1280);
      const [losses] = [stream.pair.links.b2.forward.counters.oversized + stream.pair.links.b2.back.counters.oversized];
      (client > 0 ? stream.client : stream.server).add(1_000_000);
      stream.finish();
      assert.equal(
        stream.pair.links.b2.forward.counters.oversized + stream.pair.links.b2.back.counters.oversized,
        losses,
      );
      assert.ok(losses < 300, `${losses} were lost`);
      assert.equal(tuplesOf(dataOf((client > 0 ? a : b).sent.slice(-400))).length, 4);
    });

test('loss alone, even much of it, makes no path a narrow one', () => {
  for (const loss of [0.02, 0.2]) {
    const stream = new Stream({
      links: { b2: { loss } },
      client: { length: 3_000_000 },
      server: { length: 1_000_000 },
    });
    stream.finish(600);
    for (const node of [stream.pair.a, stream.pair.b])
      assert.equal([...node.endpoint.sessions.rows()][0]!.wayMtus, undefined);
  }
});

test('links that carry another size: larger packets of the host are reported to it from then on', () => {
  const stream = new Stream({ client: { length: 2_000_000 }, server: { length: 2_000_000 } });
  stream.run(300);
  const { a, b } = stream.pair;
  a.endpoint.setLinkMtu(1300);
  a.sent.length = 0;
  stream.finish();
  assert.ok(a.sent.every(({ bytes }) => bytes.length <= 1300));
  assert.ok(stream.client.mss <= 1300 - 26 - 52 && stream.server.mss > 1300);
  assert.ok(b.sent.some(({ bytes }) => bytes.length > 1300));
  a.endpoint.setLinkMtu(1500);
  a.host(buildUdp(stream.pair.toB, new Uint8Array(1400)));
  stream.pair.run(10);
  assert.ok(a.sent.some(({ bytes }) => bytes.length > 1400));
});
