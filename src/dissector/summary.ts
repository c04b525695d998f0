import { FLAG_NAMES, formatIpv4, formatNodeId, type Ipv4, type NodeId, TCP, type TrailerView } from '../codec/index.js';
import type { CapturedPacket } from '../io/captured-packet.js';
import { ipChecksumStatus, l4ChecksumStatus } from './checksum-status.js';
import type { Dissector } from './dissector.js';
import { formatTime } from './record.js';

/** Addresses remembered per node. */
const MAX_ADDRESSES = 64;

/** Packets with a CM by what carried it. */
export interface CarrierCounts {
  udp: number;
  tcp: number;
  /** TCP inside UDP. */
  wrapper: number;
}

/** One path of a session of a node, as its sender numbers it. */
export interface PathSummary {
  'mpip.path_id': number;
  packets: number;
  /** User data, without headers and trailers. */
  bytes: number;
}

/** One session of a node. */
export interface SessionSummary {
  'mpip.session_id': number;
  packets: number;
  paths: PathSummary[];
}

/** What one node has sent. */
export interface NodeSummary {
  'mpip.node_id': string;
  'mpip.layout': 'compact' | 'full';
  packets: number;
  /** Addresses it sent from, in the order seen. */
  addresses: string[];
  flags: Record<string, number>;
  sessions: SessionSummary[];
}

/** What `mpip dissect --summary` prints. */
export interface SummaryReport {
  packets: number;
  /** Octets on the link. */
  bytes: number;
  ipv4: number;
  /** Packets with a CM. */
  mpip: number;
  first: string | null;
  last: string | null;
  carriers: CarrierCounts;
  flags: Record<string, number>;
  nodes: NodeSummary[];
  notes: SummaryNotes;
}

/** Packets with something worth knowing. */
export interface SummaryNotes {
  /** Blocks that satisfy both layouts. */
  ambiguous: number;
  /** Packets with a CM whose UDP length is not that of the IP payload. */
  wrongUdpLength: number;
  /** Ordinary packets whose tail is nearly a CM; counted when the dissector looks for them. */
  nearCm: number;
  /** Packets with a CM and a wrong checksum; 0 unless checksums are verified. */
  badIpChecksum: number;
  badUdpChecksum: number;
  badTcpChecksum: number;
  /** Packets of a link type that is not read. */
  unknownLinkType: number;
  /** IPv4 datagrams cut by the snap length: a CM at their end cannot be seen. */
  cutShort: number;
}

/** The notes that a summary counts itself. */
type CountedNotes = Omit<SummaryNotes, 'unknownLinkType' | 'cutShort'>;

const COUNTED_NOTES: readonly (keyof CountedNotes)[] = [
  'ambiguous',
  'wrongUdpLength',
  'nearCm',
  'badIpChecksum',
  'badUdpChecksum',
  'badTcpChecksum',
];

/** Counts of one path of a node. */
interface PathCount {
  /** session id * 65536 + path id. */
  readonly key: number;
  readonly packets: number;
  readonly bytes: number;
  /** Packets in UDP, without wrapper. */
  readonly udp: number;
}

/** What a {@link Summary} has counted, to be added to another. */
export interface SummaryState {
  readonly packets: number;
  readonly bytes: number;
  readonly ipv4: number;
  readonly mpip: number;
  readonly carriers: CarrierCounts;
  readonly notes: CountedNotes;
  readonly first: string | null;
  readonly lastSeconds: number;
  readonly lastNanoseconds: number;
  readonly nodes: readonly {
    readonly nodeId: NodeId;
    readonly isFull: boolean;
    readonly packets: number;
    readonly flags: Float64Array;
    readonly addresses: readonly Ipv4[];
    readonly paths: readonly PathCount[];
  }[];
}

/** Packets and octets by path: an open-addressing table, because a look-up stands on the way of every packet with a CM. */
class PathCounts {
  /** session id * 65536 + path id. */
  #keys = new Uint32Array(16);
  /** 0 = slot unused. */
  #packets = new Float64Array(16);
  #bytes = new Float64Array(16);
  /** Packets in UDP, without wrapper. */
  #udp = new Float64Array(16);
  #count = 0;

  add(key: number, packets: number, bytes: number, udp: number): void {
    const mask = this.#keys.length - 1;
    let slot = (Math.imul(key, 0x9e3779b1) >>> 12) & mask;
    while (this.#keys[slot] !== key && this.#packets[slot] !== 0) slot = (slot + 1) & mask;
    if (this.#packets[slot] === 0) {
      this.#keys[slot] = key;
      this.#count++;
    }
    this.#packets[slot]! += packets;
    this.#bytes[slot]! += bytes;
    this.#udp[slot]! += udp;
    if (this.#count * 2 > mask) this.#grow();
  }

  #grow(): void {
    const entries = [...this.entries()];
    const size = this.#keys.length * 2;
    this.#keys = new Uint32Array(size);
    this.#packets = new Float64Array(size);
    this.#bytes = new Float64Array(size);
    this.#udp = new Float64Array(size);
    this.#count = 0;
    for (const { key, packets, bytes, udp } of entries) this.add(key, packets, bytes, udp);
  }

  *entries(): Generator<PathCount> {
    for (let slot = 0; slot < this.#keys.length; slot++) {
      const packets = this.#packets[slot]!;
      if (packets > 0) {
        yield { key: this.#keys[slot]!, packets, bytes: this.#bytes[slot]!, udp: this.#udp[slot]! };
      }
    }
  }
}

/** Counts of one node. */
class NodeCounts {
  packets = 0;
  readonly flags = new Float64Array(FLAG_NAMES.length);
  readonly addresses: Ipv4[] = [];
  readonly #paths = new PathCounts();
  #lastAddress: Ipv4 = -1;

  constructor(
    readonly nodeId: NodeId,
    readonly isFull: boolean,
  ) {}

  add(flags: number, session: number, path: number, bytes: number, source: Ipv4, udp: number): void {
    this.packets++;
    this.flags[flags]!++;
    this.#paths.add(((session << 16) | path) >>> 0, 1, bytes, udp);
    if (source !== this.#lastAddress) this.#addAddress(source);
  }

  /** Adds the counts of another part of the capture. */
  merge(other: SummaryState['nodes'][number]): void {
    this.packets += other.packets;
    other.flags.forEach((count, flag) => {
      this.flags[flag]! += count;
    });
    for (const address of other.addresses) this.#addAddress(address);
    for (const { key, packets, bytes, udp } of other.paths) this.#paths.add(key, packets, bytes, udp);
  }

  state(): SummaryState['nodes'][number] {
    const { nodeId, isFull, packets, flags, addresses } = this;
    return { nodeId, isFull, packets, flags, addresses, paths: [...this.#paths.entries()] };
  }

  #addAddress(source: Ipv4): void {
    this.#lastAddress = source;
    if (this.addresses.length < MAX_ADDRESSES && !this.addresses.includes(source)) this.addresses.push(source);
  }

  report(): NodeSummary {
    const sessions = new Map<number, SessionSummary>();
    for (const { key, packets, bytes } of [...this.#paths.entries()].sort((a, b) => a.key - b.key)) {
      const id = key >>> 16;
      const session = sessions.get(id) ?? { 'mpip.session_id': id, packets: 0, paths: [] };
      sessions.set(id, session);
      session.packets += packets;
      session.paths.push({ 'mpip.path_id': key & 0xffff, packets, bytes });
    }
    return {
      'mpip.node_id': formatNodeId(this.nodeId, this.isFull ? 6 : 2),
      'mpip.layout': this.isFull ? 'full' : 'compact',
      packets: this.packets,
      addresses: this.addresses.map(formatIpv4),
      flags: namedFlags(this.flags),
      sessions: [...sessions.values()],
    };
  }
}

/** Counts per flag, node, session and path. Nothing is allocated per packet, only per node and path. */
export class Summary {
  #packets = 0;
  #bytes = 0;
  #ipv4 = 0;
  #mpip = 0;
  readonly #notes: CountedNotes = {
    ambiguous: 0,
    wrongUdpLength: 0,
    nearCm: 0,
    badIpChecksum: 0,
    badUdpChecksum: 0,
    badTcpChecksum: 0,
  };
  readonly #carriers: CarrierCounts = { udp: 0, tcp: 0, wrapper: 0 };
  /** In the order seen. */
  readonly #nodes: NodeCounts[] = [];
  /** By node id: 65536 at most. */
  readonly #compactNodes = new Array<NodeCounts | undefined>(65536);
  readonly #fullNodes = new Map<NodeId, NodeCounts>();
  #first: string | null = null;
  #lastSeconds = 0;
  #lastNanoseconds = 0;
  readonly #verify: boolean;

  /** @param options `checksums`: verify the IP, UDP and TCP checksums of packets with a CM */
  constructor(options: { readonly checksums?: boolean } = {}) {
    this.#verify = options.checksums === true;
  }

  /** Has `dissector` inspect the packet and counts it. */
  add(dissector: Dissector, packet: CapturedPacket): void {
    dissector.inspect(packet);
    this.count(dissector, packet);
  }

  /** Counts the packet that `dissector` has just inspected. */
  count(dissector: Dissector, packet: CapturedPacket): void {
    this.#packets++;
    this.#bytes += packet.originalLength;
    this.#first ??= formatTime(packet.seconds, packet.nanoseconds);
    this.#lastSeconds = packet.seconds;
    this.#lastNanoseconds = packet.nanoseconds;
    if (dissector.isIpv4) this.#ipv4++;
    if (!dissector.hasCm) {
      if (dissector.nearCm !== undefined) this.#notes.nearCm++;
      return;
    }
    this.#mpip++;
    const { trailer } = dissector;
    const { cm } = trailer;
    if (dissector.isAmbiguous) this.#notes.ambiguous++;
    if (dissector.hasWrongUdpLength) this.#notes.wrongUdpLength++;
    if (this.#verify) this.#verifyChecksums(trailer);
    let bytes = trailer.userDataLength;
    let udp = 0;
    if (trailer.protocol === TCP) this.#carriers.tcp++;
    else if (dissector.wrappedHeader < 0) {
      this.#carriers.udp++;
      udp = 1;
    } else this.#carriers.wrapper++;
    if (dissector.wrappedHeader >= 0) bytes -= (trailer.bytes[dissector.wrappedHeader + 12]! >> 4) * 4;
    this.#node(cm.nodeId, cm.isFull).add(cm.flags, cm.sessionId, cm.pathId, bytes, trailer.source, udp);
  }

  #verifyChecksums(trailer: TrailerView): void {
    if (ipChecksumStatus(trailer) === 'bad') this.#notes.badIpChecksum++;
    if (l4ChecksumStatus(trailer) !== 'bad') return;
    if (trailer.protocol === TCP) this.#notes.badTcpChecksum++;
    else this.#notes.badUdpChecksum++;
  }

  #node(id: NodeId, isFull: boolean): NodeCounts {
    const known = isFull ? this.#fullNodes.get(id) : this.#compactNodes[id];
    if (known !== undefined) return known;
    const node = new NodeCounts(id, isFull);
    this.#nodes.push(node);
    if (isFull) this.#fullNodes.set(id, node);
    else this.#compactNodes[id] = node;
    return node;
  }

  /** What has been counted, to be added to another. */
  state(): SummaryState {
    return {
      packets: this.#packets,
      bytes: this.#bytes,
      ipv4: this.#ipv4,
      mpip: this.#mpip,
      carriers: this.#carriers,
      notes: this.#notes,
      first: this.#first,
      lastSeconds: this.#lastSeconds,
      lastNanoseconds: this.#lastNanoseconds,
      nodes: this.#nodes.map((node) => node.state()),
    };
  }

  /** Adds what was counted of the part of the capture that follows. */
  merge(other: SummaryState): void {
    if (other.packets === 0) return;
    this.#packets += other.packets;
    this.#bytes += other.bytes;
    this.#ipv4 += other.ipv4;
    this.#mpip += other.mpip;
    this.#carriers.udp += other.carriers.udp;
    this.#carriers.tcp += other.carriers.tcp;
    this.#carriers.wrapper += other.carriers.wrapper;
    for (const name of COUNTED_NOTES) this.#notes[name] += other.notes[name];
    this.#first ??= other.first;
    this.#lastSeconds = other.lastSeconds;
    this.#lastNanoseconds = other.lastNanoseconds;
    for (const node of other.nodes) this.#node(node.nodeId, node.isFull).merge(node);
  }

  /** Everything counted so far. */
  report(dissector: Pick<Dissector, 'unread'>): SummaryReport {
    const flags = new Float64Array(FLAG_NAMES.length);
    for (const node of this.#nodes) {
      for (let flag = 0; flag < flags.length; flag++) flags[flag]! += node.flags[flag]!;
    }
    const last = this.#packets === 0 ? null : formatTime(this.#lastSeconds, this.#lastNanoseconds);
    return {
      packets: this.#packets,
      bytes: this.#bytes,
      ipv4: this.#ipv4,
      mpip: this.#mpip,
      first: this.#first,
      last,
      carriers: this.#carriers,
      flags: namedFlags(flags),
      nodes: this.#nodes.map((node) => node.report()),
      notes: { ...this.#notes, ...dissector.unread },
    };
  }
}

function namedFlags(counts: Float64Array): Record<string, number> {
  return Object.fromEntries(FLAG_NAMES.map((name, flag) => [name, counts[flag]!]));
}
