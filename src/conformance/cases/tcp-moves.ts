import { sameOctets } from '../../codec/bytes.js';
import { type ControlMessage, Flags, TcpFlags } from '../../codec/index.js';
import { EXPECTED, fieldValue } from '../describe.js';
import { isConfirm, isData, type Observed, type Predicate } from '../observed.js';
import { type Segment, segmentOf, sequenceDistance } from '../segment.js';
import type { TestNode } from '../test-port.js';
import type { TestStream } from '../test-stream.js';
import { cmOf, type Expectation, type Tester } from '../tester.js';

/** What a case over one TCP connection needs. */
export const overTcp = { services: ['echo'], raw: true, tcp: true, capabilities: ['tcp'] } as const;

/** What cases about TCP have in common: connections, the handshake of section 3.2 on them, sessions. */

/** How a connection is opened; nothing is required. */
export interface ConnectionOptions {
  readonly node?: TestNode;
  /** The tester's addresses that it uses, by number; default the first. */
  readonly sources?: readonly number[];
  /** Sequence number of our SYN; default a random one. */
  readonly initialSequence?: number;
}

/** A connection to the TCP echo service, opened with ordinary segments; ends the case `inconc` when none comes about. */
export async function connected(
  t: Tester,
  { node = t.node(), sources = [0], initialSequence }: ConnectionOptions = {},
): Promise<TestStream> {
  const stream = await node.stream(sources);
  if (initialSequence !== undefined) stream.next = initialSequence >>> 0;
  if ((await stream.connect()) === undefined) {
    t.inconc('no-connection', 'The TCP echo service did not answer our SYN, sent three times.');
  }
  return stream;
}

/** What a packet without a segment counts as: one without flags and octets. */
const NO_SEGMENT: Segment = {
  sequence: 0,
  acknowledgement: 0,
  flags: 0,
  window: 0,
  options: new Uint8Array(0),
  payload: new Uint8Array(0),
  isWrapped: false,
};

/** The segment of a packet that was chosen for having one. */
export function segmentIn(packet: Observed): Segment {
  return segmentOf(packet) ?? NO_SEGMENT;
}

/**
 * Matches segments that end with this user data. What stands before it is the answer to something earlier: an application
 * that is served late answers twice in one segment, as a stream of octets may (RFC 9293, section 3.7).
 */
export const segmentWith =
  (payload: Uint8Array): Predicate =>
  (packet) => {
    const segment = segmentOf(packet);
    return segment !== undefined && sameOctets(segment.payload.subarray(-payload.length), payload);
  };

/** Matches segments of the connection itself: no query, confirmation, heartbeat or packet of a fake handshake. */
export const isOfStream: Predicate = (packet) =>
  segmentOf(packet) !== undefined && (packet.cm === undefined || isData(packet));

/** A copy of the next segment with the query flag, then the segment itself: how a node asks on TCP. */
export function askWith(stream: TestStream, payload: Uint8Array): { query: Observed; original: Observed } {
  const query = stream.send({ payload, cm: { flags: Flags.enable } });
  return { query, original: stream.send({ payload }) };
}

/**
 * The availability handshake on a connection, with the tester asking: the peer confirms with a copy of the echo. Then
 * the peer's own questions are no longer in the way. A breach is `inconc` unless `expectation` says otherwise.
 */
export async function handshaken(
  t: Tester,
  stream: TestStream,
  expectation: Partial<Expectation> = {},
): Promise<{ query: Observed; confirm: Observed }> {
  for (let attempt = 1; ; attempt++) {
    const { query } = askWith(stream, t.payload(32));
    const confirm = await stream.receive(isConfirm, { within: t.patience / 4 });
    if (confirm !== undefined) return { query, confirm };
    if (attempt < 3) continue;
    const late = await t.expect(stream, isConfirm, {
      code: 'no-confirm',
      text: 'The peer did not confirm our availability query on TCP, sent three times beside data that it echoed.',
      expected: EXPECTED.confirm,
      preamble: true,
      ...expectation,
    });
    return { query, confirm: late };
  }
}

/** A session on TCP that both ends hold. */
export interface TcpSession {
  readonly id: number;
  readonly stream: TestStream;
  /** The peer's first packet with the session's id. */
  readonly first: Observed;
}

/**
 * Fails the case unless the last octets that arrived in order are those that were sent. Points to the first that differs
 * in the segment that brought it.
 */
export function requireStream(
  t: Tester,
  stream: TestStream,
  sent: Uint8Array,
  finding: { readonly code: string; readonly text: string; readonly requirement?: string },
): void {
  const { code, text, ...details } = finding;
  const data = stream.data.subarray(-sent.length);
  const at = sent.findIndex((octet, i) => octet !== data[i]);
  if (at < 0) return;
  const sequence = (stream.expected - data.length + at) >>> 0;
  const packet = stream.history.findLast((one) => {
    const ahead = sequenceDistance(sequence, segmentIn(one).sequence);
    return one.direction === 'received' && isOfStream(one) && ahead >= 0 && ahead < segmentIn(one).payload.length;
  });
  t.fail(code, text, {
    expected: `octet ${at + 1} of ${sent.length} to be ${sent[at]}`,
    seen: data[at] ?? 'the end of the stream',
    packet,
    ...(packet === undefined ? {} : { octet: octetAt(packet, sequence) }),
    ...details,
  });
}

/** Where in a packet, wrapped or not, the octet of the stream with a sequence number is. */
function octetAt(packet: Observed, sequence: number): number {
  const segment = segmentIn(packet);
  return (
    packet.payloadOffset + packet.payload.length - segment.payload.length + sequenceDistance(sequence, segment.sequence)
  );
}

/** A segment may be lost on its way, and the one that brings its data back. */
const SENDINGS = 4;

/**
 * Sends user data in one segment, up to four times until `whole` octets of the stream came back.
 * @returns whether they did.
 */
export async function sendUntilBack(
  t: Tester,
  stream: TestStream,
  payload: Uint8Array,
  whole: number,
  cm: () => Partial<ControlMessage> | null = () => null,
): Promise<boolean> {
  const sequence = stream.next;
  for (let sending = 0; sending < SENDINGS; sending++) {
    stream.send({ payload, sequence, cm: cm() });
    stream.next = (sequence + payload.length) >>> 0;
    if (await t.until(() => stream.data.length >= whole, t.patience / 2)) return true;
  }
  return false;
}

/** Sends data on a session and waits for the segment that echoes its first octets, on whatever path it comes. */
export async function echoed(
  t: Tester,
  { stream, id }: Pick<TcpSession, 'stream' | 'id'>,
  payload: Uint8Array = t.payload(32),
  cm = {},
  expectation: Partial<Expectation> = {},
): Promise<Observed> {
  stream.send({ payload, cm: { sessionId: id, ...cm } });
  return await t.expect(stream, (packet) => isOfStream(packet) && segmentWith(payload)(packet), {
    code: 'no-echo',
    text: 'The peer did not return the user data of a segment of an established session.',
    expected: EXPECTED.echo,
    preamble: true,
    ...expectation,
  });
}

/**
 * A connection with the handshake done and a session at both ends: with the id that the peer has given it when it was
 * the first to name it, else with one of ours. Acknowledgements carry the id from then on.
 */
export async function tcpSession(t: Tester, options: ConnectionOptions = {}): Promise<TcpSession> {
  const stream = await connected(t, options);
  await handshaken(t, stream);
  return await sessionOn(t, stream);
}

/** The session of a connection whose handshake is done, see `tcpSession`. */
export async function sessionOn(t: Tester, stream: TestStream): Promise<TcpSession> {
  const named = () => stream.history.findLast((packet) => packet.direction === 'received' && isNaming(packet));
  await t.until(() => named() !== undefined, t.patience / 10);
  const id = named()?.cm?.sessionId ?? 1 + t.random.below(255);
  stream.acknowledgementCm = () => ({ sessionId: id });
  const first = await echoed(t, { stream, id });
  if (first.cm === undefined || cmOf(first).sessionId !== id) {
    t.inconc('no-session', 'The peer did not answer our first segment with a session id by that id.', {
      expected: fieldValue('sessionId', id),
      seen: first.cm === undefined ? 'no control message' : fieldValue('sessionId', first.cm.sessionId),
      packet: first,
      field: 'sessionId',
    });
  }
  return { id, stream, first };
}

const isNaming: Predicate = (packet) => isData(packet) && cmOf(packet).sessionId !== 0;

/** True for a segment with SYN, FIN or RST. */
export const isBeginOrEnd: Predicate = (packet) =>
  ((segmentOf(packet)?.flags ?? 0) & (TcpFlags.syn | TcpFlags.fin | TcpFlags.rst)) !== 0;
