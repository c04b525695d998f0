import { FLAG_NAMES, Flags, formatIpv4, type TrailerView } from '../../codec/index.js';
import type { SequencePacket } from '../../html/sequence.js';
import type { Tracker } from '../tracker/tracker.js';

/** Pairs of nodes that are drawn; packets of each: the first ones, and those that begin something. */
const MAX_PAIRS = 16;
const FIRST = 10;
const MOST = 48;

/** The packets of two nodes that tell how they met, and what changed. */
export interface Exchange {
  /** Indices of the nodes in the tracker; the first is on the left. */
  readonly nodes: readonly [number, number];
  readonly packets: SequencePacket[];
}

/** Collects packets for sequence diagrams. */
export class Exchanges {
  readonly list: Exchange[] = [];
  readonly #changing = new Set<number>();

  /** Takes what the tracker has just seen. @param frame its number */
  note(tracker: Tracker, trailer: TrailerView, frame: number): void {
    const { seen } = tracker;
    if (!seen.hasCm || seen.isEcho || seen.node === 0 || seen.peer === 0) return;
    const exchange = this.#of(seen.node, seen.peer);
    if (exchange === undefined || exchange.packets.length >= MOST) return;
    const { flags } = trailer.cm;
    const isControl = flags >= Flags.enable;
    const begins = flags === Flags.ipChange && !this.#changing.has(seen.node);
    if (flags === Flags.ipChange) this.#changing.add(seen.node);
    else this.#changing.delete(seen.node);
    if (exchange.packets.length >= FIRST && !isControl && !begins && !seen.isNewPath) return;
    const isSent = seen.node === exchange.nodes[0];
    const source = `${formatIpv4(trailer.source)}:${trailer.sourcePort}`;
    const destination = `${formatIpv4(trailer.destination)}:${trailer.destinationPort}`;
    exchange.packets.push({
      frame,
      timeMs: seen.time / 1000,
      direction: isSent ? 'sent' : 'received',
      tester: isSent ? source : destination,
      peer: isSent ? destination : source,
      octets: seen.dataLength,
      cm: {
        flags: FLAG_NAMES[flags] ?? `flags ${flags}`,
        sessionId: trailer.cm.sessionId,
        pathId: trailer.cm.pathId,
        feedbackPathId: trailer.cm.feedbackPathId,
      },
      decides: begins,
    });
  }

  #of(node: number, peer: number): Exchange | undefined {
    const known = this.list.find(({ nodes }) => nodes.includes(node) && nodes.includes(peer));
    if (known !== undefined || this.list.length >= MAX_PAIRS) return known;
    const exchange: Exchange = { nodes: [node, peer], packets: [] };
    this.list.push(exchange);
    return exchange;
  }
}
