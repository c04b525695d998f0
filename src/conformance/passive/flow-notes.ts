import type { Sight } from './predicate.js';

interface Row<Note> {
  readonly node: number;
  /** 0 until it was heard. */
  peer: number;
  readonly note: Note;
}

/**
 * What a predicate remembers of flows, for as long as the same two nodes speak there: one that begins anew at an address is
 * another one, of which nothing of before is true.
 */
export class FlowNotes<Note> {
  readonly #rows = new Map<number, Row<Note>>();

  /** @param most flows that are remembered; of more nothing is. */
  constructor(private readonly most: number) {}

  /** What is remembered of a packet's flow; undefined when nothing is, or of other nodes. */
  get({ seen, trailer, tracker }: Sight): Note | undefined {
    const row = this.#rows.get(seen.flow);
    if (row === undefined || row.node !== seen.node) return undefined;
    const peer = tracker.nodes.newestAt(trailer.destination);
    if (row.peer === 0) row.peer = peer;
    return row.peer === peer ? row.note : undefined;
  }

  /** What is remembered of a flow by its number, of whatever nodes. */
  at(flow: number): Note | undefined {
    return this.#rows.get(flow)?.note;
  }

  /** Remembers something of a packet's flow in place of what was. */
  set({ seen, trailer, tracker }: Sight, note: Note): void {
    if (!this.#rows.has(seen.flow) && this.#rows.size >= this.most) return;
    this.#rows.set(seen.flow, { node: seen.node, peer: tracker.nodes.newestAt(trailer.destination), note });
  }
}
