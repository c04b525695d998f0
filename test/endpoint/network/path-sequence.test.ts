import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  attach,
  DatagramView,
  detach,
  HeaderStatus,
  l4Checksum,
  TCP,
  TrailerView,
  UDP,
} from '../../../src/codec/index.js';
import { hasPathSequence, PATH_HEADER } from '../../../src/codec/path-sequence.js';
import { statusOf } from '../../../src/endpoint/index.js';
import { number, unnumber } from '../../../src/endpoint/path-sequence.js';
import { datagram } from '../../support/datagram.arbitrary.js';
import { runs } from '../../support/runs.js';
import { Stream, type StreamOptions } from '../../support/stream.js';
import { dataOf, tuplesOf } from '../../support/wide-pair.js';

const STRICT = { tcp: 'windows', filtering: 'port-restricted', refusal: 'reset' } as const;
const MEGABYTE = 1_000_000;
const HOST = { mtu: 1500 - 26 - PATH_HEADER };

/** A stream whose nodes number the segments of each path, through NATs that check windows. */
function numbered(options: StreamOptions): Stream {
  return new Stream({
    nat: STRICT,
    ...options,
    a: { pathSequence: true, ...options.a },
    b: { pathSequence: true, ...options.b },
  });
}

for (const [name, client, server] of [
  ['to the server', 12 * MEGABYTE, 0],
  ['to the client', 0, 12 * MEGABYTE],
  ['both ways', 6 * MEGABYTE, 6 * MEGABYTE],
] as const)
  for (const loss of [0, 0.005])
    test(`a stream ${name} through NATs that check windows goes by all four paths as TCP (loss ${loss})`, () => {
      const stream = numbered({
        client: { ...HOST, length: client },
        server: { ...HOST, length: server },
        links: { a1: { loss }, b2: { loss } },
      });
      stream.finish(600);
      const { pair } = stream;
      assert.deepEqual([stream.server.received, stream.client.received], [client, server]);
      assert.deepEqual(
        pair.nats.map(({ counters }) => counters.refusedTcp),
        [0, 0],
        'nothing was refused',
      );
      for (const node of ['a', 'b'] as const) {
        const rows = statusOf(pair[node].endpoint).paths;
        assert.deepEqual(rows.map(({ encapsulation }) => encapsulation).sort(), [
          'fake-tcp',
          'fake-tcp',
          'fake-tcp',
          'original',
        ]);
        assert.ok(
          rows.every(({ pathSequence, samples, fallback }) => pathSequence && samples > 0 && fallback === null),
        );
        assert.equal(tuplesOf(dataOf(pair[node].sent)).length, 4);
        assert.ok(pair[node].sent.every(({ bytes }) => bytes[9] === TCP || bytes[9] === UDP));
        assert.ok(dataOf(pair[node].sent).every(({ bytes }) => bytes[9] === TCP));
        assert.equal(pair[node].endpoint.counters.fallbacks, 0);
      }
      assert.ok([...pair.a.sent, ...pair.b.sent].every(({ bytes }) => bytes.length <= 1500));
      assert.deepEqual([stream.client.isReset, stream.server.isReset], [false, false]);
    });

test('each path has one sequence space: octets sent on it; it acknowledges what came by it; every checksum is right', () => {
  const { pair, ...stream } = (() => {
    const made = numbered({ client: { ...HOST, length: 2 * MEGABYTE }, server: { ...HOST, length: 2 * MEGABYTE } });
    made.finish();
    return { pair: made.pair, made };
  })();
  assert.ok(stream.made.server.received === 2 * MEGABYTE);
  const view = new TrailerView();
  const next = new Map<string, number>();
  let count = 0;
  for (const { bytes, tuple, cm } of pair.a.sent) {
    assert.ok(view.locate(bytes) || cm === undefined);
    if (cm === undefined || !hasPathSequence(view) || (view.tcpFlags & 2) !== 0) continue;
    assert.equal(view.l4Checksum, l4Checksum(bytes, 0, TCP, view.l4Offset, view.end));
    const key = Object.values(tuple).join();
    const expected = next.get(key);
    if (expected !== undefined) assert.equal(view.sequence, expected);
    next.set(key, (view.sequence + view.payloadLength) >>> 0);
    count++;
  }
  assert.equal(next.size, 4);
  assert.ok(count > 1000);
});

test('without the option at one end the peers interoperate as before', () => {
  for (const [a, b] of [
    [true, false],
    [false, true],
  ] as const) {
    const stream = new Stream({
      a: { pathSequence: a },
      b: { pathSequence: b },
      client: { ...HOST, length: 3 * MEGABYTE },
      server: { ...HOST, length: 3 * MEGABYTE },
    });
    stream.finish();
    assert.deepEqual([stream.server.received, stream.client.received], [3 * MEGABYTE, 3 * MEGABYTE]);
    for (const node of [stream.pair.a, stream.pair.b]) {
      const rows = statusOf(node.endpoint).paths;
      assert.equal(rows.length, 4);
      assert.ok(rows.every(({ pathSequence }) => !pathSequence));
      const view = new DatagramView();
      for (const { bytes, cm } of node.sent) {
        view.parse(bytes);
        if (cm !== undefined && (view.tcpFlags & 2) === 0) assert.ok(!hasPathSequence(view));
      }
    }
  }
});

test('a segment behind a path header comes out as it was, checksum and all; a damaged one stays damaged', () => {
  const inner = new DatagramView();
  const outer = new TrailerView();
  const tuple = { source: 0x0a010001, sourcePort: 1, destination: 0x0a020002, destinationPort: 2 };
  fc.assert(
    fc.property(
      datagram.filter(({ protocol, packet }) => protocol === TCP && packet.length < 60_000),
      fc.nat({ max: 2 ** 32 - 1 }),
      ({ packet }, next) => {
        assert.equal(inner.parse(packet), HeaderStatus.ok);
        const own = {
          source: inner.source,
          sourcePort: inner.sourcePort,
          destination: inner.destination,
          destinationPort: inner.destinationPort,
        };
        const isSound = inner.l4Checksum === l4Checksum(packet, 0, TCP, inner.l4Offset, inner.end);
        const out = new Uint8Array(packet.length + PATH_HEADER + 100);
        const length = number(inner, tuple, { next, received: 7 }, out);
        const whole = attach(
          out,
          {
            layout: 'compact',
            nodeId: 1,
            sessionId: 1,
            pathId: 1,
            feedbackPathId: 0,
            timestamp: 1,
            pathDelay: 0,
            localAddresses: [],
            flags: 0,
          },
          out,
          length,
        );
        assert.ok(outer.locate(out, 0, whole));
        assert.ok(hasPathSequence(outer));
        assert.equal(outer.sequence, next);
        assert.equal(outer.l4Checksum === l4Checksum(out, 0, TCP, outer.l4Offset, outer.end), isSound);
        detach(outer);
        const back = unnumber(outer, own);
        assert.equal(back, packet.length);
        const again = new DatagramView();
        assert.equal(again.parse(out, 0, back), HeaderStatus.ok);
        assert.equal(again.l4Checksum === l4Checksum(out, 0, TCP, again.l4Offset, again.end), isSound);
        if (isSound) assert.deepEqual(out.subarray(12, back), packet.subarray(12));
      },
    ),
    runs(200),
  );
});
