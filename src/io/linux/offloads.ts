import { type Libc, libc } from './libc.js';

const AF_INET_DGRAM = [2, 2 | 0o2000000, 0] as const;
const SIOCETHTOOL = 0x8946;
const SIOCGIFHWADDR = 0x8927;
const ARPHRD_ETHER = 1;
const GET_SEGMENTATION = 0x23;
const NAME_SIZE = 16;
const LRO_FLAG = 1 << 15;

/** Receive offloads that join segments of several packets into one, which would bury all but the last CM. */
export type Offload = 'gro' | 'lro';

/** The offloads of that kind, with the ethtool commands that read and set them. */
export const OFFLOADS: Record<Offload, { readonly get: number; readonly set: number; readonly bit: number }> = {
  gro: { get: 0x2b, set: 0x2c, bit: 1 },
  lro: { get: 0x25, set: 0x26, bit: LRO_FLAG },
};

/** True when an interface joins packets in this way; false also when it cannot be asked. */
export function isOffloadOn(device: string, offload: Offload): boolean {
  const { get, bit } = OFFLOADS[offload];
  const value = ethtool(device, get, 0);
  return value !== undefined && (value & bit) !== 0;
}

/** Switches an offload. @returns false when the interface refuses. */
export function setOffload(device: string, offload: Offload, on: boolean): boolean {
  const { get, set, bit } = OFFLOADS[offload];
  const value = ethtool(device, get, 0);
  if (value === undefined) return false;
  return ethtool(device, set, (on ? value | bit : value & ~bit) >>> 0) !== undefined;
}

/** True when the kernel may leave the cutting of super-packets to the interface, or do it late itself (ethtool: gso). */
export function isSegmentationOn(device: string): boolean {
  return ethtool(device, GET_SEGMENTATION, 0) === 1;
}

/** The interface's own Ethernet address; undefined when it has none. */
export function linkAddressOf(device: string): Uint8Array | undefined {
  const c = libc();
  const request = new Uint8Array(40);
  new TextEncoder().encodeInto(device, request.subarray(0, NAME_SIZE - 1));
  const fd = c.socket(...AF_INET_DGRAM);
  if (fd < 0) return undefined;
  const result = c.ioctl(fd, SIOCGIFHWADDR, request);
  c.close(fd);
  const isEthernet = new DataView(request.buffer).getUint16(NAME_SIZE, true) === ARPHRD_ETHER;
  return result < 0 || !isEthernet ? undefined : request.slice(NAME_SIZE + 2, NAME_SIZE + 8);
}

/** One `SIOCETHTOOL` with struct ethtool_value. @returns the value, or undefined when refused. */
function ethtool(device: string, command: number, value: number): number | undefined {
  const c = libc();
  const argument = argumentOf(c);
  argument.view.setUint32(0, command, true);
  argument.view.setUint32(4, value, true);
  const request = new Uint8Array(40);
  new TextEncoder().encodeInto(device, request.subarray(0, NAME_SIZE - 1));
  new DataView(request.buffer).setBigUint64(NAME_SIZE, argument.address, true);
  const fd = c.socket(...AF_INET_DGRAM);
  if (fd < 0) return undefined;
  const result = c.ioctl(fd, SIOCETHTOOL, request);
  c.close(fd);
  return result < 0 ? undefined : argument.view.getUint32(4, true);
}

let argument: ReturnType<Libc['allocate']> | undefined;

function argumentOf(c: Libc) {
  argument ??= c.allocate(8);
  return argument;
}
