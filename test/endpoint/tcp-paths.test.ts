import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  attach,
  buildTcp,
  DatagramView,
  Flags,
  HeaderStatus,
  l4Checksum,
  TCP,
  TcpFlags,
  UDP,
} from '../../src/codec/index.js';
import { A1, A2, B1, B2, Pair, shares, way } from '../support/endpoint-pair.js';
import type { Seen } from '../support/peer-driver.js';

const { syn, ack, psh, fin } = TcpFlags;
const ORIGINAL = '10.1.0.1-10.1.0.2';

/** Headers of a packet, with its checksum judged. */
function headers({ bytes }: Seen) {
  const view = new DatagramView();
  assert.equal(view.parse(bytes), HeaderStatus.ok);
  return {
    protocol: view.protocol,
    flags: view.protocol === TCP ? view.tcpFlags : 0,
    sequence: view.protocol === TCP ? view.sequence : 0,
    acknowledgement: view.protocol === TCP ? view.acknowledgement : 0,
    sound: view.l4Checksum === l4Checksum(bytes, 0, view.protocol, view.l4Offset, view.end),
    headerLength: view.payloadOffset - view.l4Offset,
  };
}

const data = (packets: readonly Seen[]) => packets.filter(({ cm }) => cm !== undefined && cm.flags <= Flags.ipChange);
const handshakes = (packets: readonly Seen[]) => packets.filter(({ cm }) => cm?.flags === Flags.handshake);

/** A connection from A to B with some data each way. */
function connected(options: ConstructorParameters<typeof Pair>[0] = {}): Pair {
  return connect(new Pair(options));
}

function connect(pair: Pair): Pair {
  pair.segment('a', { sequence: 100, flags: syn });
  pair.segment('b', { sequence: 900, acknowledgement: 101, flags: syn | ack });
  pair.segment('a', { sequence: 101, acknowledgement: 901, flags: ack });
  pair.segment('b', { sequence: 901, acknowledgement: 101, flags: ack });
  return pair;
}

/** Lets A send `count` segments of one octet in sequence, each acknowledged by B; gives the next sequence number. */
function stream(pair: Pair, count: number, from = 101): number {
  for (let i = 0; i < count; i++) {
    pair.segment(
      'a',
      { sequence: from + i, acknowledgement: 901, flags: ack | psh },
      String.fromCharCode(65 + (i % 26)),
    );
    pair.segment('b', { sequence: 901, acknowledgement: from + i + 1, flags: ack });
  }
  return from + count;
}

test('fake TCP: the initiator sends a SYN on every path but the original; three packets, then data (3.8.1)', () => {
  const pair = connected();
  stream(pair, 100);
  const client = handshakes(pair.a.sent);
  const server = handshakes(pair.b.sent);
  assert.deepEqual([...shares(client).keys()].sort(), ['10.1.0.1-10.2.0.2', '10.2.0.1-10.1.0.2', '10.2.0.1-10.2.0.2']);
  for (const first of client.filter((packet) => headers(packet).flags === syn)) {
    const same = (packet: Seen) => way(packet) === way(first);
    const answer = server.find((packet) => way(packet) === way(first).split('-').reverse().join('-'))!;
    const third = client.find((packet) => same(packet) && headers(packet).flags === ack)!;
    const [x, y, z] = [headers(first), headers(answer), headers(third)];
    assert.equal(y.flags, syn | ack);
    assert.equal(y.acknowledgement, (x.sequence + 1) >>> 0);
    assert.deepEqual([z.sequence, z.acknowledgement], [(x.sequence + 1) >>> 0, (y.sequence + 1) >>> 0]);
    assert.ok(x.sound && y.sound && z.sound);
    assert.deepEqual(
      [x.headerLength, y.headerLength, z.headerLength],
      [24, 24, 20],
      'window scale in SYNs alone (RFC 7323)',
    );
    assert.equal(first.payload + answer.payload + third.payload, '');
    assert.deepEqual([first.cm!.pathId, first.cm!.sessionId], [0, data(pair.a.sent).at(-1)!.cm!.sessionId]);
    const established = pair.a.sent.indexOf(third);
    const early = data(pair.a.sent).find(same);
    assert.ok(early !== undefined && pair.a.sent.indexOf(early) > established, 'data only after the handshake');
  }
  assert.equal(handshakes(pair.a.delivered).length + handshakes(pair.b.delivered).length, 0);
  assert.ok(pair.b.delivered.every((packet) => way(packet) === ORIGINAL));
  assert.ok(data(pair.a.sent).every((packet) => headers(packet).protocol === TCP && headers(packet).sound));
  assert.equal(data(pair.b.sent).length > 0 && shares(data(pair.b.sent)).size, 4);
});

test('the byte stream arrives whole and in order over four paths of unlike delay', () => {
  for (const tcpMode of ['fake-tcp', 'udp-wrapper'] as const) {
    const pair = connected({ a: { tcpMode }, b: { tcpMode } });
    pair.links.set('10.2.0.1-10.2.0.2', { delayMicros: 3500 });
    pair.links.set('10.2.0.1-10.1.0.2', { delayMicros: 2000 });
    const next = stream(pair, 60);
    pair.b.delivered.length = 0;
    for (let i = 0; i < 300; i++) {
      pair.a.host(segmentOf(pair, next + i, String.fromCharCode(97 + (i % 26))));
      pair.run(1);
    }
    pair.run(100);
    const sequences = pair.b.delivered.map((packet) => headers(packet).sequence);
    assert.deepEqual(
      sequences,
      Array.from({ length: 300 }, (_, i) => next + i),
      tcpMode,
    );
    assert.ok(
      pair.b.delivered.every((packet) => headers(packet).sound && way(packet) === ORIGINAL),
      tcpMode,
    );
  }
});

function segmentOf(pair: Pair, sequence: number, text: string): Uint8Array {
  return buildTcp(pair.toB, { sequence, acknowledgement: 901, flags: ack }, new TextEncoder().encode(text));
}

test('a SYN without an answer is repeated after 1, 2 and 4 s and the path stays unused (HS-07)', () => {
  const pair = new Pair();
  for (const from of ['10.1.0.1', '10.2.0.1']) pair.links.set(`${from}-10.2.0.2`, 'down');
  for (const fields of [{ sequence: 100, flags: syn }] as const) pair.segment('a', fields);
  pair.segment('b', { sequence: 900, acknowledgement: 101, flags: syn | ack });
  pair.segment('a', { sequence: 101, acknowledgement: 901, flags: ack });
  pair.segment('b', { sequence: 901, acknowledgement: 101, flags: ack });
  stream(pair, 100);
  pair.run(60_000);
  stream(pair, 50, 201);
  const syns = handshakes(pair.a.sent).filter(({ tuple }) => tuple.destination === 0x0a020002);
  assert.equal(syns.length, 8, 'four on each of two paths');
  assert.deepEqual([...shares(data(pair.a.sent)).keys()].sort(), [ORIGINAL, '10.2.0.1-10.1.0.2']);
});

test('a lost third packet: data on the path completes the handshake at the server', () => {
  const pair = new Pair();
  const lost = new Set<string>();
  const send = pair.network.send.bind(pair.network);
  pair.network.send = (packet: Uint8Array) => {
    const view = new DatagramView();
    const isThird =
      view.parse(packet) === HeaderStatus.ok &&
      view.protocol === TCP &&
      packet.at(-3) === Flags.handshake &&
      view.tcpFlags === ack;
    if (isThird) lost.add(String(view.source));
    else send(packet);
  };
  connect(pair);
  stream(pair, 150);
  assert.ok(lost.size > 0);
  assert.equal(shares(data(pair.b.sent)).size, 4);
});

test('fake TCP: a change of addresses is obeyed from an address that did only the fake handshake (3.4, decision 15)', () => {
  for (const [node, other, left, lost] of [
    ['a', 'b', A2, A1],
    ['b', 'a', B2, B1],
  ] as const) {
    const pair = connected();
    const next = stream(pair, 40);
    const paths = () => [...pair[other].endpoint.sessions.rows()][0]!.paths;
    assert.equal(paths().length, 4);
    pair[node].endpoint.setAddresses([left], pair.network.now);
    pair.segment('a', { sequence: next, acknowledgement: 901, flags: ack | psh }, 'x');
    pair.segment('b', { sequence: 901, acknowledgement: next + 1, flags: ack });
    const remote = paths().map(({ tuple }) => tuple.destination);
    assert.ok(remote.length > 0 && !remote.includes(lost), `${node}: ${remote}`);
  }
});

test('fake TCP: a handshake that overtakes the first packet after a change of addresses gives the server its path too', () => {
  const pair = connected();
  let next = stream(pair, 40);
  const sessionOf = (node: 'a' | 'b') => [...pair[node].endpoint.sessions.rows()][0]!;
  pair.a.endpoint.setAddresses([A2], pair.network.now);
  next = stream(pair, 40, next);
  pair.a.endpoint.setAddresses([A2, A1], pair.network.now);
  next = stream(pair, 1, next);
  assert.ok(sessionOf('a').isChanging && sessionOf('b').isChanging);
  // What A sends from A2 is late from now on; its handshakes from A1 are not.
  for (const to of ['10.1.0.2', '10.2.0.2']) pair.links.set(`10.2.0.1-${to}`, { delayMicros: 300_000 });
  next = stream(pair, 3, next);
  assert.ok(!sessionOf('a').isChanging);
  pair.run(1000);
  pair.links.clear();
  stream(pair, 60, next);
  pair.run(1000);
  assert.equal(sessionOf('a').paths.length, 4);
  assert.equal(sessionOf('b').paths.length, 4);
});

test('a server does not begin handshakes, and a SYN of an unknown session is not answered', () => {
  const pair = connected();
  stream(pair, 50);
  assert.equal(handshakes(pair.b.sent).filter((packet) => headers(packet).flags === syn).length, 0);
  const first = handshakes(pair.a.sent)[0]!;
  const stranger = new Pair();
  stranger.b.receive(first.bytes.slice(), stranger.network.now);
  stranger.b.poll(stranger.network.now);
  assert.deepEqual(stranger.b.endpoint.takeTransmits().toArray(), []);
});

test('UDP wrapper: segments on other paths are UDP around the TCP header, on the original path TCP; no handshake (3.8.2)', () => {
  const pair = connected({ a: { tcpMode: 'udp-wrapper' }, b: { tcpMode: 'udp-wrapper' } });
  stream(pair, 150);
  assert.equal(handshakes(pair.a.sent).length + handshakes(pair.b.sent).length, 0);
  for (const packet of [...data(pair.a.sent), ...data(pair.b.sent)]) {
    const isOriginal = way(packet) === ORIGINAL || way(packet) === ORIGINAL.split('-').reverse().join('-');
    assert.equal(headers(packet).protocol, isOriginal ? TCP : UDP);
    assert.ok(headers(packet).sound);
    if (!isOriginal)
      assert.equal(
        Buffer.from(packet.payload.slice(0, 4), 'latin1').toString('hex'),
        way(packet).startsWith('10.1.0.1') || way(packet).startsWith('10.2.0.1') ? '9c401b58' : '1b589c40',
      );
  }
  assert.equal(shares(data(pair.a.sent)).size, 4);
  assert.ok(
    pair.b.delivered.every(
      (packet) => headers(packet).protocol === TCP && way(packet) === ORIGINAL && headers(packet).sound,
    ),
  );
});

test('a damaged wrapper is dropped, not delivered', () => {
  const pair = connected({ a: { tcpMode: 'udp-wrapper' }, b: { tcpMode: 'udp-wrapper' } });
  stream(pair, 100);
  const wrapped = pair.a.sent.find((packet) => headers(packet).protocol === UDP && packet.cm!.flags === Flags.normal)!;
  const before = pair.b.delivered.length;
  const damaged = wrapped.bytes.slice();
  damaged[30] = damaged[30]! ^ 1;
  pair.b.receive(damaged, pair.network.now);
  assert.equal(pair.b.delivered.length, before);
  assert.equal(pair.b.endpoint.counters.badWrappers, 1);
});

test('segments out of order wait until the gap is filled; FIN and late ones pass; off by option (3.8.3)', () => {
  const order = (options: ConstructorParameters<typeof Pair>[0], sequences: readonly number[], finAt = -1) => {
    const pair = connected(options);
    stream(pair, 20);
    pair.b.delivered.length = 0;
    const session = [...pair.b.endpoint.sessions.rows()][0]!;
    const template = data(pair.a.sent).find((packet) => way(packet) === ORIGINAL && packet.payload.length === 1)!;
    for (const sequence of sequences) {
      const packet = buildTcp(
        pair.toB,
        { sequence, acknowledgement: 901, flags: ack | (sequence === finAt ? fin : 0) },
        Uint8Array.of(65),
      );
      const out = new Uint8Array(packet.length + 100);
      const length = attach(packet, { ...template.cm!, sessionId: session.id, pathId: 1 }, out);
      pair.b.receive(out.slice(0, length), pair.network.now);
    }
    const during = pair.b.delivered.map((packet) => headers(packet).sequence - 121);
    pair.network.wake(pair.b);
    pair.run(60);
    return [during, pair.b.delivered.slice(during.length).map((packet) => headers(packet).sequence - 121)];
  };
  assert.deepEqual(order({}, [122, 123, 121]), [[0, 1, 2], []]);
  assert.deepEqual(order({}, [123, 122]), [[], [1, 2]], 'held for 50 ms');
  assert.deepEqual(order({ b: { reordering: false } }, [123, 122]), [[2, 1], []]);
  assert.deepEqual(order({}, [121, 115]), [[0, -6], []], 'late');
  assert.deepEqual(order({}, [124], 124), [[3], []], 'FIN');
});

test('a wrapped segment fits the MTU with its UDP header and CM; one that would not goes as it is, once', () => {
  const options = { tcpMode: 'udp-wrapper', linkMtu: 600 } as const;
  const pair = connected({ a: options, b: options });
  const next = stream(pair, 100);
  pair.a.sent.length = 0;
  for (let i = 0; i < 60; i++) {
    const size = i % 2 === 0 ? 600 - 26 - 8 : 600 - 26 - 7;
    pair.a.host(buildTcp(pair.toB, { sequence: next + 600 * i, flags: ack }, new Uint8Array(size - 40)));
    pair.run(1);
  }
  assert.equal(pair.a.sent.length, 60);
  const longest = Math.max(...pair.a.sent.map(({ bytes }) => bytes.length));
  assert.equal(longest, 600);
  assert.equal(data(pair.a.sent).length, 30);
});
