import type { TestCase } from '../case.js';
import { EXPECTED, inWords } from '../describe.js';
import { headerField, isData, isPlain, isQuery, type Observed, payloadIs } from '../observed.js';
import type { Tester } from '../tester.js';
import { answers, ask, isPrefix, peerSession, received, SETTLE } from './moves.js';

/** Section 3 in general: nothing above or below IP notices MPIP. */
export const GEN_CASES: readonly TestCase[] = [
  {
    id: 'GEN-ordinary-traffic-unharmed',
    area: 'GEN',
    purpose:
      'To a host without MPIP, datagrams of many sizes return unmodified and exactly once, and nothing comes beside them but query copies.',
    requirements: ['MPIP-GEN-03', 'MPIP-GEN-01', 'MPIP-AV-03'],
    services: ['echo'],
    async run(t: Tester) {
      const port = await t.node().port();
      // Sizes around those of a trailer, where a length could go wrong.
      const payloads = [1, 2, 24, 25, 26, 27, 28, 29, 53, 100, 1000, 1400].map((size) => t.payload(size));
      const answersTo = (payload: Uint8Array) =>
        received(port, (packet) => isPlain(packet) && payloadIs(payload)(packet));
      const doubled: Observed[] = [];
      for (const payload of payloads) {
        let sent = 0;
        // What was lost on the way is sent again.
        while (sent < 3 && answersTo(payload).length === 0) {
          port.send('echo', payload);
          sent++;
          await t.until(() => answersTo(payload).length > 0, t.patience / 2);
        }
        const modified = received(port, isPlain).find((packet) => !payloads.some((one) => payloadIs(one)(packet)));
        t.refuse(
          modified,
          'original-modified',
          `A host without MPIP sent ${payload.length} octets to the echo service and must get the same octets back.`,
          {
            expected: `those ${payload.length} octets`,
            seen: `${modified?.wirePayload.length} others`,
            ...headerField(modified, 'userData'),
          },
        );
        if (answersTo(payload).length === 0) {
          await t.silent(port, {
            code: 'original-lost',
            text: 'A datagram of the echo service to a host without MPIP, asked for three times, did not arrive.',
            expected: EXPECTED.echo,
          });
        }
        await t.sleep(t.slack);
        if (answersTo(payload).length > sent) doubled.push(answersTo(payload).at(-1)!);
      }
      await t.expectSilence(port, (packet) => !isQuery(packet) && !isPlain(packet), SETTLE, {
        code: 'extra-packet',
        text: 'Beside each original only query copies may reach a host without MPIP.',
      });
      // A network doubles one now and then.
      t.require(
        doubled.length < 3,
        'extra-packet',
        'Originals reached a host without MPIP more often than they were sent.',
        {
          expected: 'each once',
          seen: `${doubled.length} of ${payloads.length} more than once`,
          packet: doubled[0],
          ...headerField(doubled[0], 'userData'),
        },
      );
      if (doubled.length > 0) t.inconc('doubled', 'An original came twice, which may be the doing of the network.');
      const copies = received(port, isQuery);
      if (copies.length === 0) t.inconc('no-query', 'The peer asked nothing: it may have no MPIP that could do harm.');
      const most = t.constants['query-limit'] + 1;
      t.require(copies.length <= most, 'too-many-copies', 'More query copies came than the threshold allows.', {
        packet: copies.at(-1)!,
        field: 'flags',
        expected: `at most ${most}`,
        seen: copies.length,
      });
      for (const copy of copies) {
        t.require(
          payloads.some((payload) => isPrefix(copy.payload, payload)),
          'copy-of-nothing',
          'A query is a copy of a packet that the peer sends; this one carries other user data.',
          { expected: 'the user data of an original, or the first of it', packet: copy },
        );
      }
      t.pass('Every original came back unmodified and once.', ...received(port, isPlain).slice(0, 1));
    },
  },
  {
    id: 'GEN-not-held-back',
    area: 'GEN',
    purpose: 'Packets to an address not known enabled leave at once, though nobody answers the query.',
    requirements: ['MPIP-GEN-04'],
    services: ['echo'],
    async run(t: Tester) {
      const port = await t.node().port();
      const longest = 300_000 + t.slack;
      // Section 3.2: "Before the handshake finishes, all communication on the connection is normal traffic".
      for (let i = 0; i < 3; i++) {
        const payload = t.payload();
        const sent = port.send('echo', payload);
        // How far away and how busy the peer is: what it answers later, at once.
        const { confirm } = await t.handshake(await t.node().port());
        const answer = await t.expect(port, answers(payload), {
          code: 'held-back',
          text: 'The peer sends nothing to an address that has not answered its query; it must not wait for the handshake.',
          expected: EXPECTED.echo,
          packet: sent,
          within: 3_000_000,
        });
        t.require(
          answer.time - confirm.time <= longest,
          'held-back',
          'The peer held a packet back although only its query was unanswered.',
          {
            packet: answer,
            expected: `it at most ${inWords(longest)} after the confirmation of a later query`,
            seen: `it ${inWords(answer.time - confirm.time)} after`,
          },
        );
      }
      await t.expect(port, isQuery, {
        code: 'no-query',
        text: 'The peer sent no availability query, so that there was no handshake to wait for.',
        expected: EXPECTED.query,
        preamble: true,
      });
      t.pass('The packets came at once while the query stayed unanswered.');
    },
  },
  {
    id: 'GEN-two-endpoints-behind-one-address',
    area: 'GEN',
    purpose:
      'Two nodes at one address, told apart by their ports, are two endpoints: one speaks MPIP, the other not yet.',
    requirements: ['MPIP-GEN-02', 'MPIP-AV-18'],
    services: ['echo'],
    async run(t: Tester) {
      const first = await t.node().port();
      const second = await t.node().port();
      await t.handshake(first);
      await peerSession(t, first);
      const original = await ask(t, second);
      t.require(
        isPlain(original),
        'endpoints-mixed-up',
        'Another port of the same address, another node, got a control message though it never took part in a handshake.',
        { expected: EXPECTED.withoutCm, packet: original },
      );
      await t.expect(second, isQuery, {
        code: 'endpoints-mixed-up',
        text: 'Another port of the same address, another node, was not asked whether it speaks MPIP.',
        expected: EXPECTED.query,
        preamble: true,
      });
      // Both at once: each gets its own answers only.
      await t.handshake(second);
      await peerSession(t, second);
      for (const [port, other] of [
        [first, second],
        [second, first],
      ] as const) {
        const payload = t.payload();
        const answer = await ask(t, port, payload);
        t.require(isData(answer), 'no-cm', 'After the handshake of both nodes, one of them gets no control message.', {
          expected: EXPECTED.withCm,
          packet: answer,
        });
        const [strayed] = received(other, payloadIs(payload));
        t.refuse(strayed, 'wrong-endpoint', 'The answer went to another port of the same address.', {
          expected: `port ${port.port}`,
          seen: `port ${other.port}`,
          ...headerField(strayed, 'destinationPort'),
        });
      }
      t.pass('Both nodes behind one address were served apart.', original);
    },
  },
];
