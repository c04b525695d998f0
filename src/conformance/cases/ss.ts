import type { TestCase } from '../case.js';
import { EXPECTED } from '../describe.js';
import { headerField, isData, isHeartbeat, type Observed } from '../observed.js';
import { cmOf, type Tester } from '../tester.js';
import { answers, confirmProvoked, exchange, nextAnswer, ownSession, peerSession, received } from './moves.js';
import { tupleOf } from './pa.js';

/** Section 3.7.1: how sessions begin, and their ids. Expiry is in ss-expiry.ts, ids that clash in ss-clash.ts. */
export const SS_CASES: readonly TestCase[] = [
  {
    id: 'SS-created-at-first-send',
    area: 'SS',
    purpose: 'The first packet that the peer sends after the handshake carries the id of a new session, 1 or more.',
    requirements: ['MPIP-SS-01', 'MPIP-SS-02'],
    services: ['echo'],
    async run(t: Tester) {
      for (const handshake of ['ours', 'theirs'] as const) {
        const port = await t.node().port();
        if (handshake === 'ours') await t.handshake(port);
        else await confirmProvoked(t, port);
        const answer = await peerSession(t, port);
        t.require(
          cmOf(answer).sessionId >= 1,
          'no-session-id',
          'The first packet after the handshake has no session id.',
          {
            packet: answer,
            field: 'sessionId',
            expected: '1 or more',
            seen: cmOf(answer).sessionId,
          },
        );
        t.pass('The first packet began a session.', answer);
      }
    },
  },
  {
    id: 'SS-id-stays',
    area: 'SS',
    purpose: 'All packets of one connection carry the id of its session, before and after we have answered with it.',
    requirements: ['MPIP-SS-03', 'MPIP-SS-01'],
    services: ['echo'],
    async run(t: Tester) {
      const port = await t.node().port();
      await t.handshake(port);
      const first = await peerSession(t, port);
      const id = cmOf(first).sessionId;
      const answers: Observed[] = [await peerSession(t, port), await peerSession(t, port)];
      const session = { id, port, service: 'echo', first } as const;
      for (const pathId of [0, 1, 1, 2]) answers.push((await exchange(t, session, { pathId })).received);
      answers.push(await peerSession(t, port));
      for (const answer of answers) {
        t.require(isData(answer), 'no-cm', 'A packet of the session carries no CM.', {
          expected: EXPECTED.withCm,
          packet: answer,
        });
        t.equal(
          cmOf(answer).sessionId,
          id,
          'session-changed',
          'Two packets of one connection carry different session ids.',
          {
            packet: answer,
            field: 'sessionId',
          },
        );
      }
      t.pass('One id for both directions.', first, answers.at(-1)!);
    },
  },
  {
    id: 'SS-path-zero-announces',
    area: 'SS',
    purpose: "Until our first CM with its id has arrived, a session of the peer's goes by path id 0 on its own tuple.",
    requirements: ['MPIP-PA-09', 'MPIP-PA-02'],
    services: ['echo'],
    async run(t: Tester) {
      const port = await t.node().port();
      await t.handshake(port);
      const shown: Observed[] = [];
      // We withhold the session id: ordinary datagrams do not tell the peer that we know the session.
      for (let i = 0; i < 5; i++) {
        const answer = await peerSession(t, port);
        t.equal(cmOf(answer).pathId, 0, 'path-too-early', 'A path is used though only one end holds the session.', {
          packet: answer,
          field: 'pathId',
        });
        shown.push(answer);
      }
      t.pass('Path id 0 while the session was not ours as well.', shown[0]!, shown.at(-1)!);
    },
  },
  {
    id: 'SS-path-from-one-when-shared',
    area: 'SS',
    purpose: 'Once both ends hold the session, packets go by paths with ids from 1, and one id stands for one tuple.',
    requirements: ['MPIP-PA-01', 'MPIP-PA-02'],
    services: ['echo'],
    async run(t: Tester) {
      const tuples = new Map<number, string>();
      const shown: Observed[] = [];
      const node = t.node();
      for (const own of [true, false]) {
        const port = await node.port();
        await t.handshake(port);
        const id = own ? 200 : cmOf(await peerSession(t, port)).sessionId;
        const session = { id, port, service: 'echo', first: undefined } as const;
        // Our first CM with the id makes the session known at both ends.
        await exchange(t, session);
        for (let i = 0; i < 4; i++) {
          const { received: answer } = await exchange(t, session, { pathId: 1 });
          const { pathId } = cmOf(answer);
          t.require(pathId >= 1, 'no-path', 'Both ends hold the session and the peer still names no path.', {
            expected: 'a path id from 1',
            seen: pathId,
            packet: answer,
            field: 'pathId',
          });
          const tuple = tupleOf(answer);
          t.equal(tuples.get(pathId) ?? tuple, tuple, 'path-id-ambiguous', 'One path id stands for two tuples.', {
            packet: answer,
            field: 'pathId',
          });
          tuples.set(pathId, tuple);
          shown.push(answer);
        }
      }
      t.pass('Paths have ids of their own.', shown[0]!, shown.at(-1)!);
    },
  },
  {
    id: 'SS-new-id-for-new-session',
    area: 'SS',
    purpose: 'Each connection of a node gets an id of its own, and none is given to two sessions.',
    requirements: ['MPIP-SS-02'],
    services: ['echo'],
    async run(t: Tester) {
      const node = t.node();
      const byId = new Map<number, Observed>();
      const sessions: { id: number; first: Observed; port: Awaited<ReturnType<typeof node.port>> }[] = [];
      for (let i = 0; i < 8; i++) {
        const port = await node.port();
        await t.handshake(port);
        const first = await peerSession(t, port);
        const { sessionId } = cmOf(first);
        t.require(!byId.has(sessionId), 'id-used-twice', 'Two connections got the same session id.', {
          packet: first,
          field: 'sessionId',
          expected: `another id than ${[...byId.keys()].join(', ')}`,
          seen: sessionId,
        });
        byId.set(sessionId, first);
        sessions.push({ id: sessionId, first, port });
      }
      for (const { id, port } of sessions) {
        const again = await peerSession(t, port);
        t.equal(cmOf(again).sessionId, id, 'session-changed', 'The id of a session changed when others were begun.', {
          packet: again,
          field: 'sessionId',
        });
      }
      t.pass('Eight connections, eight ids.', ...byId.values());
    },
  },
  {
    id: 'SS-own-ids-avoid-ours',
    area: 'SS',
    purpose: "A session id that we have chosen is not given to a session of the peer's with us.",
    requirements: ['MPIP-SS-02', 'MPIP-SS-04'],
    services: ['echo'],
    async run(t: Tester) {
      const node = t.node();
      const ids = new Map<number, string>();
      const note = (id: number, whose: string, packet: Observed) => {
        t.require(!ids.has(id), 'id-used-twice', `Session id ${id} is ${whose} and already ${ids.get(id)}.`, {
          expected: `another id than ${[...ids.keys()].join(', ')}`,
          seen: id,
          packet,
          field: 'sessionId',
        });
        ids.set(id, whose);
      };
      // Ours take the very ids that a counter would give out next.
      for (let i = 0; i < 6; i++) {
        const asked = await node.port();
        await t.handshake(asked);
        const first = await peerSession(t, asked);
        note(cmOf(first).sessionId, "one of the peer's", first);
        const next = cmOf(first).sessionId + 1;
        if (next > 255 || ids.has(next)) continue;
        const ours = await node.port();
        await t.handshake(ours);
        ours.send('echo', t.payload(), { sessionId: next });
        const adopted = await nextAnswer(t, ours);
        t.equal(adopted.cm?.sessionId ?? 'none', next, 'not-adopted', 'The peer did not take over our session id.', {
          packet: adopted,
          field: 'sessionId',
        });
        note(next, 'one of ours', adopted);
      }
      t.pass('No id was used twice.');
    },
  },
  {
    id: 'SS-adopts-our-id',
    area: 'SS',
    purpose: 'The peer takes over the id of a session that we begin, and answers with it.',
    requirements: ['MPIP-SS-04', 'MPIP-SS-03'],
    services: ['echo'],
    async run(t: Tester) {
      for (const id of [77, 1, 255]) {
        const port = await t.node().port();
        await t.handshake(port);
        const answers: Observed[] = [];
        for (let i = 0; i < 2; i++) {
          port.send('echo', t.payload(), { sessionId: id });
          answers.push(await nextAnswer(t, port));
        }
        for (const answer of answers) {
          t.equal(
            answer.cm?.sessionId ?? 'none',
            id,
            'not-adopted',
            'The peer does not answer with the id that we chose.',
            {
              packet: answer,
              ...(answer.cm === undefined ? {} : { field: 'sessionId' as const }),
            },
          );
        }
        t.pass('The id was adopted.', ...answers);
      }
    },
  },
  {
    id: 'SS-adopts-by-any-path',
    area: 'SS',
    purpose: 'A session whose first packet was lost is adopted from a later one, which names a path.',
    requirements: ['MPIP-SS-04'],
    services: ['echo'],
    async run(t: Tester) {
      const port = await t.node().port();
      await t.handshake(port);
      const payload = t.payload();
      port.send('echo', payload, { sessionId: 88, pathId: 3 });
      const answer = await nextAnswer(t, port, {
        code: 'not-delivered',
        text: 'Data of a session that the peer did not know was not delivered.',
        preamble: false,
      });
      t.require(isData(answer), 'no-cm', 'The answer carries no CM.', { expected: EXPECTED.withCm, packet: answer });
      t.equal(cmOf(answer).sessionId, 88, 'not-adopted', 'The session was not adopted from a packet with a path id.', {
        packet: answer,
        field: 'sessionId',
      });
      t.pass('Adopted from path 3.', answer);
    },
  },
  {
    id: 'SS-equal-ids-of-two-nodes',
    area: 'SS',
    purpose: 'Sessions of two nodes with the same id are two sessions: nothing of one reaches the other.',
    requirements: ['MPIP-SS-05', 'MPIP-RX-03'],
    services: ['echo'],
    async run(t: Tester) {
      await ownSession(t, await t.node().port(), 'echo', { id: 78 });
      const ports = [await t.node().port(), await t.node().port()] as const;
      for (const port of ports) await t.handshake(port);
      const shown: Observed[] = [];
      for (const pathId of [0, 0, 1, 2]) {
        for (const port of ports) {
          const other = port === ports[0] ? ports[1] : ports[0];
          const payload = t.payload();
          port.send('echo', payload, { sessionId: 77, pathId });
          const answer = await port.receive(answers(payload));
          const strayed = received(other, answers(payload))[0];
          t.refuse(strayed, 'sessions-mixed-up', "Data of one node's session 77 went to another node.", {
            expected: `the answer at port ${port.port}`,
            seen: `it at port ${other.port}`,
            ...headerField(strayed, 'destinationPort'),
          });
          if (answer === undefined) {
            await t.silent(port, {
              code: 'sessions-mixed-up',
              expected: EXPECTED.echo,
              text: "Data of one of two nodes' sessions 77 did not come back.",
            });
            return;
          }
          t.equal(
            answer.cm?.sessionId ?? 'none',
            77,
            'session-changed',
            'The session of one of the nodes got another id.',
            {
              packet: answer,
              field: 'sessionId',
            },
          );
          shown.push(answer);
        }
      }
      t.pass('Two nodes, two sessions 77.', ...shown.slice(-2));
    },
  },
  {
    id: 'SS-each-connection-its-session',
    area: 'SS',
    purpose: 'Connections that differ only in the port of the peer are two sessions.',
    requirements: ['MPIP-SS-02', 'MPIP-SS-03'],
    services: ['echo', 'discard'],
    duration: (constants) => 1.2 * constants['heartbeat-age'],
    async run(t: Tester) {
      const port = await t.node().port();
      const age = t.constants['heartbeat-age'];
      await t.handshake(port);
      const one = { id: 31, port, service: 'echo', first: undefined } as const;
      await exchange(t, one);
      for (const pathId of [0, 1]) port.send('discard', t.payload(), { sessionId: 32, pathId });
      await t.handshake(port, 'discard');
      // The peer itself has to find the session of its packet: ours is an ordinary datagram.
      for (const answer of [await peerSession(t, port), (await exchange(t, one)).received]) {
        t.equal(cmOf(answer).sessionId, 31, 'sessions-mixed-up', 'The session with the echo service got another id.', {
          packet: answer,
          field: 'sessionId',
        });
      }
      await t.sleep(Math.round(1.2 * age));
      port.send('discard', t.payload(), { sessionId: 32, pathId: 1 });
      const isOfDiscard = (packet: Observed) =>
        isHeartbeat(packet) && packet.sourcePort === t.destination('discard').port && cmOf(packet).feedbackPathId === 1;
      const heartbeat = await t.expect(port, isOfDiscard, {
        code: 'no-heartbeat',
        text: 'No heartbeat shows the session with the discard service.',
        expected: EXPECTED.heartbeat,
        preamble: true,
      });
      t.equal(
        cmOf(heartbeat).sessionId,
        32,
        'sessions-mixed-up',
        'The session with the discard service got another id.',
        {
          packet: heartbeat,
          field: 'sessionId',
        },
      );
      t.pass('Two services, two sessions.', heartbeat);
    },
  },
];
