import { readFileSync } from 'node:fs';
import { attach, ipv4HeaderChecksum, l4Checksum, octetSum, TCP, TrailerView } from '../../src/codec/index.js';
import {
  LINKTYPE_ETHERNET,
  LINKTYPE_LINUX_SLL,
  LINKTYPE_LINUX_SLL2,
  LINKTYPE_NULL,
  LINKTYPE_RAW,
} from '../../src/io/link-type.js';
import { PcapngFile } from '../../src/io/pcapng-writer.js';
import { ambiguousBlock, cm, numbered, segmentOf, tcp, tuple, udp } from '../dissector/made-packets.js';
import { RECORDINGS } from '../support/recordings.js';

/** A small generator of numbers below `below` (xorshift), so that a seed gives the same file everywhere. */
type Random = (below: number) => number;

function generator(seed: number): Random {
  let state = seed >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % below;
  };
}

/** What a file of mutated packets holds. */
export interface MutatedCapture {
  readonly packets: number;
  /** Frames that hold an octet other than its origin's. */
  readonly mutated: number;
}

/**
 * Writes a pcapng of `packets` frames on interfaces of five link types: runs of the recordings and made packets of both layouts,
 * some as they are, most with octets changed, lengths changed, sums repaired, ends cut by the capture or padded.
 */
export function writeMutatedCapture(path: string, packets: number, seed: number): MutatedCapture {
  const random = generator(seed);
  const origins = [...RECORDINGS.map(datagramsOf), madeDatagrams()].filter((list) => list.length > 0);
  const file = new PcapngFile(path);
  let mutated = 0;
  let micros = 0;
  try {
    const interfaces = LINKS.map(({ linkType }) => file.interface({ linkType }));
    let list = origins[0]!;
    let at = 0;
    let calm = false;
    for (let count = 0; count < packets; count++) {
      // Runs of neighbours, so that conversations get on.
      if (count % 40 === 0) {
        list = origins[random(origins.length)]!;
        at = random(list.length);
        calm = random(4) === 0;
      }
      const origin = list[(at + (count % 40)) % list.length]!;
      const datagram = calm ? origin.slice() : mutate(origin, random);
      if (!Buffer.from(datagram).equals(origin)) mutated++;
      const link = random(LINKS.length);
      let frame = LINKS[link]!.frame(datagram, random);
      if (random(10) === 0) frame = joined(frame, octets(random, 1 + random(20)));
      if (!calm && random(12) === 0) flip(frame, random(Math.min(frame.length, 24)), random);
      const originalLength = frame.length;
      if (!calm && random(12) === 0) frame = frame.slice(0, random(frame.length));
      micros += random(100) === 0 ? 1_000_000 : random(3000);
      file.packet({
        interfaceId: interfaces[link]!,
        seconds: 1_795_376_191 + Math.floor(micros / 1e6),
        nanoseconds: (micros % 1e6) * 1000 + random(1000),
        data: frame,
        originalLength,
      });
    }
  } finally {
    file.close();
  }
  return { packets, mutated };
}

interface Link {
  readonly linkType: number;
  readonly frame: (datagram: Uint8Array, random: Random) => Uint8Array;
}

const MACS = [0x52, 0x54, 0, 0, 0x0a, 1, 0x52, 0x54, 0, 0, 0x0b, 1];

const LINKS: readonly Link[] = [
  {
    linkType: LINKTYPE_ETHERNET,
    frame: (datagram, random) => {
      const macs = random(3) === 0 ? octets(random, 12) : Uint8Array.from(MACS);
      const tags = [[], [], [0x81, 0, 0, 7], [0x88, 0xa8, 0, 9, 0x81, 0, 0, 7]][random(4)]!;
      return joined(macs, Uint8Array.from([...tags, 8, 0]), datagram);
    },
  },
  {
    linkType: LINKTYPE_LINUX_SLL,
    frame: (datagram) => joined(Uint8Array.from([0, 4, 0, 1, 0, 6, 2, 2, 2, 2, 2, 2, 0, 0, 8, 0]), datagram),
  },
  {
    linkType: LINKTYPE_LINUX_SLL2,
    frame: (datagram) =>
      joined(Uint8Array.from([8, 0, 0, 0, 0, 0, 0, 3, 0, 1, 0, 6, 2, 2, 2, 2, 2, 2, 0, 0]), datagram),
  },
  { linkType: LINKTYPE_NULL, frame: (datagram) => joined(Uint8Array.from([2, 0, 0, 0]), datagram) },
  { linkType: LINKTYPE_RAW, frame: (datagram) => datagram },
];

const view = new TrailerView();

type Mutation = (datagram: Uint8Array, random: Random) => Uint8Array;

const MUTATIONS: readonly Mutation[] = [
  // A bit or an octet, anywhere, in the headers, in the trailer.
  (datagram, random) => flip(datagram, random(datagram.length), random),
  (datagram, random) => flip(datagram, random(Math.min(60, datagram.length)), random),
  (datagram, random) => flip(datagram, datagram.length - 1 - random(Math.min(40, datagram.length)), random),
  // Values that matter: fragment bits, protocol, header length, data offset, UDP length, total length.
  (datagram, random) => set(datagram, 6, [0x20, 0x00, 0x80, 0x3f, 0x60][random(5)]!),
  (datagram, random) => set(datagram, 9, [1, 6, 17, 17, 6, 4][random(6)]!),
  (datagram, random) => set(datagram, 0, 0x40 + random(16)),
  (datagram, random) => set(datagram, 32, random(256)),
  (datagram, random) => set(datagram, 25, random(256)),
  (datagram, random) => set(datagram, 3, datagram[3]! + random(5) - 2),
  // Another CM field, with the sum put right again.
  (datagram, random) => repairedCompact(set(datagram, datagram.length - 1 - random(25), random(256))),
  (datagram, random) => repairedCompact(set(datagram, datagram.length - 3, random(8))),
  (datagram, random) => repairedCompact(set(datagram, datagram.length - 21, random(6))),
  (datagram, random) => repairedFull(set(datagram, datagram.length - 5 - random(28), random(256))),
  // One more trailer, of either layout.
  (datagram, random) => withTrailer(datagram, random),
  (datagram, random) => withTrailer(datagram, random),
  // Other addresses and ports.
  (datagram, random) => set(datagram, 12 + random(12), random(4)),
  // Shorter or longer, with the lengths put right.
  (datagram, random) => resealed(datagram.slice(0, Math.max(20, datagram.length - random(60)))),
  (datagram, random) => resealed(joined(datagram.subarray(0, 28), octets(random, random(30)), datagram.subarray(28))),
  // Right checksums.
  (datagram) => resealed(datagram),
];

function mutate(origin: Uint8Array, random: Random): Uint8Array {
  let datagram: Uint8Array = origin.slice();
  for (let times = 1 + random(3); times > 0; times--) datagram = MUTATIONS[random(MUTATIONS.length)]!(datagram, random);
  return datagram;
}

function set(datagram: Uint8Array, at: number, value: number): Uint8Array {
  if (at >= 0 && at < datagram.length) datagram[at] = value;
  return datagram;
}

function flip(octetsOf: Uint8Array, at: number, random: Random): Uint8Array {
  if (at >= 0 && at < octetsOf.length) octetsOf[at]! ^= 1 << random(8);
  return octetsOf;
}

function repairedCompact(datagram: Uint8Array): Uint8Array {
  const start = datagram.length - 25;
  if (start < 28) return datagram;
  datagram[start] = 25;
  const sum = octetSum(datagram, start, start + 23);
  datagram[start + 23] = sum & 255;
  datagram[start + 24] = sum >> 8;
  return datagram;
}

function repairedFull(datagram: Uint8Array): Uint8Array {
  const end = datagram.length;
  const start = end - 25 - 4 * (datagram[end - 5]! & 15);
  if (start < 28) return datagram;
  datagram[end - 5]! &= 15;
  datagram[end - 4] = 0xa2;
  datagram[end - 3]! %= 7;
  const sum = octetSum(datagram, start, end - 2);
  datagram[end - 2] = sum >> 8;
  datagram[end - 1] = sum & 255;
  return datagram;
}

function withTrailer(datagram: Uint8Array, random: Random): Uint8Array {
  if (!view.parse(datagram) && view.protocol !== TCP) {
    // What the UDP length says must fit, or nothing is attached.
    datagram[view.l4Offset + 4] = (view.end - view.l4Offset) >> 8;
    datagram[view.l4Offset + 5] = (view.end - view.l4Offset) & 255;
  }
  const layout = random(2) === 0 ? 'compact' : 'full';
  const message = cm({
    layout,
    nodeId: [0x0a01, 0x0b01, 0x5254_0000_0a01, 0x5254_0000_0b01][random(2) + (layout === 'full' ? 2 : 0)]!,
    sessionId: random(4),
    pathId: random(4),
    feedbackPathId: random(4),
    timestamp: random(1 << 30),
    pathDelay: [random(1 << 20), -random(1 << 20), 0x7fffffff, -0x80000000][random(4)]!,
    localAddresses: Array.from({ length: random(layout === 'full' ? 17 : 3) }, () => random(1 << 30)),
    flags: random(6),
  });
  const out = new Uint8Array(datagram.length + 120);
  try {
    return out.slice(0, attach(datagram, message, out));
  } catch {
    return datagram;
  }
}

/** The datagram with the IP total length, UDP length and checksums that its octets ask for. */
function resealed(datagram: Uint8Array): Uint8Array {
  datagram[2] = datagram.length >> 8;
  datagram[3] = datagram.length & 255;
  if (view.parse(datagram) !== 0) return datagram;
  const { ipHeaderLength, l4Offset, protocol, end } = view;
  const put = (at: number, value: number) => {
    datagram[at] = value >> 8;
    datagram[at + 1] = value & 255;
  };
  put(10, ipv4HeaderChecksum(datagram, 0, ipHeaderLength));
  if (protocol !== TCP) put(l4Offset + 4, end - l4Offset);
  put(l4Offset + (protocol === TCP ? 16 : 6), l4Checksum(datagram, 0, protocol, l4Offset, end));
  return datagram;
}

function datagramsOf(name: string): Uint8Array[] {
  const file = readFileSync(`fixtures/pcaps/${name}.pcap`);
  const found: Uint8Array[] = [];
  for (let at = 24; at < file.length && found.length < 400; ) {
    const length = file.readUInt32LE(at + 8);
    found.push(Uint8Array.from(file.subarray(at + 16 + 14, at + 16 + length)));
    at += 16 + length;
  }
  // Large segments make a large file and nothing new.
  return found.filter((datagram) => datagram.length < 1600);
}

/** What no recording has: layout full, a wrapper in it, segments behind a path's own header, ambiguous blocks, an exchange of queries, a fake handshake. */
function madeDatagrams(): Uint8Array[] {
  const back = { source: tuple().destination, destination: tuple().source };
  const answer = { ...back, sourcePort: 7000, destinationPort: 40000 };
  const full = (values: object, from = 0x5254_0000_0a01) => cm({ layout: 'full', nodeId: from, ...values });
  const other = 0x5254_0000_0b01;
  const list: Uint8Array[] = [
    udp(full({ flags: 3, localAddresses: [1, 2, 3] })),
    udp(full({ flags: 4 }, other), undefined, answer),
    udp(full({ sessionId: 700 })),
    udp(full({ sessionId: 700 }, other), undefined, answer),
    udp(undefined, ambiguousBlock()),
    tcp(full({ sessionId: 9, pathId: 1 })),
    udp(full({ sessionId: 9, pathId: 2 }), segmentOf(tcp(undefined, new Uint8Array(50)))),
    tcp(cm({ sessionId: 8, flags: 5 })),
    udp(cm({ sessionId: 8, pathId: 3 }), segmentOf(tcp(undefined, new Uint8Array(9)))),
    udp(undefined, new Uint8Array(600)),
    numbered(cm({ sessionId: 8, pathId: 4 }), segmentOf(tcp(undefined, new Uint8Array(40)))),
    numbered(full({ sessionId: 9, pathId: 5 }), segmentOf(tcp(undefined, new Uint8Array(70)))),
  ];
  for (let round = 0; round < 12; round++) {
    const ids = { sessionId: 700, pathId: 300 + (round % 3), feedbackPathId: 400 + (round % 2) };
    list.push(udp(full({ ...ids, pathDelay: 1000 - round * 7, flags: round % 5 === 4 ? 2 : 0 })));
    const swapped = { sessionId: 700, pathId: ids.feedbackPathId, feedbackPathId: ids.pathId };
    list.push(udp(full({ ...swapped, pathDelay: -5000 + round * 11 }, other), undefined, answer));
  }
  return list;
}

function octets(random: Random, count: number): Uint8Array {
  return Uint8Array.from({ length: count }, () => random(256));
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}
