import { buildTcp, DatagramView, HeaderStatus, type Ipv4, TCP, TcpFlags } from '../codec/index.js';
import { rewriteTuple } from '../codec/rewrite.js';
import type { NetworkNode, Port } from './node.js';
import { TcpTracking } from './tcp-tracking.js';
import type { Timeline } from './wire.js';

/** How a NAT behaves. */
export interface NatOptions {
  /** Its address on the outside. */
  readonly address: Ipv4;
  /**
   * Who may send to a mapping (RFC 4787, section 5): `endpoint-independent` everybody, `port-restricted` only addresses
   * and ports that it was used towards. The mapping itself is the same for all destinations in both. Default
   * `endpoint-independent`.
   */
  readonly filtering?: 'endpoint-independent' | 'port-restricted';
  /**
   * What it asks of TCP: `none` as of UDP; `stateful` drops segments of connections that no SYN from the inside opened;
   * `windows` also those whose sequence or acknowledgement number does not fit what passed before. Default `none`.
   */
  readonly tcp?: 'none' | 'stateful' | 'windows';
  /**
   * What it does with a TCP segment from the outside that it refuses: nothing, or an RST to its sender, as Linux, for which
   * a segment that it does not translate is one to itself. Default `drop`.
   */
  readonly refusal?: 'drop' | 'reset';
  /**
   * True lets a TCP segment from the inside that it refuses go out as it is, with its inside address, as Linux does without
   * a rule that drops INVALID. Default false.
   */
  readonly passesInvalid?: boolean;
  /** A UDP mapping that nothing uses from the inside for this long ends, microseconds. Default 120 s (RFC 4787: 2 min at least). */
  readonly expiryMicros?: number;
  /** The same for TCP. Default 7440 s (RFC 5382: 2 h 4 min). */
  readonly tcpExpiryMicros?: number;
  /** First outside port; the following ones are given out in order. Default 20000. */
  readonly firstPort?: number;
}

/** One inside address and port as the outside sees it. */
interface Mapping {
  readonly key: string;
  readonly protocol: number;
  readonly inside: Ipv4;
  readonly insidePort: number;
  readonly outside: Ipv4;
  readonly outsidePort: number;
  /** Destinations it was used towards, with the time of the last use and, for TCP, the connection. */
  readonly towards: Map<string, { usedAt: number; tcp: TcpTracking | undefined }>;
  usedAt: number;
}

/** What a NAT did, in datagrams. */
export interface NatCounters {
  outbound: number;
  inbound: number;
  /** From the outside, without a mapping or not allowed by the filter. */
  refused: number;
  /** TCP segments, of either direction, that belong to no open connection or do not fit it. */
  refusedTcp: number;
}

/**
 * A network address and port translator for TCP and UDP between two links: connect hosts or a router to `inside`, the
 * rest of the world to `outside`. Other protocols and fragments do not pass. Checksums are updated incrementally.
 */
export class Nat {
  readonly inside: NetworkNode;
  readonly outside: NetworkNode;
  readonly counters: NatCounters = { outbound: 0, inbound: 0, refused: 0, refusedTcp: 0 };
  readonly #options: Required<NatOptions>;
  readonly #byInside = new Map<string, Mapping>();
  readonly #byOutside = new Map<string, Mapping>();
  readonly #view = new DatagramView();
  #address: Ipv4;
  #nextPort: number;
  #insidePort: Port | undefined;
  #outsidePort: Port | undefined;

  /** `timeline` is the network. */
  constructor(
    private readonly timeline: Timeline,
    options: NatOptions,
  ) {
    this.#options = {
      filtering: 'endpoint-independent',
      tcp: 'none',
      refusal: 'drop',
      passesInvalid: false,
      expiryMicros: 120_000_000,
      tcpExpiryMicros: 7_440_000_000,
      firstPort: 20_000,
      ...options,
    };
    this.#address = options.address;
    this.#nextPort = this.#options.firstPort;
    this.inside = {
      connected: (port) => {
        this.#insidePort = port;
      },
      arrive: (packet) => this.#translateOut(packet),
    };
    this.outside = {
      connected: (port) => {
        this.#outsidePort = port;
      },
      arrive: (packet) => this.#translateIn(packet),
    };
  }

  /** Its address on the outside now. */
  get address(): Ipv4 {
    return this.#address;
  }

  /** Mappings that have not expired. */
  get size(): number {
    let count = 0;
    for (const mapping of this.#byInside.values()) if (!this.#isOver(mapping)) count++;
    return count;
  }

  /** Forgets every mapping and connection, as after a restart; new ones get other ports, and another address when one is given. */
  rebind(address: Ipv4 = this.#address): void {
    this.#address = address;
    this.#byInside.clear();
    this.#byOutside.clear();
  }

  #translateOut(packet: Uint8Array): void {
    const view = this.#view;
    if (view.parse(packet) !== HeaderStatus.ok) return;
    const { now } = this.timeline;
    const key = `${view.protocol}/${view.source}:${view.sourcePort}`;
    let mapping = this.#byInside.get(key);
    if (mapping !== undefined && this.#isOver(mapping)) {
      this.#forget(mapping);
      mapping = undefined;
    }
    const remote = `${view.destination}:${view.destinationPort}`;
    const tcp = this.#tracked(view) ? this.#connection(mapping?.towards.get(remote)?.tcp, view) : undefined;
    if (tcp === 'refused') {
      this.counters.refusedTcp++;
      if (this.#options.passesInvalid) this.#outsidePort?.send(packet);
      return;
    }
    mapping ??= this.#map(key, view);
    mapping.usedAt = now;
    mapping.towards.set(remote, { usedAt: now, tcp });
    this.counters.outbound++;
    rewriteTuple(view, {
      source: mapping.outside,
      sourcePort: mapping.outsidePort,
      destination: view.destination,
      destinationPort: view.destinationPort,
    });
    this.#outsidePort?.send(packet);
  }

  #translateIn(packet: Uint8Array): void {
    const view = this.#view;
    if (view.parse(packet) !== HeaderStatus.ok) return;
    const mapping = this.#byOutside.get(`${view.protocol}/${view.destination}:${view.destinationPort}`);
    const known = mapping?.towards.get(`${view.source}:${view.sourcePort}`);
    if (mapping === undefined || this.#isOver(mapping) || !this.#mayEnter(mapping, known)) {
      this.counters.refused++;
      return;
    }
    if (this.#tracked(view) && !known?.tcp?.accept(view, false)) {
      this.counters.refusedTcp++;
      if (this.#options.refusal === 'reset' && (view.tcpFlags & TcpFlags.rst) === 0) this.#reset(view);
      return;
    }
    this.counters.inbound++;
    rewriteTuple(view, {
      source: view.source,
      sourcePort: view.sourcePort,
      destination: mapping.inside,
      destinationPort: mapping.insidePort,
    });
    this.#insidePort?.send(packet);
  }

  /** RFC 9293, section 3.10.7.1: the number that the segment expects. */
  #reset({ source, sourcePort, destination, destinationPort, acknowledgement }: DatagramView): void {
    const back = { source: destination, sourcePort: destinationPort, destination: source, destinationPort: sourcePort };
    this.#outsidePort?.send(buildTcp(back, { sequence: acknowledgement, flags: TcpFlags.rst }, new Uint8Array(0)));
  }

  #tracked(view: DatagramView): boolean {
    return view.protocol === TCP && this.#options.tcp !== 'none';
  }

  /** The connection of a segment from the inside: a SYN opens one, anything else needs one that is open. */
  #connection(known: TcpTracking | undefined, view: DatagramView): TcpTracking | 'refused' {
    const isSyn = (view.tcpFlags & (TcpFlags.syn | TcpFlags.ack)) === TcpFlags.syn;
    const isNew = known === undefined || (isSyn && known.isClosing);
    if (isNew && !isSyn) return 'refused';
    const tcp = isNew ? new TcpTracking(this.#options.tcp === 'windows') : known;
    return tcp.accept(view, true) ? tcp : 'refused';
  }

  #mayEnter(mapping: Mapping, known: { usedAt: number } | undefined): boolean {
    if (mapping.protocol === TCP && this.#options.tcp !== 'none') return true;
    if (this.#options.filtering === 'endpoint-independent') return true;
    return known !== undefined && this.timeline.now - known.usedAt < this.#lifetime(mapping);
  }

  #lifetime(mapping: Mapping): number {
    return mapping.protocol === TCP ? this.#options.tcpExpiryMicros : this.#options.expiryMicros;
  }

  #isOver(mapping: Mapping): boolean {
    return this.timeline.now - mapping.usedAt >= this.#lifetime(mapping);
  }

  #map(key: string, view: DatagramView): Mapping {
    const outsidePort = this.#nextPort;
    this.#nextPort = outsidePort >= 65_535 ? this.#options.firstPort : outsidePort + 1;
    const mapping: Mapping = {
      key,
      protocol: view.protocol,
      inside: view.source,
      insidePort: view.sourcePort,
      outside: this.#address,
      outsidePort,
      towards: new Map(),
      usedAt: this.timeline.now,
    };
    this.#byInside.set(key, mapping);
    this.#byOutside.set(outsideKey(mapping), mapping);
    return mapping;
  }

  #forget(mapping: Mapping): void {
    this.#byInside.delete(mapping.key);
    this.#byOutside.delete(outsideKey(mapping));
  }
}

function outsideKey({ protocol, outside, outsidePort }: Mapping): string {
  return `${protocol}/${outside}:${outsidePort}`;
}
