import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { buildTcp, buildUdp, type ControlMessage, Flags, parseIpv4 } from '../../src/codec/index.js';
import type { SessionReport } from '../../src/dissector/conversation-reports.js';
import { Conversations } from '../../src/dissector/conversations.js';
import { capturePackets } from '../../src/io/capture-reader.js';
import type { CapturedPacket } from '../../src/io/captured-packet.js';
import { A1, A2, Pair } from '../support/endpoint-pair.js';
import { RECORDINGS, recordedFrames } from '../support/recordings.js';
import { runs } from '../support/runs.js';
import { tracked, VirtualCapture } from '../support/virtual-capture.js';
import { A, B, captured, cm, segmentOf, tcp, tuple, udp, withCm } from './made-packets.js';

const back = tuple(7000, 40000, B, A);

function at(datagram: Uint8Array, number: number, micros: number): CapturedPacket {
  const whole = Math.floor(micros / 1e6);
  return { ...captured(datagram, number), seconds: 1_800_000_000 + whole, nanoseconds: (micros - whole * 1e6) * 1000 };
}

function conversations(packets: Iterable<CapturedPacket>): Conversations {
  return new Conversations(tracked(packets));
}

function only(list: Conversations): SessionReport {
  const sessions = [...list.sessions()];
  assert.equal(sessions.length, 1);
  return sessions[0]!;
}

test('two nodes on the virtual network: nodes, session, own tuples and every path as the nodes have them', () => {
  const pair = new Pair();
  const capture = new VirtualCapture(pair.network, [A1, A2]);
  for (let i = 0; i < 300; i++) pair.exchange();
  const found = conversations(capture.packets);
  assert.deepEqual(
    found.nodes().map((node) => [node['mpip.node_id'], node.seen.length, node.announced.length, node.clock.tickMicros]),
    [
      ['0a:01', 2, 2, 1],
      ['0b:01', 2, 2, 1],
    ],
  );
  const session = only(found);
  assert.deepEqual([session['mpip.session_id'], session.protocol, session.nodes], [1, 'udp', ['0b:01', '0a:01']]);
  // B answers the first datagram, and is the first to send in the session.
  const [fromB, fromA] = session.directions;
  assert.deepEqual([fromA!.source, fromA!.destination], ['10.1.0.1:40000', '10.1.0.2:7000']);
  assert.deepEqual([fromB!.source, fromB!.destination], ['10.1.0.2:7000', '10.1.0.1:40000']);
  for (const [direction, node] of [
    [fromA!, pair.a],
    [fromB!, pair.b],
  ] as const) {
    const truth = new Map<string, number>();
    for (const { cm: message, tuple: way } of node.sent) {
      if (message === undefined || message.sessionId === 0 || message.flags > Flags.heartbeat) continue;
      const key = `${message.pathId} ${way.source}:${way.sourcePort} ${way.destination}:${way.destinationPort}`;
      truth.set(key, (truth.get(key) ?? 0) + 1);
    }
    const seen = direction.paths.map((path) => {
      const [source, sourcePort] = path.source.split(':');
      const [destination, destinationPort] = path.destination.split(':');
      const way = `${parseIpv4(source!)}:${sourcePort} ${parseIpv4(destination!)}:${destinationPort}`;
      return [`${path['mpip.path_id']} ${way}`, path.packets] as const;
    });
    assert.deepEqual(new Map(seen), truth);
    assert.equal(direction.paths.filter((path) => path['mpip.path_id'] !== 0).length, 4);
    const share = direction.paths.reduce((sum, path) => sum + path.share, 0);
    assert.ok(Math.abs(share - 1) < 1e-9);
  }
});

test('weights: those that the sender has, from the delays that were fed back to it', () => {
  const pair = new Pair();
  pair.links.set('10.2.0.1-10.2.0.2', { delayMicros: 1000, jitterMicros: 8000 });
  const capture = new VirtualCapture(pair.network, [A1, A2]);
  for (let i = 0; i < 1200; i++) pair.exchange();
  const direction = only(conversations(capture.packets)).directions[1]!;
  assert.equal(direction['mpip.node_id'], '0a:01');
  const [session] = [...pair.a.endpoint.sessions.rows()];
  for (const path of session!.paths) {
    const seen = direction.paths.find((one) => one['mpip.path_id'] === path.id)!;
    assert.ok(
      Math.abs(seen.weight! - path.weight) <= 60,
      `path ${path.id}: ${seen.weight}, the node has ${path.weight}`,
    );
  }
});

test('delays are relative to the smallest of their path, whatever the clocks and their 32 bits', () => {
  const times = [0, 10_000, 20_000, 30_000];
  const late = [500, 0, 300, 900];
  const timestamp = (i: number) => (0xffff_ff00 + times[i]! - late[i]!) % 2 ** 32;
  const packets = times.map((time, i) =>
    at(udp(cm({ sessionId: 1, pathId: 1, timestamp: (timestamp(i) + 2 ** 32) % 2 ** 32 })), i + 1, time),
  );
  const path = only(conversations(packets)).directions[0]!.paths[0]!;
  assert.deepEqual(path.oneWay, { samples: 4, latest: 900, mean: (500 + 0 + 300 + 900) / 4, max: 900 });
});

test('feedback: delays of the other end’s paths, negative ones too, and Q as the paper has it', () => {
  const data = (number: number, time: number) =>
    at(udp(cm({ sessionId: 1, pathId: 3, timestamp: time })), number, time);
  const fed = (number: number, time: number, pathDelay: number) =>
    at(
      udp(
        cm({ nodeId: 0x0b01, sessionId: 1, pathId: 9, feedbackPathId: 3, pathDelay, timestamp: time }),
        new Uint8Array(4),
        back,
      ),
      number,
      time,
    );
  const packets = [data(1, 0), fed(2, 1000, -5000), data(3, 2000), fed(4, 3000, -4200), fed(5, 4000, -5100)];
  const found = only(conversations(packets));
  const path = found.directions[0]!.paths[0]!;
  assert.deepEqual(path.feedback, { samples: 3, latest: 0, mean: Math.round((100 + 900 + 0) / 3), max: 900 });
  assert.deepEqual(path.queuing, {
    latest: Math.round(100 - 100 / 8 - 0 + 0 - (100 - 100 / 8 - 75) + 0 - 0),
    max: 100,
  });
});

test('ticks of 10 µs are found out, and delays then are in microseconds', () => {
  const packets = Array.from({ length: 200 }, (_, i) =>
    at(udp(cm({ sessionId: 1, pathId: 1, timestamp: i * 1000 - (i === 150 ? 70 : 0) })), i + 1, i * 10_000),
  );
  const found = conversations(packets);
  assert.deepEqual(found.nodes()[0]!.clock, { tickMicros: 10, drift: 0, steps: 0 });
  assert.equal(only(found).directions[0]!.paths[0]!.oneWay!.max, 700);
});

test('a clock that steps is an event, and restarts the path’s smallest delay', () => {
  const packets = Array.from({ length: 20 }, (_, i) =>
    at(
      udp(cm({ sessionId: 1, pathId: 1, timestamp: 1_000_000 + i * 10_000 + (i < 10 ? 0 : 500_654_080) })),
      i + 1,
      i * 10_000,
    ),
  );
  const found = conversations(packets);
  assert.equal(found.nodes()[0]!.clock.steps, 1);
  assert.deepEqual(
    found.events().map((event) => [event['frame.number'], event.kind, event.text]),
    [[11, 'clock-step', 'its clock steps by 500.654 s']],
  );
  assert.equal(only(found).directions[0]!.paths[0]!.oneWay!.max, 0);
});

test('TCP segments: overtaken ones have the older timestamp, those sent again the newer', () => {
  const segment = (number: number, sequence: number, timestamp: number, pathId: number) =>
    at(
      withCm(
        buildTcp(tuple(50000, 5001), { sequence, acknowledgement: 1, flags: 0x10 }, new Uint8Array(100)),
        cm({ sessionId: 1, pathId, timestamp }),
      ),
      number,
      number * 1000,
    );
  const packets = [
    segment(1, 0xffff_ffc0, 1000, 1),
    segment(2, 136, 1200, 2),
    segment(3, 36, 1100, 1),
    segment(4, 236, 1300, 2),
    segment(5, 36, 5000, 1),
    segment(6, 336, 5100, 2),
  ];
  const direction = only(conversations(packets)).directions[0]!;
  assert.deepEqual(direction.reordered, { segments: 1, octets: 200, seconds: 0.0001 });
  assert.equal(direction.retransmitted, 1);
});

test('a wrapped segment belongs to the TCP session, and its path says so', () => {
  const segment = segmentOf(tcp(undefined, new Uint8Array(60)));
  const packets = [
    at(tcp(cm({ sessionId: 4 }), new Uint8Array(10)), 1, 0),
    at(udp(cm({ sessionId: 4, pathId: 2 }), segment, tuple(50000, 5001, A, B + 1)), 2, 1000),
  ];
  const session = only(conversations(packets));
  assert.equal(session.protocol, 'tcp');
  assert.deepEqual(
    session.directions[0]!.paths.map((path) => [path['mpip.path_id'], path.wrapper, path.bytes]),
    [
      [0, false, 10],
      [2, true, 60],
    ],
  );
});

test('an id that another connection uses is another session; the same connection after a pause is not', () => {
  const from = (number: number, sourcePort: number, destinationPort: number, time: number) =>
    at(udp(cm({ sessionId: 1, timestamp: time }), new Uint8Array(1), tuple(sourcePort, destinationPort)), number, time);
  const again = [...conversations([from(1, 40000, 7000, 0), from(2, 40000, 7000, 130e6)]).sessions()];
  assert.equal(again.length, 1);
  const found = conversations([from(1, 40000, 7000, 0), from(2, 40001, 7001, 130e6)]);
  assert.deepEqual(
    [...found.sessions()].map((session) => [session.number, session.ended]),
    [
      [1, true],
      [2, false],
    ],
  );
  assert.deepEqual(
    found.events().map((event) => event.kind),
    ['session-reused'],
  );
});

test('one side only, then the other: the peer of a session is named when it speaks', () => {
  const mine = (number: number) => at(udp(cm({ sessionId: 1 })), number, number * 1000);
  const theirs = at(udp(cm({ nodeId: 0x0b01, sessionId: 1 }), new Uint8Array(1), back), 3, 3000);
  assert.deepEqual(only(conversations([mine(1), mine(2)])).nodes, ['0a:01', null]);
  const both = only(conversations([mine(1), mine(2), theirs]));
  assert.deepEqual(both.nodes, ['0a:01', '0b:01']);
  assert.deepEqual(
    both.directions.map((direction) => direction.packets),
    [2, 1],
  );
});

test('handshakes: queries, confirmation, and a fake TCP handshake that acknowledges as TCP does or not', () => {
  const hand = (
    number: number,
    to: ReturnType<typeof tuple>,
    nodeId: number,
    flags: number,
    sequence: number,
    acknowledgement: number,
  ) =>
    at(
      withCm(
        buildTcp(to, { sequence, acknowledgement, flags }, new Uint8Array(0)),
        cm({ nodeId, sessionId: 2, flags: Flags.handshake }),
      ),
      number,
      number * 1000,
    );
  const there = tuple(50001, 5001);
  const here = tuple(5001, 50001, B, A);
  const query = (number: number) => at(udp(cm({ flags: Flags.enable })), number, number * 1000);
  const confirmation = at(udp(cm({ nodeId: 0x0b01, flags: Flags.enabled }), new Uint8Array(1), back), 3, 3000);
  const syn = [hand(4, there, 0x0a01, 2, 700, 0), hand(5, here, 0x0b01, 0x12, 900, 701)];
  const found = [
    ...conversations([query(1), query(2), confirmation, ...syn, hand(6, there, 0x0a01, 0x10, 701, 901)]).handshakes(),
  ];
  assert.deepEqual(
    found.map(({ queries, confirmations, fake }) => [queries, confirmations, fake?.acknowledges]),
    [
      [2, 0, undefined],
      [0, 1, undefined],
      [0, 0, true],
      [0, 0, true],
    ],
  );
  const wrong = [...conversations([...syn, hand(6, there, 0x0a01, 0x10, 701, 900)]).handshakes()];
  assert.deepEqual(
    wrong.map(({ fake }) => fake!.acknowledges),
    [false, true],
  );
});

test('an address change is one event with both lists, however many packets are flagged', () => {
  const send = (number: number, flags: number, localAddresses: number[]) =>
    at(udp(cm({ sessionId: 1, pathId: 2, flags, localAddresses })), number, number * 1000);
  const packets = [
    send(1, 0, [A, A + 1]),
    send(2, 0, [A + 1, A]),
    send(3, 1, [A]),
    send(4, 1, [A]),
    send(5, 0, [A]),
    send(6, 1, [A, A + 9]),
  ];
  const found = conversations(packets);
  assert.deepEqual(
    found
      .events()
      .filter(({ kind }) => kind === 'ip-change')
      .map((event) => [event['frame.number'], event.text]),
    [
      [3, 'announces an address change on path 2: 192.0.2.1 192.0.2.2 before, 192.0.2.1 now'],
      [6, 'announces an address change on path 2: 192.0.2.1 before, 192.0.2.1 192.0.2.10 now'],
    ],
  );
  assert.equal(found.nodes()[0]!.addressChanges, 2);
  assert.equal(only(found).directions[0]!.ipChange, 3);
});

for (const name of RECORDINGS) {
  test(`${name}: every packet with a CM is counted where an independent program read it`, async () => {
    const expected = new Map<string, number>();
    for (const { expected: values } of recordedFrames(name)) {
      if (values === undefined || values['mpip.session_id'] === 0 || (values['mpip.flags'] as number) > Flags.heartbeat)
        continue;
      const key = `${values['mpip.node_id']} ${values['mpip.session_id']} ${values['mpip.path_id']} ${values['ip.src']} ${values['ip.dst']}`;
      expected.set(key, (expected.get(key) ?? 0) + 1);
    }
    const packets: CapturedPacket[] = [];
    for await (const packet of capturePackets(`fixtures/pcaps/${name}.pcap`)) packets.push(packet);
    const found = new Map<string, number>();
    for (const session of conversations(packets).sessions()) {
      for (const direction of session.directions) {
        for (const path of direction.paths) {
          const key = `${direction['mpip.node_id']} ${session['mpip.session_id']} ${path['mpip.path_id']} ${path.source.split(':')[0]} ${path.destination.split(':')[0]}`;
          found.set(key, (found.get(key) ?? 0) + path.packets);
        }
      }
    }
    assert.deepEqual(found, expected);
  });
}

test('flows without a CM are forgotten before they fill the memory; those with one stay', () => {
  const tracker = tracked(
    (function* () {
      yield at(udp(cm({ sessionId: 1 }), new Uint8Array(1), tuple(1, 2)), 1, 0);
      for (let i = 0; i < 200_000; i++) {
        yield at(udp(undefined, new Uint8Array(1), tuple(i & 0xffff, 7000 + (i >> 16))), i + 2, i);
      }
    })(),
  );
  assert.ok(tracker.flows.columns.count < 70_000, `${tracker.flows.columns.count} flows are held`);
  assert.ok(tracker.flows.forgotten > 130_000);
  assert.ok(tracker.flows.find(A, B, 1, 2, 17) >= 0);
});

test('whatever the packets say, nothing throws and the sums agree', () => {
  const message = fc.record({
    nodeId: fc.integer({ min: 0, max: 3 }),
    sessionId: fc.integer({ min: 0, max: 3 }),
    pathId: fc.integer({ min: 0, max: 3 }),
    feedbackPathId: fc.integer({ min: 0, max: 3 }),
    timestamp: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    pathDelay: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    flags: fc.integer({ min: 0, max: 5 }),
    localAddresses: fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 2 }),
  });
  const packet = fc.tuple(
    fc.option(message, { nil: undefined }),
    fc.boolean(),
    fc.integer({ min: 1, max: 3 }),
    fc.integer({ min: 1, max: 3 }),
    fc.integer({ min: 0, max: 1e9 }),
  );
  fc.assert(
    fc.property(fc.array(packet, { maxLength: 60 }), (list) => {
      const packets = list.map(([values, isTcp, source, destination, micros], i) => {
        const to = tuple(source, destination, source, destination);
        const plain = isTcp
          ? buildTcp(to, { sequence: micros, flags: 0x18 }, new Uint8Array(9))
          : buildUdp(to, new Uint8Array(9));
        return at(values === undefined ? plain : withCm(plain, cm(values as Partial<ControlMessage>)), i + 1, micros);
      });
      const found = conversations(packets);
      for (const session of found.sessions()) {
        for (const direction of session.directions) {
          assert.equal(
            direction.paths.reduce((sum, path) => sum + path.packets, 0),
            direction.packets,
          );
          assert.ok(
            direction.paths.every(
              ({ share, weight }) => share <= 1 && (weight === null || (weight >= 1 && weight <= 1000)),
            ),
          );
        }
      }
      [...found.handshakes()];
      found.events();
    }),
    runs(300),
  );
});
