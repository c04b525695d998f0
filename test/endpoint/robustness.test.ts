import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Accept, buildTcp, buildUdp, Flags, HeaderStatus, TrailerView } from '../../src/codec/index.js';
import { Driver, LOCAL, REMOTE, withCm } from '../support/peer-driver.js';

const SEED = 20_151_115;
const port = fc.integer({ min: 1, max: 20 });
const cm = fc.record({
  nodeId: fc.constantFrom(0x0a01, 0x0a02, 0x0b01),
  sessionId: fc.nat(4),
  pathId: fc.nat(4),
  feedbackPathId: fc.nat(4),
  timestamp: fc.nat(0xffffffff),
  pathDelay: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  localAddresses: fc.array(fc.constantFrom(REMOTE, 0, 1), { maxLength: 2 }),
  flags: fc.nat(5),
});
const payload = fc.uint8Array({ maxLength: 60 });
const incoming = fc.record({ cm: fc.option(cm), payload, port, to: port, tcp: fc.boolean() });
const outgoing = fc.record({ payload, port, from: port, tcp: fc.boolean() });
const mutation = fc.option(fc.record({ at: fc.nat(120), value: fc.nat(255), cut: fc.nat(10) }), { freq: 3 });
const step = fc.oneof(
  fc.record({ kind: fc.constant('in' as const), packet: incoming, mutation }),
  fc.record({ kind: fc.constant('out' as const), packet: outgoing, mutation }),
  fc.record({ kind: fc.constant('wait' as const), micros: fc.nat(200_000_000) }),
);

function build(tcp: boolean, tuple: Parameters<typeof buildUdp>[0], data: Uint8Array): Uint8Array {
  return tcp ? buildTcp(tuple, { sequence: 1, flags: 16 }, data) : buildUdp(tuple, data);
}

function mutate(packet: Uint8Array, change: { at: number; value: number; cut: number } | null): Uint8Array {
  if (change === null) return packet;
  const out = packet.slice(0, packet.length - Math.min(change.cut, packet.length));
  if (out.length > 0) out[change.at % out.length] = change.value;
  return out;
}

test('no sequence of packets, sound or damaged, makes the endpoint throw, grow or touch an ordinary packet', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const driver = new Driver();
      const view = new TrailerView();
      for (const action of steps) {
        if (action.kind === 'wait') {
          driver.wait(action.micros);
          continue;
        }
        if (action.kind === 'out') {
          const { packet } = action;
          const built = build(
            packet.tcp,
            { source: LOCAL, sourcePort: packet.from, destination: REMOTE, destinationPort: packet.port },
            packet.payload,
          );
          const sent = driver.host(mutate(built, action.mutation));
          assert.ok(sent.length >= 1 && sent.length <= 2);
          continue;
        }
        const { packet } = action;
        const built = build(
          packet.tcp,
          { source: REMOTE, sourcePort: packet.port, destination: LOCAL, destinationPort: packet.to },
          packet.payload,
        );
        const bytes = mutate(packet.cm === null ? built : withCm(built, packet.cm), action.mutation);
        const { delivered, sent } = driver.net(bytes);
        assert.ok(delivered.length + sent.length <= 2);
        const isOrdinary = !view.locate(bytes, 0, bytes.length, Accept.both);
        if (isOrdinary && view.status !== HeaderStatus.fragment)
          assert.deepEqual(
            delivered.map((seen) => seen.bytes),
            [bytes],
          );
        for (const seen of sent)
          assert.ok(
            seen.cm !== undefined && seen.cm.flags >= Flags.heartbeat,
            'only control packets answer the network',
          );
      }
      const { availability, nodes, sessions } = driver.endpoint;
      assert.ok(availability.size <= 64 && nodes.size <= 64 && sessions.size <= 255 * 4);
    }),
    { seed: SEED, numRuns: 400 },
  );
});

test('tables that strangers fill stay within their limit; the oldest rows go', () => {
  const driver = new Driver({ tableLimit: 50 });
  for (let i = 0; i < 500; i++) driver.netUdp({ nodeId: 0x1000 + i, flags: Flags.enable }, '', { port: 1000 + i });
  assert.equal(driver.endpoint.availability.size, 50);
  assert.equal(driver.endpoint.nodes.size, 50);
  assert.equal(driver.hostUdp('x', { port: 1499 })[0]!.cm!.sessionId, 1);
  assert.equal(driver.hostUdp('x', { port: 1000 })[0]!.cm, undefined);
});

test("the caller's clock may step back: deadlines, expiry and heartbeats go on from there", () => {
  const driver = new Driver();
  driver.now = 900_000_000;
  driver.enable();
  driver.netUdp({ sessionId: 7, pathId: 1 });
  driver.now -= 500_000_000;
  const due = driver.endpoint.poll(driver.now);
  assert.ok(due > driver.now && due <= driver.now + 30_000_000, `${due - driver.now}`);
  driver.wait(1_000_000);
  assert.equal(driver.netUdp({ sessionId: 7, pathId: 1 }).sent[0]?.cm?.flags, Flags.heartbeat);
  driver.wait(119_999_999);
  assert.equal(driver.endpoint.sessions.size, 1);
  driver.wait(30_000_001);
  assert.equal(driver.endpoint.sessions.size, 0);
});
