/**
 * Where whole IPv4 packets come from and go to: the TUN device towards the local applications, an interface towards the
 * network. Everything is in batches, and nothing blocks.
 */
export interface PacketSource {
  /** Readable while a batch waits. */
  readonly fd: number;
  /**
   * Reads what waits, about one batch at most, and calls `onPacket` with each packet: the first `length` octets of `packet`,
   * valid only during the call.
   * @returns the number of packets read.
   */
  receive(onPacket: OnPacket): number;
  close(): void;
}

/** What `PacketSource.receive` calls. `isSound`: the TCP or UDP checksum is known to be right, or was not computed. */
export type OnPacket = (packet: Uint8Array, length: number, isSound: boolean) => void;

/** Counts of what could not be sent; a datagram that is lost is no error of the caller. */
export interface PacketSink {
  /** Takes a packet; its octets are copied or sent before this returns. */
  send(packet: Uint8Array, length: number): void;
  /** Sends what was taken and is not sent yet. */
  flush(): void;
  /** Packets that the kernel refused (no buffer, larger than the MTU, no route). */
  readonly refused: number;
  /**
   * True while the kernel takes no more: what is given is kept back, within bounds, and whoever can wait should, for
   * `LONGEST_WAIT_MS` at most. Absent where that never happens.
   */
  readonly isFull?: boolean;
  /** How long what the kernel holds takes to leave while it is full, microseconds, about. */
  readonly backlogMicros?: number;
  close(): void;
}

/** An interface that was full for so long has stopped: it is not waited for, and what is given to it is lost. */
export const LONGEST_WAIT_MS = 500;

/** Most packets in a batch. */
export const BATCH = 64;
