import { Flags, formatIpv4, TcpFlags } from '../../codec/index.js';
import type { TestCase } from '../case.js';
import { EXPECTED } from '../describe.js';
import { headerField, isData, type Observed } from '../observed.js';
import { cmOf, type Tester } from '../tester.js';
import { overFakeTcp } from './hs.js';
import { tupleOf } from './pa.js';
import { isStep, openedByPeer, type TcpMesh, type Wrong } from './tcp-mesh.js';
import { segmentIn } from './tcp-moves.js';

const common = { ...overFakeTcp, upperTester: true } as const;

const isSyn = isStep(TcpFlags.syn);

/** The fake SYNs that came so far. */
export function syns({ stream }: TcpMesh): Observed[] {
  return stream.history.filter((packet) => packet.direction === 'received' && isSyn(packet));
}

/** Answers a fake SYN; returns the number of our SYN-ACK, a new one unless it is given. */
export function answer(
  t: Tester,
  { stream, session }: TcpMesh,
  syn: Observed,
  sequence = t.random.below(2 ** 32),
  { error = 0, flags = TcpFlags.syn | TcpFlags.ack, sessionId = session.id }: Wrong = {},
): number {
  stream.send({
    source: stream.addresses.indexOf(syn.destination),
    destination: { address: syn.source, port: syn.sourcePort },
    flags,
    sequence,
    acknowledgement: (segmentIn(syn).sequence + 1 + error) >>> 0,
    cm: { flags: Flags.handshake, sessionId },
  });
  return sequence;
}

/** Makes the application of the peer send `count` times; what it sends is acknowledged with feedback. */
export async function write(t: Tester, handle: number, count: number, pause: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    await t.upper.write(handle, t.payload(24));
    await t.sleep(pause);
  }
}

export async function waitForSyns(t: Tester, mesh: TcpMesh, handle: number): Promise<Observed[]> {
  await write(t, handle, 4, 20_000);
  await t.until(() => syns(mesh).length > 0);
  await t.sleep(2 * t.slack);
  return syns(mesh);
}

export const noSyn = 'The peer opened the connection, knows our second address and begins no fake handshake.';

/** The first SYN of the peer to our second address, one that is `wanted`; the case is `inconc` when there is none. */
export async function synToSecond(
  t: Tester,
  mesh: TcpMesh,
  handle: number,
  wanted: (syn: Observed) => boolean = () => true,
): Promise<Observed> {
  const second = mesh.stream.addresses[1];
  const all = await waitForSyns(t, mesh, handle);
  return all.find((syn) => syn.destination === second && wanted(syn)) ?? t.inconc('no-syn', noSyn);
}

/** Answers a fake SYN up to three times, until it is acknowledged on its path; with the number of the last SYN-ACK. */
export async function answerUntilAcknowledged(
  t: Tester,
  mesh: TcpMesh,
  syn: Observed,
): Promise<{ ack: Observed | undefined; sequence: number }> {
  for (let attempt = 1; ; attempt++) {
    const sequence = answer(t, mesh, syn);
    const ack = await mesh.stream.receive(
      (packet) =>
        isStep(TcpFlags.ack)(packet) && packet.source === syn.source && packet.destination === syn.destination,
      { within: t.patience / 3 },
    );
    if (ack !== undefined || attempt === 3) return { ack, sequence };
  }
}

/** Section 3.8.1 with the peer as the client. */
export const HS_PEER_CASES: readonly TestCase[] = [
  {
    ...common,
    id: 'HS-client-syn-on-every-path',
    purpose:
      'The end that opened the connection sends a SYN on every possible path but the original, once it knows our addresses.',
    requirements: ['MPIP-HS-03', 'MPIP-HS-02', 'MPIP-TM-02'],
    async run(t: Tester) {
      const { mesh, handle } = await openedByPeer(t, [0, 1]);
      const before = mesh.stream.history.length;
      const seen = await waitForSyns(t, mesh, handle);
      if (seen.length === 0)
        await t.silent(mesh.stream, {
          code: 'no-syn',
          text: noSyn,
          expected: EXPECTED.fakeSyn,
          requirement: 'MPIP-HS-03',
        });
      const early = mesh.stream.history
        .slice(0, before)
        .find((packet) => packet.direction === 'received' && isSyn(packet));
      t.refuse(early, 'syn-before-addresses', 'A fake SYN was sent before our address list had arrived.', {
        expected: 'none before our first control message with a session id',
        requirement: 'MPIP-HS-02',
      });
      const own = new Set<number>();
      for (const packet of mesh.stream.history) {
        if (packet.direction === 'received')
          for (const address of packet.cm?.localAddresses ?? []) if (address !== 0) own.add(address);
      }
      // A SYN that was lost is repeated after a second.
      const isEverySeen = () => {
        const there = new Set(syns(mesh).map((packet) => `${packet.source} ${packet.destination}`));
        return there.size >= own.size * mesh.stream.addresses.length - 1;
      };
      await t.until(isEverySeen, 3_500_000);
      const tuples = new Map(syns(mesh).map((packet) => [`${packet.source} ${packet.destination}`, packet]));
      const original = `${mesh.session.first.source} ${mesh.stream.destination.address}`;
      const onOriginal = tuples.get(original);
      t.refuse(
        onOriginal,
        'syn-on-original',
        'A fake SYN was sent on the original path, which has a connection of its own.',
        {
          expected: 'fake SYNs on other paths only',
          seen: onOriginal === undefined ? '' : tupleOf(onOriginal),
          octet: 12,
          octets: 8,
          requirement: 'MPIP-HS-03',
        },
      );
      for (const source of own) {
        for (const destination of mesh.stream.addresses) {
          if (`${source} ${destination}` === original) continue;
          t.require(
            tuples.has(`${source} ${destination}`),
            'path-without-syn',
            'One of the possible paths got no fake SYN.',
            {
              expected: `a SYN from ${formatIpv4(source)} to ${formatIpv4(destination)}`,
              seen: [...tuples.values()]
                .map((packet) => `${formatIpv4(packet.source)} to ${formatIpv4(packet.destination)}`)
                .join(', '),
              packet: seen[0]!,
              ...headerField(seen[0], 'addresses'),
              requirement: 'MPIP-HS-03',
            },
          );
        }
      }
      t.pass(`SYNs on ${tuples.size} paths, none on the original.`, ...tuples.values());
    },
  },
  {
    ...common,
    id: 'HS-client-completes',
    purpose: 'Our SYN-ACK is answered on its path by an ACK with the right numbers: three packets as in TCP.',
    requirements: ['MPIP-HS-05', 'MPIP-HS-10'],
    async run(t: Tester) {
      const { mesh, handle } = await openedByPeer(t, [0, 1]);
      const syn = await synToSecond(t, mesh, handle);
      const { ack, sequence } = await answerUntilAcknowledged(t, mesh, syn);
      if (ack === undefined)
        return void (await t.silent(mesh.stream, {
          code: 'not-completed',
          expected: 'the third packet of the handshake: flag handshake (5), TCP flag ACK',
          text: 'Our SYN-ACK on a fake path, sent three times, was not acknowledged there.',
          packet: syn,
          field: 'flags',
          requirement: 'MPIP-HS-05',
        }));
      t.equal(
        segmentIn(ack).acknowledgement,
        (sequence + 1) >>> 0,
        'other-acknowledgement',
        'The third packet does not acknowledge the number of the SYN-ACK plus 1.',
        {
          packet: ack,
          octet: ack.l4Offset + 8,
          octets: 4,
          requirement: 'MPIP-HS-10',
        },
      );
      t.equal(
        segmentIn(ack).sequence,
        (segmentIn(syn).sequence + 1) >>> 0,
        'other-sequence',
        'The third packet does not have the number after that of the SYN.',
        {
          packet: ack,
          octet: ack.l4Offset + 4,
          octets: 4,
          requirement: 'MPIP-HS-10',
        },
      );
      t.pass('The handshake was completed.', syn, ack);
    },
  },
  {
    ...common,
    id: 'HS-repeated-syn-ack-is-acknowledged',
    purpose:
      'A SYN-ACK that comes again, as the ACK was lost, is acknowledged again: the path would never open at our end.',
    requirements: ['MPIP-HS-10', 'MPIP-HS-05'],
    async run(t: Tester) {
      const { mesh, handle } = await openedByPeer(t, [0, 1]);
      const syn = await synToSecond(t, mesh, handle);
      const sequence = answer(t, mesh, syn);
      const acks: Observed[] = [];
      for (let attempt = 0; attempt < 4 && acks.length < 2; attempt++) {
        const ack = await mesh.stream.receive(
          (packet) =>
            isStep(TcpFlags.ack)(packet) &&
            packet.source === syn.source &&
            packet.destination === syn.destination &&
            !acks.includes(packet),
          { within: t.patience / 3 },
        );
        if (ack !== undefined) acks.push(ack);
        if (acks.length < 2) answer(t, mesh, syn, sequence);
      }
      const [first, again] = acks;
      if (first === undefined) t.inconc('not-completed', 'Our SYN-ACK was not acknowledged: another case judges that.');
      if (again === undefined)
        return void (await t.silent(mesh.stream, {
          code: 'not-acknowledged-again',
          text: 'Our SYN-ACK on a fake path was acknowledged once; sent again, as when the ACK was lost, it is not.',
          expected: 'the third packet of the handshake: flag handshake (5), TCP flag ACK',
          packet: first,
          octet: first.l4Offset + 13,
          octets: 1,
          requirement: 'MPIP-HS-10',
        }));
      t.equal(
        segmentIn(again).acknowledgement,
        segmentIn(first).acknowledgement,
        'other-acknowledgement',
        'The repeated ACK acknowledges another number than the first one.',
        { packet: again, octet: again.l4Offset + 8, octets: 4, requirement: 'MPIP-HS-10' },
      );
      t.pass('The repeated SYN-ACK was acknowledged again.', first, again);
    },
  },
  {
    ...common,
    id: 'HS-unanswered-path-unused',
    purpose: 'A path whose SYN is never answered is not used; the connection goes on by the others.',
    requirements: ['MPIP-HS-07', 'MPIP-HS-06'],
    duration: () => 4_000_000,
    async run(t: Tester) {
      const { mesh, handle } = await openedByPeer(t, [0, 1]);
      const seen = await waitForSyns(t, mesh, handle);
      if (seen.length === 0) t.inconc('no-syn', noSyn);
      const before = mesh.stream.data.length;
      await write(t, handle, 40, 80_000);
      const second = mesh.stream.addresses[1]!;
      const stray = mesh.stream.history.find(
        (packet) => packet.direction === 'received' && packet.destination === second && isData(packet),
      );
      t.refuse(
        stray,
        'path-used-unanswered',
        'The SYN of this path was never answered; it carries packets of the connection all the same.',
        {
          expected: `no data to ${formatIpv4(second)}`,
          seen: 'data there',
          ...headerField(stray, 'destination'),
          requirement: 'MPIP-HS-06',
        },
      );
      if (mesh.stream.data.length - before < 20 * 24) t.inconc('no-data', 'The connection itself does not go on.');
      t.pass('The unanswered path carried nothing.', seen[0]!);
    },
  },
  {
    ...common,
    id: 'HS-client-path-carries-data',
    purpose:
      'A path that the peer opened carries data after the three packets, as a NAT that tracks connections asks for.',
    requirements: ['MPIP-HS-11', 'MPIP-HS-06'],
    duration: () => 3_000_000,
    async run(t: Tester) {
      const { mesh, handle } = await openedByPeer(t, [0, 1]);
      const second = mesh.stream.addresses[1]!;
      // What a NAT on the peer's side knows of each pair of addresses: how far the handshake is.
      const open = new Set<string>();
      const violations: Observed[] = [];
      const answered = new Set<string>();
      const look = (packet: Observed) => {
        const key = `${packet.source} ${packet.destination}`;
        if (isStep(TcpFlags.ack)(packet)) open.add(key);
        else if (packet.destination === second && !isSyn(packet) && !open.has(key)) violations.push(packet);
        if (packet.destination === second && isSyn(packet) && !answered.has(key)) {
          answered.add(key);
          answer(t, mesh, packet);
        }
      };
      const from = mesh.stream.history.length;
      for (let i = 0; i < 30; i++) {
        await write(t, handle, 1, 60_000);
        for (const packet of mesh.stream.history.slice(from)) {
          if (packet.direction === 'received' && !seenFrames.has(packet)) {
            seenFrames.add(packet);
            look(packet);
          }
        }
      }
      if (answered.size === 0) t.inconc('no-syn', noSyn);
      t.refuse(
        violations[0],
        'not-passed-by-nat',
        'A packet on a fake path came outside of what its handshake allows; a NAT that tracks TCP connections would drop it.',
        {
          expected: 'a SYN, then an ACK, then data',
          ...headerField(violations[0], 'tcpFlags'),
        },
      );
      const data = [...mesh.paths.values()].find(({ destination }) => destination === second);
      t.require(data !== undefined, 'path-never-used', 'The handshake of the path is complete; it carries no data.', {
        expected: `data to ${formatIpv4(second)}`,
        seen: 'none',
        packet: mesh.stream.lastSent,
      });
      t.equal(
        cmOf(data).sessionId,
        mesh.session.id,
        'other-session',
        'Data by the fake path carries another session id.',
        { packet: data, field: 'sessionId' },
      );
      t.pass('The path was opened and used.', data);
    },
  },
];

const seenFrames = new WeakSet<Observed>();
