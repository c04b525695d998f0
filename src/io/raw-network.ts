import type { Ipv4, TCP, UDP } from '../codec/index.js';

/** The transport protocols that have ports. */
export type PortProtocol = typeof TCP | typeof UDP;

/** Ports of this machine at which its kernel is kept silent. */
export interface SilentPorts {
  /** Makes ready for TCP ports that are claimed after the process has given up its privileges. */
  prepare(count: number): void;
  /** True for a port that is claimed. */
  has(protocol: PortProtocol, address: Ipv4, port: number): boolean;
  /**
   * Claims a port.
   * @returns undefined, or the system's name of the error: `EADDRINUSE` when somebody has it, `EADDRNOTAVAIL` when the
   * address is none of this machine, `EACCES`, `EMFILE`.
   */
  claim(protocol: PortProtocol, address: Ipv4, port: number): string | undefined;
  /** Gives a port back; the kernel answers there again. */
  release(protocol: PortProtocol, address: Ipv4, port: number): void;
}

/** Gets a packet that arrived `age` microseconds ago. */
export type OnRawPacket = (packet: Uint8Array, age: number) => void;

/** Whole IPv4 packets of TCP and UDP from and to addresses of this machine, beside its kernel, whatever carries them. */
export interface RawNetwork {
  /** Ports at which the kernel is kept silent; it answers at all others. */
  readonly ports: SilentPorts;
  /** Packets that were not sent. */
  readonly refused: number;
  /** Why nothing is sent and read any more, in a sentence; absent while it is. */
  readonly failure?: string | undefined;
  /**
   * Sends a whole packet by the way that packets from `source` go (default: its own source address), with its IP header's checksum
   * and total length set, and an IP id of 0 replaced. A datagram that is too long for the way is fragmented unless it says DF.
   */
  send(packet: Uint8Array, source?: Ipv4): void;
  /** Ends reading and sending; claimed ports are given back. */
  close(): void;
}

/**
 * Opens a network for addresses of this machine.
 * @param onPacket gets what arrives for them, as it was on the wire; the array is valid only during the call.
 * @param onLate gets how many microseconds later than it should have been something was read or sent, where `onPacket` cannot tell.
 */
export type OpenRawNetwork = (
  addresses: readonly Ipv4[],
  onPacket: OnRawPacket,
  onLate: (micros: number) => void,
) => RawNetwork | Promise<RawNetwork>;
