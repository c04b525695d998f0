import { FLAG_NAMES, type Ipv4, type NodeId } from '../../codec/index.js';
import { nodeKey } from '../tcp-sessions.js';
import { SenderClock } from './clock.js';

/** Addresses remembered of a node, of each kind. */
const MAX_ADDRESSES = 64;
/** Nodes that are remembered. */
const MAX_NODES = 1 << 17;
/** Addresses whose nodes are remembered. */
const MAX_ADDRESSES_IN_USE = 1 << 18;

/** When an address was seen or announced; microseconds since the first packet. */
export interface AddressSpan {
  readonly address: Ipv4;
  first: number;
  last: number;
}

/** A node, as its own CMs show it. */
export class TrackedNode {
  packets = 0;
  /** Packets by flags value. */
  readonly flags = new Float64Array(FLAG_NAMES.length);
  first = 0;
  last = 0;
  /** Addresses it sent from. */
  readonly seen: AddressSpan[] = [];
  /** Addresses in its lists. */
  readonly announced: AddressSpan[] = [];
  /** The newest list, empty slots left out. */
  list: Ipv4[] = [];
  /** The list before it. */
  previous: Ipv4[] = [];
  /** Its packets with flags ip-change, as runs of them: a run ends with a CM without the flag. */
  changes = 0;
  isChanging = false;
  readonly clock = new SenderClock();
  /** Its latest list, as the layout's octets say it: what tells a changed one at once. */
  #slot0 = -1;
  #slot1 = -1;

  constructor(
    readonly index: number,
    readonly nodeId: NodeId,
    readonly isFull: boolean,
  ) {}

  /** True when the first two slots are those of the CM before. */
  hasSameSlots(slot0: Ipv4, slot1: Ipv4): boolean {
    if (slot0 === this.#slot0 && slot1 === this.#slot1) return true;
    this.#slot0 = slot0;
    this.#slot1 = slot1;
    return false;
  }

  noteSource(address: Ipv4, time: number): void {
    span(this.seen, address, time);
  }

  /** Takes a list. @returns true when one of its addresses is new */
  noteList(list: readonly Ipv4[], time: number): boolean {
    let isNew = false;
    this.previous = this.list;
    this.list = [...list];
    for (const address of list) {
      if (span(this.announced, address, time)) isNew = true;
    }
    return isNew;
  }
}

function span(spans: AddressSpan[], address: Ipv4, time: number): boolean {
  const known = spans.find((one) => one.address === address);
  if (known !== undefined) {
    known.last = time;
    return false;
  }
  if (spans.length < MAX_ADDRESSES) spans.push({ address, first: time, last: time });
  return true;
}

/** What is known of an address. */
interface AddressUse {
  /** The node that uses it; 0 when several do. */
  node: number;
  /** The node that sent from it where another did, or none, before; 0 = not known. */
  newest: number;
}

/** The nodes of a capture by their ids; index 0 stands for a node that is not known. */
export class Nodes {
  readonly list: TrackedNode[] = [new TrackedNode(0, 0, false)];
  readonly #compact = new Int32Array(65536);
  readonly #full = new Map<number, number>();
  readonly #byAddress = new Map<Ipv4, AddressUse>();

  get(index: number): TrackedNode {
    return this.list[index]!;
  }

  /** The node with an id, made when it is new; undefined when there is no room for it. */
  at(nodeId: NodeId, isFull: boolean, time: number): TrackedNode | undefined {
    const known = isFull ? this.#full.get(nodeKey(nodeId, true)) : this.#compact[nodeId];
    if (known !== undefined && known !== 0) return this.list[known];
    if (this.list.length >= MAX_NODES) return undefined;
    const node = new TrackedNode(this.list.length, nodeId, isFull);
    node.first = time;
    this.list.push(node);
    if (isFull) this.#full.set(nodeKey(nodeId, true), node.index);
    else this.#compact[nodeId] = node.index;
    return node;
  }

  /** The node that was last to begin a flow from an address; 0 = not known. One that began anew there has another id. */
  newestAt(address: Ipv4): number {
    return this.#byAddress.get(address)?.newest ?? 0;
  }

  /** Says that a node begins a flow from an address. */
  noteFlow(address: Ipv4, node: number): void {
    const use = this.claim(address, node);
    if (use !== undefined) use.newest = node;
  }

  /** The node that uses an address, as far as it is one; 0 = not known. */
  atAddress(address: Ipv4): number {
    return this.#byAddress.get(address)?.node ?? 0;
  }

  /** Says that a node uses an address: it sends from it, or announces it. @returns the row; undefined when there is no room. */
  claim(address: Ipv4, node: number): AddressUse | undefined {
    let use = this.#byAddress.get(address);
    if (use === undefined) {
      if (this.#byAddress.size >= MAX_ADDRESSES_IN_USE) return undefined;
      use = { node, newest: 0 };
      this.#byAddress.set(address, use);
    } else if (use.node !== node) use.node = 0;
    return use;
  }
}
