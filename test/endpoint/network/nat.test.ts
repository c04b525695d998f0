import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DatagramView, Flags, HeaderStatus, l4Checksum, TCP, UDP } from '../../../src/codec/index.js';
import type { NatOptions } from '../../../src/sim/nat.js';
import { B1, dataOf, sequencesOf, tuplesOf, WidePair } from '../../support/wide-pair.js';

const NATS: Readonly<Record<string, Omit<NatOptions, 'address'> | undefined>> = {
  'no NAT': undefined,
  'endpoint-independent NATs': { filtering: 'endpoint-independent' },
  'port-restricted NATs': { filtering: 'port-restricted' },
};

/** Forgets what passed so far. */
function clear(pair: WidePair): void {
  for (const node of [pair.a, pair.b]) {
    node.sent.length = 0;
    node.delivered.splice(1);
  }
}

function checksumsHold(packets: readonly { bytes: Uint8Array }[]): boolean {
  const view = new DatagramView();
  return packets.every(
    ({ bytes }) =>
      view.parse(bytes) === HeaderStatus.ok &&
      view.l4Checksum === l4Checksum(bytes, 0, view.protocol, view.l4Offset, view.end),
  );
}

for (const [name, nat] of Object.entries(NATS)) {
  test(`UDP through ${name}: four paths each way, every datagram once, the hosts see one tuple`, () => {
    const pair = new WidePair(nat && { nat });
    pair.talk('settle', 1000);
    const { toA } = pair;
    clear(pair);
    pair.talk('x', 300);
    pair.run(100);
    assert.equal(tuplesOf(dataOf(pair.a.sent)).length, 4);
    assert.equal(tuplesOf(dataOf(pair.b.sent)).length, 4);
    const expected = (letter: string) => Array.from({ length: 300 }, (_, i) => `x-${letter}${i}`);
    assert.deepEqual(
      pair.b.delivered.slice(1).map(({ payload }) => payload),
      expected('a'),
    );
    assert.deepEqual(
      pair.a.delivered.slice(1).map(({ payload }) => payload),
      expected('b'),
    );
    assert.equal(tuplesOf(pair.b.delivered).length, 1);
    assert.equal(tuplesOf(pair.a.delivered).length, 1);
    assert.equal(pair.b.delivered[0]!.tuple.source, toA.destination);
    assert.ok(checksumsHold([...pair.a.delivered, ...pair.b.delivered]));
  });

  for (const tcpMode of ['fake-tcp', 'udp-wrapper'] as const) {
    test(`TCP (${tcpMode}) through ${name}: four paths, the byte stream in order`, () => {
      const pair = new WidePair({ ...(nat && { nat }), a: { tcpMode }, b: { tcpMode } });
      pair.connect();
      const next = pair.stream(1000, 101);
      clear(pair);
      const end = pair.stream(300, next);
      pair.run(100);
      assert.equal(tuplesOf(dataOf(pair.a.sent)).length, 4);
      // With the wrapper, the NAT's second mapping of A1, that for UDP, may be a fifth way back.
      assert.ok(tuplesOf(dataOf(pair.b.sent)).length >= 4);
      assert.deepEqual(
        sequencesOf(pair.b.delivered.slice(1)),
        Array.from({ length: end - next }, (_, i) => next + i),
      );
      assert.equal(tuplesOf(pair.b.delivered).length, 1);
      assert.ok(checksumsHold([...pair.a.delivered, ...pair.b.delivered]));
      const view = new DatagramView();
      for (const { bytes, tuple } of dataOf(pair.a.sent)) {
        view.parse(bytes);
        const isOriginal = tuple.source === pair.toB.source && tuple.destination === B1;
        assert.equal(view.protocol, isOriginal || tcpMode === 'fake-tcp' ? TCP : UDP);
      }
    });
  }
}

test('fake TCP opens the paths of TCP-stateful NATs; nothing of the connection is refused afterwards (HS-11)', () => {
  const pair = new WidePair({ nat: { tcp: 'stateful', filtering: 'port-restricted' } });
  pair.connect();
  const next = pair.stream(300, 101);
  const refused = pair.nats.map(({ counters }) => counters.refusedTcp);
  clear(pair);
  const end = pair.stream(300, next);
  pair.run(100);
  assert.equal(tuplesOf(dataOf(pair.a.sent)).length, 4);
  assert.equal(tuplesOf(dataOf(pair.b.sent)).length, 4);
  assert.deepEqual(
    pair.nats.map(({ counters }) => counters.refusedTcp),
    refused,
  );
  assert.equal(sequencesOf(pair.b.delivered.slice(1)).length, end - next);
});

test('without a handshake a TCP-stateful NAT refuses other paths: the UDP wrapper passes it', () => {
  const pair = new WidePair({
    nat: { tcp: 'stateful', filtering: 'port-restricted' },
    a: { tcpMode: 'udp-wrapper' },
    b: { tcpMode: 'udp-wrapper' },
  });
  pair.connect();
  pair.stream(800, 101);
  clear(pair);
  pair.stream(200, 901);
  assert.equal(tuplesOf(dataOf(pair.a.sent)).length, 4);
  assert.equal(pair.nats[1]!.counters.refusedTcp, 0, 'no TCP on the second NIC');
});

for (const filtering of ['endpoint-independent', 'port-restricted'] as const) {
  test(`a ${filtering} NAT changes its mapping in mid-flow: the UDP connection goes on, on the same session and socket`, () => {
    const pair = new WidePair({ nat: { filtering } });
    pair.talk('settle', 1000);
    const { toA } = pair;
    const { id } = [...pair.b.endpoint.sessions.rows()][0]!;
    pair.nats[0]!.rebind();
    pair.talk('change', 1000);
    clear(pair);
    pair.talk('after', 300);
    pair.run(100);
    assert.equal(pair.b.delivered.length - 1, 300);
    assert.equal(pair.a.delivered.length - 1, 300);
    assert.deepEqual(pair.toA, toA);
    assert.equal(tuplesOf(pair.b.delivered).length, 1);
    assert.deepEqual(
      [...pair.b.endpoint.sessions.rows()].map((session) => session.id),
      [id],
    );
    assert.equal(tuplesOf(dataOf(pair.b.sent)).length, 4, 'all paths again');
    assert.ok(
      dataOf(pair.b.sent).every(
        ({ tuple }) => tuple.destinationPort !== toA.destinationPort || tuple.destination !== toA.destination,
      ),
    );
  });
}

test('a NAT expires a mapping while the connection is quiet: the next packet opens it and the paths come back', () => {
  const pair = new WidePair({ nat: { filtering: 'port-restricted', expiryMicros: 30_000_000 } });
  pair.talk('settle', 1000);
  pair.run(60_000);
  pair.talk('again', 1500);
  clear(pair);
  pair.talk('after', 200);
  pair.run(100);
  assert.equal(pair.b.delivered.length - 1, 200);
  assert.equal(pair.a.delivered.length - 1, 200);
});

test('fake handshakes and queries never reach a host behind a NAT', () => {
  const pair = new WidePair({ nat: { tcp: 'stateful', filtering: 'port-restricted' } });
  pair.connect();
  pair.stream(200, 101);
  for (const packet of [...pair.a.delivered, ...pair.b.delivered]) {
    assert.equal(packet.cm, undefined);
    assert.ok(packet.payload.length <= 1);
  }
  assert.ok(pair.a.sent.some(({ cm }) => cm?.flags === Flags.handshake));
});
