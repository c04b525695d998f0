import { type DatagramView, type Ipv4, UDP } from '../codec/index.js';

/** Multicast and the limited broadcast address: such packets carry no CM (docs/decisions.md 8). */
export function multicastOrBroadcast(address: Ipv4): boolean {
  return address >>> 28 === 14 || address === 0xffffffff;
}

/** DHCP carries no CM (docs/decisions.md 8). */
export function usesDhcp(view: DatagramView): boolean {
  if (view.protocol !== UDP) return false;
  const { sourcePort, destinationPort } = view;
  return sourcePort === 67 || sourcePort === 68 || destinationPort === 67 || destinationPort === 68;
}
