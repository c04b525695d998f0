import { addressKey, buildTcp, buildUdp, type Ipv4, type NodeId, TCP } from '../codec/index.js';
import type { Slab } from '../codec/slab.js';
import { adoptedPacket, type CorpusPacket } from './corpus.js';
import {
  type Connection,
  type FuzzNode,
  messageOf,
  type NodeIds,
  nodeIdsOf,
  segmentFields,
  userData,
  withTrailer,
} from './fuzz-node.js';
import { ACTORS, type CorpusStep, type SendStep } from './step.js';
import type { Surroundings } from './target.js';

/** What the composer needs of the exchange. */
export interface ComposerWorld {
  readonly surroundings: Surroundings;
  readonly nodes: readonly FuzzNode[];
  readonly memory: Slab;
  readonly bystander: { readonly ids: NodeIds };
  /** Node id of the peer, once it was heard. */
  readonly peerId: NodeId | undefined;
  ticks(): number;
  /** The number of a datagram's mark. */
  nextNumber(): number;
}

/** A packet that a step became, before mutators. */
export interface Composed {
  readonly packet: Uint8Array;
  readonly node: FuzzNode;
  readonly connection: Connection;
  /** Address and port that it leaves from, as a key. */
  readonly place: number;
  /** The number in its mark; 0 where what comes back need not be what was sent. */
  readonly mark: number;
}

const NOTHING = new Uint8Array(0);

/** Makes packets of steps: names such as "the session of this connection" become what they are by now. */
export class Composer {
  #identification = 0;

  constructor(
    private readonly world: ComposerWorld,
    private readonly corpus: readonly CorpusPacket[],
  ) {}

  /** The packet of a fuzzed node. */
  send(step: SendStep): Composed {
    const { memory, nodes, surroundings } = this.world;
    const node = nodes[step.actor % ACTORS]!;
    const connection = node.connections[step.connection % node.connections.length]!;
    const number = this.world.nextNumber();
    const data = step.message === 'plain' || step.size > 0 ? userData(number, Math.max(step.size, 1), memory) : NOTHING;
    const isSegment = step.carrier !== 'udp';
    const content = isSegment ? streamData(connection, step, data) : data;
    const message =
      step.message === 'plain'
        ? undefined
        : messageOf(step, {
            node,
            connection,
            other: nodes[(step.actor + step.session.value) % ACTORS]!.connections[(step.connection + 1) % 2]!,
            ids: this.#identity(step, node),
            list: this.#list(step, node),
            timestamp: (this.world.ticks() + (node.seed & 0xffff)) >>> 0,
            number,
          });
    const tuple = {
      source: node.address(step.address),
      sourcePort: connection.port,
      destination: surroundings.peer,
      destinationPort: this.#servicePort(connection, isSegment),
    };
    const ip = { identification: ++this.#identification & 0xffff, dontFragment: false };
    const fields = isSegment ? segmentFields(step.segment, connection, content.length) : undefined;
    let packet: Uint8Array;
    if (fields === undefined || step.carrier === 'wrapper') {
      const inner = fields === undefined ? content : buildTcp(tuple, fields, content, ip, memory).subarray(20);
      packet = buildUdp(tuple, message === undefined ? inner : withTrailer(inner, message, memory), ip, memory);
    } else {
      const payload = message === undefined ? content : withTrailer(content, message, memory);
      packet = buildTcp(tuple, fields, payload, ip, memory);
    }
    // The data of a segment belongs to a stream: it need not come back as it was sent.
    const mark = isSegment ? 0 : number;
    return { packet, node, connection, place: addressKey(tuple.source, connection.port), mark };
  }

  /** A packet of the corpus as a fuzzed node sends it; undefined where there is none, or no way for it. */
  corpusPacket(step: CorpusStep): Composed | undefined {
    const found = this.corpus[step.index % Math.max(1, this.corpus.length)];
    if (found === undefined) return undefined;
    const { nodes, surroundings } = this.world;
    if (found.protocol === TCP && surroundings.tcpPort === undefined) return undefined;
    const node = nodes[step.actor % ACTORS]!;
    const connection = node.connections[step.connection % node.connections.length]!;
    const tuple = {
      source: node.address(step.address),
      sourcePort: connection.port,
      destination: surroundings.peer,
      destinationPort: this.#servicePort(connection, found.protocol === TCP),
    };
    const adopt = step.adopted ? { ids: node.ids, session: connection.sessionId } : undefined;
    const packet = adoptedPacket(found, tuple, adopt);
    return { packet, node, connection, place: addressKey(tuple.source, connection.port), mark: 0 };
  }

  /** The second connection of a node is with the service that answers nothing, where there is one. */
  #servicePort(connection: Connection, isSegment: boolean): number {
    const { echoPort, discardPort, tcpPort } = this.world.surroundings;
    if (isSegment) return tcpPort ?? echoPort;
    return connection.index === 1 && discardPort !== undefined ? discardPort : echoPort;
  }

  #identity(step: SendStep, node: FuzzNode): NodeIds {
    const { nodes, surroundings, bystander, peerId } = this.world;
    switch (step.identity) {
      case 'own':
        return node.ids;
      case 'other':
        return nodes[(node.index + 1) % nodes.length]!.ids;
      case 'bystander':
        return surroundings.isSeparate ? bystander.ids : node.ids;
      case 'peer':
        return { compact: peerId ?? 0, full: 0x0200_0000_0000 + (peerId ?? 1) };
      case 'literal':
        return nodeIdsOf(step.delay);
    }
  }

  #list(step: SendStep, node: FuzzNode): readonly Ipv4[] {
    switch (step.list) {
      case 'own':
        return node.addresses;
      case 'one':
        return [node.addresses[0]!];
      case 'none':
        return [];
      case 'strangers':
        return this.world.surroundings.strangers;
      case 'peer':
        return [this.world.surroundings.peer];
      // Not with the bystander's id and its addresses: who announces both passes for it by the protocol's own rules.
      case 'odd':
        return [0x7f00_0001, 0xe000_0001].slice(0, 1 + (step.delay & 1));
    }
  }
}

/** User data of a segment: none where the segment has none. */
function streamData(connection: Connection, step: SendStep, data: Uint8Array): Uint8Array {
  const isEmpty =
    step.segment === 'syn' || step.segment === 'syn-ack' || step.segment === 'ack' || step.segment === 'rst';
  return isEmpty || connection.acknowledgement === 0 ? NOTHING : data;
}
