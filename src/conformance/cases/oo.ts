import { Flags } from '../../codec/index.js';
import type { TestCase } from '../case.js';
import { inWords } from '../describe.js';
import { all, headerField, payloadIs } from '../observed.js';
import type { Tester } from '../tester.js';
import { isAnswer, ownSession } from './moves.js';
import { overTcp, requireStream } from './tcp-moves.js';
import { duplicates, fedSession, quiet, repeats, SIZE, since, Train, watch } from './train.js';

const common = {
  ...overTcp,
  area: 'OO',
  capabilities: ['tcp', 'reordering'],
  timed: true,
} as const;

/** Attempts of cases whose fastest one counts. */
const TRIALS = 24;

/** Sends a segment until it is acknowledged; false when it never is. */
async function deliver(t: Tester, train: Train, position: number): Promise<boolean> {
  for (let attempt = 0; attempt < 3; attempt++) {
    train.send(position);
    if (await t.until(() => train.isAcknowledged(position + 1), t.patience / 2)) return true;
  }
  return false;
}

/** Waits for the acknowledgement of the first `count` segments within a part of the hold time. */
async function acknowledgedSoon(t: Tester, train: Train, count: number): Promise<boolean> {
  return await t.until(() => train.isAcknowledged(count), watch(t));
}

/** A filled gap: the first segment comes last. Fails the case unless all are then delivered in order and at once. */
async function requireFilled(
  t: Tester,
  train: Train,
  early: readonly number[],
  code: string,
  text: string,
): Promise<void> {
  const { stream } = train.session;
  await quiet(t, stream);
  const from = t.now();
  train.send(...early);
  await t.sleep(2 * t.slack);
  const [last] = train.send(0);
  const count = early.length + 1;
  const isDone = await acknowledgedSoon(t, train, count);
  if (!isDone && !(await t.until(() => train.isAcknowledged(count)))) {
    t.inconc('no-acknowledgement', 'The segments were not acknowledged at all: one may have been lost.', {
      expected: 'an acknowledgement of all segments',
      seen: `none in ${inWords(t.now() - last!.time)}`,
      packet: last,
    });
  }
  const repeated = repeats(since(stream, from), train.start(count));
  t.require(isDone && repeated.length === 0, code, text, {
    expected: `acknowledgements up to ${train.start(count)} at once, none of them twice`,
    seen: isDone
      ? `${repeated.length} duplicate acknowledgements`
      : 'the acknowledgement came only after the longest hold',
    packet: repeated[0] ?? last!,
    ...headerField(repeated[0], 'acknowledgement'),
  });
  await t.until(() => stream.data.length >= count * SIZE);
}

/** Section 3.8.3: the out-of-order buffer, read from the acknowledgements of the TCP above it. */
export const OO_CASES: readonly TestCase[] = [
  {
    ...common,
    id: 'OO-in-sequence-at-once',
    purpose: 'A segment in sequence is delivered at once.',
    requirements: ['MPIP-OO-01'],
    async run(t: Tester) {
      const session = await fedSession(t);
      await quiet(t, session.stream);
      const within = t.constants['reordering-hold'] / 2;
      let fastest = Number.POSITIVE_INFINITY;
      // The fastest of several counts: a network may delay some, a peer that holds them delays all.
      const train = new Train(t, session, TRIALS);
      for (let i = 0; i < TRIALS && (i < 3 || fastest > within); i++) {
        const sent = t.now();
        if (!(await deliver(t, train, i))) t.inconc('no-acknowledgement', 'A segment was not acknowledged.');
        fastest = Math.min(fastest, t.now() - sent);
      }
      t.require(fastest <= within, 'held-in-sequence', 'Segments in sequence are held back before the TCP gets them.', {
        expected: `an acknowledgement within ${inWords(within)}`,
        seen: `${inWords(fastest)} for the fastest of three`,
        packet: session.stream.lastSent,
      });
      t.pass(`Segments in sequence were acknowledged after ${inWords(fastest)}.`, session.stream.history.at(-1)!);
    },
  },
  {
    ...common,
    id: 'OO-early-segment-held',
    purpose: 'A segment beyond the next expected one is held: no duplicate acknowledgement while it waits.',
    requirements: ['MPIP-OO-02'],
    async run(t: Tester) {
      const session = await fedSession(t);
      await quiet(t, session.stream);
      const train = new Train(t, session, 2);
      const from = t.now();
      train.send(1);
      await t.sleep(watch(t));
      const [seen] = duplicates(since(session.stream, from), train.start(0));
      t.refuse(
        seen,
        'not-held',
        'A segment that came before its turn reached the TCP, which acknowledged what it had already: a duplicate acknowledgement.',
        {
          expected: 'no acknowledgement while the segment waits',
          ...headerField(seen, 'acknowledgement'),
        },
      );
      train.send(0);
      if (!(await t.until(() => train.isAcknowledged(2))))
        t.inconc('no-acknowledgement', 'The segments were not acknowledged at all.');
      t.pass('The early segment waited for the one before it.', session.stream.history.at(-1)!);
    },
  },
  {
    ...common,
    id: 'OO-gap-filled',
    purpose: 'When the missing segment comes, all that followed it are delivered at once and in order.',
    requirements: ['MPIP-OO-03'],
    async run(t: Tester) {
      const session = await fedSession(t);
      await requireFilled(
        t,
        new Train(t, session, 4),
        [1, 2, 3],
        'not-released',
        'The missing segment came, and those that waited for it were not delivered at once and in order.',
      );
      t.pass('The waiting segments followed the missing one.', session.stream.history.at(-1)!);
    },
  },
  {
    ...common,
    id: 'OO-second-gap-still-waits',
    purpose:
      'When a missing segment comes, only what follows on it is delivered: what waits for another one goes on waiting.',
    requirements: ['MPIP-OO-03'],
    async run(t: Tester) {
      const session = await fedSession(t);
      await quiet(t, session.stream);
      const train = new Train(t, session, 4);
      const from = t.now();
      train.send(3, 0, 1);
      await t.sleep(watch(t));
      const [seen] = repeats(since(session.stream, from), train.start(4));
      t.refuse(
        seen,
        'delivered-across-a-gap',
        'One missing segment came, and what waits for another one was delivered with it: the TCP saw a hole and said so.',
        { expected: 'no acknowledgement twice', ...headerField(seen, 'acknowledgement') },
      );
      train.send(2);
      if (!(await t.until(() => train.isAcknowledged(4))))
        t.inconc('no-acknowledgement', 'The segments were not acknowledged at all.');
      t.pass('What waited for another segment waited on.', session.stream.history.at(-1)!);
    },
  },
  {
    ...common,
    id: 'OO-held-in-order-of-sequence',
    purpose: 'Segments that wait are delivered by their numbers, in whatever order they came.',
    requirements: ['MPIP-OO-06'],
    async run(t: Tester) {
      const session = await fedSession(t);
      // In order first: otherwise another case judges it.
      await quiet(t, session.stream);
      const train = new Train(t, session, 6);
      await requireFilled(
        t,
        train,
        [4, 2, 5, 1, 3],
        'not-sorted',
        'Segments waited in shuffled order; when the missing one came they must be delivered by their numbers, so that the TCP sees no hole.',
      );
      const sent = Uint8Array.from(train.payloads.flatMap((payload) => [...payload]));
      requireStream(t, session.stream, sent, {
        code: 'data-changed',
        text: 'What the echo service returned is not what we sent.',
      });
      t.pass('The segments were delivered by their numbers.', session.stream.history.at(-1)!);
    },
  },
  {
    ...common,
    id: 'OO-buffer-of-ten',
    purpose: 'The buffer holds nine segments and delivers everything when the tenth or eleventh comes.',
    requirements: ['MPIP-OO-04'],
    async run(t: Tester) {
      const session = await fedSession(t);
      await quiet(t, session.stream);
      const slots = t.constants['reordering-slots'];
      const train = new Train(t, session, slots + 2);
      const from = t.now();
      train.send(...Array.from({ length: slots - 1 }, (_, i) => i + 1));
      await t.sleep(watch(t) / 4);
      const early = duplicates(since(session.stream, from), train.start(0))[0];
      t.refuse(early, 'buffer-too-small', `The buffer was emptied before ${slots} segments waited in it.`, {
        expected: `${slots - 1} segments to wait`,
        seen: 'an acknowledgement of what was there before them',
        ...headerField(early, 'acknowledgement'),
      });
      train.send(slots, slots + 1);
      await t.sleep(watch(t) / 2);
      const flushed = duplicates(since(session.stream, from), train.start(0));
      t.require(
        flushed.length > 0,
        'buffer-too-large',
        `More than ${slots} segments wait for a missing one; when the buffer is full everything must be delivered, so that the TCP can ask for it.`,
        {
          expected: 'duplicate acknowledgements',
          seen: 'none',
          packet: session.stream.lastSent,
        },
      );
      train.send(0);
      t.pass(`With ${slots} segments the buffer was emptied.`, flushed[0]!);
    },
  },
  {
    ...common,
    id: 'OO-sequence-wraps',
    purpose: 'The next expected number goes from 2^32 - 1 to 0, and segments are held and released across it.',
    requirements: ['MPIP-OO-05'],
    async run(t: Tester) {
      // SYN, the data of the handshake and of the first answer, and two of the segments come before the end of the numbers.
      const session = await fedSession(t, { initialSequence: 2 ** 32 - 1 - 2 * 32 - 2 * SIZE });
      const { stream } = session;
      const train = new Train(t, session, 5);
      await requireFilled(
        t,
        train,
        [1, 2, 3, 4],
        'no-wrap',
        'The sequence numbers of the waiting segments pass from 2^32 - 1 to 0; they were not delivered at once and in order.',
      );
      const next = new Train(t, session, 1);
      await quiet(t, stream);
      next.send(0);
      t.require(
        await acknowledgedSoon(t, next, 1),
        'no-wrap',
        'After the numbers went round, a segment in sequence is held.',
        {
          expected: `an acknowledgement within ${inWords(watch(t))}`,
          seen: 'none',
          packet: stream.lastSent,
        },
      );
      t.pass('The numbers went round.', stream.history.at(-1)!);
    },
  },
  {
    ...common,
    id: 'OO-per-session',
    purpose: 'A hole in one session holds up no segment of another, and lets none of its own go.',
    requirements: ['MPIP-OO-08'],
    async run(t: Tester) {
      const node = t.node();
      const first = await fedSession(t, { node });
      const second = await fedSession(t, { node });
      await quiet(t, first.stream);
      const holed = new Train(t, first, 2);
      const whole = new Train(t, second, 1);
      const from = t.now();
      holed.send(1);
      whole.send(0);
      const isSoon = await acknowledgedSoon(t, whole, 1);
      t.require(isSoon, 'held-by-other-session', 'A segment in sequence was held because another session has a hole.', {
        packet: second.stream.lastSent,
        expected: 'an acknowledgement at once',
        seen: 'none',
      });
      const [seen] = duplicates(since(first.stream, from), holed.start(0));
      t.refuse(
        seen,
        'released-by-other-session',
        'A segment of another session let go what waits for a hole in this one.',
        {
          expected: 'no acknowledgement while the segment waits',
          ...headerField(seen, 'acknowledgement'),
        },
      );
      holed.send(0);
      t.pass('Each session has its own buffer.', second.stream.history.at(-1)!);
    },
  },
  {
    ...common,
    id: 'OO-late-segment-passes',
    purpose: 'A segment below the next expected one, as a retransmission, is delivered at once.',
    requirements: ['MPIP-OO-10'],
    async run(t: Tester) {
      const session = await fedSession(t);
      const train = new Train(t, session, 2);
      train.send(0, 1);
      if (!(await t.until(() => train.isAcknowledged(2))))
        t.inconc('no-acknowledgement', 'The segments were not acknowledged.');
      await quiet(t, session.stream);
      const within = t.constants['reordering-hold'] / 2;
      const from = t.now();
      const repeated = () => duplicates(since(session.stream, from), train.start(2)).length;
      let fastest = Number.POSITIVE_INFINITY;
      for (let i = 0; i < TRIALS && (i < 3 || fastest > within); i++) {
        const before = repeated();
        const sent = t.now();
        train.send(0);
        if (await t.until(() => repeated() > before, t.patience / 2)) fastest = Math.min(fastest, t.now() - sent);
        if (i === 5 && fastest === Number.POSITIVE_INFINITY) break;
      }
      if (fastest === Number.POSITIVE_INFINITY) {
        await t.silent(session.stream, {
          code: 'late-segment-held',
          expected: 'an acknowledgement of what was there before',
          text: 'A segment that was delivered before, sent six times more, never reached the TCP: it was not acknowledged.',
        });
      }
      t.require(
        fastest <= within,
        'late-segment-held',
        'A segment that was delivered before, sent once more, is held back instead of being handed to the TCP.',
        {
          packet: session.stream.lastSent,
          expected: `an acknowledgement within ${inWords(within)}`,
          seen: `one after ${inWords(fastest)}`,
        },
      );
      t.pass('The late segment was delivered at once.', session.stream.history.at(-1)!);
    },
  },
  {
    id: 'OO-udp-is-never-held',
    area: 'OO',
    purpose: 'Datagrams are delivered as they come, whatever their timestamps and paths say.',
    requirements: ['MPIP-OO-07'],
    services: ['echo'],
    async run(t: Tester) {
      const session = await ownSession(t, await t.node().port());
      const { node } = session.port;
      const delays: number[] = [];
      // Timestamps that run backwards, and three paths in turns.
      const most = t.constants['reordering-hold'] / 2;
      for (let i = 0; i < TRIALS && (i < 6 || Math.min(...delays) > most); i++) {
        const payload = t.payload();
        const sent = t.now();
        const timestamp = (node.clock() - i * 400_000 + 2 ** 32) % 2 ** 32;
        session.port.send('echo', payload, {
          sessionId: session.id,
          pathId: 1 + (i % 3),
          timestamp,
          flags: Flags.normal,
        });
        const answer = await session.port.receive(all(isAnswer, payloadIs(payload)));
        if (answer !== undefined && i > 0) delays.push(answer.time - sent);
      }
      if (delays.length < 3) t.inconc('no-echo', 'Too few datagrams came back.');
      // The fastest of those that look old counts: a network may delay some, a peer that holds them delays all.
      const typical = Math.min(...delays);
      t.require(
        typical <= most,
        'udp-held',
        'Datagrams that look older than those before them are held back; only TCP is put in order.',
        {
          expected: `at most ${inWords(most)}`,
          seen: inWords(typical),
          packet: session.port.lastSent,
        },
      );
      t.pass(`Datagrams came back after ${inWords(typical)}.`, session.port.history.at(-1)!);
    },
  },
  {
    ...common,
    id: 'OO-switched-off',
    purpose: 'With reordering switched off an early segment reaches the TCP at once.',
    requirements: ['MPIP-OO-09'],
    capabilities: ['tcp'],
    async run(t: Tester) {
      if (t.supports('reordering')) t.notApplicable('pics', 'The peer was declared to put segments in order.');
      const session = await fedSession(t);
      await quiet(t, session.stream);
      const train = new Train(t, session, 2);
      const from = t.now();
      train.send(1);
      const isSoon = await t.until(() => duplicates(since(session.stream, from), train.start(0)).length > 0, watch(t));
      train.send(0);
      if (!isSoon && !(await t.until(() => train.isAcknowledged(2))))
        t.inconc('no-acknowledgement', 'The segments were not acknowledged at all.');
      t.require(
        isSoon,
        'held-though-off',
        'The peer was declared to have reordering switched off; an early segment is held all the same.',
        {
          expected: 'a duplicate acknowledgement at once',
          seen: `none in ${inWords(watch(t))}`,
          packet: session.stream.lastSent,
        },
      );
      t.pass('The early segment was acknowledged at once.', session.stream.history.at(-1)!);
    },
  },
];
