import assert from 'node:assert/strict';
import { addressKey, Flags, type Ipv4, isControlFlag, type NodeId, type Tuple } from '../../src/codec/index.js';
import type { Seen } from './peer-driver.js';

/** A row of Table 5 as the model keeps it. */
interface Sample {
  delay: number;
  sessionId: number;
  isFresh: boolean;
  feedbackTime: number;
  /** True once the row may have been forgotten by an address change: its turn is not foretold then. */
  isVague: boolean;
}

/** Most queries to one address and port (section 3.2). */
const MOST_QUERIES = 5;

/**
 * What one node of the paper must show on its wires, from Tables 2, 3 and 5 alone: written from the paper and
 * docs/decisions.md, not from the endpoint. Watches everything that the node receives and sends; throws where the node
 * does something else.
 */
export class NodeModel {
  /** Table 2: addresses and ports that sent a CM. */
  readonly enabled = new Set<number>();
  /** Table 2: queries sent to each address and port. */
  readonly queries = new Map<number, number>();
  /** Table 3: the tuple and the host's connection of each path id. */
  readonly paths = new Map<number, { readonly tuple: string; connection: string | undefined }>();
  /** Table 5. */
  readonly samples = new Map<number, Sample>();
  /**
   * Addresses that are known to be of one node, because a list of the other node named them together. While there are
   * several sets the node may take the other one for as many nodes (docs/decisions.md 26), each with its own Table 5.
   */
  #kin: Set<Ipv4>[] = [];
  #knowsPeer = false;
  #time = Number.NEGATIVE_INFINITY;
  #ahead = 0;

  /** `nodeId` is the node's own; `peerId` that of the only other node. */
  constructor(
    private readonly nodeId: NodeId,
    private readonly peerId: NodeId,
    private readonly addresses: () => readonly Ipv4[],
  ) {}

  /** The node's clock is looked at: it never goes back. */
  clock(now: number): void {
    if (now + this.#ahead < this.#time) this.#ahead = this.#time - now;
    this.#time = now + this.#ahead;
  }

  /** How many nodes the other one may look like. */
  get faces(): number {
    return this.#kin.length;
  }

  /** A packet arrives; true when it is for the host. */
  receives({ cm, tuple }: Seen): boolean {
    if (cm === undefined) return true;
    assert.equal(cm.nodeId, this.peerId, 'packets of the other node only');
    const isQuery = cm.flags === Flags.enable || cm.flags === Flags.enabled;
    const counts = isQuery ? cm.sessionId === 0 && cm.pathId === 0 : cm.sessionId !== 0 && cm.flags !== Flags.handshake;
    if (!this.#knowsPeer && !counts) return true;
    this.#knowsPeer = true;
    this.enabled.add(addressKey(tuple.source, tuple.sourcePort));
    this.#relate([tuple.source, ...cm.localAddresses.filter((address) => address !== 0)]);
    if (this.faces > 1) for (const sample of this.samples.values()) sample.isVague = true;
    if (cm.flags === Flags.ipChange) {
      for (const sample of this.samples.values()) if (sample.sessionId === cm.sessionId) sample.isVague = true;
    }
    if (cm.pathId !== 0) {
      const delay = ((this.#time % 2 ** 32) - cm.timestamp) | 0;
      const known = this.samples.get(cm.pathId);
      this.samples.set(cm.pathId, {
        feedbackTime: Number.NEGATIVE_INFINITY,
        isVague: this.faces > 1,
        ...known,
        delay,
        sessionId: cm.sessionId,
        isFresh: true,
      });
    }
    return !isControlFlag(cm.flags);
  }

  /** The host gives the node a packet, and these leave: `sent`, of which `data` carries the packet. */
  hostSends(packet: Seen, sent: readonly Seen[], connection: string): void {
    const key = addressKey(packet.tuple.destination, packet.tuple.destinationPort);
    // Paths on trial get copies of a segment's header alone (docs/decisions.md 57).
    const carriers = sent.filter(
      ({ cm, payload }) => cm === undefined || (!isControlFlag(cm.flags) && payload.endsWith(packet.payload)),
    );
    assert.equal(carriers.length, 1, 'the packet leaves once');
    const [carrier] = carriers as [Seen];
    if (!this.enabled.has(key)) {
      assert.deepEqual(carrier.bytes, packet.bytes, 'the original, unmodified');
      const before = this.queries.get(key) ?? 0;
      assert.equal(sent.length - 1, before < MOST_QUERIES ? 1 : 0, 'a query copy while the limit is not reached');
      if (sent.length > 1) {
        assert.equal(sent[1]!.cm?.flags, Flags.enable);
        assert.deepEqual(sent[1]!.tuple, packet.tuple);
      }
    } else if (carrier.cm !== undefined && carrier.cm.pathId !== 0) {
      const path = this.#path(carrier);
      path.connection ??= connection;
      assert.equal(path.connection, connection, `path ${carrier.cm.pathId} belongs to one connection`);
    } else if (carrier.cm !== undefined) assert.deepEqual(carrier.tuple, packet.tuple, 'path id 0: the own tuple');
    for (const one of sent) this.sends(one);
  }

  /** A packet leaves. */
  sends(packet: Seen): void {
    const { cm, tuple } = packet;
    if (cm === undefined) return;
    assert.equal(cm.nodeId, this.nodeId);
    if (cm.pathId !== 0) assert.ok(this.addresses().includes(tuple.source), 'paths start at an address of the node');
    if (cm.pathId !== 0) this.#path(packet);
    if (cm.flags === Flags.enable) this.#countQuery(tuple);
    if (cm.flags === Flags.enable || cm.flags === Flags.enabled) {
      assert.deepEqual([cm.sessionId, cm.pathId], [0, 0]);
    } else assert.ok(cm.sessionId >= 1 && cm.sessionId <= 255, 'a session id');
    this.#feedback(packet);
  }

  #relate(addresses: readonly Ipv4[]): void {
    const [meeting, others] = [new Set(addresses), [] as Set<Ipv4>[]];
    for (const set of this.#kin) {
      if (addresses.some((address) => set.has(address))) for (const address of set) meeting.add(address);
      else others.push(set);
    }
    this.#kin = [meeting, ...others];
  }

  #countQuery({ destination, destinationPort }: Tuple): void {
    const key = addressKey(destination, destinationPort);
    const count = (this.queries.get(key) ?? 0) + 1;
    assert.ok(count <= MOST_QUERIES, 'no more queries than the limit');
    this.queries.set(key, count);
  }

  /** Table 3: an id names one tuple, a tuple and connection one id at a time. */
  #path({ cm, tuple }: Seen): { readonly tuple: string; connection: string | undefined } {
    const text = `${tuple.source}:${tuple.sourcePort}-${tuple.destination}:${tuple.destinationPort}`;
    let path = this.paths.get(cm!.pathId);
    if (path === undefined) {
      path = { tuple: text, connection: undefined };
      this.paths.set(cm!.pathId, path);
    }
    assert.equal(text, path.tuple, `path ${cm!.pathId} is one tuple`);
    return path;
  }

  /** Section 3.4: only fresh samples, each as it was taken, the one fed back longest ago first. */
  #feedback({ cm }: Seen): void {
    const { flags, feedbackPathId, pathDelay } = cm!;
    if (flags === Flags.enable || flags === Flags.enabled || flags === Flags.handshake) {
      assert.equal(feedbackPathId, 0, 'no feedback in control packets');
      return;
    }
    const waiting = [...this.samples.values()].filter((sample) => sample.isFresh && !sample.isVague);
    if (feedbackPathId === 0) {
      assert.equal(pathDelay, 0);
      assert.equal(waiting.length, 0, 'a fresh sample is fed back');
      return;
    }
    const sample = this.samples.get(feedbackPathId);
    assert.ok(sample !== undefined && (sample.isFresh || sample.isVague), `sample of path ${feedbackPathId} is fresh`);
    assert.equal(pathDelay, sample.delay);
    if (!sample.isVague)
      for (const other of waiting) assert.ok(sample.feedbackTime <= other.feedbackTime, 'the oldest feedback first');
    sample.isFresh = false;
    sample.feedbackTime = this.#time;
  }
}
