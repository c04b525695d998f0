import { readU16be } from '../../codec/bytes.js';
import { Flags, TCP } from '../../codec/index.js';
import type { TestCase } from '../case.js';
import { headerField, isData, isQuery, type Observed } from '../observed.js';
import { sequenceDistance } from '../segment.js';
import type { TestStream } from '../test-stream.js';
import type { Tester } from '../tester.js';
import { answers, ownSession, provokeQuery } from './moves.js';
import { TcpMesh } from './tcp-mesh.js';
import { connected, isOfStream, overTcp, requireStream, segmentIn, sendUntilBack } from './tcp-moves.js';
import { hasSoundChecksum, requireSound } from './tx.js';

/** MTU of the links that the cases assume, octets: Ethernet's. */
const MTU = 1500;

/** Segments of the stream in one case. */
const SEGMENTS = 8;

/** Sooner than any TCP sends again, and later than a network reorders; microseconds. */
const RETRANSMISSION = 400_000;

/** Packets whose sequence number lies beyond everything before them, while the octets between come no sooner than TCP sends again. */
function holesIn(stream: TestStream): Observed[] {
  const segments = stream.history.filter((packet) => packet.direction === 'received' && isOfStream(packet));
  let end: number | undefined;
  return segments.filter((packet) => {
    const { sequence, payload } = segmentIn(packet);
    const missing = end;
    const next = (sequence + payload.length) >>> 0;
    if (end === undefined || sequenceDistance(next, end) > 0) end = next;
    if (missing === undefined || sequenceDistance(sequence, missing) <= 0) return false;
    const filler = segments.find((other) => {
      const { sequence: start, payload: data } = segmentIn(other);
      return sequenceDistance(start, missing) <= 0 && sequenceDistance((start + data.length) >>> 0, missing) > 0;
    });
    return filler === undefined || filler.time - packet.time > RETRANSMISSION;
  });
}

/** True for a piece of a datagram. */
function isFragment({ packet }: Observed): boolean {
  return (readU16be(packet, 6) & 0x3fff) !== 0;
}

/** True for the piece that has the UDP header. */
function isFirstFragment(packet: Observed): boolean {
  return isFragment(packet) && (readU16be(packet.packet, 6) & 0x1fff) === 0;
}

/** The packet as it is on the wire: lengths, checksums, sizes. */
export const WF_CASES: readonly TestCase[] = [
  {
    id: 'WF-confirmation-is-sound',
    area: 'WF',
    purpose: 'Lengths and checksums of a confirmation are right: they cover the trailer.',
    requirements: ['MPIP-WF-01', 'MPIP-WF-02', 'MPIP-WF-03'],
    services: ['echo'],
    realHeaders: true,
    async run(t: Tester) {
      const { confirm } = await t.handshake(await t.node().port());
      requireSound(t, confirm);
      t.pass('The confirmation is sound.', confirm);
    },
  },
  {
    id: 'WF-query-has-right-lengths',
    area: 'WF',
    purpose: 'IP and UDP length and the IP checksum of a query copy are right; its UDP checksum is not prescribed.',
    requirements: ['MPIP-WF-01', 'MPIP-WF-02'],
    services: ['echo'],
    realHeaders: true,
    async run(t: Tester) {
      const { query } = await provokeQuery(t, await t.node().port());
      requireSound(t, query, { isChecksumFree: true });
      t.pass('The query has the right lengths.', query);
    },
  },
  {
    ...overTcp,
    id: 'WF-segments-are-sound',
    area: 'WF',
    purpose: 'Lengths and checksums of TCP segments with a control message are right.',
    requirements: ['MPIP-WF-01', 'MPIP-WF-03'],
    realHeaders: true,
    async run(t: Tester) {
      const mesh = await TcpMesh.open(t);
      const packets = await mesh.talk(6);
      if (packets.length === 0) t.inconc('no-cm', 'No segment with a control message came.');
      for (const packet of packets) requireSound(t, packet);
      t.pass('Segments with a control message are sound.', packets[0]!);
    },
  },
  {
    id: 'WF-no-fragments-with-cm',
    area: 'WF',
    purpose: 'Around the MTU no datagram with a control message is cut into fragments: it fits, or goes without one.',
    requirements: ['MPIP-WF-04', 'MPIP-CM-05'],
    services: ['echo'],
    raw: true,
    realHeaders: true,
    async run(t: Tester) {
      const session = await ownSession(t, await t.node().port());
      const shown: Observed[] = [];
      for (const size of [MTU - 28 - 27, MTU - 28 - 26, MTU - 28 - 25, MTU - 28]) {
        const payload = t.payload(size);
        let back: Observed | undefined;
        for (let attempt = 0; attempt < 3 && back === undefined; attempt++) {
          // Without a trailer where ours would not fit.
          session.port.send('echo', payload, size + 28 + 26 <= MTU ? { sessionId: session.id } : null);
          back = await session.port.receive((packet) => answers(payload)(packet) || isFirstFragment(packet));
        }
        if (back === undefined) t.inconc('no-echo', `A datagram of ${size} octets did not come back.`);
        if (isFirstFragment(back)) {
          const whole = readU16be(back.packet, (back.packet[0]! & 15) * 4 + 4) - 8;
          t.require(
            whole <= size,
            'fragmented-cm',
            'A datagram was sent in fragments because of the control message behind its user data.',
            {
              packet: back,
              octet: 6,
              octets: 2,
              expected: 'one datagram, or fragments of the user data alone',
              seen: `${whole} octets for ${size} of user data`,
            },
          );
        }
        shown.push(back);
      }
      t.pass('No datagram with a control message came in fragments.', ...shown);
    },
  },
  {
    ...overTcp,
    id: 'CM-stream-keeps-every-octet',
    area: 'CM',
    purpose: 'A long stream comes back whole although each segment has to leave room for a control message.',
    requirements: ['MPIP-CM-04', 'MPIP-CM-05', 'MPIP-GEN-01'],
    async run(t: Tester) {
      const mesh = await TcpMesh.open(t);
      const { stream } = mesh;
      const known = stream.data.length;
      const sent: number[] = [];
      let isWhole = true;
      for (let i = 0; i < SEGMENTS && isWhole; i++) {
        const payload = t.payload(1200);
        sent.push(...payload);
        isWhole = await sendUntilBack(t, stream, payload, known + sent.length, () => mesh.cm());
      }
      const data = stream.data.subarray(known);
      const large = stream.history.find(
        (packet) =>
          packet.direction === 'received' && isData(packet) && (packet.packet.length > MTU || isFragment(packet)),
      );
      t.refuse(
        large,
        'too-large',
        'A segment with its control message is longer than the MTU, or was cut into fragments.',
        {
          expected: `at most ${MTU} octets in one piece`,
          seen: `${large?.packet.length} octets${large !== undefined && isFragment(large) ? ', a fragment' : ''}`,
          octet: 2,
          octets: 2,
          requirement: 'MPIP-CM-04',
        },
      );
      // A network may lose one segment or two of so few; nearly all of them were cut here, and TCP had to mend it.
      const holes = holesIn(stream);
      t.require(
        holes.length < SEGMENTS - 2,
        'data-cut',
        'The numbers of the peer go on behind octets that it never sent: user data was cut off to make room for the control message.',
        {
          expected: 'segments that follow on each other',
          seen: `${holes.length} holes in ${SEGMENTS} segments`,
          packet: holes[0],
          ...headerField(holes[0], 'sequence'),
          requirement: 'MPIP-CM-05',
        },
      );
      if (data.length < sent.length) {
        await t.silent(stream, {
          code: 'stream-cut',
          expected: `the ${sent.length} octets that we sent`,
          text: 'Not every octet of the stream came back, though all was sent again when it did not.',
          seen: `${data.length} of ${sent.length} octets`,
          requirement: 'MPIP-CM-05',
        });
      }
      requireStream(t, stream, Uint8Array.from(sent), {
        code: 'stream-changed',
        text: 'The stream came back changed.',
        requirement: 'MPIP-CM-05',
      });
      t.pass(`${data.length} octets came back unchanged.`, stream.history.at(-1)!);
    },
  },
  {
    ...overTcp,
    id: 'AV-tcp-copies-harm-no-plain-peer',
    area: 'AV',
    purpose:
      'Beside a connection with a host without MPIP no copy of a data or ACK segment has a valid checksum: such a TCP would take its control message for data.',
    requirements: ['MPIP-AV-22', 'MPIP-GEN-03'],
    async run(t: Tester) {
      const stream = await connected(t);
      const sent: number[] = [];
      for (let i = 0; i < 8; i++) {
        const payload = t.payload(200);
        sent.push(...payload);
        await sendUntilBack(t, stream, payload, sent.length);
      }
      const copies = stream.history.filter((packet) => packet.direction === 'received' && isQuery(packet));
      if (copies.length === 0) t.inconc('no-query', 'The peer asks nothing on this connection.');
      for (const copy of copies) {
        const isBeginning = (segmentIn(copy).flags & 2) !== 0;
        t.require(
          isBeginning || copy.protocol !== TCP || !hasSoundChecksum(copy),
          'valid-copy',
          'A query copy of a segment has a valid TCP checksum: a TCP without MPIP takes the control message for data, and the octets after it are lost.',
          {
            expected: 'a TCP checksum that does not fit',
            seen: 'one that fits',
            packet: copy,
            octet: copy.l4Offset + 16,
            octets: 2,
            requirement: 'MPIP-AV-22',
          },
        );
      }
      if (stream.data.length < sent.length) t.inconc('no-echo', 'Not everything came back: another case judges that.');
      requireStream(t, stream, Uint8Array.from(sent), {
        code: 'stream-changed',
        text: 'The stream that came back is not what was sent.',
        requirement: 'MPIP-GEN-03',
      });
      t.pass(`${copies.length} copies, none that an ordinary TCP would take.`, ...copies);
    },
  },
  {
    id: 'HB-heartbeat-is-sound',
    area: 'HB',
    purpose: 'Lengths and checksums of a heartbeat are right.',
    requirements: ['MPIP-WF-01', 'MPIP-WF-02', 'MPIP-WF-03', 'MPIP-HB-02'],
    services: ['echo', 'discard'],
    realHeaders: true,
    duration: (constants) => 3 * constants['heartbeat-age'],
    async run(t: Tester) {
      const port = await t.node().port();
      const session = await ownSession(t, port, 'discard');
      let heartbeat: Observed | undefined;
      for (let i = 0; i < 6 && heartbeat === undefined; i++) {
        port.send('discard', t.payload(), { sessionId: session.id, pathId: 1 });
        heartbeat = await port.receive((packet) => packet.cm?.flags === Flags.heartbeat, {
          within: t.constants['heartbeat-age'] / 2,
        });
      }
      if (heartbeat === undefined)
        t.inconc('no-heartbeat', 'One-way traffic brought no heartbeat: another case judges that.');
      requireSound(t, heartbeat);
      t.pass('The heartbeat is sound.', heartbeat);
    },
  },
];
