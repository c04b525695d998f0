import { sameOctets } from '../../codec/bytes.js';
import { Flags, formatIpv4, type Ipv4, TcpFlags } from '../../codec/index.js';
import type { TestCase } from '../case.js';
import { headerField, isData, type Observed } from '../observed.js';
import { cmOf, type Tester } from '../tester.js';
import { tupleOf } from './pa.js';
import {
  beginHandshake,
  completeHandshake,
  isHandshake,
  isStep,
  type OwnHandshake,
  sendSyn,
  TcpMesh,
} from './tcp-mesh.js';
import { isOfStream, overTcp, segmentIn } from './tcp-moves.js';

/** What a case about fake handshakes needs. */
export const overFakeTcp = { ...overTcp, area: 'HS', sources: 2, capabilities: ['tcp', 'fake-tcp'] } as const;

/** Matches packets that came to an address of ours. */
export const isTo =
  (destination: number) =>
  (packet: Observed): boolean =>
    packet.direction === 'received' && packet.destination === destination;

/** Sends until a packet of the connection comes to an address of ours, forty segments at most. */
export async function dataTo(mesh: TcpMesh, address: Ipv4): Promise<Observed | undefined> {
  for (let i = 0; i < 10; i++) {
    const found = (await mesh.talk(4, 30_000)).find(isTo(address));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A mesh whose fake handshake from our second address has been begun and answered; `inconc` when the peer does not. */
export async function answeredHandshake(
  t: Tester,
  node = t.node(),
): Promise<{ mesh: TcpMesh; handshake: OwnHandshake & { readonly synAck: Observed } }> {
  const mesh = await TcpMesh.open(t, { node, sources: [0, 1] });
  const { synAck, ...handshake } = await beginHandshake(t, mesh, 1);
  if (synAck === undefined)
    t.inconc('no-syn-ack', 'The peer did not answer the SYN of a fake handshake: another case judges that.');
  return { mesh, handshake: { ...handshake, synAck } };
}

/** A mesh with a fake path from our second address, its handshake done; `inconc` when the peer does not answer. */
async function withFakePath(t: Tester): Promise<TcpMesh> {
  const { mesh, handshake } = await answeredHandshake(t);
  completeHandshake(mesh, 1, handshake);
  return mesh;
}

/** Section 3.8.1 with the tester as the client, which opens the connection and the paths. */
export const HS_CASES: readonly TestCase[] = [
  {
    ...overFakeTcp,
    id: 'HS-syn-is-answered-on-its-path',
    purpose: 'The SYN of a fake handshake is answered by a SYN-ACK with the handshake flag on the same path.',
    requirements: ['MPIP-HS-04', 'MPIP-HS-01'],
    async run(t: Tester) {
      const mesh = await TcpMesh.open(t, { sources: [0, 1] });
      const { syn, synAck } = await beginHandshake(t, mesh, 1);
      if (synAck === undefined) {
        await t.silent(mesh.stream, {
          code: 'no-syn-ack',
          expected: 'a packet with the flag handshake (5) and the TCP flags SYN and ACK',
          text: 'The SYN of a fake handshake, sent three times, was not answered on its path.',
          packet: syn,
          requirement: 'MPIP-HS-04',
        });
      } else {
        t.equal(
          tupleOf(synAck),
          tupleOf({
            source: syn.destination,
            sourcePort: syn.destinationPort,
            destination: syn.source,
            destinationPort: syn.sourcePort,
          }),
          'other-path',
          'The SYN-ACK came by another path than the SYN.',
          { packet: synAck, ...headerField(synAck, 'addresses'), requirement: 'MPIP-HS-04' },
        );
        t.pass('The SYN was answered on its path.', syn, synAck);
      }
    },
  },
  {
    ...overFakeTcp,
    id: 'HS-numbers-acknowledge-as-tcp',
    purpose: 'SYN-ACK acknowledges the SYN as TCP does, so that what looks at connections on the way lets it pass.',
    requirements: ['MPIP-HS-10', 'MPIP-HS-11'],
    async run(t: Tester) {
      const { synAck, sequence } = (await answeredHandshake(t)).handshake;
      t.equal(
        segmentIn(synAck).acknowledgement,
        (sequence + 1) >>> 0,
        'other-acknowledgement',
        'The SYN-ACK does not acknowledge the number of the SYN plus 1.',
        {
          packet: synAck,
          octet: synAck.l4Offset + 8,
          octets: 4,
        },
      );
      t.equal(
        `${segmentIn(synAck).payload.length} octets`,
        '0 octets',
        'payload',
        'A packet of the handshake carries user data.',
        {
          packet: synAck,
          ...headerField(synAck, 'userData'),
        },
      );
      t.pass('The SYN-ACK acknowledges the SYN.', synAck);
    },
  },
  {
    ...overFakeTcp,
    id: 'HS-repeated-syn-is-answered-alike',
    purpose:
      'A SYN that comes again, as its answer was lost, is answered by the same SYN-ACK; with another number a NAT would drop it.',
    requirements: ['MPIP-HS-10', 'MPIP-HS-04'],
    async run(t: Tester) {
      const { mesh, handshake } = await answeredHandshake(t);
      const { syn, synAck, sequence } = handshake;
      const isAgain = (packet: Observed) =>
        packet.frame > synAck.frame && isStep(TcpFlags.syn | TcpFlags.ack)(packet) && packet.destination === syn.source;
      let again: Observed | undefined;
      for (let attempt = 0; attempt < 3 && again === undefined; attempt++) {
        sendSyn(mesh, 1, sequence);
        again = await mesh.stream.receive(isAgain, { within: t.patience / 3 });
      }
      if (again === undefined)
        return void (await t.silent(mesh.stream, {
          code: 'not-answered-again',
          text: 'A SYN of a fake handshake was answered once; sent again three times, as when the answer was lost, it is not.',
          expected: 'a packet with the flag handshake (5) and the TCP flags SYN and ACK',
          packet: syn,
          requirement: 'MPIP-HS-04',
        }));
      t.equal(
        segmentIn(again).sequence,
        segmentIn(synAck).sequence,
        'other-sequence',
        'The answer to a repeated SYN has another number than the first one had.',
        { packet: again, ...headerField(again, 'sequence'), requirement: 'MPIP-HS-10' },
      );
      t.pass('The repeated SYN got the same answer.', synAck, again);
    },
  },
  {
    ...overFakeTcp,
    id: 'HS-path-only-after-three-packets',
    purpose: 'While our third packet is missing nothing but the handshake takes the path; afterwards data does.',
    requirements: ['MPIP-HS-06'],
    async run(t: Tester) {
      const { mesh, handshake } = await answeredHandshake(t);
      const second = mesh.stream.addresses[1]!;
      const early = (await mesh.talk(12, 60_000)).find(isTo(second));
      t.refuse(
        early,
        'path-used-too-early',
        'A path carries packets of the connection although its handshake is not complete: a NAT that tracks connections would drop them.',
        {
          expected: 'no data before the third packet',
          ...headerField(early, 'destination'),
        },
      );
      completeHandshake(mesh, 1, handshake);
      const late = await dataTo(mesh, second);
      t.require(
        late !== undefined,
        'path-never-used',
        'The three packets of the handshake were exchanged; the path is never used.',
        {
          packet: mesh.stream.lastSent,
          expected: `data to ${formatIpv4(second)}`,
          seen: 'none',
        },
      );
      t.pass('The path was used after its handshake, not before.', handshake.synAck, late);
    },
  },
  {
    ...overFakeTcp,
    id: 'HS-wrong-acknowledgement-opens-nothing',
    purpose:
      'A third packet that does not acknowledge the SYN-ACK opens no path, as in TCP: it belongs to another handshake.',
    requirements: ['MPIP-HS-10', 'MPIP-HS-06'],
    async run(t: Tester) {
      const { mesh, handshake } = await answeredHandshake(t);
      const second = mesh.stream.addresses[1]!;
      completeHandshake(mesh, 1, handshake, { error: 7777 });
      const early = (await mesh.talk(12, 60_000)).find(isTo(second));
      t.refuse(
        early,
        'opened-by-anything',
        'The third packet acknowledged a number that the SYN-ACK did not have; the path carries packets of the connection all the same.',
        {
          expected: `no data before ${(segmentIn(handshake.synAck).sequence + 1) >>> 0} was acknowledged`,
          ...headerField(early, 'destination'),
          requirement: 'MPIP-HS-10',
        },
      );
      completeHandshake(mesh, 1, handshake);
      const late = await dataTo(mesh, second);
      if (late === undefined)
        t.inconc('path-never-used', 'The path is not used afterwards either: another case judges that.');
      t.pass('Only the right third packet opened the path.', handshake.synAck, late);
    },
  },
  {
    ...overFakeTcp,
    id: 'HS-not-seen-by-tcp',
    purpose:
      'Packets of fake handshakes are dropped after processing: the TCP of the peer answers none, and its connection is untouched.',
    requirements: ['MPIP-HS-08', 'MPIP-HS-01'],
    async run(t: Tester) {
      const mesh = await withFakePath(t);
      await t.sleep(2 * t.slack);
      // A SYN, a SYN-ACK that nobody asked for and a bare ACK.
      for (const flags of [TcpFlags.syn | TcpFlags.ack, TcpFlags.ack]) {
        mesh.stream.send({
          source: 1,
          flags,
          sequence: t.random.below(2 ** 32),
          acknowledgement: t.random.below(2 ** 32),
          cm: { flags: Flags.handshake, sessionId: mesh.session.id },
        });
      }
      await t.sleep(2 * t.slack);
      const seen = mesh.stream.history.find(
        (packet) =>
          packet.direction === 'received' &&
          packet.destination === mesh.stream.addresses[1] &&
          !isHandshake(packet) &&
          (segmentIn(packet).flags & (TcpFlags.syn | TcpFlags.rst)) !== 0,
      );
      t.refuse(
        seen,
        'answered-by-tcp',
        'The TCP of the peer answered a packet of a fake handshake; it must never see one.',
        {
          expected: 'no SYN and no RST without the flag handshake (5)',
          ...headerField(seen, 'tcpFlags'),
          requirement: 'MPIP-HS-08',
        },
      );
      const reset = mesh.stream.history.find(
        (packet) => packet.direction === 'received' && (segmentIn(packet).flags & TcpFlags.rst) !== 0,
      );
      t.refuse(reset, 'reset', 'A packet of a fake handshake was answered with RST.', {
        expected: 'no RST',
        ...headerField(reset, 'tcpFlags'),
        requirement: 'MPIP-HS-08',
      });
      const before = mesh.stream.data.length;
      await mesh.talk(2);
      if (mesh.stream.data.length === before) t.inconc('no-echo', 'The connection does not work any more.');
      t.pass('The TCP of the peer saw nothing of the handshake.', mesh.stream.history.at(-1)!);
    },
  },
  {
    ...overFakeTcp,
    id: 'HS-data-unchanged-on-fake-path',
    purpose:
      "On a fake path data goes as TCP with the addresses and ports of the path and the connection's own sequence numbers.",
    requirements: ['MPIP-HS-09'],
    async run(t: Tester) {
      const mesh = await withFakePath(t);
      const second = mesh.stream.addresses[1]!;
      const start = mesh.stream.expected;
      const known = mesh.stream.data.length;
      let packets: Observed[] = [];
      for (let i = 0; i < 8 && packets.length === 0; i++) {
        packets = (await mesh.talk(8, 30_000)).filter(
          (packet) => packet.destination === second && segmentIn(packet).payload.length > 0,
        );
      }
      if (packets.length === 0) t.inconc('path-never-used', 'No data came by the fake path: another case judges that.');
      const stream = mesh.stream.data.subarray(known);
      for (const packet of packets) {
        const segment = segmentIn(packet);
        t.require(!segment.isWrapped, 'wrapped', 'On a path by a fake handshake a segment came in UDP.', {
          expected: 'IP protocol 6 (TCP)',
          seen: `IP protocol ${packet.protocol}`,
          packet,
          ...headerField(packet, 'protocol'),
        });
        t.equal(
          `${packet.sourcePort} ${packet.destinationPort}`,
          `${mesh.stream.peer.port} ${mesh.stream.port}`,
          'other-ports',
          'A segment by the fake path has other ports than the handshake.',
          {
            packet,
            octet: packet.l4Offset,
            octets: 4,
          },
        );
        const at = (segment.sequence - start) | 0;
        const expected = stream.subarray(at, at + segment.payload.length);
        t.require(
          at >= 0 && sameOctets(expected, segment.payload),
          'stream-changed',
          'A segment by the fake path does not fit the stream of the connection by its sequence number and data.',
          {
            packet,
            expected: 'the octets of the stream at that number',
            seen: at < 0 ? `number ${segment.sequence}, before the stream` : 'others',
            ...headerField(packet, 'sequence'),
          },
        );
      }
      t.pass(`${packets.length} segments came by the fake path as they are.`, packets[0]!);
    },
  },
  {
    ...overFakeTcp,
    id: 'HS-server-sends-no-syn',
    purpose: 'The end that did not open the connection begins no fake handshake, though it knows further addresses.',
    requirements: ['MPIP-HS-02'],
    async run(t: Tester) {
      const mesh = await TcpMesh.open(t, { sources: [0, 1] });
      await mesh.talk(12, 30_000);
      const syn = mesh.stream.history.find((packet) => packet.direction === 'received' && isStep(TcpFlags.syn)(packet));
      t.refuse(
        syn,
        'server-sends-syn',
        'We opened the connection; the peer began a fake handshake all the same. A NAT on our side would drop it.',
        {
          expected: 'no SYN of a fake handshake from the end that was called',
          field: 'flags',
        },
      );
      // The right thing works.
      const { synAck } = await beginHandshake(t, mesh, 1);
      if (synAck === undefined) t.inconc('no-syn-ack', 'The peer does not answer a fake handshake either.');
      t.pass('The peer left it to us to begin handshakes.', synAck);
    },
  },
  {
    ...overFakeTcp,
    id: 'HS-handshake-names-its-session',
    purpose:
      'Packets of a fake handshake carry the session id of the connection and the handshake flag, and nothing else is answered.',
    requirements: ['MPIP-HS-01'],
    async run(t: Tester) {
      const { mesh, handshake } = await answeredHandshake(t);
      const { synAck } = handshake;
      t.equal(
        cmOf(synAck).sessionId,
        mesh.session.id,
        'other-session',
        'The SYN-ACK does not carry the session id of the connection.',
        {
          packet: synAck,
          field: 'sessionId',
        },
      );
      const stray = mesh.stream.history.find(
        (packet) => packet.direction === 'received' && isHandshake(packet) && isData(packet) && isOfStream(packet),
      );
      t.refuse(stray, 'data-in-handshake', 'A packet with the handshake flag is part of the stream.', {
        expected: 'a packet of a fake handshake, or data without the flag',
        field: 'flags',
      });
      t.pass('The handshake names its session.', synAck);
    },
  },
];
