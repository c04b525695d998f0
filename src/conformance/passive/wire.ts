import { Accept, CmView, Flags, refusal, TCP, UDP } from '../../codec/index.js';
import { type Predicate, placeOf, type Sight } from './predicate.js';

/** Octets from the start of the IP header to what follows it. */
function l4At({ trailer }: Sight): number {
  return trailer.l4Offset - trailer.offset;
}

/** True for a packet with a CM of the node itself. */
export function isCm({ seen }: Sight): boolean {
  return seen.hasCm && !seen.isEcho && seen.node !== 0;
}

/** Requirements about one packet: lengths, checksums, fragments. */
export const WIRE: readonly Predicate[] = [
  {
    id: 'CM-passive-fields',
    area: 'CM',
    purpose: 'Control messages can be read: every field is there.',
    requirement: 'MPIP-CM-02',
    watch: (judge) => ({
      see(sight) {
        if (isCm(sight) && judge.judges(sight.seen.node)) judge.pass();
      },
    }),
  },
  {
    id: 'CM-passive-one-trailer',
    area: 'CM',
    purpose: 'A packet carries one control message.',
    requirement: 'MPIP-CM-01',
    watch(judge) {
      const view = new CmView();
      let seconds = 0;
      return {
        see(sight) {
          const { trailer, seen } = sight;
          if (!isCm(sight) || !judge.judges(seen.node)) return;
          const { cm } = trailer;
          const accept = cm.isFull ? Accept.full : Accept.compact;
          const isTwice =
            view.recognise(trailer.bytes, trailer.payloadOffset, cm.trailerStart, accept) && view.nodeId === cm.nodeId;
          if (!isTwice) judge.pass();
          // User data may end in what was captured before, but not again and again.
          else if (++seconds >= 3) {
            const text = 'Behind the user data there are two control messages of the same node.';
            const octet = view.trailerStart - trailer.offset;
            judge.fail({ code: 'two-trailers', text, octet, octets: view.end - view.trailerStart }, placeOf(sight));
          }
        },
      };
    },
  },
  {
    id: 'CK-passive-sum',
    area: 'CK',
    purpose: 'The checksum of a control message is the sum of its other octets.',
    requirement: 'MPIP-CK-01',
    watch: (judge) => ({
      see(sight) {
        const { trailer, seen, dissector } = sight;
        if (isCm(sight)) {
          if (judge.judges(seen.node)) judge.pass();
          return;
        }
        if (dissector.nearCm === undefined || !seen.isTracked || !judge.judges(seen.node)) return;
        const why = ['compact', 'full'] as const;
        const error = why
          .map((layout) => refusal(trailer.bytes, trailer.payloadOffset, trailer.end, layout))
          .find((one) => one?.code === 'checksum');
        if (error === undefined) return;
        const octet = error.details.offset - trailer.offset;
        const finding = { octet, octets: 2, expected: error.details.needed, seen: error.details.found };
        // A right checksum around it says that no octet was changed on the way.
        if (sight.l4Checksum === 'good') {
          const text =
            'The tail of this packet is a control message but for its checksum, and was not damaged on the way.';
          judge.fail({ code: 'wrong-sum', text, ...finding }, placeOf(sight));
        } else {
          const text =
            'The tail of this packet is a control message but for its checksum; it may have been damaged on the way.';
          judge.inconc({ code: 'damaged-cm', text, ...finding }, placeOf(sight));
        }
      },
    }),
  },
  {
    id: 'WF-passive-ip-header',
    area: 'WF',
    purpose: 'The IP header checksum is right on every packet with a control message.',
    requirement: 'MPIP-WF-01',
    watch: (judge) => ({
      see(sight) {
        if (!isCm(sight) || !judge.judges(sight.seen.node)) return;
        if (isIpHeaderRight(sight)) judge.pass();
        else
          judge.fail(
            {
              code: 'wrong-ip-checksum',
              text: 'The IP header checksum of this packet is wrong.',
              octet: 10,
              octets: 2,
            },
            placeOf(sight),
          );
      },
    }),
  },
  {
    id: 'WF-passive-udp-length',
    area: 'WF',
    purpose: 'The UDP length covers the trailer: it is that of the IP payload.',
    requirement: 'MPIP-WF-02',
    watch: (judge) => ({
      see(sight) {
        const { trailer, seen } = sight;
        if (!isCm(sight) || trailer.protocol !== UDP || !judge.judges(seen.node)) return;
        const expected = trailer.end - trailer.l4Offset;
        const { udpLength } = trailer;
        if (udpLength === expected) judge.pass();
        else {
          const words = udpLength < expected ? 'short: the trailer lies beyond it' : 'long';
          const text = `The UDP length is ${Math.abs(udpLength - expected)} octets too ${words}.`;
          judge.fail(
            { code: 'wrong-udp-length', text, expected, seen: udpLength, octet: l4At(sight) + 4, octets: 2 },
            placeOf(sight),
          );
        }
      },
    }),
  },
  {
    id: 'WF-passive-l4-checksum',
    area: 'WF',
    purpose: 'The TCP or UDP checksum is right over the packet as sent.',
    requirement: 'MPIP-WF-03',
    watch: (judge) => ({
      see(sight) {
        const { trailer, seen } = sight;
        if (!isCm(sight) || !judge.judges(seen.node)) return;
        const { flags } = trailer.cm;
        // Copies that ask are free to have any, and those that confirm over TCP are no segments either.
        if (flags === Flags.enable || (flags === Flags.enabled && trailer.protocol === TCP)) return;
        if (sight.l4Checksum === 'good') judge.pass();
        if (sight.l4Checksum !== 'bad') return;
        const at = l4At(sight) + (trailer.protocol === TCP ? 16 : 6);
        const name = trailer.protocol === TCP ? 'TCP' : 'UDP';
        const text = `The ${name} checksum is wrong: an ordinary host drops such a packet.`;
        judge.fail({ code: 'wrong-l4-checksum', text, octet: at, octets: 2 }, placeOf(sight));
      },
    }),
  },
  fragments('WF-passive-fragments', 'WF', 'MPIP-WF-04', 'No packet with a control message is fragmented.', [
    'cm-in-fragment',
    'A packet with a control message was sent in fragments: the end of this one is the control message.',
  ]),
  fragments(
    'CM-passive-fits-the-mtu',
    'CM',
    'MPIP-CM-04',
    'User data is shortened, or left without control message, where both would not fit the MTU.',
    ['too-long-with-cm', 'User data and control message together did not fit: the packet was sent in fragments.'],
  ),
  {
    id: 'AV-passive-query-copy-checksum',
    area: 'AV',
    purpose: 'A query copy of data cannot be taken for data by a TCP without MPIP: its TCP checksum is wrong.',
    requirement: 'MPIP-AV-22',
    watch: (judge) => ({
      see(sight) {
        const { trailer, seen } = sight;
        if (!isCm(sight) || trailer.protocol !== TCP || trailer.cm.flags !== Flags.enable || !judge.judges(seen.node))
          return;
        const isSyn = (trailer.tcpFlags & 2) !== 0;
        if (isSyn || sight.l4Checksum === 'bad') judge.pass();
        else if (sight.l4Checksum === 'good') {
          const text =
            'This query is a copy of a segment with a valid TCP checksum: a host without MPIP takes its control message for data.';
          judge.fail({ code: 'valid-copy', text, octet: l4At(sight) + 16, octets: 2 }, placeOf(sight));
        }
      },
    }),
  },
];

function isIpHeaderRight({ trailer }: Sight): boolean {
  const { bytes, offset, ipHeaderLength } = trailer;
  let sum = 0;
  for (let at = 0; at < ipHeaderLength; at += 2) sum += (bytes[offset + at]! << 8) | bytes[offset + at + 1]!;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum === 0xffff;
}

function fragments(
  id: string,
  area: 'WF' | 'CM',
  requirement: string,
  purpose: string,
  [code, text]: readonly [string, string],
): Predicate {
  return {
    id,
    area,
    purpose,
    requirement,
    watch: (judge) => ({
      see(sight) {
        const { dissector, seen, trailer, tracker } = sight;
        if (isCm(sight)) {
          if (judge.judges(seen.node)) judge.pass();
          return;
        }
        if (!dissector.isCmInFragment) return;
        const node = tracker.nodes.atAddress(trailer.source);
        if (node !== 0 && judge.judges(node)) {
          judge.fail(
            { code, text, octet: 6, octets: 2, expected: 'a whole datagram', seen: 'a fragment' },
            placeOf(sight),
          );
        }
      },
    }),
  };
}

/** True when the flow carries user data of a session in CMs. */
export function carriesData({ seen, trailer }: Sight): boolean {
  return seen.hasCm && !seen.isEcho && seen.session >= 0 && trailer.cm.flags <= Flags.ipChange;
}
