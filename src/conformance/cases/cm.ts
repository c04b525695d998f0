import { encode, Flags, formatIpv4 } from '../../codec/index.js';
import type { TestCase } from '../case.js';
import { addressesOf, contentOf, EXPECTED } from '../describe.js';
import { hasCm, headerField, isConfirm, isData, isHeartbeat, isQuery, type Observed, payloadIs } from '../observed.js';
import { cmOf, type Tester } from '../tester.js';
import {
  answers,
  ask,
  confirmProvoked,
  exchange,
  isAnswer,
  isPrefix,
  nextAnswer,
  ownSession,
  peerSession,
  provokeQuery,
  received,
  SETTLE,
  tryExchange,
} from './moves.js';

/** The size of user data that had to come back, and of what came back. */
function sizes(answer: Observed, expected: number) {
  return {
    expected: `user data of ${expected} octets, as we sent it`,
    seen: answer.payload.length === expected ? 'other octets' : `${answer.payload.length} octets`,
    ...headerField(answer, 'userData'),
  };
}

/** Section 3.1: what a control message holds, where it sits, and what its flags make a receiver do. */
export const CM_CASES: readonly TestCase[] = [
  {
    id: 'CM-one-after-user-data',
    area: 'CM',
    purpose: 'After the handshake every packet carries exactly one CM, as its last octets, after unchanged user data.',
    requirements: ['MPIP-CM-01', 'MPIP-WF-05', 'MPIP-RX-04'],
    services: ['echo'],
    async run(t: Tester) {
      const port = await t.node().port();
      const id = 1 + t.random.below(255);
      await t.handshake(port);
      for (const size of [1, 2, 25, 26, 27, 200, 1200]) {
        for (const cm of [{ sessionId: id, pathId: 1 }, null]) {
          const payload = t.payload(size);
          port.send('echo', payload, cm);
          const answer = await nextAnswer(t, port);
          t.require(
            isData(answer),
            'no-cm',
            'After the handshake every data packet of the peer carries a CM; this one has none.',
            { expected: EXPECTED.withCm, packet: answer, requirement: 'MPIP-CM-01' },
          );
          t.require(
            payloadIs(payload)(answer),
            'user-data-changed',
            'What stands before the last CM is not the user data that the peer was to return, octet by octet.',
            { packet: answer, ...sizes(answer, size) },
          );
        }
      }
      t.pass('Every packet carried one CM at its end.', ...received(port, isData).slice(-1));
    },
  },
  {
    id: 'CM-fields',
    area: 'CM',
    purpose: "Query, confirmation and data carry CMs whose fields are each meaningful, in the peer's layout.",
    requirements: ['MPIP-CM-02'],
    services: ['echo'],
    async run(t: Tester) {
      const node = t.node();
      const asked = await node.port();
      const query = await confirmProvoked(t, asked);
      const asking = await node.port();
      const { confirm } = await t.handshake(asking);
      const data = await peerSession(t, asking);
      const session = await ownSession(t, await node.port());
      const { received: fed } = await exchange(t, session, { pathId: 5 });
      for (const packet of [query, confirm, data, session.first!, fed]) {
        const cm = cmOf(packet);
        t.equal(cm.layout, t.profile.layout, 'layout', "The CM is not in the layout of the peer's profile.", {
          packet,
          ...contentOf(packet),
        });
        t.require(cm.nodeId !== 0 && cm.nodeId !== node.id, 'node-id', "The node id is not the peer's own.", {
          packet,
          field: 'nodeId',
          expected: 'neither 0 nor ours',
          seen: cm.nodeId,
        });
        t.require(
          cm.localAddresses.some((address) => address !== 0),
          'no-address',
          'The address list is empty.',
          { packet, field: 'localAddresses', expected: 'an address at least', seen: 'none' },
        );
      }
      for (const packet of [data, session.first!, fed]) {
        t.require(cmOf(packet).sessionId > 0, 'session-id', 'A data packet names its session.', {
          packet,
          field: 'sessionId',
          expected: 'a session id from 1',
          seen: cmOf(packet).sessionId,
        });
      }
      t.require(
        [0, 5].includes(cmOf(fed).feedbackPathId),
        'feedback-path-id',
        'The peer feeds back a path that we never used.',
        {
          packet: fed,
          field: 'feedbackPathId',
          expected: '5, the path that we used, or 0',
          seen: cmOf(fed).feedbackPathId,
        },
      );
      t.pass('All fields were there.', query, confirm, fed);
    },
  },
  {
    id: 'CM-address-list',
    area: 'CM',
    purpose: "The address lists hold the peer's own addresses, the one we talk to among them, none twice.",
    requirements: ['MPIP-CM-06'],
    services: ['echo'],
    async run(t: Tester) {
      const port = await t.node().port();
      await t.handshake(port);
      // Compact shows two addresses at a time; n addresses are all seen within ceil(n/2) packets: allow 16.
      for (let i = 0; i < 8; i++) await ask(t, port);
      const packets = received(port, hasCm);
      const seen = new Set<number>();
      for (const packet of packets) {
        const list = cmOf(packet).localAddresses.filter((address) => address !== 0);
        t.require(new Set(list).size === list.length, 'address-twice', 'An address is listed twice in one CM.', {
          packet,
          field: 'localAddresses',
          expected: 'each address once',
          seen: addressesOf(packet),
        });
        for (const address of list) {
          const top = address >>> 24;
          t.require(top !== 0 && top < 224, 'no-local-address', 'A listed address cannot be the address of a host.', {
            packet,
            field: 'localAddresses',
            expected: 'a unicast address',
            seen: formatIpv4(address),
          });
          seen.add(address);
        }
      }
      t.require(
        seen.has(t.peerAddress),
        'own-address-missing',
        'The address that the peer uses is in none of its address lists.',
        {
          packet: packets[0]!,
          field: 'localAddresses',
          expected: formatIpv4(t.peerAddress),
          seen: seen.size === 0 ? 'lists without an address' : [...seen].map(formatIpv4).join(', '),
        },
      );
      t.pass("The lists hold the peer's address.", packets[0]!);
    },
  },
  {
    id: 'CM-feedback-only-piggybacked',
    area: 'CM',
    purpose: 'In traffic in both directions control data rides on user packets: no packet comes but the answers.',
    requirements: ['MPIP-CM-03'],
    services: ['echo'],
    async run(t: Tester) {
      const session = await ownSession(t, await t.node().port());
      const { port } = session;
      port.forget();
      const expected: Uint8Array[] = [];
      for (let i = 0; i < 12; i++) {
        const payload = t.payload();
        expected.push(payload);
        await exchange(t, session, { pathId: 1 }, {}, payload);
      }
      for (const packet of await port.collect(SETTLE)) {
        // A heartbeat is a defined packet, but only after a pause, which a busy machine may have made.
        const slow = t.now() - session.first!.time > t.constants['heartbeat-age'];
        if ((isHeartbeat(packet) && slow) || isQuery(packet) || isConfirm(packet)) continue;
        t.fail('extra-packet', 'A packet came that answers nothing and that section 3 does not define here.', {
          expected: 'answers, queries and confirmations only',
          packet,
        });
      }
      const again = expected.map((payload) => received(port, answers(payload))[1]).find((packet) => packet);
      t.refuse(again, 'answer-twice', 'An answer came more than once.', { expected: 'each answer once' });
      const data = received(port, isData);
      t.require(
        data.some((packet) => cmOf(packet).feedbackPathId === 1),
        'no-feedback',
        'No answer carried feedback for the path that we measured.',
        {
          expected: 'feedback for path 1',
          seen: `none in ${data.length} answers`,
          packet: data.at(-1),
          field: 'feedbackPathId',
        },
      );
      t.pass('Feedback came on the answers only.');
    },
  },
  {
    id: 'CM-data-flags-delivered',
    area: 'CM',
    purpose: 'Packets with the flags normal (0) and ip-change (1) are data: delivered, with the CM taken off.',
    requirements: ['MPIP-CM-07', 'MPIP-CM-08', 'MPIP-AD-06'],
    services: ['echo'],
    async run(t: Tester) {
      const port = await t.node().port();
      const sessionId = 1 + t.random.below(255);
      await t.handshake(port);
      const shown: Observed[] = [];
      for (const flags of [Flags.normal, Flags.ipChange]) {
        for (const size of [1, 40, 600]) {
          const payload = t.payload(size);
          let sent = port.send('echo', payload, { sessionId, flags });
          // What was lost on the way is sent again; what was doubled is passed over.
          for (let again = 0; again < 2; again++) {
            if (await t.until(() => received(port, payloadIs(payload)).length > 0, t.patience / 2)) break;
            sent = port.send('echo', payload, { sessionId, flags });
          }
          const answer = await nextAnswer(t, port, {
            code: 'not-delivered',
            text: `User data of a packet with flags ${flags} was not delivered to the echo service.`,
            preamble: false,
            packet: sent,
          });
          t.require(
            payloadIs(payload)(answer),
            'not-stripped',
            `The echo service got other user data than we sent with flags ${flags}.`,
            { packet: answer, ...sizes(answer, size) },
          );
          shown.push(answer);
        }
      }
      t.pass('Both were delivered stripped.', shown[0]!, shown.at(-1)!);
    },
  },
  {
    id: 'CM-control-flags-not-delivered',
    area: 'CM',
    purpose: 'Packets with the flags heartbeat, enable, enabled and handshake (2 to 5) are dropped after processing.',
    requirements: ['MPIP-CM-07', 'MPIP-AV-12', 'MPIP-HB-03'],
    services: ['echo'],
    async run(t: Tester) {
      const session = await ownSession(t, await t.node().port());
      const { port, id } = session;
      const payloads = [Flags.heartbeat, Flags.enable, Flags.enabled, Flags.handshake].map((flags) => {
        const payload = t.payload(24);
        const sessionId = flags === Flags.heartbeat || flags === Flags.handshake ? id : 0;
        port.send('echo', payload, { sessionId, flags });
        return payload;
      });
      await t.expect(port, isConfirm, {
        code: 'no-confirm',
        text: 'The query among the packets was not confirmed, so that nothing shows that they arrived.',
        expected: EXPECTED.confirm,
        preamble: true,
      });
      await exchange(t, session);
      await t.expectSilence(port, (packet) => payloads.some((payload) => answers(payload)(packet)), SETTLE, {
        code: 'control-delivered',
        text: 'The user data of a packet of MPIP itself was delivered to the echo service, which returned it.',
      });
      t.pass('None of the four reached the echo service.', ...received(port, isConfirm).slice(-1));
    },
  },
  {
    id: 'CM-first-query-not-delivered',
    area: 'CM',
    purpose: 'A query, confirmation or heartbeat from a port never seen before does not reach the application either.',
    requirements: ['MPIP-AV-12', 'MPIP-HB-03'],
    services: ['echo'],
    async run(t: Tester) {
      const node = t.node();
      const asking = await node.port();
      const confirming = await node.port();
      const question = t.payload(30);
      asking.send('echo', question, { flags: Flags.enable });
      confirming.send('echo', question, { flags: Flags.enabled });
      // The peer has started again, perhaps, and the heartbeat is of a session from before.
      const beating = await t.node().port();
      for (let i = 0; i < 2; i++)
        beating.send('echo', question, { flags: Flags.heartbeat, sessionId: 1 + t.random.below(255) });
      await t.expect(asking, isConfirm, {
        code: 'no-confirm',
        text: 'The peer did not confirm the query.',
        expected: EXPECTED.confirm,
        preamble: true,
      });
      await ask(t, confirming);
      await ask(t, beating);
      for (const [port, what, requirement] of [
        [asking, 'query', 'MPIP-AV-12'],
        [confirming, 'confirmation', 'MPIP-AV-12'],
        [beating, 'heartbeat', 'MPIP-HB-03'],
      ] as const) {
        await t.expectSilence(port, answers(question), SETTLE, {
          code: 'control-delivered',
          text: `The user data of a ${what} was delivered to the echo service, which returned it.`,
          requirement,
        });
      }
      t.pass('None of them reached the echo service.', ...received(asking, isConfirm));
    },
  },
  {
    id: 'CM-data-before-confirmation',
    area: 'CM',
    purpose:
      'Data with a CM from a node whose confirmation was lost is taken as such: the CM off, the user data delivered.',
    requirements: ['MPIP-CM-08', 'MPIP-CK-02'],
    services: ['echo'],
    async run(t: Tester) {
      const port = await t.node().port();
      // Its query makes the peer one that speaks MPIP for us; our confirmation is what was lost.
      await provokeQuery(t, port);
      const id = 100 + t.random.below(150);
      const session = { id, port, service: 'echo', first: undefined } as const;
      const payload = t.payload();
      // A peer that takes the CM for user data returns it, which ends the case.
      const { received: answer } =
        (await tryExchange(session, {}, payload)) ??
        (await t.exchange(
          session,
          {},
          {
            code: 'not-delivered',
            text: 'The user data of a packet with a control message was not delivered; the peer has asked us for MPIP, and only our confirmation did not arrive.',
            preamble: false,
          },
          payload,
        ));
      t.pass('The user data came back without our control message.', answer);
    },
  },
  {
    id: 'CM-zero-length-user-data',
    area: 'CM',
    purpose: 'A packet of nothing but a CM is data of zero octets, and the answer to it again nothing but a CM.',
    requirements: ['MPIP-CM-08', 'MPIP-CM-01'],
    services: ['echo'],
    async run(t: Tester) {
      const nothing = new Uint8Array(0);
      const node = t.node();
      const plain = await node.port();
      plain.send('echo', nothing);
      const control = await plain.receive((packet) => isAnswer(packet) && packet.wirePayload.length === 0);
      if (control === undefined)
        t.notApplicable('no-empty-echo', 'The echo service does not return datagrams without user data.');
      const session = await ownSession(t, await node.port());
      session.port.send('echo', nothing, { sessionId: session.id });
      const answer = await nextAnswer(t, session.port, {
        code: 'not-delivered',
        text: 'A data packet with a CM and no user data was not returned, although the service returns empty datagrams.',
        preamble: false,
      });
      t.require(
        answer.payload.length === 0,
        'not-stripped',
        'The service got more than the zero octets of user data.',
        {
          packet: answer,
          ...sizes(answer, 0),
        },
      );
      t.require(hasCm(answer), 'no-cm', 'The answer carries no CM.', { expected: EXPECTED.withCm, packet: answer });
      t.pass('Zero octets went up and came back.', answer);
    },
  },
  {
    id: 'CM-one-trailer-removed',
    area: 'CM',
    purpose: 'Of two trailers at the end of a datagram exactly one is removed; the other is user data.',
    requirements: ['MPIP-CM-08', 'MPIP-RX-04'],
    services: ['echo'],
    async run(t: Tester) {
      const session = await ownSession(t, await t.node().port());
      const stranger = await t.node().port();
      session.port.forget();
      for (const flags of [Flags.normal, Flags.enable]) {
        // The inner trailer belongs to a node that the peer has never heard of.
        const inner = encode(stranger.controlMessage({ flags, sessionId: flags === 0 ? 9 : 0 }));
        const payload = new Uint8Array([...t.payload(20), ...inner]);
        session.port.send('echo', payload, { sessionId: session.id });
        const answer = await nextAnswer(t, session.port, {
          code: 'not-delivered',
          text: 'User data that ends in a CM was not delivered.',
          preamble: false,
        });
        t.require(
          payloadIs(payload)(answer),
          'wrong-trailers-removed',
          'Of two trailers exactly the last one is to be removed.',
          {
            packet: answer,
            ...sizes(answer, payload.length),
          },
        );
      }
      await t.expectSilence(session.port, isConfirm, SETTLE, {
        code: 'inner-obeyed',
        text: 'A CM inside the user data was obeyed.',
      });
      t.pass('The inner trailer stayed with the user data.', ...received(session.port, isData).slice(-1));
    },
  },
  {
    id: 'CM-large-datagrams',
    area: 'CM',
    purpose: 'User data that leaves no room for a CM is never shortened: it goes without CM, or not at all.',
    requirements: ['MPIP-CM-05'],
    services: ['echo'],
    async run(t: Tester) {
      const session = await ownSession(t, await t.node().port());
      const { port } = session;
      // 1472 fills an Ethernet frame, 65507 is the largest UDP datagram; 26 octets less just leave room for a CM.
      for (const size of [1200, 1446, 1447, 1472, 65_481, 65_482, 65_507]) {
        const payload = t.payload(size);
        port.send('echo', payload);
        // A late answer to another size is not taken for this one: they begin differently.
        const isThisAnswer = (packet: Observed) => isAnswer(packet) && isPrefix(payload.subarray(0, 8), packet.payload);
        const answer = await port.receive(isThisAnswer);
        if (answer === undefined) {
          // Larger ones may be refused: the application is then told a smaller MTU.
          if (size > 1200) continue;
          await t.silent(port, {
            code: 'no-echo',
            text: `User data of ${size} octets was not returned.`,
            expected: EXPECTED.echo,
          });
          continue;
        }
        t.require(
          payloadIs(payload)(answer),
          'user-data-shortened',
          'User data came back changed: octets that make way for a CM must not be lost.',
          { packet: answer, ...sizes(answer, size) },
        );
        if (size === 1200)
          t.require(hasCm(answer), 'no-cm', 'A packet with room for a CM carries none.', {
            expected: EXPECTED.withCm,
            packet: answer,
          });
      }
      t.pass('No user data was lost.', ...received(port, isData).slice(-1));
    },
  },
  {
    id: 'CM-any-address-list',
    area: 'CM',
    purpose: 'A CM with empty address slots, or with addresses that nobody can reach, is obeyed like any other.',
    requirements: ['MPIP-CM-07', 'MPIP-CM-08'],
    services: ['echo'],
    async run(t: Tester) {
      await ownSession(t, await t.node().port());
      // 0.0.0.0 is an empty slot; 192.0.2.0/24 and 203.0.113.0/24 are for documentation and belong to nobody.
      for (const localAddresses of [[], [0, 0], [0xc0000201, 0xcb007109]]) {
        const port = await t.node().port();
        const payload = t.payload();
        port.send('echo', t.payload(), { flags: Flags.enable, localAddresses });
        await t.expect(port, isConfirm, {
          code: 'no-confirm',
          text: `A query that lists ${localAddresses.length} unusual addresses was not confirmed.`,
          expected: EXPECTED.confirm,
        });
        port.send('echo', payload, { sessionId: 1 + t.random.below(255), localAddresses });
        const answer = await nextAnswer(t, port);
        t.require(
          payloadIs(payload)(answer) && hasCm(answer),
          'not-stripped',
          'A data packet with an unusual address list was not taken for one of MPIP.',
          { expected: 'our user data alone, answered with a control message', packet: answer },
        );
      }
      t.pass('All lists were accepted.');
    },
  },
];
