import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildUdp, Flags, Random } from '../../src/codec/index.js';
import { Endpoint } from '../../src/endpoint/index.js';
import { LOCAL, withCm } from '../support/peer-driver.js';

const FIRST = 0x0b000001;
const PER_PEER = 250;
/** More than from which on rows are looked at ahead. */
const SESSIONS = 4200;

/** A packet of the session's peer; `cm` says what is not as in its usual packets. */
function received(i: number, cm: Parameters<typeof withCm>[1] = {}): Uint8Array {
  const peer = Math.floor(i / PER_PEER);
  const id = 1 + (i % PER_PEER);
  const tuple = { source: FIRST + peer, sourcePort: 1000 + id, destination: LOCAL, destinationPort: 7000 };
  const ids = { sessionId: id, pathId: id, feedbackPathId: id };
  return withCm(buildUdp(tuple, new Uint8Array(10)), {
    nodeId: peer,
    localAddresses: [tuple.source],
    flags: Flags.normal,
    ...ids,
    ...cm,
  });
}

function toSend(i: number): Uint8Array {
  const id = 1 + (i % PER_PEER);
  const tuple = { source: LOCAL, sourcePort: 7000, destination: FIRST + Math.floor(i / PER_PEER) };
  return buildUdp({ ...tuple, destinationPort: 1000 + id }, new Uint8Array(10));
}

test('nothing comes of looking ahead at the rows that a packet will need, whatever the packet', () => {
  const random = new Random(7);
  const [one, other] = [1, 2].map(
    () => new Endpoint({ addresses: [LOCAL], mac: 0x020000000b01, limits: { sessions: SESSIONS } }),
  ) as [Endpoint, Endpoint];
  let looks = 0;
  for (const name of ['forPacket', 'forIds'] as const) {
    const look = one.state.fetchAhead[name] as (...args: unknown[]) => void;
    one.state.fetchAhead[name] = (...args: unknown[]) => {
      looks++;
      look.apply(one.state.fetchAhead, args);
    };
    other.state.fetchAhead[name] = () => {};
  }
  let now = 1_000_000;
  const both = (what: (endpoint: Endpoint) => void) => {
    const seen = [one, other].map((endpoint) => {
      what(endpoint);
      const packets = [...endpoint.takeTransmits().toArray(), '/', ...endpoint.takeDeliveries().toArray()];
      return packets
        .map((packet) => (typeof packet === 'string' ? packet : Buffer.from(packet).toString('hex')))
        .join();
    });
    assert.equal(seen[0], seen[1]);
  };
  const fromNetwork = (packet: Uint8Array) => both((endpoint) => endpoint.fromNetwork(packet, now));
  const fromHost = (packet: Uint8Array) => both((endpoint) => endpoint.fromHost(packet, now));
  for (let i = 0; i < SESSIONS; i++) {
    fromNetwork(received(i, { flags: Flags.enable, sessionId: 0, pathId: 0, feedbackPathId: 0 }));
    fromNetwork(received(i, { pathId: 0 }));
    fromHost(toSend(i));
  }
  assert.equal(one.sessions.size, SESSIONS);
  for (let step = 0; step < 3000; step++) {
    const i = random.below(SESSIONS + 20);
    const some = () => random.below(256);
    const kind = random.below(6);
    if (kind === 0) fromHost(toSend(i));
    else if (kind === 1) fromNetwork(received(i, { sessionId: some(), pathId: some(), feedbackPathId: some() }));
    else if (kind === 2) fromNetwork(received(i).subarray(0, random.below(60)));
    else if (kind === 3) fromHost(toSend(i).subarray(0, random.below(40)));
    else if (kind === 4) fromNetwork(received(i, { timestamp: now - some() }));
    else both((endpoint) => void endpoint.poll(now));
    // Near the end all expire, and are still there for a while.
    now += step === 2700 ? 130_000_000 : random.below(40_000);
    if (step === 2700) assert.ok(one.sessions.size >= 4096);
  }
  assert.ok(looks > 3000);
  assert.deepEqual(one.counters, other.counters);
  assert.equal(one.sessions.size, other.sessions.size);
});
