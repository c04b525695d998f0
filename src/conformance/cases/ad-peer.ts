import { Flags, formatIpv4, type Ipv4 } from '../../codec/index.js';
import type { TestCase } from '../case.js';
import { addressesOf, fieldValue, inWords } from '../describe.js';
import { headerField, isData, type Observed } from '../observed.js';
import { cmOf, type Tester } from '../tester.js';
import { Mesh } from './mesh.js';
import { tupleOf } from './pa.js';

/** Most packets that may carry the flag once the new path was fed back: those on their way. */
const ON_THEIR_WAY = 2;

const common = {
  area: 'AD',
  services: ['echo'],
  upperTester: true,
  changesPeer: true,
  capabilities: ['address-change', 'several-addresses'],
} as const;

/** A mesh with a peer of several addresses, primary first. */
async function severalAddresses(t: Tester): Promise<{ mesh: Mesh; addresses: Ipv4[]; port: number }> {
  const mesh = await Mesh.begin(t);
  await mesh.findPaths();
  const addresses = [t.peerAddress, ...[...mesh.peerAddresses].filter((address) => address !== t.peerAddress)];
  if (addresses.length < 2)
    t.inconc('one-address', 'The peer lists one address only, although it was declared to have several.');
  return { mesh, addresses, port: mesh.session.first!.sourcePort };
}

/** The peer loses its primary address; packets go to the next one, which it has announced. */
async function lose(t: Tester, mesh: Mesh, addresses: readonly Ipv4[], port: number): Promise<void> {
  await t.upper.setAddresses(addresses.slice(1));
  mesh.delays.clear();
  mesh.to = { address: addresses[1]!, port };
}

/** The tester's path to the peer's second address. */
const other = { pathId: 3 };

const isFlagged = (packet: Observed) => packet.cm?.flags === Flags.ipChange;

/** Section 3.4: the peer's own addresses change. */
export const AD_PEER_CASES: readonly TestCase[] = [
  {
    ...common,
    id: 'AD-own-change-is-flagged',
    purpose: "After a change of its addresses the peer's next packets of the session carry ip-change.",
    requirements: ['MPIP-AD-01'],
    async run(t: Tester) {
      const { mesh, addresses, port } = await severalAddresses(t);
      await lose(t, mesh, addresses, port);
      const answers = await mesh.burst(1, other);
      for (let i = 0; i < 3 && answers.length === 0; i++) answers.push(...(await mesh.burst(1, other)));
      const [first] = answers;
      if (first === undefined)
        return void (await t.silent(mesh.session.port, {
          code: 'silent-after-change',
          text: 'After the peer lost an address nothing of the session came any more.',
          expected: 'an answer from an address that is left',
        }));
      if (mesh.uncertain > 0 && !isFlagged(first)) mesh.requireCertainty();
      t.equal(
        cmOf(first).flags,
        Flags.ipChange,
        'not-flagged',
        'The first packet of the session after the change does not carry the flag ip-change.',
        {
          packet: first,
          field: 'flags',
        },
      );
      t.pass('The first packet after the change was flagged.', first);
    },
  },
  {
    ...common,
    id: 'AD-own-change-resets-to-one-path',
    purpose: 'While it flags a change of its addresses the peer uses one path only.',
    requirements: ['MPIP-AD-03'],
    sources: 2,
    async run(t: Tester) {
      const { mesh, addresses, port } = await severalAddresses(t);
      await mesh.join(1);
      await mesh.findPaths();
      await lose(t, mesh, addresses, port);
      const answers = (await mesh.burst(24, other)).filter(isFlagged);
      if (answers.length === 0) t.inconc('not-flagged', 'No packet carried the flag: other cases judge that.');
      const tuples = new Set(answers.map(tupleOf));
      t.require(
        tuples.size === 1,
        'several-paths-kept',
        'Packets with the flag came by several paths; after the change there is one, until the other end has followed.',
        {
          expected: 'one tuple',
          seen: [...tuples].join(', '),
          packet: answers.at(-1)!,
          field: 'pathId',
        },
      );
      t.pass('The flagged packets came by one path.', ...answers.slice(0, 3));
    },
  },
  {
    ...common,
    id: 'AD-own-flag-ends',
    purpose: 'The flag ends when the new path was fed back, and after a few packets in any case.',
    requirements: ['MPIP-AD-10'],
    async run(t: Tester) {
      const { mesh, addresses, port } = await severalAddresses(t);
      await lose(t, mesh, addresses, port);
      const most = t.constants['ip-change-packets'];
      const answers = await mesh.burst(most + 6, other);
      const without = answers.filter(isFlagged);
      if (without.length === 0) t.inconc('not-flagged', 'No packet carried the flag: other cases judge that.');
      t.require(
        without.length <= most,
        'flag-without-end',
        'The flag of one change is carried by more packets than agreed.',
        {
          expected: `at most ${most}`,
          seen: without.length,
          packet: without.at(-1)!,
          field: 'flags',
        },
      );
      // Once more, with feedback for the new path in every packet.
      await t.upper.setAddresses(addresses);
      mesh.to = { address: addresses[0]!, port };
      const [flagged] = (await mesh.burst(2, {})).filter(isFlagged);
      if (flagged === undefined) t.inconc('not-flagged', 'The second change was not flagged: other cases judge that.');
      const { pathId } = cmOf(flagged);
      await mesh.feed(pathId, 0);
      const later = await mesh.burst(12, { feedbackPathId: pathId, pathDelay: 0 });
      const late = later.filter(isFlagged);
      t.require(
        late.length <= ON_THEIR_WAY,
        'flag-after-feedback',
        'We have fed back the path that was made after the change; the flag must end.',
        {
          expected: `at most ${ON_THEIR_WAY} of ${later.length} packets`,
          seen: late.length,
          packet: late.at(-1),
          field: 'flags',
        },
      );
      t.pass('The flag ended.', flagged, later.at(-1)!);
    },
  },
  {
    ...common,
    id: 'AD-removed-address-is-gone',
    purpose: 'An address that the peer lost is neither listed nor used as a source.',
    requirements: ['MPIP-AD-08', 'MPIP-CM-06'],
    async run(t: Tester) {
      const { mesh, addresses, port } = await severalAddresses(t);
      await lose(t, mesh, addresses, port);
      await t.sleep(2 * t.slack);
      const answers = await mesh.burst(48, other);
      const [lost] = addresses as [Ipv4];
      const source = answers.find((answer) => answer.source === lost);
      t.refuse(source, 'removed-address-used', 'A packet comes from an address that the peer does not have any more.', {
        expected: `none from ${formatIpv4(lost)}`,
        seen: 'one from there',
        ...headerField(source, 'source'),
        requirement: 'MPIP-AD-08',
      });
      const lister = answers.find((answer) => cmOf(answer).localAddresses.includes(lost));
      t.refuse(
        lister,
        'removed-address-listed',
        'The address list names an address that the peer does not have any more.',
        {
          field: 'localAddresses',
          expected: `a list without ${formatIpv4(lost)}`,
          seen: `the list ${addressesOf(lister)}`,
          requirement: 'MPIP-AD-08',
        },
      );
      if (answers.length === 0) t.inconc('silent-after-change', 'Nothing came any more: other cases judge that.');
      t.pass('The lost address is gone.', answers.at(-1)!);
    },
  },
  {
    ...common,
    id: 'AD-added-address-is-used',
    purpose: 'An address that the peer gained stands in its list and makes new paths.',
    requirements: ['MPIP-AD-07', 'MPIP-CM-06'],
    async run(t: Tester) {
      const { mesh, addresses } = await severalAddresses(t);
      await t.upper.setAddresses(addresses.slice(0, 1));
      await mesh.burst(12);
      await t.sleep(2 * t.slack);
      const since = t.now();
      await t.upper.setAddresses(addresses);
      const added = new Set(addresses.slice(1));
      const seen: Observed[] = [];
      for (let i = 0; i < 6; i++) {
        for (const answer of await mesh.burst(32)) {
          if (added.has(answer.source)) seen.push(answer);
          if (!mesh.delays.has(cmOf(answer).pathId)) mesh.delays.set(cmOf(answer).pathId, 0);
        }
        if (seen.length > 0) break;
        await t.sleep(t.constants['path-refresh'] / 2);
      }
      const [packet] = seen;
      t.require(
        packet !== undefined,
        'added-address-unused',
        'The peer gained an address and sends nothing from there.',
        {
          expected: `packets from ${[...added].map(formatIpv4).join(' or ')}`,
          seen: `none in ${inWords(t.now() - since)}`,
          packet: mesh.session.port.lastSent,
          requirement: 'MPIP-AD-07',
        },
      );
      const listed = mesh.session.port.history.some(
        (other) =>
          isData(other) && other.time >= since && cmOf(other).localAddresses.some((address) => added.has(address)),
      );
      t.require(listed, 'added-address-unlisted', 'The address list does not name the address that the peer gained.', {
        packet,
        field: 'localAddresses',
        expected: `a list with ${[...added].map(formatIpv4).join(' and ')}`,
        seen: `the list ${addressesOf(packet)}`,
        requirement: 'MPIP-AD-07',
      });
      t.pass('The added address is listed and used.', packet);
    },
  },
  {
    ...common,
    id: 'AD-own-session-survives',
    purpose:
      "The peer's session outlives the loss of the address that it began with: same id, same ports, data goes on.",
    requirements: ['MPIP-AD-05', 'MPIP-SS-08', 'MPIP-NID-02'],
    async run(t: Tester) {
      const { mesh, addresses, port } = await severalAddresses(t);
      const nodeId = cmOf(mesh.session.first!).nodeId;
      await lose(t, mesh, addresses, port);
      const answers = await mesh.insist(12, other);
      if (answers.length === 0)
        await t.silent(mesh.from, {
          code: 'interrupted',
          text: 'After the peer lost an address its application got nothing more, or could not answer.',
          expected: 'answers of the echo service',
          requirement: 'MPIP-AD-05',
        });
      t.require(
        answers.length === 12,
        'interrupted',
        "The application did not get or could not answer every packet over the change of the peer's address.",
        {
          expected: '12 answers',
          seen: answers.length,
          packet: mesh.from.lastSent,
          requirement: 'MPIP-AD-05',
        },
      );
      const changed = answers.find((answer) => cmOf(answer).nodeId !== nodeId);
      t.refuse(changed, 'other-node-id', 'With its address the peer changed its node id.', {
        expected: fieldValue('nodeId', nodeId),
        seen: fieldValue('nodeId', changed?.cm?.nodeId ?? nodeId),
        field: 'nodeId',
        requirement: 'MPIP-NID-02',
      });
      t.pass('The session went on.', answers[0]!, answers.at(-1)!);
    },
  },
];
