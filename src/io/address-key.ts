import type { Ipv4 } from '../codec/index.js';

/** Address and port as one number, for maps. */
export function addressPortKey(address: Ipv4, port: number): number {
  return address * 0x10000 + port;
}
