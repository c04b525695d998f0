import type { Wire } from './wire.js';

/** One end of a link, as the node there sees it. */
export class Port {
  constructor(
    /** The direction that this node sends by. */
    readonly out: Wire,
  ) {}

  /** Sends a datagram, whose octets belong to the link then; false when its sender is to be told that it is too long. */
  send(packet: Uint8Array): boolean {
    return this.out.transmit(packet);
  }
}

/** Something that links end at: a host's interface, a router, a side of a NAT. */
export interface NetworkNode {
  /** A link was connected here. */
  connected(port: Port): void;
  /** A datagram came out of the link at `port`; its octets belong to the node. */
  arrive(packet: Uint8Array, port: Port): void;
}

/** A link between two nodes. */
export interface Link {
  /** The end at the node named first. */
  readonly first: Port;
  /** The end at the node named second. */
  readonly second: Port;
  /** From the first node to the second. */
  readonly forward: Wire;
  /** From the second node to the first. */
  readonly back: Wire;
}
