import { Flags, formatIpv4 } from '../../codec/index.js';
import type { TestCase } from '../case.js';
import { EXPECTED } from '../describe.js';
import { headerField, isConfirm, isData, isPlain, isQuery, type Observed } from '../observed.js';
import type { TestPort } from '../test-port.js';
import { cmOf, type Session, type Tester } from '../tester.js';
import { answers, ask, exchange, ownSession, received, SETTLE, tryExchange } from './moves.js';

/**
 * Sends data of a session from somewhere else and requires that the echo service saw the session's own addresses and
 * ports: the answer belongs to the session. It arrives at the session's port, or by a path to `elsewhere` if that port
 * has been through the handshake.
 */
async function requireRestored(
  t: Tester,
  session: Session,
  elsewhere: TestPort,
  { service = session.service, mayReturnThere = false } = {},
): Promise<Observed> {
  const payload = t.payload();
  const sent = elsewhere.send(service, payload, { sessionId: session.id, pathId: 2 });
  const isAnswer = answers(payload);
  const found = await session.port.receive((packet) => isAnswer(packet));
  const answer = found ?? received(elsewhere, isAnswer)[0];
  if (answer === undefined) {
    return await t.silent(session.port, {
      code: 'not-delivered',
      text: 'Data of a known session that came by another path was not delivered.',
      expected: EXPECTED.echo,
      packet: sent,
    });
  }
  t.require(
    answer.localPort === session.port.port || mayReturnThere,
    'not-restored',
    'Data of a session that came by another path was handed up with the addresses and ports of that path: the answer went there instead of to the session.',
    {
      expected: `the answer at port ${session.port.port}`,
      seen: `it at port ${answer.localPort} of ${formatIpv4(answer.destination)}`,
      packet: answer,
      octet: 16,
      octets: 4,
    },
  );
  t.equal(
    answer.cm?.sessionId ?? 'none',
    session.id,
    'not-restored',
    'Data of a session that came by another path was not taken for data of that session.',
    { packet: answer, ...(answer.cm === undefined ? {} : { field: 'sessionId' as const }) },
  );
  return answer;
}

/** Section 3.7.2: what becomes of received packets. Feedback on every flag is judged in fb.ts. */
export const RX_CASES: readonly TestCase[] = [
  {
    id: 'RX-from-other-known-port',
    area: 'RX',
    purpose:
      "A session's data from another port of the node, known by its own handshake, is delivered as the session's.",
    requirements: ['MPIP-RX-01', 'MPIP-RX-04'],
    services: ['echo'],
    async run(t: Tester) {
      const node = t.node();
      const session = await ownSession(t, await node.port());
      const other = await node.port();
      await t.handshake(other);
      const shown: Observed[] = [];
      for (let i = 0; i < 3; i++) shown.push(await requireRestored(t, session, other, { mayReturnThere: true }));
      // The session still works from its own port; both ports are paths now, and the answer may take either.
      const payload = t.payload();
      session.port.send('echo', payload, { sessionId: session.id, pathId: 1 });
      const last = (await session.port.receive(answers(payload))) ?? received(other, answers(payload))[0];
      if (last === undefined) {
        await t.silent(session.port, {
          code: 'no-echo',
          text: "The session's own port is not answered any more.",
          expected: EXPECTED.echo,
          preamble: true,
        });
      }
      t.pass("The session's addresses and ports were restored.", ...shown);
    },
  },
  {
    id: 'RX-from-other-new-port',
    area: 'RX',
    purpose:
      "A session's data from a port never seen before (a NAT's new mapping) is delivered as the session's; answers stay on the known path.",
    requirements: ['MPIP-RX-01', 'MPIP-SS-09'],
    services: ['echo'],
    async run(t: Tester) {
      const node = t.node();
      const session = await ownSession(t, await node.port());
      const other = await node.port();
      const answer = await requireRestored(t, session, other);
      await t.expectSilence(other, isData, SETTLE, {
        code: 'unproven-path-used',
        text: 'Data went to an address and port that has not answered yet.',
      });
      t.pass("The session's addresses and ports were restored.", answer);
    },
  },
  {
    id: 'RX-from-other-address',
    area: 'RX',
    purpose: "A session's data from another address of the node, listed in its CMs, is delivered as the session's.",
    requirements: ['MPIP-RX-01'],
    services: ['echo'],
    sources: 2,
    async run(t: Tester) {
      const node = t.node();
      const [port, other] = [await node.port(0), await node.port(1)];
      const localAddresses = [port.address, other.address];
      const session = await ownSession(t, port, 'echo', { cm: { localAddresses } });
      await exchange(t, session, { localAddresses, pathId: 1 });
      await t.handshake(other);
      const answer = await requireRestored(t, session, other, { mayReturnThere: true });
      t.pass("The session's addresses and ports were restored.", answer);
    },
  },
  {
    id: 'RX-to-other-service-port',
    area: 'RX',
    purpose:
      "A session's data sent to another port of the peer is delivered to the service that the session belongs to.",
    requirements: ['MPIP-RX-01'],
    services: ['echo', 'discard'],
    async run(t: Tester) {
      const session = await ownSession(t, await t.node().port());
      await exchange(t, session, { pathId: 1 });
      const answer = await requireRestored(t, session, session.port, { service: 'discard' });
      t.pass('Delivered to the service of the session.', answer);
    },
  },
  {
    id: 'RX-unknown-session-goes-nowhere-else',
    area: 'RX',
    purpose: 'Data of a session that the peer does not know is not delivered to the socket of another session.',
    requirements: ['MPIP-RX-03', 'MPIP-RX-01'],
    services: ['echo'],
    async run(t: Tester) {
      const node = t.node();
      const session = await ownSession(t, await node.port(), 'echo', { id: 50 });
      await exchange(t, session, { pathId: 1 });
      for (const pathId of [1, 4, 0]) {
        const other = await node.port();
        const payload = t.payload();
        other.send('echo', payload, { sessionId: 60 + pathId, pathId }, { mayBeOrdinary: true });
        // Where it does come back, it is the sender of the packet who gets it.
        await other.receive(answers(payload), { within: SETTLE + t.slack });
        await t.expectSilence(session.port, answers(payload), SETTLE, {
          code: 'wrong-socket',
          text: 'Data of a session that the peer cannot know was delivered to the socket of another session.',
          requirement: 'MPIP-RX-01',
        });
      }
      await exchange(t, session, { pathId: 1 });
      t.pass('Nothing went to the other session.', session.first!);
    },
  },
  {
    id: 'RX-unknown-node-goes-nowhere-else',
    area: 'RX',
    purpose:
      "Data of a node that the peer does not know, with another node's session id, is not delivered to that session.",
    requirements: ['MPIP-RX-03', 'MPIP-SS-05'],
    services: ['echo'],
    async run(t: Tester) {
      const session = await ownSession(t, await t.node().port(), 'echo', { id: 50 });
      await exchange(t, session, { pathId: 1 });
      for (const [sessionId, pathId] of [
        [50, 0],
        [50, 1],
        [0, 0],
        [0, 1],
      ] as const) {
        const stranger = await t.node().port();
        const payload = t.payload();
        const sent = stranger.send('echo', payload, { sessionId, pathId }, { mayBeOrdinary: true });
        // Delivered stripped, or whole as an ordinary datagram: the paper has no rule for strangers.
        const either = (packet: Observed) => answers(payload)(packet) || answers(sent.wirePayload)(packet);
        await stranger.receive(either, { within: SETTLE + t.slack });
        await t.expectSilence(session.port, either, SETTLE, {
          code: 'wrong-socket',
          text: "Data of an unknown node was delivered to the socket of another node's session.",
          requirement: 'MPIP-SS-05',
        });
      }
      const { received: answer } = await exchange(t, session, { pathId: 1 }, { preamble: false });
      t.equal(answer.cm?.sessionId ?? 'none', 50, 'session-changed', 'A stranger changed the session of a node.', {
        packet: answer,
        field: 'sessionId',
      });
      t.pass('Nothing went to the session.', session.first!, answer);
    },
  },
  {
    id: 'RX-own-node-id-changes-nothing',
    area: 'RX',
    purpose: "A CM with the peer's own node id changes no state: data is delivered stripped, the rest dropped.",
    requirements: ['MPIP-CM-07', 'MPIP-CM-08', 'MPIP-AV-12'],
    services: ['echo'],
    async run(t: Tester) {
      const port = await t.node().port();
      const probe = await t.node().port();
      const { first } = await ownSession(t, probe);
      const nodeId = cmOf(first!).nodeId;
      port.send('echo', t.payload(), { nodeId, flags: Flags.enable }, { mayBeOrdinary: true });
      await t.expectSilence(port, () => true, SETTLE, {
        code: 'own-id-obeyed',
        text: "A query with the peer's own node id was answered or delivered.",
      });
      let answer: Observed | undefined;
      for (const flags of [Flags.normal, Flags.ipChange]) {
        const payload = t.payload();
        const session = { id: 5, port, service: 'echo', first: undefined } as const;
        const again = await tryExchange(session, { nodeId, flags }, payload);
        if (again === undefined) port.send('echo', payload, { nodeId, flags, sessionId: 5 });
        answer =
          again?.received ??
          (await t.expect(port, answers(payload), {
            code: 'not-stripped',
            text: "Data with the peer's own node id was not delivered stripped.",
            expected: EXPECTED.echo,
          }));
        t.require(isPlain(answer), 'own-id-obeyed', "CMs with the peer's own node id made their sender an MPIP host.", {
          expected: EXPECTED.withoutCm,
          packet: answer,
        });
      }
      await t.expect(port, isQuery, {
        code: 'no-query',
        text: 'The sender was not asked, as an unknown one is.',
        expected: EXPECTED.query,
        preamble: true,
      });
      const { confirm: later } = await t.handshake(port);
      t.pass('Only CMs with our own node id counted.', answer!, later);
    },
  },
  {
    id: 'RX-answers-follow-the-session',
    area: 'RX',
    purpose:
      "Two sessions of one node stay apart: each packet's answer goes to the session's own port, whatever the order.",
    requirements: ['MPIP-RX-01', 'MPIP-RX-03'],
    services: ['echo'],
    async run(t: Tester) {
      const node = t.node();
      const one = await ownSession(t, await node.port(), 'echo', { id: 11 });
      const two = await ownSession(t, await node.port(), 'echo', { id: 12 });
      for (const session of [one, two, two, one, one, two]) {
        const other = session === one ? two : one;
        const { sent, received: answer } = await exchange(
          t,
          session,
          { pathId: 1 },
          {
            preamble: false,
            code: 'wrong-socket',
            text: 'Data of one of two sessions of a node did not come back to its own port.',
          },
        );
        t.equal(cmOf(answer).sessionId, session.id, 'session-changed', 'The answer belongs to the other session.', {
          packet: answer,
          field: 'sessionId',
        });
        const [strayed] = received(other.port, answers(sent.payload));
        t.refuse(strayed, 'wrong-socket', 'The answer came to the port of the other session, too.', {
          expected: `the answer at port ${session.port.port} only`,
          seen: `it at port ${other.port.port}`,
          ...headerField(strayed, 'destinationPort'),
        });
      }
      await ask(t, one.port);
      t.require(received(one.port, isConfirm).length >= 1, 'no-confirm', 'The handshake left no confirmation.', {
        expected: EXPECTED.confirm,
        seen: 'none',
        packet: one.port.lastSent,
      });
      t.pass('Each session got its own answers.');
    },
  },
];
