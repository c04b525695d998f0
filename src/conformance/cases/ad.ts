import { Flags, formatIpv4 } from '../../codec/index.js';
import type { TestCase } from '../case.js';
import { headerField, isData, type Observed } from '../observed.js';
import type { TestPort } from '../test-port.js';
import { cmOf, type Tester } from '../tester.js';
import { Mesh } from './mesh.js';
import { tryExchange } from './moves.js';
import { tupleOf } from './pa.js';

/** What a case about changes needs whose tester has one address. */
const fromOne = { area: 'AD', services: ['echo'], capabilities: ['address-change'] } as const;
const common = { ...fromOne, sources: 2 } as const;
const withSeveral = { ...common, capabilities: ['address-change', 'several-addresses'] } as const;

/** The tester's id of the path from its second address, and of the next one. */
const SECOND_PATH = 2;
const THIRD_PATH = 3;

/** A mesh over both of our addresses. */
async function twoAddresses(t: Tester): Promise<Mesh> {
  const mesh = await Mesh.begin(t);
  await mesh.join(1);
  await mesh.findPaths();
  if (![...mesh.paths.values()].some(({ destination }) => destination === mesh.ports[1]!.address)) {
    t.inconc('one-address', 'The peer does not use our second address: other cases judge that.');
  }
  return mesh;
}

/** We have left an address: from now on packets come from the other one, which is all that we list. */
function move(mesh: Mesh, to = mesh.ports[1]!): void {
  mesh.from = to;
  mesh.announced = [mesh.from.address];
  mesh.delays.clear();
}

const flagged = { flags: Flags.ipChange, pathId: SECOND_PATH };

/** The tuples of data packets as a set. */
const tuplesOf = (packets: readonly Observed[]) => new Set(packets.filter(isData).map(tupleOf));

/** Moves to our first address once more and requires that the peer follows at once and uses the path of the flagged packet only. */
async function moveBack(t: Tester, mesh: Mesh, pathId: number): Promise<void> {
  const change = { flags: Flags.ipChange, pathId };
  await t.sleep(2 * t.slack);
  const before = new Set(mesh.pathIds);
  move(mesh, mesh.ports[0]!);
  await mesh.insist(3, change);
  const answers = await mesh.burst(16 * before.size, change);
  if (answers.length === 0)
    t.inconc('silent-after-change', 'After the last change nothing came any more: other cases judge that.');
  const back = `${formatIpv4(t.peerAddress)}:${mesh.session.first!.sourcePort} to ${formatIpv4(mesh.from.address)}:${mesh.from.port}`;
  const stray = answers.find((answer) => tupleOf(answer) !== back);
  t.refuse(
    stray,
    'change-ignored',
    'Our address changed once more, which the flag says by another path and with another list; the peer goes on with what the change before had left.',
    { expected: back, seen: stray === undefined ? '' : tupleOf(stray), octet: 12, octets: 8 },
  );
  t.pass('Each change was obeyed.', answers.at(-1)!);
}

/** Section 3.4: the tester's address changes. */
export const AD_CASES: readonly TestCase[] = [
  {
    ...common,
    id: 'AD-flag-keeps-one-path',
    purpose: 'After a packet with ip-change the peer uses the path of that packet only.',
    requirements: ['MPIP-AD-02', 'MPIP-CM-07'],
    async run(t: Tester) {
      const mesh = await twoAddresses(t);
      move(mesh);
      await mesh.burst(3, flagged);
      const answers = await mesh.burst(24 * mesh.paths.size, flagged);
      if (answers.length === 0)
        await t.silent(mesh.from, {
          code: 'silent-after-change',
          text: 'After a packet with ip-change nothing of the session came any more.',
          expected: 'answers of the echo service to our new address',
          requirement: 'MPIP-AD-02',
        });
      const back = `${formatIpv4(t.peerAddress)}:${mesh.session.first!.sourcePort} to ${formatIpv4(mesh.from.address)}:${mesh.from.port}`;
      const other = answers.find((answer) => tupleOf(answer) !== back);
      t.refuse(
        other,
        'other-path-kept',
        'Our address changed; until we send without the flag there is only the path that the flagged packet came by.',
        {
          expected: back,
          seen: other === undefined ? '' : tupleOf(other),
          octet: 12,
          octets: 8,
          requirement: 'MPIP-AD-02',
        },
      );
      t.pass('Only the path of the flagged packet was used.', answers.at(-1)!);
    },
  },
  {
    ...common,
    id: 'AD-same-change-resets-once',
    purpose: 'Further packets with the flag for the same change do not reset again: the path keeps its id.',
    requirements: ['MPIP-AD-02'],
    async run(t: Tester) {
      const mesh = await twoAddresses(t);
      const before = new Set(mesh.pathIds);
      move(mesh);
      await mesh.burst(3, flagged);
      const answers = await mesh.burst(12, flagged);
      const ids = new Set(answers.map((answer) => cmOf(answer).pathId));
      if (ids.size === 0)
        t.inconc('silent-after-change', 'After the flag nothing came any more: other cases judge that.');
      t.require(
        ids.size <= 1,
        'reset-again',
        'Each flagged packet of one change made a new path; what was measured is lost each time.',
        {
          expected: 'one path id',
          seen: [...ids].join(', '),
          packet: answers.at(-1)!,
          field: 'pathId',
        },
      );
      t.require(
        ![...ids].some((id) => before.has(id)),
        'entries-kept',
        'The path after the change has an id from before: the rows of the connection were not forgotten.',
        {
          expected: `an id other than ${[...before].join(', ')}`,
          seen: [...ids].join(', '),
          packet: answers.at(-1)!,
          field: 'pathId',
        },
      );
      t.pass('The change was obeyed once.', answers.at(-1)!);
    },
  },
  {
    ...common,
    id: 'AD-change-during-a-change',
    purpose: 'A second change of our address is obeyed though the first is still being flagged.',
    requirements: ['MPIP-AD-02'],
    async run(t: Tester) {
      const mesh = await twoAddresses(t);
      move(mesh);
      await mesh.burst(3, flagged);
      await moveBack(t, mesh, THIRD_PATH);
    },
  },
  {
    ...common,
    id: 'AD-each-change-counts',
    purpose: 'A node that comes back to an address that it had before changes again, as often as it does.',
    requirements: ['MPIP-AD-02'],
    async run(t: Tester) {
      const mesh = await twoAddresses(t);
      for (let pathId = SECOND_PATH; pathId < SECOND_PATH + 2; pathId++) {
        move(mesh, mesh.ports[pathId % 2 === 0 ? 1 : 0]!);
        await mesh.insist(3, { flags: Flags.ipChange, pathId });
        await mesh.insist(8, { pathId });
      }
      move(mesh);
      await mesh.insist(3, { flags: Flags.ipChange, pathId: SECOND_PATH + 2 });
      await mesh.insist(8, { pathId: SECOND_PATH + 2 });
      await moveBack(t, mesh, SECOND_PATH + 3);
    },
  },
  {
    ...common,
    id: 'AD-session-survives',
    purpose: 'A change of our address ends no session: the same id, the same application, no packet lost.',
    requirements: ['MPIP-AD-05', 'MPIP-SS-08', 'MPIP-AD-06'],
    async run(t: Tester) {
      const mesh = await twoAddresses(t);
      move(mesh);
      const count = 12;
      const answers = [
        ...(await mesh.insist(count / 2, flagged)),
        ...(await mesh.insist(count / 2, { pathId: SECOND_PATH })),
      ];
      if (answers.length === 0) {
        await t.silent(mesh.from, {
          code: 'interrupted',
          text: 'After our address had changed the application got nothing more, or could not answer.',
          expected: 'answers of the echo service',
          requirement: 'MPIP-AD-05',
        });
      }
      t.require(
        answers.length === count,
        'interrupted',
        'The application did not get or could not answer every packet over the change of our address.',
        {
          expected: `${count} answers`,
          seen: answers.length,
          packet: mesh.from.lastSent,
          requirement: 'MPIP-AD-05',
        },
      );
      // The mesh itself takes only answers in the session.
      t.pass('The session went on over the change.', answers[0]!, answers.at(-1)!);
    },
  },
  {
    ...withSeveral,
    id: 'AD-paths-come-back',
    purpose: 'After the change further paths are added by the normal process.',
    requirements: ['MPIP-AD-04'],
    async run(t: Tester) {
      const mesh = await twoAddresses(t);
      move(mesh);
      await mesh.burst(4, flagged);
      await mesh.burst(4, { pathId: SECOND_PATH });
      if (mesh.peerAddresses.size < 2)
        t.inconc('one-address', 'The peer lists one address only: no other path is possible.');
      let tuples = new Set<string>();
      let last: Observed | undefined;
      for (let i = 0; i < 4 && tuples.size < 2; i++) {
        const answers = await mesh.burst(48, { pathId: SECOND_PATH });
        tuples = tuplesOf(answers);
        last = answers.at(-1) ?? last;
        await t.sleep(t.constants['path-refresh'] / 2);
      }
      t.require(
        tuples.size > 1,
        'stays-with-one-path',
        'After the change of our address only one path is left, though the peer has more addresses and our packets come without the flag again.',
        {
          expected: `paths from ${mesh.peerAddresses.size} addresses of the peer`,
          seen: tuples.size === 0 ? 'none' : [...tuples].join(', '),
          packet: last,
          ...headerField(last, 'addresses'),
        },
      );
      t.pass(`${tuples.size} paths after the change.`, ...[...mesh.paths.values()].slice(-2));
    },
  },
  {
    ...common,
    id: 'AD-old-address-unused',
    purpose: 'An address that we have left, and list no more, gets nothing of the session.',
    requirements: ['MPIP-AD-02'],
    async run(t: Tester) {
      const mesh = await twoAddresses(t);
      const old = mesh.session.port;
      move(mesh);
      await mesh.burst(4, flagged);
      await t.sleep(2 * t.slack);
      const before = old.history.length;
      const answers = [...(await mesh.burst(24, flagged)), ...(await mesh.burst(48, { pathId: SECOND_PATH }))];
      const late = old.history.slice(before).find((packet) => packet.direction === 'received' && isData(packet));
      t.refuse(
        late,
        'old-address-used',
        'We have left an address and list it no more; data of the session still goes there.',
        {
          expected: `data to ${formatIpv4(mesh.from.address)} only`,
          seen: `data to ${formatIpv4(old.address)}`,
          ...headerField(late, 'destination'),
        },
      );
      if (answers.length === 0)
        t.inconc('silent-after-change', 'After the flag nothing came any more: other cases judge that.');
      t.pass('Nothing went to the address that we left.', answers.at(-1)!);
    },
  },
  {
    ...withSeveral,
    id: 'AD-other-address-lost',
    purpose:
      'We lose an address that is not the one of the session: nothing of the session goes there any more, and other paths to the one that is left come back.',
    requirements: ['MPIP-AD-02', 'MPIP-AD-04'],
    async run(t: Tester) {
      const mesh = await twoAddresses(t);
      const lost = mesh.ports[1]!;
      const change = { flags: Flags.ipChange, pathId: THIRD_PATH };
      move(mesh, mesh.ports[0]!);
      await mesh.insist(3, change);
      await t.sleep(2 * t.slack);
      const before = lost.history.length;
      const answers = await mesh.burst(8, change);
      const tuples = new Set<string>();
      for (let i = 0; i < 4 && (i < 2 || tuples.size < 2); i++) {
        answers.push(...(await mesh.burst(48, { pathId: THIRD_PATH })));
        for (const tuple of tuplesOf(answers)) tuples.add(tuple);
        if (tuples.size < 2) await t.sleep(t.constants['path-refresh'] / 2);
      }
      const late = lost.history.slice(before).find((packet) => packet.direction === 'received' && isData(packet));
      t.refuse(
        late,
        'lost-address-used',
        'We have lost an address and list it no more; data of the session still goes there.',
        {
          expected: `data to ${formatIpv4(mesh.from.address)} only`,
          seen: `data to ${formatIpv4(lost.address)}`,
          ...headerField(late, 'destination'),
          requirement: 'MPIP-AD-02',
        },
      );
      const last = answers.at(-1);
      if (last === undefined)
        t.inconc('silent-after-change', 'After the flag nothing came any more: other cases judge that.');
      if (mesh.peerAddresses.size < 2) t.inconc('one-address', 'The peer lists one address only.');
      t.require(
        tuples.size > 1,
        'stays-with-one-path',
        'We lost an address, and the peer uses a single path to the one that is left, though it has more addresses itself and our packets come without the flag again.',
        {
          expected: `paths from ${mesh.peerAddresses.size} addresses of the peer`,
          seen: [...tuples].join(', '),
          packet: last,
          ...headerField(last, 'addresses'),
          requirement: 'MPIP-AD-04',
        },
      );
      t.pass('Nothing went to the address that we lost.', last);
    },
  },
  {
    ...fromOne,
    id: 'AD-other-port',
    purpose: 'Our packets come from another port from now on, as the flag says: the one before gets nothing more.',
    requirements: ['MPIP-AD-02'],
    async run(t: Tester) {
      const mesh = await Mesh.begin(t);
      await mesh.findPaths();
      const [old] = mesh.ports as [TestPort];
      const other = await mesh.node.port();
      mesh.watch(other);
      await t.handshake(other);
      move(mesh, other);
      // The peer may ask there before it follows.
      for (let i = 0; i < 8; i++) await mesh.insist(1, flagged);
      await t.sleep(2 * t.slack);
      const before = old.history.length;
      const answers = [...(await mesh.burst(12, flagged)), ...(await mesh.burst(48, { pathId: SECOND_PATH }))];
      const moved = answers.find(({ localPort }) => localPort === other.port);
      if (moved === undefined)
        t.inconc('not-followed', 'After the flag nothing came to the other port: other cases judge that.');
      const late = old.history.slice(before).find((packet) => packet.direction === 'received' && isData(packet));
      t.refuse(
        late,
        'old-port-used',
        'Packets with ip-change came from another port, which has done the handshake; data of the session still goes to the one before.',
        {
          expected: `data to port ${other.port} only`,
          seen: `data to port ${old.port}`,
          ...headerField(late, 'destinationPort'),
        },
      );
      t.pass('Nothing went to the port that we left.', moved);
    },
  },
  {
    ...fromOne,
    id: 'AD-first-packet-is-flagged',
    purpose:
      'A session whose packets before the change were lost begins with a flagged one: its user data is delivered, and the answer belongs to the session.',
    requirements: ['MPIP-AD-06', 'MPIP-SS-04'],
    async run(t: Tester) {
      const port = await t.node().port();
      await t.handshake(port);
      const session = { id: 100 + t.random.below(150), port, service: 'echo', first: undefined } as const;
      const cm = { flags: Flags.ipChange, pathId: 1 };
      const payload = t.payload();
      const { received: answer } =
        (await tryExchange(session, cm, payload)) ??
        (await t.exchange(
          session,
          cm,
          {
            preamble: false,
            code: 'not-delivered',
            text: 'The first packet of a session had the flag ip-change; its user data did not come back from the echo service.',
            requirement: 'MPIP-AD-06',
          },
          payload,
        ));
      t.equal(
        answer.cm?.sessionId ?? 'none',
        session.id,
        'not-adopted',
        'The session was not adopted from a packet with the flag ip-change.',
        {
          packet: answer,
          ...(answer.cm === undefined ? {} : { field: 'sessionId' as const }),
          requirement: 'MPIP-SS-04',
        },
      );
      t.pass('The session began with a flagged packet.', answer);
    },
  },
  {
    ...common,
    id: 'AD-flag-of-a-stranger',
    purpose: 'A packet with ip-change from an address that did no handshake does not move the session there.',
    requirements: ['MPIP-AD-09'],
    async run(t: Tester) {
      const mesh = await Mesh.begin(t);
      await mesh.findPaths();
      const stranger = await mesh.node.port(1, mesh.session.port.port);
      for (let i = 0; i < 3; i++) {
        stranger.send('echo', t.payload(), {
          sessionId: mesh.session.id,
          ...flagged,
          localAddresses: [stranger.address],
        });
      }
      await t.sleep(2 * t.slack);
      const answers = await mesh.burst(32);
      const moved = stranger.history.find(
        (packet) => packet.direction === 'received' && isData(packet) && mesh.owns(packet),
      );
      t.refuse(
        moved,
        'moved-to-stranger',
        'A packet with the flag from an address that never did a handshake drew the session there: anybody who has seen its ids could do that.',
        {
          expected: `data to ${formatIpv4(mesh.session.port.address)}`,
          seen: `data to ${formatIpv4(stranger.address)}`,
          ...headerField(moved, 'destination'),
        },
      );
      if (answers.length === 0) t.inconc('no-echo', 'Nothing came back any more.');
      t.pass('The session stayed where it was.', answers.at(-1)!);
    },
  },
];
