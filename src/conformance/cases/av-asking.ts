import { formatIpv4 } from '../../codec/index.js';
import type { TestCase } from '../case.js';
import { EXPECTED } from '../describe.js';
import type { Micros } from '../link.js';
import { hasCm, headerField, isData, isPlain, isQuery, type Observed, payloadIs } from '../observed.js';
import type { TestPort } from '../test-port.js';
import type { Expectation, Tester } from '../tester.js';
import { Mesh } from './mesh.js';
import {
  answers,
  ask,
  confirm,
  confirmProvoked,
  isAnswer,
  isPrefix,
  nextAnswer,
  peerSession,
  provokeQuery,
  received,
  SETTLE,
} from './moves.js';

/** Time between packets that may each make a peer ask an address again, in microseconds. */
const ASKED_AGAIN: Micros = 60_000;

/**
 * Sends more ordinary datagrams than the peer may answer with queries, none of which we confirm. Each must come back.
 * @returns the queries, at least one.
 */
async function exhaust(
  t: Tester,
  port: TestPort,
  expectation: Partial<Expectation> = {},
): Promise<readonly Observed[]> {
  for (let i = 0; i < t.constants['query-limit'] + 7; i++) await ask(t, port, t.payload(), expectation);
  if (received(port, isQuery).length === 0) t.inconc('no-query', 'The peer sent no query at all.');
  await t.expectSilence(port, isData, SETTLE, {
    code: 'not-ordinary',
    text: 'A host that never answered a query got a data packet with a CM.',
  });
  return received(port, isQuery);
}

/** Section 3.2, the peer as the one who asks: queries, their limit, and what ends them. */
export const AV_ASKING_CASES: readonly TestCase[] = [
  {
    id: 'AV-query-copy-beside-original',
    area: 'AV',
    purpose:
      'A packet to an address not known enabled goes out unmodified, and one copy of it with CM and query flag beside it.',
    requirements: ['MPIP-AV-02', 'MPIP-AV-03', 'MPIP-AV-04'],
    services: ['echo'],
    async run(t: Tester) {
      const port = await t.node().port();
      const payload = t.payload(64);
      port.send('echo', payload);
      const original = await t.expect(port, isPlain, {
        code: 'no-original',
        text: 'The packet of the echo service did not come as an ordinary datagram.',
        expected: `an ordinary datagram with the ${payload.length} octets that we sent`,
        requirement: 'MPIP-AV-03',
      });
      t.require(payloadIs(payload)(original), 'original-modified', 'The original was modified.', {
        expected: `the ${payload.length} octets that we sent`,
        packet: original,
        requirement: 'MPIP-AV-03',
      });
      const query = await t.expect(port, isQuery, {
        code: 'no-query',
        text: 'The peer sent a packet to an address that it does not know, and no query copy of it.',
        expected: EXPECTED.query,
        requirement: 'MPIP-AV-02',
      });
      t.require(
        isPrefix(query.payload, payload),
        'copy-differs',
        'The query is not a copy of the packet that was sent: its user data is neither the same nor the beginning of it.',
        {
          packet: query,
          expected: `the ${payload.length} octets that we sent, or the first of them`,
          seen: `${query.payload.length} others`,
          octet: query.payloadOffset,
          octets: Math.max(1, query.payload.length),
          requirement: 'MPIP-AV-04',
        },
      );
      t.equal(
        `port ${query.sourcePort}`,
        `port ${original.sourcePort}`,
        'copy-differs',
        'The copy comes from another port than the original.',
        {
          packet: query,
          ...headerField(query, 'sourcePort'),
          requirement: 'MPIP-AV-04',
        },
      );
      t.equal(
        formatIpv4(query.source),
        formatIpv4(original.source),
        'copy-differs',
        'The copy comes from another address than the original.',
        { packet: query, ...headerField(query, 'source'), requirement: 'MPIP-AV-04' },
      );
      await t.expectSilence(port, () => true, SETTLE, {
        code: 'extra-packet',
        text: 'More than one original and one copy came.',
      });
      t.pass('One original, unmodified, and one query copy.', original, query);
    },
  },
  {
    id: 'AV-ordinary-before-handshake',
    area: 'AV',
    purpose: 'Until the handshake completes all traffic is ordinary: nothing carries a CM but the queries.',
    requirements: ['MPIP-AV-01'],
    services: ['echo'],
    async run(t: Tester) {
      const port = await t.node().port();
      // Fewer than the threshold, so that a query is left to confirm.
      for (let i = 0; i < 3; i++) {
        const answer = await ask(t, port);
        t.require(
          isPlain(answer),
          'cm-before-handshake',
          'A data packet carries a CM although no handshake has taken place.',
          { expected: EXPECTED.withoutCm, packet: answer },
        );
      }
      await t.expectSilence(port, (packet) => hasCm(packet) && !isQuery(packet), SETTLE, {
        code: 'cm-before-handshake',
        text: 'A packet with a CM that is no query came before the handshake.',
      });
      // The same port after the handshake: a peer that never uses CMs would pass otherwise.
      await confirmProvoked(t, port);
      const answer = await peerSession(t, port);
      t.pass('Ordinary before the handshake, with CM after it.', answer);
    },
  },
  {
    id: 'AV-query-limit',
    area: 'AV',
    purpose: 'While there is traffic a silent address gets as many queries as the threshold, 5 or 6, and then no more.',
    requirements: ['MPIP-AV-14'],
    services: ['echo'],
    async run(t: Tester) {
      const port = await t.node().port();
      const queries = await exhaust(t, port);
      const limit = t.constants['query-limit'];
      t.require(
        queries.length >= limit,
        'too-few-queries',
        'There was more traffic than the threshold, and fewer queries.',
        {
          expected: `${limit} or ${limit + 1} queries`,
          seen: queries.length,
          packet: queries.at(-1),
          field: 'flags',
        },
      );
      t.require(queries.length <= limit + 1, 'too-many-queries', 'The peer did not stop asking at the threshold.', {
        expected: `${limit} or ${limit + 1} queries`,
        seen: queries.length,
        packet: queries.at(-1)!,
        field: 'flags',
      });
      t.pass(`${queries.length} queries.`, queries.at(-1)!);
    },
  },
  {
    id: 'AV-query-limit-of-announced-address',
    area: 'AV',
    purpose:
      'An address that stands in our list and does not answer is asked as often as the threshold, and then no more.',
    requirements: ['MPIP-AV-14'],
    services: ['echo'],
    sources: 2,
    async run(t: Tester) {
      const mesh = await Mesh.begin(t);
      const silent = await mesh.node.port(1, mesh.session.port.port);
      mesh.announced = [mesh.session.port.address, silent.address];
      const limit = t.constants['query-limit'];
      for (let i = 0; i < 2 * limit + 4; i++) {
        await mesh.burst(8);
        await t.sleep(ASKED_AGAIN);
      }
      await t.sleep(2 * t.slack);
      const queries = received(silent, isQuery);
      t.require(
        queries.length <= limit + 1,
        'too-many-queries',
        'An address that we announce and that answers nothing is asked again and again.',
        {
          expected: `at most ${limit + 1} queries`,
          seen: queries.length,
          packet: queries.at(-1),
          field: 'flags',
          requirement: 'MPIP-AV-14',
        },
      );
      t.pass(`The announced address was asked ${queries.length} times.`, ...queries.slice(-1));
    },
  },
  {
    id: 'AV-ordinary-after-giving-up',
    area: 'AV',
    purpose: 'An address that answered no query is served as an ordinary one for good.',
    requirements: ['MPIP-AV-15', 'MPIP-AV-14'],
    services: ['echo'],
    duration: () => 1_500_000,
    async run(t: Tester) {
      const port = await t.node().port();
      await exhaust(t, port, {
        code: 'traffic-stopped',
        text: 'A silent address is served no longer.',
        preamble: false,
      });
      port.forget();
      for (let i = 0; i < 6; i++) {
        await t.sleep(250_000);
        const answer = await ask(t, port, t.payload(), {
          code: 'traffic-stopped',
          text: 'After giving up on the handshake the peer serves the address no longer.',
          preamble: false,
        });
        t.require(isPlain(answer), 'not-ordinary', 'After giving up, a data packet carries a CM.', {
          expected: EXPECTED.withoutCm,
          packet: answer,
        });
      }
      await t.expectSilence(port, isQuery, SETTLE, {
        code: 'query-after-limit',
        text: 'The peer gave up on the address and asks again although nothing came from there.',
      });
      t.pass('Ordinary traffic went on and no query came.', received(port, isPlain).at(-1)!);
    },
  },
  {
    id: 'AV-query-overrides-giving-up',
    area: 'AV',
    purpose: 'A query from an address already given up is confirmed and enables it.',
    requirements: ['MPIP-AV-20', 'MPIP-AV-05', 'MPIP-AV-06'],
    services: ['echo'],
    async run(t: Tester) {
      await t.handshake(await t.node().port());
      const port = await t.node().port();
      await exhaust(t, port);
      const { confirm: confirmation } = await t.handshake(port, 'echo', {
        preamble: false,
        code: 'no-confirm',
        text: 'A query from an address that the peer had given up on was not confirmed.',
      });
      const answer = await ask(t, port);
      t.require(isData(answer), 'not-enabled', 'After a late query data to its sender still carries no CM.', {
        expected: EXPECTED.withCm,
        packet: answer,
      });
      t.pass('The late query counted.', confirmation, answer);
    },
  },
  {
    id: 'AV-confirm-overrides-giving-up',
    area: 'AV',
    purpose: 'A confirmation from an address already given up enables it.',
    requirements: ['MPIP-AV-20', 'MPIP-AV-11'],
    services: ['echo'],
    async run(t: Tester) {
      const port = await t.node().port();
      const queries = await exhaust(t, port);
      confirm(port, queries[0]!);
      await t.sleep(t.slack);
      const answer = await ask(t, port);
      t.require(isData(answer), 'not-enabled', 'After a late confirmation data to its sender still carries no CM.', {
        expected: EXPECTED.withCm,
        packet: answer,
      });
      t.pass('The late confirmation counted.', answer);
    },
  },
  {
    id: 'AV-confirm-enables',
    area: 'AV',
    purpose: 'A confirmation enables its sender: the next data carries a CM, and no further query follows.',
    requirements: ['MPIP-AV-11', 'MPIP-AV-19'],
    services: ['echo'],
    async run(t: Tester) {
      const port = await t.node().port();
      await confirmProvoked(t, port);
      await t.sleep(t.slack);
      const before = received(port, isQuery).length;
      const shown: Observed[] = [];
      for (let i = 0; i < 6; i++) {
        const answer = await ask(t, port);
        t.require(isData(answer), 'not-enabled', 'The query was confirmed and data still carries no CM.', {
          expected: EXPECTED.withCm,
          packet: answer,
          requirement: 'MPIP-AV-11',
        });
        shown.push(answer);
      }
      await t.expectSilence(port, isQuery, SETTLE, {
        code: 'query-after-confirm',
        text: 'The peer asks an address that has confirmed.',
        requirement: 'MPIP-AV-19',
      });
      t.equal(
        `${received(port, isQuery).length} queries`,
        `${before} queries`,
        'query-after-confirm',
        'The peer asks an address that has confirmed.',
        {
          packet: received(port, isQuery).at(-1),
          field: 'flags',
          requirement: 'MPIP-AV-19',
        },
      );
      t.pass('Enabled by the confirmation.', shown[0]!);
    },
  },
  {
    id: 'AV-repeated-confirmations',
    area: 'AV',
    purpose: 'Ten confirmations do no more than one, and are answered by nothing.',
    requirements: ['MPIP-AV-13'],
    services: ['echo'],
    async run(t: Tester) {
      const port = await t.node().port();
      const query = await confirmProvoked(t, port);
      for (let i = 0; i < 9; i++) confirm(port, query);
      await t.expectSilence(port, (packet) => !isAnswer(packet), SETTLE, {
        code: 'confirmation-answered',
        text: 'The peer answered a repeated confirmation.',
      });
      const answer = await peerSession(t, port);
      t.pass('Repeated confirmations were tolerated.', answer);
    },
  },
  {
    id: 'AV-each-port-on-its-own',
    area: 'AV',
    purpose:
      'Availability is kept per address and port: after the handshake of one port of a node another one is still asked.',
    requirements: ['MPIP-AV-18', 'MPIP-AV-01'],
    services: ['echo'],
    async run(t: Tester) {
      await provokeQuery(t, await t.node().port());
      const node = t.node();
      const enabled = await node.port();
      await t.handshake(enabled);
      await peerSession(t, enabled);
      const other = await node.port();
      const payload = t.payload();
      other.send('echo', payload);
      const answer = await nextAnswer(t, other);
      t.require(
        isPlain(answer),
        'port-ignored',
        'Another port of the same node, which took no part in a handshake, got a data packet with a CM.',
        { expected: EXPECTED.withoutCm, packet: answer },
      );
      const query = await t.expect(other, isQuery, {
        code: 'port-ignored',
        text: 'Another port of a node that speaks MPIP was not asked whether it does.',
        expected: EXPECTED.query,
      });
      t.pass('The second port was asked on its own.', answer, query);
    },
  },
  {
    id: 'AV-each-address-on-its-own',
    area: 'AV',
    purpose: 'Another address of a node whose first address has been through the handshake is asked separately.',
    requirements: ['MPIP-AV-17', 'MPIP-AV-18'],
    services: ['echo'],
    sources: 2,
    async run(t: Tester) {
      await provokeQuery(t, await t.node().port());
      const node = t.node();
      const enabled = await node.port(0);
      const other = await node.port(1);
      const localAddresses = [enabled.address, other.address];
      enabled.send('echo', t.payload(), { flags: 3, localAddresses });
      await t.handshake(enabled);
      await peerSession(t, enabled);
      const payload = t.payload();
      other.send('echo', payload);
      const answer = await t.expect(other, answers(payload), {
        code: 'no-echo',
        text: 'A datagram from our second address was not returned.',
        expected: EXPECTED.echo,
        preamble: true,
      });
      t.require(isPlain(answer), 'address-ignored', 'The second address got a CM without a handshake of its own.', {
        expected: EXPECTED.withoutCm,
        packet: answer,
        requirement: 'MPIP-AV-18',
      });
      const query = await t.expect(other, isQuery, {
        code: 'address-ignored',
        text: 'The second address of a node was not asked.',
        expected: EXPECTED.query,
        requirement: 'MPIP-AV-18',
      });
      t.pass('The second address was asked on its own.', answer, query);
    },
  },
];
