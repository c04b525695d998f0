import { formatIpv4, parseIpv4 } from '../../codec/index.js';
import type { TestCase } from '../case.js';
import { headerField, isData, isQuery, type Observed } from '../observed.js';
import { cmOf, type Tester } from '../tester.js';
import { Mesh } from './mesh.js';

/** Addresses and ports of a packet of the peer, as text. */
export const tupleOf = (packet: Pick<Observed, 'source' | 'sourcePort' | 'destination' | 'destinationPort'>): string =>
  `${formatIpv4(packet.source)}:${packet.sourcePort} to ${formatIpv4(packet.destination)}:${packet.destinationPort}`;

/** An address that no node has (RFC 5737) and one from behind a NAT (RFC 1918). */
const UNREACHABLE = parseIpv4('203.0.113.77');
const PRIVATE = parseIpv4('10.77.0.5');

/** Section 3.3: which paths there are, and what their ids mean. */
/** The data packets that came to the ports of a session. */
function historyOf(mesh: Mesh): Observed[] {
  return mesh.ports.flatMap(({ history }) =>
    history.filter((packet) => packet.direction === 'received' && isData(packet)),
  );
}

export const PA_CASES: readonly TestCase[] = [
  {
    id: 'PA-from-every-local-address',
    area: 'PA',
    purpose: 'Towards an address that is enabled there is a path from every address of the peer.',
    requirements: ['MPIP-PA-03'],
    services: ['echo'],
    capabilities: ['several-addresses'],
    async run(t: Tester) {
      const mesh = await Mesh.begin(t);
      await mesh.findPaths();
      const own = new Set([...mesh.paths.values()].map(({ source }) => source));
      if (mesh.peerAddresses.size < 2) {
        t.inconc('one-address', 'The peer lists one address only, although it was declared to have several.');
      }
      for (const address of mesh.peerAddresses) {
        t.require(
          own.has(address),
          'address-unused',
          `The peer lists ${formatIpv4(address)} as an address of its own and sends nothing from there.`,
          {
            expected: `paths from ${[...mesh.peerAddresses].map(formatIpv4).join(' and ')}`,
            seen: `paths from ${[...own].map(formatIpv4).join(' and ')}`,
            packet: [...mesh.paths.values()][0]!,
            field: 'localAddresses',
          },
        );
      }
      t.pass(`Paths from ${own.size} addresses.`, ...mesh.paths.values());
    },
  },
  {
    id: 'PA-mesh-of-all-addresses',
    area: 'PA',
    purpose: 'M addresses of the peer and two of ours give 2 M paths, all of which carry packets.',
    requirements: ['MPIP-PA-08', 'MPIP-PA-03'],
    services: ['echo'],
    sources: 2,
    async run(t: Tester) {
      const mesh = await Mesh.begin(t);
      await mesh.join(1);
      await mesh.findPaths();
      const seen = new Set([...mesh.paths.values()].map(tupleOf));
      for (const source of mesh.peerAddresses) {
        for (const { address, port } of mesh.ports) {
          const tuple = `${formatIpv4(source)}:${mesh.session.first!.sourcePort} to ${formatIpv4(address)}:${port}`;
          t.require(
            seen.has(tuple),
            'path-missing',
            'Each address of the peer makes a path with each of ours that we announced and that answered.',
            {
              expected: tuple,
              seen: [...seen].join(', ') || 'no path',
              packet: [...mesh.paths.values()].at(-1) ?? mesh.session.first!,
              field: 'pathId',
            },
          );
        }
      }
      t.pass(
        `${seen.size} paths between ${mesh.peerAddresses.size} addresses of the peer and two of ours.`,
        ...mesh.paths.values(),
      );
    },
  },
  {
    id: 'PA-id-names-one-tuple',
    area: 'PA',
    purpose:
      'A path id stands for one tuple of addresses and ports, and a tuple for one id, as long as the session lasts.',
    requirements: ['MPIP-PA-02', 'MPIP-PA-01', 'MPIP-TX-01'],
    services: ['echo'],
    async run(t: Tester) {
      const mesh = await Mesh.open(t);
      const ids = new Map<string, Observed>();
      for (const answer of await mesh.burst(48 * mesh.paths.size)) {
        const { pathId } = cmOf(answer);
        if (pathId === 0) continue;
        const first = mesh.paths.get(pathId)!;
        t.equal(
          tupleOf(answer),
          tupleOf(first),
          'id-of-two-tuples',
          `Packets with the path id ${pathId} travel by two tuples.`,
          {
            packet: answer,
            field: 'pathId',
            requirement: 'MPIP-PA-02',
          },
        );
        const same = ids.get(tupleOf(answer));
        t.equal(pathId, cmOf(same ?? answer).pathId, 'tuple-of-two-ids', 'Packets by one tuple carry two path ids.', {
          packet: answer,
          field: 'pathId',
          requirement: 'MPIP-PA-01',
        });
        ids.set(tupleOf(answer), answer);
      }
      t.pass(`${ids.size} tuples, ${ids.size} ids.`, ...ids.values());
    },
  },
  {
    id: 'PA-ids-unique-over-sessions',
    area: 'PA',
    purpose: 'Path ids are unique in the node: the paths of two sessions with one peer have different ids.',
    requirements: ['MPIP-PA-01'],
    services: ['echo'],
    async run(t: Tester) {
      const node = t.node();
      const first = await Mesh.begin(t, { node });
      const second = await Mesh.begin(t, { node });
      for (const mesh of [first, second, first]) await mesh.findPaths();
      for (const [id, packet] of second.paths) {
        t.require(
          !first.paths.has(id),
          'id-used-twice',
          'Paths of two sessions have one id: what is fed back for it would count for both.',
          {
            packet,
            field: 'pathId',
            expected: `none of ${first.pathIds.join(' and ')}`,
            seen: id,
          },
        );
      }
      t.pass(
        `Ids ${first.pathIds.join(' and ')} in one session, ${second.pathIds.join(' and ')} in the other.`,
        ...second.paths.values(),
      );
    },
  },
  {
    id: 'PA-only-paths-of-the-session',
    area: 'PA',
    purpose:
      'The data of a session takes the paths of this session only, though another one with the same node has others.',
    requirements: ['MPIP-PA-05', 'MPIP-TX-03'],
    services: ['echo'],
    sources: 2,
    async run(t: Tester) {
      const node = t.node();
      const first = await Mesh.begin(t, { node });
      await first.join(1);
      await first.findPaths();
      const id = first.session.id + 1;
      const judge = () => {
        const stray = [
          ...historyOf(first).filter(({ cm }) => cm?.sessionId === id),
          ...(second === undefined ? [] : historyOf(second).filter(({ cm }) => cm?.sessionId === first.session.id)),
        ][0];
        t.refuse(stray, 'path-of-other-session', 'Data of one session came by a path of another one.', {
          expected: 'the paths of its own session',
          seen: `path ${stray?.cm?.pathId}`,
          field: 'pathId',
        });
      };
      let second: Mesh | undefined;
      try {
        second = await Mesh.begin(t, { node, id });
        await second.findPaths();
        for (let i = 0; i < 3; i++) {
          await first.burst(32);
          await second.burst(32);
        }
      } catch (reason) {
        // An answer that is missing may have gone where the other session is.
        judge();
        throw reason;
      }
      judge();
      const shared = second.pathIds.filter((id) => first.paths.has(id));
      const sharedBy = shared[0] === undefined ? undefined : second.paths.get(shared[0]);
      t.refuse(sharedBy, 'path-of-other-session', 'Data of one session names a path of another one.', {
        expected: `none of the ids ${first.pathIds.join(', ')}`,
        seen: `path ${shared[0]}`,
        field: 'pathId',
      });
      t.pass('Each session kept to its own paths.', ...first.paths.values(), ...second.paths.values());
    },
  },
  {
    id: 'PA-address-as-seen',
    area: 'PA',
    purpose:
      'Paths lead to the addresses that packets come from, not to those that a node behind a NAT has on the inside.',
    requirements: ['MPIP-PA-06', 'MPIP-SS-09'],
    services: ['echo'],
    async run(t: Tester) {
      // What a node behind a NAT says of itself: nobody outside reaches it there.
      await Mesh.begin(t);
      const mesh = await Mesh.announcing(t, [PRIVATE]);
      await mesh.burst(1, { pathId: 0 });
      const answers = await mesh.burst(64);
      const lost = 64 - answers.length;
      // A network that loses packets loses some of these, too, but not most.
      if (lost > 16 && lost <= 32) mesh.requireCertainty();
      t.require(
        lost <= 16,
        'inside-address-used',
        "We are seen at another address than the one that we list, as behind a NAT; some of the session's packets did not come where ours come from.",
        {
          expected: 'nearly 64 answers',
          seen: `${answers.length} answers`,
          packet: answers.at(-1),
          ...headerField(answers.at(-1), 'destination'),
        },
      );
      t.pass('The answers came to the address that our packets come from.', answers.at(-1)!);
    },
  },
  {
    id: 'PA-announced-address-has-to-answer',
    area: 'PA',
    purpose: "An address that we announce gets no user data before it has answered the peer's own query.",
    requirements: ['MPIP-PA-10'],
    services: ['echo'],
    sources: 2,
    async run(t: Tester) {
      // The right thing works: an address that answers is used.
      const answering = await Mesh.begin(t);
      const second = await answering.join(1);
      await answering.findPaths();
      if (![...answering.paths.values()].some(({ destination }) => destination === second.address)) {
        t.inconc('never-used', 'An announced address is not used either when it answers: other cases judge that.');
      }
      const mesh = await Mesh.begin(t);
      const silent = await mesh.node.port(1, mesh.session.port.port);
      mesh.announced = [mesh.session.port.address, silent.address, UNREACHABLE].slice(0, 2);
      mesh.uncertain = 0;
      const answers = await mesh.burst(96);
      const stray = silent.history.find((packet) => !isQuery(packet));
      t.refuse(
        stray,
        'data-to-unproven-address',
        'User data went to an address that only stands in our list; who announces the address of another would aim the traffic at it.',
        {
          expected: `only queries to ${formatIpv4(silent.address)}`,
        },
      );
      if (answers.length === 0) t.inconc('no-echo', 'Nothing came back any more.');
      t.pass('An address that we announced and that does not answer got no user data.', answers.at(-1)!);
    },
  },
];
