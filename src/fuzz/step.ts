import type { LayoutName } from '../codec/index.js';

/**
 * What a fuzzed exchange is made of: plain data, so that it can be generated, simplified, stored and replayed. A step names
 * things by their part in the exchange ("the session of this connection") and becomes octets only when it is played, with what
 * the peer has answered until then.
 */

/** How an id of a CM is chosen. `own`: the right one; `other`: that of another connection; `seen`: one that the peer used. */
export type IdRef = 'own' | 'none' | 'other' | 'seen' | 'literal';

/** An id of a CM: `value` is the id for `literal`, else it chooses among several. */
export interface IdChoice {
  readonly ref: IdRef;
  readonly value: number;
}

/** Whose node id a packet carries. `bystander`: that of the well-behaved node; `peer`: that of the peer itself. */
export type Identity = 'own' | 'other' | 'bystander' | 'peer' | 'literal';

/** Which addresses a CM lists. */
export type ListChoice = 'own' | 'one' | 'none' | 'strangers' | 'peer' | 'odd';

/** What a packet is: a CM's flag by its name, or `plain` for an ordinary packet. */
export type MessageKind = 'plain' | 'enable' | 'enabled' | 'normal' | 'heartbeat' | 'handshake' | 'ip-change';

/** What carries it. `wrapper`: a TCP segment in a UDP datagram (paper, section 3.8.2). */
export type Carrier = 'udp' | 'tcp' | 'wrapper';

/** What a TCP segment is in its connection. `gap`: data beyond the next sequence number; `old`: data below it. */
export type SegmentKind = 'syn' | 'syn-ack' | 'ack' | 'data' | 'gap' | 'old' | 'fin' | 'rst';

/** A change of a packet that was well formed: `name` is a mutator's, `at` and `value` are its parameters. */
export interface Mutation {
  readonly name: string;
  /** Chooses a place; any 32-bit number. */
  readonly at: number;
  /** Chooses a value; any 32-bit number. */
  readonly value: number;
}

/** A packet of one of the fuzzed nodes. */
export interface SendStep {
  readonly kind: 'send';
  readonly message: MessageKind;
  readonly carrier: Carrier;
  readonly segment: SegmentKind;
  readonly layout: LayoutName;
  /** Which fuzzed node, which of its connections, which of its addresses it leaves from. */
  readonly actor: number;
  readonly connection: number;
  readonly address: number;
  readonly identity: Identity;
  readonly session: IdChoice;
  readonly path: IdChoice;
  readonly feedback: IdChoice;
  /** Path Delay as fed back, in microseconds. */
  readonly delay: number;
  readonly list: ListChoice;
  /** Octets of user data beside the mark that tells datagrams apart. */
  readonly size: number;
  readonly mutations: readonly Mutation[];
}

/** A packet of the corpus, sent as if by a fuzzed node. */
export interface CorpusStep {
  readonly kind: 'corpus';
  /** Chooses the packet. */
  readonly index: number;
  readonly actor: number;
  readonly connection: number;
  readonly address: number;
  /** Whether node and session id become those of the fuzzed node. */
  readonly adopted: boolean;
  readonly mutations: readonly Mutation[];
}

/**
 * The well-behaved node says something. `datagram`: by one of its paths; `heartbeat`: a measurement of that path which is not answered;
 * `next`, `swap`, `hole`: a segment of its TCP connection in order, two in the wrong order, or one whose predecessor is late.
 */
export interface BystanderStep {
  readonly kind: 'bystander';
  readonly what: 'datagram' | 'heartbeat' | 'next' | 'swap' | 'hole';
  readonly size: number;
  readonly address: number;
}

/** Nothing is sent for so long. */
export interface PauseStep {
  readonly kind: 'pause';
  /** Microseconds of the target's time. */
  readonly micros: number;
}

/** What the network does to the next packets: `hold` lets later ones overtake them. */
export interface NetworkStep {
  readonly kind: 'network';
  readonly effect: 'lose' | 'duplicate' | 'hold' | 'release';
  readonly count: number;
}

/** A fuzzed node gets other addresses (paper, section 3.4): it uses and lists them in another order. */
export interface AddressStep {
  readonly kind: 'addresses';
  readonly actor: number;
}

/** One step of an exchange. */
export type Step = SendStep | CorpusStep | BystanderStep | PauseStep | NetworkStep | AddressStep;

/** Fuzzed nodes of an exchange, beside the bystander. */
export const ACTORS = 2;
/** Connections of a fuzzed node. */
export const CONNECTIONS = 2;
/** Addresses of a node. */
export const ADDRESSES = 2;

/** A step in a few words, for lists and comments. */
export function stepText(step: Step): string {
  switch (step.kind) {
    case 'pause':
      return `pause ${step.micros} µs`;
    case 'network':
      return `network ${step.effect} ${step.count}`;
    case 'addresses':
      return `node ${step.actor} changes its addresses`;
    case 'bystander':
      return `bystander: ${step.what}, ${step.size} octets, address ${step.address}`;
    case 'corpus':
      return `node ${step.actor} sends packet ${step.index} of the corpus${mutationText(step.mutations)}`;
    case 'send': {
      const who = `node ${step.actor}${step.identity === 'own' ? '' : ` as ${step.identity}`}`;
      const what = step.carrier === 'udp' ? step.message : `${step.message} ${step.segment} by ${step.carrier}`;
      const ids =
        step.message === 'plain'
          ? ''
          : ` session ${idText(step.session)} path ${idText(step.path)} feedback ${idText(step.feedback)}`;
      return `${who} connection ${step.connection} address ${step.address}: ${what}${ids}${mutationText(step.mutations)}`;
    }
  }
}

function idText({ ref, value }: IdChoice): string {
  return ref === 'literal' ? String(value) : ref;
}

function mutationText(mutations: readonly Mutation[]): string {
  return mutations.map(({ name, at, value }) => ` +${name}(${at},${value})`).join('');
}
