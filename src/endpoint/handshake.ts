import {
  type DatagramView,
  Flags,
  type Ipv4,
  type LayoutName,
  TCP,
  type TrailerView,
  type Tuple,
} from '../codec/index.js';
import { reversedTuple } from '../codec/rewrite.js';
import type { AvailabilityRow } from './availability.js';
import type { NodeState } from './node-state.js';
import type { Peer } from './nodes.js';
import type { Transmitter } from './transmitter.js';

/** Queries and confirmations, and what they say of an address (paper, sections 3.2 and 3.3). */
export class AvailabilityHandshake {
  constructor(
    private readonly state: NodeState,
    private readonly transmitter: Transmitter,
  ) {}

  /** Section 3.2: after the threshold the address is taken for one without MPIP. */
  mayQuery(row: AvailabilityRow): boolean {
    return row.queries < this.state.settings.constants['query-limit'];
  }

  /** Sends a query of this node's own making, over UDP. */
  sendQuery(row: AvailabilityRow, tuple: Tuple, layout: LayoutName, now: number): void {
    const { transmits, composer, control, counters } = this.state;
    row.queries++;
    counters.queriesSent++;
    counters.cmSent++;
    control.datagram(transmits.filling, tuple, composer.compose(layout, Flags.enable, now));
  }

  /** Section 3.2: a query is confirmed right away, over TCP with the next segment sent there. */
  receiveQuery(view: TrailerView, layout: LayoutName, now: number): void {
    this.state.counters.queriesReceived++;
    const back = reversedTuple(view);
    if (view.protocol === TCP)
      this.state.waiting.add(back.source, back.sourcePort, back.destination, back.destinationPort, now);
    else if (this.state.mayAnswer(view.source, now)) this.sendConfirmation(view, back, layout, now);
  }

  /** Section 3.2: a new packet with all headers filled in and the CM, back to the sender. */
  sendConfirmation(view: TrailerView, back: Tuple, layout: LayoutName, now: number): void {
    this.state.counters.confirmationsSent++;
    this.transmitter.sendBack(view, back, this.state.composer.compose(layout, Flags.enabled, now));
  }

  /** Section 3.2: the sender's address and port speak MPIP. */
  markEnabled(address: Ipv4, port: number, layout: LayoutName): void {
    const row = this.state.availability.row(address, port);
    row.enabled = true;
    row.layout ??= layout;
  }

  /** Section 3.3: an address that did the availability handshake joins the paths of the peer's sessions. */
  markHandshaken(view: DatagramView, peer: Peer): AvailabilityRow {
    const row = this.state.availability.row(view.source, view.sourcePort);
    peer.handshaken.add(view.source);
    row.local = view.destination;
    if (row.handshaken === peer) return row;
    if (row.handshaken !== undefined) row.answered = false;
    row.handshaken = peer;
    peer.version++;
    return row;
  }

  /** Section 3.3, docs/decisions.md 40: an address that confirms a query of this node can be reached there. */
  markAnswered(view: DatagramView, peer: Peer): void {
    const row = this.markHandshaken(view, peer);
    if (row.answered || row.queries === 0) return;
    row.answered = true;
    peer.answered.add(view.source);
    peer.version++;
  }
}
