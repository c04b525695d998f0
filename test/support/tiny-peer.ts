import {
  buildUdp,
  type ControlMessage,
  emptyControlMessage,
  encode,
  Flags,
  type Ipv4,
  type LayoutName,
  TrailerView,
} from '../../src/codec/index.js';
import type { VirtualHost } from '../../src/sim/network.js';

/** A service of the tiny peer. */
export type TinyService = 'echo' | 'discard' | 'plain-echo' | 'silent';

/** Settings of a tiny peer; each flag is one way to be wrong. */
export interface TinyPeerOptions {
  readonly addresses: readonly Ipv4[];
  readonly services: Readonly<Record<number, TinyService>>;
  readonly layout?: LayoutName;
  /** Answers no query. */
  readonly ignoresQueries?: boolean;
  /** Answers with its own session id instead of the one received. */
  readonly ownSession?: boolean;
  /** Sends this many copies of each answer. */
  readonly flood?: number;
  /** Answers with random-looking octets. */
  readonly garbage?: boolean;
  /** Changes what is to be sent, or drops it (undefined). */
  readonly change?: (payload: Uint8Array, cm: ControlMessage | undefined) => Uint8Array | undefined;
}

/** As much of MPIP as the engine's own tests need: confirms queries, strips, adopts sessions, echoes. Without clocks. */
export class TinyPeer implements VirtualHost {
  readonly addresses: readonly Ipv4[];
  readonly #view = new TrailerView();
  readonly #out: Uint8Array[] = [];
  readonly #known = new Set<string>();

  constructor(readonly options: TinyPeerOptions) {
    this.addresses = options.addresses;
  }

  receive(packet: Uint8Array, now: number): void {
    const view = this.#view;
    view.locate(packet);
    const service = this.options.services[view.destinationPort];
    if (service === undefined || service === 'silent') return;
    const peer = `${view.source}:${view.sourcePort}`;
    if (service === 'plain-echo' || !view.hasCm) {
      if (service === 'discard') return;
      this.#reply(packet, packet.slice(view.payloadOffset, view.end));
      if (service === 'echo' && !this.#known.has(peer))
        this.#reply(packet, new Uint8Array(0), { flags: Flags.enable }, now);
      return;
    }
    const { flags, sessionId } = view.cm;
    const payload = packet.slice(view.payloadOffset, view.cm.trailerStart);
    this.#known.add(peer);
    if (flags === Flags.enable) {
      if (this.options.ignoresQueries !== true) this.#reply(packet, payload, { flags: Flags.enabled }, now);
    } else if (flags <= Flags.ipChange && service === 'echo') {
      this.#reply(packet, payload, { sessionId: this.options.ownSession ? 255 - sessionId : sessionId }, now);
    }
  }

  poll(): number {
    return Number.POSITIVE_INFINITY;
  }

  drain(send: (packet: Uint8Array) => void): void {
    for (const packet of this.#out.splice(0)) send(packet);
  }

  #reply(to: Uint8Array, payload: Uint8Array, fields?: Partial<ControlMessage>, now = 0): void {
    const view = new TrailerView();
    view.parse(to);
    const layout = this.options.layout ?? 'compact';
    const cm: ControlMessage | undefined = fields && {
      ...emptyControlMessage(layout),
      nodeId: layout === 'compact' ? 0x9df8 : 0x02005e009df8,
      timestamp: now >>> 0,
      localAddresses: [this.addresses[0]!],
      ...fields,
    };
    let wire: Uint8Array | undefined = payload;
    if (cm !== undefined) wire = Uint8Array.from([...payload, ...encode(cm)]);
    if (this.options.garbage === true) wire = Uint8Array.from(wire, (octet, i) => octet ^ (i * 37 + 11));
    if (this.options.change !== undefined) wire = this.options.change(wire, cm);
    if (wire === undefined) return;
    const tuple = {
      source: view.destination,
      sourcePort: view.destinationPort,
      destination: view.source,
      destinationPort: view.sourcePort,
    };
    for (let i = 0; i < (this.options.flood ?? 1); i++) this.#out.push(buildUdp(tuple, wire));
  }
}
