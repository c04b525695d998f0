import { Flags, formatIpv4, TcpFlags } from '../../codec/index.js';
import type { TestCase } from '../case.js';
import { headerField, isData, type Observed } from '../observed.js';
import type { Tester } from '../tester.js';
import { answeredHandshake, dataTo, isTo } from './hs.js';
import { answerUntilAcknowledged, synToSecond, write } from './hs-peer.js';
import { requireOpened } from './hs-refusals.js';
import { tupleOf } from './pa.js';
import { beginHandshake, completeHandshake, isHandshake, isStep, openedByPeer, TcpMesh } from './tcp-mesh.js';
import { overTcp } from './tcp-moves.js';

const common = {
  ...overTcp,
  area: 'AD',
  sources: 2,
  capabilities: ['tcp', 'fake-tcp', 'address-change'],
} as const;

/** The tester's id of the path that its change leaves. */
const PATH = { pathId: 2 };
const FLAGGED = { ...PATH, flags: Flags.ipChange };

/** Section 3.4 on TCP whose further paths need fake handshakes. */
export const AD_TCP_CASES: readonly TestCase[] = [
  {
    ...common,
    id: 'AD-handshake-of-before-is-over',
    purpose:
      'The third packet of a fake handshake that was begun before our address changed comes late: it opens no path to the address that we lost.',
    requirements: ['MPIP-AD-02'],
    async run(t: Tester) {
      const { mesh, handshake } = await answeredHandshake(t);
      const [first, second] = mesh.stream.addresses as [number, number];
      const localAddresses = [first];
      mesh.further = { ...FLAGGED, localAddresses };
      await mesh.talk(4);
      mesh.further = { ...PATH, localAddresses };
      await mesh.talk(4);
      completeHandshake(mesh, 1, handshake);
      const late = (await mesh.talk(12, 60_000)).find(isTo(second));
      t.refuse(
        late,
        'opened-after-change',
        'We have lost an address from which a handshake was under way; when its last packet arrived late, data of the connection went there.',
        { expected: `data to ${formatIpv4(first)} only`, ...headerField(late, 'destination') },
      );
      mesh.further = PATH;
      t.pass('Only a handshake begun after the change opened the path.', await requireOpened(t, mesh));
    },
  },
  {
    ...common,
    id: 'AD-handshake-outlives-repeated-flags',
    purpose:
      'A fake handshake that we begin between two flagged packets of one change opens its path: the second resets nothing.',
    requirements: ['MPIP-AD-02'],
    async run(t: Tester) {
      const mesh = await TcpMesh.open(t, { sources: [0, 1] });
      const second = mesh.stream.addresses[1]!;
      mesh.further = FLAGGED;
      await mesh.talk(3);
      const { synAck, ...handshake } = await beginHandshake(t, mesh, 1);
      if (synAck === undefined)
        t.inconc('no-syn-ack', 'The SYN of a fake handshake was not answered: another case judges that.');
      await mesh.talk(3);
      mesh.further = PATH;
      await mesh.talk(4);
      for (let i = 0; i < 2; i++) completeHandshake(mesh, 1, { ...handshake, synAck });
      const late = await dataTo(mesh, second);
      t.require(
        late !== undefined,
        'handshake-forgotten',
        'A handshake was begun after our address had changed; further packets with the flag of the same change made the peer forget it.',
        { expected: `data to ${formatIpv4(second)}`, seen: 'none', packet: mesh.stream.lastSent },
      );
      t.pass('The path was opened.', synAck, late);
    },
  },
  {
    ...common,
    id: 'AD-fake-paths-come-back',
    purpose:
      'We leave the address that the connection of the peer goes to: it goes on by the path to the other one, and begins fake handshakes with what we list now, and with nothing else.',
    requirements: ['MPIP-AD-04', 'MPIP-AD-02'],
    upperTester: true,
    capabilities: [...common.capabilities, 'several-addresses'],
    async run(t: Tester) {
      const { mesh, handle } = await openedByPeer(t, [0, 1]);
      const { stream } = mesh;
      const [first, second] = stream.addresses as [number, number];
      const isFromOriginal = ({ source }: Observed) => source === stream.peer.address;
      const syn = await synToSecond(t, mesh, handle, isFromOriginal);
      const { ack } = await answerUntilAcknowledged(t, mesh, syn);
      if (ack === undefined) t.inconc('not-completed', 'Our SYN-ACK was not acknowledged: another case judges that.');
      stream.from = 1;
      const localAddresses = [second];
      for (const cm of [FLAGGED, PATH]) {
        mesh.further = { ...cm, localAddresses };
        for (let i = 0; i < 3; i++) {
          stream.send({ cm: mesh.cm() });
          await write(t, handle, 1, 40_000);
        }
      }
      await t.sleep(2 * t.slack);
      const from = stream.history.length;
      const arrived = () => stream.history.slice(from).filter(({ direction }) => direction === 'received');
      const data = stream.data.length;
      await write(t, handle, 8, 40_000);
      const isBegun = (packet: Observed) => isStep(TcpFlags.syn)(packet) && packet.destination === second;
      // A SYN that was lost is repeated after a second.
      await t.until(() => arrived().some(isBegun), 3_500_000);
      const last = arrived().findLast((packet) => isData(packet) && packet.destination === second);
      if (last === undefined || stream.data.length === data)
        t.inconc(
          'not-followed',
          'After the change no data of the connection came to our other address: other cases judge that.',
        );
      const stray = arrived().find((packet) => packet.destination === first && (isData(packet) || isHandshake(packet)));
      t.refuse(stray, 'old-address-used', 'We have left an address and list it no more; the peer still sends there.', {
        expected: `packets to ${formatIpv4(second)} only`,
        ...headerField(stray, 'destination'),
        requirement: 'MPIP-AD-02',
      });
      const begun = arrived().find(isBegun);
      t.require(
        begun !== undefined,
        'stays-with-one-path',
        'The peer opened the connection; after the change of our address it begins no fake handshake from its other addresses with ours, so that it stays with one path.',
        {
          expected: `a SYN to ${formatIpv4(second)}`,
          seen: `data by ${tupleOf(last)} only`,
          packet: last,
          ...headerField(last, 'addresses'),
          requirement: 'MPIP-AD-04',
        },
      );
      t.pass('The connection went on, and further handshakes were begun.', last, begun);
    },
  },
];
