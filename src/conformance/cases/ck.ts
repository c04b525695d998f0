import { COMPACT, type ControlMessage, Flags, fieldOffset, type LayoutName } from '../../codec/index.js';
import type { TestCase } from '../case.js';
import { EXPECTED } from '../describe.js';
import { all, headerField, isConfirm, isPlain, type Observed, payloadIs } from '../observed.js';
import type { TestPort } from '../test-port.js';
import { cmOf, type Tester } from '../tester.js';
import {
  ask,
  type Crafted,
  craft,
  exchange,
  type NoCm,
  nextAnswer,
  ownSession,
  peerSession,
  received,
  repair,
  requireOrdinary,
  SETTLE,
} from './moves.js';

/**
 * Closes a case in which nothing before was a CM: the port is not known as enabled, and an intact query makes it so.
 * Without this a peer that finds no CM at all would pass.
 */
async function requireNoStateThenConfirm(t: Tester, port: TestPort): Promise<void> {
  // What we sent ourselves may have come back as user data.
  t.refuse(
    received(port, isConfirm).find((packet) => cmOf(packet).nodeId !== port.node.id),
    'damaged-confirmed',
    'A datagram that carries no CM was confirmed as if it were a query.',
    { expected: 'no confirmation', field: 'flags' },
  );
  const answer = await ask(t, port);
  if (!isPlain(await ask(t, await t.node().port()))) {
    t.inconc('cm-without-handshake', 'The peer sends control messages to everybody, so that ours tell nothing.');
  }
  t.require(
    isPlain(answer),
    'state-from-damaged',
    'Datagrams that carry no CM made the peer take their sender for an MPIP host.',
    { expected: EXPECTED.withoutCm, packet: answer },
  );
  // From another port: what the peer makes of this one after so many queries of its own is not judged here.
  const { confirm } = await t.handshake(await t.node().port());
  t.pass('What is no CM was ordinary; an intact query was confirmed.', confirm);
}

/** Offset of the flags in a CM that lists one address. */
function flagsOffset(t: Tester): number {
  const layout = t.profile.layout;
  return layout === 'compact' ? fieldOffset(COMPACT, 'flags') : 26;
}

/** Octets that look like a CM with a wrong sum at the end of a datagram: mark and flags right. For `compact` only. */
function nearCm(packet: Observed, layout: LayoutName): boolean {
  const { wirePayload, cm } = packet;
  const start = wirePayload.length - COMPACT.baseSize;
  return (
    cm === undefined && layout === 'compact' && start >= 1 && wirePayload[start] === 25 && wirePayload[start + 22]! <= 5
  );
}

/** Section 3.1: the checksum decides whether a CM is present. */
export const CK_CASES: readonly TestCase[] = [
  {
    id: 'CK-sum-of-octets',
    area: 'CK',
    purpose: "The checksum of the peer's query, confirmation and data is the plain sum of the CM's other octets.",
    requirements: ['MPIP-CK-01'],
    services: ['echo'],
    async run(t: Tester) {
      const node = t.node();
      const asked = await node.port();
      const asking = await node.port();
      await ask(t, asked);
      asking.send('echo', t.payload(), { flags: Flags.enable });
      const answered = (port: TestPort, flags: number) => (packet: Observed) =>
        packet.localPort === port.port && (packet.cm?.flags === flags || nearCm(packet, t.profile.layout));
      const packets = [
        await t.expect(asked, answered(asked, Flags.enable), {
          code: 'no-query',
          text: 'The peer sent no query.',
          expected: EXPECTED.query,
          preamble: true,
        }),
        await t.expect(asking, answered(asking, Flags.enabled), {
          code: 'no-confirm',
          text: 'The peer did not confirm our query.',
          expected: EXPECTED.confirm,
          preamble: true,
        }),
      ];
      asking.send('echo', t.payload());
      packets.push(await nextAnswer(t, asking));
      for (const packet of packets) {
        if (nearCm(packet, t.profile.layout)) {
          t.fail(
            'wrong-checksum',
            'The packet ends in what looks like a CM, but its checksum is not the sum of its octets.',
            {
              packet,
              expected: 'the sum of the octets before it',
              seen: 'another number',
              octet: packet.packet.length - 2,
              octets: 2,
            },
          );
        }
        if (packet.cm === undefined)
          t.inconc('no-cm', 'A packet after the handshake carries no CM.', { expected: EXPECTED.withCm, packet });
        // Summed here once more, apart from the codec that found the CM.
        let sum = 0;
        for (let i = packet.cmOffset; i < packet.packet.length - 2; i++) sum += packet.packet[i]!;
        const [first, second] = packet.packet.slice(-2);
        const found = cmOf(packet).layout === 'compact' ? first! + 256 * second! : 256 * first! + second!;
        t.equal(found, sum, 'wrong-checksum', 'The checksum is not the sum of the octets before it.', {
          packet,
          field: 'checksum',
        });
      }
      t.pass('The sums are right.', ...packets);
    },
  },
  {
    id: 'CK-each-octet-damaged',
    area: 'CK',
    purpose:
      'A query with any one octet of its CM damaged, checksum included, is an ordinary datagram and leaves no state.',
    requirements: ['MPIP-CK-02', 'MPIP-CK-03'],
    services: ['echo'],
    async run(t: Tester) {
      const port = await t.node().port();
      const length = craft(port, t.payload(), { flags: Flags.enable });
      const damaged: NoCm[] = [];
      for (let at = length.cmStart; at < length.wire.length; at++) {
        const { wire } = craft(port, t.payload(), { flags: Flags.enable });
        wire[at] = (wire[at]! + 1 + t.random.below(255)) & 255;
        damaged.push({ wire, what: `A query whose octet ${at - length.cmStart} of the CM was damaged on its way` });
      }
      await requireOrdinary(t, port, damaged);
      await requireNoStateThenConfirm(t, port);
    },
  },
  {
    id: 'CK-other-sums-refused',
    area: 'CK',
    purpose: 'Checksums worked out in other ways than the plain sum of all octets make no CM.',
    requirements: ['MPIP-CK-02', 'MPIP-CK-03'],
    services: ['echo'],
    async run(t: Tester) {
      const port = await t.node().port();
      const ways: readonly [string, (sum: number, crafted: Crafted) => number][] = [
        ['256 too large, so that its low octet is right,', (sum) => sum + 256],
        ['65280 too large, so that its low octet is right,', (sum) => sum + 0xff00],
        ['with its two octets exchanged', (sum) => ((sum & 255) << 8) | (sum >>> 8)],
        ['without the first octet of the CM', (sum, { wire, cmStart }) => sum - wire[cmStart]!],
        ['that counts the octet before the CM', (sum, { wire, cmStart }) => sum + wire[cmStart - 1]!],
        ['without the flags', (sum, { wire, cmStart }) => sum - wire[cmStart + flagsOffset(t)]!],
        ['inverted', (sum) => ~sum],
        ['of zero', () => 0],
        ['of 65535', () => 0xffff],
      ];
      const others: NoCm[] = [];
      for (const [way, sumOf] of ways) {
        const payload = t.payload();
        // A filler, or the user data before the CM, that is not 0.
        payload[payload.length - 1] = 7;
        const crafted = craft(port, payload, { flags: Flags.enable, filler: 9 });
        const { wire } = crafted;
        const little = t.profile.layout === 'compact';
        const at = wire.length - 2;
        const sum = little ? wire[at]! + 256 * wire[at + 1]! : 256 * wire[at]! + wire[at + 1]!;
        const other = sumOf(sum, crafted) & 0xffff;
        if (other === sum) continue;
        wire[at] = little ? other & 255 : other >>> 8;
        wire[at + 1] = little ? other >>> 8 : other & 255;
        others.push({ wire, what: `A query with a checksum ${way}` });
      }
      await requireOrdinary(t, port, others);
      await requireNoStateThenConfirm(t, port);
    },
  },
  {
    id: 'CK-damaged-data-of-session',
    area: 'CK',
    purpose: 'In an established session, too, a packet with a wrong sum goes up whole, trailer included.',
    requirements: ['MPIP-CK-02', 'MPIP-CK-03'],
    services: ['echo'],
    async run(t: Tester) {
      const session = await ownSession(t, await t.node().port());
      const { port, id } = session;
      for (let i = 0; i < 4; i++) {
        await exchange(t, session);
        const { wire } = craft(port, t.payload(), { sessionId: id, pathId: 200 });
        const at = wire.length - 1 - i * 4;
        wire[at] = (wire[at]! + 1 + t.random.below(255)) & 255;
        const [answer] = await requireOrdinary(t, port, [
          { wire, what: 'A data packet of a session with a wrong sum' },
        ]);
        t.require(
          answer!.cm?.feedbackPathId !== 200,
          'state-from-damaged',
          'The peer measured a path from a CM with a wrong sum.',
          { expected: 'no feedback for path 200', seen: 'feedback for it', packet: answer!, field: 'feedbackPathId' },
        );
      }
      t.pass('Damaged data went up whole, intact data stripped.', ...received(port).slice(-1));
    },
  },
  {
    id: 'CK-unknown-flags-ordinary',
    area: 'CK',
    purpose: 'With flags 6 to 255 and a right sum, the end of a datagram is no CM.',
    requirements: ['MPIP-CK-02', 'MPIP-CM-07'],
    services: ['echo'],
    async run(t: Tester) {
      const port = await t.node().port();
      const blocks: NoCm[] = [];
      for (let flags = 6; flags <= 255; flags++) {
        const crafted = craft(port, t.payload(4), { sessionId: flags % 2 });
        crafted.wire[crafted.cmStart + flagsOffset(t)] = flags;
        repair(crafted, t.profile.layout);
        blocks.push({ wire: crafted.wire, what: `A datagram that ends in a block with flags ${flags}` });
      }
      await requireOrdinary(t, port, blocks);
      await requireNoStateThenConfirm(t, port);
    },
  },
  {
    id: 'CK-mark-required',
    area: 'CK',
    purpose: 'Only with its mark (length 25, or version 0xA2) is a block with a right sum a CM.',
    requirements: ['MPIP-CK-02'],
    services: ['echo'],
    async run(t: Tester) {
      const port = await t.node().port();
      const { layout } = t.profile;
      const markAt = layout === 'compact' ? 0 : flagsOffset(t) - 1;
      const mark = layout === 'compact' ? 25 : 0xa2;
      const blocks: NoCm[] = [];
      for (let other = 0; other <= 255; other++) {
        if (other === mark) continue;
        const crafted = craft(port, t.payload(4), { flags: Flags.enable });
        crafted.wire[crafted.cmStart + markAt] = other;
        repair(crafted, layout);
        blocks.push({ wire: crafted.wire, what: `A block whose mark is ${other} instead of ${mark}` });
      }
      await requireOrdinary(t, port, blocks);
      await requireNoStateThenConfirm(t, port);
    },
  },
  {
    id: 'CK-filler-unseen',
    area: 'CK',
    purpose: 'The filler octet before a compact CM may have any value, is not summed and not delivered.',
    requirements: ['MPIP-CK-01', 'MPIP-CM-08'],
    services: ['echo'],
    async run(t: Tester) {
      if (t.profile.layout !== 'compact') t.notApplicable('layout', 'Only the compact layout has a filler octet.');
      const session = await ownSession(t, await t.node().port());
      for (const filler of [0, 1, 25, 0x7f, 0x80, 0xff]) {
        const payload = t.payload();
        session.port.send('echo', payload, { sessionId: session.id, filler });
        const answer = await nextAnswer(t, session.port);
        t.require(
          payloadIs(payload)(answer),
          'filler-counts',
          'With another filler octet the user data was not delivered as sent.',
          {
            packet: answer,
            expected: `${payload.length} octets`,
            seen: `${answer.payload.length} octets`,
            ...headerField(answer, 'userData'),
          },
        );
      }
      t.pass('Every filler was taken off unseen.', ...received(session.port).slice(-1));
    },
  },
  {
    id: 'CK-filler-required',
    area: 'CK',
    purpose:
      'A datagram of exactly the 25 octets of a compact CM has no room for the filler and is ordinary; one of 26 is a CM.',
    requirements: ['MPIP-CK-02', 'MPIP-CK-03'],
    services: ['echo'],
    async run(t: Tester) {
      if (t.profile.layout !== 'compact') t.notApplicable('layout', 'Only the compact layout has a filler octet.');
      await t.handshake(await t.node().port());
      const port = await t.node().port();
      const { wire } = craft(port, new Uint8Array(0), { flags: Flags.enable });
      await requireOrdinary(t, port, [
        { wire: wire.slice(1), what: 'A datagram that is one octet too short for a filler and a CM' },
        ...[1, 2, 24].map((size) => ({ wire: wire.slice(0, size), what: `The first ${size} octets of a trailer` })),
      ]);
      await t.expectSilence(port, isConfirm, SETTLE, {
        code: 'damaged-confirmed',
        text: 'A datagram that is too short for a CM was confirmed as if it were a query.',
      });
      const fresh = await port.node.port();
      fresh.sendBytes('echo', wire);
      const confirm = await t.expect(fresh, isConfirm, {
        code: 'no-confirm',
        text: 'A query of 26 octets, filler and CM and no user data, was not confirmed.',
        expected: EXPECTED.confirm,
      });
      const silent = all(isPlain, payloadIs(wire));
      t.refuse(received(fresh, silent)[0], 'control-delivered', 'The query was delivered to the echo service.', {
        expected: 'nothing from the echo service',
      });
      t.pass('25 octets are ordinary, 26 are a query.', confirm);
    },
  },
  {
    id: 'CK-chance-from-unknown-node',
    area: 'CK',
    purpose:
      'User data of a host without MPIP that happens to end like a CM with which no node can begin is delivered whole.',
    requirements: ['MPIP-CK-04'],
    services: ['echo'],
    async run(t: Tester) {
      // A peer without MPIP may do what it likes with them.
      await t.handshake(await t.node().port());
      const port = await t.node().port();
      const beginnings: readonly [string, Partial<ControlMessage>][] = [
        ['a query with a session id', { flags: Flags.enable, sessionId: 7 }],
        ['a query with a path id', { flags: Flags.enable, pathId: 3 }],
        ['a confirmation with a session id', { flags: Flags.enabled, sessionId: 7 }],
        ['data without a session', { flags: Flags.normal }],
        ['an address change without a session', { flags: Flags.ipChange, pathId: 3 }],
        ['a heartbeat without a session', { flags: Flags.heartbeat, pathId: 3, feedbackPathId: 3 }],
        ['a fake handshake without a session', { flags: Flags.handshake }],
        ['a fake handshake with a session', { flags: Flags.handshake, sessionId: 7 }],
      ];
      const chances = beginnings.map(([name, cm]) => ({
        wire: craft(port, t.payload(), cm).wire,
        what: `User data of an unknown host that ends like ${name}`,
      }));
      await requireOrdinary(t, port, chances);
      await requireNoStateThenConfirm(t, port);
    },
  },
  {
    id: 'CK-near-cm-is-user-data',
    area: 'CK',
    purpose: 'User data that only resembles a CM is delivered whole between two nodes that speak MPIP.',
    requirements: ['MPIP-CK-03', 'MPIP-RX-04'],
    services: ['echo'],
    async run(t: Tester) {
      const port = await t.node().port();
      await t.handshake(port);
      await peerSession(t, port);
      const blocks: NoCm[] = [];
      for (let i = 0; i < 8; i++) {
        const crafted = craft(port, t.payload(10), { flags: i % 6 });
        crafted.wire[crafted.wire.length - 2] = (crafted.wire[crafted.wire.length - 2]! + 1) & 255;
        blocks.push({ wire: crafted.wire, what: 'User data whose end differs from a CM by one in the sum' });
      }
      // Of two layouts a node speaks one.
      const layout = port.node.layout === 'full' ? 'compact' : 'full';
      const { wire } = craft(port, t.payload(10), { layout, nodeId: 0x1234, sessionId: 7 });
      blocks.push({
        wire,
        what: `User data of a node of the layout ${port.node.layout} that ends like a CM of ${layout}`,
      });
      await requireOrdinary(t, port, blocks);
      t.pass('Every resemblance was delivered whole.', ...received(port).slice(-1));
    },
  },
];
