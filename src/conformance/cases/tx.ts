import { readU16be } from '../../codec/bytes.js';
import { fold, formatIpv4, ipv4HeaderChecksum, l4Checksum, UDP } from '../../codec/index.js';
import type { TestCase } from '../case.js';
import { headerField, type Observed } from '../observed.js';
import type { Tester } from '../tester.js';
import { Mesh } from './mesh.js';

/** Header fields of a datagram that rewriting must not touch: name, first octet and how many. */
const UNTOUCHED = [
  ['IP version and header length', 0, 1],
  ['type of service', 1, 1],
  ['fragmentation flags', 6, 2],
  ['time to live', 8, 1],
  ['protocol', 9, 1],
] as const;

/** Section 3.7.2: a packet that takes another path than its host had in mind. */
export const TX_CASES: readonly TestCase[] = [
  {
    id: 'TX-only-addresses-rewritten',
    area: 'TX',
    purpose: 'A packet by another path differs from one by the original in addresses, ports and checksums only.',
    requirements: ['MPIP-TX-04'],
    services: ['echo'],
    realHeaders: true,
    async run(t: Tester) {
      const mesh = await Mesh.open(t);
      const answers = await mesh.burst(24 * mesh.paths.size);
      const isOriginal = ({ source, destination }: Observed) =>
        source === t.peerAddress && destination === mesh.session.port.address;
      const original = answers.find(isOriginal);
      const others = answers.filter((answer) => !isOriginal(answer));
      if (original === undefined || others.length === 0)
        t.inconc('one-path', 'Not both the original path and another one were used.');
      const octetsAt = ({ packet }: Observed, octet: number, octets: number) =>
        octets === 2 ? readU16be(packet, octet) : packet[octet]!;
      for (const answer of others) {
        for (const [name, octet, octets] of UNTOUCHED) {
          t.equal(
            octetsAt(answer, octet, octets),
            octetsAt(original, octet, octets),
            'header-changed',
            `A packet by another path has another ${name} than those by the original one.`,
            { packet: answer, octet, octets },
          );
        }
      }
      t.pass('Only addresses and checksums differ.', original, others[0]!);
    },
  },
  {
    id: 'TX-checksums-of-rewritten-packets',
    area: 'TX',
    purpose: 'Lengths and checksums of a packet by another path are right.',
    requirements: ['MPIP-TX-04', 'MPIP-WF-01', 'MPIP-WF-02', 'MPIP-WF-03'],
    services: ['echo'],
    realHeaders: true,
    async run(t: Tester) {
      const mesh = await Mesh.open(t);
      for (const answer of await mesh.burst(12 * mesh.paths.size)) requireSound(t, answer);
      t.pass('Every length and checksum is right.', ...mesh.paths.values());
    },
  },
  {
    id: 'TX-source-is-own-address',
    area: 'TX',
    purpose:
      "Whatever path a packet takes, it comes from an address that the peer lists as its own, and from the session's port.",
    requirements: ['MPIP-TX-02', 'MPIP-TX-01'],
    services: ['echo'],
    async run(t: Tester) {
      const mesh = await Mesh.open(t);
      const { sourcePort } = mesh.session.first!;
      for (const answer of await mesh.burst(24 * mesh.paths.size)) {
        t.require(
          mesh.peerAddresses.has(answer.source),
          'foreign-source',
          'A packet comes from an address that the peer does not list as its own.',
          {
            packet: answer,
            expected: [...mesh.peerAddresses].map(formatIpv4).join(' or ') || 'an address that its lists name',
            seen: formatIpv4(answer.source),
            ...headerField(answer, 'source'),
            requirement: 'MPIP-TX-02',
          },
        );
        t.equal(
          `port ${answer.sourcePort}`,
          `port ${sourcePort}`,
          'other-port',
          "A packet comes from another port than the session's: no path that we know has it.",
          {
            packet: answer,
            ...headerField(answer, 'sourcePort'),
            requirement: 'MPIP-TX-01',
          },
        );
      }
      t.pass('Sources are addresses of the peer.', ...mesh.paths.values());
    },
  },
];

/** Fails the case unless lengths and checksums of a packet with a CM are right (docs/wire-format.md). */
export function requireSound(t: Tester, answer: Observed, options: { isChecksumFree?: boolean } = {}): void {
  const { packet, l4Offset, protocol } = answer;
  t.equal(
    readU16be(packet, 2),
    packet.length,
    'ip-length',
    'The IP total length is not that of the datagram with its trailer.',
    {
      packet: answer,
      octet: 2,
      octets: 2,
      requirement: 'MPIP-WF-01',
    },
  );
  t.equal(
    readU16be(packet, 10),
    ipv4HeaderChecksum(packet, 0, l4Offset),
    'ip-checksum',
    'The checksum of the IP header is wrong.',
    {
      packet: answer,
      octet: 10,
      octets: 2,
      requirement: 'MPIP-WF-01',
    },
  );
  if (protocol === UDP) {
    t.equal(
      readU16be(packet, l4Offset + 4),
      packet.length - l4Offset,
      'udp-length',
      'The UDP length does not cover the trailer.',
      {
        packet: answer,
        octet: l4Offset + 4,
        octets: 2,
        requirement: 'MPIP-WF-02',
      },
    );
  }
  if (options.isChecksumFree === true || hasSoundChecksum(answer)) return;
  const at = l4Offset + (protocol === UDP ? 6 : 16);
  t.fail('l4-checksum', 'The TCP or UDP checksum is wrong over the packet as it was sent.', {
    packet: answer,
    octet: at,
    octets: 2,
    expected: l4Checksum(packet, 0, protocol, l4Offset, packet.length),
    seen: readU16be(packet, at),
    requirement: 'MPIP-WF-03',
  });
}

/** True when the TCP or UDP checksum of a whole datagram is right, or was not computed (UDP). */
export function hasSoundChecksum({ packet, l4Offset, protocol }: Observed): boolean {
  const written = readU16be(packet, l4Offset + (protocol === UDP ? 6 : 16));
  if (protocol === UDP && written === 0) return true;
  return fold(written) === fold(l4Checksum(packet, 0, protocol, l4Offset, packet.length));
}
