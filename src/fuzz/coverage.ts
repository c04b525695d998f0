import { flagName, TCP, UDP } from '../codec/index.js';
import type { Connection, FuzzNode } from './fuzz-node.js';
import { MUTATORS } from './mutators.js';
import { edgeFrom, FROM_PEER, PATH_EDGES, type PathEvent, type PathState, TO_PEER } from './path-states.js';
import type { Received } from './received.js';
import { BYSTANDER } from './sent.js';
import { CONNECTIONS, type MessageKind, type Step } from './step.js';
import type { Micros } from './target.js';

/** Time without a packet after which a path, or a session, is taken for gone (the constants of the paper's side). */
const PATH_EXPIRY: Micros = 5_000_000;
const SESSION_EXPIRY: Micros = 120_000_000;

/** How often each thing happened. */
export type Counts = Record<string, number>;

/** What a run touched, for the report. */
export interface CoverageReport {
  readonly requirements: Counts;
  /** CM flags by name, sent by the fuzzer and by the peer. */
  readonly flagsSent: Counts;
  readonly flagsReceived: Counts;
  /** Edges of the state machine of a path. */
  readonly edges: Counts;
  readonly edgesNeverReached: readonly string[];
  readonly mutators: Counts;
  readonly mutatorsNeverUsed: readonly string[];
  readonly steps: Counts;
}

/**
 * What the exchanges of a run touched. It also says whether an exchange showed something new: an edge, or a kind of answer after a
 * kind of message, that none before had shown.
 */
export class Coverage {
  readonly #counts: Record<Exclude<keyof CoverageReport, 'edgesNeverReached' | 'mutatorsNeverUsed'>, Counts> = {
    requirements: {},
    flagsSent: {},
    flagsReceived: {},
    edges: {},
    mutators: {},
    steps: {},
  };
  readonly #features = new Set<number>();
  readonly #states = new Map<number, PathState>();
  #isNew = false;
  #last = 0;

  /** An exchange begins: paths are new again. */
  begin(): void {
    this.#states.clear();
    this.#isNew = false;
    this.#last = 0;
  }

  /** True when the exchange showed something that none before had shown. */
  get isNew(): boolean {
    return this.#isNew;
  }

  /** Kinds of answers seen so far. */
  get features(): number {
    return this.#features.size;
  }

  count(name: string): void {
    add(this.#counts.steps, name);
  }

  requirement(id: string): void {
    add(this.#counts.requirements, id);
  }

  step(step: Step): void {
    add(this.#counts.steps, step.kind === 'network' ? `network ${step.effect}` : step.kind);
  }

  mutator(name: string): void {
    add(this.#counts.mutators, name);
    this.#last = (this.#last * 31 + name.length) & 0xff;
  }

  sent(node: FuzzNode, address: number, connection: Connection, message: MessageKind): void {
    add(this.#counts.flagsSent, message);
    this.#last = message.length * 8 + (this.#last & 7);
    this.#event(keyOf(node.index, connection.index, node.address(address)), TO_PEER[message]);
  }

  addressesChanged(node: FuzzNode): void {
    for (const key of this.#states.keys()) if (nodeOf(key) === node.index) this.#event(key, 'address-change');
  }

  paused(micros: Micros): void {
    if (micros < PATH_EXPIRY) return;
    const event = micros >= SESSION_EXPIRY ? 'session-expiry' : 'path-expiry';
    for (const key of this.#states.keys()) this.#event(key, event);
  }

  received({ owner, connection, cm, destination, protocol, data }: Received): void {
    const message = cm === undefined ? 'plain' : (flagName(cm.flags) as MessageKind);
    add(this.#counts.flagsReceived, message);
    if (owner === undefined || owner === BYSTANDER || connection === undefined) return;
    this.#event(keyOf(owner, connection.index, destination), FROM_PEER[message]);
    const ids =
      cm === undefined
        ? 0
        : (cm.sessionId === 0 ? 1 : 2) + (cm.pathId === 0 ? 0 : 3) + (cm.feedbackPathId === 0 ? 0 : 6);
    const size = data.length === 0 ? 0 : data.length < 64 ? 1 : 2;
    const kind = protocol === UDP ? 0 : protocol === TCP ? 1 : 2;
    this.#feature((((this.#last * 16 + message.length) * 16 + ids) * 4 + size) * 4 + kind);
  }

  /** The counts, with what never happened. */
  report(): CoverageReport {
    const { edges, mutators } = this.#counts;
    return {
      requirements: sorted(this.#counts.requirements),
      flagsSent: sorted(this.#counts.flagsSent),
      flagsReceived: sorted(this.#counts.flagsReceived),
      edges: sorted(edges),
      edgesNeverReached: PATH_EDGES.filter((edge) => edges[edge] === undefined),
      mutators: sorted(mutators),
      mutatorsNeverUsed: MUTATORS.map(({ name }) => name).filter((name) => mutators[name] === undefined),
      steps: sorted(this.#counts.steps),
    };
  }

  #event(key: number, event: PathEvent): void {
    const state = this.#states.get(key) ?? 'new';
    const edge = edgeFrom(state, event);
    if (edge === undefined) return;
    this.#states.set(key, edge.to);
    if (this.#counts.edges[edge.name] === undefined) this.#isNew = true;
    add(this.#counts.edges, edge.name);
  }

  #feature(feature: number): void {
    if (this.#features.has(feature)) return;
    this.#features.add(feature);
    this.#isNew = true;
  }
}

/** A path of a fuzzed node in one number. */
function keyOf(node: number, connection: number, address: number): number {
  return (node * CONNECTIONS + connection) * 2 ** 32 + address;
}

function nodeOf(key: number): number {
  return Math.floor(key / (CONNECTIONS * 2 ** 32));
}

function add(counts: Counts, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}

function sorted(counts: Counts): Counts {
  return Object.fromEntries(Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The counts of several runs together. */
export function mergedCoverage(reports: readonly CoverageReport[]): CoverageReport {
  const sum = (pick: (report: CoverageReport) => Counts) => {
    const total: Counts = {};
    for (const report of reports)
      for (const [name, count] of Object.entries(pick(report))) total[name] = (total[name] ?? 0) + count;
    return sorted(total);
  };
  const edges = sum((report) => report.edges);
  const mutators = sum((report) => report.mutators);
  return {
    requirements: sum((report) => report.requirements),
    flagsSent: sum((report) => report.flagsSent),
    flagsReceived: sum((report) => report.flagsReceived),
    edges,
    edgesNeverReached: PATH_EDGES.filter((edge) => edges[edge] === undefined),
    mutators,
    mutatorsNeverUsed: MUTATORS.map(({ name }) => name).filter((name) => mutators[name] === undefined),
    steps: sum((report) => report.steps),
  };
}
