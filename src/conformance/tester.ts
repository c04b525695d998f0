import { type Constants, type ControlMessage, Flags, type Profile, Random } from '../codec/index.js';
import type { Capability } from './capabilities.js';
import type { ServiceName } from './case.js';
import type { CaseLog } from './case-log.js';
import { contentOf, describePacket, EXPECTED, fieldValue, inWords } from './describe.js';
import type { Inbox } from './inbox.js';
import type { Destination, Link, LinkKind, Micros, ReachAnswer } from './link.js';
import { all, isConfirm, isData, isPlain, type Observed, type Predicate, payloadIs } from './observed.js';
import { TestNode, type TestPort } from './test-port.js';
import type { UpperTester } from './upper-tester.js';
import { type Cause, type Details, type Proof, StopCase } from './verdict.js';

export { cmOf } from './observed.js';

/** What the tester of a case is made from. */
export interface TesterSettings {
  readonly log: CaseLog;
  /** The case's own seed. */
  readonly seed: number;
  readonly profile: Profile;
  readonly constants: Constants;
  readonly address: number;
  readonly services: ReadonlyMap<ServiceName, number>;
  /** Port of the TCP echo service, if there is one. */
  readonly tcpPort: number | undefined;
  /** What the peer was declared to support. */
  readonly capabilities: ReadonlySet<Capability>;
  readonly link: Pick<Link, 'slack' | 'patience'>;
  /** Node ids for this case that no other case of the run uses; when they run out, random ones follow. */
  readonly nodeIds: readonly number[];
}

/**
 * What is expected, for helpers that wait for it. They say themselves what was seen, and point to the packet that had to
 * be answered: the last one sent from the port that waits.
 */
export interface Expectation extends Details {
  /** Cause code when it does not happen: `no-confirm`. */
  readonly code: string;
  /** What should have happened, as a sentence for a person: 'The peer did not confirm the query.' */
  readonly text: string;
  /** What should have come, as a phrase: 'a packet with the flag enabled (4)'. */
  readonly expected: string | number;
  /** How long to wait, in microseconds. Default: the tester's patience. */
  readonly within?: Micros;
  /** True for what only prepares the test: a breach is then `inconc`, because another case judges it. */
  readonly preamble?: boolean;
}

/** A session that the tester has begun with the peer. */
export interface Session {
  readonly id: number;
  readonly port: TestPort;
  readonly service: ServiceName;
  /** The peer's first packet of the session; absent with services that do not answer. */
  readonly first: Observed | undefined;
}

/** The tester as one case sees it: clock, random numbers, nodes to play, and the verdict. */
export class Tester {
  /** Seeded by the run's seed and the case's id. */
  readonly random: Random;
  readonly profile: Profile;
  /** The peer's constants as the run was told (PIXIT). */
  readonly constants: Constants;
  /** How long an answer that should come at once is waited for, in microseconds. */
  readonly patience: Micros;
  /** The peer's address. */
  readonly peerAddress: number;

  readonly #log: CaseLog;
  readonly #settings: TesterSettings;
  readonly #destinations = new Map<ServiceName, Destination>();
  #nodes = 0;
  #control: TestPort | undefined;
  #controlBefore: Uint8Array | undefined;

  constructor(settings: TesterSettings) {
    this.#settings = settings;
    this.#log = settings.log;
    this.random = new Random(settings.seed);
    this.profile = settings.profile;
    this.constants = settings.constants;
    this.patience = settings.link.patience;
    this.peerAddress = settings.address;
  }

  /** What the packets travel on; `socket`: headers are rebuilt. */
  get link(): LinkKind {
    return this.#log.link.kind;
  }

  /** How many local addresses `node.port(source)` can choose from. */
  get sources(): number {
    return this.#log.link.sources.length;
  }

  /** Lateness that is nobody's fault, in microseconds: allow it on every time that a verdict rests on. It may grow. */
  get slack(): Micros {
    return this.#settings.link.slack;
  }

  /** Microseconds of the case's clock. */
  now(): Micros {
    return this.#log.link.now();
  }

  /** Waits. */
  async sleep(duration: Micros): Promise<void> {
    await this.#log.wait(this.now() + duration, () => false);
  }

  /** Waits until `done()` is true, asked after every arrival at any port, or for `within` at most; tells whether it is. */
  async until(done: () => boolean, within: Micros = this.patience): Promise<boolean> {
    await this.#log.wait(this.now() + within, done);
    return done();
  }

  /** A node for the tester to play, with an own id and clock. */
  node(): TestNode {
    const index = this.#nodes++;
    const id = this.#settings.nodeIds[index] ?? randomNodeId(this.random, this.profile);
    const context = {
      log: this.#log,
      profile: this.profile,
      patience: this.patience,
      destination: (service: ServiceName) => this.destination(service),
      tcpEcho: () => this.tcpEcho,
    };
    return new TestNode(context, id, this.#settings.seed + index * 7919);
  }

  /** Where a service of the peer is. */
  destination(service: ServiceName): Destination {
    const known = this.#destinations.get(service);
    if (known !== undefined) return known;
    const port = this.#settings.services.get(service);
    if (port === undefined) throw new RangeError(`The case uses the service ${service} but does not name it.`);
    const destination = { address: this.peerAddress, port };
    this.#destinations.set(service, destination);
    return destination;
  }

  /** Where the peer's TCP echo service is. */
  get tcpEcho(): Destination {
    const { tcpPort } = this.#settings;
    if (tcpPort === undefined) throw new RangeError('The case uses the TCP echo service but does not say tcp.');
    return { address: this.peerAddress, port: tcpPort };
  }

  /** Makes the peer act; only for cases that say `upperTester`. */
  get upper(): UpperTester {
    const { upper } = this.#log.link;
    if (upper === undefined) throw new RangeError('The case makes the peer act but does not say upperTester.');
    return upper;
  }

  /** Whether the peer was declared to support something. */
  supports(capability: Capability): boolean {
    return this.#settings.capabilities.has(capability);
  }

  /** Random user data that ends in no CM. */
  payload(length = 16): Uint8Array {
    const octets = new Uint8Array(length);
    for (let i = 0; i < length; i++) octets[i] = this.random.below(256);
    // Neither mark can stand where it would have to.
    if (length >= 26) octets[length - 25] = 0;
    if (length >= 25) octets[length - 4] = 0;
    return octets;
  }

  // ---- verdicts

  /** The purpose is served: says what was seen, and which packets show it. The case may go on. */
  pass(text: string, ...packets: readonly Observed[]): void {
    this.#log.record('pass', { code: 'as-required', text, ...(packets[0] ? { packet: packets[0] } : {}) });
    if (this.#log.verdict === 'pass') for (const packet of packets) this.#log.decides(packet);
  }

  /** The peer broke a requirement: ends the case. For SHOULD and MAY it becomes a warning. */
  fail(code: string, text: string, proof: Proof): never {
    this.#log.record('fail', this.#causeOf(code, text, proof));
    throw new StopCase();
  }

  /** Nothing can be said, and why: ends the case. What points to a packet also says what was expected of it. */
  inconc(code: string, text: string, proof?: Proof): never {
    this.#log.record('inconc', proof === undefined ? { code, text } : this.#causeOf(code, text, proof));
    throw new StopCase();
  }

  /** The case turns out not to apply to this peer: ends the case. */
  notApplicable(code: string, text: string): never {
    if (this.#log.verdict === 'none') {
      this.#log.verdict = 'not-applicable';
      this.#log.cause = { code, text };
    }
    throw new StopCase();
  }

  /** A recommendation was not followed: noted, without a verdict. Name the requirement in `proof`. */
  warn(code: string, text: string, proof: Proof): void {
    this.#log.warnings.push(this.#causeOf(code, text, proof));
  }

  /** Fails the case unless `condition` holds. */
  require(condition: boolean, code: string, text: string, proof: Proof): asserts condition {
    if (!condition) this.fail(code, text, proof);
  }

  /**
   * Fails the case unless two values are equal; both are shown, numbers by the name of `details.field`. `text`: 'The reply
   * carries another session id.'
   */
  equal(
    seen: number | string,
    expected: number | string,
    code: string,
    text: string,
    details: Details & Pick<Proof, 'packet'>,
  ): void {
    if (seen === expected) return;
    const { field } = details;
    const named = (value: number | string) =>
      field === undefined || typeof value === 'string' ? value : fieldValue(field, value);
    this.fail(code, text, { expected: named(expected), seen: named(seen), ...details });
  }

  /** Fails the case when there is a packet that must not be: `packet`, as a search for it has found it. */
  refuse(
    packet: Observed | undefined,
    code: string,
    text: string,
    details: Omit<Proof, 'packet'>,
  ): asserts packet is undefined {
    if (packet !== undefined) this.fail(code, text, { ...details, packet });
  }

  /** A finding with all that it must show. */
  #causeOf(code: string, text: string, { packet: given, ...details }: Proof): Cause {
    const packet = given ?? this.#lastSent();
    if (packet === undefined || details.seen !== undefined) return { code, text, ...details, packet };
    const isPointed = details.field !== undefined || details.octet !== undefined;
    return { code, text, ...(isPointed ? {} : contentOf(packet)), ...details, seen: describePacket(packet), packet };
  }

  // ---- waiting for the peer

  /**
   * Waits for a packet that a correct peer sends. When it does not come, the case ends: by the rule about silence
   * (docs/check.md) it is `fail` only if ordinary datagrams were answered before and after and the link or the profile
   * leaves no other explanation, and `inconc` with the reason otherwise.
   */
  async expect(port: Inbox, predicate: Predicate, expectation: Expectation): Promise<Observed> {
    const found = await port.receive(predicate, { within: expectation.within ?? this.patience });
    return found ?? (await this.#silent(port, expectation, () => port.receive(predicate, { within: 0 })));
  }

  /**
   * Waits the whole time and fails the case when a packet satisfies `predicate` that must not come. Ends `inconc` when
   * the peer does not answer an ordinary datagram afterwards: a dead peer keeps every silence.
   */
  async expectSilence(
    port: Inbox,
    predicate: Predicate,
    duration: Micros,
    expectation: Omit<Expectation, 'expected'> & Partial<Pick<Expectation, 'expected'>>,
  ): Promise<void> {
    const { code, text, preamble, within: _within, ...details } = expectation;
    const found = await port.receive(predicate, { within: duration });
    if (found !== undefined) {
      const cause: Proof = {
        expected: `nothing of the kind for ${inWords(duration)}`,
        packet: found,
        ...(found.cm === undefined ? {} : { field: 'flags' }),
        ...details,
      };
      if (preamble === true) this.inconc(code, text, cause);
      this.fail(code, text, cause);
    }
    if (this.#settings.services.has('echo') && !(await this.control())) {
      this.inconc(
        'no-answer',
        'Nothing came that must not come, but the peer does not answer ordinary datagrams either: its silence shows nothing.',
      );
    }
    this.#refuseFlood();
  }

  /** Ends the case because something did not come to `port`: `expect` for what `receive` cannot say. */
  async silent(port: Inbox, expectation: Expectation): Promise<never> {
    return (await this.#silent(port, expectation, () => Promise.resolve(undefined))) as never;
  }

  /**
   * Judges a silence. A peer that is only busy answers in order: what it owes has come when a later datagram is
   * answered, and `late` then finds it.
   */
  async #silent(port: Inbox, expectation: Expectation, late: () => Promise<Observed | undefined>): Promise<Observed> {
    const { code, text, within: _within, preamble, ...details } = expectation;
    this.#refuseFlood();
    const packet = details.packet ?? port.lastSent ?? this.#lastSent();
    const cause: Proof = { seen: this.#nothing(port, packet), ...details, packet };
    if (!this.#settings.services.has('echo')) {
      this.inconc(
        'no-control',
        `${text} Whether the peer hears us at all is not known, because it was given no echo service to ask.`,
        cause,
      );
    }
    const before = this.#controlAnswered(this.#controlBefore);
    const after = await this.control();
    const found = await late();
    if (found !== undefined) return found;
    if (!before || !after) {
      const reach = await this.#reach();
      if (reach === 'refused' || reach === 'no-route') {
        this.inconc(
          'icmp-unreachable',
          `${text} The network reports that the peer's port ${this.destination('echo').port} cannot be reached (ICMP unreachable).`,
          cause,
        );
      }
      const when = before ? 'after it' : after ? 'before it' : 'before and after it';
      this.inconc(
        'no-answer',
        `${text} The peer did not answer an ordinary datagram ${when} either, so that it may be busy, filtered or gone.`,
        cause,
      );
    }
    if (this.link === 'socket' && this.profile.wrongChecksums) {
      this.inconc(
        'possibly-wrong-checksums',
        `${text} Peers of profile ${this.profile.name} send wrong UDP checksums, and our own system drops such packets before a socket sees them.`,
        cause,
      );
    }
    if (preamble === true) this.inconc(code, text, cause);
    this.fail(code, text, cause);
  }

  /** Sends an ordinary datagram to the echo service from a port of its own and waits for it to come back. */
  async control(): Promise<boolean> {
    const sent = await this.#sendControl();
    const port = this.#control!;
    return (await port.receive(all(isPlain, payloadIs(sent)))) !== undefined;
  }

  /** What is seen of a packet that does not come: for how long since `asked`, and what came in its stead. */
  #nothing(port: Inbox, asked: Observed | undefined): string {
    if (asked === undefined) return 'nothing';
    const others = port.history.filter(({ direction, frame }) => direction === 'received' && frame > asked.frame);
    const nothing = `nothing of the kind in the ${inWords(this.now() - asked.time)} after frame ${asked.frame}`;
    const last = others.at(-1);
    return last === undefined ? nothing : `${nothing}; the last that came was ${describePacket(last)}`;
  }

  /** The last packet that the case has sent, control datagrams not counted. */
  #lastSent(): Observed | undefined {
    const control = this.#control?.port;
    return this.#log.packets.findLast(({ direction, localPort }) => direction === 'sent' && localPort !== control);
  }

  // ---- what many cases begin with

  /**
   * The availability handshake of the paper's section 3.2 with the tester asking: a query, sent up to three times, and
   * the peer's confirmation. `expectation` replaces what is said when none comes; a preamble unless that says otherwise.
   */
  async handshake(
    port: TestPort,
    service: ServiceName = 'echo',
    expectation: Partial<Expectation> = {},
  ): Promise<{ query: Observed; confirm: Observed }> {
    for (let attempt = 1; ; attempt++) {
      const query = port.send(service, this.payload(), { flags: Flags.enable });
      if (attempt === 3) {
        const confirm = await this.expect(port, isConfirm, {
          code: 'no-confirm',
          text: 'The peer did not confirm our availability query, sent three times.',
          expected: EXPECTED.confirm,
          preamble: true,
          ...expectation,
        });
        return { query, confirm };
      }
      const confirm = await port.receive(isConfirm, { within: (expectation.within ?? this.patience) / 4 });
      if (confirm !== undefined) return { query, confirm };
    }
  }

  /**
   * Begins a session: the handshake, then one data packet with a session id of ours (default: random) and path id 0. With
   * `echo`, waits for the answer that carries the session. A breach is `inconc`: other cases judge it.
   */
  async session(
    port: TestPort,
    service: ServiceName = 'echo',
    { id = 1 + this.random.below(255), cm = {} }: { id?: number; cm?: Partial<ControlMessage> } = {},
  ): Promise<Session> {
    await this.handshake(port, service);
    const payload = this.payload();
    port.send(service, payload, { sessionId: id, ...cm });
    if (service !== 'echo') return { id, port, service, first: undefined };
    const first = await this.expect(port, payloadIs(payload), {
      code: 'no-session-data',
      text: 'The peer did not return the user data of our first packet with a session id.',
      expected: EXPECTED.echo,
      preamble: true,
    });
    if (!isData(first)) {
      this.inconc('no-session', 'The peer answered our first packet with a session id without a control message.', {
        expected: EXPECTED.withCm,
        packet: first,
      });
    }
    return { id, port, service, first };
  }

  /**
   * Sends a data packet of a session to `echo` and waits for the packet that returns its user data.
   * @returns both; `received.cm` is the peer's control message, if any.
   */
  async exchange(
    session: Session,
    cm: Partial<ControlMessage> = {},
    expectation: Partial<Expectation> = {},
    payload: Uint8Array = this.payload(),
  ): Promise<{ sent: Observed; received: Observed }> {
    const sent = session.port.send(session.service, payload, { sessionId: session.id, ...cm });
    const received = await this.expect(session.port, payloadIs(payload), {
      code: 'no-echo',
      text: 'The peer did not return the user data of a packet of an established session.',
      expected: EXPECTED.echo,
      preamble: true,
      ...expectation,
    });
    return { sent, received };
  }

  // ---- for the engine

  /** Sends the control datagram that counts as "before"; its answer is looked at only if silence has to be judged. */
  async begin(): Promise<void> {
    if (this.#settings.services.has('echo')) this.#controlBefore = await this.#sendControl();
  }

  async #sendControl(): Promise<Uint8Array> {
    this.#control ??= await this.node().port();
    const payload = this.payload(24);
    this.#control.send('echo', payload);
    return payload;
  }

  #controlAnswered(sent: Uint8Array | undefined): boolean {
    if (sent === undefined) return false;
    const answered = all(isPlain, payloadIs(sent));
    return this.#control!.history.some((packet) => packet.direction === 'received' && answered(packet));
  }

  #reach(): Promise<ReachAnswer> {
    return this.#log.link.reach(this.destination('echo'), this.patience / 4);
  }

  #refuseFlood(): void {
    if (!this.#log.isFlooded) return;
    this.inconc(
      'flood',
      `The peer sent more packets than are kept; ${this.#log.dropped} were thrown away, so that what is missing proves nothing.`,
    );
  }
}

/** A node id as a layout needs it, its last two octets different. */
export function randomNodeId(random: Random, profile: Profile): number {
  const high = random.below(256);
  const low = (high + 1 + random.below(255)) & 255;
  if (profile.layout === 'compact') return high * 256 + low;
  // Locally administered unicast address.
  const first = (random.below(256) & 0xfc) | 2;
  return first * 2 ** 40 + random.below(2 ** 24) * 2 ** 16 + high * 256 + low;
}
