import { type ControlMessage, Flags } from '../../codec/index.js';
import type { TestCase } from '../case.js';
import type { Micros } from '../link.js';
import { hasCm, isConfirm, isData, isHeartbeat, isQuery, type Observed, type Predicate } from '../observed.js';
import type { TestPort } from '../test-port.js';
import { cmOf, type Session, type Tester } from '../tester.js';
import { ask, ownSession, received } from './moves.js';

/** Signed difference of two tick counts modulo 2^32, in microseconds. */
function ticksToMicros(t: Tester, ticks: number): Micros {
  return (ticks | 0) * t.profile.tickMicros;
}

/**
 * Requires that `packet` feeds back `pathId` with the delay of `sample`. The peer's clock has any offset, so the delay
 * itself says nothing; but delay plus our timestamp is the peer's clock when it received the sample (T2), and the
 * packet's own timestamp is that clock when it sent. Both moments lie between our sending and our receiving.
 */
function requireFeedback(t: Tester, packet: Observed, pathId: number, sample: Observed): void {
  const cm = cmOf(packet);
  t.equal(cm.feedbackPathId, pathId, 'wrong-feedback-path', 'The packet does not feed back the path that is due.', {
    packet,
    field: 'feedbackPathId',
  });
  const age = sampleAge(t, packet, sample);
  const longest = packet.time - sample.time + tolerance(t, packet.time - sample.time);
  t.require(
    age >= -tolerance(t, 0) && age <= longest,
    'wrong-delay',
    "The delay fed back is not the peer's receive time minus our timestamp, modulo 2^32: with our timestamp added it must lie between our sending and the peer's own timestamp.",
    {
      packet,
      field: 'pathDelay',
      expected: `received 0 to ${longest} µs before the feedback was sent`,
      seen: `${age} µs before`,
    },
  );
}

/** How long before it sent `packet` the peer received `sample`, by the peer's own clock. */
function sampleAge(t: Tester, packet: Observed, sample: Observed): Micros {
  const cm = cmOf(packet);
  return ticksToMicros(t, cm.timestamp - cm.pathDelay - cmOf(sample).timestamp);
}

/** Clocks that differ in rate by 1 %, and lateness of the machine. */
function tolerance(t: Tester, elapsed: Micros): Micros {
  return 2_000 + t.slack + Math.ceil(elapsed / 100);
}

/** Packets of the peer on some ports that feed back a path, in the order of its clock. */
function feedbacks(ports: readonly TestPort[]): Observed[] {
  return ports
    .flatMap((port) => received(port, (packet) => hasCm(packet) && cmOf(packet).feedbackPathId !== 0))
    .sort((a, b) => (cmOf(a).timestamp - cmOf(b).timestamp) | 0 || a.frame - b.frame);
}

/** Two sessions of one node: samples go to `discard`, which does not answer, and `echo` says when feedback is to come. */
async function samplingAndAsking(t: Tester): Promise<{ silent: Session; asking: Session; ports: readonly TestPort[] }> {
  const node = t.node();
  const [one, two] = [await node.port(), await node.port()];
  const silent = await ownSession(t, one, 'discard', { id: 21 });
  const asking = await ownSession(t, two, 'echo', { id: 22 });
  return { silent, asking, ports: [one, two] };
}

/** Sends a sample for a path to the session's service. */
function sample(
  session: Session,
  pathId: number,
  cm: Partial<ControlMessage> = {},
  payload = new Uint8Array(8),
): Observed {
  return session.port.send(session.service, payload, { sessionId: session.id, pathId, ...cm });
}

/**
 * Sends a data packet of `session` on a path, waits for its answer and returns the packet that feeds the path back: the
 * answer, or a heartbeat before it when a busy machine made a pause. A peer that feeds nothing back fails.
 */
async function measure(
  t: Tester,
  session: Session,
  pathId: number,
  cm: Partial<ControlMessage> = {},
): Promise<{ sent: Observed; fed: Observed }> {
  const { sent, received: answer } = await t.exchange(session, { pathId, ...cm });
  const later = feedbacks([session.port]).filter((packet) => packet.frame > sent.frame);
  const fed = later.find((packet) => cmOf(packet).feedbackPathId === pathId);
  t.require(fed !== undefined, 'no-feedback', 'The path that we measured was not fed back in the answer.', {
    packet: answer,
    expected: `feedback path id ${pathId}`,
    seen: answer.cm === undefined ? 'no control message' : answer.cm.feedbackPathId,
    ...(answer.cm === undefined ? {} : { field: 'feedbackPathId' as const }),
  });
  requireFeedback(t, fed, pathId, sent);
  return { sent, fed };
}

/** Waits until the peer has worked through what was sent to the session's service: its answer to a query comes after. */
async function settle(t: Tester, session: Session): Promise<Observed> {
  const { port, service } = session;
  port.send(service, t.payload(), { flags: Flags.enable });
  // Earlier queries may have been repeated on a busy machine: the last confirmation counts.
  const queries = port.history.filter((packet) => packet.direction === 'sent' && isQuery(packet)).length;
  const isLast: Predicate = (packet) => isConfirm(packet) && received(port, isConfirm).length >= queries;
  return await t.expect(port, isLast, {
    code: 'no-confirm',
    text: 'The peer did not confirm a query after the samples.',
    preamble: true,
  });
}

/**
 * Measures three paths in several orders and looks at the turns in which they are fed back.
 * @returns the turns; undefined when a heartbeat came between, which takes a turn itself.
 */
async function takeTurns(t: Tester): Promise<readonly number[] | undefined> {
  const { silent, asking, ports } = await samplingAndAsking(t);
  const round = async (order: readonly number[]): Promise<{ ids: string; packet: Observed }> => {
    for (const pathId of order) sample(silent, pathId);
    await settle(t, silent);
    const packets: Observed[] = [];
    while (packets.length < order.length) packets.push((await t.exchange(asking)).received);
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

/** Section 3.4: timestamps, one-way delays and their feedback. */
export const FB_CASES: readonly TestCase[] = [
  {
    id: 'FB-clock-rate',
    area: 'FB',
    purpose:
      "Timestamps are the peer's clock at transmission: they never go back and advance with time at the profile's tick.",
    requirements: ['MPIP-FB-01'],
    services: ['echo'],
    duration: () => 1_500_000,
    async run(t: Tester) {
      const session = await ownSession(t, await t.node().port());
      const rounds: { sent: Observed; received: Observed }[] = [];
      for (let i = 0; i < 16; i++) {
        rounds.push(await t.exchange(session));
        await t.sleep(100_000);
      }
      const first = rounds[0]!;
      for (const [i, round] of rounds.slice(1).entries()) {
        const before = rounds[i]!.received;
        const step = ticksToMicros(t, cmOf(round.received).timestamp - cmOf(before).timestamp);
        t.require(step >= 0, 'clock-back', "The peer's clock went back from one packet to the next.", {
          packet: round.received,
          field: 'timestamp',
          seen: `${step} µs`,
        });
        // Each packet was sent after our packet that caused it and before we had it.
        const advanced = ticksToMicros(t, cmOf(round.received).timestamp - cmOf(first.received).timestamp);
        const least = round.sent.time - first.received.time;
        const most = round.received.time - first.sent.time;
        t.require(
          advanced >= least - tolerance(t, least) && advanced <= most + tolerance(t, most),
          'clock-rate',
          `The peer's timestamps do not advance with time in ticks of ${t.profile.tickMicros} µs.`,
          {
            packet: round.received,
            field: 'timestamp',
            expected: `between ${least} and ${most} µs after the first`,
            seen: `${advanced} µs`,
          },
        );
      }
      t.pass('The clock advanced with time.', first.received, rounds.at(-1)!.received);
    },
  },
  {
    id: 'FB-delay-is-receive-time-minus-timestamp',
    area: 'FB',
    purpose:
      'The delay fed back changes by exactly as much as our timestamps do: receive time minus timestamp, modulo 2^32.',
    requirements: ['MPIP-FB-02', 'MPIP-RX-02'],
    services: ['echo'],
    async run(t: Tester) {
      const session = await ownSession(t, await t.node().port());
      const start = session.port.node.clock();
      const shown: Observed[] = [];
      // Around the whole range of the clock: small steps, large ones and both wrap-arounds.
      for (const shift of [0, 1, 1000, 0x1234567, 0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe, 0xffffffff]) {
        const timestamp = (start + shift) % 0x1_0000_0000;
        shown.push((await measure(t, session, 1, { timestamp })).fed);
      }
      t.pass('Every delay is receive time minus timestamp.', shown[0]!, shown.at(-1)!);
    },
  },
  {
    id: 'FB-negative-delay',
    area: 'FB',
    purpose: 'A timestamp ahead of the receiver gives a negative delay, fed back as it is.',
    requirements: ['MPIP-FB-06', 'MPIP-FB-02'],
    services: ['echo'],
    async run(t: Tester) {
      const session = await ownSession(t, await t.node().port());
      for (const ahead of [30_000_000, 100_000_000, 1_000_000_000]) {
        const peerClock = cmOf((await t.exchange(session)).received).timestamp;
        const timestamp = (peerClock + Math.round(ahead / t.profile.tickMicros)) % 0x1_0000_0000;
        const { fed } = await measure(t, session, 3, { timestamp });
        t.require(cmOf(fed).pathDelay < 0, 'clamped', 'The delay of a packet from the future is negative.', {
          packet: fed,
          field: 'pathDelay',
          seen: cmOf(fed).pathDelay,
        });
      }
      t.pass('Negative delays came back.', ...received(session.port).slice(-1));
    },
  },
  {
    id: 'FB-delay-taken-on-receipt',
    area: 'FB',
    purpose: 'The delay is measured when the packet arrives, not when the feedback is sent.',
    requirements: ['MPIP-FB-02'],
    services: ['echo', 'discard'],
    duration: () => 700_000,
    async run(t: Tester) {
      const { silent, asking, ports } = await samplingAndAsking(t);
      const sent = sample(silent, 7);
      const settled = await settle(t, silent);
      await t.sleep(700_000);
      const { sent: trigger } = await t.exchange(asking);
      const fed = feedbacks(ports).find((packet) => cmOf(packet).feedbackPathId === 7);
      t.require(fed !== undefined, 'no-feedback', 'The path that we measured was not fed back.');
      requireFeedback(t, fed, 7, sent);
      if (fed.time < trigger.time)
        t.inconc('fed-back-early', 'The path was fed back before we asked.', { packet: fed });
      const waited = trigger.time - settled.time;
      t.require(
        sampleAge(t, fed, sent) >= waited - tolerance(t, waited),
        'measured-late',
        'The delay contains the time that the sample lay at the peer before it was fed back.',
        {
          packet: fed,
          field: 'pathDelay',
          expected: `received at least ${waited} µs before`,
          seen: `${sampleAge(t, fed, sent)} µs before`,
        },
      );
      t.pass('The delay is that of the arrival.', sent, fed);
    },
  },
  {
    id: 'FB-later-sample-replaces',
    area: 'FB',
    purpose: 'Of several samples of one path the last is fed back, and once.',
    requirements: ['MPIP-FB-03'],
    services: ['echo', 'discard'],
    async run(t: Tester) {
      const { silent, asking, ports } = await samplingAndAsking(t);
      const { node } = silent.port;
      const samples: Observed[] = [];
      for (let i = 0; i < 4; i++) {
        // 11 s of our clock apart, so that no two of them, nor their mean, can be taken for another.
        const apart = Math.round((i * 11_000_000) / t.profile.tickMicros);
        samples.push(sample(silent, 9, { timestamp: (node.clock() + apart) % 0x1_0000_0000 }));
      }
      await settle(t, silent);
      await t.exchange(asking);
      const fed = feedbacks(ports).filter((packet) => cmOf(packet).feedbackPathId === 9);
      t.require(fed.length > 0, 'no-feedback', 'The path that we measured was not fed back.');
      requireFeedback(t, fed.at(-1)!, 9, samples.at(-1)!);
      t.pass('The last sample was fed back.', samples.at(-1)!, fed.at(-1)!);
    },
  },
  {
    id: 'FB-each-path-its-own-delay',
    area: 'FB',
    purpose: 'Delays are kept per path id: each is fed back under the id that it was measured for.',
    requirements: ['MPIP-FB-02', 'MPIP-FB-04'],
    services: ['echo', 'discard'],
    async run(t: Tester) {
      const { silent, asking, ports } = await samplingAndAsking(t);
      const { node } = silent.port;
      const samples = new Map<number, Observed>();
      for (const pathId of [1, 2, 3, 255]) {
        const apart = Math.round((pathId * 13_000_000) / t.profile.tickMicros);
        samples.set(pathId, sample(silent, pathId, { timestamp: (node.clock() + apart) % 0x1_0000_0000 }));
      }
      await settle(t, silent);
      for (let i = 0; i < 4; i++) await t.exchange(asking);
      const fed = feedbacks(ports);
      for (const packet of fed) {
        const sent = samples.get(cmOf(packet).feedbackPathId);
        t.require(sent !== undefined, 'unknown-feedback-path', 'The peer feeds back a path that we never sent on.', {
          packet,
          field: 'feedbackPathId',
        });
        requireFeedback(t, packet, cmOf(packet).feedbackPathId, sent);
      }
      t.equal(
        new Set(fed.map((packet) => cmOf(packet).feedbackPathId)).size,
        4,
        'path-not-fed-back',
        'Four paths have a new sample and four packets were sent, but not every path was fed back.',
      );
      t.pass('Four paths, four delays.', ...fed);
    },
  },
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
        const { received: answer } = await t.exchange(session);
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
        const { received: next } = await t.exchange(session);
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
  {
    id: 'FB-per-node',
    area: 'FB',
    purpose: 'Two nodes that use the same path id each get their own delay fed back.',
    requirements: ['MPIP-FB-02', 'MPIP-SS-05'],
    services: ['echo', 'discard'],
    async run(t: Tester) {
      const [first, second] = [await samplingAndAsking(t), await samplingAndAsking(t)];
      // Both nodes' samples lie at the peer, and a third node asks first.
      const samples = [sample(first.silent, 1), sample(second.silent, 1)];
      await settle(t, first.silent);
      await settle(t, second.silent);
      const { received: answer } = await t.exchange(await ownSession(t, await t.node().port()));
      t.equal(cmOf(answer).feedbackPathId, 0, 'feedback-of-other-node', "Another node's path was fed back.", {
        packet: answer,
        field: 'feedbackPathId',
      });
      const shown: Observed[] = [];
      for (const [n, { asking, ports }] of [first, second].entries()) {
        await t.exchange(asking);
        const fed = feedbacks(ports)[0];
        t.require(fed !== undefined, 'no-feedback', 'The path that we measured was not fed back to its node.');
        requireFeedback(t, fed, 1, samples[n]!);
        shown.push(fed);
      }
      t.pass('Each node got its own delay.', ...shown);
    },
  },
  {
    id: 'FB-measured-on-every-flag',
    area: 'FB',
    purpose: 'Path id and timestamp are processed on every packet with a CM, whatever its flags.',
    requirements: ['MPIP-RX-02'],
    services: ['echo'],
    async run(t: Tester) {
      const shown: Observed[] = [];
      for (const flags of [
        Flags.normal,
        Flags.ipChange,
        Flags.heartbeat,
        Flags.enable,
        Flags.enabled,
        Flags.handshake,
      ]) {
        // A node for each flag: an address change forgets what was there before.
        const session = await ownSession(t, await t.node().port());
        const pathId = 40 + flags;
        const sent = sample(session, pathId, { flags });
        await t.exchange(session);
        const fed = feedbacks([session.port])[0];
        t.require(
          fed !== undefined,
          'not-measured',
          `The path of a packet with flags ${flags} was not fed back in the next packet.`,
          { packet: sent, field: 'pathId' },
        );
        requireFeedback(t, fed, pathId, sent);
        shown.push(fed);
      }
      t.pass('Samples were taken from every flag.', ...shown);
    },
  },
  {
    id: 'FB-any-feedback-tolerated',
    area: 'FB',
    purpose: 'Feedback for paths that the peer never had, with any delay, changes nothing.',
    requirements: ['MPIP-RX-02', 'MPIP-FB-08'],
    services: ['echo'],
    async run(t: Tester) {
      const session = await ownSession(t, await t.node().port());
      const { received: before } = await t.exchange(session);
      for (const pathDelay of [0, 1, -1, 0x7fffffff, -0x80000000]) {
        for (const feedbackPathId of [1, 2, 200, 255]) {
          const { received: answer } = await t.exchange(
            session,
            { feedbackPathId, pathDelay },
            { preamble: false, code: 'not-delivered', text: 'After strange feedback data is no longer delivered.' },
          );
          t.require(isData(answer), 'no-cm', 'After strange feedback data carries no CM.', { packet: answer });
          t.equal(
            cmOf(answer).sessionId,
            session.id,
            'session-lost',
            'After strange feedback the session is another.',
            {
              packet: answer,
              field: 'sessionId',
            },
          );
        }
      }
      t.require(isData(await ask(t, session.port)), 'no-cm', 'After strange feedback data carries no CM.');
      t.pass('Strange feedback was tolerated.', before);
    },
  },
];
