import { sameOctets } from '../../codec/bytes.js';
import { Flags } from '../../codec/index.js';
import type { TestCase } from '../case.js';
import { EXPECTED, inWords } from '../describe.js';
import { headerField, isConfirm, isData, isPlain, isQuery, type Observed } from '../observed.js';
import type { TestStream } from '../test-stream.js';
import type { Tester } from '../tester.js';
import { isPrefix } from './moves.js';
import {
  askWith,
  connected,
  handshaken,
  isOfStream,
  overTcp,
  segmentIn,
  segmentWith,
  sendUntilBack,
} from './tcp-moves.js';

const common = { ...overTcp, area: 'AV' } as const;

/** Shorter than the smallest retransmission timeout of common TCPs, 200 ms; microseconds. */
const SOONER_THAN_TCP = 180_000;

/** Section 3.2 on TCP: the handshake rides on copies of segments, and invents none. */
export const AV_TCP_CASES: readonly TestCase[] = [
  {
    ...common,
    id: 'AV-tcp-confirm-copies-next-segment',
    purpose:
      'A query on TCP is confirmed by a copy of the next segment of the connection: same tuple, same sequence number.',
    requirements: ['MPIP-AV-08', 'MPIP-AV-10'],
    async run(t: Tester) {
      const stream = await connected(t);
      let payload = t.payload(48);
      askWith(stream, payload);
      // The query, the segment or the copy of its echo may be lost.
      for (let again = 0; again < 3 && !stream.history.some(isConfirmed); again++) {
        if (await t.until(() => stream.history.some(isConfirmed), t.patience / 2)) break;
        payload = t.payload(48);
        askWith(stream, payload);
      }
      const confirm = await t.expect(stream, isConfirm, {
        code: 'no-confirm',
        text: 'The peer did not confirm our query, though its echo service sent a segment after it.',
        expected: EXPECTED.confirm,
      });
      const echo = await t.expect(stream, (packet) => isOfStream(packet) && segmentWith(payload)(packet), {
        code: 'no-echo',
        text: 'The peer did not echo the data that came with our query.',
        expected: EXPECTED.echo,
        preamble: true,
      });
      t.require(confirm.protocol === 6, 'confirm-not-tcp', 'The confirmation of a query on TCP is no TCP segment.', {
        expected: 'IP protocol 6',
        seen: `IP protocol ${confirm.protocol}`,
        ...headerField(confirm, 'protocol'),
        packet: confirm,
        requirement: 'MPIP-AV-08',
      });
      const copied = stream.history.find(
        (packet) =>
          packet.direction === 'received' &&
          isOfStream(packet) &&
          segmentIn(packet).sequence === segmentIn(confirm).sequence &&
          (segmentIn(packet).payload.length > 0 || segmentIn(confirm).payload.length === 0),
      );
      t.require(
        copied !== undefined,
        'other-sequence',
        'The confirmation has a sequence number that no segment of the connection has.',
        {
          packet: confirm,
          expected: 'the sequence number of the segment that it is a copy of',
          seen: segmentIn(confirm).sequence,
          ...headerField(confirm, 'sequence'),
          requirement: 'MPIP-AV-10',
        },
      );
      t.equal(
        `${confirm.sourcePort}-${confirm.destinationPort}`,
        `${copied.sourcePort}-${copied.destinationPort}`,
        'other-ports',
        'The confirmation has other ports than the segment that it copies.',
        { packet: confirm, octet: confirm.l4Offset, octets: 4, requirement: 'MPIP-AV-08' },
      );
      t.pass('The confirmation is a copy of the segment that followed the query.', confirm, echo);
    },
  },
  {
    ...common,
    id: 'AV-tcp-copied-segment-is-sent',
    purpose: 'The segment that a confirmation copies is sent itself: two segments with one sequence number.',
    requirements: ['MPIP-AV-21'],
    async run(t: Tester) {
      const stream = await connected(t);
      const payload = t.payload(48);
      askWith(stream, payload);
      const confirm = await t.expect(stream, isConfirm, {
        code: 'no-confirm',
        text: 'The peer did not confirm our query.',
        expected: EXPECTED.confirm,
        preamble: true,
      });
      const { sequence } = segmentIn(confirm);
      const original = await t.expect(
        stream,
        (packet) => isOfStream(packet) && segmentIn(packet).sequence === sequence,
        {
          code: 'original-missing',
          text: 'The peer sent the copy as confirmation and not the segment itself.',
          expected: `a segment of the connection with sequence number ${sequence}`,
          packet: confirm,
          ...headerField(confirm, 'sequence'),
        },
      );
      // What comes later was sent again by the peer's TCP, because it was never acknowledged.
      t.require(
        Math.abs(original.time - confirm.time) < SOONER_THAN_TCP,
        'original-only-retransmitted',
        'The segment that the confirmation copied came only when TCP sent it again.',
        {
          packet: original,
          expected: `at most ${inWords(SOONER_THAN_TCP)} between them`,
          seen: `${inWords(Math.abs(original.time - confirm.time))}`,
        },
      );
      await t.sleep(t.slack);
      t.require(
        sameOctets(stream.data, payload),
        'data-missing',
        'The data whose segment was copied for the confirmation did not arrive once and whole.',
        { packet: original, expected: `${payload.length} octets`, seen: `${stream.data.length} octets` },
      );
      t.pass('The copied segment came as well.', confirm, original);
    },
  },
  {
    ...common,
    id: 'AV-tcp-no-segment-invented',
    purpose:
      'While a connection is idle a query on it is answered by nothing: no segment is made for the confirmation.',
    requirements: ['MPIP-AV-09'],
    duration: () => 3_000_000,
    async run(t: Tester) {
      const stream = await connected(t);
      const before = t.payload(40);
      stream.send({ payload: before });
      await t.expect(stream, (packet) => isOfStream(packet) && segmentWith(before)(packet), {
        code: 'no-echo',
        text: 'The TCP echo service did not return our data.',
        expected: EXPECTED.echo,
        preamble: true,
      });
      await stream.collect(200_000);
      // A copy of a segment that is not sent itself: nothing new for the peer's TCP, which therefore sends nothing.
      stream.send({ cm: { flags: Flags.enable } });
      await t.expectSilence(stream, isConfirm, 1_500_000, {
        code: 'confirm-invented',
        text: 'The peer sent a segment of its own to confirm a query on an idle connection.',
      });
      // The right thing works: with the next segment the confirmation comes.
      const payload = t.payload(40);
      stream.send({ payload });
      const confirm = await t.expect(stream, isConfirm, {
        code: 'confirm-forgotten',
        text: 'The peer did not confirm the query with the next segment that its application sent.',
        expected: EXPECTED.confirm,
        requirement: 'MPIP-AV-08',
        preamble: true,
      });
      t.pass('The confirmation waited for the next segment.', confirm);
    },
  },
  {
    ...common,
    id: 'AV-tcp-confirmed-by-one-segment',
    purpose: 'A query on TCP is confirmed with the next segment, and not with those after it.',
    requirements: ['MPIP-AV-08'],
    async run(t: Tester) {
      const stream = await connected(t);
      await handshaken(t, stream);
      // Each may have come twice, and been confirmed twice.
      const most = 2 * stream.history.filter((packet) => packet.direction === 'sent' && isQuery(packet)).length;
      for (let i = 0; i < most + 2; i++) await requireEcho(t, stream);
      await t.sleep(t.slack);
      const confirmations = stream.history.filter(isConfirmed);
      const copied = new Set(confirmations.map((packet) => segmentIn(packet).sequence));
      t.require(
        copied.size <= most,
        'confirmed-again',
        'One query is confirmed by copies of ever more segments; the next one was enough.',
        {
          expected: `copies of at most ${most} segments`,
          seen: copied.size,
          packet: confirmations.at(-1),
          field: 'flags',
        },
      );
      t.pass('The segments after the next one confirmed nothing.', stream.history.at(-1)!);
    },
  },
  {
    ...common,
    id: 'AV-tcp-confirm-to-whoever-asked',
    purpose:
      'The confirmation waits for a segment to the address and port that asked: those to others are no occasion.',
    requirements: ['MPIP-AV-08'],
    async run(t: Tester) {
      const asking = await connected(t);
      const other = await connected(t);
      const echo = (stream: TestStream) => requireEcho(t, stream);
      await echo(asking);
      // The other node is one that has been asked itself: to it there is nothing left to confirm.
      const isEnabled = () => other.history.some((packet) => packet.direction === 'received' && isData(packet));
      for (let attempt = 0; attempt < 3 && !isEnabled(); attempt++) {
        other.send({ cm: { flags: Flags.enabled } });
        await echo(other);
      }
      if (!isEnabled()) t.inconc('not-enabled', 'The peer did not take our confirmation of its query.');
      await t.sleep(t.slack);
      const before = other.history.length;
      // Nothing new for the peer's TCP, which therefore sends nothing there.
      asking.send({ cm: { flags: Flags.enable } });
      await t.sleep(t.slack);
      await echo(other);
      // The copy follows its segment.
      await t.sleep(t.slack);
      const stray = other.history.slice(before).find(isConfirmed);
      t.refuse(stray, 'confirmed-to-another', 'One node asked, and the confirmation was sent to another one.', {
        expected: `a confirmation to port ${asking.port}`,
        seen: `one to port ${other.port}`,
        ...headerField(stray, 'destinationPort'),
      });
      await echo(asking);
      const confirm = await t.expect(asking, isConfirm, {
        code: 'no-confirm',
        text: 'The peer did not confirm the query with its next segment to the node that had asked.',
        expected: EXPECTED.confirm,
        preamble: true,
      });
      t.pass('Only the node that had asked got a confirmation.', confirm);
    },
  },
  {
    ...common,
    id: 'AV-tcp-query-copies-segment',
    purpose: 'The peer asks on TCP by a copy of a segment with the query flag beside the unmodified segment.',
    requirements: ['MPIP-AV-02', 'MPIP-AV-03', 'MPIP-AV-04'],
    async run(t: Tester) {
      const stream = await connected(t);
      const payload = t.payload(64);
      stream.send({ payload });
      const echo = await t.expect(stream, (packet) => isPlain(packet) && segmentWith(payload)(packet), {
        code: 'no-ordinary-echo',
        text: 'The peer did not send the echoed data as an ordinary segment before the handshake.',
        expected: EXPECTED.echo,
        requirement: 'MPIP-AV-03',
      });
      const query = await t.expect(stream, isQuery, {
        code: 'no-query',
        text: 'The peer sent no query beside the segments of a connection whose other end it does not know.',
        expected: EXPECTED.query,
        requirement: 'MPIP-AV-02',
      });
      const asked = stream.history.find(
        (packet) =>
          packet.direction === 'received' &&
          packet.cm === undefined &&
          segmentIn(packet).sequence === segmentIn(query).sequence &&
          isPrefix(segmentIn(query).payload, segmentIn(packet).payload),
      );
      t.require(
        asked !== undefined,
        'query-is-no-copy',
        'The query has a sequence number or data that no ordinary segment of the connection has.',
        {
          packet: query,
          expected: 'the sequence number and data of an ordinary segment',
          seen: `sequence number ${segmentIn(query).sequence}, which none has`,
          ...headerField(query, 'sequence'),
          requirement: 'MPIP-AV-04',
        },
      );
      t.pass('The query is a copy of a segment that was sent as it is.', query, echo);
    },
  },
  {
    ...common,
    id: 'AV-tcp-confirm-enables',
    purpose: 'On TCP too the handshake enables: segments after it carry a CM.',
    requirements: ['MPIP-AV-05', 'MPIP-AV-11'],
    async run(t: Tester) {
      const stream = await connected(t);
      await handshaken(t, stream);
      const payload = t.payload(48);
      stream.send({ payload, cm: { sessionId: 9 } });
      const answer = await t.expect(stream, (packet) => isOfStream(packet) && segmentWith(payload)(packet), {
        code: 'no-echo',
        text: 'The peer did not echo data that came with a control message.',
        expected: EXPECTED.echo,
        preamble: true,
      });
      t.require(
        answer.cm !== undefined,
        'still-ordinary',
        'After the handshake a segment carries no control message.',
        {
          expected: EXPECTED.withCm,
          packet: answer,
          requirement: 'MPIP-AV-05',
        },
      );
      t.pass('Segments after the handshake carry a control message.', answer);
    },
  },
];

function isConfirmed(packet: Observed): boolean {
  return packet.direction === 'received' && isConfirm(packet);
}

/** Sends data until it comes back; `inconc` when it never does. */
async function requireEcho(t: Tester, stream: TestStream): Promise<void> {
  const payload = t.payload(40);
  if (await sendUntilBack(t, stream, payload, stream.data.length + payload.length)) return;
  t.inconc('no-echo', 'The TCP echo service did not return our data.');
}
