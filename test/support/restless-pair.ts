import assert from 'node:assert/strict';
import {
  buildTcp,
  buildUdp,
  formatIpv4,
  type Ipv4,
  parseIpv4,
  TCP,
  TcpFlags,
  type Tuple,
} from '../../src/codec/index.js';
import type { EndpointOptions } from '../../src/endpoint/index.js';
import type { NatOptions } from '../../src/sim/nat.js';
import type { LinkOptions } from '../../src/sim/network.js';
import type { Node } from './endpoint-pair.js';
import type { Seen } from './peer-driver.js';
import { A1, A2, type AccessName, B1, B2, WidePair } from './wide-pair.js';

/** Connections between the hosts: three of UDP, then two of TCP. */
export const CONNECTIONS = 5;
const FIRST_TCP = 3;
const ALL = { a: [A1, A2], b: [B1, B2] } as const;
const MAC = { a: 0x020000000a01, b: 0x020000000b01 } as const;
/** Octets behind which packets that left are kept to be replayed. */
const MOST_REPLAYED = 200;

type Side = 'a' | 'b';

/** What a host sent. */
interface Said {
  readonly from: Side;
  readonly connection: number;
  times: number;
}

/**
 * Two nodes that start again, whose addresses change, and whose NATs forget their mappings while their hosts go on as if
 * nothing were. Every packet of a host has a number, so that each that arrives is known; `look` says what must hold.
 */
export class RestlessPair {
  readonly wide: WidePair;
  /** Connections that a host used. */
  readonly used = new Set<number>();
  /** True once the network, or a replay, may have made copies. */
  hasDuplicated = false;
  /** How often a mapping changed, and how many node ids each node has had. */
  rebinds = 0;
  readonly ids: Record<Side, Set<number>> = { a: new Set([MAC.a]), b: new Set([MAC.b]) };
  readonly #said = new Map<string, Said>();
  readonly #next = new Map<string, number>();
  /** Which connection a socket of B's host is of, by the far end as B sees it. */
  readonly #sockets = new Map<string, number>();
  /** The far end of each connection as B's host saw it last. */
  readonly #seen = new Map<number, Tuple>();
  #number = 0;
  #seed: number;

  constructor(
    seed: number,
    private readonly options: Partial<EndpointOptions>,
    private readonly nat?: Omit<NatOptions, 'address'>,
  ) {
    this.#seed = seed;
    const own = (side: Side) => ({ ...options, mac: MAC[side], seed: this.#seed++ });
    this.wide = new WidePair({ seed, a: own('a'), b: own('b'), ...(nat === undefined ? {} : { nat }) });
  }

  run(millis: number): void {
    this.wide.run(millis);
    this.look();
  }

  /** One packet of a host; B's host answers where it was spoken to, and begins by itself only where no NAT is between. */
  say(from: Side, connection: number, size: number): void {
    const tuple = this.#tuple(from, connection);
    if (tuple === undefined) return;
    this.used.add(connection);
    const text = `${from}${connection} ${this.#number++} `.padEnd(size, '.');
    this.#said.set(text, { from, connection, times: 0 });
    const octets = new TextEncoder().encode(text);
    if (connection < FIRST_TCP) {
      this.wide[from].host(buildUdp(tuple, octets));
      return;
    }
    const name = `${from}${connection}`;
    const at = this.#next.get(name);
    if (at === undefined) {
      const flags = from === 'a' ? TcpFlags.syn : TcpFlags.syn | TcpFlags.ack;
      this.wide[from].host(buildTcp(tuple, { sequence: 99, acknowledgement: 100, flags }, new Uint8Array(0)));
    }
    const sequence = at ?? 100;
    this.#next.set(name, (sequence + octets.length) >>> 0);
    this.wide[from].host(buildTcp(tuple, { sequence, acknowledgement: 100, flags: TcpFlags.ack }, octets));
  }

  /** Packets both ways on every connection that was used, one each in `pauseMillis`; returns what did not arrive. */
  converse(rounds: number, pauseMillis: number): string[] {
    const first = this.#number;
    for (let i = 0; i < rounds; i++) {
      for (const connection of this.used) {
        this.say('a', connection, 20);
        this.say('b', connection, 20);
      }
      this.run(pauseMillis);
    }
    // A segment that came out of order waits for the others.
    this.run(200);
    return [...this.#said]
      .filter(([text, { times }]) => times === 0 && Number(text.split(' ')[1]) >= first)
      .map(([text]) => text);
  }

  /** A node starts again while its host goes on. */
  restart(side: Side, hasNewId: boolean): void {
    const mac = hasNewId ? MAC[side] + 0x10 * this.ids[side].size : [...this.ids[side]].at(-1)!;
    this.ids[side].add(mac);
    const { addresses } = this.wide[side].endpoint;
    this.wide[side].reboot({ ...this.options, addresses, mac, seed: this.#seed++ });
  }

  /** A NAT of A forgets its mappings, and gets another address when asked. */
  rebind(which: 0 | 1, hasNewAddress: boolean): void {
    const nat = this.wide.nats[which];
    if (nat === undefined) return;
    this.rebinds++;
    const [, , , last] = formatIpv4(nat.address).split('.');
    const next = parseIpv4(`198.51.${which + 1}.${(Number(last) % 200) + 1}`);
    nat.rebind(hasNewAddress ? next : nat.address);
  }

  /** Interfaces come and go, and the node is told: 0 and 1 leave one of them, 2 and 3 both, in either order. */
  setAddresses(side: Side, which: number): void {
    const all: readonly Ipv4[] = ALL[side];
    const now = which === 3 ? all : which === 2 ? [...all].reverse() : [all[which]!];
    for (const [i, address] of all.entries())
      this.wide.nics[`${side}${i + 1}` as AccessName].isUp = now.includes(address);
    this.wide[side].setAddresses(now);
    this.wide.network.wake(this.wide[side]);
  }

  /** Changes all access links. */
  setLinks(options: LinkOptions): void {
    if ((options.duplication ?? 0) > 0) this.hasDuplicated = true;
    for (const { forward, back } of Object.values(this.wide.links))
      for (const wire of [forward, back]) wire.set({ delayMicros: 1000, ...options });
  }

  /** Takes a direction of an access link down, or all up. */
  setDown(name: AccessName | undefined, isForward = true): void {
    if (name !== undefined) this.wide.links[name][isForward ? 'forward' : 'back'].isUp = false;
    else for (const { forward, back } of Object.values(this.wide.links)) forward.isUp = back.isUp = true;
  }

  /** A packet that left the other node some time ago arrives once more. */
  replay(to: Side, back: number): void {
    const { sent } = this.wide[to === 'a' ? 'b' : 'a'];
    const node = this.wide[to];
    const packet = sent[sent.length - 1 - (back % Math.max(1, sent.length))];
    if (packet === undefined || !node.endpoint.addresses.includes(packet.tuple.destination)) return;
    this.hasDuplicated = true;
    node.receive(packet.bytes.slice(), this.wide.network.timeOf(node));
    this.wide.network.wake(node);
  }

  /** User data is never altered and reaches the socket of its connection; what the nodes remember is bounded. */
  look(): void {
    for (const side of ['a', 'b'] as const) {
      const node = this.wide[side];
      for (const packet of node.delivered.splice(0)) this.#delivered(side, packet);
      if (node.sent.length > 2 * MOST_REPLAYED) node.sent.splice(0, node.sent.length - MOST_REPLAYED);
      this.#bounds(side, node);
    }
  }

  /** How many sockets B's host has seen, or A's own. */
  get sockets(): number {
    return Math.max(this.#sockets.size, this.used.size);
  }

  #delivered(side: Side, { payload, tuple, bytes }: Seen): void {
    const isTcp = bytes[9] === TCP;
    // A copy of a header that tried a path (docs/decisions.md 57), or a segment that opens the connection.
    if (isTcp && payload === '') return;
    const said = this.#said.get(payload);
    assert.ok(said !== undefined, `user data as it was sent: ${JSON.stringify(payload)}`);
    assert.notEqual(said.from, side, 'user data goes to the other host');
    assert.equal(isTcp, said.connection >= FIRST_TCP, 'by its own protocol');
    said.times++;
    assert.ok(said.times === 1 || this.hasDuplicated, `twice without a copy in the network: ${payload}`);
    const ports = [40000 + said.connection, 7000 + said.connection];
    if (side === 'a') {
      const socket = [tuple.source, tuple.sourcePort, tuple.destination, tuple.destinationPort];
      assert.deepEqual(socket, [B1, ports[1], A1, ports[0]], `the socket of the connection: ${payload}`);
      return;
    }
    assert.deepEqual(
      [tuple.destination, tuple.destinationPort],
      [B1, ports[1]],
      `the socket of the connection: ${payload}`,
    );
    if (this.nat === undefined)
      assert.deepEqual([tuple.source, tuple.sourcePort], [A1, ports[0]], `the far end of the connection: ${payload}`);
    // Behind a NAT a connection may look like another one to B's host later on, but never like one of the others.
    const far = `${isTcp} ${formatIpv4(tuple.source)}:${tuple.sourcePort}`;
    const owner = this.#sockets.get(far) ?? said.connection;
    assert.equal(owner, said.connection, `${far} is one connection`);
    this.#sockets.set(far, owner);
    this.#seen.set(said.connection, tuple);
  }

  #bounds(side: Side, { endpoint }: Node): void {
    const peers = new Set([...endpoint.nodes.rows()].map(([, peer]) => peer));
    const others = this.ids[side === 'a' ? 'b' : 'a'].size;
    // Of one id there may be several while nothing tells that they are one node (docs/decisions.md 26).
    assert.ok(peers.size <= others * (4 + this.rebinds), `${peers.size} peers`);
    const most = CONNECTIONS * 2 * (2 + this.rebinds);
    assert.ok(endpoint.sessions.size <= Math.max(CONNECTIONS, this.sockets), `${endpoint.sessions.size} sessions`);
    assert.ok(endpoint.availability.size <= 2 * most, `${endpoint.availability.size} rows of Table 2`);
    assert.ok(endpoint.nodes.size <= 2 * most, `${endpoint.nodes.size} rows of Table 4`);
    for (const peer of peers) {
      assert.ok(peer.feedback.size <= 255 && peer.formerSessions.size <= 256 && peer.paths.size <= 255);
      assert.ok(peer.sessions.size <= endpoint.sessions.size);
    }
    const tuples = new Set<string>();
    for (const { tuple, protocol, paths } of endpoint.sessions.rows()) {
      tuples.add(`${protocol} ${tuple.sourcePort} ${tuple.destination}:${tuple.destinationPort}`);
      assert.equal(tuple.source, side === 'a' ? A1 : B1, 'a session is of a socket of the host');
      assert.ok(paths.length <= (this.nat === undefined ? 4 : 8 + 4 * this.rebinds), `${paths.length} paths`);
      assert.equal(new Set(paths.map(({ id }) => id)).size, paths.length);
    }
    assert.equal(tuples.size, endpoint.sessions.size, 'one row for each connection');
  }

  #tuple(from: Side, connection: number): Tuple | undefined {
    const [sourcePort, destinationPort] = [40000 + connection, 7000 + connection];
    if (from === 'a') return { source: A1, sourcePort, destination: B1, destinationPort };
    const seen = this.#seen.get(connection);
    if (seen !== undefined)
      return { source: B1, sourcePort: destinationPort, destination: seen.source, destinationPort: seen.sourcePort };
    if (this.nat !== undefined || connection >= FIRST_TCP) return undefined;
    return { source: B1, sourcePort: destinationPort, destination: A1, destinationPort: sourcePort };
  }
}
