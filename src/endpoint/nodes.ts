import { addressKey, addressOfKey, type Constants, type Ipv4, type LayoutName, type NodeId } from '../codec/index.js';
import { AddressMap } from './address-map.js';
import { AddressSet } from './address-set.js';
import { Evictor } from './evictor.js';
import { FeedbackTable } from './feedback.js';
import { IdMap } from './id-map.js';
import { IdPool } from './id-pool.js';
import { DEFAULT_LIMITS, type Limits } from './limits.js';
import type { Path } from './paths.js';
import { RateLimit } from './rate-limit.js';
import type { FormerSession, Session } from './sessions.js';

/** Peers that are remembered as the same node before it started again. */
const MOST_KIN = 4;
/** Ports of this node that are remembered for each peer that asked there. */
const MOST_ASKED_PORTS = 256;

/**
 * A remote node: its id, the addresses proven for it (Table 4) and what is kept per node. What every packet needs stands
 * first, so that it is together in memory.
 */
export class Peer {
  readonly nodeId: NodeId;
  readonly layout: LayoutName;
  /** Rows of Table 7 with it, by session id. */
  readonly sessions: IdMap<Session>;
  /** Rows of Table 3 towards it, by path id. */
  readonly paths: IdMap<Path>;
  /** Table 5. */
  readonly feedback: FeedbackTable;
  /** Union of the address lists it announced. */
  readonly announced = new AddressSet();
  /** Addresses without port that did the availability or the fake handshake themselves. */
  readonly handshaken = new AddressSet();
  /** Counts changes of what paths can be made of: a remote address joined, or a local one changed. */
  version = 0;
  /** Where in this node's addresses the next list for it begins. */
  rotation = 0;
  /** How often it asked for MPIP while it had sessions here, and when it did last, microseconds. */
  namesAsked = 0;
  namesAskedAt = Number.NEGATIVE_INFINITY;
  /** When a path packet came of a session that is not known here, or an id was of two connections, microseconds. */
  confusedAt = Number.NEGATIVE_INFINITY;
  /** When a session of this node took another id because the peer used its own for another connection, microseconds. */
  cededAt = Number.NEGATIVE_INFINITY;
  /** Ports of this node at which it asked for MPIP, oldest first; undefined while it did not. */
  #askedPorts: Set<number> | undefined;
  /** Proven addresses and ports, as `addressKey`. */
  readonly proven = new Set<number>();
  /** Proven addresses without port. */
  readonly provenAddresses = new AddressSet();
  /** Those of `handshaken` that answered: a confirmation of a query of this node, or a whole fake handshake. */
  readonly answered = new AddressSet();
  /** Rows of Table 7 that were begun from addresses that did not do the handshake. */
  unprovenSessions = 0;
  /** Peers of other ids that announced an address of its: one node before and after it started again, perhaps; the newest last. */
  kin: readonly Peer[] = [];
  /** Ids that were rows of Table 7, oldest first. */
  readonly formerSessions = new Map<number, FormerSession>();
  readonly sessionIds: IdPool;
  readonly pathIds: IdPool;
  /** Queries and fake SYNs to addresses that did not answer yet. */
  readonly probes: RateLimit;

  constructor(nodeId: NodeId, layout: LayoutName, constants: Constants, limits: Limits = DEFAULT_LIMITS) {
    const places: unknown[] = [];
    this.nodeId = nodeId;
    this.layout = layout;
    this.sessions = new IdMap(places, 0);
    this.paths = new IdMap(places, 1);
    this.feedback = new FeedbackTable(limits.feedbackPerPeer, (id) => this.sessions.has(id), new IdMap(places, 2));
    const max = layout === 'full' ? 0xffff : 0xff;
    this.sessionIds = new IdPool(max, constants['id-reuse']);
    this.pathIds = new IdPool(max, constants['id-reuse']);
    this.probes = new RateLimit(limits.probesPerPeer, 4 * limits.probesPerPeer);
  }

  /** Notes that it asked for MPIP at a port of this node. */
  asked(port: number): void {
    this.#askedPorts ??= new Set();
    this.#askedPorts.delete(port);
    if (this.#askedPorts.size >= MOST_ASKED_PORTS) this.#askedPorts.delete(this.#askedPorts.values().next().value!);
    this.#askedPorts.add(port);
  }

  /** True when it asked for MPIP at a port of this node, so that it may take it for one more way here. */
  hasAsked(port: number): boolean {
    return this.#askedPorts?.has(port) === true;
  }
}

/**
 * Table 4: node id to addresses and ports. Ids of 16 bits collide, so that one id may stand for several peers: a new
 * address belongs to a known peer of that id when its IP address is proven for it or when the announced address lists
 * meet; otherwise it is another node with the same id.
 */
export class NodeTable {
  readonly #byId = new Map<number, Peer[]>();
  readonly #byAddress = new AddressMap<Peer>();
  /** The peer that was the last to announce an address for the first time. */
  readonly #announcers = new Map<Ipv4, Peer>();
  readonly #evictor: Evictor<number, Peer>;

  constructor(
    private readonly constants: Constants,
    private readonly limit: number,
    private readonly limits: Limits,
    isInUse: (key: number) => boolean,
  ) {
    this.#evictor = new Evictor(this.#byAddress, (_peer, key) => isInUse(key));
  }

  /** Number of proven addresses: rows of Table 4. */
  get size(): number {
    return this.#byAddress.size;
  }

  /** True when any row has this node id. */
  isKnown(nodeId: NodeId, layout: LayoutName): boolean {
    return this.#byId.has(idKey(nodeId, layout));
  }

  /** Every peer that uses this node id. */
  withId(nodeId: NodeId, layout: LayoutName): readonly Peer[] {
    return this.#byId.get(idKey(nodeId, layout)) ?? [];
  }

  /** The peer proven at an address and port. */
  at(address: Ipv4, port: number): Peer | undefined {
    return this.#byAddress.at(address, port);
  }

  rows(): IterableIterator<[number, Peer]> {
    return this.#byAddress.entries();
  }

  /** Finds the peer that a CM from `address` belongs to, without changing anything. */
  find(nodeId: NodeId, layout: LayoutName, address: Ipv4, port: number, announced: readonly Ipv4[]): Peer | undefined {
    const there = this.at(address, port);
    if (there !== undefined && there.nodeId === nodeId && there.layout === layout) return there;
    return this.withId(nodeId, layout).find((peer) => isSeenAt(peer, address, announced));
  }

  /**
   * Notes that node `nodeId` sends from `address` and announced `list`; makes the peer when it is new. A row of another
   * node at that address and port gives way: the address changed hands.
   */
  learn(nodeId: NodeId, layout: LayoutName, address: Ipv4, port: number, list: readonly Ipv4[]): Peer {
    let peer = this.find(nodeId, layout, address, port, list);
    if (peer === undefined) {
      peer = new Peer(nodeId, layout, this.constants, this.limits);
      const key = idKey(nodeId, layout);
      const before = this.#byId.get(key) ?? [];
      if (before.length >= this.limits.peersPerNodeId) this.#forgetPeer(leastNeeded(before));
      this.#byId.set(key, [...(this.#byId.get(key) ?? []), peer]);
    }
    this.prove(peer, address, port);
    for (const one of list) {
      if (one === 0 || peer.announced.has(one)) continue;
      peer.announced.add(one);
      this.#relate(peer, one);
      if (peer.announced.size > this.limits.announcedPerPeer) forgetOneAnnounced(peer, list);
      peer.version++;
    }
    return peer;
  }

  /** The other peers of the same id that a CM from `address` shows to be this one: as in `find` (docs/decisions.md 26). */
  twins(peer: Peer, address: Ipv4, list: readonly Ipv4[]): Peer[] {
    const { nodeId, layout } = peer;
    return this.withId(nodeId, layout).filter((other) => other !== peer && isSeenAt(other, address, list));
  }

  /** Gives all rows of one peer to another: the two are one node. */
  unite(into: Peer, from: Peer): void {
    for (const key of from.proven) {
      this.#byAddress.set(key, into);
      into.proven.add(key);
    }
    for (const set of ['provenAddresses', 'handshaken', 'answered', 'announced'] as const)
      for (const address of from[set]) into[set].add(address);
    while (into.announced.size > this.limits.announcedPerPeer) forgetOneAnnounced(into, []);
    into.version++;
    from.proven.clear();
    this.#dropId(from);
  }

  /** Adds a row: `address` and `port` belong to `peer`. */
  prove(peer: Peer, address: Ipv4, port: number): void {
    const before = this.#byAddress.at(address, port);
    if (before === peer) return;
    const key = addressKey(address, port);
    if (before !== undefined) this.#forget(key, before);
    if (this.#byAddress.size >= this.limit) {
      const oldest = this.#evictor.next(this.#byAddress.size < this.limit + this.limits.sessions);
      if (oldest !== undefined) this.#forget(oldest, this.#byAddress.get(oldest)!);
    }
    this.#byAddress.set(key, peer);
    peer.proven.add(key);
    peer.provenAddresses.add(address);
  }

  /** Removes the row of an address and port whose last path is gone (section 3.3). */
  unprove(address: Ipv4, port: number): void {
    const key = addressKey(address, port);
    const peer = this.#byAddress.get(key);
    if (peer !== undefined && peer.proven.size > 1) this.#forget(key, peer);
  }

  /** Forgets everything. */
  clear(): void {
    for (const [, peer] of [...this.#byAddress.entries()]) this.#forgetPeer(peer);
  }

  /**
   * A node that starts again with another id is another peer here, but for that node this one is the same as before: it
   * must not give one session id to a connection of each (docs/decisions.md 68).
   */
  #relate(peer: Peer, address: Ipv4): void {
    const before = this.#announcers.get(address);
    if (before === peer) return;
    if (before !== undefined && before.nodeId !== peer.nodeId) {
      for (const one of [...before.kin, before]) {
        if (one === peer || one.proven.size === 0 || peer.kin.includes(one)) continue;
        peer.kin = [...peer.kin, one].slice(-MOST_KIN);
        one.kin = [...one.kin, peer].slice(-MOST_KIN);
      }
    }
    this.#announcers.delete(address);
    if (this.#announcers.size >= this.limit) this.#announcers.delete(this.#announcers.keys().next().value!);
    this.#announcers.set(address, peer);
  }

  #forgetPeer(peer: Peer): void {
    for (const key of [...peer.proven]) this.#forget(key, peer);
  }

  #forgetAddress(peer: Peer, address: Ipv4): void {
    peer.provenAddresses.delete(address);
    peer.handshaken.delete(address);
    peer.answered.delete(address);
  }

  #forget(key: number, peer: Peer): void {
    this.#byAddress.delete(key);
    peer.proven.delete(key);
    const address = addressOfKey(key);
    if (![...peer.proven].some((other) => addressOfKey(other) === address)) this.#forgetAddress(peer, address);
    if (peer.proven.size === 0) this.#dropId(peer);
  }

  #dropId(peer: Peer): void {
    peer.kin = [];
    for (const address of peer.announced) if (this.#announcers.get(address) === peer) this.#announcers.delete(address);
    const name = idKey(peer.nodeId, peer.layout);
    const rest = (this.#byId.get(name) ?? []).filter((other) => other !== peer);
    if (rest.length === 0) this.#byId.delete(name);
    else this.#byId.set(name, rest);
  }
}

/** True when an address is proven for a peer, or a list that is announced there meets what the peer announced. */
function isSeenAt(peer: Peer, address: Ipv4, list: readonly Ipv4[]): boolean {
  return peer.provenAddresses.has(address) || list.some((one) => one !== 0 && peer.announced.has(one));
}

/** The peer to forget of those with one node id: the oldest without a session, else the newest. */
function leastNeeded(peers: readonly Peer[]): Peer {
  return peers.find((peer) => peer.sessions.size === 0) ?? peers[peers.length - 1]!;
}

/** Drops the oldest announced address that is not in the newest list. */
function forgetOneAnnounced(peer: Peer, list: readonly Ipv4[]): void {
  for (const one of peer.announced) {
    if (list.includes(one)) continue;
    peer.announced.delete(one);
    return;
  }
}

/** One number for id and layout; ids of `full` have 48 bits. */
function idKey(nodeId: NodeId, layout: LayoutName): number {
  return layout === 'full' ? nodeId + 2 ** 48 : nodeId;
}
