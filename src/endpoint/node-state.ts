import type { Ipv4 } from '../codec/index.js';
import { AddressChange } from './address-change.js';
import { AvailabilityTable, WaitingList } from './availability.js';
import { BlackHoles } from './black-holes.js';
import { Claims } from './claims.js';
import { Composer } from './composer.js';
import { ControlPackets } from './control-packet.js';
import { type Counters, newCounters } from './counters.js';
import { Departures } from './departures.js';
import { EarliestDelivery } from './earliest-delivery.js';
import { Fallback } from './fallback.js';
import { FetchAhead } from './fetch-ahead.js';
import type { Leaving } from './leaving.js';
import { PathMesh } from './mesh.js';
import { NodeTable, type Peer } from './nodes.js';
import type { Settings } from './options.js';
import { DoubleQueue } from './packet-queue.js';
import { PathMtus } from './path-mtu.js';
import { PathSelection } from './path-selection.js';
import { AnswerLimit } from './rate-limit.js';
import { Reassembly } from './reassembly.js';
import { RoutingTable } from './routing.js';
import { SessionRules } from './session-rules.js';
import { type Session, SessionTable } from './sessions.js';

/** Everything a node remembers: the tables of the paper and what works on them. Shared by sending and receiving. */
export class NodeState {
  /** Table 2. */
  readonly availability: AvailabilityTable;
  /** The waiting list of section 3.2. */
  readonly waiting: WaitingList;
  /** Table 4, and per peer Tables 3 and 5. */
  readonly nodes: NodeTable;
  /** Table 6. */
  readonly routing = new RoutingTable();
  /** Table 7. */
  readonly sessions: SessionTable;
  readonly fetchAhead: FetchAhead;
  readonly sessionRules: SessionRules;
  readonly composer: Composer;
  readonly mesh: PathMesh;
  readonly selection: PathSelection;
  readonly addressChange: AddressChange;
  readonly claims = new Claims();
  /** Peers whose node has ended. */
  readonly departures: Departures;
  /** This node is about to end; undefined when it is not. */
  leaving: Leaving | undefined;
  readonly control: ControlPackets;
  readonly fallback: Fallback;
  readonly counters: Counters = newCounters();
  readonly transmits = new DoubleQueue();
  readonly deliveries = new DoubleQueue();
  /** This node's addresses now, primary first. */
  addresses: readonly Ipv4[];
  /** Those and the ones it had before, newest first: sessions keep the tuple of an address that is gone. */
  ownAddresses: readonly Ipv4[];
  /** Answers to what came from the network. */
  readonly answers: AnswerLimit;
  /** What ways carry less than this node's links. */
  readonly pathMtus: PathMtus;
  /** What paths lose large packets without a word. */
  readonly blackHoles: BlackHoles;
  /** Datagrams that arrived in fragments. */
  readonly reassembly: Reassembly;

  /** `endSession` removes a session with all that belongs to it. */
  constructor(
    readonly settings: Settings,
    endSession: (session: Session, now: number) => void,
  ) {
    const { constants, tableLimit, random, limits } = settings;
    this.addresses = settings.addresses;
    this.ownAddresses = settings.addresses;
    this.sessions = new SessionTable(constants, limits);
    const isInUse = (key: number) => this.sessions.hasRemote(key);
    this.answers = new AnswerLimit(limits.answersPerAddress, limits.answers);
    this.pathMtus = new PathMtus(settings.linkMtu);
    this.blackHoles = new BlackHoles(this.pathMtus);
    this.reassembly = new Reassembly(limits);
    this.availability = new AvailabilityTable(tableLimit, isInUse, limits.sessions);
    this.waiting = new WaitingList(tableLimit, constants['confirm-expiry']);
    this.nodes = new NodeTable(constants, tableLimit, limits, isInUse);
    this.fetchAhead = new FetchAhead(this.availability, this.nodes, this.sessions);
    this.composer = new Composer(settings, () => this.addresses);
    this.mesh = new PathMesh(constants, this.availability, this.nodes, {
      maxPaths: settings.maxPaths,
      wrapsTcp: settings.tcpMode === 'udp-wrapper',
      returnProof: settings.returnProof,
      sourcesPerSession: limits.sourcesPerSession,
    });
    this.sessionRules = new SessionRules(
      this.sessions,
      this.nodes,
      this.availability,
      this.mesh,
      this.composer,
      this.claims,
      this.counters,
      constants['path-expiry'],
    );
    this.fallback = new Fallback(settings, this.sessions, this.counters);
    const { tickMicros } = settings.profile;
    const scheduler = settings.scheduler === 'earliest' ? new EarliestDelivery(constants, tickMicros) : undefined;
    this.selection = new PathSelection(constants, random, tickMicros, scheduler);
    this.addressChange = new AddressChange(this.mesh, constants['ip-change-packets'], constants['weight-max']);
    this.departures = new Departures(this.sessions, this.counters, constants, endSession);
    this.control = new ControlPackets(random.below(0x10000));
  }

  /** True for an address that this node has or had; always true when the option `ownAddressesOnly` is off. */
  isOwn(address: Ipv4): boolean {
    const { ownAddresses } = this;
    for (let i = 0; i < ownAddresses.length; i++) if (ownAddresses[i] === address) return true;
    return !this.settings.ownAddressesOnly;
  }

  /** False when too many packets were answered, to this address or in all (docs/decisions.md 44). */
  mayAnswer(address: Ipv4, now: number): boolean {
    if (this.answers.take(address, now)) return true;
    this.counters.answersLimited++;
    return false;
  }

  /** True when a query or SYN may go to an address of `peer`: it answered before, or the peer's limit allows one more. */
  mayProbe(peer: Peer, address: Ipv4, now: number): boolean {
    if (peer.answered.has(address) || peer.probes.take(now)) return true;
    this.counters.probesLimited++;
    return false;
  }
}
