import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { addressKey, TCP, TcpFlags } from '../../../src/codec/index.js';
import type { EndpointOptions } from '../../../src/endpoint/index.js';
import { A1, A2, B1, B2 } from '../../support/endpoint-pair.js';
import { hex, ModelledPair } from '../../support/modelled-pair.js';
import { runs } from '../../support/runs.js';

type Model = Record<string, never>;

/** Something that happens to the pair; afterwards what must always hold is looked at. */
class Happening implements fc.Command<Model, ModelledPair> {
  constructor(
    private readonly text: string,
    private readonly action: (pair: ModelledPair) => void,
  ) {}

  check(): boolean {
    return true;
  }

  run(_model: Model, pair: ModelledPair): void {
    this.action(pair);
    invariants(pair);
  }

  toString(): string {
    return this.text;
  }
}

/** What holds after every happening. */
function invariants(pair: ModelledPair): void {
  for (const node of [pair.a, pair.b]) {
    const { endpoint } = node;
    const peers = new Set([...endpoint.nodes.rows()].map(([, peer]) => peer));
    assert.ok(peers.size <= Math.max(1, node.model.faces), `${peers.size} peers`);
    assert.ok(endpoint.sessions.size <= 5 && endpoint.availability.size <= 20 && endpoint.nodes.size <= 20);
    for (const peer of peers) assert.ok(peer.feedback.size <= 255 && peer.sessions.size <= endpoint.sessions.size);
    for (const session of endpoint.sessions.rows()) {
      const { tuple } = session;
      assert.deepEqual([tuple.source, tuple.destination].sort(), [A1, B1].sort(), 'the session tuple stays');
      assert.ok(session.paths.length <= 4, `${session.paths.length} paths`);
      assert.equal(new Set(session.paths.map(({ id }) => id)).size, session.paths.length);
      for (const path of session.paths) {
        assert.ok(path.id >= 1 && path.weight >= 1 && path.weight <= 1000, `path ${path.id} weight ${path.weight}`);
        assert.ok(node.endpoint.addresses.includes(path.tuple.source), 'paths start at an address of the node');
      }
    }
    // User data is never altered: what a host gets is, octet for octet, what the other host sent. A segment without any is
    // a copy of a header that tried a path (docs/decisions.md 57).
    for (const { bytes, payload } of node.delivered.splice(0)) {
      if (bytes[9] === TCP && payload === '' && bytes[33] === TcpFlags.ack) continue;
      const times = pair.said.get(hex(bytes));
      assert.ok(times !== undefined, `delivered as sent: ${hex(bytes)}`);
      pair.said.set(hex(bytes), times + 1);
    }
    node.sent.length = 0;
  }
  for (const { cm, bytes } of pair.plain.splice(0)) {
    if (cm === undefined) assert.ok(pair.said.has(hex(bytes)), 'originals reach a host without MPIP unmodified');
  }
}

/** Everything works again and everybody talks: both ends agree on every connection, and all paths are there. */
function settle(pair: ModelledPair, used: ReadonlySet<number>): void {
  pair.link = undefined;
  pair.down.clear();
  pair.setAddresses('a', 3);
  pair.setAddresses('b', 3);
  // Longer than a node waits before it gives its choice of a session id up.
  for (let i = 0; i < 100; i++) {
    for (const connection of used) {
      pair.say('a', connection, 20);
      pair.say('b', connection, 20);
    }
    pair.run(i < 50 ? 20 : 200);
    invariants(pair);
  }
  const ids = (node: ModelledPair['a']) =>
    [...node.endpoint.sessions.rows()].map(({ tuple, id, confirmed }) => {
      assert.ok(confirmed);
      return `${Math.min(tuple.sourcePort, tuple.destinationPort)} ${id}`;
    });
  for (const { model } of [pair.a, pair.b]) assert.ok(model.faces <= 1, 'one peer in the end');
  assert.deepEqual(ids(pair.a).sort(), ids(pair.b).sort(), 'one session id at both ends');
  const known = [...used].filter(
    (connection) =>
      pair.a.model.enabled.has(addressKey(B1, 7000 + connection)) &&
      pair.b.model.enabled.has(addressKey(A1, 40000 + connection)),
  );
  // Replayed ordinary packets look like those of a host whose node ended (docs/decisions.md 60).
  const hasLeft = [pair.a, pair.b].some(({ endpoint }) => endpoint.counters.peersLeft > 0);
  if (!hasLeft) {
    assert.equal(pair.a.endpoint.sessions.size, known.length, 'every connection that speaks MPIP has its session');
    // Five queries may all have been lost; then the connection stays ordinary (section 3.2).
    for (const connection of used)
      if (!known.includes(connection)) assert.equal(pair.a.model.queries.get(addressKey(B1, 7000 + connection)), 5);
  }
  for (const [packet, times] of pair.said)
    assert.ok(times <= 1 || pair.hasDuplicated, `delivered ${times} times without a copy in the network: ${packet}`);
}

const host = fc.constantFrom('a' as const, 'b' as const);
const way = fc.tuple(fc.constantFrom(A1, A2), fc.constantFrom(B1, B2), fc.boolean());
const commands = [
  ...Array.from({ length: 3 }, () =>
    fc.tuple(host, fc.nat(4), fc.integer({ min: 2, max: 300 }), fc.nat(30)).map(
      ([from, connection, size, pause]) =>
        new Happening(`say(${from},${connection},${size}) +${pause}ms`, (pair) => {
          pair.used.add(connection);
          pair.say(from, connection, size);
          pair.run(pause);
        }),
    ),
  ),
  fc.tuple(fc.nat(4), fc.integer({ min: 1, max: 12 })).map(
    ([connection, count]) =>
      new Happening(`converse(${connection},${count})`, (pair) => {
        pair.used.add(connection);
        for (let i = 0; i < count; i++) {
          pair.say('a', connection, 10);
          pair.run(3);
          pair.say('b', connection, 10);
          pair.run(3);
        }
      }),
  ),
  fc
    .tuple(host, fc.nat(4))
    .map(
      ([from, connection]) =>
        new Happening(`plain(${from},${connection})`, (pair) => pair.say(from, connection, 30, true)),
    ),
  fc
    .oneof(fc.integer({ min: 1, max: 1000 }), fc.constant(130_000))
    .map((millis) => new Happening(`wait(${millis}ms)`, (pair) => pair.run(millis))),
  fc
    .tuple(host, fc.nat(3))
    .map(([node, which]) => new Happening(`addresses(${node},${which})`, (pair) => pair.setAddresses(node, which))),
  fc
    .record({
      loss: fc.constantFrom(0, 0.1, 0.5),
      jitterMicros: fc.constantFrom(0, 5000),
      duplication: fc.constantFrom(0, 0, 0.3),
    })
    .map(
      (link) =>
        new Happening(`link(${JSON.stringify(link)})`, (pair) => {
          pair.link = { delayMicros: 1000, ...link };
          if (link.duplication > 0) pair.hasDuplicated = true;
        }),
    ),
  way.map(
    ([a, b, isForward]) =>
      new Happening(
        `down(${a},${b},${isForward})`,
        (pair) => void pair.down.add(isForward ? `${a}-${b}` : `${b}-${a}`),
      ),
  ),
  fc
    .tuple(host, fc.constantFrom(-500_000_000, -1000, 50_000_000))
    .map(
      ([node, step]) => new Happening(`clock(${node},${step})`, (pair) => pair.network.changeClock(pair[node], step)),
    ),
  fc
    .tuple(host, fc.nat(150))
    .map(([node, back]) => new Happening(`replay(${node},${back})`, (pair) => pair.replay(node, back))),
  fc.tuple(host, fc.constantFrom(undefined, 100, 10_000)).map(
    ([node, endSize]) =>
      new Happening(`rules(${node},${endSize})`, (pair) => {
        pair[node].endpoint.setRules(endSize === undefined ? [] : [{ endSize, priority: 'responsiveness' }]);
      }),
  ),
];

const RUNS = runs(60);

const MODES: readonly Partial<EndpointOptions>[] = [{ tcpMode: 'fake-tcp' }, { tcpMode: 'udp-wrapper' }];

for (const options of MODES) {
  test(`random traffic, loss, addresses and clocks: the endpoint does what Tables 2 to 7 say (${options.tcpMode})`, () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.commands(commands, { maxCommands: 60, size: '+1' }), (seed, happenings) => {
        const pair = new ModelledPair(seed + 1, options);
        fc.modelRun(() => ({ model: {}, real: pair }), happenings);
        settle(pair, pair.used);
      }),
      { ...RUNS, includeErrorInReport: true },
    );
  });
}
