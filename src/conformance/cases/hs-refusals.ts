import { Flags, formatIpv4, TcpFlags } from '../../codec/index.js';
import type { TestCase } from '../case.js';
import { headerField, isData, type Observed } from '../observed.js';
import type { Tester } from '../tester.js';
import { answeredHandshake, dataTo, isTo, overFakeTcp } from './hs.js';
import { answer, answerUntilAcknowledged, noSyn, syns, synToSecond, waitForSyns, write } from './hs-peer.js';
import { tupleOf } from './pa.js';
import { beginHandshake, completeHandshake, isStep, openedByPeer, TcpMesh } from './tcp-mesh.js';
import { tcpSession } from './tcp-moves.js';

const isAck = isStep(TcpFlags.ack);

/** Fails the case when a packet of the connection went to our second address; `why` the path is not open. */
async function requireClosed(t: Tester, mesh: TcpMesh, why: string): Promise<void> {
  const early = (await mesh.talk(12, 60_000)).find(isTo(mesh.stream.addresses[1]!));
  t.refuse(early, 'opened-by-anything', `${why}; the path carries packets of the connection all the same.`, {
    expected: 'no data before the third packet',
    ...headerField(early, 'destination'),
    requirement: 'MPIP-HS-06',
  });
}

/** The handshake from our second address is done as it should be, and the path carries data; `inconc` when it does not. */
export async function requireOpened(t: Tester, mesh: TcpMesh): Promise<Observed> {
  const { synAck, ...handshake } = await beginHandshake(t, mesh, 1);
  if (synAck === undefined) t.inconc('no-syn-ack', 'The SYN of a fake handshake was not answered any more.');
  for (let i = 0; i < 2; i++) completeHandshake(mesh, 1, { ...handshake, synAck });
  const late = await dataTo(mesh, mesh.stream.addresses[1]!);
  return late ?? t.inconc('path-never-used', 'The path is not used afterwards either: another case judges that.');
}

/** Section 3.8.1: packets of fake handshakes that are not what TCP waits for then open nothing. */
export const HS_REFUSAL_CASES: readonly TestCase[] = [
  {
    ...overFakeTcp,
    id: 'HS-only-an-ack-opens',
    purpose:
      'A third packet with RST or SYN, or without ACK, opens no path: as in TCP it refuses, begins anew, or says nothing.',
    requirements: ['MPIP-HS-06'],
    async run(t: Tester) {
      const { mesh, handshake } = await answeredHandshake(t);
      for (const [flags, what] of [
        [TcpFlags.psh, 'has not the TCP flag ACK, so that it acknowledges nothing'],
        [TcpFlags.syn | TcpFlags.ack, 'has the TCP flag SYN, so that it begins a connection of its own'],
        [TcpFlags.rst | TcpFlags.ack, 'has the TCP flag RST, so that it refuses the SYN-ACK'],
      ] as const) {
        completeHandshake(mesh, 1, handshake, { flags });
        await requireClosed(t, mesh, `The third packet ${what}`);
      }
      t.pass('Only an acknowledgement opened the path.', handshake.synAck, await requireOpened(t, mesh));
    },
  },
  {
    ...overFakeTcp,
    id: 'HS-third-packet-of-another-session',
    purpose: 'A third packet that names another connection than the SYN opens no path for either.',
    requirements: ['MPIP-HS-06', 'MPIP-HS-01'],
    async run(t: Tester) {
      const node = t.node();
      const other = await tcpSession(t, { node });
      const { mesh, handshake } = await answeredHandshake(t, node);
      if (other.id === mesh.session.id) t.inconc('one-session-for-two', 'Two connections have one session id.');
      for (let i = 0; i < 2; i++) completeHandshake(mesh, 1, handshake, { sessionId: other.id });
      await requireClosed(t, mesh, 'The third packet carries the session id of another connection than the SYN');
      t.pass('Only a packet of the session opened the path.', handshake.synAck, await requireOpened(t, mesh));
    },
  },
  {
    ...overFakeTcp,
    id: 'HS-unasked-syn-ack-is-not-acknowledged',
    purpose: 'A SYN-ACK with the handshake flag that answers no SYN is not acknowledged, as in TCP.',
    requirements: ['MPIP-HS-10'],
    async run(t: Tester) {
      const mesh = await TcpMesh.open(t, { sources: [0, 1] });
      const { stream } = mesh;
      for (let i = 0; i < 3; i++) {
        stream.send({
          source: 1,
          flags: TcpFlags.syn | TcpFlags.ack,
          sequence: t.random.below(2 ** 32),
          acknowledgement: t.random.below(2 ** 32),
          cm: { flags: Flags.handshake, sessionId: mesh.session.id },
        });
      }
      await t.sleep(2 * t.slack);
      const stray = stream.history.find((packet) => packet.direction === 'received' && isAck(packet));
      t.refuse(stray, 'acknowledged', 'The peer sent no SYN and acknowledges a SYN-ACK of a fake handshake.', {
        expected: 'nothing',
        ...headerField(stray, 'tcpFlags'),
      });
      const { synAck } = await beginHandshake(t, mesh, 1);
      if (synAck === undefined) t.inconc('no-syn-ack', 'The peer does not answer the SYN of a fake handshake either.');
      t.pass('The peer answered what a SYN began, and nothing else.', synAck);
    },
  },
  {
    ...overFakeTcp,
    id: 'HS-wrong-syn-ack-opens-nothing',
    purpose:
      "A SYN-ACK that does not acknowledge the peer's SYN opens no path, as in TCP: it belongs to another handshake.",
    requirements: ['MPIP-HS-06', 'MPIP-HS-10'],
    upperTester: true,
    async run(t: Tester) {
      const { mesh, handle } = await openedByPeer(t, [0, 1]);
      const { stream } = mesh;
      const second = stream.addresses[1]!;
      const toSecond = ({ destination }: Observed) => destination === second;
      const syn = await synToSecond(t, mesh, handle);
      for (let i = 0; i < 2; i++) answer(t, mesh, syn, undefined, { error: 7777 });
      await write(t, handle, 12, 60_000);
      const early = stream.history.filter((packet) => packet.direction === 'received' && toSecond(packet));
      const data = early.find(isData);
      t.refuse(
        data,
        'opened-by-anything',
        'The SYN-ACK acknowledged a number that the SYN did not have; the path carries packets of the connection all the same.',
        {
          expected: `no data to ${formatIpv4(second)}`,
          ...headerField(data, 'destination'),
          requirement: 'MPIP-HS-06',
        },
      );
      const ack = early.find(isAck);
      t.refuse(
        ack,
        'acknowledged',
        'The SYN-ACK acknowledged a number that the SYN did not have, and was acknowledged all the same.',
        {
          expected: 'no third packet',
          ...headerField(ack, 'tcpFlags'),
          requirement: 'MPIP-HS-10',
        },
      );
      const { ack: right } = await answerUntilAcknowledged(t, mesh, syn);
      if (right === undefined)
        t.inconc('not-completed', 'The right SYN-ACK is not acknowledged either: another case judges that.');
      t.pass('Only the right SYN-ACK was acknowledged.', syn, right);
    },
  },
  {
    ...overFakeTcp,
    id: 'HS-client-syn-to-where-the-connection-goes',
    purpose:
      'We announce another address than the one that our connection goes to, as a node behind a NAT does: a possible path is also from each address of the peer to that one.',
    requirements: ['MPIP-HS-03', 'MPIP-PA-06'],
    upperTester: true,
    capabilities: [...overFakeTcp.capabilities, 'several-addresses'],
    async run(t: Tester) {
      const { mesh, handle } = await openedByPeer(t, [0, 1], ({ addresses }) => addresses.slice(1));
      const { stream } = mesh;
      const [first] = stream.addresses;
      const isToFirst = ({ destination }: Observed) => destination === first;
      if ((await waitForSyns(t, mesh, handle)).length === 0) t.inconc('no-syn', noSyn);
      // A SYN that was lost is repeated after a second.
      await t.until(() => syns(mesh).some(isToFirst), 3_500_000);
      const seen = syns(mesh);
      const syn = seen.find(isToFirst);
      t.require(
        syn !== undefined,
        'path-without-syn',
        'The peer begins fake handshakes with the address that we announce only, and none from another of its own addresses with the one that the connection goes to.',
        {
          expected: `a SYN to ${formatIpv4(first!)}`,
          seen: seen.map(tupleOf).join(', '),
          packet: seen[0]!,
          ...headerField(seen[0], 'addresses'),
          requirement: 'MPIP-HS-03',
        },
      );
      t.pass('The address of the connection got a SYN, too.', syn);
    },
  },
];
