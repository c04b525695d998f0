import { type ControlMessage, Flags } from '../../codec/index.js';
import { EXPECTED, inWords } from '../describe.js';
import type { Micros } from '../link.js';
import { hasCm, isConfirm, isQuery, type Observed, type Predicate } from '../observed.js';
import type { TestPort } from '../test-port.js';
import { cmOf, type Session, type Tester } from '../tester.js';
import { exchange, ownSession, received } from './moves.js';

/** Signed difference of two tick counts modulo 2^32, in microseconds. */
export function ticksToMicros(t: Tester, ticks: number): Micros {
  return (ticks | 0) * t.profile.tickMicros;
}

/**
 * Requires that `packet` feeds back `pathId` with the delay of `sample`. The peer's clock has any offset, so the delay
 * itself says nothing; but delay plus our timestamp is the peer's clock when it received the sample (T2), and the
 * packet's own timestamp is that clock when it sent. Both moments lie between our sending and our receiving.
 */
export function requireFeedback(t: Tester, packet: Observed, pathId: number, sample: Observed): void {
  const cm = cmOf(packet);
  t.equal(cm.feedbackPathId, pathId, 'wrong-feedback-path', 'The packet does not feed back the path that is due.', {
    packet,
    field: 'feedbackPathId',
  });
  const age = sampleAge(t, packet, sample);
  const longest = packet.time - sample.time + tolerance(t, packet.time - sample.time);
  t.require(
    age >= -tolerance(t, 0) && age <= longest,
    'wrong-delay',
    "The delay fed back is not the peer's receive time minus our timestamp, modulo 2^32: with our timestamp added it must lie between our sending and the peer's own timestamp.",
    {
      packet,
      field: 'pathDelay',
      expected: `a sample that the peer received 0 to ${inWords(longest)} before it sent the feedback`,
      seen: age < 0 ? `one from ${inWords(-age)} after it` : `one from ${inWords(age)} before it`,
    },
  );
}

/** How long before it sent `packet` the peer received `sample`, by the peer's own clock. */
export function sampleAge(t: Tester, packet: Observed, sample: Observed): Micros {
  const cm = cmOf(packet);
  return ticksToMicros(t, cm.timestamp - cm.pathDelay - cmOf(sample).timestamp);
}

/** Clocks that differ in rate by 1 %, and lateness of the machine. */
export function tolerance(t: Tester, elapsed: Micros): Micros {
  return 2_000 + t.slack + Math.ceil(elapsed / 100);
}

/** Orders packets of the peer as it sent them. */
function byPeerClock(a: Observed, b: Observed): number {
  return (cmOf(a).timestamp - cmOf(b).timestamp) | 0 || a.frame - b.frame;
}

/** Packets of the peer on some ports that feed back a path, in the order of its clock. */
export function feedbacks(ports: readonly TestPort[]): Observed[] {
  return ports
    .flatMap((port) => received(port, (packet) => hasCm(packet) && cmOf(packet).feedbackPathId !== 0))
    .sort(byPeerClock);
}

/** Two sessions of one node: samples go to `discard`, which does not answer, and `echo` says when feedback is to come. */
export async function samplingAndAsking(
  t: Tester,
): Promise<{ silent: Session; asking: Session; ports: readonly TestPort[] }> {
  const node = t.node();
  const [one, two] = [await node.port(), await node.port()];
  const silent = await ownSession(t, one, 'discard', { id: 21 });
  const asking = await ownSession(t, two, 'echo', { id: 22 });
  return { silent, asking, ports: [one, two] };
}

/** Sends a sample for a path to the session's service. */
export function sample(
  session: Session,
  pathId: number,
  cm: Partial<ControlMessage> = {},
  payload = new Uint8Array(8),
): Observed {
  return session.port.send(session.service, payload, { sessionId: session.id, pathId, ...cm });
}

/**
 * Sends a data packet of `session` on a path, waits for its answer and returns the packet that feeds the path back: the
 * answer, or a heartbeat before it when a busy machine made a pause. A peer that feeds nothing back fails.
 */
export async function measure(
  t: Tester,
  session: Session,
  pathId: number,
  cm: Partial<ControlMessage> = {},
): Promise<{ sent: Observed; fed: Observed }> {
  let { sent, received: answer } = await exchange(t, session, { pathId, ...cm });
  const fedBy = () =>
    feedbacks([session.port]).find((packet) => packet.frame > sent.frame && cmOf(packet).feedbackPathId === pathId);
  // The packet that fed it back may be lost, or have gone before an answer that was: another sample shows it.
  for (let again = 0; again < 3 && fedBy() === undefined; again++) {
    ({ sent, received: answer } = await exchange(t, session, { pathId, ...cm }));
  }
  const fed = fedBy();
  t.require(fed !== undefined, 'no-feedback', 'The path that we measured was not fed back in the answer.', {
    packet: answer,
    expected: `feedback path id ${pathId}`,
    seen: answer.cm === undefined ? 'no control message' : answer.cm.feedbackPathId,
    ...(answer.cm === undefined ? {} : { field: 'feedbackPathId' as const }),
  });
  requireFeedback(t, fed, pathId, sent);
  return { sent, fed };
}

/** Waits until the peer has worked through what was sent to the session's service: its answer to a query comes after. */
export async function settle(t: Tester, session: Session): Promise<Observed> {
  const { port, service } = session;
  port.send(service, t.payload(), { flags: Flags.enable });
  // Earlier queries may have been repeated on a busy machine: the last confirmation counts.
  const queries = port.history.filter((packet) => packet.direction === 'sent' && isQuery(packet)).length;
  const isLast: Predicate = (packet) => isConfirm(packet) && received(port, isConfirm).length >= queries;
  return await t.expect(port, isLast, {
    code: 'no-confirm',
    text: 'The peer did not confirm a query after the samples.',
    expected: EXPECTED.confirm,
    preamble: true,
  });
}
