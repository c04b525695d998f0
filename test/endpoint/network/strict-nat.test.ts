import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildTcp, DatagramView, Flags, HeaderStatus, TCP, TcpFlags, UDP } from '../../../src/codec/index.js';
import { statusOf } from '../../../src/endpoint/index.js';
import type { Path } from '../../../src/endpoint/paths.js';
import type { Session } from '../../../src/endpoint/sessions.js';
import { Stream, type StreamOptions } from '../../support/stream.js';
import { A1, A2, B1, B2, dataOf, tuplesOf, WidePair } from '../../support/wide-pair.js';

const STRICT = { tcp: 'windows', filtering: 'port-restricted', refusal: 'reset' } as const;
const MEGABYTE = 1_000_000;

const kinds = (paths: readonly Path[]) => paths.map(({ encapsulation }) => encapsulation).sort();
const fallbacks = ({ pair }: Stream) => [pair.a, pair.b].map((node) => node.endpoint.counters.fallbacks);

for (const [name, client, server] of [
  ['to the server', 12 * MEGABYTE, 0],
  ['to the client', 0, 12 * MEGABYTE],
  ['both ways', 8 * MEGABYTE, 8 * MEGABYTE],
] as const)
  test(`a stream ${name} through NATs that check windows arrives whole; every path carries it, in UDP`, () => {
    const stream = new Stream({ nat: STRICT, client: { length: client }, server: { length: server } });
    stream.finish();
    const { pair } = stream;
    assert.deepEqual([stream.server.received, stream.client.received], [client, server]);
    assert.deepEqual(kinds(stream.paths('a')), Array(4).fill('udp-wrapper'));
    // A path that a NAT refused is given up where its UDP way is another one.
    stream.client.add(12 * MEGABYTE);
    stream.server.add(12 * MEGABYTE);
    stream.finish();
    const refused = pair.nats.map(({ counters }) => counters.refusedTcp);
    pair.a.sent.length = 0;
    pair.b.sent.length = 0;
    const { retransmissions } = stream.client;
    for (let i = 0; i < 4; i++) {
      stream.client.add(MEGABYTE);
      stream.server.add(MEGABYTE);
      stream.run(1000);
    }
    stream.finish();
    assert.deepEqual(
      pair.nats.map(({ counters }) => counters.refusedTcp),
      refused,
      'nothing is refused any more',
    );
    for (const node of ['a', 'b'] as const) {
      assert.deepEqual(kinds(stream.paths(node)), Array(4).fill('udp-wrapper'));
      assert.ok(stream.paths(node).every(({ samples }) => samples > 0));
      assert.equal(tuplesOf(dataOf(pair[node].sent)).length, 4);
    }
    assert.ok(
      stream.client.retransmissions - retransmissions < 400,
      `${stream.client.retransmissions - retransmissions}`,
    );
    assert.deepEqual([stream.client.isReset, stream.server.isReset], [false, false]);
    assert.equal(tuplesOf(pair.b.delivered.filter(({ bytes }) => bytes[9] === TCP)).length, 1, 'one socket');
    assert.ok(stream.client.mss <= 1474 - 8 - 52, 'the host was told the MTU that fits');
    assert.ok([...pair.a.sent, ...pair.b.sent].every(({ bytes }) => bytes.length <= 1500));
    const { paths } = statusOf(pair.a.endpoint);
    assert.deepEqual(
      paths.map(({ encapsulation, fallback }) => [encapsulation, fallback !== null]),
      Array(4).fill(['udp-wrapper', true]),
    );
  });

test('while the paths fall back, a TCP that doubles its pauses never waits twice in a row: it loses seconds, not minutes', () => {
  const host = { length: 4 * MEGABYTE, longestRto: 120_000_000 };
  for (let seed = 1; seed <= 6; seed++) {
    const stream = new Stream({ nat: STRICT, seed, a: { seed }, b: { seed: seed + 1000 }, client: host, server: host });
    stream.finish();
    const timeOuts = [stream.client.mostTimeOuts, stream.server.mostTimeOuts];
    assert.ok(Math.max(...timeOuts) <= 1, `seed ${seed}: ${timeOuts} time-outs in a row`);
    assert.deepEqual([stream.client.isReset, stream.server.isReset], [false, false]);
  }
});

for (const tcpMode of ['fake-tcp', 'udp-wrapper'] as const)
  test(`what TCP sends again while feedback is late for every path goes by all of them: one that works is enough (${tcpMode})`, () => {
    for (let seed = 1; seed <= 6; seed++) {
      const stream = new Stream({ seed, a: { seed, tcpMode }, b: { tcpMode }, client: { length: 8 * MEGABYTE } });
      stream.run(1500);
      const { network } = stream.pair;
      const send = network.send.bind(network);
      const view = new DatagramView();
      let isAnyOpen = false;
      network.send = (packet) => {
        view.parse(packet);
        if (view.source !== A1 && view.source !== A2) send(packet);
        else if (isAnyOpen && view.source === A2 && view.destination === B2) send(packet);
      };
      stream.run(500);
      const { received } = stream.server;
      isAnyOpen = true;
      stream.run(1000);
      assert.ok(stream.server.received > received, `seed ${seed}: it stands still`);
    }
  });

for (const [name, isDead, tcpMode] of [
  ['of which feedback is late', true, 'fake-tcp'],
  ['of which feedback is late', true, 'udp-wrapper'],
  ['that was not heard of for a while, though nothing was sent on it: it may have failed meanwhile', false, 'fake-tcp'],
] as const)
  test(`what TCP sends again takes no path ${name} (decision 69, ${tcpMode})`, () => {
    for (let seed = 1; seed <= 5; seed++) {
      const near = { delayMicros: 500 };
      const pair = new WidePair({ seed, a: { seed, tcpMode }, b: { tcpMode }, links: { a1: near, b1: near } });
      pair.connect();
      let next = pair.stream(400, 101);
      if (isDead) {
        for (const link of [pair.links.a2, pair.links.b2]) link.forward.isUp = false;
        next = pair.stream(40, next, 1);
      }
      // The fastest path alone is used for a while.
      pair.a.endpoint.setRules([{ priority: 'responsiveness' }]);
      next = pair.stream(20, next);
      pair.a.endpoint.setRules([]);
      pair.a.sent.length = 0;
      for (let i = 0; i < 9; i++) pair.stream(1, next - 1, 4);
      const again = pair.a.sent.filter(({ payload }) => payload.length > 0);
      assert.deepEqual([again.length, tuplesOf(again)], [9, ['10.1.0.1:40000-203.1.0.1:7000']], `seed ${seed}`);
    }
  });

test('copies by every path feed back what the original does; a delay that waited for a packet proves no path of now (decision 69)', () => {
  const pair = new WidePair();
  pair.connect();
  const next = pair.stream(400, 101);
  pair.run(300);
  const { ack } = TcpFlags;
  pair.a.host(buildTcp(pair.toB, { sequence: next - 1, acknowledgement: 901, flags: ack }, Uint8Array.of(1)));
  pair.run(20);
  pair.b.sent.length = 0;
  pair.b.host(buildTcp(pair.toA, { sequence: 901, acknowledgement: next - 1, flags: ack }, new Uint8Array(0)));
  const copies = dataOf(pair.b.sent);
  assert.equal(tuplesOf(copies).length, 4);
  const [first, ...others] = copies.map(({ cm }) => cm!.feedbackPathId);
  assert.notEqual(first, 0);
  assert.deepEqual(others, Array(3).fill(first));
});

test('a path that fell back and carries no more is left to copies of headers while others are answered', () => {
  const stream = new Stream({ nat: STRICT, client: { length: 8 * MEGABYTE } });
  stream.finish();
  const { network } = stream.pair;
  const send = network.send.bind(network);
  const view = new DatagramView();
  network.send = (packet) => {
    view.parse(packet);
    if (view.protocol !== UDP || view.source !== A2) send(packet);
  };
  stream.client.add(8 * MEGABYTE);
  stream.run(1000);
  for (const path of stream.paths('a')) assert.equal(path.isUnproven, path.tuple.source === A2);
  network.send = send;
  stream.finish();
  assert.ok(stream.paths('a').every(({ isUnproven }) => !isUnproven));
});

test('a delay of a path before its fallback says nothing of its way in UDP: it has another id from then on', () => {
  const stream = new Stream({ client: { length: MEGABYTE } });
  stream.finish();
  const { pair } = stream;
  const path = stream.paths('a').find(({ encapsulation }) => encapsulation === 'fake-tcp')!;
  const { id } = path;
  pair.a.endpoint.state.fallback.wrap(path, 'no-feedback', pair.network.now);
  assert.notEqual(path.id, id);
  const { peer } = path.session;
  assert.deepEqual([peer.paths.get(id), peer.paths.get(path.id)], [undefined, path]);
  assert.equal(peer.pathIds.isFree(id, pair.network.now), false, 'the former id rests');
});

test('no user data is lost to find out: a refused path has carried headers only', () => {
  const stream = new Stream({ nat: STRICT, client: { length: 8 * MEGABYTE } });
  const view = new DatagramView();
  let octets = 0;
  stream.pair.network.observer = ({ kind, packet }) => {
    if (kind !== 'sent' || view.parse(packet) !== HeaderStatus.ok || view.protocol !== TCP) return;
    const isOriginal = view.source === A1 && view.destination === B1;
    if (!isOriginal && [A1, A2].includes(view.source)) octets += view.payloadLength - 26;
  };
  stream.finish();
  assert.equal(octets, 0);
  assert.deepEqual(kinds(stream.paths('a')), Array(4).fill('udp-wrapper'));
});

test('where one uplink alone has such a NAT, its paths alone fall back', () => {
  const stream = new Stream({
    nat: { tcp: 'stateful' },
    secondNat: { tcp: 'windows' },
    client: { length: 4 * MEGABYTE },
    server: { length: 4 * MEGABYTE },
  });
  stream.finish();
  const by = (source: number) => kinds(stream.paths('a').filter(({ tuple }) => tuple.source === source));
  assert.deepEqual(by(A2), ['udp-wrapper', 'udp-wrapper']);
  assert.deepEqual(by(A1), ['fake-tcp', 'none']);
  for (const path of stream.paths('a'))
    assert.equal(path.fallback, path.tuple.source === A2 ? 'no-feedback' : undefined);
});

test('the original path, too, when the NAT is on its uplink: it sees acknowledgements of what went elsewhere', () => {
  const stream = new Stream({
    nat: { tcp: 'windows', refusal: 'reset' },
    secondNat: { tcp: 'stateful', refusal: 'drop' },
    client: { length: 6 * MEGABYTE },
    server: { length: 6 * MEGABYTE },
  });
  stream.finish();
  const by = (source: number) => kinds(stream.paths('a').filter(({ tuple }) => tuple.source === source));
  assert.deepEqual(by(A1), ['udp-wrapper', 'udp-wrapper']);
  assert.deepEqual(by(A2), ['fake-tcp', 'fake-tcp']);
  assert.equal(stream.client.isReset || stream.server.isReset, false);
});

test('a fake handshake without an answer: after 15 s the path is tried in UDP, when its far end confirms a query', () => {
  const isSyn = new DatagramView();
  const stream = new Stream({ client: { length: MEGABYTE } });
  const { network } = stream.pair;
  const send = network.send.bind(network);
  let isBlocked = true;
  network.send = (packet) => {
    isSyn.parse(packet);
    if (isSyn.protocol === TCP && isSyn.destination === B2) return;
    if (isSyn.protocol === UDP && isSyn.source === A2 && isSyn.destination === B2 && isBlocked) return;
    send(packet);
  };
  stream.finish();
  assert.equal(stream.paths('a').length, 2);
  for (let i = 0; i < 20; i++) {
    stream.run(1000);
    stream.client.add(10_000);
  }
  stream.finish();
  const wrapped = stream.paths('a').filter(({ encapsulation }) => encapsulation === 'udp-wrapper');
  assert.deepEqual(
    wrapped.map(({ tuple, fallback }) => [tuple.destination, fallback]),
    Array(wrapped.length).fill([B2, 'no-handshake']),
  );
  assert.ok(wrapped.some(({ tuple, samples: count }) => tuple.source === A1 && count > 0));
  isBlocked = false;
  for (let i = 0; i < 40; i++) {
    stream.run(1000);
    stream.client.add(10_000);
  }
  stream.finish();
  const queries = stream.pair.a.sent.filter(({ cm, tuple }) => cm?.flags === Flags.enable && tuple.destination === B2);
  assert.ok(queries.length >= 1 && queries.length <= 5, `${queries.length} queries`);
});

const QUIET: readonly [string, StreamOptions, seconds: number][] = [
  ['5 % loss', { access: { delayMicros: 2000, rate: 20e6, queueOctets: 100_000, loss: 0.05 } }, 60],
  ['5 % loss and 100 ms', { access: { delayMicros: 25_000, rate: 20e6, queueOctets: 400_000, loss: 0.05 } }, 60],
  ['reordering', { access: { delayMicros: 2000, reordering: 0.1, reorderingMicros: 20_000 } }, 20],
  ['one way of 300 ms', { links: { a2: { delayMicros: 150_000 } } }, 20],
  ['one way of 900 ms', { links: { a2: { delayMicros: 450_000 } } }, 20],
  ['a stateful NAT', { nat: { tcp: 'stateful', filtering: 'port-restricted' } }, 20],
];
for (const [name, options, seconds] of QUIET)
  for (const tcpMode of ['fake-tcp', 'udp-wrapper'] as const)
    test(`no false alarm (${tcpMode}): ${name}; bursts, trickle and pauses`, () => {
      for (const seed of [1, 2, 3]) {
        const stream = new Stream({
          ...options,
          seed,
          a: { seed, tcpMode },
          b: { seed: seed + 50, tcpMode },
          client: { length: 300_000, window: 100 },
          server: { length: 100_000 },
        });
        for (let second = 0; second < seconds; second++) {
          stream.run(1000);
          if (second % 10 < 6) stream.client.add(2000);
          if (second % 10 === 2) stream.server.add(3000);
          if (second % 10 === 5) stream.client.add(300_000);
          if (second % 20 === 19) stream.run(30_000);
        }
        stream.finish(300);
        assert.deepEqual(fallbacks(stream), [0, 0], `seed ${seed}`);
        const [{ paths, abandoned }] = [...stream.pair.a.endpoint.sessions.rows()] as [Session];
        // Once in a while a path loses every packet of five seconds, and rests (decision 35).
        assert.equal(paths.length + abandoned.size, 4);
        assert.ok(paths.every((path) => path.samples > 0 && path.fallback === undefined));
      }
    });

test('a connection that fell back outlives a pause of ten minutes; after its end the row goes as any other', () => {
  const length = 20 * MEGABYTE;
  const stream = new Stream({ nat: STRICT, client: { length, closes: true }, server: { length, closes: true } });
  const { a } = stream.pair;
  stream.run(4000);
  assert.ok(stream.paths('a').every(({ encapsulation }) => encapsulation === 'udp-wrapper'));
  stream.pair.run(600_000);
  stream.finish();
  assert.deepEqual([stream.server.received, stream.client.received], [length, length]);
  stream.run(3000);
  assert.ok(stream.client.isClosedByPeer && stream.server.isClosedByPeer);
  assert.equal(a.endpoint.sessions.size, 1);
  stream.pair.run(160_000);
  assert.equal(a.endpoint.sessions.size, 0);
});

test('a SYN on the ports of a connection that fell back begins another: it goes as TCP, and the old row is gone', () => {
  const stream = new Stream({ nat: { tcp: 'windows' }, client: { length: 8 * MEGABYTE } });
  stream.finish();
  const { pair } = stream;
  const rowOf = (node: 'a' | 'b') => [...pair[node].endpoint.sessions.rows()][0]!;
  assert.ok(stream.paths('a').every(({ encapsulation }) => encapsulation === 'udp-wrapper'));
  const rows = [rowOf('a'), rowOf('b')];
  pair.a.sent.length = 0;
  pair.b.delivered.length = 0;
  const { syn } = TcpFlags;
  pair.a.host(buildTcp(pair.toB, { sequence: 5, flags: syn }, new Uint8Array(0)));
  pair.run(10);
  assert.deepEqual(
    dataOf(pair.a.sent).map(({ bytes, cm, tuple }) => [bytes[9], cm!.pathId, tuple.source]),
    [[TCP, 0, A1]],
  );
  assert.notEqual(rowOf('a'), rows[0]);
  assert.notEqual(rowOf('b'), rows[1]);
});

/** A segment of the peer's host, as it is delivered. */
function resetsAt({ pair }: Stream, node: 'a' | 'b'): number {
  const view = new DatagramView();
  return pair[node].delivered.filter(({ bytes }) => {
    return view.parse(bytes) === HeaderStatus.ok && view.protocol === TCP && (view.tcpFlags & TcpFlags.rst) !== 0;
  }).length;
}

test('an RST of the host reaches the other host through such NATs, also right after the fallback', () => {
  const stream = new Stream({ nat: STRICT, client: { length: 8 * MEGABYTE }, server: { length: MEGABYTE } });
  stream.finish();
  stream.client.abort();
  stream.pair.run(50);
  assert.equal(resetsAt(stream, 'b'), 1);
});

test('an RST that something on the way made up waits for a sign of life and is dropped; one of the host is delivered after a second', () => {
  const stream = new Stream({ client: { length: MEGABYTE }, server: { length: MEGABYTE } });
  stream.finish();
  const { pair, client, server } = stream;
  const forged = buildTcp(
    { source: B1, sourcePort: 7000, destination: A1, destinationPort: 40000 },
    { sequence: 1000 + 1 + MEGABYTE, flags: TcpFlags.rst },
    new Uint8Array(0),
  );
  pair.network.send(forged);
  stream.run(2000);
  assert.deepEqual([client.isReset, pair.a.endpoint.counters.resetsDropped], [false, 1]);
  assert.equal(stream.paths('a').find(({ isOriginal }) => isOriginal)?.fallback, 'reset');
  client.add(MEGABYTE);
  stream.finish();
  // The host has closed: it answers with RST only.
  const quiet = new Stream({ client: { length: MEGABYTE }, server: { length: MEGABYTE } });
  quiet.finish();
  quiet.server.abort();
  quiet.pair.run(900);
  assert.equal(resetsAt(quiet, 'a'), 0);
  quiet.pair.run(200);
  assert.equal(resetsAt(quiet, 'a'), 1);
  assert.equal(server.isReset, false);
});

test('an RST at a fake connection comes from a NAT: the path falls back at once, and no host sees it', () => {
  const stream = new Stream({ client: { length: MEGABYTE } });
  stream.finish();
  const path = stream.paths('a').find(({ isOriginal }) => !isOriginal)!;
  const { source, sourcePort, destination, destinationPort } = path.tuple;
  const back = { source: destination, sourcePort: destinationPort, destination: source, destinationPort: sourcePort };
  stream.pair.network.send(buildTcp(back, { sequence: 1, flags: TcpFlags.rst }, new Uint8Array(0)));
  stream.run(10);
  assert.deepEqual([path.encapsulation, path.fallback], ['udp-wrapper', 'reset']);
  assert.equal(resetsAt(stream, 'a'), 0);
  stream.client.add(MEGABYTE);
  stream.finish();
  assert.ok(path.samples > 0, 'it carries in UDP');
});

/** Linux' NAT as it is without further rules: what does not fit goes out untranslated, and is answered with RST coming in. */
const DEFAULT_LINUX = { ...STRICT, passesInvalid: true } as const;

for (const seed of [1, 2, 3, 4, 5, 6])
  for (const [name, client, server] of [
    ['to the server', 4 * MEGABYTE, 0],
    ['to the client', 0, 4 * MEGABYTE],
    ['both ways', 2 * MEGABYTE, 2 * MEGABYTE],
  ] as const)
    test(`a stream ${name} through a NAT that lets out untranslated what does not fit, seed ${seed}`, () => {
      const stream = new Stream({ seed, nat: DEFAULT_LINUX, client: { length: client }, server: { length: server } });
      stream.finish(30);
      assert.deepEqual([stream.server.received, stream.client.received], [client, server]);
      assert.deepEqual([stream.client.isReset, stream.server.isReset], [false, false]);
      // Requests and answers after it, one at a time.
      for (let i = 0; i < 30; i++) {
        stream.client.add(300);
        stream.finish(5);
        stream.server.add(300);
        stream.finish(5);
      }
      assert.deepEqual([stream.client.isReset, stream.server.isReset], [false, false]);
    });
