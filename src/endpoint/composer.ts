import {
  type ControlMessage,
  emptyControlMessage,
  type Ipv4,
  LAYOUTS,
  type LayoutName,
  maxAddresses,
  type NodeId,
  trailerSize,
} from '../codec/index.js';
import type { FeedbackRow } from './feedback.js';
import type { Peer } from './nodes.js';
import { type Settings, TickClock } from './options.js';

/** Addresses that a CM has room for; asked for per packet, so not taken from the declaration each time. */
const MOST_ADDRESSES = { compact: maxAddresses(LAYOUTS.compact), full: maxAddresses(LAYOUTS.full) };

/** What a packet feeds back: the delay of a path of its receiver. */
export type Feedback = Readonly<Pick<FeedbackRow, 'pathId' | 'delay'>>;

/** Fills in the CMs of a node (paper, table 1). */
export class Composer {
  readonly #clock: TickClock;
  readonly #message: ControlMessage;
  readonly #compactId: NodeId;
  /** Where in the addresses the next list begins of a packet that is for no known peer. */
  rotation = 0;
  /** The address list for which `#trailers` holds. */
  #measured: readonly Ipv4[] | undefined;
  readonly #trailers = { compact: 0, full: 0 };

  constructor(
    private readonly settings: Settings,
    private readonly addresses: () => readonly Ipv4[],
  ) {
    const { profile, clockOffsetMicros, clockDriftPpm, mac } = settings;
    this.#clock = new TickClock(profile.tickMicros, profile.clock, clockOffsetMicros, clockDriftPpm);
    this.#message = emptyControlMessage(profile.layout);
    this.#compactId = (mac % 0x10000) | 0;
  }

  /** This node's id in a layout (section 3.1: the MAC address of one NIC; `compact` carries its last two octets). */
  nodeId(layout: LayoutName): NodeId {
    return layout === 'full' ? this.settings.mac : this.#compactId;
  }

  /** The node's clock at `now` microseconds: ticks, 0..2^32-1. */
  ticks(now: number): number {
    return this.#clock.ticks(now);
  }

  /** A CM of this node with everything filled in that does not depend on session or path. The object is used again. */
  compose(layout: LayoutName, flags: number, now: number): ControlMessage {
    const cm = this.#message;
    cm.layout = layout;
    cm.nodeId = this.nodeId(layout);
    cm.sessionId = 0;
    cm.pathId = 0;
    cm.feedbackPathId = 0;
    cm.timestamp = this.ticks(now);
    cm.pathDelay = 0;
    cm.localAddresses = this.addressList(layout);
    cm.flags = flags;
    return cm;
  }

  /** What the last CM feeds back; undefined for nothing. */
  get fedBack(): Feedback | undefined {
    const { feedbackPathId, pathDelay } = this.#message;
    return feedbackPathId === 0 ? undefined : { pathId: feedbackPathId, delay: pathDelay };
  }

  /**
   * The same for a packet of a session by a path, 0 for neither, with what there is to feed back to the peer, or with what
   * the packet that it is a copy of has fed back.
   */
  composeFor(
    peer: Peer,
    sessionId: number,
    pathId: number,
    layout: LayoutName,
    flags: number,
    now: number,
    again: Feedback | undefined = undefined,
  ): ControlMessage {
    const cm = this.compose(layout, flags, now);
    cm.sessionId = sessionId;
    cm.pathId = pathId;
    this.addFeedback(cm, peer, now, again);
    return cm;
  }

  /**
   * Section 3.1: all local addresses; in `compact` two at a time, rotating so that all appear (docs/decisions.md 11).
   * @param turns whose turns they are: each peer is to see all of them.
   */
  addressList(layout: LayoutName, turns: { rotation: number } = this): readonly Ipv4[] {
    const addresses = this.addresses();
    const most = MOST_ADDRESSES[layout];
    if (addresses.length <= most) return addresses;
    const start = turns.rotation % addresses.length;
    turns.rotation = (start + most) % addresses.length;
    return Array.from({ length: most }, (_, i) => addresses[(start + i) % addresses.length]!);
  }

  /** Octets that this node's CM adds to a packet. */
  trailerLength(layout: LayoutName): number {
    const addresses = this.addresses();
    if (addresses !== this.#measured) {
      this.#measured = addresses;
      for (const name of ['compact', 'full'] as const) {
        this.#trailers[name] = trailerSize(LAYOUTS[name], Math.min(addresses.length, MOST_ADDRESSES[name]));
      }
    }
    return this.#trailers[layout];
  }

  /**
   * What depends on the peer. Section 3.4: feedback of the path that was fed back longest ago, when there is a new sample;
   * of more addresses than a CM holds, those whose turn it is.
   */
  addFeedback(cm: ControlMessage, peer: Peer, now: number, again: Feedback | undefined = undefined): void {
    if (this.addresses().length > MOST_ADDRESSES[cm.layout]) cm.localAddresses = this.addressList(cm.layout, peer);
    const row = again ?? peer.feedback.next(now);
    cm.feedbackPathId = row?.pathId ?? 0;
    cm.pathDelay = row?.delay ?? 0;
  }
}
