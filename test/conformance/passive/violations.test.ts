import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildTcp, buildUdp, Flags, type Tuple } from '../../../src/codec/index.js';
import { judgePackets, PREDICATES } from '../../../src/conformance/passive/run.js';
import type { CapturedPacket } from '../../../src/io/captured-packet.js';
import { A, B, captured, cm, segmentOf, tcp, tuple, udp, withCm } from '../../dissector/made-packets.js';
import { SHOWN } from './shown-by-mutants.js';

const toB = tuple();
const toA = tuple(7000, 40000, B, A);
const B_NODE = { nodeId: 0x0b01 };
const SYN = 2;
const SYN_ACK = 0x12;
const ACK = 0x10;

/** Packets 10 ms apart, or at their own milliseconds. */
function capture(...datagrams: readonly (Uint8Array | readonly [number, Uint8Array])[]): CapturedPacket[] {
  return datagrams.map((one, i) => {
    const [millis, datagram] = one instanceof Uint8Array ? [i * 10, one] : one;
    const whole = Math.floor(millis / 1000);
    return { ...captured(datagram, i + 1), seconds: 1_800_000_000 + whole, nanoseconds: (millis - whole * 1000) * 1e6 };
  });
}

/** Predicates that a capture of this file breaks, or makes doubtful. */
const broken = new Set<string>();

/** Verdict and first frame of one predicate. */
function verdictOf(id: string, packets: readonly CapturedPacket[]): [string, number | undefined] {
  const found = judgePackets(packets).find(({ predicate }) => predicate.id === id);
  assert.ok(found !== undefined, id);
  if (found.verdict === 'fail' || found.verdict === 'inconc') broken.add(id);
  return [found.verdict, found.place?.frame];
}

const data = (values: Parameters<typeof cm>[0], to: Tuple = toB, payload = new Uint8Array(20)) =>
  udp(cm(values), payload, to);
const segment = (
  to: Tuple,
  flags: number,
  values: Parameters<typeof cm>[0],
  numbers: readonly [number, number] = [1, 0],
  length = 0,
) =>
  withCm(
    buildTcp(to, { sequence: numbers[0], acknowledgement: numbers[1], flags }, new Uint8Array(length)),
    cm(values),
  );
const hs = { sessionId: 1, flags: Flags.handshake } as const;

test('a CM with a wrong sum in a packet with a right checksum breaks CK-01; one damaged on the way does not', () => {
  const forged = data({ sessionId: 1 });
  const wrong = buildUdp(
    toB,
    forged.slice(28).map((octet, i, all) => (i === all.length - 2 ? octet ^ 1 : octet)),
  );
  assert.deepEqual(verdictOf('CK-passive-sum', capture(data({ sessionId: 1 }), wrong)), ['fail', 2]);
  const damaged = data({ sessionId: 1 });
  damaged[damaged.length - 2]! ^= 1;
  assert.deepEqual(verdictOf('CK-passive-sum', capture(data({ sessionId: 1 }), damaged)), ['inconc', 2]);
});

test('a wrong IP header checksum breaks WF-01', () => {
  const wrong = data({ sessionId: 1 });
  wrong[10]! ^= 1;
  assert.deepEqual(verdictOf('WF-passive-ip-header', capture(data({ sessionId: 1 }), wrong)), ['fail', 2]);
});

test('a TCP checksum left to the device by the kernel is not judged, a wrong one is', () => {
  const partial = tcp(cm({ sessionId: 1 }), new Uint8Array(10));
  const view = new DataView(partial.buffer);
  let sum = 6 + partial.length - 20;
  for (let at = 12; at < 20; at += 2) sum += view.getUint16(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  view.setUint16(36, sum);
  assert.deepEqual(verdictOf('WF-passive-l4-checksum', capture(partial)), ['none', undefined]);
  view.setUint16(36, sum ^ 0x0101);
  assert.deepEqual(verdictOf('WF-passive-l4-checksum', capture(partial)), ['fail', 1]);
});

test('a query between two packets of data breaks AV-19, but not after another node began at the address, however often', () => {
  const id = 'AV-passive-no-query-once-enabled';
  const own = data({ sessionId: 1 });
  const query = data({ flags: Flags.enable });
  const answer = data({ ...B_NODE, sessionId: 1 }, toA);
  assert.deepEqual(verdictOf(id, capture(answer, own, own, query, own)), ['fail', 4]);
  // Heard on another flow, as the node that began anew asks for itself.
  const anew = (nodeId: number) => data({ nodeId, flags: Flags.enable }, tuple(7001, 40001, B, A));
  const restarts = [0x0b02, 0x0b03, 0x0b01].flatMap((nodeId) => [anew(nodeId), query, own, own]);
  assert.deepEqual(verdictOf(id, capture(answer, own, own, ...restarts)), ['pass', undefined]);
});

test('data with a CM to somebody who was asked and answered with ordinary packets breaks AV-01; so does an echoed query', () => {
  const query = data({ flags: Flags.enable });
  const plain = udp(undefined, new Uint8Array(20), toA);
  const id = 'AV-passive-ordinary-before-handshake';
  assert.deepEqual(verdictOf(id, capture(query, plain, data({ sessionId: 1 }))), ['fail', 3]);
  const echo = data({ flags: Flags.enable }, toA);
  assert.deepEqual(verdictOf(id, capture(query, echo, data({ sessionId: 1 }))), ['fail', 3]);
  const confirm = data({ ...B_NODE, flags: Flags.enabled }, toA);
  assert.deepEqual(verdictOf(id, capture(query, confirm, data({ sessionId: 1 }))), ['pass', undefined]);
});

test('a path id that stands for two ways in turns breaks PA-02; a NAT that changes it once does not', () => {
  const other = tuple(40000, 7000, A + 1, B);
  const back = data({ ...B_NODE, sessionId: 1 }, toA);
  const on = (to: Tuple) => data({ sessionId: 1, pathId: 3 }, to);
  const id = 'PA-passive-id-names-the-path';
  assert.deepEqual(verdictOf(id, capture(back, on(toB), on(other), on(toB))), ['fail', 4]);
  assert.deepEqual(verdictOf(id, capture(back, on(toB), on(other), on(other))), ['pass', undefined]);
});

test('another path before the other end has used the session breaks PA-09; one afterwards does not', () => {
  const query = data({ flags: Flags.enable });
  const confirm = data({ ...B_NODE, flags: Flags.enabled }, toA);
  const first = data({ sessionId: 1 });
  const other = data({ sessionId: 1, pathId: 2 }, tuple(40000, 7000, A + 1, B));
  const back = data({ ...B_NODE, sessionId: 1 }, toA);
  const id = 'PA-passive-paths-after-session-is-shared';
  assert.deepEqual(verdictOf(id, capture(query, confirm, first, other, back)), ['fail', 4]);
  assert.deepEqual(verdictOf(id, capture(query, confirm, first, back, other)), ['pass', undefined]);
});

test('a wrapped segment on the own tuple of its session breaks UW-02', () => {
  const first = tcp(cm({ sessionId: 2 }), new Uint8Array(10));
  const wrapped = data(
    { sessionId: 2, pathId: 1 },
    tuple(50000, 5001),
    Uint8Array.from(segmentOf(tcp(undefined, new Uint8Array(30)))),
  );
  const elsewhere = data(
    { sessionId: 2, pathId: 2 },
    tuple(50000, 5001, A + 1, B),
    Uint8Array.from(segmentOf(tcp(undefined, new Uint8Array(30)))),
  );
  const id = 'UW-passive-own-tuple-unwrapped';
  assert.deepEqual(verdictOf(id, capture(first, elsewhere)), ['pass', undefined]);
  assert.deepEqual(verdictOf(id, capture(first, elsewhere, wrapped)), ['fail', 3]);
  // Behind a NAT, which gives two addresses of the sender the same one.
  const listed = tcp(cm({ sessionId: 2, localAddresses: [A + 100, A + 101] }), new Uint8Array(10));
  assert.deepEqual(verdictOf(id, capture(listed, wrapped)), ['none', undefined]);
});

test('two ids for one connection that both ends keep to break SS-03', () => {
  const packets: (readonly [number, Uint8Array])[] = [];
  for (let i = 0; i < 40; i++) {
    packets.push([i * 100, data({ sessionId: 1 })], [i * 100 + 10, data({ ...B_NODE, sessionId: 2 }, toA)]);
  }
  assert.equal(verdictOf('SS-passive-same-id-both-ways', capture(...packets))[0], 'fail');
});

test('one id for TCP and UDP of equal ports breaks SS-10', () => {
  const other = tcp(cm({ sessionId: 1 }), new Uint8Array(5), toB);
  assert.deepEqual(verdictOf('SS-passive-protocol-is-part', capture(data({ sessionId: 1 }), other)), ['fail', 2]);
  const right = tcp(cm({ sessionId: 2 }), new Uint8Array(5), toB);
  assert.equal(verdictOf('SS-passive-protocol-is-part', capture(data({ sessionId: 1 }), right))[0], 'pass');
});

test('an address of the other end in the list breaks CM-06', () => {
  const theirs = data({ ...B_NODE, sessionId: 1, localAddresses: [B] }, toA);
  const own = data({ sessionId: 1, localAddresses: [A] });
  assert.deepEqual(verdictOf('CM-passive-address-list', capture(theirs, own)), ['pass', undefined]);
  assert.deepEqual(
    verdictOf('CM-passive-address-list', capture(theirs, own, data({ sessionId: 1, localAddresses: [A, B] }))),
    ['fail', 3],
  );
});

test('the fake handshake: with user data HS-01, from both ends HS-02, on the own tuple HS-03', () => {
  const path = tuple(50001, 5001);
  const back = tuple(5001, 50001, B, A);
  const own = tcp(cm({ sessionId: 1 }), new Uint8Array(5));
  const theirs = tcp(cm({ ...B_NODE, sessionId: 1 }), new Uint8Array(5), tuple(5001, 50000, B, A));
  const syn = segment(path, SYN, hs);
  assert.deepEqual(verdictOf('HS-passive-bare-segments', capture(own, theirs, syn)), ['pass', undefined]);
  assert.deepEqual(verdictOf('HS-passive-bare-segments', capture(own, segment(path, SYN, hs, [1, 0], 4))), ['fail', 2]);
  assert.deepEqual(verdictOf('HS-passive-bare-segments', capture(own, segment(path, SYN | 1, hs))), ['fail', 2]);
  assert.deepEqual(
    verdictOf('HS-passive-initiator-only', capture(own, theirs, syn, segment(back, SYN, { ...hs, ...B_NODE }))),
    ['fail', 4],
  );
  assert.deepEqual(verdictOf('HS-passive-not-on-own-tuple', capture(own, theirs, syn)), ['pass', undefined]);
  assert.deepEqual(
    verdictOf('HS-passive-not-on-own-tuple', capture(own, theirs, segment(tuple(50000, 5001), SYN, hs))),
    ['fail', 3],
  );
});

test('data on a path before its three packets breaks HS-06, unless the other direction was not captured', () => {
  const path = tuple(50001, 5001);
  const back = tuple(5001, 50001, B, A);
  const own = tcp(cm({ sessionId: 1 }), new Uint8Array(5));
  const theirs = tcp(cm({ ...B_NODE, sessionId: 1 }), new Uint8Array(5), tuple(5001, 50000, B, A));
  const syn = segment(path, SYN, hs, [100, 0]);
  const synAck = segment(back, SYN_ACK, { ...hs, ...B_NODE }, [900, 101]);
  const ack = segment(path, ACK, hs, [101, 901]);
  const early = tcp(cm({ sessionId: 1, pathId: 2 }), new Uint8Array(5), path);
  const id = 'HS-passive-data-after-handshake';
  assert.deepEqual(verdictOf(id, capture(own, theirs, syn, synAck, ack, early)), ['pass', undefined]);
  assert.deepEqual(verdictOf(id, capture(own, theirs, syn, early, synAck, ack)), ['fail', 4]);
  assert.deepEqual(verdictOf(id, capture(own, theirs, syn, early)), ['none', undefined]);
  const wrongAck = segment(back, SYN_ACK, { ...hs, ...B_NODE }, [900, 100]);
  assert.deepEqual(verdictOf('HS-passive-acknowledges', capture(own, theirs, syn, wrongAck)), ['fail', 4]);
});

test('packets are judged in any order and number without an exception', () => {
  assert.equal(
    judgePackets([]).every(({ verdict }) => verdict === 'none'),
    true,
  );
});

test('a UDP length that leaves the trailer out breaks WF-02', () => {
  const short = data({ sessionId: 1 });
  const view = new DataView(short.buffer, short.byteOffset);
  view.setUint16(24, view.getUint16(24) - 26);
  assert.deepEqual(verdictOf('WF-passive-udp-length', capture(data({ sessionId: 1 }), short)), ['fail', 2]);
});

test('a query copy of a segment with a right TCP checksum breaks AV-22', () => {
  const query = tcp(cm({ flags: Flags.enable }), new Uint8Array(10));
  const id = 'AV-passive-query-copy-checksum';
  assert.deepEqual(verdictOf(id, capture(query)), ['fail', 1]);
  query[36]! ^= 1;
  assert.deepEqual(verdictOf(id, capture(query)), ['pass', undefined]);
});

test('segments without a CM among those with one break CM-01, but not the few that were on their way', () => {
  const tagged = tcp(cm({ sessionId: 1 }), new Uint8Array(10));
  const plain = tcp(undefined, new Uint8Array(10));
  const back = tuple(5001, 50000, B, A);
  const plainToA = tcp(undefined, new Uint8Array(10), back);
  const id = 'CM-passive-on-every-segment';
  assert.deepEqual(verdictOf(id, capture(tagged, ...Array(17).fill(plain), tagged)), ['fail', 2]);
  assert.deepEqual(verdictOf(id, capture(tagged, ...Array(16).fill(plain), tagged)), ['pass', undefined]);
  // Nor those that left no room for a control message.
  const long = Array(17).fill(tcp(undefined, new Uint8Array(11)));
  assert.deepEqual(verdictOf(id, capture(tagged, ...long, tagged)), ['pass', undefined]);
  assert.deepEqual(verdictOf(id, capture(tagged, ...long, tagged, tcp(cm({ sessionId: 1 }), new Uint8Array(11)))), [
    'fail',
    2,
  ]);
  // A node that began anew has no session yet.
  const anew = tcp(cm({ nodeId: 0x4321, sessionId: 2 }), new Uint8Array(10));
  assert.deepEqual(verdictOf(id, capture(tagged, ...Array(17).fill(plain), anew, anew)), ['pass', undefined]);
  assert.deepEqual(verdictOf(id, capture(tagged, anew, ...Array(17).fill(plain), anew)), ['fail', 3]);
  // Nor does a host get control messages whose own segments carry none any more: its node has ended.
  const met = [tagged, tcp(cm({ ...B_NODE, sessionId: 1 }), new Uint8Array(10), back)];
  const ended = (count: number) => capture(...met, ...Array(count).fill(plainToA), ...Array(17).fill(plain), tagged);
  assert.deepEqual(verdictOf(id, ended(3)), ['pass', undefined]);
  assert.deepEqual(verdictOf(id, ended(2)), ['fail', 5]);
});

test('a clock of another rate breaks FB-01, but not a packet that waited behind its timestamp', () => {
  const id = 'FB-passive-clock';
  const stamped = (seconds: number, rate: number, late = 0) =>
    Array.from({ length: seconds * 10 + 1 }, (_, i) => {
      const isLast = i === seconds * 10;
      return [
        i * 100 + (isLast ? late : 0),
        data({ sessionId: 1, timestamp: Math.round(i * 100_000 * rate) }),
      ] as const;
    });
  assert.deepEqual(verdictOf(id, capture(...stamped(2, 1, 400))), ['pass', undefined]);
  assert.deepEqual(verdictOf(id, capture(...stamped(10, 0.9))), ['fail', 1]);
  assert.deepEqual(verdictOf(id, capture(...stamped(10, 0.1))), ['pass', undefined]);
});

test('a session that changes its id again and again breaks SS-02, but not one change whose packets are overtaken', () => {
  const id = 'SS-passive-new-id-for-new-session-only';
  const sent = (ids: readonly number[], stamps: readonly number[]) =>
    capture(...ids.map((sessionId, i) => data({ sessionId, timestamp: stamps[i]! })));
  assert.deepEqual(verdictOf(id, sent([1, 2, 1, 2, 1, 2], [1, 2, 3, 4, 5, 6])), ['fail', 4]);
  assert.equal(verdictOf(id, sent([1, 2, 1, 2, 1, 2], [1, 5, 2, 6, 3, 7]))[0], 'pass');
});

test('heartbeats beside fresh feedback break HB-04, but not those that try a path of their own', () => {
  const id = 'HB-passive-not-beside-feedback';
  const beat = (pathId: number) =>
    data({ flags: Flags.heartbeat, sessionId: 1, pathId, feedbackPathId: 4 }, toB, new Uint8Array(0));
  const fresh = data({ sessionId: 1, pathId: 1, feedbackPathId: 4 });
  const heard = (feedbackPathId: number) => data({ ...B_NODE, sessionId: 1, pathId: 4, feedbackPathId }, toA);
  const beats = [beat(1), beat(1), beat(1)];
  assert.deepEqual(verdictOf(id, capture(fresh, heard(1), fresh, ...beats)), ['fail', 6]);
  assert.notEqual(verdictOf(id, capture(fresh, heard(1), fresh, beat(2), beat(3), beat(5)))[0], 'fail');
});

test('an end of a fragment that is a CM breaks WF-04 and CM-04', () => {
  const first = data({ sessionId: 1 });
  const last = data({ sessionId: 1 }, toB, new Uint8Array(40));
  last[7] = 5; // fragment offset
  for (const id of ['WF-passive-fragments', 'CM-passive-fits-the-mtu'])
    assert.deepEqual(verdictOf(id, capture(first, last)), ['fail', 2]);
});

test('after an address change: path id 0 breaks AD-03; an address that is listed and not used any more is told, AD-08', () => {
  const before = data({ sessionId: 1, pathId: 1 });
  const changed = (pathId: number) => data({ sessionId: 1, pathId, flags: Flags.ipChange, localAddresses: [A] });
  const keeps = 'AD-passive-sender-keeps-a-path';
  assert.deepEqual(verdictOf(keeps, capture(before, before, changed(1))), ['pass', undefined]);
  const other = data({ sessionId: 1, pathId: 2 }, tuple(40000, 7000, A + 1, B));
  assert.deepEqual(verdictOf(keeps, capture(before, other, changed(0))), ['fail', 3]);
  const listing = data({ sessionId: 1, pathId: 1, flags: Flags.ipChange, localAddresses: [A, A + 1] });
  const later = Array.from({ length: 30 }, (_, i) => [1000 + i * 100, listing] as const);
  assert.deepEqual(verdictOf('AD-passive-removed-address', capture(before, other, ...later)), ['inconc', 3]);
  const onOther = { sessionId: 1, pathId: 2, flags: Flags.ipChange, localAddresses: [A, A + 1] };
  const used = data(onOther, tuple(40000, 7000, A + 1, B));
  const using = later.map(([at, one], i) => [at, i === 9 ? used : one] as const);
  assert.deepEqual(verdictOf('AD-passive-removed-address', capture(before, other, ...using)), ['pass', undefined]);
});

test('ids after the handshake that begin above 1 are told, PA-01 and SS-02', () => {
  const met = [data({ flags: Flags.enable }), data({ ...B_NODE, flags: Flags.enabled }, toA)];
  const from = (pathId: number, sessionId: number) => data({ sessionId, pathId });
  assert.deepEqual(verdictOf('PA-passive-first-id', capture(...met, from(2, 1))), ['inconc', 3]);
  assert.equal(verdictOf('PA-passive-first-id', capture(...met, from(2, 1), from(1, 1)))[0], 'pass');
  assert.deepEqual(verdictOf('SS-passive-first-id', capture(...met, from(1, 2))), ['inconc', 3]);
  assert.equal(verdictOf('SS-passive-first-id', capture(...met, from(1, 1)))[0], 'pass');
});

test('one way only between ends of several addresses is told, PA-03', () => {
  const there = data({ sessionId: 1, localAddresses: [A, A + 1] });
  const back = data({ ...B_NODE, sessionId: 1, localAddresses: [B, B + 1] }, toA);
  const one = Array.from({ length: 120 }, (_, i) => (i % 2 === 0 ? there : back));
  const id = 'PA-passive-other-paths-are-tried';
  assert.equal(verdictOf(id, capture(...one))[0], 'inconc');
  const other = data({ sessionId: 1, pathId: 2, localAddresses: [A, A + 1] }, tuple(40000, 7000, A + 1, B));
  const reverse = data(
    { ...B_NODE, sessionId: 1, pathId: 2, localAddresses: [B, B + 1] },
    tuple(7000, 40000, B + 1, A),
  );
  assert.equal(verdictOf(id, capture(...one, other, reverse))[0], 'pass');
});

test('a source address that leaves by the interface of another breaks TX-02', () => {
  const frame = (mac: number, source: number): Uint8Array => {
    const datagram = data({ sessionId: 1, pathId: source === A ? 1 : 2 }, tuple(40000, 7000, source, B));
    const head = [2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, mac, 8, 0];
    return Uint8Array.from([...head, ...datagram]);
  };
  const right = [frame(1, A), frame(2, A + 1), frame(1, A), frame(2, A + 1)];
  const wire = (...frames: Uint8Array[]) => capture(...frames).map((packet) => ({ ...packet, linkType: 1 }));
  const id = 'TX-passive-interface-of-the-source';
  assert.deepEqual(verdictOf(id, wire(...right)), ['pass', undefined]);
  assert.deepEqual(verdictOf(id, wire(...right, frame(2, A))), ['fail', 5]);
});

test('each predicate is broken by a capture of this file, or by the traffic of a mutant', () => {
  const shown = new Set(Object.values(SHOWN).flat());
  // What has not every field is no control message: this one says only that there are some.
  shown.add('CM-passive-fields');
  const unbroken = PREDICATES.map(({ id }) => id).filter((id) => !broken.has(id) && !shown.has(id));
  assert.deepEqual(unbroken, []);
});
