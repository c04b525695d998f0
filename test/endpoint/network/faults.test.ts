import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildTcp, buildUdp, DatagramView, TcpFlags } from '../../../src/codec/index.js';
import type { LinkOptions } from '../../../src/sim/network.js';
import { A1, A2, B1, B2, dataOf, sequencesOf, tuplesOf, WidePair } from '../../support/wide-pair.js';

const sessionOf = (node: WidePair['a']) => [...node.endpoint.sessions.rows()][0]!;

const FAULTS: readonly [string, LinkOptions][] = [
  ['loss', { loss: 0.05 }],
  ['jitter', { jitterMicros: 30_000 }],
  ['reordering', { reordering: 0.2, reorderingMicros: 25_000 }],
  ['duplication', { duplication: 0.2 }],
  ['everything', { loss: 0.02, jitterMicros: 10_000, reordering: 0.1, duplication: 0.05 }],
];

for (const [name, access] of FAULTS) {
  test(`${name}: every UDP datagram that arrives is one that was sent, and comes twice only when the network doubled it`, () => {
    const pair = new WidePair({ access, seed: 21 });
    pair.talk('x', 1500);
    pair.run(1000);
    for (const [node, letter] of [
      [pair.b, 'a'],
      [pair.a, 'b'],
    ] as const) {
      const got = node.delivered.map(({ payload }) => payload);
      const unique = new Set(got);
      for (const text of unique) assert.match(text, new RegExp(`^x-${letter}\\d+$`));
      if (!access.duplication) assert.equal(unique.size, got.length);
      const sent = (letter === 'a' ? pair.a : pair.b).sent.filter(({ payload }) => payload.startsWith('x-')).length;
      assert.ok(sent >= unique.size);
      if (!access.loss) assert.ok(unique.size >= 1490, `${unique.size}`);
      else assert.ok(unique.size > 1500 * (1 - 2 * access.loss) - 60, `${unique.size}`);
      assert.equal(tuplesOf(node.delivered).length, 1);
    }
    assert.equal(tuplesOf(dataOf(pair.a.sent)).length, 4);
  });

  for (const tcpMode of ['fake-tcp', 'udp-wrapper'] as const) {
    test(`${name}: TCP (${tcpMode}) segments reach the host whole, in order but for late ones`, () => {
      const pair = new WidePair({ access, seed: 22, a: { tcpMode }, b: { tcpMode } });
      pair.connect();
      const first = pair.b.delivered.length === 0 ? 101 : pair.stream(200, 101);
      pair.run(200);
      const before = pair.b.delivered.length;
      for (let i = 0; i < 600; i++) {
        const sequence = first + i * 10;
        const octets = new Uint8Array(10).fill(sequence & 255);
        pair.a.host(buildTcp(pair.toB, { sequence, acknowledgement: 901, flags: TcpFlags.ack }, octets));
        pair.run(5);
        if (i % 5 === 0)
          pair.b.host(
            buildTcp(pair.toA, { sequence: 901, acknowledgement: sequence, flags: TcpFlags.ack }, new Uint8Array(0)),
          );
      }
      pair.run(500);
      const got = pair.b.delivered.slice(before);
      for (const { bytes, payload } of got) {
        const view = new DatagramView();
        view.parse(bytes);
        if (payload.length > 0) assert.ok(payload === String.fromCharCode(view.sequence & 255).repeat(10));
      }
      const sequences = sequencesOf(got);
      assert.ok(new Set(sequences).size >= 600 * (1 - 2.5 * (access.loss ?? 0)));
      if (!access.duplication) assert.equal(new Set(sequences).size, sequences.length);
      const backward = sequences.filter((sequence, i) => i > 0 && sequence < sequences[i - 1]!).length;
      // A segment is late when ten followed it, or when it held one up for 50 ms; or it is a copy.
      if (name === 'loss' || name === 'jitter' || name === 'reordering')
        assert.equal(backward, 0, `${backward} backward`);
      else assert.ok(backward < 200, `${backward} backward`);
    });
  }
}

test('a cable pulled without a word: the paths go after 5 s of sending, the rest carries on; they return with the address', () => {
  const pair = new WidePair();
  pair.talk('settle', 500);
  pair.nics.a2.isUp = false;
  pair.talk('down', 2500);
  pair.a.sent.length = 0;
  pair.b.delivered.splice(1);
  pair.talk('alone', 100);
  pair.run(100);
  assert.ok(dataOf(pair.a.sent).every(({ tuple }) => tuple.source === A1));
  assert.equal(pair.b.delivered.length - 1, 100);
  pair.nics.a2.isUp = true;
  pair.a.setAddresses([A1]);
  pair.talk('without', 20);
  pair.a.setAddresses([A1, A2]);
  pair.talk('with', 300);
  pair.a.sent.length = 0;
  pair.talk('again', 300);
  assert.equal(tuplesOf(dataOf(pair.a.sent)).length, 4);
});

test('an interface goes away and comes back, noticed by the host: nothing is lost after the notice, one session throughout', () => {
  const pair = new WidePair();
  pair.talk('settle', 500);
  const { id } = sessionOf(pair.a);
  for (const [left, gone, name] of [
    [A1, A2, 'a2'],
    [A2, A1, 'a1'],
  ] as const) {
    pair.nics[name].isUp = false;
    pair.a.setAddresses([left]);
    pair.b.delivered.splice(1);
    pair.talk(`without ${name}`, 300);
    pair.run(100);
    assert.equal(pair.b.delivered.length - 1, 300);
    assert.ok(sessionOf(pair.a).paths.every(({ tuple }) => tuple.source === left));
    assert.ok(sessionOf(pair.b).paths.every(({ tuple }) => tuple.destination !== gone));
    pair.nics[name].isUp = true;
    pair.a.setAddresses([A1, A2]);
    pair.talk(`with ${name}`, 300);
    assert.equal(sessionOf(pair.a).paths.length, 4);
    assert.equal(sessionOf(pair.b).paths.length, 4);
  }
  assert.equal(sessionOf(pair.a).id, id);
  assert.deepEqual(tuplesOf(pair.b.delivered), ['10.1.0.1:40000-203.1.0.1:7000']);
});

test("both ends' addresses change at once", () => {
  const pair = new WidePair();
  pair.talk('settle', 500);
  pair.a.setAddresses([A1]);
  pair.b.setAddresses([B1]);
  pair.talk('one', 300);
  assert.equal(sessionOf(pair.a).paths.length, 1);
  pair.a.setAddresses([A1, A2]);
  pair.b.setAddresses([B1, B2]);
  pair.b.delivered.splice(1);
  pair.talk('all', 600);
  pair.run(100);
  assert.equal(pair.b.delivered.length - 1, 600);
  for (const node of [pair.a, pair.b]) assert.equal(sessionOf(node).paths.length, 4);
});

test('the peer starts again with another node id: a new session, all paths again, the hosts keep their sockets', () => {
  for (const protocol of ['udp', 'tcp'] as const) {
    const pair = new WidePair();
    const say = (count: number) => (protocol === 'udp' ? pair.talk('x', count) : pair.stream(count, 101));
    if (protocol === 'tcp') pair.connect();
    say(500);
    pair.b.reboot({ addresses: [B1, B2], mac: 0x020000000c05, seed: 99 });
    say(1500);
    pair.a.sent.length = 0;
    pair.a.delivered.length = 0;
    pair.b.delivered.splice(1);
    say(300);
    pair.run(100);
    assert.equal(pair.b.delivered.length - 1 >= 300, true, `${protocol}: ${pair.b.delivered.length}`);
    assert.deepEqual(tuplesOf(pair.b.delivered), ['10.1.0.1:40000-203.1.0.1:7000'], protocol);
    assert.deepEqual(tuplesOf(pair.a.delivered), ['203.1.0.1:7000-10.1.0.1:40000'], protocol);
    const [a, b] = [sessionOf(pair.a), sessionOf(pair.b)];
    assert.equal(a.id, b.id, protocol);
    assert.equal(pair.a.endpoint.sessions.size, 1);
    assert.equal(pair.b.endpoint.sessions.size, 1);
    if (protocol === 'udp') assert.equal(tuplesOf(dataOf(pair.a.sent)).length, 4, protocol);
  }
});

test('both start at once, on the same microsecond: one session id at both ends, four paths', () => {
  for (const seed of [1, 2, 3]) {
    const pair = new WidePair({ seed });
    const toA = { source: B1, sourcePort: 7000, destination: A1, destinationPort: 40000 };
    for (let i = 0; i < 100; i++) {
      pair.a.host(buildUdp(pair.toB, Uint8Array.of(1)));
      pair.b.host(buildUdp(toA, Uint8Array.of(2)));
      pair.run(2);
    }
    pair.talk('x', 200);
    assert.equal(sessionOf(pair.a).id, sessionOf(pair.b).id);
    assert.equal(pair.a.endpoint.sessions.size + pair.b.endpoint.sessions.size, 2);
    assert.deepEqual([sessionOf(pair.a).paths.length, sessionOf(pair.b).paths.length], [4, 4]);
  }
});

test('MTU: nothing longer than the link leaves, nothing is fragmented, every datagram and segment arrives whole', () => {
  for (const options of [
    {},
    { profile: 'paper-full' as const },
    { tcpMode: 'udp-wrapper' as const },
    { profile: 'paper-full' as const, tcpMode: 'udp-wrapper' as const },
  ]) {
    const both = { linkMtu: 1500, ...options };
    const pair = new WidePair({ a: both, b: both, access: { mtu: 1500, oversize: 'fragment' } });
    pair.connect();
    pair.stream(300, 101);
    let sequence = 401;
    pair.b.delivered.length = 0;
    for (let size = 1380; size <= 1500; size++) {
      pair.a.host(buildUdp({ ...pair.toB, sourcePort: 40001 }, new Uint8Array(size - 28)));
      const octets = new Uint8Array(size - 40);
      pair.a.host(buildTcp(pair.toB, { sequence, acknowledgement: 901, flags: TcpFlags.ack }, octets));
      sequence += octets.length;
      pair.run(10);
    }
    pair.run(100);
    const text = JSON.stringify(options);
    assert.ok(
      pair.a.sent.every(({ bytes }) => bytes.length <= 1500),
      text,
    );
    for (const { forward, back } of Object.values(pair.links))
      assert.equal(forward.counters.oversized + forward.counters.fragments + back.counters.oversized, 0, text);
    assert.equal(pair.b.delivered.length, 2 * 121, text);
    const lengths = pair.b.delivered.map(({ bytes }) => bytes.length).sort((x, y) => x - y);
    assert.deepEqual(
      lengths,
      Array.from({ length: 2 * 121 }, (_, i) => 1380 + (i >> 1)),
      text,
    );
  }
});
