import { sameOctets } from '../../codec/bytes.js';
import { type ControlMessage, encode, Flags, LAYOUTS, type LayoutName, repairChecksum } from '../../codec/index.js';
import type { ServiceName } from '../case.js';
import { EXPECTED, fieldValue } from '../describe.js';
import type { Micros } from '../link.js';
import { all, isQuery, type Observed, type Predicate, payloadIs } from '../observed.js';
import type { TestPort } from '../test-port.js';
import type { Expectation, Session, Tester } from '../tester.js';

/** Moves that several areas' cases are made of. None gives a verdict of its own but `inconc` for a failed preamble. */

/** What a service sent: an ordinary datagram or a data packet, never a packet of MPIP itself. */
export const isAnswer: Predicate = (packet) => packet.cm === undefined || packet.cm.flags <= Flags.ipChange;

/** The answer of the echo service to this user data. */
export const answers = (payload: Uint8Array): Predicate => all(isAnswer, payloadIs(payload));

/** A datagram may be lost on its way: that shows by its coming back another time. */
const ATTEMPTS = 3;

/** Waits this long after the last packet before a case says that nothing more came, in microseconds. */
export const SETTLE: Micros = 200_000;

/**
 * Begins a session of ours, see `Tester.session`. A peer that answers in another session is judged by the cases about
 * session ids; everywhere else that is `inconc`.
 */
export async function ownSession(
  t: Tester,
  port: TestPort,
  service: ServiceName = 'echo',
  options: { id?: number; cm?: Partial<ControlMessage> } = {},
): Promise<Session> {
  // High, so that it is none of those that the peer, counting from 1, may have given to sessions with this node.
  const session = await t.session(port, service, { id: 100 + t.random.below(150), ...options });
  const { first, id } = session;
  if (first !== undefined && first.cm?.sessionId !== id) {
    t.inconc('no-session', 'The peer answered our first packet with a session id, but in another session.', {
      expected: fieldValue('sessionId', id),
      seen: first.cm === undefined ? 'no control message' : fieldValue('sessionId', first.cm.sessionId),
      packet: first,
      field: 'sessionId',
    });
  }
  return session;
}

/**
 * Sends data of a session and waits for its return with a CM, see `Tester.exchange`. A peer that returns it without one
 * is judged by the cases about that; everywhere else it is `inconc`.
 */
export async function exchange(
  t: Tester,
  session: Session,
  cm: Partial<ControlMessage> = {},
  expectation: Partial<Expectation> = {},
  payload = t.payload(),
): Promise<{ sent: Observed; received: Observed }> {
  const both = (await tryExchange(session, cm, payload)) ?? (await t.exchange(session, cm, expectation, payload));
  if (both.received.cm === undefined) {
    t.inconc('no-cm', 'A packet of an established session came without a control message.', {
      expected: EXPECTED.withCm,
      packet: both.received,
    });
  }
  return both;
}

/** The attempts of `exchange` before the last one: both packets, or undefined when nothing came back. */
export async function tryExchange(session: Session, cm: Partial<ControlMessage>, payload: Uint8Array) {
  for (let attempt = 1; attempt < ATTEMPTS; attempt++) {
    const sent = session.port.send(session.service, payload, { sessionId: session.id, ...cm });
    const received = await session.port.receive(answers(payload));
    if (received !== undefined) return { sent, received };
  }
  return undefined;
}

/** Sends an ordinary datagram to the echo service and waits for its return, with or without a CM. */
export async function ask(
  t: Tester,
  port: TestPort,
  payload = t.payload(),
  expectation: Partial<Expectation> = {},
): Promise<Observed> {
  for (let attempt = 1; attempt < ATTEMPTS; attempt++) {
    port.send('echo', payload);
    const answer = await port.receive(answers(payload));
    if (answer !== undefined) return answer;
  }
  port.send('echo', payload);
  return await t.expect(port, answers(payload), {
    code: 'no-echo',
    text: 'The peer did not return the user data of an ordinary datagram.',
    expected: EXPECTED.echo,
    preamble: true,
    ...expectation,
  });
}

/** Lets the peer send to a port it does not know, and waits for its answer and its query; a preamble. */
export async function provokeQuery(t: Tester, port: TestPort): Promise<{ original: Observed; query: Observed }> {
  const original = await ask(t, port);
  const query = await t.expect(port, isQuery, {
    code: 'no-query',
    text: 'The peer sent an ordinary datagram to an address that it does not know, but no availability query beside it.',
    expected: EXPECTED.query,
    preamble: true,
  });
  return { original, query };
}

/** Confirms a query, as section 3.2 asks of the tester. */
export function confirm(port: TestPort, query: Observed): Observed {
  return port.send('echo', query.payload, { flags: Flags.enabled });
}

/** The handshake with the peer asking: its query is provoked and confirmed; a preamble. */
export async function confirmProvoked(t: Tester, port: TestPort): Promise<Observed> {
  const { query } = await provokeQuery(t, port);
  confirm(port, query);
  return query;
}

/**
 * Lets the peer begin a session: it knows the port as enabled and answers an ordinary datagram. A preamble. Should the
 * port have lapsed from Table 2, the peer asks once more and is confirmed (section 3.7.1 leaves that open).
 */
export async function peerSession(t: Tester, port: TestPort): Promise<Observed & { readonly cm: ControlMessage }> {
  for (let attempt = 0; attempt < 2; attempt++) {
    const answer = await ask(t, port);
    if (answer.cm !== undefined) return answer as Observed & { readonly cm: ControlMessage };
    const query = await port.receive(isQuery);
    if (query !== undefined) confirm(port, query);
  }
  return t.inconc('no-session', 'The peer sends no control message to a port that has been through the handshake.');
}

/**
 * Waits for the next thing a service sends, whatever it is: for cases that judge its content themselves. User data of
 * our own control packets is passed over: whether it was delivered is judged by other cases.
 */
export async function nextAnswer(t: Tester, port: TestPort, expectation: Partial<Expectation> = {}): Promise<Observed> {
  const isOwnControl = (packet: Observed) =>
    port.history.some((other) => other.direction === 'sent' && !isAnswer(other) && payloadIs(packet.payload)(other));
  return await t.expect(port, (packet) => isAnswer(packet) && (packet.payload.length === 0 || !isOwnControl(packet)), {
    code: 'no-echo',
    text: 'The peer returned nothing.',
    expected: EXPECTED.echo,
    preamble: true,
    ...expectation,
  });
}

/** Received packets of a port so far that satisfy a predicate. */
export function received(port: TestPort, predicate: Predicate = () => true): Observed[] {
  return port.history.filter((packet) => packet.direction === 'received' && predicate(packet));
}

/** True when `part` is the beginning of `whole`. */
export function isPrefix(part: Uint8Array, whole: Uint8Array): boolean {
  return part.length <= whole.length && sameOctets(part, whole, 0, part.length);
}

/** A datagram with a trailer, for cases that then change its octets. `cmStart` is the first octet of the CM in `wire`. */
export interface Crafted {
  readonly wire: Uint8Array;
  readonly cmStart: number;
}

/** The user data and trailer that `port.send` would send. */
export function craft(port: TestPort, payload: Uint8Array, cm: Partial<ControlMessage>): Crafted {
  const message = port.controlMessage(cm);
  const trailer = encode(message);
  const wire = new Uint8Array(payload.length + trailer.length);
  wire.set(payload);
  wire.set(trailer, payload.length);
  return { wire, cmStart: payload.length + LAYOUTS[message.layout].filler };
}

/** Gives a crafted trailer the checksum that its other octets ask for. */
export function repair({ wire, cmStart }: Crafted, layout: LayoutName): void {
  repairChecksum(wire, cmStart, wire.length, layout);
}

/** Octets whose end is no CM, and what they are, as the beginning of a sentence. */
export interface NoCm {
  readonly wire: Uint8Array;
  readonly what: string;
}

/** The answer of the echo service to octets that are user data as a whole, even if they end like a CM. */
const returns =
  (wire: Uint8Array): Predicate =>
  (packet) =>
    (isAnswer(packet) && packet.isPayload(wire)) || packet.isWirePayload(wire);

/** Datagrams on their way at once: few enough for any socket's buffer. */
const BATCH = 32;
/**
 * Sends octets whose end is no CM to `echo` and requires that they come back whole, as an ordinary datagram's user data.
 * @returns the peer's packets, in the same order.
 */
export async function requireOrdinary(t: Tester, port: TestPort, datagrams: readonly NoCm[]): Promise<Observed[]> {
  const answered: Observed[] = [];
  for (let first = 0; first < datagrams.length; first += BATCH) {
    const batch = datagrams.slice(first, first + BATCH);
    const found = new Map<NoCm, Observed>();
    for (let attempt = 1; attempt <= ATTEMPTS && found.size < batch.length; attempt++) {
      const missing = batch.filter((datagram) => !found.has(datagram));
      for (const { wire } of missing) port.sendBytes('echo', wire, { mayBeOrdinary: true });
      const deadline = t.now() + t.patience;
      for (const datagram of missing) {
        const within = Math.max(0, deadline - t.now());
        const whole = await port.receive(returns(datagram.wire), { within });
        if (whole !== undefined) found.set(datagram, whole);
      }
    }
    for (const datagram of batch) answered.push(found.get(datagram) ?? (await requireLate(t, port, datagram)));
  }
  return answered;
}

/** The last chance of a datagram that did not come back: the peer may be busy, or the port may get nothing at all. */
async function requireLate(t: Tester, port: TestPort, { wire, what }: NoCm): Promise<Observed> {
  await ask(t, port);
  const sent = port.history.findLast((packet) => packet.direction === 'sent' && returns(wire)(packet));
  return await t.expect(port, returns(wire), {
    within: 0,
    code: 'not-ordinary',
    text: `${what} must be treated as an ordinary datagram and come back from the echo service whole.`,
    expected: `the same ${wire.length} octets as user data`,
    packet: sent,
  });
}
