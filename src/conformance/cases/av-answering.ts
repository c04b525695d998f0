import { Flags, formatIpv4 } from '../../codec/index.js';
import type { TestCase } from '../case.js';
import { contentOf, EXPECTED, inWords } from '../describe.js';
import { anything, headerField, isConfirm, isData, isQuery, type Observed } from '../observed.js';
import { cmOf, type Tester } from '../tester.js';
import { ask, exchange, ownSession, peerSession, provokeQuery, received, SETTLE } from './moves.js';

/** Section 3.2, the peer as the one who is asked: confirmations and what a query does. */
export const AV_ANSWERING_CASES: readonly TestCase[] = [
  {
    id: 'AV-confirm-at-once',
    area: 'AV',
    purpose:
      'A UDP query is confirmed within a second by one packet of its own, though no service has anything to send.',
    requirements: ['MPIP-AV-06', 'MPIP-AV-07'],
    services: ['discard', 'echo'],
    async run(t: Tester) {
      const port = await t.node().port();
      const query = port.send('discard', t.payload(), { flags: Flags.enable });
      // How far away and how busy the peer is: an ordinary datagram right after the query.
      const witness = await ask(t, await t.node().port());
      const confirm = await t.expect(port, isConfirm, {
        code: 'no-confirm',
        text: 'The peer did not confirm a query to a service that sends nothing: a UDP confirmation must not wait for data.',
        expected: EXPECTED.confirm,
        within: Math.max(1_000_000 + t.slack, t.patience),
        packet: query,
      });
      const latest = Math.max(query.time + 1_000_000, witness.time) + t.slack;
      t.require(confirm.time <= latest, 'late-confirm', 'The confirmation was not sent right away.', {
        packet: confirm,
        expected: `within ${inWords(latest - query.time)}`,
        seen: `after ${inWords(confirm.time - query.time)}`,
      });
      await t.expectSilence(port, anything, SETTLE, {
        code: 'extra-packet',
        text: 'Beside one confirmation nothing is to come in answer to a query.',
      });
      t.pass('One confirmation came at once.', query, confirm);
    },
  },
  {
    id: 'AV-confirm-goes-back',
    area: 'AV',
    purpose:
      'The confirmation goes from the address and port that were asked to those that asked, in the layout of the query.',
    requirements: ['MPIP-AV-06', 'MPIP-AV-07'],
    services: ['echo', 'discard'],
    async run(t: Tester) {
      const node = t.node();
      const bystander = await node.port();
      for (const service of ['echo', 'discard'] as const) {
        const port = await node.port();
        const { query, confirm } = await t.handshake(port, service);
        t.equal(
          formatIpv4(confirm.source),
          formatIpv4(query.destination),
          'wrong-address',
          'The confirmation comes from another address.',
          { packet: confirm, ...headerField(confirm, 'source') },
        );
        t.equal(
          `port ${confirm.sourcePort}`,
          `port ${query.destinationPort}`,
          'wrong-port',
          'The confirmation comes from another port.',
          {
            packet: confirm,
            ...headerField(confirm, 'sourcePort'),
          },
        );
        t.equal(cmOf(confirm).layout, cmOf(query).layout, 'wrong-layout', 'The confirmation is in another layout.', {
          packet: confirm,
          ...contentOf(confirm),
        });
      }
      const [strayed] = received(bystander, isConfirm);
      t.refuse(strayed, 'wrong-port', 'A confirmation went to a port of the node that had not asked.', {
        expected: 'confirmations to the ports that asked',
        seen: `one to port ${bystander.port}`,
        ...headerField(strayed, 'destinationPort'),
      });
      t.pass('Both confirmations went back the way the query came.');
    },
  },
  {
    id: 'AV-query-enables',
    area: 'AV',
    purpose:
      'A query marks its sender enabled: data to it carries a CM from the first packet on, and no query goes there.',
    requirements: ['MPIP-AV-05', 'MPIP-AV-19'],
    services: ['echo'],
    async run(t: Tester) {
      const port = await t.node().port();
      await t.handshake(port);
      const shown: Observed[] = [];
      for (let i = 0; i < 7; i++) {
        const answer = await ask(t, port);
        t.require(isData(answer), 'not-enabled', 'Data to a node that has asked carries no CM.', {
          expected: EXPECTED.withCm,
          packet: answer,
          requirement: 'MPIP-AV-05',
        });
        shown.push(answer);
      }
      await t.expectSilence(port, isQuery, SETTLE, {
        code: 'query-after-query',
        text: 'The peer asks an address that has asked it, and so is known to speak MPIP.',
        requirement: 'MPIP-AV-19',
      });
      t.pass('Enabled by the query.', shown[0]!);
    },
  },
  {
    id: 'AV-no-query-to-listed-address-that-asked',
    area: 'AV',
    purpose:
      'The address of a session, which has asked the peer, is asked by no query because our packets list it, too.',
    requirements: ['MPIP-AV-19'],
    services: ['echo'],
    async run(t: Tester) {
      const port = await t.node().port();
      await t.handshake(port);
      const cm = { localAddresses: [port.address] };
      const session = await ownSession(t, port, 'echo', { cm });
      let last: Observed | undefined;
      for (let i = 0; i < 4; i++) last = (await exchange(t, session, { pathId: 1, ...cm })).received;
      await t.expectSilence(port, isQuery, SETTLE, {
        code: 'query-after-query',
        text: 'The peer asks an address that has asked it before the session began, and so is known to speak MPIP.',
      });
      t.pass('What our packets list was asked no more than it needs.', last!);
    },
  },
  {
    id: 'AV-repeated-queries',
    area: 'AV',
    purpose: 'Each of ten queries from one port is confirmed, once.',
    requirements: ['MPIP-AV-13', 'MPIP-AV-06'],
    services: ['echo'],
    async run(t: Tester) {
      const port = await t.node().port();
      await t.handshake(port);
      for (let i = 2; i <= 10; i++) {
        port.send('echo', t.payload(), { flags: Flags.enable });
        // A query or its confirmation may be lost: one more is confirmed as well.
        if ((await port.receive(isConfirm)) !== undefined) continue;
        port.send('echo', t.payload(), { flags: Flags.enable });
        await t.expect(port, isConfirm, {
          code: 'repetition-not-confirmed',
          text: `Query ${i} of 10 was not confirmed; queries are repeated when a confirmation was lost.`,
          expected: EXPECTED.confirm,
        });
      }
      await t.sleep(SETTLE);
      const queries = port.history.filter((packet) => packet.direction === 'sent' && isQuery(packet)).length;
      const confirmations = received(port, isConfirm);
      t.require(confirmations.length <= queries, 'confirmed-twice', 'A query was confirmed more than once.', {
        packet: confirmations.at(-1)!,
        field: 'flags',
        expected: `${queries} confirmations`,
        seen: confirmations.length,
      });
      await peerSession(t, port);
      t.pass('Ten queries, ten confirmations.', ...received(port, isConfirm).slice(-1));
    },
  },
  {
    id: 'AV-both-ask-at-once',
    area: 'AV',
    purpose:
      "A query that crosses the peer's own is confirmed, and counts instead of the confirmation that never comes.",
    requirements: ['MPIP-AV-13', 'MPIP-AV-05', 'MPIP-AV-19'],
    services: ['echo'],
    async run(t: Tester) {
      await t.handshake(await t.node().port());
      const port = await t.node().port();
      await provokeQuery(t, port);
      const { confirm } = await t.handshake(port, 'echo', { preamble: false });
      const queries = received(port, isQuery).length;
      for (let i = 0; i < 4; i++) {
        const answer = await ask(t, port);
        t.require(isData(answer), 'not-enabled', 'Both nodes have asked and data carries no CM.', {
          expected: EXPECTED.withCm,
          packet: answer,
        });
      }
      t.require(
        received(port, isQuery).length === queries,
        'query-after-query',
        'The peer asked again after our query.',
        {
          expected: `${queries} queries in all`,
          seen: received(port, isQuery).length,
          packet: received(port, isQuery).at(-1),
          field: 'flags',
        },
      );
      t.pass('Crossing queries enabled both ends.', confirm);
    },
  },
  {
    id: 'AV-no-query-when-only-receiving',
    area: 'AV',
    purpose: 'A node that only receives from a host without MPIP sends it nothing, no query either.',
    requirements: ['MPIP-AV-16'],
    services: ['discard', 'echo'],
    async run(t: Tester) {
      const port = await t.node().port();
      for (let i = 0; i < 10; i++) port.send('discard', t.payload());
      await t.expectSilence(port, anything, 3 * SETTLE, {
        code: 'packet-unasked',
        text: 'The peer sent something to a host that it only receives ordinary datagrams from.',
      });
      // The service is there and speaks MPIP: the silence was kept, not made by a closed port.
      const { confirm } = await t.handshake(port, 'discard', {
        code: 'no-confirm',
        text: 'The service that kept silent does not confirm a query either, so that its silence shows nothing.',
      });
      t.pass('Nothing came before we asked.', confirm);
    },
  },
  {
    id: 'AV-query-enables-for-every-service',
    area: 'AV',
    purpose: 'A query to one service enables its sender for every service: Table 2 holds the remote address and port.',
    requirements: ['MPIP-AV-05', 'MPIP-AV-18'],
    services: ['echo', 'discard'],
    async run(t: Tester) {
      const port = await t.node().port();
      const { confirm } = await t.handshake(port, 'discard');
      const answer = await ask(t, port);
      t.require(
        isData(answer),
        'not-enabled',
        'The peer confirmed a query from this address and port, and yet sends it ordinary data from another service.',
        { expected: EXPECTED.withCm, packet: answer },
      );
      t.pass('The row of Table 2 is the remote address and port.', confirm, answer);
    },
  },
];
