import { part } from '../codec/bytes.js';
import {
  attach,
  type ControlMessage,
  checkRanges,
  encodedSize,
  encodeInto,
  type Ipv4,
  type LayoutName,
  type NodeId,
  type Profile,
  Random,
} from '../codec/index.js';
import { Slab } from '../codec/slab.js';
import type { ServiceName } from './case.js';
import type { CaseLog } from './case-log.js';
import { Inbox } from './inbox.js';
import type { Destination, LinkPort, Micros } from './link.js';
import type { Observed } from './observed.js';
import { TestStream } from './test-stream.js';

/** For whole datagrams that testers send: all are kept as long as the case. */
const memory = new Slab();

/** What nodes and ports need of the tester they belong to. */
export interface PortContext {
  readonly log: CaseLog;
  readonly profile: Profile;
  readonly patience: Micros;
  destination(service: ServiceName): Destination;
  /** Where the TCP echo service is; asked only by cases that say `tcp`. */
  tcpEcho(): Destination;
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

  /** A control message of this node: flags normal, the clock's time, everything else 0 unless given. */
  controlMessage(localAddresses: readonly Ipv4[], cm: Partial<ControlMessage> = {}): ControlMessage {
    const message: ControlMessage = {
      layout: cm.layout ?? this.layout,
      nodeId: cm.nodeId ?? this.id,
      sessionId: cm.sessionId ?? 0,
      pathId: cm.pathId ?? 0,
      feedbackPathId: cm.feedbackPathId ?? 0,
      timestamp: cm.timestamp ?? this.clock(),
      pathDelay: cm.pathDelay ?? 0,
      localAddresses: cm.localAddresses ?? localAddresses,
      flags: cm.flags ?? 0,
    };
    if (cm.filler !== undefined) message.filler = cm.filler;
    return message;
  }

  /** A whole datagram with a control message of this node behind its user data; see `controlMessage`. */
  trailed(packet: Uint8Array, localAddresses: readonly Ipv4[], cm: Partial<ControlMessage>): Uint8Array {
    const message = this.controlMessage(localAddresses, cm);
    const out = memory.take(packet.length + encodedSize(message));
    return part(out, 0, attach(packet, message, out));
  }

  /**
   * Opens a UDP port that no other case has had, on the tester's address number `source` (0 = first; ask for more only
   * when the case says `sources`). `number` opens the port of that number that the case has on another address.
   */
  async port(source = 0, number?: number): Promise<TestPort> {
    return await TestPort.open(this, this.#context, source, number);
  }

  /**
   * Opens a port for TCP, and for TCP in the UDP wrapper, on each of the tester's addresses `sources`, with one number.
   * Only for cases that say `raw`.
   * @param peer where segments go unless told otherwise; default the TCP echo service
   */
  async stream(sources: readonly number[] = [0], peer?: Destination): Promise<TestStream> {
    return await TestStream.open(this, this.#context, sources, peer ?? this.#context.tcpEcho());
  }
}

/** A local UDP address and port of a node. */
export class TestPort extends Inbox {
  readonly #context: PortContext;
  #link!: LinkPort;

  private constructor(
    readonly node: TestNode,
    context: PortContext,
  ) {
    super(context.log, context.patience);
    this.#context = context;
  }

  /** Use `TestNode.port`. */
  static async open(node: TestNode, context: PortContext, source: number, number?: number): Promise<TestPort> {
    const port = new TestPort(node, context);
    port.#link = await context.log.link.open(
      source,
      (packet, time) => {
        if (!port.arrived(packet, time)) port.#link.deafen();
      },
      number,
    );
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
    const message = this.controlMessage(cm);
    checkRanges(message);
    const octets = wireOf(payload.length + encodedSize(message));
    octets.set(payload);
    encodeInto(message, octets, payload.length);
    return this.sendBytes(to, octets, options);
  }

  /** The control message that `send` would attach. */
  controlMessage(cm: Partial<ControlMessage> = {}): ControlMessage {
    return this.node.controlMessage([this.address], cm);
  }

  /** Sends octets as they are, for hand-made trailers. */
  sendBytes(to: ServiceName | Destination, octets: Uint8Array, options: SendOptions = {}): Observed {
    const { log } = this.#context;
    const destination = typeof to === 'string' ? this.#context.destination(to) : to;
    // The time before the packet can have left: what the peer does with it comes later, however busy this machine is.
    const time = log.link.now();
    const sent = log.add('sent', this.#link.send(destination, octets), time)!;
    if (options.mayBeOrdinary !== true) log.ownTrailer(sent);
    this.noteSent(sent);
    return sent;
  }
}

/** What datagrams with a control message are put together in: links copy what they send. */
let wire = new Uint8Array(0);

/** Room for so many octets, until the next call; one size follows itself mostly. */
function wireOf(length: number): Uint8Array {
  if (wire.length !== length) wire = new Uint8Array(length);
  return wire;
}
