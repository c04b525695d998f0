import type { Ipv4 } from '../codec/index.js';
import { AddressChange } from './address-change.js';
import { AvailabilityTable, WaitingList } from './availability.js';
import { Composer } from './composer.js';
import { ControlPackets } from './control-packet.js';
import { type Counters, newCounters } from './counters.js';
import { PathMesh } from './mesh.js';
import { NodeTable } from './nodes.js';
import type { Settings } from './options.js';
import { DoubleQueue } from './packet-queue.js';
import { PathSelection } from './path-selection.js';
import { RoutingTable } from './routing.js';
import { SessionRules } from './session-rules.js';
import { SessionTable } from './sessions.js';

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
  readonly sessionRules: SessionRules;
  readonly composer: Composer;
  readonly mesh: PathMesh;
  readonly selection: PathSelection;
  readonly addressChange: AddressChange;
  readonly control: ControlPackets;
  readonly counters: Counters = newCounters();
  readonly transmits = new DoubleQueue();
  readonly deliveries = new DoubleQueue();
  /** This node's addresses now, primary first. */
  addresses: readonly Ipv4[];

  constructor(readonly settings: Settings) {
    const { constants, tableLimit, random } = settings;
    this.addresses = settings.addresses;
    this.availability = new AvailabilityTable(tableLimit);
    this.waiting = new WaitingList(tableLimit, constants['confirm-expiry']);
    this.nodes = new NodeTable(constants, tableLimit);
    this.sessions = new SessionTable(constants);
    this.composer = new Composer(settings, () => this.addresses);
    this.sessionRules = new SessionRules(this.sessions, this.nodes, this.composer);
    this.mesh = new PathMesh(constants, this.availability, this.nodes, { maxPaths: settings.maxPaths });
    this.selection = new PathSelection(constants, random);
    this.addressChange = new AddressChange(this.mesh, constants['ip-change-packets'], constants['weight-max']);
    this.control = new ControlPackets(random.below(0x10000));
  }
}
