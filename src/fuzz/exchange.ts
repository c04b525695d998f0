import { readU32be, sameOctets } from '../codec/bytes.js';
import {
  addressKey,
  COMPACT,
  Flags,
  HeaderStatus,
  type Ipv4,
  type LayoutName,
  type NodeId,
  TCP,
  TcpFlags,
  TrailerView,
  UDP,
} from '../codec/index.js';
import { Slab } from '../codec/slab.js';
import { Bystander, type BystanderWorld } from './bystander.js';
import { type Composed, Composer } from './composer.js';
import type { CorpusPacket } from './corpus.js';
import type { Coverage } from './coverage.js';
import { type Connection, FuzzNode, nodeIdsOf } from './fuzz-node.js';
import { mixSeed } from './generator.js';
import { mutatorOf } from './mutators.js';
import type { Oracle, Violation } from './oracle.js';
import { type Place, type Received, takeApart } from './received.js';
import { BYSTANDER, expectationOf, readMark, type Sent } from './sent.js';
import { ACTORS, type CorpusStep, type Mutation, type SendStep, type Step } from './step.js';
import type { Micros, Surroundings, Target } from './target.js';
import { TcpBystander } from './tcp-bystander.js';

/** Time between two packets of the fuzzer on its own clock, in ticks of a microsecond. */
const TICK_OF_PACKET = 50;
/** Packets after which the arrivals are taken in on a live target. */
const UNSEEN = 16;
/** Time that a peer gets to send what it still has to say. */
const LAST_WORDS: Micros = 150_000;

/** A packet as it was on the wire, for the evidence. */
export interface LogEntry {
  readonly frame: number;
  readonly time: Micros;
  readonly packet: Uint8Array;
  readonly isSent: boolean;
  readonly step: number;
}

/** What an exchange is played with. */
export interface ExchangeOptions {
  readonly target: Target;
  readonly seed: number;
  readonly oracles: readonly Oracle[];
  readonly coverage: Coverage;
  readonly corpus: readonly CorpusPacket[];
  /** What earlier exchanges with the same peer left; it is added to. */
  readonly past?: Past | undefined;
}

/** What the peer may remember from one exchange to the next. */
export class Past {
  /** The last octets of every packet sent, to know a trailer that came back. */
  readonly tails = new Set<number>();
  /** Fuzzed nodes that named a path of the bystander's node: the peer may take their addresses for its. */
  readonly guessers = new Set<number>();
  /** The paths that they named. */
  readonly guessedPaths = new Set<number>();
}

/**
 * One exchange: the steps of the fuzzed nodes between the handshake of the bystander and its last question. Steps become packets
 * here; what the peer answers is taken apart, told to the nodes and shown to the oracles.
 */
export class Exchange implements BystanderWorld {
  readonly target: Target;
  readonly seed: number;
  readonly surroundings: Surroundings;
  readonly log: LogEntry[] = [];
  readonly violations: Violation[] = [];
  readonly memory = new Slab();
  readonly nodes: readonly FuzzNode[];
  readonly bystander: Bystander;
  readonly stream: TcpBystander | undefined;
  /** Packets sent whose user data begins with a mark, by its number; several where one was made of another. */
  readonly #marked = new Map<number, Sent[]>();
  /** Packets put on the wire. */
  messages = 0;
  /** The step that is being played; -1 before the first. */
  step = -1;
  /** Node id of the peer, once it was heard by the bystander. */
  peerId: NodeId | undefined;
  readonly #oracles: readonly Oracle[];
  readonly #coverage: Coverage;
  readonly #composer: Composer;
  readonly #places = new Map<number, Place>();
  readonly #past: Past;
  readonly #bystanderLayouts: ReadonlySet<LayoutName> = new Set(['compact']);
  #number = 0;
  #ticks: number;
  #unseen = 0;
  /** What the network does to the next packets of fuzzed nodes. */
  #lose = 0;
  #duplicate = 0;
  #hold = 0;
  readonly #held: { readonly packet: Uint8Array; readonly sent: Sent }[] = [];

  constructor(options: ExchangeOptions) {
    const { target, seed, oracles, coverage, corpus } = options;
    this.target = target;
    this.seed = seed;
    this.surroundings = target.surroundings;
    this.#oracles = oracles;
    this.#coverage = coverage;
    this.#composer = new Composer(this, corpus);
    this.#past = options.past ?? new Past();
    this.#ticks = mixSeed(seed, 9);
    const port = (index: number) => target.port(index);
    this.nodes = this.surroundings.actors.map(
      (addresses, i) => new FuzzNode(i, addresses, mixSeed(seed, 20 + i), port),
    );
    const ids = nodeIdsOf(mixSeed(seed, 19));
    this.bystander = new Bystander(this, ids, mixSeed(seed, 18));
    this.stream =
      this.surroundings.tcpPort === undefined
        ? undefined
        : new TcpBystander(this, ids, this.surroundings.bystander, mixSeed(seed, 17));
  }

  // What the bystander needs.

  now(): Micros {
    return this.target.now();
  }

  get forged(): readonly Ipv4[] {
    return this.surroundings.forged;
  }

  ticks(): number {
    return this.#ticks;
  }

  port(index: number): number {
    return this.target.port(index);
  }

  nextNumber(): number {
    return ++this.#number;
  }

  send(packet: Uint8Array, number: number | undefined): void {
    const sent: Sent = {
      number: number ?? 0,
      time: this.now(),
      packet,
      node: BYSTANDER,
      step: this.step,
      isPure: true,
      isWhole: true,
      layouts: this.#bystanderLayouts,
      copies: 0,
      echoes: 0,
    };
    this.#transmit(packet, sent);
  }

  async until(done: () => boolean): Promise<boolean> {
    const deadline = this.now() + this.target.patience;
    await this.#run(deadline, done);
    return done();
  }

  /** Plays the steps; what the oracles found is in `violations`. */
  async play(steps: readonly Step[]): Promise<void> {
    for (const oracle of this.#oracles) oracle.begin(this);
    this.bystander.start();
    if (await this.until(() => this.bystander.isHeard)) this.#coverage.count('session of the bystander');
    if (steps.some(isOfStream)) {
      this.stream?.start();
      if (this.stream !== undefined) await this.until(() => this.stream?.isEstablished === true);
    }
    for (let i = 0; i < steps.length && !this.isOver; i++) {
      this.step = i;
      const waiting = this.#play(steps[i]!);
      if (waiting !== undefined) await waiting;
      if (this.target.kind === 'virtual') this.#takeIn();
      else await this.#betweenSteps();
    }
    this.step = steps.length;
    this.#release();
    if (!this.isOver) await (this.target.kind === 'virtual' ? this.#run(this.now() + LAST_WORDS) : this.#catchUp());
    if (!this.isOver) await this.stream?.finish();
    for (const oracle of this.#oracles) if (!this.isOver && !oracle.judgesTheDead) await oracle.end(this);
    // Last, because the peer may end while the others ask; what they then missed is no finding of its own.
    if (this.isOver) this.violations.length = 0;
    for (const oracle of this.#oracles) if (oracle.judgesTheDead) await oracle.end(this);
  }

  /** True when the peer is no more. */
  get isOver(): boolean {
    return this.target.death !== undefined;
  }

  /** The frame number of the last packet. */
  get frame(): number {
    return this.log.length;
  }

  /** Counts that a requirement was looked at. */
  judged(requirement: string): void {
    this.#coverage.requirement(requirement);
  }

  report(violation: Violation): void {
    this.violations.push(violation);
  }

  #play(step: Step): Promise<void> | undefined {
    this.#coverage.step(step);
    switch (step.kind) {
      case 'send':
        this.#sendStep(step);
        return undefined;
      case 'corpus':
        this.#corpusStep(step);
        return undefined;
      case 'bystander':
        if (step.what === 'datagram') this.bystander.say(step.size, step.address);
        else if (step.what === 'heartbeat') this.bystander.beat(step.address);
        else this.stream?.say(step.what, step.size);
        return undefined;
      case 'network':
        if (step.effect === 'lose') this.#lose += step.count;
        else if (step.effect === 'duplicate') this.#duplicate += step.count;
        else if (step.effect === 'hold') this.#hold += step.count;
        else this.#release();
        return undefined;
      case 'addresses': {
        const node = this.nodes[step.actor % ACTORS]!;
        node.addresses = [...node.addresses.slice(1), node.addresses[0]!];
        this.#coverage.addressesChanged(node);
        return undefined;
      }
      case 'pause':
        return this.#pause(step.micros);
    }
  }

  async #pause(micros: Micros): Promise<void> {
    this.#release();
    const from = this.now();
    const before = this.log.length;
    this.#ticks = (this.#ticks + micros) >>> 0;
    await this.#run(from + micros);
    this.#coverage.paused(micros);
    for (const oracle of this.#oracles) oracle.paused?.(this, micros, this.log.length - before);
  }

  #sendStep(step: SendStep): void {
    const composed = this.#composer.send(step);
    const { node, connection } = composed;
    this.#coverage.sent(node, step.address % node.addresses.length, connection, step.message);
    this.#mutateAndSend(composed, step.mutations);
  }

  #corpusStep(step: CorpusStep): void {
    const composed = this.#composer.corpusPacket(step);
    if (composed !== undefined) this.#mutateAndSend(composed, step.mutations);
  }

  #mutateAndSend({ packet, node, place, mark }: Composed, mutations: readonly Mutation[]): void {
    let packets: readonly Uint8Array[] = [packet];
    let isPure = true;
    let number = mark;
    const layouts = layoutsAt(node, place);
    for (const mutation of mutations) {
      const mutator = mutatorOf(mutation.name);
      const changed = packets.length === 1 ? mutator?.apply(packets[0]!, mutation, this) : undefined;
      if (changed === undefined) continue;
      // Of fragments the peer may return the whole, and the whole is what must not pass for the bystander.
      this.#past.tails.add(tailOf(packets[0]!));
      if (scratch.locate(packets[0]!)) {
        if (this.#isBystanders(scratch)) return;
        if (!(changed instanceof Uint8Array)) {
          layouts.add(scratch.cm.layout);
          this.#noteGuess(scratch, node.index);
        }
      }
      // What comes back of fragments has the mark of the whole, which may have been altered itself.
      if (!(changed instanceof Uint8Array)) number = readMark(packets[0]!, scratch.payloadOffset, scratch.end) ?? mark;
      isPure = false;
      this.#coverage.mutator(mutation.name);
      packets = changed instanceof Uint8Array ? [changed] : changed;
    }
    for (const each of packets) {
      const sent: Sent = {
        number,
        time: this.now(),
        packet: each,
        isWhole: packets.length === 1,
        node: node.index,
        step: this.step,
        isPure,
        layouts,
        copies: 0,
        echoes: 0,
      };
      this.#throughNetwork(each, sent);
    }
  }

  #throughNetwork(packet: Uint8Array, sent: Sent): void {
    if (this.#lose > 0) {
      this.#lose--;
      return;
    }
    if (this.#hold > 0) {
      this.#hold--;
      this.#held.push({ packet, sent });
      return;
    }
    this.#transmit(packet, sent);
    if (this.#duplicate > 0) {
      this.#duplicate--;
      this.#transmit(packet, sent);
    }
  }

  /** Held packets go, the last one first. */
  #release(): void {
    for (const { packet, sent } of this.#held.splice(0).reverse()) this.#transmit(packet, sent);
    this.#hold = 0;
  }

  #transmit(packet: Uint8Array, sent: Sent): void {
    if (this.isOver) return;
    this.#ticks = (this.#ticks + TICK_OF_PACKET) >>> 0;
    if (sent.copies === 0 && !this.#note(packet, sent)) return;
    sent.copies++;
    this.messages++;
    this.log.push({ frame: this.log.length + 1, time: this.now(), packet, isSent: true, step: this.step });
    this.#past.tails.add(tailOf(packet));
    this.target.send(packet);
    for (const oracle of this.#oracles) oracle.sent?.(this, sent, packet);
  }

  /**
   * Remembers what comes back by; false for a packet that must not be sent: it passes for the bystander by the protocol's own rules,
   * with its node id and its addresses or a guess of its session (docs/security.md, R7): what came of it would be nobody's fault.
   */
  #note(packet: Uint8Array, sent: Sent): boolean {
    const view = scratch;
    view.locate(packet);
    if (!sent.isWhole) this.#mark(sent.number, sent);
    if (view.status !== HeaderStatus.ok && sent.isWhole) return true;
    if (view.hasCm && sent.node !== BYSTANDER) {
      (sent.layouts as Set<LayoutName>).add(view.cm.layout);
      if (this.#isBystanders(view)) return false;
      this.#noteGuess(view, sent.node);
    }
    // Of two trailers the peer takes one, and returns the other.
    if (view.hasCm) this.#past.tails.add(tailOf(packet, view.cm.trailerStart));
    const mark = readMark(packet, view.payloadOffset, view.end);
    if (mark !== undefined) this.#mark(mark, sent);
    return true;
  }

  #mark(mark: number, sent: Sent): void {
    const known = this.#marked.get(mark);
    if (known === undefined) this.#marked.set(mark, [sent]);
    else if (!known.includes(sent)) known.push(sent);
  }

  #isBystanders({ cm }: TrailerView): boolean {
    const { ids, addresses, sessionId } = this.bystander;
    if (cm.nodeId !== ids[cm.layout]) return false;
    const isKnown = cm.sessionId === sessionId || cm.sessionId === this.stream?.sessionId;
    return (isKnown && cm.pathId !== 0) || cm.localAddresses.some((address) => addresses.includes(address));
  }

  /**
   * A path packet under the bystander's node id. Session ids that the peer itself chose for the bystander are not all known here, so
   * each is a guess of one: by the protocol's own rules the sender's address is the bystander's then, such data goes to that session's
   * application and such a delay into that path's row (docs/security.md, R7).
   */
  #noteGuess({ cm }: TrailerView, node: number): void {
    if (cm.nodeId !== this.bystander.ids[cm.layout] || (cm.pathId === 0 && cm.flags !== Flags.handshake)) return;
    this.#past.guessers.add(node);
    this.#past.guessedPaths.add(cm.pathId);
  }

  /** True when the peer may take a fuzzed node for the bystander. */
  passesForBystander(node: number): boolean {
    return this.#past.guessers.has(node);
  }

  /** True when somebody else may have told the peer of this path of the bystander. */
  isGuessedPath(pathId: number): boolean {
    return this.#past.guessedPaths.has(pathId);
  }

  /** How often user data with a mark came back. */
  echoes(mark: number): number {
    return this.#marked.get(mark)?.reduce((sum, sent) => sum + sent.echoes, 0) ?? 0;
  }

  /** The packets whose user data begins with a mark. */
  marked(mark: number): readonly Sent[] {
    return this.#marked.get(mark) ?? NONE;
  }

  /** True when a packet ends as one that was sent does: the peer returned it undigested. */
  isReturned(packet: Uint8Array): boolean {
    return this.#past.tails.has(tailOf(packet));
  }

  /** An earlier packet of the exchange, for mutators that join two. */
  earlier(choice: number): Uint8Array | undefined {
    return this.log.length === 0 ? undefined : this.log[choice % this.log.length]!.packet;
  }

  /** Lets time pass up to a deadline, or until `done`; what arrives is taken in. */
  async #run(deadline: Micros, done: () => boolean = never): Promise<void> {
    this.#takeIn();
    while (!done() && this.now() < deadline && !this.isOver) {
      const passing = this.target.pass(deadline);
      if (passing !== undefined) await passing;
      this.#takeIn();
    }
    this.#takeIn();
  }

  /** On a live target answers are taken in at certain steps only, so that what is sent does not depend on when they came. */
  async #betweenSteps(): Promise<void> {
    const pacing = this.target.pace?.();
    if (pacing !== undefined) await pacing;
    if (++this.#unseen >= UNSEEN) await this.#catchUp();
  }

  /** On a live target: waits until what was sent has been answered, as far as it is. */
  async #catchUp(): Promise<void> {
    this.#unseen = 0;
    const number = this.bystander.say(8, 0);
    await this.until(() => this.echoes(number) > 0);
  }

  #takeIn(): void {
    for (;;) {
      const arrivals = this.target.take();
      if (arrivals.length === 0) return;
      for (const arrival of arrivals) {
        const frame = this.log.length + 1;
        this.log.push({ frame, time: arrival.time, packet: arrival.packet, isSent: false, step: this.step });
        this.#receive(takeApart(arrival, frame, this.step, this.#place, this.#isForeign));
      }
    }
  }

  #receive(received: Received): void {
    const { owner, connection, cm, mark, protocol } = received;
    if (cm !== undefined && owner === BYSTANDER) this.peerId ??= cm.nodeId;
    if (owner === BYSTANDER) {
      if (protocol === TCP || (protocol === UDP && this.stream?.port === received.destinationPort && cm?.flags === 0)) {
        if (this.stream?.port === received.destinationPort) this.stream.receive(received);
      }
      this.bystander.receive(received);
    } else if (connection !== undefined) this.#learn(connection, received);
    const isData = mark !== undefined && protocol === UDP && (cm === undefined || cm.flags <= 1);
    const sent = isData ? originOf(this.marked(mark), received) : undefined;
    if (sent !== undefined) sent.echoes++;
    this.#coverage.received(received);
    for (const oracle of this.#oracles) oracle.received?.(this, received, sent);
  }

  #learn(connection: Connection, { cm, protocol, packet, l4Offset, data }: Received): void {
    if (cm !== undefined) connection.learn(cm);
    if (protocol !== TCP) return;
    const flags = packet[l4Offset + 13]!;
    const length = data.length + ((flags & (TcpFlags.syn | TcpFlags.fin)) !== 0 ? 1 : 0);
    connection.acknowledgement = (readU32be(packet, l4Offset + 4) + length) >>> 0;
  }

  readonly #place = (address: Ipv4, port: number): Place => {
    const key = addressKey(address, port);
    let place = this.#places.get(key);
    if (place === undefined) {
      place = this.#find(address, port);
      this.#places.set(key, place);
    }
    return place;
  };

  #find(address: Ipv4, port: number): Place {
    for (const node of this.nodes) {
      const connection = node.connections.find((each) => each.port === port);
      if (node.addresses.includes(address) && (connection !== undefined || this.surroundings.isSeparate))
        return { owner: node.index, connection };
    }
    return { owner: this.surroundings.bystander.includes(address) ? BYSTANDER : undefined, connection: undefined };
  }

  /** A CM that is none of the peer's: it is at the end of a packet that was sent, and came back, or has another node id. */
  readonly #isForeign = (packet: Uint8Array, nodeId: NodeId, owner: number | undefined): boolean => {
    if (this.isReturned(packet)) return true;
    // The bystander's packets are all sound: what it gets is the peer's, whatever node id it has.
    return owner !== BYSTANDER && this.peerId !== undefined && (nodeId & 0xffff) !== (this.peerId & 0xffff);
  };
}

const never = () => false;

/** The layouts that a place of a node has used. */
function layoutsAt(node: FuzzNode, place: number): Set<LayoutName> {
  let layouts = node.layouts.get(place);
  if (layouts === undefined) {
    layouts = new Set();
    node.layouts.set(place, layouts);
  }
  return layouts;
}

function isOfStream(step: Step): boolean {
  return step.kind === 'bystander' && step.what !== 'datagram' && step.what !== 'heartbeat';
}

/** The octets that a trailer ends in, as a number; good enough to tell the trailers of one exchange apart. */
function tailOf(packet: Uint8Array, end = packet.length): number {
  let hash = 0;
  for (let i = Math.max(0, end - COMPACT.baseSize); i < end; i++) hash = (Math.imul(hash, 31) + packet[i]!) | 0;
  return hash;
}
const NONE: readonly Sent[] = [];
const scratch = new TrailerView();

/** Which of several packets with one mark came back: the one whose user data it is, else the first. */
function originOf(candidates: readonly Sent[], { data }: Received): Sent | undefined {
  if (candidates.length <= 1) return candidates[0];
  const comesFrom = (sent: Sent, isStrict: boolean) => {
    const { fate, whole, stripped } = expectationOf(sent);
    if (fate === 'never' || fate === 'any') return false;
    // What may have been returned as it is expected to be is not blamed on another of the same octets.
    return sameOctets(data, whole) || ((fate !== 'whole' || !isStrict) && sameOctets(data, stripped));
  };
  return (
    candidates.find((sent) => comesFrom(sent, true)) ??
    candidates.find((sent) => comesFrom(sent, false)) ??
    candidates.find((sent) => expectationOf(sent).fate === 'any') ??
    candidates[0]
  );
}
