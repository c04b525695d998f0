import { Flags } from '../../codec/index.js';
import type { TestCase } from '../case.js';
import { EXPECTED, inWords } from '../describe.js';
import type { Micros } from '../link.js';
import { anything, headerField, isHeartbeat, type Observed } from '../observed.js';
import type { TestPort } from '../test-port.js';
import { cmOf, type Session, type Tester } from '../tester.js';
import { answers, exchange, isPrefix, ownSession, peerSession, received, SETTLE } from './moves.js';

/** Ticks between two packets of the peer by its own clock, in microseconds. */
function peerTime(t: Tester, from: Observed, to: Observed): Micros {
  return ((cmOf(to).timestamp - cmOf(from).timestamp) | 0) * t.profile.tickMicros;
}

/** Sends data on path 1 one way, a packet per `interval`, until `enough` heartbeats came or `longest` has passed. */
async function sendOneWay(
  t: Tester,
  session: Session,
  { interval, enough, longest }: { interval: Micros; enough: number; longest: Micros },
): Promise<Observed[]> {
  const until = t.now() + longest;
  const heartbeats = () => received(session.port, isHeartbeat);
  while (heartbeats().length < enough && t.now() < until) {
    session.port.send(session.service, t.payload(), { sessionId: session.id, pathId: 1 });
    await t.sleep(Math.round(interval));
  }
  return heartbeats();
}

/** A session with the discard service, the only user data in which is ours. */
async function oneWaySession(t: Tester): Promise<Session & { port: TestPort }> {
  return await ownSession(t, await t.node().port(), 'discard');
}

/** Section 3.5: heartbeats. */
export const HB_CASES: readonly TestCase[] = [
  {
    id: 'HB-one-way-traffic',
    area: 'HB',
    purpose:
      'While traffic only comes in, the peer sends heartbeats, each before the path it feeds back would become obsolete.',
    requirements: ['MPIP-HB-01'],
    services: ['discard', 'echo'],
    duration: (constants) => 3.5 * constants['heartbeat-age'],
    async run(t: Tester) {
      const session = await oneWaySession(t);
      const obsolete = t.constants['path-expiry'];
      const began = t.now();
      const interval = t.constants['heartbeat-age'] / 5;
      const heartbeats = await sendOneWay(t, session, { interval, enough: 3, longest: 2 * obsolete });
      if (heartbeats.length === 0) {
        await t.silent(session.port, {
          code: 'no-heartbeat',
          text: 'Data came in one way and the peer sent no heartbeat, so that its sender never learns that the path works.',
          expected: `a heartbeat within ${inWords(obsolete)}`,
        });
      }
      let before = began;
      for (const packet of heartbeats) {
        t.require(
          packet.time - before <= obsolete + t.slack,
          'late-heartbeat',
          'A heartbeat came after the path was obsolete.',
          {
            packet,
            field: 'flags',
            expected: `within ${inWords(obsolete)}`,
            seen: `after ${inWords(packet.time - before)}`,
          },
        );
        before = packet.time;
      }
      t.require(heartbeats.length >= 3, 'too-few-heartbeats', 'Heartbeats stopped while data still came in.', {
        expected: `3 in ${inWords(2 * obsolete)}`,
        seen: heartbeats.length,
        packet: heartbeats.at(-1),
      });
      t.pass('Heartbeats came while data came in.', ...heartbeats);
    },
  },
  {
    id: 'HB-form',
    area: 'HB',
    purpose:
      'A heartbeat is a copy of a received packet with its direction reversed, the heartbeat flag and feedback for the path measured.',
    requirements: ['MPIP-HB-02'],
    services: ['discard', 'echo'],
    duration: (constants) => 1.5 * constants['heartbeat-age'],
    async run(t: Tester) {
      const session = await oneWaySession(t);
      const { port, id } = session;
      // What may answer the beginning of the session has no sample yet.
      await t.sleep(SETTLE);
      const early = received(port, isHeartbeat).length;
      const interval = t.constants['heartbeat-age'] / 5;
      const packet = (
        await sendOneWay(t, session, { interval, enough: early + 1, longest: 2 * t.constants['path-expiry'] })
      )[early];
      if (packet === undefined) {
        t.inconc('no-heartbeat', 'No heartbeat came whose form could be judged.');
      }
      const cm = cmOf(packet);
      t.equal(
        `port ${packet.sourcePort}`,
        `port ${t.destination('discard').port}`,
        'wrong-port',
        'The heartbeat comes from another port.',
        { packet, ...headerField(packet, 'sourcePort') },
      );
      t.equal(
        cm.sessionId,
        id,
        'wrong-session',
        'The heartbeat does not carry the session of the packets it answers.',
        {
          packet,
          field: 'sessionId',
        },
      );
      t.equal(
        cm.feedbackPathId,
        1,
        'no-feedback',
        'The heartbeat does not feed back the path that our packets came by.',
        {
          packet,
          field: 'feedbackPathId',
        },
      );
      const sent = port.history.filter((other) => other.direction === 'sent' && other.frame < packet.frame);
      t.require(
        sent.some((other) => isPrefix(packet.payload, other.payload)),
        'not-a-copy',
        'The user data of the heartbeat is neither empty nor the beginning of a packet that we sent.',
        {
          expected: 'no octet, or the first octets of a packet of ours',
          seen: `${packet.payload.length} others`,
          packet,
          octet: packet.payloadOffset,
          octets: packet.payload.length,
        },
      );
      // Delay plus our timestamp is when the peer received the sample, by its own clock: before it sent the heartbeat.
      const clock = t.profile.tickMicros;
      const ages = sent.map((other) => ((cm.timestamp - cm.pathDelay - (other.cm?.timestamp ?? 0)) | 0) * clock);
      t.require(
        ages.some((age) => age >= -2_000 - t.slack && age <= 2_000 + t.slack + (packet.time - sent[0]!.time)),
        'wrong-delay',
        'The delay in the heartbeat fits none of the packets that we sent.',
        {
          expected: 'the time between our timestamp and the arrival of a packet, by the clock of the peer',
          seen: `${cm.pathDelay} ticks`,
          packet,
          field: 'pathDelay',
        },
      );
      t.pass('The heartbeat has its form.', packet);
    },
  },
  {
    id: 'HB-each-path-in-time',
    area: 'HB',
    purpose:
      'Of a sender with many paths each is fed back before it would become obsolete, not one of them in each period.',
    requirements: ['MPIP-HB-01'],
    services: ['discard', 'echo'],
    duration: (constants) => 1.3 * constants['path-expiry'],
    async run(t: Tester) {
      const { port, id } = await oneWaySession(t);
      const { 'path-expiry': obsolete, 'heartbeat-age': age } = t.constants;
      // More paths than one heartbeat in each period could feed back in time.
      const paths = Array.from({ length: Math.ceil(obsolete / age) + 3 }, (_, i) => i + 1);
      const began = t.now();
      while (t.now() < began + 1.2 * obsolete) {
        for (const pathId of paths) port.send('discard', t.payload(), { sessionId: id, pathId });
        await t.sleep(Math.round(age / 5));
      }
      await t.sleep(t.slack);
      const heartbeats = received(port, isHeartbeat);
      if (heartbeats.length === 0) t.inconc('no-heartbeat', 'No heartbeat came at all: another case judges that.');
      for (const pathId of paths) {
        const fed = heartbeats.filter((packet) => cmOf(packet).feedbackPathId === pathId);
        const times = [began, ...fed.map(({ time }) => time), t.now()];
        const pause = Math.max(...times.slice(1).map((time, i) => time - times[i]!));
        t.require(
          pause <= obsolete + t.slack,
          'path-not-fed-back',
          'Data came in one way by several paths; one of them was not fed back for so long that its sender takes it for obsolete.',
          {
            packet: fed.at(-1) ?? heartbeats.at(-1),
            field: 'feedbackPathId',
            expected: `a heartbeat for path ${pathId} within ${inWords(obsolete)}`,
            seen: fed.length === 0 ? `none in ${inWords(pause)}` : `none for ${inWords(pause)}`,
          },
        );
      }
      t.pass(
        `All of ${paths.length} paths were fed back in time, by ${heartbeats.length} heartbeats.`,
        heartbeats.at(-1)!,
      );
    },
  },
  {
    id: 'HB-rate',
    area: 'HB',
    purpose: 'Under dense one-way traffic there is at most one heartbeat a path in each heartbeat period.',
    requirements: ['MPIP-CM-03', 'MPIP-HB-01'],
    services: ['discard', 'echo'],
    duration: (constants) => 3 * constants['heartbeat-age'],
    async run(t: Tester) {
      const session = await oneWaySession(t);
      const age = t.constants['heartbeat-age'];
      await sendOneWay(t, session, { interval: age / 40, enough: 1000, longest: 2.6 * age });
      // A busy machine may have made the traffic less dense than meant.
      const heartbeats = await sendOneWay(t, session, { interval: age / 40, enough: 2, longest: 5 * age });
      if (heartbeats.length < 2) t.inconc('no-heartbeat', 'Too few heartbeats came to judge their rate.');
      for (const [i, packet] of heartbeats.slice(1).entries()) {
        // By either clock: arrivals are bunched on a busy machine, and the peer's clock may be the fault of another case.
        const gap = Math.max(peerTime(t, heartbeats[i]!, packet), packet.time - heartbeats[i]!.time);
        t.require(
          gap >= 0.95 * age,
          'heartbeats-too-dense',
          'Two heartbeats for one path follow each other too soon.',
          {
            packet,
            field: 'flags',
            expected: `at least ${inWords(age)} between them`,
            seen: inWords(gap),
            requirement: 'MPIP-CM-03',
          },
        );
      }
      t.pass(`${heartbeats.length} heartbeats in ${(2.6 * age) / 1e6} s.`, ...heartbeats);
    },
  },
  {
    id: 'HB-none-while-feedback-fresh',
    area: 'HB',
    purpose: 'While answers carry feedback there are no heartbeats.',
    requirements: ['MPIP-HB-04'],
    services: ['echo'],
    duration: (constants) => 2.5 * constants['heartbeat-age'],
    async run(t: Tester) {
      const session = await ownSession(t, await t.node().port());
      const age = t.constants['heartbeat-age'];
      const until = t.now() + 2.5 * age;
      while (t.now() < until) {
        await exchange(t, session, { pathId: 1 });
        await t.sleep(age / 8);
      }
      const packets = received(session.port);
      for (const packet of packets.filter(isHeartbeat)) {
        const earlier = packets.filter((other) => other.frame < packet.frame && other.cm?.feedbackPathId === 1).at(-1);
        const since = earlier === undefined ? peerTime(t, session.first!, packet) : peerTime(t, earlier, packet);
        t.require(
          since >= 0.9 * age,
          'heartbeat-beside-feedback',
          'A heartbeat came although an answer had just fed back.',
          {
            packet,
            field: 'flags',
            expected: `none within ${inWords(age)} of other feedback`,
            seen: `one after ${inWords(since)}`,
          },
        );
      }
      t.require(
        packets.some((packet) => packet.cm?.feedbackPathId === 1),
        'no-feedback',
        'The answers carried no feedback either.',
        { expected: 'feedback for path 1', seen: 'none', packet: packets.at(-1), field: 'feedbackPathId' },
      );
      t.pass('The feedback on the answers was enough.', packets.at(-1)!);
    },
  },
  {
    id: 'HB-only-in-reaction',
    area: 'HB',
    purpose: 'A heartbeat is sent only in reaction to a received packet: when traffic stops, so do the heartbeats.',
    requirements: ['MPIP-HB-07'],
    services: ['discard', 'echo'],
    duration: (constants) => 4.5 * constants['heartbeat-age'],
    async run(t: Tester) {
      const session = await oneWaySession(t);
      const { port, id } = session;
      const age = t.constants['heartbeat-age'];
      const [first] = await sendOneWay(t, session, {
        interval: age / 5,
        enough: 1,
        longest: 2 * t.constants['path-expiry'],
      });
      if (first === undefined) t.inconc('no-heartbeat', 'No heartbeat came, so that nothing could stop.');
      await t.sleep(SETTLE + t.slack);
      port.forget();
      await t.expectSilence(port, anything, 2.5 * age, {
        code: 'heartbeat-unprovoked',
        text: 'Nothing was sent to the peer any more, and it sent something.',
      });
      // Still able: the next packet, its path not fed back for long, is answered by one.
      port.send('discard', t.payload(), { sessionId: id, pathId: 1 });
      const last = await t.expect(port, isHeartbeat, {
        code: 'no-heartbeat',
        text: 'After a pause a one-way packet is not answered by a heartbeat although its path was long not fed back.',
        expected: EXPECTED.heartbeat,
        preamble: true,
      });
      t.pass('No heartbeat without a packet.', first, last);
    },
  },
  {
    id: 'HB-none-for-control-packets',
    area: 'HB',
    purpose:
      'Heartbeats, confirmations and handshake packets are not answered by heartbeats: two idle nodes stay silent.',
    requirements: ['MPIP-HB-07'],
    services: ['discard', 'echo'],
    duration: (constants) => 3.5 * constants['heartbeat-age'],
    async run(t: Tester) {
      const session = await oneWaySession(t);
      const { port, id } = session;
      const age = t.constants['heartbeat-age'];
      port.send('discard', t.payload(), { sessionId: id, pathId: 1 });
      await t.sleep(1.2 * age);
      port.forget();
      for (const flags of [Flags.heartbeat, Flags.enabled, Flags.handshake, Flags.heartbeat]) {
        // Each has a sample of a path that was fed back long ago, which on a data packet would call for a heartbeat.
        port.send('discard', t.payload(), { sessionId: id, pathId: 1, flags });
        await t.expectSilence(port, anything, age / 4, {
          code: 'control-answered',
          text: `A packet with flags ${flags} was answered; two nodes that both do so send for ever.`,
        });
      }
      port.send('discard', t.payload(), { sessionId: id, pathId: 1 });
      const heartbeat = await t.expect(port, isHeartbeat, {
        code: 'no-heartbeat',
        text: 'A data packet was not answered by a heartbeat, so that the silence before shows nothing.',
        expected: EXPECTED.heartbeat,
        preamble: true,
      });
      t.pass('Only data was answered.', heartbeat);
    },
  },
  {
    id: 'HB-does-not-refresh-session',
    area: 'HB',
    purpose:
      'Heartbeats do not keep a session alive: after the expiry time with heartbeats only, the connection gets a new session.',
    requirements: ['MPIP-HB-06', 'MPIP-SS-06'],
    services: ['echo'],
    duration: (constants) => 1.08 * constants['session-expiry'],
    async run(t: Tester) {
      const node = t.node();
      const [beating, talking] = [await node.port(), await node.port()];
      const expiry = t.constants['session-expiry'];
      await t.handshake(beating);
      await t.handshake(talking);
      const ids = new Map<TestPort, number>();
      for (const port of [beating, talking]) {
        const sessionId = cmOf(await peerSession(t, port)).sessionId;
        ids.set(port, sessionId);
        await exchange(t, { id: sessionId, port, service: 'echo', first: undefined });
      }
      const rounds = 12;
      let control: Observed | undefined;
      for (let i = 0; i < rounds; i++) {
        await t.sleep(Math.round((1.08 * expiry) / rounds));
        const beat = t.payload();
        beating.send('echo', beat, { sessionId: ids.get(beating)!, pathId: 1, flags: Flags.heartbeat });
        const { received: answer } = await exchange(t, {
          id: ids.get(talking)!,
          port: talking,
          service: 'echo',
          first: undefined,
        });
        if (control !== undefined && answer.time - control.time > 0.9 * expiry) {
          t.inconc('too-slow', 'A pause in the data became as long as the expiry time.');
        }
        control = answer;
        if (received(beating, answers(beat)).length > 0) {
          t.inconc(
            'heartbeat-delivered',
            'The heartbeat was delivered and answered with data, which keeps the session.',
          );
        }
      }
      const late = await peerSession(t, beating);
      const last = control!;
      t.require(
        cmOf(late).sessionId !== ids.get(beating),
        'refreshed-by-heartbeats',
        'The session lived on though for longer than its expiry time there were heartbeats only.',
        {
          packet: late,
          field: 'sessionId',
          expected: `another session than ${ids.get(beating)}`,
          seen: cmOf(late).sessionId,
        },
      );
      t.equal(last.cm?.sessionId ?? 'none', ids.get(talking)!, 'session-lost', 'The session with data was lost, too.', {
        packet: last,
        field: 'sessionId',
        requirement: 'MPIP-SS-07',
      });
      t.pass('Only the session with data lived on.', late, last);
    },
  },
];
