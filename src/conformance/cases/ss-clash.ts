import type { TestCase } from '../case.js';
import { EXPECTED } from '../describe.js';
import { headerField, isData, isPlain, type Observed } from '../observed.js';
import type { TestNode, TestPort } from '../test-port.js';
import { cmOf, type Tester } from '../tester.js';
import { answers, ask, exchange, ownSession, peerSession, received } from './moves.js';

/** A node whose id is lower, or higher, than the peer's: the numerically lower one wins when ids clash. */
async function nodeBeside(t: Tester, which: 'lower' | 'higher'): Promise<TestNode> {
  const probe = await t.node().port();
  const { confirm } = await t.handshake(probe);
  const peerId = cmOf(confirm).nodeId;
  for (let i = 0; i < 5000; i++) {
    const node = t.node();
    if (which === 'lower' ? node.id < peerId : node.id > peerId) return node;
  }
  return t.notApplicable('node-id', `The peer's node id leaves hardly any ${which} one for us.`);
}

/** Opens a port and lets the peer begin a session there. */
async function begun(t: Tester, node: TestNode): Promise<{ port: TestPort; first: Observed; id: number }> {
  const port = await node.port();
  await t.handshake(port);
  const first = await peerSession(t, port);
  return { port, first, id: cmOf(first).sessionId };
}

/** Section 3.7.1 where both ends choose an id at once: docs/decisions.md 4 and 5. */
export const SS_CLASH_CASES: readonly TestCase[] = [
  {
    id: 'SS-both-begin-lower-wins',
    area: 'SS',
    purpose:
      'Both ends begin a session for one connection; ours has the lower node id, so that the peer changes to our session id.',
    requirements: ['MPIP-SS-03'],
    services: ['echo'],
    async run(t: Tester) {
      const { port, id } = await begun(t, await nodeBeside(t, 'lower'));
      const ours = id === 140 ? 141 : 140;
      const session = { id: ours, port, service: 'echo', first: undefined } as const;
      const { received: crossing } = await exchange(t, session);
      for (const answer of [crossing, (await exchange(t, session)).received, await peerSession(t, port)]) {
        t.equal(cmOf(answer).sessionId, ours, 'wrong-winner', 'The peer did not change to the id of the lower node.', {
          packet: answer,
          field: 'sessionId',
        });
      }
      t.pass('Both ends use the id of the lower node.', crossing);
    },
  },
  {
    id: 'SS-both-begin-higher-loses',
    area: 'SS',
    purpose:
      'Both ends begin a session for one connection; ours has the higher node id, so that the peer keeps its session id.',
    requirements: ['MPIP-SS-03', 'MPIP-PA-09'],
    services: ['echo'],
    async run(t: Tester) {
      const { port, id } = await begun(t, await nodeBeside(t, 'higher'));
      const ours = id === 140 ? 141 : 140;
      const session = { id: ours, port, service: 'echo', first: undefined } as const;
      const { received: crossing } = await exchange(t, session);
      if (crossing.cm?.sessionId === id) {
        t.equal(
          cmOf(crossing).pathId,
          0,
          'path-too-early',
          'The peer was told another id than its own; it cannot know that we hold its session, and uses a path.',
          { packet: crossing, field: 'pathId', requirement: 'MPIP-PA-09' },
        );
      }
      const { received: after } = await exchange(t, { ...session, id });
      for (const answer of [crossing, after, await peerSession(t, port)]) {
        t.require(isData(answer), 'no-cm', 'After crossing first packets data carries no CM.', {
          expected: EXPECTED.withCm,
          packet: answer,
        });
        t.equal(cmOf(answer).sessionId, id, 'wrong-winner', 'The peer gave up its id although its node id is lower.', {
          packet: answer,
          field: 'sessionId',
        });
      }
      t.pass('Both ends use the id of the lower node.', crossing);
    },
  },
  {
    id: 'SS-id-for-two-connections-lower-wins',
    area: 'SS',
    purpose:
      "Both ends give one id to two connections; ours has the lower node id, so that the peer's connection gets a new id and begins again with path 0.",
    requirements: ['MPIP-SS-02', 'MPIP-SS-03'],
    services: ['echo'],
    async run(t: Tester) {
      const node = await nodeBeside(t, 'lower');
      const theirs = await begun(t, node);
      await ownSession(t, await t.node().port());
      const port = await node.port();
      await t.handshake(port);
      const { received: ours } = await exchange(
        t,
        { id: theirs.id, port, service: 'echo', first: undefined },
        {},
        { preamble: false, code: 'not-delivered', text: 'Data of a new session whose id clashed was not delivered.' },
      );
      t.require(isData(ours), 'no-cm', 'The answer in the clashing session carries no CM.', {
        expected: EXPECTED.withCm,
        packet: ours,
      });
      t.equal(cmOf(ours).sessionId, theirs.id, 'wrong-winner', 'The session of the lower node did not keep its id.', {
        packet: ours,
        field: 'sessionId',
      });
      const renewed = await peerSession(t, theirs.port);
      t.require(cmOf(renewed).sessionId !== theirs.id, 'id-used-twice', 'Two connections go by one session id.', {
        expected: `another id than ${theirs.id}`,
        seen: cmOf(renewed).sessionId,
        packet: renewed,
        field: 'sessionId',
      });
      t.equal(cmOf(renewed).pathId, 0, 'path-too-early', 'The renamed session does not begin again with path id 0.', {
        packet: renewed,
        field: 'pathId',
      });
      t.pass("The peer's connection got a new id.", theirs.first, ours, renewed);
    },
  },
  {
    id: 'SS-id-for-two-connections-higher-loses',
    area: 'SS',
    purpose:
      'Both ends give one id to two connections; ours has the higher node id, so that the peer keeps its own, and our data still goes to its own port.',
    requirements: ['MPIP-SS-02', 'MPIP-RX-03'],
    services: ['echo'],
    async run(t: Tester) {
      const node = await nodeBeside(t, 'higher');
      const theirs = await begun(t, node);
      const port = await node.port();
      await t.handshake(port);
      const payload = t.payload();
      port.send('echo', payload, { sessionId: theirs.id });
      const answer = await port.receive(answers(payload));
      const strayed = received(theirs.port, answers(payload))[0];
      t.refuse(strayed, 'wrong-socket', "Data of our connection was taken for data of the peer's.", {
        expected: `the answer at port ${port.port}`,
        seen: `it at port ${theirs.port.port}`,
        ...headerField(strayed, 'destinationPort'),
      });
      t.require(
        answer === undefined || isPlain(answer) || cmOf(answer).sessionId !== theirs.id,
        'id-used-twice',
        'Two connections go by one session id.',
        {
          expected: `another id than ${theirs.id}`,
          seen: answer?.cm?.sessionId ?? 'none',
          packet: answer,
          field: 'sessionId',
        },
      );
      const kept = await peerSession(t, theirs.port);
      t.equal(
        cmOf(kept).sessionId,
        theirs.id,
        'wrong-winner',
        'The peer gave up its id although its node id is lower.',
        {
          packet: kept,
          field: 'sessionId',
        },
      );
      t.pass("The peer's connection kept its id.", theirs.first, kept);
    },
  },
  {
    id: 'SS-begun-by-us-untouched-by-ordinary-data',
    area: 'SS',
    purpose: 'Ordinary datagrams within a session of ours neither end nor rename it, and are delivered unchanged.',
    requirements: ['MPIP-SS-03', 'MPIP-RX-04'],
    services: ['echo'],
    async run(t: Tester) {
      const session = await ownSession(t, await t.node().port(), 'echo', { id: 99 });
      // So many, in such a time, that a node would seem to have gone if no control message came between.
      for (let i = 0; i < 12; i++) {
        const answer = await ask(t, session.port, t.payload(10 + 300 * (i % 4)), { preamble: false });
        t.equal(answer.cm?.sessionId ?? 'none', 99, 'session-changed', 'The answer belongs to another session.', {
          packet: answer,
          field: 'sessionId',
        });
        await exchange(t, session, { pathId: 1 });
        await t.sleep(30_000);
      }
      t.pass('The session stayed ours.', session.first!);
    },
  },
];
