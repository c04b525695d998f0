import type { Constants } from '../../codec/index.js';
import type { TestCase } from '../case.js';
import { inWords } from '../describe.js';
import type { Micros } from '../link.js';
import { isHeartbeat, type Observed } from '../observed.js';
import { cmOf, type Session, type Tester } from '../tester.js';
import { exchange, ownSession, peerSession, received } from './moves.js';

/** Time between two packets of the peer by its own clock. */
function between(t: Tester, earlier: Observed, later: Observed): Micros {
  return ((cmOf(later).timestamp - cmOf(earlier).timestamp) >>> 0) * t.profile.tickMicros;
}

/** Between packets that cause a heartbeat each: far enough apart for that, close enough for the session. */
function rareHeartbeats(constants: Constants): Micros {
  return Math.max(1.1 * constants['heartbeat-age'], constants['session-expiry'] / 24);
}

/** A session that the peer has begun and both ends hold. */
async function sharedSession(t: Tester): Promise<Session & { first: Observed }> {
  const port = await t.node().port();
  await t.handshake(port);
  const first = await peerSession(t, port);
  const session = { id: cmOf(first).sessionId, port, service: 'echo', first } as const;
  const { received: answer } = await exchange(t, session);
  return { ...session, first: answer };
}

/** Section 3.7.1: sessions end when nothing but heartbeats has passed for the expiry time. */
export const SS_EXPIRY_CASES: readonly TestCase[] = [
  {
    id: 'SS-expires',
    area: 'SS',
    purpose:
      'A session outlives a pause shorter than the expiry time and is replaced by a new one after a longer pause.',
    requirements: ['MPIP-SS-06'],
    services: ['echo'],
    duration: (constants) => 1.05 * constants['session-expiry'] + 500_000,
    async run(t: Tester) {
      // One session for each pause, side by side.
      const short = await sharedSession(t);
      const { id, port, first } = await sharedSession(t);
      const expiry = t.constants['session-expiry'];
      await t.sleep(Math.round(0.6 * expiry));
      const kept = await peerSession(t, short.port);
      const pause = between(t, short.first, kept);
      if (pause > 0.95 * expiry)
        t.inconc('too-slow', 'The short pause became longer than the expiry time.', {
          expected: `less than ${inWords(expiry)}`,
          seen: inWords(pause),
          packet: kept,
        });
      t.equal(cmOf(kept).sessionId, short.id, 'expired-early', 'The session was replaced before its expiry time.', {
        packet: kept,
        field: 'sessionId',
      });
      await t.sleep(Math.round(0.45 * expiry + 500_000));
      const renewed = await peerSession(t, port);
      t.require(
        cmOf(renewed).sessionId !== id,
        'not-expired',
        'The session lived on though nothing was sent or received for longer than the expiry time.',
        {
          packet: renewed,
          field: 'sessionId',
          expected: `another session than ${id}`,
          seen: `session ${id} after ${inWords(between(t, first, renewed))}`,
        },
      );
      t.require(cmOf(renewed).sessionId >= 1, 'no-session-id', 'After the expiry data has no session id.', {
        expected: 'a session id from 1',
        seen: cmOf(renewed).sessionId,
        packet: renewed,
        field: 'sessionId',
      });
      t.pass('The session ended in its time.', kept, renewed);
    },
  },
  {
    id: 'SS-path-zero-after-expiry',
    area: 'SS',
    purpose: 'The session after an expired one begins with path id 0 again: its predecessor took its paths along.',
    requirements: ['MPIP-SS-06', 'MPIP-PA-09'],
    services: ['echo'],
    duration: (constants) => 1.05 * constants['session-expiry'] + 500_000,
    async run(t: Tester) {
      const { id, port } = await sharedSession(t);
      await t.sleep(Math.round(1.05 * t.constants['session-expiry'] + 500_000));
      const renewed = await peerSession(t, port);
      t.require(cmOf(renewed).sessionId !== id, 'not-expired', 'The session lived on after its expiry time.', {
        expected: `another session than ${id}`,
        seen: `session ${id}`,
        packet: renewed,
        field: 'sessionId',
      });
      t.equal(cmOf(renewed).pathId, 0, 'path-too-early', 'A new session uses a path before we know the session.', {
        packet: renewed,
        field: 'pathId',
      });
      t.pass('The new session began from path id 0.', renewed);
    },
  },
  {
    id: 'SS-sent-packets-refresh',
    area: 'SS',
    purpose: 'Packets that the peer sends keep the session alive beyond the expiry time.',
    requirements: ['MPIP-SS-07'],
    services: ['echo'],
    duration: (constants) => 1.1 * constants['session-expiry'],
    async run(t: Tester) {
      const { id, port, first } = await sharedSession(t);
      const expiry = t.constants['session-expiry'];
      let before = first;
      for (let i = 0; i < 5; i++) {
        await t.sleep(Math.round(0.22 * expiry));
        // Ordinary datagrams in, packets of the session out.
        const answer = await peerSession(t, port);
        if (between(t, before, answer) > 0.95 * expiry)
          t.inconc('too-slow', 'A pause became longer than the expiry time.');
        t.equal(cmOf(answer).sessionId, id, 'session-lost', 'The session ended although the peer sent packets of it.', {
          packet: answer,
          field: 'sessionId',
        });
        before = answer;
      }
      t.pass('The session lived on.', first, before);
    },
  },
  {
    id: 'SS-received-packets-refresh',
    area: 'SS',
    purpose:
      'Packets that the peer only receives keep the session, and with it the path of its heartbeats, beyond the expiry time.',
    requirements: ['MPIP-SS-07'],
    services: ['discard', 'echo'],
    duration: (constants) => constants['session-expiry'] + 3 * rareHeartbeats(constants),
    async run(t: Tester) {
      const { port, id } = await ownSession(t, await t.node().port(), 'discard');
      const expiry = t.constants['session-expiry'];
      const interval = rareHeartbeats(t.constants);
      if (interval > 0.6 * expiry) {
        t.notApplicable(
          'constants',
          'Heartbeats are too rare to show what happens within the expiry time of a session.',
        );
      }
      let feedbackPathId = 0;
      let pathDelay = 0;
      const end = t.now() + expiry + 3 * interval;
      let before = t.now();
      while (t.now() < end) {
        port.send('discard', t.payload(), { sessionId: id, pathId: 1, feedbackPathId, pathDelay });
        if (t.now() - before > 0.9 * expiry) t.inconc('too-slow', 'A pause became as long as the expiry time.');
        before = t.now();
        await t.sleep(Math.round(interval));
        // The path of the heartbeats is fed back, so that it does not become obsolete meanwhile.
        const heartbeat = received(port, isHeartbeat).at(-1);
        if (heartbeat === undefined) continue;
        feedbackPathId = cmOf(heartbeat).pathId;
        pathDelay = (port.node.clock(heartbeat.time) - cmOf(heartbeat).timestamp) | 0;
      }
      const heartbeats = received(port, (packet) => isHeartbeat(packet) && cmOf(packet).feedbackPathId === 1);
      const [first] = heartbeats;
      if (first === undefined) t.inconc('no-heartbeat', 'No heartbeat shows the path of the session.');
      const paths = new Map<number, number>();
      for (const packet of heartbeats) {
        const { pathId } = cmOf(packet);
        t.require(pathId >= 1, 'no-path', 'Both ends hold the session and the heartbeat names no path.', {
          expected: 'a path id from 1',
          seen: pathId,
          packet,
          field: 'pathId',
          requirement: 'MPIP-PA-02',
        });
        t.equal(
          pathId,
          paths.get(packet.source) ?? pathId,
          'session-lost',
          'The path of the session got another id although data came in all the time: the session had ended and begun again.',
          { packet, field: 'pathId' },
        );
        paths.set(packet.source, pathId);
      }
      t.pass('The session and its path lived on.', first, heartbeats.at(-1)!);
    },
  },
];
