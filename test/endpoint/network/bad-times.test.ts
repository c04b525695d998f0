import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TCP } from '../../../src/codec/index.js';
import type { TcpMode } from '../../../src/endpoint/index.js';
import { CONNECTIONS, RestlessPair } from '../../support/restless-pair.js';
import { Stream } from '../../support/stream.js';

/** All connections speak, and are there with all their paths. */
function begin(tcpMode: TcpMode): RestlessPair {
  const pair = new RestlessPair(1, { tcpMode });
  for (let connection = 0; connection < CONNECTIONS; connection++) {
    pair.say('a', connection, 20);
    pair.run(5);
  }
  pair.converse(60, 20);
  assertWhole(pair);
  return pair;
}

/**
 * Every packet of the hosts arrives once, both ends call each connection by one id, and it has its four paths. Where the
 * server's row of a TCP connection went and came back, its client began no handshake again (HS-02): `atLeast` is 1 then.
 */
function assertWhole(pair: RestlessPair, atLeast = 4): void {
  const { hasDuplicated } = pair;
  pair.hasDuplicated = false;
  assert.deepEqual(pair.converse(20, 20), [], 'every packet arrives');
  pair.hasDuplicated = hasDuplicated;
  const [a, b] = (['a', 'b'] as const).map((side) =>
    [...pair.wide[side].endpoint.sessions.rows()]
      .map(({ id, tuple, protocol, paths }) => {
        assert.ok(paths.length >= (protocol === TCP ? atLeast : 4), `${paths.length} paths`);
        return [Math.min(tuple.sourcePort, tuple.destinationPort), id];
      })
      .sort(([one], [other]) => one! - other!),
  );
  assert.deepEqual(a, b, 'one session id at both ends');
  assert.deepEqual(
    a!.map(([port]) => port),
    [...pair.used].sort().map((connection) => 7000 + connection),
  );
}

/** What the nodes remember, in rows. */
function rows({ wide }: RestlessPair): number[] {
  return [wide.a.endpoint, wide.b.endpoint].flatMap(({ nodes, availability, sessions, fakeTcp }) => {
    const peers = [...new Set([...nodes.rows()].map(([, peer]) => peer))];
    const ofPeers = peers.flatMap(({ paths, feedback }) => [paths.size, feedback.size]);
    return [nodes.size, availability.size, sessions.size, fakeTcp.size, peers.length, ...ofPeers];
  });
}

for (const tcpMode of ['fake-tcp', 'udp-wrapper'] as const) {
  test(`both peers starting at once: no packet is lost, one session each, all paths (${tcpMode})`, () => {
    for (const seed of [1, 2, 3]) {
      const pair = new RestlessPair(seed, { tcpMode });
      // Of a TCP connection one end begins; here the other answers before it can know of MPIP.
      for (let i = 0; i < 3; i++)
        for (let connection = 0; connection < CONNECTIONS; connection++)
          for (const side of ['a', 'b'] as const) pair.say(side, connection, 20);
      assert.deepEqual(pair.converse(60, 20), [], 'every packet arrives');
      assertWhole(pair);
    }
  });

  test(`duplicated and replayed packets: each arrives, tables stay as they are, none is stuck (${tcpMode})`, () => {
    const pair = begin(tcpMode);
    const before = rows(pair);
    pair.setLinks({ duplication: 0.5 });
    for (let i = 0; i < 30; i++) {
      assert.deepEqual(pair.converse(3, 10), [], 'every packet arrives');
      for (let back = 0; back < 100; back += 3) {
        pair.replay('a', back);
        pair.replay('b', back);
      }
      pair.run(20);
    }
    pair.setLinks({});
    pair.run(100);
    assert.deepEqual(rows(pair), before);
    assertWhole(pair);
  });

  test(`clock steps of ±500 s: no packet is lost, one session each, no path looks slower (${tcpMode})`, () => {
    const pair = begin(tcpMode);
    for (const [side, step] of [
      ['a', 500_000_000],
      ['b', 500_000_000],
      ['a', -500_000_000],
      ['b', -500_000_000],
      ['a', -500_000_000],
    ] as const) {
      pair.wide.network.changeClock(pair.wide[side], step);
      assert.deepEqual(pair.converse(60, 20), [], `every packet arrives (${side} ${step})`);
      // Long enough for the averages.
      pair.converse(200, 5);
      for (const { endpoint } of [pair.wide.a, pair.wide.b])
        for (const { paths } of endpoint.sessions.rows()) {
          // What a step adds it adds to all paths: none of them looks slower than the others.
          const queuing = paths.map((path) => path.queuing);
          assert.ok(Math.max(...queuing) - Math.min(...queuing) < 10_000, `queuing delays ${queuing}`);
        }
    }
    assertWhole(pair, 1);
  });

  test(`peer rebooting with a new node id: every connection is back within 15 s, ten times, and nothing is left (${tcpMode})`, () => {
    const pair = begin(tcpMode);
    for (let i = 0; i < 10; i++) {
      pair.restart(i % 2 === 0 ? 'b' : 'a', true);
      pair.converse(150, 100);
      assert.deepEqual(pair.converse(20, 20), [], 'every packet arrives');
    }
    for (const { endpoint } of [pair.wide.a, pair.wide.b]) {
      assert.equal(endpoint.sessions.size, CONNECTIONS);
      const peers = new Set([...endpoint.nodes.rows()].map(([, peer]) => peer));
      assert.ok(peers.size <= 3, `${peers.size} peers`);
    }
  });
}

for (const scheduler of ['paper', 'earliest'] as const)
  for (const [tcpMode, link] of [
    ['fake-tcp', 'b1'],
    ['udp-wrapper', 'a1'],
  ] as const)
    test(`an interface goes dead without a word under TCP (${scheduler}, ${tcpMode}): it never waits three times in a row (decision 69)`, () => {
      for (let seed = 2; seed <= 4; seed++) {
        const node = { scheduler, tcpMode };
        const client = { length: 60_000_000, longestRto: 120_000_000, window: 200 };
        const stream = new Stream({ seed, a: { seed, ...node }, b: { seed: seed + 50, ...node }, client });
        stream.run(1000 + 37 * seed);
        const { forward, back } = stream.pair.links[link];
        [forward.isUp, back.isUp] = [false, false];
        const { received } = stream.server;
        stream.run(3000);
        assert.ok(stream.server.received > received, `seed ${seed}: it stands still`);
        assert.ok(stream.client.mostTimeOuts <= 2, `seed ${seed}: ${stream.client.mostTimeOuts} time-outs in a row`);
      }
    });
