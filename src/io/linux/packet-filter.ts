import { ICMP, IcmpType } from '../../codec/icmp.js';
import { type Ipv4, TCP, UDP } from '../../codec/index.js';

/** Packets of a network: address and length of the prefix, 0 to 32. */
export interface Network {
  readonly address: Ipv4;
  readonly prefix: number;
}

/** One instruction of the classic packet filter (struct sock_filter). */
export type FilterInstruction = readonly [code: number, jumpTrue: number, jumpFalse: number, value: number];

export const LOAD_OCTET = 0x30;
const LOAD_HALF = 0x28;
export const LOAD_WORD = 0x20;
export const JUMP_EQUAL = 0x15;
const JUMP = 0x05;
const AND = 0x54;
export const RETURN = 0x06;
/** To and from the filter's memory. */
const STORE = 0x02;
const LOAD = 0x60;
/** Offsets from here on count from the network header, whatever the link's own header is. */
export const NETWORK = 0xfff00000;
/** Ancillary data: the protocol of the frame. */
const PROTOCOL = 0xfffff000;
const ETHERTYPE_IPV4 = 0x0800;
/** Ancillary data: to whom the frame was addressed; 0 is this host. */
const PACKET_TYPE = 0xfffff004;
/** Ancillary data: 1 for a packet of a virtual LAN, which belongs to another interface. */
const VLAN_TAG_PRESENT = 0xfffff030;

/** Offsets in an ICMP error behind an IP header without options: its type, the protocol and addresses that it quotes. */
const ICMP_TYPE = NETWORK + 20;
const QUOTED_PROTOCOL = NETWORK + 28 + 9;
const QUOTED_DESTINATION = NETWORK + 28 + 16;
const NO_OPTIONS = 0x45;
/** Where the far end's address is kept. */
const FAR_END = 0;

/** A line of a filter whose jumps are labels: of the line to go on with, when the condition holds or not. */
export interface FilterLine {
  readonly code: number;
  readonly value: number;
  readonly yes?: string;
  readonly no?: string;
  readonly label?: string;
}

/** Goes on to `otherwise` unless the frame is IPv4, for this host and of no virtual LAN. */
export const TO_THIS_HOST: readonly FilterLine[] = [
  { code: LOAD_HALF, value: PROTOCOL },
  { code: JUMP_EQUAL, value: ETHERTYPE_IPV4, no: 'otherwise' },
  { code: LOAD_OCTET, value: VLAN_TAG_PRESENT },
  { code: JUMP_EQUAL, value: 0, no: 'otherwise' },
  { code: LOAD_OCTET, value: PACKET_TYPE },
  { code: JUMP_EQUAL, value: 0, no: 'otherwise' },
];

/** Most addresses and networks that a filter can hold: its jumps reach 255 instructions. */
export const MOST_FILTER_ENTRIES = 56;

/**
 * The filter for what the node takes from an interface: TCP and UDP over IPv4 to one of its addresses, from `networks`
 * when there are any, and ICMP errors about such packets. It runs twice: on the packet socket, where a match is what is read, and as the interface's
 * ingress filter, where a match is dropped, so that the kernel never answers what the node handles.
 * @param matched what the filter returns for a packet of the node's, `otherwise` for any other.
 */
export function packetFilter(
  addresses: readonly Ipv4[],
  networks: readonly Network[],
  matched: number,
  otherwise: number,
): FilterInstruction[] {
  const lines: FilterLine[] = [
    ...TO_THIS_HOST,
    { code: LOAD_OCTET, value: NETWORK + 9 },
    { code: JUMP_EQUAL, value: TCP, yes: 'packet' },
    { code: JUMP_EQUAL, value: UDP, yes: 'packet' },
    { code: JUMP_EQUAL, value: ICMP, no: 'otherwise' },
    { code: LOAD_OCTET, value: NETWORK },
    { code: JUMP_EQUAL, value: NO_OPTIONS, no: 'otherwise' },
    { code: LOAD_OCTET, value: ICMP_TYPE },
    { code: JUMP_EQUAL, value: IcmpType.unreachable, yes: 'error' },
    { code: JUMP_EQUAL, value: IcmpType.timeExceeded, yes: 'error' },
    { code: JUMP_EQUAL, value: IcmpType.parameterProblem, no: 'otherwise' },
    { code: LOAD_OCTET, value: QUOTED_PROTOCOL, label: 'error' },
    { code: JUMP_EQUAL, value: TCP, yes: 'quoted' },
    { code: JUMP_EQUAL, value: UDP, no: 'otherwise' },
    { code: LOAD_WORD, value: QUOTED_DESTINATION, label: 'quoted' },
    { code: STORE, value: FAR_END },
    { code: JUMP, value: 0, yes: 'destination' },
    { code: LOAD_WORD, value: NETWORK + 12, label: 'packet' },
    { code: STORE, value: FAR_END },
    { code: LOAD_WORD, value: NETWORK + 16, label: 'destination' },
    ...addresses.map((value, i) => ({
      code: JUMP_EQUAL,
      value,
      yes: 'source',
      ...(i === addresses.length - 1 ? { no: 'otherwise' } : {}),
    })),
  ];
  if (networks.length > 0)
    for (const [i, { address, prefix }] of networks.entries()) {
      const mask = prefix === 0 ? 0 : (0xffffffff << (32 - prefix)) >>> 0;
      lines.push({ code: LOAD, value: FAR_END, ...(i === 0 ? { label: 'source' } : {}) });
      lines.push({ code: AND, value: mask });
      const last = i === networks.length - 1 ? { no: 'otherwise' } : {};
      lines.push({ code: JUMP_EQUAL, value: (address & mask) >>> 0, yes: 'matched', ...last });
    }
  lines.push({ code: RETURN, value: matched, label: networks.length > 0 ? 'matched' : 'source' });
  lines.push({ code: RETURN, value: otherwise, label: 'otherwise' });
  return assemble(lines);
}

/** Makes instructions of lines with labels. */
export function assemble(lines: readonly FilterLine[]): FilterInstruction[] {
  const at = new Map(lines.flatMap(({ label }, i) => (label === undefined ? [] : [[label, i] as const])));
  return lines.map(({ code, value, yes, no }, i) => {
    const distance = (label: string | undefined) => (label === undefined ? 0 : at.get(label)! - i - 1);
    return code === JUMP ? [code, 0, 0, distance(yes)] : [code, distance(yes), distance(no), value];
  });
}

/** A filter as `tc filter … bpf bytecode` reads it. */
export function filterText(filter: readonly FilterInstruction[]): string {
  return [filter.length, ...filter.map((instruction) => instruction.join(' '))].join(',');
}
