import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fragment } from '../../../src/codec/fragment.js';
import {
  buildTcp,
  buildUdp,
  type ControlMessage,
  DatagramView,
  Flags,
  HeaderStatus,
  type Ipv4,
  ipv4HeaderChecksum,
  l4Checksum,
  Random,
  sameTuple,
  TcpFlags,
  type Tuple,
} from '../../../src/codec/index.js';
import type { Limits } from '../../../src/endpoint/index.js';
import type { Node } from '../../support/endpoint-pair.js';
import { withCm } from '../../support/peer-driver.js';
import { Stream } from '../../support/stream.js';
import { A1, A2, B1, B2 } from '../../support/wide-pair.js';

/** What an attacker of one of the two nodes knows and may do. */
interface Target {
  readonly random: Random;
  /** Addresses and node id of the node that is attacked, and of its peer. */
  readonly own: readonly Ipv4[];
  readonly peer: readonly Ipv4[];
  readonly peerId: number;
  /** The connection, the peer as source. */
  readonly tuple: Tuple;
  /** Its session id. */
  readonly sessionId: number;
  /** Packets with a CM that the peer sent. */
  readonly recorded: readonly Uint8Array[];
}

const STRANGER = 0xcb007163;
const VICTIM = 0xc6336463;
const NOTHING = new Uint8Array(0);
const { syn, ack, rst, fin } = TcpFlags;

const pick = <T>(random: Random, list: readonly T[]): T => list[random.below(list.length)]!;
const octets = (random: Random, most: number) =>
  Uint8Array.from({ length: random.below(most + 1) }, () => random.below(256));
const from = ({ own, random }: Target, source: Ipv4, port = 1 + random.below(65535)): Tuple => ({
  source,
  sourcePort: port,
  destination: pick(random, own),
  destinationPort: pick(random, [7000, 40000, 9]),
});
/** A datagram of a stranger with a CM. */
const strange = (target: Target, cm: Partial<ControlMessage>, size = 40): Uint8Array =>
  withCm(buildUdp(from(target, STRANGER), octets(target.random, size)), {
    nodeId: target.peerId,
    localAddresses: [STRANGER],
    ...cm,
  });
/** A packet of the connection that somebody forges: it has no user data, which nothing could tell from the peer's. */
const forged = ({ tuple, peerId, peer }: Target, cm: Partial<ControlMessage>, flags: number = ack): Uint8Array =>
  withCm(buildTcp(tuple, { sequence: 1, acknowledgement: 1, flags }, NOTHING), {
    nodeId: peerId,
    localAddresses: peer,
    ...cm,
  });
/** Changes headers after the checksums: the IP header's is right again. */
function changed(packet: Uint8Array, change: (view: DataView) => void): Uint8Array {
  const out = packet.slice();
  const words = new DataView(out.buffer);
  change(words);
  words.setUint16(10, ipv4HeaderChecksum(out, 0, 20));
  return out;
}
const anyCm = ({ random }: Target): Partial<ControlMessage> => ({
  flags: random.below(6) as ControlMessage['flags'],
  sessionId: random.below(256),
  pathId: random.below(256),
  feedbackPathId: random.below(256),
  timestamp: random.below(2 ** 32),
  pathDelay: random.below(2 ** 32) | 0,
});

/** The kinds of section 5 of the facts about the authors' kernels that reach the node as packets, by number. */
const KINDS: Readonly<Record<string, (target: Target) => Uint8Array | readonly Uint8Array[]>> = {
  'R1: headers that happen to be a CM': ({ own }) =>
    changed(
      Buffer.from('450000280001000040061fb50a0000190a0007020040138900000000000000005010010000036c01', 'hex'),
      (words) => words.setUint32(16, own[0]!),
    ),
  'R2: user data that is shorter than a trailer': (target) => {
    const whole = strange(target, { sessionId: target.sessionId }, 0);
    return buildUdp(from(target, STRANGER), whole.slice(28 + target.random.below(27)));
  },
  'R3: a UDP length that lies': (target) =>
    changed(strange(target, anyCm(target)), (words) => words.setUint16(24, target.random.below(70))),
  'R4: fragments that end in a CM, and datagrams that never become whole': (target) => {
    const pieces = fragment(strange(target, anyCm(target), 400), 68 + 8 * target.random.below(20));
    return pieces.filter(() => target.random.below(3) > 0);
  },
  'R5: packets of other hosts': (target) => {
    const tuple = { ...from(target, STRANGER), destination: VICTIM };
    return withCm(buildUdp(tuple, octets(target.random, 40)), anyCm(target));
  },
  'R6: state without a handshake': (target) =>
    strange(target, { ...anyCm(target), nodeId: target.random.below(65536), flags: 0 }),
  "R7: the peer's node id from elsewhere": (target) => strange(target, { ...anyCm(target), sessionId: 77 }),
  "R8: forged changes of the peer's addresses": (target) =>
    forged(target, {
      sessionId: target.sessionId,
      flags: Flags.ipChange,
      localAddresses: [target.random.below(2 ** 32)],
    }),
  'R9: delays that somebody makes up': (target) =>
    strange(target, {
      ...anyCm(target),
      sessionId: target.sessionId,
      flags: Flags.heartbeat,
      localAddresses: target.peer,
    }),
  'R10: packets of fake handshakes that nobody began': (target) => {
    const tuple = { ...target.tuple, source: pick(target.random, [STRANGER, ...target.peer]) };
    const fields = { sequence: target.random.below(2 ** 32), acknowledgement: target.random.below(2 ** 32) };
    const segment = buildTcp(tuple, { ...fields, flags: pick(target.random, [syn, syn | ack, ack]) }, NOTHING);
    const cm = {
      nodeId: target.peerId,
      flags: Flags.handshake,
      sessionId: target.sessionId,
      localAddresses: target.peer,
    };
    return withCm(segment, cm);
  },
  'R12: announced addresses that are a victim’s': (target) =>
    strange(target, { flags: Flags.enable, localAddresses: [VICTIM + target.random.below(1000), VICTIM] }),
  'R13: queries with a forged source': (target) =>
    withCm(buildUdp(from(target, target.random.below(2 ** 32)), octets(target.random, 40)), { flags: Flags.enable }),
  'R14: heartbeats': (target) => strange(target, { ...anyCm(target), flags: Flags.heartbeat }),
  'R15: strangers without number': (target) =>
    withCm(buildUdp(from(target, target.random.below(2 ** 32)), octets(target.random, 40)), {
      ...anyCm(target),
      nodeId: target.random.below(65536),
      localAddresses: [target.random.below(2 ** 32)],
    }),
  'R17: session ids that are the next of the peer': (target) =>
    strange(target, { sessionId: 1 + target.random.below(9), localAddresses: target.peer }),
  'R18: a protocol that is not the session’s': (target) =>
    strange(target, { sessionId: target.sessionId, pathId: 1 + target.random.below(9) }, 400),
  'R19: wrappers with noise inside': (target) =>
    withCm(buildUdp({ ...target.tuple, source: pick(target.random, target.peer) }, octets(target.random, 60)), {
      nodeId: target.peerId,
      localAddresses: target.peer,
      sessionId: target.sessionId,
      pathId: 1 + target.random.below(9),
      timestamp: target.random.below(2 ** 32),
    }),
  'R20: node ids of two equal octets': (target) =>
    strange(target, { ...anyCm(target), nodeId: target.random.below(256) * 0x101 }),
  'R23: user data that ends in a CM, of somebody without MPIP': (target) =>
    withCm(strange(target, anyCm(target)), { ...anyCm(target), nodeId: target.random.below(65536) }),
  'R24: noise': (target) => buildUdp(from(target, STRANGER), octets(target.random, 200)),
  'R25: segments again, long after and twice': ({ recorded, random }) => {
    const again = recorded.length === 0 ? [] : [pick(random, recorded)];
    return [...again, ...again];
  },
  'R30: damaged packets of the peer, their CM untouched': ({ recorded, random }) => {
    const data = recorded.filter((packet) => packet.length > 100);
    if (data.length === 0) return [];
    const packet = pick(random, data).slice();
    const at = 40 + random.below(packet.length - 40 - 26);
    packet[at] = packet[at]! ^ (1 + random.below(255));
    return packet;
  },
  'R36: timestamps that jump': (target) =>
    forged(target, {
      sessionId: target.sessionId,
      pathId: 1 + target.random.below(8),
      timestamp: target.random.below(2 ** 32),
    }),
  'resets, SYN and FIN of somebody else': (target) =>
    buildTcp(
      from(target, STRANGER),
      { sequence: 1, flags: pick(target.random, [rst, syn, fin | ack, 63, 0]) },
      NOTHING,
    ),
};

/** Small, so that all of them are full soon. */
const LIMITS: Partial<Limits> = {
  sessions: 64,
  sessionsPerPeer: 48,
  feedbackPerPeer: 64,
  fragmentOctets: 65536,
  fragmentOctetsPerAddress: 16384,
};
const TABLE_LIMIT = 64;
const LENGTH = 300_000;

for (const [kind, make] of Object.entries(KINDS))
  test(`while a stream goes on, ${kind}: it is intact, keeps its session and its paths, and no table grows`, () => {
    const host = { length: LENGTH, isWary: true };
    const options = { limits: LIMITS, tableLimit: TABLE_LIMIT };
    const stream = new Stream({ a: options, b: options, client: host, server: host });
    stream.run(300);
    const random = new Random(7);
    const { a, b } = stream.pair;
    // Each change of addresses uses up a path id for 120 s: of those there are few.
    const [count, pause] = kind.startsWith('R8') ? [30, 13] : [1200, 1];
    for (let i = 0; i < count; i++) {
      strike(b, a, [B1, B2], [A1, A2], stream.pair.toB, random, make);
      strike(a, b, [A1, A2], [B1, B2], stream.pair.toA, random, make);
      if (i % 3 === 0) stream.run(pause);
    }
    stream.finish(30);
    assert.deepEqual([stream.client.received, stream.server.received], [LENGTH, LENGTH]);
    for (const node of [a, b]) assertBounded(node);
    a.sent.length = 0;

    // Nothing is stuck: seconds later new data takes all four paths.
    for (let i = 0; i < 30; i++) {
      stream.client.add(2000);
      stream.server.add(2000);
      stream.run(100);
    }
    stream.finish(30);
    const [there, back] = [sessionOf(a, stream.pair.toB), sessionOf(b, stream.pair.toA)];
    assert.deepEqual([there.id, there.paths.length, back.paths.length], [back.id, 4, 4]);
    const ways = new Set(
      a.sent.filter(({ cm }) => cm?.flags === Flags.normal).map(({ tuple }) => JSON.stringify(tuple)),
    );
    assert.equal(ways.size, 4);
  });

function sessionOf(node: Node, tuple: Tuple) {
  const session = [...node.endpoint.sessions.rows()].find((row) => sameTuple(row.tuple, tuple));
  assert.ok(session !== undefined, 'the session is gone');
  return session;
}

/** Sends a packet of a kind to a node; what its host would drop does not reach the socket. */
function strike(
  node: Node,
  other: Node,
  own: readonly Ipv4[],
  peer: readonly Ipv4[],
  tuple: Tuple,
  random: Random,
  make: (target: Target) => Uint8Array | readonly Uint8Array[],
): void {
  const recorded = other.sent
    .slice(-400)
    .filter(({ cm }) => cm !== undefined)
    .map(({ bytes }) => bytes);
  const peerId = other.endpoint.composer.nodeId('compact');
  const sessionId = [...node.endpoint.sessions.rows()][0]?.id ?? 1;
  const made = make({ random, own, peer, peerId, tuple, sessionId, recorded });
  for (const packet of made instanceof Uint8Array ? [made] : made) {
    const before = node.delivered.length;
    node.receive(packet, node.network().timeOf(node));
    const fresh = node.delivered.splice(before);
    node.delivered.push(...fresh.filter(({ bytes }) => isForSocket(bytes, tuple)));
  }
  node.network().wake(node);
}

/** True for what a kernel gives to the socket of the connection. */
function isForSocket(bytes: Uint8Array, tuple: Tuple): boolean {
  const view = new DatagramView();
  if (view.parse(bytes) !== HeaderStatus.ok || view.protocol !== 6 || !sameTuple(view, tuple)) return false;
  return view.l4Checksum === l4Checksum(bytes, 0, 6, view.l4Offset, view.end);
}

function assertBounded({ endpoint }: Node): void {
  const { state, fakeTcp } = endpoint;
  const peers = new Set([...state.nodes.rows()].map(([, peer]) => peer));
  assert.ok(state.sessions.size <= LIMITS.sessions!);
  assert.ok(state.availability.size <= TABLE_LIMIT + LIMITS.sessions!);
  assert.ok(state.nodes.size <= TABLE_LIMIT + LIMITS.sessions!);
  assert.ok(state.waiting.size <= TABLE_LIMIT);
  assert.ok(fakeTcp.size <= 4096);
  assert.ok(state.reassembly.octets <= LIMITS.fragmentOctets!);
  for (const peer of peers) {
    assert.ok(peer.feedback.size <= LIMITS.feedbackPerPeer!);
    assert.ok(peer.announced.size <= 32 && peer.formerSessions.size <= 256);
  }
}
