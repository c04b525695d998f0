import { Flags } from '../../codec/index.js';
import type { TestCase } from '../case.js';
import { EXPECTED, inWords } from '../describe.js';
import { isData, type Observed } from '../observed.js';
import { cmOf, type Tester } from '../tester.js';
import {
  feedbacks,
  measure,
  requireFeedback,
  sample,
  sampleAge,
  samplingAndAsking,
  settle,
  ticksToMicros,
  tolerance,
} from './fb-measuring.js';
import { ask, exchange, ownSession, received, tryExchange } from './moves.js';

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
        rounds.push(await exchange(t, session));
        await t.sleep(100_000);
      }
      const first = rounds[0]!;
      for (const [i, round] of rounds.slice(1).entries()) {
        const before = rounds[i]!.received;
        const step = ticksToMicros(t, cmOf(round.received).timestamp - cmOf(before).timestamp);
        t.require(step >= 0, 'clock-back', "The peer's clock went back from one packet to the next.", {
          packet: round.received,
          field: 'timestamp',
          expected: 'a later time',
          seen: inWords(step),
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
            expected: `between ${inWords(least)} and ${inWords(most)} after the first`,
            seen: inWords(advanced),
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
        const peerClock = cmOf((await exchange(t, session)).received).timestamp;
        const timestamp = (peerClock + Math.round(ahead / t.profile.tickMicros)) % 0x1_0000_0000;
        const { fed } = await measure(t, session, 3, { timestamp });
        t.require(cmOf(fed).pathDelay < 0, 'clamped', 'The delay of a packet from the future is negative.', {
          packet: fed,
          field: 'pathDelay',
          expected: 'less than 0',
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
      const { sent: trigger } = await exchange(t, asking);
      const fed = feedbacks(ports).find((packet) => cmOf(packet).feedbackPathId === 7);
      t.require(fed !== undefined, 'no-feedback', 'The path that we measured was not fed back.', {
        expected: 'feedback for path 7',
        seen: 'none',
        packet: trigger,
      });
      requireFeedback(t, fed, 7, sent);
      if (fed.time < trigger.time)
        t.inconc('fed-back-early', 'The path was fed back before we asked.', {
          expected: `the answer to frame ${trigger.frame}`,
          seen: 'an earlier packet',
          packet: fed,
          field: 'feedbackPathId',
        });
      const waited = trigger.time - settled.time;
      t.require(
        sampleAge(t, fed, sent) >= waited - tolerance(t, waited),
        'measured-late',
        'The delay contains the time that the sample lay at the peer before it was fed back.',
        {
          packet: fed,
          field: 'pathDelay',
          expected: `a sample received at least ${inWords(waited)} before`,
          seen: `one from ${inWords(Math.max(0, sampleAge(t, fed, sent)))} before`,
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
      for (let i = 0; i < 2; i++) {
        // 11 s of our clock apart, so that neither one of them nor their mean can be taken for the other.
        const apart = Math.round((i * 11_000_000) / t.profile.tickMicros);
        samples.push(sample(silent, 9, { timestamp: (node.clock() + apart) % 0x1_0000_0000 }));
        // In this order on every network.
        await t.sleep(t.slack);
      }
      await settle(t, silent);
      await exchange(t, asking);
      const fed = feedbacks(ports).filter((packet) => cmOf(packet).feedbackPathId === 9);
      t.require(fed.length > 0, 'no-feedback', 'The path that we measured was not fed back.', {
        expected: 'feedback for path 9',
        seen: 'none',
        packet: asking.port.lastSent,
      });
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
      for (let i = 0; i < 4; i++) await exchange(t, asking);
      const fed = feedbacks(ports);
      for (const packet of fed) {
        const sent = samples.get(cmOf(packet).feedbackPathId);
        t.require(sent !== undefined, 'unknown-feedback-path', 'The peer feeds back a path that we never sent on.', {
          packet,
          field: 'feedbackPathId',
          expected: `one of ${[...samples.keys()].join(', ')}`,
          seen: cmOf(packet).feedbackPathId,
        });
        requireFeedback(t, packet, cmOf(packet).feedbackPathId, sent);
      }
      t.equal(
        `feedback for ${new Set(fed.map((packet) => cmOf(packet).feedbackPathId)).size} paths`,
        'feedback for 4 paths',
        'path-not-fed-back',
        'Four paths have a new sample and four packets were sent, but not every path was fed back.',
        { packet: fed.at(-1), field: 'feedbackPathId' },
      );
      t.pass('Four paths, four delays.', ...fed);
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
      const { received: answer } = await exchange(t, await ownSession(t, await t.node().port()));
      t.equal(cmOf(answer).feedbackPathId, 0, 'feedback-of-other-node', "Another node's path was fed back.", {
        packet: answer,
        field: 'feedbackPathId',
      });
      const shown: Observed[] = [];
      for (const [n, { asking, ports }] of [first, second].entries()) {
        await exchange(t, asking);
        const fed = feedbacks(ports)[0];
        t.require(fed !== undefined, 'no-feedback', 'The path that we measured was not fed back to its node.', {
          expected: `feedback to node ${n + 1}`,
          seen: 'none',
          packet: asking.port.lastSent,
        });
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
      for (const flags of Object.values(Flags)) {
        let fed: Observed | undefined;
        let sent: Observed | undefined;
        // The sample or what feeds it back may be lost.
        for (let attempt = 0; attempt < 4 && fed === undefined; attempt++) {
          // A node for each flag: an address change forgets what was there before.
          const session = await ownSession(t, await t.node().port());
          sent = sample(session, 40 + flags, { flags });
          // It arrives before what asks for it, on every network.
          await t.sleep(t.slack);
          await exchange(t, session);
          fed = feedbacks([session.port])[0];
        }
        t.require(
          fed !== undefined && sent !== undefined,
          'not-measured',
          `The path of a packet with flags ${flags} was not fed back in the next packet.`,
          { expected: 'feedback for the path of the packet', seen: 'none', packet: sent, field: 'pathId' },
        );
        requireFeedback(t, fed, 40 + flags, sent);
        shown.push(fed);
      }
      t.pass('Samples were taken from every flag.', ...shown);
    },
  },
  {
    id: 'FB-any-feedback-tolerated',
    area: 'FB',
    purpose: 'Feedback for paths that the peer never had, with any delay, changes nothing.',
    requirements: ['MPIP-RX-02'],
    services: ['echo'],
    async run(t: Tester) {
      const session = await ownSession(t, await t.node().port());
      const { received: before } = await exchange(t, session);
      for (const pathDelay of [0, 1, -1, 0x7fffffff, -0x80000000]) {
        for (const feedbackPathId of [1, 2, 200, 255]) {
          const tried = await tryExchange(session, { feedbackPathId, pathDelay }, t.payload());
          const { received: answer } =
            tried ??
            (await t.exchange(
              session,
              { feedbackPathId, pathDelay },
              { preamble: false, code: 'not-delivered', text: 'After strange feedback data is no longer delivered.' },
            ));
          t.require(isData(answer), 'no-cm', 'After strange feedback data carries no CM.', {
            expected: EXPECTED.withCm,
            packet: answer,
          });
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
      const after = await ask(t, session.port);
      t.require(isData(after), 'no-cm', 'After strange feedback data carries no CM.', {
        expected: EXPECTED.withCm,
        packet: after,
      });
      t.pass('Strange feedback was tolerated.', before);
    },
  },
];
