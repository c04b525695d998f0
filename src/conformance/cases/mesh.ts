import { readU32be, writeU32be } from '../../codec/bytes.js';
import { type ControlMessage, Flags, type Ipv4 } from '../../codec/index.js';
import { EXPECTED, fieldValue } from '../describe.js';
import type { Destination, Micros } from '../link.js';
import { isData, isQuery, type Observed } from '../observed.js';
import { type Bounds, binomialBounds, FALSE_ALARM } from '../statistics.js';
import type { TestNode, TestPort } from '../test-port.js';
import { cmOf, type Session, type Tester } from '../tester.js';
import { confirmProvoked, ownSession, peerSession } from './moves.js';

/** Datagrams on their way at once: few enough for any socket's buffer. */
const AT_ONCE = 128;
/** Packets sent together to look for paths. */
const BURST = 24;
/** Answers without a new path that are enough where no further one is possible. */
const QUIET = 16;
/** The tester's own path id in data packets: its only one. */
const OWN_PATH = 1;
/** Octets of user data: a tag of the mesh and a number. */
const LENGTH = 16;

/** How a mesh is opened. */
export interface MeshOptions {
  readonly node?: TestNode;
  /**
   * From how many addresses of the tester the peer may be reached: 1, 2, or `few` for as few as give two paths. The case
   * says `sources: 2` where it asks for 2.
   */
  readonly sources?: 1 | 2 | 'few';
  readonly id?: number;
  /** True to look for further paths for some seconds where packets sent together take only one. */
  readonly isPatient?: boolean;
}

/**
 * A session over UDP of which the tester sees every path that the peer chooses: it sends to the echo service and looks by
 * which path each answer comes back. What the peer is told of its paths' delays is the case's choice.
 */
export class Mesh {
  /** The first answer that came by each of the peer's paths, by path id. */
  readonly paths = new Map<number, Observed>();
  /** The delay fed back for each path, in ticks; paths without an entry are not fed back. */
  readonly delays = new Map<number, number>();
  /** The session's ports: the first is its own. */
  readonly ports: TestPort[];
  /** When the first answer with a path id from 1 came: weights count from here. */
  pathsSince: Micros = Number.NaN;
  /** The addresses that the peer announced. */
  readonly peerAddresses = new Set<Ipv4>();
  /** The tester's address list in its CMs. */
  announced: readonly Ipv4[];
  /** The port that packets are sent from; the session's own unless changed. */
  from: TestPort;
  /** Where they go; the echo service at the peer's first address unless changed. */
  to: 'echo' | Destination = 'echo';
  /** Octets of user data in each packet. */
  size = LENGTH;
  /** Packets of which it is not known whether they arrived once: unanswered ones and those answered twice. */
  uncertain = 0;

  readonly #tag: Uint8Array;
  /** What was sent last, for the next packet. */
  #payload = new Uint8Array(0);
  readonly #answers = new Map<number, Observed>();
  #number = 0;
  #turn = 0;
  /** Answers since the last that came by a new path. */
  #quiet = 0;

  private constructor(
    private readonly t: Tester,
    readonly session: Session,
  ) {
    this.ports = [session.port];
    this.from = session.port;
    this.announced = [session.port.address];
    this.#tag = t.payload(LENGTH - 4);
    this.watch(session.port);
  }

  /** The handshake, a session that both ends hold, and every path that the peer then uses; `inconc` without two of them. */
  static async open(t: Tester, options: MeshOptions = {}): Promise<Mesh> {
    const { sources = 'few' } = options;
    const mesh = await Mesh.begin(t, options);
    if (sources !== 2) await mesh.findPaths();
    if (sources === 2 || (sources === 'few' && mesh.paths.size < 2 && t.sources > 1)) {
      await mesh.join(1);
      await mesh.findPaths();
    }
    for (let i = 0; options.isPatient === true && mesh.paths.size < 2 && i < 8; i++) {
      await t.sleep(1.2 * t.constants['path-refresh']);
      await mesh.burst(1);
    }
    if (mesh.paths.size < 2) {
      const { size } = mesh.peerAddresses;
      if (size > 1 || (sources === 2 && size > 0)) {
        t.inconc(
          'one-path',
          'The peer uses one path only, although there are several addresses: other cases judge that.',
        );
      }
      t.notApplicable('one-path', 'Peer and tester have one address each: there is only one path to choose.');
    }
    mesh.pathsSince = t.now();
    return mesh;
  }

  /** Only the handshake and the session; `findPaths` looks for paths then. */
  static async begin(t: Tester, { node = t.node(), id }: MeshOptions = {}): Promise<Mesh> {
    return new Mesh(t, await ownSession(t, await node.port(), 'echo', id === undefined ? {} : { id }));
  }

  /**
   * Two addresses of the tester, both known to the peer before the session begins, whose first packet lists them: the
   * second has answered a query of the peer's own, so that no peer has to prove it first.
   */
  static async together(t: Tester): Promise<Mesh> {
    const mesh = await Mesh.announcing(t, []);
    const second = await mesh.node.port(1, mesh.session.port.port);
    await confirmProvoked(t, second);
    mesh.#include(second);
    return mesh;
  }

  /** Only the handshake; the session begins with the first packet of the mesh, whose address list is given. */
  static async announcing(t: Tester, announced: readonly Ipv4[]): Promise<Mesh> {
    const port = await t.node().port();
    await t.handshake(port);
    const mesh = new Mesh(t, { id: 100 + t.random.below(150), port, service: 'echo', first: undefined });
    mesh.announced = announced;
    return mesh;
  }

  /** A session that the peer has begun and of which it does not know that we hold it too: its packets name no path yet. */
  static async begunByPeer(t: Tester): Promise<Mesh> {
    const port = await t.node().port();
    await t.handshake(port);
    const first = await peerSession(t, port);
    return new Mesh(t, { id: first.cm.sessionId, port, service: 'echo', first });
  }

  get node(): TestNode {
    return this.session.port.node;
  }

  /** Ids of the peer's paths that were seen, in ascending order. */
  get pathIds(): number[] {
    return [...this.paths.keys()].sort((a, b) => a - b);
  }

  /** Takes answers from a port, and confirms the peer's queries there. */
  watch(port: TestPort): void {
    port.onReceive((packet) => {
      if (isQuery(packet)) {
        const to = { address: packet.source, port: packet.sourcePort };
        port.send(to, packet.payload, { flags: Flags.enabled, localAddresses: this.announced });
        return;
      }
      this.#take(packet);
    });
  }

  /** Lets another address of the tester take part: announced, asking and answering for itself. */
  async join(source: number): Promise<TestPort> {
    const port = await this.node.port(source, this.session.port.port);
    this.#include(port);
    await this.t.handshake(port, 'echo', {
      code: 'no-confirm-second',
      text: 'The peer did not confirm a query from our second address.',
    });
    return port;
  }

  #include(port: TestPort): void {
    this.ports.push(port);
    this.watch(port);
    this.announced = this.ports.map(({ address }) => address);
  }

  /**
   * Sends until no new path shows any more: a path with an equal share is overlooked once in 1e10 times. Where there is a path
   * between each two addresses, a few answers more are enough: there can be no other.
   */
  async findPaths(): Promise<void> {
    this.#quiet = 0;
    const isComplete = () => this.paths.size === this.ports.length * this.peerAddresses.size;
    while (this.#quiet < (isComplete() ? QUIET : BURST * (this.paths.size + 1))) {
      const answers = await this.burst(BURST);
      if (answers.length === 0)
        this.t.inconc('no-echo', 'The peer does not return the data of an established session.');
    }
    if (this.paths.size === 0) {
      this.t.inconc('no-path', 'The peer never names a path in a session that both ends hold.');
    }
  }

  /**
   * Sends `count` packets to the echo service, as many at once as a socket holds, each feeding back the next path of
   * `delays`.
   * @returns the answers, in the order of the peer's clock; each a data packet of the session.
   */
  async burst(count: number, cm?: Partial<ControlMessage>): Promise<Observed[]> {
    const { t } = this;
    const answers: Observed[] = [];
    for (let sent = 0; sent < count; ) {
      const numbers: number[] = [];
      for (let i = 0; i < AT_ONCE && sent < count; i++, sent++) numbers.push(this.send(cm));
      let answered = 0;
      const areAnswered = () => {
        while (answered < numbers.length && this.#answers.has(numbers[answered]!)) answered++;
        return answered === numbers.length;
      };
      await t.until(areAnswered, 2 * t.slack + t.patience / 4);
      for (const number of numbers) {
        const answer = this.#answers.get(number);
        if (answer === undefined) this.uncertain++;
        else answers.push(answer);
      }
      for (const port of this.ports) port.forget();
    }
    // Paths and sockets of their own carry them: the order of arrival is not that of the peer's choices.
    return answers.sort((a, b) => (cmOf(a).timestamp - cmOf(b).timestamp) | 0);
  }

  /** Sends `count` packets one after the other, each up to three times until it is answered. */
  async insist(count: number, cm?: Partial<ControlMessage>): Promise<Observed[]> {
    const answers: Observed[] = [];
    for (let i = 0; i < count; i++) {
      for (let attempt = 0; attempt < 3; attempt++) {
        const [answer] = await this.burst(1, cm);
        if (answer === undefined) continue;
        answers.push(answer);
        break;
      }
    }
    return answers;
  }

  /** Sends one packet to the echo service; returns its number. */
  send(cm?: Partial<ControlMessage>): number {
    const number = ++this.#number;
    if (this.#payload.length !== this.size) {
      this.#payload = new Uint8Array(this.size);
      this.#payload.set(this.#tag);
    }
    writeU32be(this.#payload, LENGTH - 4, number);
    const feedbackPathId = this.#nextFed();
    const own = {
      sessionId: this.session.id,
      pathId: OWN_PATH,
      localAddresses: this.announced,
      feedbackPathId,
      pathDelay: feedbackPathId === 0 ? 0 : this.delays.get(feedbackPathId)! | 0,
    };
    this.from.send(this.to, this.#payload, cm === undefined ? own : { ...own, ...cm });
    return number;
  }

  /** Feeds one delay back for one path, now, and waits for the sign that it arrived: the answer. */
  async feed(pathId: number, delay: number): Promise<void> {
    await this.burst(1, { feedbackPathId: pathId, pathDelay: delay | 0 });
  }

  /** Feeds every path of `delays` back once, together, and waits for the answers. */
  async feedAll(): Promise<void> {
    await this.burst(this.delays.size);
  }

  /**
   * Lets `periods` of Algorithm 1 pass with a packet in each of them, feeding back as `delays` says; `before` is called
   * first in each.
   */
  async pass(periods: number, before?: (period: number) => void): Promise<void> {
    const { t } = this;
    const period = t.constants['weight-period'];
    const start = t.now();
    for (let i = 0; i < periods; i++) {
      before?.(i);
      this.send();
      await t.sleep(Math.max(0, start + (i + 1) * period - t.now()));
      for (const port of this.ports) port.forget();
    }
  }

  /** True for an answer to a packet of this mesh, wherever it arrived. */
  owns({ packet, payloadOffset, payloadLength }: Observed): boolean {
    if (payloadLength < LENGTH) return false;
    const tag = this.#tag;
    for (let i = 0; i < tag.length; i++) if (tag[i] !== packet[payloadOffset + i]) return false;
    return true;
  }

  /** How many of the answers came by each path, in the order of `pathIds`. */
  counts(answers: readonly Observed[]): number[] {
    const counts = new Map(this.pathIds.map((id) => [id, 0]));
    for (const answer of answers) {
      const { pathId } = cmOf(answer);
      counts.set(pathId, (counts.get(pathId) ?? 0) + 1);
    }
    return this.pathIds.map((id) => counts.get(id)!);
  }

  /** Bounds on how many of `answers` come by a path whose share is between `low` and `high`. */
  bounds(answers: readonly Observed[], low: number, high: number, tests = 2): Bounds {
    return binomialBounds(answers.length, Math.max(0, low), Math.min(1, high), FALSE_ALARM / tests);
  }

  /** Ends the case when it rests on every feedback having arrived exactly once and one may not have. */
  requireCertainty(): void {
    if (this.uncertain === 0) return;
    this.t.inconc(
      'loss',
      `The network lost or doubled ${this.uncertain} packets, so that it is not known which delays the peer was told.`,
    );
  }

  /** The path whose turn it is to be fed back; 0 for none. */
  #nextFed(): number {
    if (this.delays.size === 0) return 0;
    const ids = [...this.delays.keys()];
    return ids[this.#turn++ % ids.length]!;
  }

  #take(packet: Observed): void {
    if (!this.owns(packet)) return;
    const { cm } = packet;
    if (!isData(packet)) {
      if (cm === undefined)
        this.t.inconc('no-cm', 'A packet of an established session came without a control message.', {
          expected: EXPECTED.withCm,
          packet,
        });
      return;
    }
    const { pathId, sessionId, localAddresses } = cm!;
    if (sessionId !== this.session.id) {
      this.t.inconc('other-session', 'A packet of an established session carries another session id.', {
        expected: fieldValue('sessionId', this.session.id),
        seen: fieldValue('sessionId', sessionId),
        packet,
        field: 'sessionId',
      });
    }
    for (const address of localAddresses) if (address !== 0) this.peerAddresses.add(address);
    const number = readU32be(packet.packet, packet.payloadOffset + LENGTH - 4);
    if (this.#answers.has(number)) {
      this.uncertain++;
      return;
    }
    this.#answers.set(number, packet);
    this.#quiet++;
    if (pathId === 0 || this.paths.has(pathId)) return;
    this.paths.set(pathId, packet);
    this.#quiet = 0;
  }
}
