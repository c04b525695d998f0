import { Columns } from './columns.js';

/** Integer fields: control packets of one flow. */
export const Handshake = {
  flow: 0,
  queries: 1,
  confirmations: 2,
  syns: 3,
  synAcks: 4,
  acks: 5,
  /** Session id of the fake handshake. */
  session: 6,
  /** Sequence number of the newest SYN or SYN-ACK. */
  sequence: 7,
  /** 1 when SYN-ACK or ACK acknowledge as TCP does, 2 when not, 0 while nothing was to be acknowledged. */
  acknowledges: 8,
  ints: 9,
} as const;

/** Double fields: microseconds since the first packet. */
export const HandshakeTime = {
  firstQuery: 0,
  lastQuery: 1,
  firstConfirmation: 2,
  firstSyn: 3,
  firstSynAck: 4,
  firstAck: 5,
  doubles: 6,
} as const;

/** Queries, confirmations and fake TCP handshakes, by the flow that they went on. */
export class Handshakes {
  readonly columns = new Columns(Handshake.ints, HandshakeTime.doubles);

  add(flow: number): number {
    const handshake = this.columns.add();
    this.columns.setInt(handshake, Handshake.flow, flow);
    return handshake;
  }

  /** Counts a packet of one kind. */
  count(handshake: number, kind: number, firstTime: number, time: number): void {
    const { columns } = this;
    if (columns.int(handshake, kind) === 0) columns.setDouble(handshake, firstTime, time);
    columns.addInt(handshake, kind, 1);
  }
}
