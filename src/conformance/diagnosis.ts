import { type ControlMessage, Flags, formatIpv4, type Ipv4, TcpFlags } from '../codec/index.js';
import type { TestCase } from './case.js';
import { askWith, isOfStream, segmentWith } from './cases/tcp-moves.js';
import { checksumState } from './checksum-state.js';
import type { Destination } from './link.js';
import { all, hasCm, isConfirm, isData, isPlain, isQuery, type Observed, payloadIs } from './observed.js';
import { segmentOf } from './segment.js';
import type { TestNode, TestPort } from './test-port.js';
import type { Tester } from './tester.js';

/** One reason why a peer does not use several paths, or the sentence that it does. */
export interface Reason {
  /** Machine-readable and stable; docs/check.md lists them. */
  readonly code: string;
  /** A paragraph for a person. */
  readonly text: string;
  /** Frames of the exchange that show it, from 1. */
  readonly frames: readonly number[];
}

/** The answer to "why is it not multipathing?": reasons, the most fundamental first; never empty. */
export interface Explanation {
  readonly reasons: readonly Reason[];
  /** What was seen on the way there, a sentence each. */
  readonly seen: readonly string[];
}

const ATTEMPTS = 3;
/** Data packets that show which paths the peer takes: one of two equal paths is overlooked once in 2^63 times. */
const SAMPLES = 64;
/** Queries after which a peer gives up (paper, section 3.2). */
const THRESHOLD = 5;

/**
 * Goes the way of a connection step by step, from the first ordinary datagram to the last path, and notes where it ends.
 * Needs the services `echo`; TCP is looked at where the link shows it.
 */
export class Diagnosis {
  readonly #reasons: Reason[] = [];
  readonly #seen: string[] = [];
  #t!: Tester;

  /** The exchange as a case. Its verdict is not reported. */
  readonly testCase: TestCase = {
    id: 'explanation',
    area: 'GEN',
    purpose: 'Step by step to the last path: where does it end?',
    requirements: [],
    services: ['echo'],
    duration: () => 20_000_000,
    run: async (t: Tester) => {
      this.#t = t;
      await this.#goThrough();
      t.pass('The way was gone.');
    },
  };

  constructor(
    /** Whether the peer has a TCP echo service and the link shows TCP. */
    private readonly withTcp: boolean,
    private readonly headersAreReal: boolean,
  ) {}

  /** What was found; call it after the case was played. */
  result(): Explanation {
    const reasons =
      this.#reasons.length > 0
        ? this.#reasons
        : [{ code: 'not-found-out', text: 'Why is not known: the exchange ended before its end.', frames: [] }];
    return { reasons, seen: this.#seen };
  }

  #because(code: string, text: string, ...packets: readonly (Observed | undefined)[]): void {
    if (this.#reasons.some((reason) => reason.code === code)) return;
    this.#reasons.push({
      code,
      text,
      frames: packets.flatMap((packet) => (packet === undefined ? [] : [packet.frame])),
    });
  }

  async #goThrough(): Promise<void> {
    const t = this.#t;
    const node = t.node();
    const ports = [await node.port()];
    const session = ports[0]!;
    const confirm = await this.#query(session);
    if (confirm === undefined) return;
    this.#seen.push('The peer speaks MPIP: it confirmed our availability query.');
    await this.#listenToItsQueries();
    for (let source = 1; source < t.sources; source++) ports.push(await node.port(source, session.port));
    const peerAddresses = await this.#beginSession(ports, confirm);
    if (peerAddresses === undefined) return;
    await this.#visit(node, peerAddresses);
    const paths = await this.#pathsOf(ports);
    this.#look(paths, peerAddresses.size, ports);
    this.#lookAtChecksums(ports);
    if (this.withTcp) await this.#tcp(peerAddresses);
    const isMultipath = paths.size > 1;
    if (this.#reasons.length === 0 && isMultipath) {
      this.#because('multipath', `It is multipathing: its packets came by ${paths.size} paths.`, ...paths.values());
    }
  }

  /** Step 1: our query. */
  async #query(port: TestPort): Promise<Observed | undefined> {
    const t = this.#t;
    let sent: Observed | undefined;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      sent = port.send('echo', t.payload(), { flags: Flags.enable }, { mayBeOrdinary: true });
      const answer = await port.receive((packet) => isConfirm(packet) || packet.cm?.nodeId === port.node.id, {
        within: t.patience / 2,
      });
      if (answer === undefined) continue;
      if (isConfirm(answer) && answer.cm?.nodeId !== port.node.id) return answer;
      this.#because(
        'no-mpip',
        'There is no MPIP at the peer: it gave our query to its application, which returned it with the control message still at its end. Look whether the node runs there, on this port and this interface.',
        sent,
        answer,
      );
      return undefined;
    }
    const length = sent!.wirePayload.length;
    const plain = t.payload(length);
    port.send('echo', plain);
    const echoed = await port.receive(payloadIs(plain), { within: t.patience / 2 });
    // Its own query, a copy of the answer, comes beside that.
    const asked = await this.#fromAny([port], isQuery, t.slack);
    if (echoed === undefined) {
      this.#because(
        'no-answer',
        `The peer answers neither our query nor an ordinary datagram of the same ${length} octets: it is not there, is filtered, or has no echo service on this port.`,
        sent,
      );
    } else {
      const where =
        asked === undefined
          ? 'It, or the answer, was filtered on the way'
          : 'The peer itself asks us, so that it speaks MPIP and its packets arrive here: our query was filtered on the way to it';
      this.#because(
        'query-filtered',
        `Our query was neither confirmed nor returned, though ordinary datagrams of the same length are answered; a host without MPIP would have returned it. ${where}. Look for firewalls that compare lengths and checksums, or drop what they cannot parse.`,
        sent,
        asked,
      );
    }
    return undefined;
  }

  /** Step 2: what the peer asks a host that it does not know, and what becomes of our confirmations. */
  async #listenToItsQueries(): Promise<void> {
    const t = this.#t;
    const port = await t.node().port();
    let queries = 0;
    let last: Observed | undefined;
    port.onReceive((packet) => {
      if (!isQuery(packet)) return;
      queries++;
      last = packet;
      port.send(whereFrom(packet), packet.payload, { flags: Flags.enabled });
    });
    for (let i = 0; i < THRESHOLD + 3; i++) {
      const payload = t.payload();
      port.send('echo', payload);
      const answer = await port.receive(payloadIs(payload), { within: t.patience / 4 });
      if (answer !== undefined && isData(answer)) {
        this.#seen.push('Its own queries arrive here, and our confirmations there.');
        return;
      }
    }
    if (queries === 0) {
      this.#because(
        'its-queries-missing',
        'The peer answers queries, but its own do not arrive here: what it begins itself stays on one path. They are copies of its packets; something on the way may drop them as duplicates.',
      );
    } else if (queries >= THRESHOLD) {
      this.#because(
        'threshold-reached',
        `The peer asked ${queries} times and none of our confirmations reached it, so that it gave up: its threshold (paper, section 3.2) is reached, and what it sends to this address and port stays ordinary until a query or a confirmation from there arrives. Look for what drops our confirmations on the way.`,
        last,
      );
    } else {
      this.#because(
        'confirmation-ignored',
        `The peer asked ${queries} times, was confirmed each time, and still sends ordinary packets.`,
        last,
      );
    }
  }

  /** Step 3: a session. @returns the addresses that the peer announces, or undefined when there is none. */
  async #beginSession(ports: readonly TestPort[], confirm: Observed): Promise<Set<Ipv4> | undefined> {
    const t = this.#t;
    const [session] = ports as [TestPort];
    const announced = ports.map(({ address }) => address);
    const addresses = new Set<Ipv4>([t.peerAddress, ...(confirm.cm?.localAddresses ?? [])]);
    for (const port of ports) {
      port.onReceive((packet) => {
        for (const address of packet.cm?.localAddresses ?? []) addresses.add(address);
        if (isQuery(packet)) {
          port.send(whereFrom(packet), packet.payload, { flags: Flags.enabled, localAddresses: announced });
        }
      });
    }
    let answer: Observed | undefined;
    for (let i = 0; i < 4; i++) answer = (await this.#exchange(session, announced, i === 0 ? 0 : 1)) ?? answer;
    for (const port of ports.slice(1)) {
      port.send('echo', t.payload(), { flags: Flags.enable, localAddresses: announced });
      if ((await port.receive(isConfirm, { within: t.patience / 4 })) !== undefined) continue;
      this.#because(
        'own-address-unheard',
        `The peer does not answer queries from our address ${formatIpv4(port.address)}: packets from or to there are lost on the way, and with them its paths.`,
      );
    }
    if (answer?.cm !== undefined) return addresses;
    this.#because(
      'no-session',
      answer === undefined
        ? 'The peer confirms queries, but data with a control message is not answered: something on the way drops it, or the peer does not deliver it.'
        : 'The peer confirms queries, but answers data with a control message by ordinary packets: it begins no session.',
      answer,
    );
    return undefined;
  }

  async #exchange(port: TestPort, announced: readonly Ipv4[], pathId: number): Promise<Observed | undefined> {
    const t = this.#t;
    const payload = t.payload();
    const cm: Partial<ControlMessage> = { sessionId: SESSION, pathId, localAddresses: announced };
    port.send('echo', payload, cm);
    const isAnswer = all(payloadIs(payload), (packet) => isPlain(packet) || isData(packet));
    return await this.#fromAny([port], isAnswer, t.patience / 4);
  }

  async #fromAny(
    ports: readonly TestPort[],
    isWanted: (packet: Observed) => boolean,
    within: number,
  ): Promise<Observed | undefined> {
    const find = () =>
      ports.flatMap((port) => port.history).find((packet) => packet.direction === 'received' && isWanted(packet));
    await this.#t.until(() => find() !== undefined, within);
    return find();
  }

  /** Step 4: every address that the peer announces. */
  async #visit(node: TestNode, addresses: ReadonlySet<Ipv4>): Promise<void> {
    const t = this.#t;
    for (const address of addresses) {
      if (address === t.peerAddress) continue;
      const to = { address, port: t.destination('echo').port };
      const port = await node.port();
      port.send(to, t.payload(), { flags: Flags.enable });
      if ((await port.receive(isConfirm, { within: t.patience / 2 })) !== undefined) continue;
      const payload = t.payload();
      const sent = port.send(to, payload);
      const echoed = await port.receive(payloadIs(payload), { within: t.patience / 2 });
      const name = formatIpv4(address);
      if (echoed === undefined) {
        this.#because(
          'address-unreachable',
          `The peer announces its address ${name}, but nothing that we send there is answered: it cannot be reached from here (a private address behind a NAT, a missing route, a firewall), so that no path by it comes about.`,
          sent,
        );
      } else {
        this.#because(
          'copies-dropped',
          `At the peer's address ${name} ordinary datagrams are answered and queries are not: a NAT or firewall on that way drops packets with a control message.`,
          sent,
          echoed,
        );
      }
    }
  }

  /** Step 5: the paths that the peer takes, by what distinguishes them, each with a packet. */
  async #pathsOf(ports: readonly TestPort[]): Promise<Map<string, Observed>> {
    const t = this.#t;
    const [session] = ports as [TestPort];
    const announced = ports.map(({ address }) => address);
    // Time for queries, confirmations and new paths.
    for (let i = 0; i < 4; i++) {
      await this.#exchange(session, announced, 1);
      await t.sleep(t.slack / 4);
    }
    const since = t.now();
    for (let i = 0; i < SAMPLES; i++) {
      session.send('echo', t.payload(), { sessionId: SESSION, pathId: 1, localAddresses: announced });
      if (i % 16 === 15) await t.sleep(t.slack / 20);
    }
    await t.sleep(t.slack);
    const paths = new Map<string, Observed>();
    for (const packet of ports.flatMap((port) => port.history)) {
      if (packet.direction !== 'received' || packet.time < since || !isData(packet)) continue;
      const key = `${packet.source} ${packet.destination}`;
      if (!paths.has(key)) paths.set(key, packet);
    }
    return paths;
  }

  #look(paths: ReadonlyMap<string, Observed>, theirs: number, ports: readonly TestPort[]): void {
    const names = [...paths.values()].map(
      ({ source, destination }) => `${formatIpv4(source)} → ${formatIpv4(destination)}`,
    );
    this.#seen.push(
      `Of ${SAMPLES} packets the answers came by ${paths.size} ${paths.size === 1 ? 'path' : 'paths'}${names.length > 0 ? `: ${names.join(', ')}` : ''}.`,
    );
    if (paths.size > 1) return;
    if (theirs === 1 && ports.length === 1) {
      this.#because(
        'one-address-each',
        'Peer and tester have one address each: there is only one path. Give the tester another one (--source), or the peer.',
      );
    } else if (paths.size === 1) {
      this.#because(
        'one-path-used',
        `The peer has ${theirs} and the tester ${ports.length} addresses, but the peer uses one path only. Its limit of paths may be 1, a rule of its user may lead all packets there, or it heard nothing of the other addresses.`,
        ...paths.values(),
      );
    }
  }

  /** Step 6: what ordinary stacks, NATs and firewalls on the way think of its packets. */
  #lookAtChecksums(ports: readonly TestPort[]): void {
    const wrong = ports
      .flatMap((port) => port.history)
      .filter((packet) => packet.direction === 'received' && hasCm(packet) && !isQuery(packet))
      .filter((packet) => checksumState(packet, this.headersAreReal) === 'bad');
    if (wrong.length === 0) return;
    this.#because(
      'wrong-checksums',
      `${wrong.length} of its packets with a control message have a wrong UDP checksum. This tester reads them all the same; ordinary stacks, NATs and firewalls drop them. The authors' kernels of 2014 and 2015 do this.`,
      wrong[0],
    );
  }

  /** Step 7: TCP, its copies, and the fake handshake. */
  async #tcp(peerAddresses: ReadonlySet<Ipv4>): Promise<void> {
    const t = this.#t;
    const stream = await t.node().stream(Array.from({ length: t.sources }, (_, i) => i));
    if ((await stream.connect()) === undefined) {
      this.#because('tcp-no-connection', 'The TCP echo service did not answer our SYN, sent three times.');
      return;
    }
    let confirm: Observed | undefined;
    let query: Observed | undefined;
    for (let i = 0; i < ATTEMPTS && confirm === undefined; i++) {
      ({ query } = askWith(stream, t.payload(32)));
      confirm = await stream.receive(isConfirm, { within: t.patience / 3 });
    }
    if (confirm === undefined) {
      this.#because(
        'tcp-copies-dropped',
        'On TCP our query, a copy of a segment, was not confirmed, though the connection works and MPIP over UDP does: a NAT or firewall that follows TCP drops copies, as segments that it has seen or whose checksum is wrong.',
        query,
      );
      return;
    }
    const payload = t.payload(32);
    stream.send({ payload, cm: { sessionId: SESSION } });
    const first = await stream.receive((packet) => isOfStream(packet) && segmentWith(payload)(packet));
    // Where both began a session, the id of the node with the lower number holds.
    const sessionId = first?.cm?.sessionId || SESSION;
    stream.acknowledgementCm = () => ({ sessionId });
    this.#seen.push(
      `On TCP the handshake works${first?.cm === undefined ? '' : ', and data carries control messages'}.`,
    );
    if (t.supports('udp-wrapper')) return;
    for (const address of peerAddresses) {
      if (address === t.peerAddress) continue;
      const destination = { address, port: stream.peer.port };
      const syn = stream.send({
        ...{ flags: TcpFlags.syn, sequence: t.random.below(2 ** 32), destination },
        cm: { flags: Flags.handshake, sessionId },
      });
      const answer = await stream.receive((packet) => packet.source === address && segmentOf(packet) !== undefined, {
        within: t.patience / 2,
      });
      const flags = answer === undefined ? 0 : segmentOf(answer)!.flags;
      if (answer?.cm?.flags === Flags.handshake && (flags & TcpFlags.syn) !== 0) continue;
      const name = formatIpv4(address);
      const how =
        answer === undefined
          ? 'nothing came back'
          : (flags & TcpFlags.rst) !== 0
            ? 'a reset (RST) came back'
            : 'an ordinary segment came back';
      this.#because(
        'fake-tcp-refused',
        `The fake TCP handshake with the peer's address ${name} failed: ${how}. A NAT or firewall on that way, or the kernel of the peer, refuses it, so that TCP stays on its first path. The UDP wrapper (paper, section 3.8.2) may pass.`,
        syn,
        answer,
      );
    }
  }
}

/** The session id of the exchange. */
const SESSION = 199;

function whereFrom(packet: Observed): Destination {
  return { address: packet.source, port: packet.sourcePort };
}
