import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildUdp, DatagramView, Flags, HeaderStatus, l4Checksum, TCP, UDP } from '../../../src/codec/index.js';
import type { NatOptions } from '../../../src/sim/nat.js';
import { Driver, LOCAL, OTHER, REMOTE, withCm } from '../../support/peer-driver.js';
import { Stream } from '../../support/stream.js';
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

for (const every of [1, 10, 40, 1000])
  test(`a new session through port-restricted NATs, the host behind them sends 1 of ${every}: no datagram is lost (decision 59)`, () => {
    const pair = new WidePair({ nat: { filtering: 'port-restricted' } });
    for (let i = 0; i < 800; i++) {
      if (i % every === 0) pair.udp('a', `a${i}`);
      pair.run(5);
      pair.udp('b', `b${i}`);
      pair.run(5);
    }
    pair.run(100);
    assert.equal(pair.a.delivered.length, 800);
    assert.equal(pair.b.delivered.length, Math.ceil(800 / every));
    assert.equal(tuplesOf(dataOf(pair.b.sent)).length, 4, 'what A sends or answers by each path opens all of them');
  });

test('a path to a NAT carries no user data before a packet came by it, or feedback for a heartbeat on it (decision 59)', () => {
  const second = LOCAL + 1;
  const inside = 0x0a000001;
  for (const proof of ['packet', 'feedback'] as const) {
    const driver = new Driver({ addresses: [LOCAL, second] });
    driver.endpoint.setRules(proof === 'packet' ? [{ priority: 'responsiveness' }] : []);
    const cm = { sessionId: 5, localAddresses: [inside] };
    driver.enable(cm);
    driver.netUdp({ ...cm });
    const sources = () => new Set(Array.from({ length: 50 }, () => driver.hostUdp()[0]!.tuple.source));
    const probes = () =>
      driver
        .netUdp({ ...cm, pathId: 1 })
        .sent.filter((packet) => packet.cm?.flags === Flags.heartbeat && packet.tuple.source === second);
    driver.hostUdp();
    const [probe] = probes();
    assert.deepEqual([probe!.payload, probe!.cm!.sessionId, probe!.tuple.destination], ['', 5, REMOTE]);
    assert.deepEqual(probes(), [], 'once a second');
    assert.deepEqual([...sources()], [LOCAL]);
    driver.wait(1_000_000);
    assert.deepEqual([...sources()], [LOCAL]);
    assert.equal(probes().length, 1);
    if (proof === 'feedback') driver.netUdp({ ...cm, pathId: 1, feedbackPathId: probe!.cm!.pathId, pathDelay: 9 });
    else
      driver.net(
        withCm(
          buildUdp(
            { source: REMOTE, sourcePort: 40000, destination: second, destinationPort: 7000 },
            new Uint8Array(1),
          ),
          { ...cm, pathId: 2 },
        ),
      );
    driver.wait(1_000_000);
    assert.deepEqual([...sources()].sort(), [LOCAL, second].sort(), proof);
  }
});

test('where a NAT let the confirmation of a query through, user data may go at once (decision 59)', () => {
  const driver = new Driver();
  const cm = { sessionId: 5, localAddresses: [0x0a000001] };
  driver.enable(cm);
  driver.netUdp({ ...cm });
  driver.hostUdp();
  driver.netUdp({ ...cm, pathId: 2 }, 'x', { address: OTHER });
  assert.equal(driver.hostUdp().at(-1)!.tuple.destination, OTHER, 'the query');
  driver.netUdp({ ...cm, sessionId: 0, flags: Flags.enabled }, '', { address: OTHER });
  const far = new Set(Array.from({ length: 50 }, () => driver.hostUdp()[0]!.tuple.destination));
  assert.equal(far.size, 2);
});

test('a path to a NAT that was given up before anything came by it is one again with the first packet (decision 59)', () => {
  const second = LOCAL + 1;
  const driver = new Driver({ addresses: [LOCAL, second] });
  const cm = { sessionId: 5, localAddresses: [0x0a000001] };
  driver.enable(cm);
  driver.netUdp({ ...cm });
  const paths = () => [...driver.endpoint.sessions.rows()][0]!.paths;
  for (let i = 0; i < 30; i++) {
    const path = driver.hostUdp()[0]!.cm!.pathId;
    driver.netUdp({ ...cm, pathId: 1, feedbackPathId: path, pathDelay: i });
    driver.wait(500_000);
  }
  assert.equal(paths().length, 1);
  const tuple = { source: REMOTE, sourcePort: 40000, destination: second, destinationPort: 7000 };
  driver.net(withCm(buildUdp(tuple, new Uint8Array(1)), { ...cm, pathId: 2 }));
  driver.hostUdp();
  assert.equal(paths().length, 2);
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

for (const tcpMode of ['fake-tcp', 'udp-wrapper'] as const)
  for (const tcp of ['none', 'stateful'] as const)
    test(`NATs start again under a connection (${tcpMode}, ${tcp} for TCP): the stream goes on (decisions 57, 69)`, () => {
      for (let seed = 1; seed <= 3; seed++) {
        const nat = { tcp, filtering: 'port-restricted' } as const;
        const hosts = { client: { length: 100_000 }, server: { length: 100_000 } };
        const stream = new Stream({ seed, nat, a: { seed, tcpMode }, b: { tcpMode }, ...hosts });
        stream.finish();
        for (const one of stream.pair.nats) one.rebind();
        stream.client.add(100_000);
        stream.finish(15);
        assert.deepEqual([stream.client.isReset, stream.server.isReset], [false, false]);
      }
    });

test('when nothing at all passes for a while, fake handshakes without an answer are no reason to leave TCP (decision 57)', () => {
  const stream = new Stream({ client: { length: 200_000 } });
  stream.finish();
  const { links } = stream.pair;
  const set = (isUp: boolean) => {
    for (const { forward, back } of Object.values(links)) [forward.isUp, back.isUp] = [isUp, isUp];
  };
  set(false);
  stream.client.add(20_000);
  stream.run(25_000);
  const syns = stream.pair.a.sent.filter(({ cm }) => cm?.flags === Flags.handshake).length;
  assert.ok(syns > 3 && syns < 40, `${syns} SYNs`);
  set(true);
  stream.client.add(200_000);
  stream.finish();
  stream.run(60_000);
  stream.client.add(2_000_000);
  stream.finish();
  const { paths } = [...stream.pair.a.endpoint.sessions.rows()][0]!;
  assert.ok(paths.every(({ fallback }) => fallback === undefined));
  stream.pair.a.sent.length = 0;
  stream.run(10_000);
  stream.client.add(20_000);
  stream.finish();
  assert.ok(
    stream.pair.a.sent.every(({ cm }) => cm?.flags !== Flags.handshake),
    'none after a pause',
  );
  assert.equal(stream.pair.a.endpoint.counters.fallbacks, 0);
});
