import { sameOctets, writeU16be } from '../../codec/bytes.js';
import { buildTcp, buildUdp, Flags, formatIpv4, TCP, TcpFlags, type Tuple, UDP } from '../../codec/index.js';
import type { TestCase } from '../case.js';
import { headerField, isQuery, type Observed } from '../observed.js';
import type { Tester } from '../tester.js';
import { exchange, ownSession } from './moves.js';
import { isHandshake, openedByPeer, TcpMesh } from './tcp-mesh.js';
import { isOfStream, overTcp, segmentIn, segmentWith } from './tcp-moves.js';
import { duplicates, quiet, since, Train, watch } from './train.js';

const common = {
  ...overTcp,
  area: 'UW',
  capabilities: ['tcp', 'udp-wrapper', 'several-addresses'],
} as const;

/** IPv4 header of packets that the tester builds. */
const IP_HEADER = 20;

/** Octets of user data: to count those of the TCP header as user data, too, is to wait for a number beyond the segment after next. */
const SHORTER_THAN_HEADER = 8;

/** Sends a wrapped segment with data until the TCP of the peer has it, three times at most, and requires its echo. */
async function requireTaken(
  t: Tester,
  { stream }: TcpMesh,
  send: (payload: Uint8Array, sequence: number) => void,
  text: string,
): Promise<Observed> {
  const payload = t.payload(40);
  const sequence = stream.next;
  const before = stream.data.length;
  let isTaken = false;
  for (let attempt = 0; attempt < 3 && !isTaken; attempt++) {
    send(payload, sequence);
    isTaken = await t.until(() => stream.data.length > before, t.patience / 3);
  }
  stream.next = (sequence + payload.length) >>> 0;
  const expected = 'the echo of its data';
  if (!isTaken) await t.silent(stream, { code: 'not-unwrapped', expected, text, packet: stream.lastSent });
  return stream.history.at(-1)!;
}

/** A session whose peer uses another path than the original; what came by each. */
async function talked(t: Tester): Promise<{ mesh: TcpMesh; original: Observed[]; other: Observed[] }> {
  const mesh = await TcpMesh.open(t);
  const packets = await mesh.talk(40, 5_000);
  const original = packets.filter((packet) => mesh.isOriginal(packet));
  const other = packets.filter((packet) => !mesh.isOriginal(packet));
  if (other.length === 0) t.inconc('one-path', 'The peer sends by the original path only: other cases judge that.');
  return { mesh, original, other };
}

/** The way back of a packet. */
function reversed({ source, sourcePort, destination, destinationPort }: Observed): Tuple {
  return { source: destination, sourcePort: destinationPort, destination: source, destinationPort: sourcePort };
}

/** The peer's second address, which it lists. */
function secondAddress(t: Tester, mesh: TcpMesh): number {
  const listed = mesh.stream.history.flatMap(({ direction, cm }) =>
    direction === 'received' ? (cm?.localAddresses ?? []) : [],
  );
  return (
    listed.find((address) => address !== 0 && address !== t.peerAddress) ??
    t.inconc('one-address', 'The peer lists one address only.')
  );
}

/** Section 3.8.2: TCP in UDP on every path but the original. */
export const UW_CASES: readonly TestCase[] = [
  {
    ...common,
    id: 'UW-other-paths-are-wrapped',
    purpose:
      'On a path that is not the original a segment comes as UDP: the TCP header and the data of the connection.',
    requirements: ['MPIP-UW-01', 'MPIP-TM-01'],
    async run(t: Tester) {
      const { mesh, other } = await talked(t);
      for (const packet of other) {
        t.equal(
          `IP protocol ${packet.protocol}`,
          `IP protocol ${UDP}`,
          'not-wrapped',
          'On another path than the original a segment came as TCP; a NAT without this connection drops it.',
          {
            packet,
            octet: 9,
            octets: 1,
          },
        );
        if (!isOfStream(packet)) {
          t.fail('no-segment', 'What came in UDP on another path is no TCP segment.', {
            expected: 'a TCP header behind the UDP header',
            packet,
            octet: packet.payloadOffset,
            octets: 20,
          });
        }
      }
      t.require(mesh.stream.data.length > 0, 'no-data', 'No data of the connection arrived.', {
        expected: 'data of the connection',
        seen: 'none',
        packet: mesh.stream.lastSent,
      });
      t.pass(`${other.length} segments came in UDP on another path.`, other[0]!);
    },
  },
  {
    ...common,
    id: 'UW-header-as-the-host-wrote-it',
    purpose:
      "Inside the wrapper is the host's own header: the ports of the connection, numbers and data that fit its stream.",
    requirements: ['MPIP-UW-01'],
    async run(t: Tester) {
      const { mesh, other } = await talked(t);
      const { stream } = mesh;
      const wrapped = other.filter(
        (packet) => packet.protocol === UDP && isOfStream(packet) && segmentIn(packet).payload.length > 0,
      );
      if (wrapped.length === 0) t.inconc('not-wrapped', 'No data came in UDP: another case judges that.');
      const begin = (stream.expected - stream.data.length) >>> 0;
      for (const packet of wrapped) {
        const header = packet.payload;
        t.equal(
          `ports ${(header[0]! << 8) | header[1]!} and ${(header[2]! << 8) | header[3]!}`,
          `ports ${stream.peer.port} and ${stream.port}`,
          'inner-ports',
          'The TCP header in the wrapper does not have the ports of the connection.',
          {
            packet,
            octet: packet.payloadOffset,
            octets: 4,
          },
        );
        const { sequence, payload } = segmentIn(packet);
        const at = (sequence - begin) | 0;
        t.require(
          sameOctets(stream.data.subarray(at, at + payload.length), payload),
          'stream-changed',
          'A wrapped segment does not fit the stream by its number and data.',
          {
            expected: 'the octets of the stream at that number',
            seen: `others at number ${sequence}`,
            packet,
            octet: packet.payloadOffset + 4,
            octets: 4,
          },
        );
      }
      t.pass('The wrapped segments are those of the connection.', wrapped[0]!);
    },
  },
  {
    ...common,
    id: 'UW-wrapped-to-our-other-address',
    purpose:
      'Our second address, which we list and which confirms the query there, gets segments of the connection in UDP.',
    requirements: ['MPIP-UW-01', 'MPIP-PA-08', 'MPIP-TX-01'],
    sources: 2,
    async run(t: Tester) {
      const mesh = await TcpMesh.open(t, { sources: [0, 1] });
      const { stream } = mesh;
      const second = stream.addresses[1]!;
      const isQueryThere = (packet: Observed) => isQuery(packet) && packet.destination === second;
      stream.onReceive((packet) => {
        if (!isQueryThere(packet)) return;
        const back = reversed(packet);
        stream.sendPacket(
          stream.node.trailed(buildUdp(back, packet.payload), stream.addresses, { flags: Flags.enabled }),
          {
            source: 1,
          },
        );
      });
      let wrapped: Observed | undefined;
      for (let i = 0; i < 12 && wrapped === undefined; i++) {
        const packets = await mesh.talk(4, 20_000);
        wrapped = packets.find((packet) => packet.destination === second && packet.protocol === UDP);
      }
      const query = stream.history.find((packet) => packet.direction === 'received' && isQueryThere(packet));
      if (query === undefined) t.inconc('no-query', 'The peer does not ask the second address that we list.');
      t.require(
        wrapped !== undefined,
        'path-never-used',
        'Our second address confirmed the query of the peer; no segment of the connection comes there.',
        {
          expected: `segments in UDP to ${formatIpv4(second)}`,
          seen: 'none',
          packet: query,
          ...headerField(query, 'destination'),
          requirement: 'MPIP-PA-08',
        },
      );
      t.equal(
        `ports ${wrapped.sourcePort} and ${wrapped.destinationPort}`,
        `ports ${stream.peer.port} and ${stream.port}`,
        'other-ports',
        'The UDP header of a wrapped segment does not have the ports of the path that was asked.',
        { packet: wrapped, octet: wrapped.l4Offset, octets: 4, requirement: 'MPIP-TX-01' },
      );
      t.pass('Segments came in UDP to our second address.', query, wrapped);
    },
  },
  {
    ...common,
    id: 'UW-original-is-not-wrapped',
    purpose: 'On the original path segments come as TCP.',
    requirements: ['MPIP-UW-02'],
    async run(t: Tester) {
      const mesh = await TcpMesh.open(t);
      const original = (await mesh.talk(40, 5_000)).filter((packet) => mesh.isOriginal(packet));
      if (original.length === 0) t.inconc('one-path', 'Nothing came by the original path.');
      const wrapped = original.find(({ protocol }) => protocol !== TCP);
      t.refuse(
        wrapped,
        'original-wrapped',
        'On the original path a segment came in UDP; there the connection itself has opened the way.',
        {
          expected: 'IP protocol 6 (TCP)',
          seen: `IP protocol ${wrapped?.protocol}`,
          ...headerField(wrapped, 'protocol'),
        },
      );
      t.pass('The original path carries TCP.', original[0]!);
    },
  },
  {
    ...common,
    id: 'UW-decided-per-packet',
    purpose: 'Segments of one connection come wrapped and unwrapped by turns, as the path of each asks for.',
    requirements: ['MPIP-UW-06'],
    async run(t: Tester) {
      const { original, other } = await talked(t);
      const wrapped = other.filter(({ protocol }) => protocol === UDP);
      if (wrapped.length === 0) t.inconc('not-wrapped', 'No segment came in UDP: another case judges that.');
      const last = wrapped.at(-1)!;
      const later = original.find((packet) => packet.protocol === TCP && packet.frame > wrapped[0]!.frame);
      t.require(
        later !== undefined && original.length > 0,
        'all-wrapped',
        'Once one segment was wrapped none came as TCP any more, though the original path is there.',
        {
          expected: 'segments as TCP on the original path',
          seen: 'segments in UDP only',
          packet: last,
          ...headerField(last, 'protocol'),
        },
      );
      t.pass('Wrapped and unwrapped segments alternate.', wrapped[0]!, later);
    },
  },
  {
    ...common,
    id: 'UW-wrapped-segment-is-taken',
    purpose: 'A wrapped segment of ours is recognised by its session: the TCP of the peer gets it and answers.',
    requirements: ['MPIP-UW-03'],
    async run(t: Tester) {
      const mesh = await TcpMesh.open(t);
      const { stream } = mesh;
      const destination = { address: secondAddress(t, mesh), port: stream.peer.port };
      const taken = await requireTaken(
        t,
        mesh,
        (payload, sequence) =>
          stream.send({ payload, sequence, isWrapped: true, destination, cm: { ...mesh.cm(), pathId: 2 } }),
        'A segment in the wrapper, with the id of a session that is TCP, sent three times, did not reach the TCP of the peer.',
      );
      t.pass('The wrapped segment was taken and answered.', taken);
    },
  },
  {
    ...common,
    id: 'UW-checksum-not-computed',
    purpose: 'A wrapped segment whose sender computed no UDP checksum (0, RFC 768) is taken like any other.',
    requirements: ['MPIP-UW-03'],
    async run(t: Tester) {
      const mesh = await TcpMesh.open(t);
      const { stream } = mesh;
      const tuple = {
        source: stream.destination.address,
        sourcePort: stream.port,
        destination: secondAddress(t, mesh),
        destinationPort: stream.peer.port,
      };
      const taken = await requireTaken(
        t,
        mesh,
        (payload, sequence) => {
          const fields = { sequence, acknowledgement: stream.expected, flags: TcpFlags.ack | TcpFlags.psh };
          const inner = buildTcp({ ...tuple, destination: stream.peer.address }, fields, payload).subarray(IP_HEADER);
          const packet = stream.node.trailed(buildUdp(tuple, inner), stream.addresses, { ...mesh.cm(), pathId: 2 });
          writeU16be(packet, IP_HEADER + 6, 0);
          stream.sendPacket(packet);
        },
        'A wrapped segment without a UDP checksum, sent three times, did not reach the TCP of the peer.',
      );
      t.pass('The wrapped segment without a checksum was taken and answered.', taken);
    },
  },
  {
    ...common,
    id: 'UW-ports-come-from-the-session',
    purpose:
      'Whatever ports the wrapper and the header in it have, a segment goes to the connection that its session names.',
    requirements: ['MPIP-UW-04'],
    async run(t: Tester) {
      const mesh = await TcpMesh.open(t);
      const { stream } = mesh;
      const payload = t.payload(40);
      const sequence = stream.next;
      // A NAT on the way has replaced the outer port; the header inside is of no account.
      const inner = buildTcp(
        { source: 0x0a000001, sourcePort: 1111, destination: t.peerAddress, destinationPort: 2222 },
        { sequence, acknowledgement: stream.expected, flags: TcpFlags.ack | TcpFlags.psh },
        payload,
      ).subarray(IP_HEADER);
      const before = stream.data.length;
      let isTaken = false;
      const port = await mesh.stream.node.port();
      await t.handshake(port);
      for (let attempt = 0; attempt < 3 && !isTaken; attempt++) {
        port.send({ address: t.peerAddress, port: stream.peer.port }, inner, { ...mesh.cm(), pathId: 3 });
        isTaken = await t.until(() => stream.data.length > before, t.patience / 3);
      }
      stream.next = (sequence + payload.length) >>> 0;
      if (!isTaken) {
        return void (await t.silent(port, {
          code: 'not-restored',
          expected: 'the echo of its data on the connection',
          text: 'A wrapped segment whose ports are not those of the connection did not reach the connection of its session.',
        }));
      }
      t.pass('The segment reached the connection of its session.', stream.history.at(-1)!);
    },
  },
  {
    ...common,
    id: 'UW-udp-session-is-not-unwrapped',
    purpose: 'A datagram of a UDP session stays a datagram, also when its user data looks like a TCP segment.',
    requirements: ['MPIP-UW-05'],
    raw: false,
    tcp: false,
    capabilities: ['udp-wrapper'],
    async run(t: Tester) {
      const session = await ownSession(t, await t.node().port());
      const looks = buildTcp(
        { source: session.port.address, sourcePort: session.port.port, destination: t.peerAddress, destinationPort: 7 },
        { sequence: 1, acknowledgement: 2, flags: TcpFlags.ack },
        t.payload(12),
      ).slice(IP_HEADER);
      const { received } = await exchange(
        t,
        session,
        { pathId: 1 },
        {
          preamble: false,
          code: 'unwrapped',
          text: 'A datagram of a UDP session whose user data looks like a TCP segment did not come back from the echo service.',
        },
        looks,
      );
      t.require(sameOctets(received.payload, looks), 'changed', 'The user data came back changed.', {
        expected: `the ${looks.length} octets that we sent`,
        packet: received,
      });
      t.pass('The datagram stayed a datagram.', received);
    },
  },
  {
    ...common,
    id: 'UW-no-handshake',
    purpose: 'In wrapper mode the end that opened the connection begins no fake handshake: paths are used without.',
    requirements: ['MPIP-UW-07'],
    upperTester: true,
    sources: 2,
    async run(t: Tester) {
      const { mesh, handle } = await openedByPeer(t, [0, 1]);
      for (let i = 0; i < 30; i++) {
        await t.upper.write(handle, t.payload(24));
        await t.sleep(20_000);
      }
      const syn = mesh.stream.history.find((packet) => packet.direction === 'received' && isHandshake(packet));
      t.refuse(syn, 'handshake-in-wrapper-mode', 'The peer is set to the UDP wrapper and begins a fake handshake.', {
        expected: 'no packet with the flag handshake (5)',
        field: 'flags',
      });
      const wrapped = mesh.stream.history.find(
        (packet) => packet.direction === 'received' && packet.protocol === UDP && packet.cm?.flags === Flags.normal,
      );
      if (wrapped === undefined) t.inconc('one-path', 'No other path is used: other cases judge that.');
      t.pass('Paths are used without a handshake.', wrapped);
    },
  },
  {
    ...common,
    id: 'OO-wrapped-segment-held',
    area: 'OO',
    purpose: 'A segment that comes in the wrapper before its turn is held like any other.',
    requirements: ['MPIP-OO-02', 'MPIP-UW-03'],
    capabilities: [...common.capabilities, 'reordering'],
    timed: true,
    async run(t: Tester) {
      const mesh = await TcpMesh.open(t);
      const { stream } = mesh;
      const destination = { address: secondAddress(t, mesh), port: stream.peer.port };
      const train = new Train(t, { stream, cm: () => mesh.cm() }, 3, SHORTER_THAN_HEADER);
      const send = (position: number) => train.sendOne(position, { isWrapped: true, destination, cm: { pathId: 2 } });
      const areTaken = async (...positions: number[]) => {
        const last = Math.max(...positions);
        for (let attempt = 0; attempt < 3 && !train.isAcknowledged(last + 1); attempt++) {
          for (const position of positions) send(position);
          await t.until(() => train.isAcknowledged(last + 1), t.patience / 3);
        }
        return train.isAcknowledged(last + 1);
      };
      // The right thing works: one in its turn is taken.
      if (!(await areTaken(0)))
        t.inconc('not-unwrapped', 'A sound wrapped segment was not acknowledged: another case judges that.');
      await quiet(t, stream);
      const from = t.now();
      send(2);
      await t.sleep(watch(t));
      const [seen] = duplicates(since(stream, from), train.start(1));
      t.refuse(
        seen,
        'not-held',
        'A wrapped segment that came before its turn reached the TCP, which acknowledged what it had already: a duplicate acknowledgement.',
        {
          expected: 'no acknowledgement while the segment waits',
          ...headerField(seen, 'acknowledgement'),
          requirement: 'MPIP-OO-02',
        },
      );
      if (!(await areTaken(1, 2))) t.inconc('no-acknowledgement', 'The segments were not acknowledged at all.');
      t.pass('The early segment waited for the one before it.', stream.history.at(-1)!);
    },
  },
  {
    ...common,
    id: 'UW-damaged-wrapper-is-refused',
    purpose: 'A wrapped segment whose UDP checksum is wrong does not reach the stream.',
    requirements: ['MPIP-UW-08'],
    async run(t: Tester) {
      const mesh = await TcpMesh.open(t);
      const second = secondAddress(t, mesh);
      const { stream } = mesh;
      // The right thing works: a sound one is taken.
      const sound = t.payload(40);
      stream.send({
        payload: sound,
        isWrapped: true,
        destination: { address: second, port: stream.peer.port },
        cm: { ...mesh.cm(), pathId: 2 },
      });
      const before = stream.data.length;
      if (!(await t.until(() => stream.data.length > before))) {
        t.inconc('not-unwrapped', 'A sound wrapped segment was not answered: another case judges that.');
      }
      const next = wrapDamaged(mesh, second, t.payload(40));
      stream.sendPacket(next.packet, { mayBeOrdinary: true });
      await t.sleep(2 * t.slack);
      const stray = stream.history.find(
        (one) => one.direction === 'received' && isOfStream(one) && segmentWith(next.damaged)(one),
      );
      t.refuse(
        stray,
        'damage-hidden',
        'A wrapped segment that was damaged on the way, as its UDP checksum shows, reached the stream: the data of the connection is changed without anybody noticing.',
        {
          expected: 'the undamaged octets, after TCP has sent them again',
          seen: 'the damaged ones, echoed',
          octet: stray?.payloadOffset ?? 0,
          octets: stray?.payload.length ?? 1,
        },
      );
      t.pass('The damaged segment was refused.', stream.history.at(-1)!);
    },
  },
];

/** A wrapped segment in sequence, one octet of whose user data was flipped after the checksum was computed. */
function wrapDamaged(
  mesh: TcpMesh,
  destination: number,
  payload: Uint8Array,
): { packet: Uint8Array; damaged: Uint8Array } {
  const { stream } = mesh;
  const tuple = {
    source: stream.destination.address,
    sourcePort: stream.port,
    destination: stream.peer.address,
    destinationPort: stream.peer.port,
  };
  const inner = buildTcp(
    tuple,
    { sequence: stream.next, acknowledgement: stream.expected, flags: TcpFlags.ack | TcpFlags.psh },
    payload,
  ).subarray(IP_HEADER);
  const packet = stream.node.trailed(buildUdp({ ...tuple, destination }, inner), stream.addresses, {
    ...mesh.cm(),
    pathId: 2,
  });
  const damaged = payload.slice();
  damaged[3] = damaged[3]! ^ 0x5a;
  packet.set(damaged, IP_HEADER + 8 + 20);
  return { packet, damaged };
}
