import {
  type ControlMessage,
  encode,
  type Ipv4,
  type LayoutName,
  type NodeId,
  type Profile,
  Random,
} from '../codec/index.js';
import type { ServiceName } from './case.js';
import type { CaseLog } from './case-log.js';
import type { Destination, LinkPort, Micros } from './link.js';
import type { Observed, Predicate } from './observed.js';
import { StopCase } from './verdict.js';

/** What nodes and ports need of the tester they belong to. */
export interface PortContext {
  readonly log: CaseLog;
  readonly profile: Profile;
  readonly patience: Micros;
  destination(service: ServiceName): Destination;
}

/** How a packet is sent. */
export interface SendOptions {
  /**
   * True when a correct peer may treat the packet as ordinary and hand the trailer to its application; a plain echo is
   * then no sign of a peer without MPIP.
   */
  readonly mayBeOrdinary?: boolean;
}

/** A node that the tester plays: an own node id and an own clock that runs from a random start. */
export class TestNode {
  readonly #context: PortContext;
  readonly #clockOffset: number;

  constructor(
    context: PortContext,
    /** Own to this node in this run; never two equal octets at its end, which some kernels ignore. */
    readonly id: NodeId,
    seed: number,
  ) {
    this.#context = context;
    this.#clockOffset = new Random(seed).below(0x1_0000_0000);
  }

  /** The layout of its CMs: the profile's. */
  get layout(): LayoutName {
    return this.#context.profile.layout;
  }

  /** Its clock in ticks of the profile, 0..2^32-1, at a time of the case's clock (default: now). */
  clock(at: Micros = this.#context.log.link.now()): number {
    const ticks = Math.floor(at / this.#context.profile.tickMicros) + this.#clockOffset;
    return ((ticks % 0x1_0000_0000) + 0x1_0000_0000) % 0x1_0000_0000;
  }

  /**
   * Opens a UDP port that no other case has had, on the tester's address number `source` (0 = first; ask for more only
   * when the case says `sources`).
   */
  async port(source = 0): Promise<TestPort> {
    return await TestPort.open(this, this.#context, source);
  }
}

/** A local UDP address and port of a node. */
export class TestPort {
  /** Packets sent and received, in order. */
  readonly history: Observed[] = [];
  readonly #context: PortContext;
  #link!: LinkPort;
  /** Received and not yet taken by `receive` or `collect`. */
  #backlog: Observed[] = [];
  #handler: ((packet: Observed) => void) | undefined;

  private constructor(
    readonly node: TestNode,
    context: PortContext,
  ) {
    this.#context = context;
  }

  /** Use `TestNode.port`. */
  static async open(node: TestNode, context: PortContext, source: number): Promise<TestPort> {
    const port = new TestPort(node, context);
    port.#link = await context.log.link.open(source, (packet) => port.#arrived(packet));
    return port;
  }

  get address(): Ipv4 {
    return this.#link.address;
  }

  get port(): number {
    return this.#link.port;
  }

  /**
   * Sends a datagram. Without `cm` (or with null) it is an ordinary one; with `cm` a trailer is attached whose fields
   * are, unless given: the profile's layout, the node's id and clock, this port's address as the only local one, flags
   * normal, everything else 0.
   * @throws CodecError `range` when a field does not fit the layout.
   */
  send(
    to: ServiceName | Destination,
    payload: Uint8Array,
    cm?: Partial<ControlMessage> | null,
    options: SendOptions = {},
  ): Observed {
    if (cm === undefined || cm === null) return this.sendBytes(to, payload, { mayBeOrdinary: true });
    const trailer = encode(this.controlMessage(cm));
    const wire = new Uint8Array(payload.length + trailer.length);
    wire.set(payload);
    wire.set(trailer, payload.length);
    return this.sendBytes(to, wire, options);
  }

  /** The control message that `send` would attach. */
  controlMessage(cm: Partial<ControlMessage> = {}): ControlMessage {
    return {
      layout: this.node.layout,
      nodeId: this.node.id,
      sessionId: 0,
      pathId: 0,
      feedbackPathId: 0,
      timestamp: this.node.clock(),
      pathDelay: 0,
      localAddresses: [this.address],
      flags: 0,
      ...cm,
    };
  }

  /** Sends octets as they are, for hand-made trailers. */
  sendBytes(to: ServiceName | Destination, octets: Uint8Array, options: SendOptions = {}): Observed {
    const { log } = this.#context;
    const destination = typeof to === 'string' ? this.#context.destination(to) : to;
    // The time before the packet can have left: what the peer does with it comes later, however busy this machine is.
    const time = log.link.now();
    const sent = log.add('sent', this.#link.send(destination, octets), time)!;
    if (options.mayBeOrdinary !== true) log.ownTrailer(sent);
    this.history.push(sent);
    return sent;
  }

  /**
   * Takes the first received packet that satisfies `predicate` and was not taken yet: one that is there already, or one
   * that arrives within `within` microseconds (default: the tester's patience). Others stay for later.
   */
  async receive(predicate: Predicate, { within }: { within?: Micros } = {}): Promise<Observed | undefined> {
    const { log, patience } = this.#context;
    let looked = 0;
    let found: Observed | undefined;
    let backlog = this.#backlog;
    const look = (): boolean => {
      // `collect` and `forget` in a handler replace the backlog.
      if (backlog !== this.#backlog) {
        backlog = this.#backlog;
        looked = 0;
      }
      while (found === undefined && looked < backlog.length) {
        const candidate = backlog[looked++]!;
        if (predicate(candidate)) found = candidate;
      }
      return found !== undefined;
    };
    await log.wait(log.link.now() + (within ?? patience), look);
    if (found !== undefined) {
      const taken = found;
      this.#backlog = this.#backlog.filter((packet) => packet !== taken);
    }
    return found;
  }

  /** Waits the whole time, then takes every packet that was not taken yet and satisfies `predicate` (default: all). */
  async collect(duration: Micros, predicate: Predicate = () => true): Promise<Observed[]> {
    const { log } = this.#context;
    await log.wait(log.link.now() + duration, () => false);
    const taken = this.#backlog.filter(predicate);
    this.#backlog = this.#backlog.filter((packet) => !predicate(packet));
    return taken;
  }

  /** Takes and forgets what has arrived so far. */
  forget(): void {
    this.#backlog = [];
  }

  /** Calls `handler` for each packet as it arrives, so that a node can answer at once; the packet stays to be taken. */
  onReceive(handler: (packet: Observed) => void): void {
    this.#handler = handler;
  }

  #arrived(packet: Uint8Array): void {
    const { log } = this.#context;
    if (log.isStopped) return;
    const observed = log.add('received', packet);
    if (observed === undefined) {
      this.#link.deafen();
      return;
    }
    this.history.push(observed);
    log.examine(observed);
    if (log.isStopped) return;
    this.#backlog.push(observed);
    try {
      this.#handler?.(observed);
    } catch (error) {
      if (!(error instanceof StopCase)) log.fault(error);
    }
  }
}
