// Captures with damage: what a disk, a network, a killed program or an attacker makes of a file.
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { MadeSection } from '../io/made-captures.js';
import { generator, type Random } from '../wireshark/made-filters.js';
import { cm, pcapOf, tcp, udp } from './made-packets.js';

/** A damaged capture. */
export interface BadCapture {
  readonly bytes: Uint8Array;
  /** What was done, for a message. */
  readonly deeds: readonly string[];
  /** Octets at the beginning that are the origin's; 0 when the capture is compressed or joined. */
  readonly intact: number;
  readonly origin: Uint8Array;
}

/** Octets of a recording up to the end of one of its first packets. */
function startOf(name: string, packets: number): Uint8Array {
  const file = readFileSync(`fixtures/pcaps/${name}.pcap`);
  let at = 24;
  for (let count = 0; count < packets && at < file.length; count++) at += 16 + file.readUInt32LE(at + 8);
  return new Uint8Array(file.subarray(0, at));
}

function pcapng(littleEndian: boolean): Uint8Array {
  const section = new MadeSection(littleEndian);
  const data = udp(cm({ sessionId: 3, pathId: 1 }));
  return Buffer.concat([
    section.header(),
    section.interface(101, 0, [section.option(9, Uint8Array.of(9)), section.option(2, Buffer.from('eth0'))]),
    section.interface(1, 90, [section.option(14, section.u64(5n))]),
    section.enhanced(0, 1_700_000_000_000_000_000n, data, data.length, ['a comment', 'another']),
    section.block(0x0bad, new Uint8Array(60)),
    section.simple(data),
    section.obsolete(0, 9n, tcp(cm({ sessionId: 4, flags: 5 }))),
    section.enhanced(0, 2n, udp(cm({ layout: 'full', nodeId: 0x5254_0000_0a01, localAddresses: [1, 2, 3] }))),
    section.enhanced(1, 3n, new Uint8Array(40)),
  ]);
}

const ORIGINS: readonly Uint8Array[] = [
  startOf('linux-2015-udp', 14),
  startOf('linux-2015-tcp-wrapper-reqresp', 20),
  startOf('linux-2017-udp-bigsizes', 8),
  pcapOf(udp(cm()), udp(undefined), tcp(cm({ sessionId: 1 }))),
  pcapng(true),
  pcapng(false),
  Buffer.concat([pcapng(true), pcapng(false)]),
];

/** Numbers that are wrong in most places. */
const NUMBERS = [
  0, 1, 3, 4, 11, 12, 0x7f, 0xff, 0xffff, 0x10000, 0x40000, 0x40001, 0x7fffffff, 0x80000000, 0xfffffffc, 0xffffffff,
];

/** The damaged capture of a number: the same for the same number and seed. */
export function badCapture(number: number, seed: number): BadCapture {
  const random = generator((seed ^ Math.imul(number + 1, 0x9e3779b1)) >>> 0);
  for (let warm = 0; warm < 8; warm++) random(2);
  const origin = ORIGINS[random(ORIGINS.length)]!;
  let bytes = Uint8Array.from(origin);
  let intact = bytes.length;
  const deeds: string[] = [];
  for (let count = 1 + random(4); count > 0; count--) {
    const deed = DEEDS[random(DEEDS.length)]!;
    const done = deed(bytes, random);
    bytes = done.bytes;
    intact = Math.min(intact, done.from);
    deeds.push(done.what);
  }
  if (random(5) === 0) {
    bytes = new Uint8Array(gzipSync(bytes));
    intact = 0;
    deeds.push('gzip');
    if (random(3) > 0) {
      const damage = (random(2) === 0 ? flipped : cut)(bytes, random);
      bytes = damage.bytes;
      deeds.push(`in it: ${damage.what}`);
    }
  }
  return { bytes, deeds, intact, origin };
}

interface Done {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly from: number;
  readonly what: string;
}

type Deed = (bytes: Uint8Array<ArrayBuffer>, random: Random) => Done;

const flipped: Deed = (bytes, random) => {
  if (bytes.length === 0) return { bytes, from: 0, what: 'nothing' };
  const at = random(bytes.length);
  bytes[at]! ^= 1 << random(8);
  return { bytes, from: at, what: `octet ${at} flipped` };
};

const cut: Deed = (bytes, random) => {
  const at = random(bytes.length + 1);
  return { bytes: bytes.slice(0, at), from: at, what: `cut at ${at}` };
};

/** A number written over a length, an option, a header or a packet. */
const overwritten: Deed = (bytes, random) => {
  if (bytes.length < 4) return { bytes, from: 0, what: 'nothing' };
  const size = [1, 2, 4][random(3)]!;
  const places = Math.floor((bytes.length - size) / size) + 1;
  // Headers and lengths are aligned; damage is likelier where it hurts.
  const at = size * (random(3) === 0 ? random(Math.min(places, 64)) : random(places));
  const value = NUMBERS[random(NUMBERS.length)]!;
  const view = new DataView(bytes.buffer);
  const littleEndian = random(2) === 0;
  if (size === 4) view.setUint32(at, value, littleEndian);
  else if (size === 2) view.setUint16(at, value & 0xffff, littleEndian);
  else bytes[at] = value & 0xff;
  return { bytes, from: at, what: `${size} octets at ${at} are ${value}` };
};

const removed: Deed = (bytes, random) => {
  const at = random(bytes.length + 1);
  const length = random(Math.min(200, bytes.length - at + 1));
  return {
    bytes: new Uint8Array(Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)])),
    from: at,
    what: `${length} octets removed at ${at}`,
  };
};

const inserted: Deed = (bytes, random) => {
  const at = random(bytes.length + 1);
  const piece = Uint8Array.from({ length: 1 + random(100) }, () => random(256));
  return {
    bytes: new Uint8Array(Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)])),
    from: at,
    what: `${piece.length} octets inserted at ${at}`,
  };
};

const joinedTo: Deed = (bytes, random) => {
  const other = ORIGINS[random(ORIGINS.length)]!;
  return {
    bytes: new Uint8Array(Buffer.concat([bytes, other])),
    from: bytes.length,
    what: `a capture of ${other.length} octets behind it`,
  };
};

const DEEDS: readonly Deed[] = [
  flipped,
  flipped,
  overwritten,
  overwritten,
  overwritten,
  cut,
  removed,
  inserted,
  joinedTo,
];
