import type { ControlMessage } from '../../codec/index.js';
import { inWords } from '../describe.js';
import type { Micros } from '../link.js';
import type { Observed } from '../observed.js';
import { sequenceDistance } from '../segment.js';
import type { SegmentOptions, TestStream } from '../test-stream.js';
import type { Tester } from '../tester.js';
import { TcpMesh } from './tcp-mesh.js';
import { type ConnectionOptions, isOfStream, segmentIn, type TcpSession } from './tcp-moves.js';

/** What cases about segments out of order are made of: segments sent in any order, and what the peer's TCP says of it. */

/** Octets of user data in each segment. */
export const SIZE = 24;

/** A session, and the control message of its next segment. */
export type FedSession = TcpSession & { readonly cm: () => Partial<ControlMessage> };

/**
 * A session over TCP in which the peer's paths are fed back: a peer that hears of none may send an acknowledgement by
 * several, which would look like the duplicate of a TCP that sees a hole.
 */
export async function fedSession(t: Tester, options: ConnectionOptions = {}): Promise<FedSession> {
  const mesh = await TcpMesh.open(t, options);
  return { ...mesh.session, cm: () => mesh.cm() };
}

/** Segments of a connection in the order of their numbers, to be sent in any other. */
export class Train {
  readonly base: number;
  readonly payloads: Uint8Array[];

  constructor(
    t: Tester,
    readonly session: Pick<FedSession, 'stream' | 'cm'>,
    count: number,
    readonly size = SIZE,
  ) {
    this.base = session.stream.next;
    this.payloads = Array.from({ length: count }, () => t.payload(size));
    session.stream.next = (this.base + count * size) >>> 0;
  }

  /** Sends the segments of these positions, from 0. */
  send(...positions: readonly number[]): Observed[] {
    return positions.map((position) => this.sendOne(position));
  }

  /** Sends the segment of one position, by another way than the original when told. */
  sendOne(position: number, way: SegmentOptions = {}): Observed {
    const { stream, cm } = this.session;
    return stream.send({
      payload: this.payloads[position]!,
      sequence: this.start(position),
      ...way,
      cm: { ...cm(), ...way.cm },
    });
  }

  /** Sequence number of a segment: what acknowledges everything before it. */
  start(position: number): number {
    return (this.base + position * this.size) >>> 0;
  }

  /** True when segments up to this position were acknowledged. */
  isAcknowledged(position: number): boolean {
    return sequenceDistance(this.session.stream.acknowledged, this.start(position)) >= 0;
  }
}

/** Segments of the peer that arrived from a time on. */
export function since(stream: TestStream, time: Micros): Observed[] {
  return stream.history.filter(
    (packet) => packet.direction === 'received' && packet.time >= time && isOfStream(packet),
  );
}

/** Acknowledgements without data that repeat the number before: signs that a TCP saw a hole. */
export function duplicates(packets: readonly Observed[], number: number): Observed[] {
  return packets.filter((packet) => {
    const segment = segmentIn(packet);
    return segment.payload.length === 0 && segment.acknowledgement === number;
  });
}

/** Acknowledgements without data that repeat one before them, of a number below `end`. */
export function repeats(packets: readonly Observed[], end: number): Observed[] {
  const seen = new Set<number>();
  return packets.filter((packet) => {
    const { payload, acknowledgement } = segmentIn(packet);
    if (payload.length > 0 || sequenceDistance(acknowledgement, end) >= 0) return false;
    const isRepeat = seen.has(acknowledgement);
    seen.add(acknowledgement);
    return isRepeat;
  });
}

/** How long to watch whether early segments are held: well within the longest hold, so that it has not ended. */
export function watch(t: Tester): Micros {
  const hold = t.constants['reordering-hold'];
  if (2 * t.slack > hold) {
    t.inconc(
      'slow-network',
      `The network may delay packets by ${inWords(t.slack)}; whether a segment is held for ${inWords(hold)} at most cannot be seen.`,
    );
  }
  return hold / 2;
}

/** Lets what was sent before settle: no segment of the peer is on its way, nothing is unacknowledged. */
export async function quiet(t: Tester, stream: TestStream): Promise<void> {
  await t.sleep(2 * t.slack + t.constants['reordering-hold']);
  stream.forget();
}
