import type { TestCase } from '../case.js';
import { EXPECTED } from '../describe.js';
import { all, isData, isHeartbeat, type Observed } from '../observed.js';
import { cmOf, type Tester } from '../tester.js';
import { measure, sample, samplingAndAsking, settle } from './fb-measuring.js';
import { answers, exchange, ownSession, received } from './moves.js';

/**
 * Measures three paths in several orders and looks at the turns in which they are fed back.
 * @returns the turns; undefined when a heartbeat came between, which takes a turn itself.
 */
async function takeTurns(t: Tester): Promise<readonly number[] | undefined> {
  const { silent, asking, ports } = await samplingAndAsking(t);
  const round = async (order: readonly number[]): Promise<{ ids: string; packet: Observed }> => {
    for (const pathId of order) sample(silent, pathId);
    await settle(t, silent);
    // All questions at once, so that a long way to the peer does not add up.
    const payloads = order.map(() => t.payload());
    for (const payload of payloads) asking.port.send('echo', payload, { sessionId: asking.id });
    const packets: Observed[] = [];
    for (const payload of payloads) {
      const expectation = {
        code: 'no-echo',
        text: 'The peer did not return user data of a session.',
        expected: EXPECTED.echo,
        preamble: true,
      };
      packets.push(await t.expect(asking.port, all(isData, answers(payload)), expectation));
    }
    // Answers that left together have one timestamp, and then the order of the questions: their paths may be unlike.
    packets.sort((a, b) => (cmOf(a).timestamp - cmOf(b).timestamp) | 0);
    return { ids: packets.map((packet) => cmOf(packet).feedbackPathId).join(', '), packet: packets[0]! };
  };
  const isDisturbed = () => ports.some((port) => received(port, isHeartbeat).length > 0);
  // The first round makes the three rows; their order is free. From then on each has a feedback time of its own.
  const first = await round([1, 2, 3]);
  if (isDisturbed()) return undefined;
  const turns = first.ids.split(', ').map(Number);
  t.equal(
    [...turns].sort().join(', '),
    '1, 2, 3',
    'path-not-fed-back',
    'Three paths have a new sample, three packets were sent.',
    {
      packet: first.packet,
      field: 'feedbackPathId',
    },
  );
  const [one, two, three] = turns as [number, number, number];
  const rounds: readonly (readonly [order: readonly number[], due: readonly number[]])[] = [
    [[three, two, one], turns],
    [[two, three, one], turns],
    [[one, three, two], turns],
    // One path is left out and the others' turns do not change; measured again, it is the one fed back longest ago.
    [
      [three, two],
      [two, three],
    ],
    [[three, two, one], turns],
    // One path is fed back alone: now it is the last whose turn it is.
    [[one], [one]],
    [
      [one, two, three],
      [two, three, one],
    ],
  ];
  for (const [order, due] of rounds) {
    const { ids, packet } = await round(order);
    if (isDisturbed()) return undefined;
    t.equal(
      ids,
      due.join(', '),
      'wrong-turn',
      'Of the paths with a new sample the one fed back longest ago comes first.',
      {
        packet,
        field: 'feedbackPathId',
      },
    );
  }
  return turns;
}

/** Section 3.4: which of several delays is fed back, and when none is. */
export const FB_TURNS_CASES: readonly TestCase[] = [
  {
    id: 'FB-oldest-feedback-first',
    area: 'FB',
    purpose:
      'The path that was fed back longest ago comes first, whatever the order of the samples, so that all take turns.',
    requirements: ['MPIP-FB-04', 'MPIP-FB-05'],
    services: ['echo', 'discard'],
    async run(t: Tester) {
      for (let attempt = 1; attempt <= 3; attempt++) {
        const turns = await takeTurns(t);
        if (turns !== undefined) return t.pass(`The paths took turns: ${turns.join(', ')}.`);
      }
      t.inconc('too-slow', 'Three times heartbeats fed back paths between our packets: the machine is too slow.');
    },
  },
  {
    id: 'FB-none-without-sample',
    area: 'FB',
    purpose: 'While we send no path id there is nothing to feed back: feedback path id 0, delay 0.',
    requirements: ['MPIP-FB-05'],
    services: ['echo'],
    async run(t: Tester) {
      const session = await ownSession(t, await t.node().port());
      for (let i = 0; i < 4; i++) {
        const { received: answer } = await exchange(t, session);
        t.equal(
          cmOf(answer).feedbackPathId,
          0,
          'feedback-from-nothing',
          'The peer feeds back a path that we never used.',
          {
            packet: answer,
            field: 'feedbackPathId',
          },
        );
        t.equal(cmOf(answer).pathDelay, 0, 'delay-from-nothing', 'Without feedback the delay is 0.', {
          packet: answer,
          field: 'pathDelay',
        });
      }
      // The feedback is there when there is something.
      const { fed } = await measure(t, session, 4);
      t.pass('No feedback without a sample.', fed);
    },
  },
  {
    id: 'FB-stale-sample-not-repeated',
    area: 'FB',
    purpose: 'A sample is fed back once: repeated, it would keep alive a path over which nothing arrives any more.',
    requirements: ['MPIP-EX-01'],
    services: ['echo'],
    async run(t: Tester) {
      const session = await ownSession(t, await t.node().port());
      const first = await measure(t, session, 6);
      for (let i = 0; i < 4; i++) {
        const { received: next } = await exchange(t, session);
        t.equal(
          cmOf(next).feedbackPathId,
          0,
          'stale-feedback',
          'The peer feeds back a sample again that it has fed back already, although none arrived since.',
          { packet: next, field: 'feedbackPathId' },
        );
      }
      const second = await measure(t, session, 6);
      t.pass('Each sample was fed back once.', first.fed, second.fed);
    },
  },
];
