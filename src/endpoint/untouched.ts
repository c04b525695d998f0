import { type DatagramView, HeaderStatus, type Ipv4, TCP, TcpFlags, UDP } from '../codec/index.js';

/** Multicast and the limited broadcast address: such packets carry no CM (docs/decisions.md 8). */
export function multicastOrBroadcast(address: Ipv4): boolean {
  return address >>> 28 === 14 || address === 0xffffffff;
}

/** A TCP segment with RST: its connection waits for no confirmation any more (docs/decisions.md 9). */
export function isReset(view: DatagramView): boolean {
  return view.status === HeaderStatus.ok && view.protocol === TCP && (view.tcpFlags & TcpFlags.rst) !== 0;
}

/** DHCP carries no CM (docs/decisions.md 8). */
export function usesDhcp(view: DatagramView): boolean {
  if (view.protocol !== UDP) return false;
  const { sourcePort, destinationPort } = view;
  return sourcePort === 67 || sourcePort === 68 || destinationPort === 67 || destinationPort === 68;
}
