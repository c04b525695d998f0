import { type ControlMessage, HeaderStatus, type Ipv4, messageOf, type NodeId, TrailerView } from '../codec/index.js';
import type { Connection } from './fuzz-node.js';
import { readMark } from './sent.js';
import type { Arrival, Micros } from './target.js';

/** A packet of the peer, taken apart. */
export interface Received {
  /** Its number in the exchange, sent and received packets counted together from 1. */
  readonly frame: number;
  readonly time: Micros;
  readonly packet: Uint8Array;
  /** See `HeaderStatus`; what follows is meant only with `ok`. */
  readonly status: number;
  readonly source: Ipv4;
  readonly sourcePort: number;
  readonly destination: Ipv4;
  readonly destinationPort: number;
  readonly protocol: number;
  readonly l4Offset: number;
  readonly payloadOffset: number;
  /** The peer's CM; a CM of somebody else that it returned undigested is user data. */
  readonly cm: ControlMessage | undefined;
  /** User data, without the peer's trailer. */
  readonly data: Uint8Array;
  /** The number of the datagram whose user data this begins with. */
  readonly mark: number | undefined;
  /** Whose address it went to: `BYSTANDER`, a fuzzed node, or undefined for nobody of the exchange. */
  readonly owner: number | undefined;
  /** The connection of a fuzzed node that it belongs to. */
  readonly connection: Connection | undefined;
  /** The step after which it came. */
  readonly step: number;
}

/** Whom an address and port belong to. */
export interface Place {
  readonly owner: number | undefined;
  readonly connection: Connection | undefined;
}

const view = new TrailerView();

/**
 * Takes a packet of the peer apart.
 * @param isForeign says of a packet with a CM that the CM is not the peer's: it was sent by the fuzzer and came back.
 */
export function takeApart(
  { time, packet }: Arrival,
  frame: number,
  step: number,
  place: (address: Ipv4, port: number) => Place,
  isForeign: (packet: Uint8Array, nodeId: NodeId, owner: number | undefined) => boolean,
): Received {
  view.locate(packet);
  const isWhole = view.status === HeaderStatus.ok;
  const destination = packet.length >= 20 ? view.destination : 0;
  const destinationPort = view.hasPorts ? view.destinationPort : 0;
  const { owner, connection } = place(destination, destinationPort);
  const isPeers = view.hasCm && !isForeign(packet, view.cm.nodeId, owner);
  const end = isPeers ? view.cm.trailerStart : view.end;
  return {
    frame,
    time,
    packet,
    status: view.status,
    source: packet.length >= 20 ? view.source : 0,
    sourcePort: view.hasPorts ? view.sourcePort : 0,
    destination,
    destinationPort,
    protocol: view.protocol,
    l4Offset: view.l4Offset,
    payloadOffset: view.payloadOffset,
    cm: isPeers ? messageOf(view.cm) : undefined,
    data: isWhole ? packet.subarray(view.payloadOffset, end) : NOTHING,
    mark: isWhole ? readMark(packet, view.payloadOffset, end) : undefined,
    owner,
    connection,
    step,
  };
}

const NOTHING = new Uint8Array(0);
