import { LAYOUTS } from '../../codec/layout.js';
import { DERIVED_FIELDS } from '../derived-fields.js';

/** What an integer field can hold, both ends included. */
export interface IntegerRange {
  readonly min: number;
  readonly max: number;
}

/** By the types of declarations. */
const RANGES: Readonly<Record<string, IntegerRange>> = {
  u8: { min: 0, max: 0xff },
  u16: { min: 0, max: 0xffff },
  u32: { min: 0, max: 0xffff_ffff },
  frame: { min: 0, max: 0xffff_ffff },
  s32: { min: -0x8000_0000, max: 0x7fff_ffff },
};

/** Integers that no declaration has, as wide as Wireshark has them. */
const OTHERS: Readonly<Record<string, string>> = {
  u8: 'ip.proto ip.ttl ip.checksum.status udp.checksum.status tcp.checksum.status mpip.filler',
  u16: 'ip.len udp.srcport udp.dstport udp.port udp.length tcp.srcport tcp.dstport tcp.port tcp.flags',
  u32: 'frame.number frame.len frame.cap_len frame.interface_id tcp.seq_raw tcp.ack_raw',
};

const declared = [
  ...Object.entries(OTHERS).flatMap(([type, names]) => names.split(' ').map((filter) => ({ filter, type }))),
  ...Object.values(LAYOUTS).flatMap(({ fields }) => fields),
  ...DERIVED_FIELDS,
];

const ranges = new Map<string, IntegerRange>();
for (const { filter, type } of declared) {
  const range = RANGES[type];
  const known = ranges.get(filter);
  // Where the layouts differ, the wider type holds the values of both.
  if (range !== undefined && (known === undefined || range.max > known.max)) ranges.set(filter, range);
}

/** What a field of numbers can hold; undefined for one that is only true or false, and for what is no number. */
export function integerRange(name: string): IntegerRange | undefined {
  return ranges.get(name);
}
