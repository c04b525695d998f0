/**
 * Fields that are not octets of the CM but what the dissector makes of them. Those of the CM are declared with the layouts
 * (src/codec/layout.ts). The Wireshark plugin and docs/filters.md are derived from both.
 */
export interface DerivedField {
  /** Name in Wireshark and in records. */
  readonly filter: string;
  /** Words for people. */
  readonly title: string;
  /** `frame` is the number of another frame, `flag` is there when it is true. */
  readonly type: 'string' | 'flag' | 'u16' | 'u32' | 'frame';
  /** Behind the number, where there is one. */
  readonly unit?: string;
  /** One line on meaning. */
  readonly description: string;
}

/** Every derived field, in the order of records. */
export const DERIVED_FIELDS: readonly DerivedField[] = [
  { filter: 'mpip.layout', title: 'Layout', type: 'string', description: 'compact or full' },
  {
    filter: 'mpip.checksum.status',
    title: 'Checksum Status',
    type: 'string',
    description: 'good on every CM, bad on a near-CM',
  },
  {
    filter: 'mpip.wrapper',
    title: 'UDP Wrapper',
    type: 'flag',
    description:
      "true on a TCP segment inside a UDP datagram, or behind a TCP header of the path's own; otherwise absent",
  },
  {
    filter: 'mpip.analysis.data_length',
    title: 'User Data',
    type: 'u16',
    unit: 'octets',
    description: 'octets of user data, between the TCP or UDP header (the inner one of a wrapper) and the trailer',
  },
  {
    filter: 'mpip.analysis.response_to',
    title: 'Response To',
    type: 'frame',
    description:
      'the frame that this one answers: the query of a confirmation, the step before of a handshake, the newest data of a heartbeat',
  },
  {
    filter: 'mpip.analysis.path_tuple',
    title: 'Path',
    type: 'string',
    description: 'addresses and ports of the path that carries this packet of a session',
  },
  {
    filter: 'mpip.analysis.feedback_tuple',
    title: 'Path Fed Back',
    type: 'string',
    description:
      "addresses and ports of the path that the feedback is about, as seen in the peer's newest packet on it",
  },
  {
    filter: 'mpip.analysis.delay',
    title: 'Delay Above Minimum',
    type: 'u32',
    unit: 'ticks',
    description: "the delay fed back, above the smallest fed back for that path so far; free of the clocks' offset",
  },
  {
    filter: 'mpip.analysis.near_cm',
    title: 'Near-CM',
    type: 'string',
    description: 'why a near-CM is no CM',
  },
  { filter: 'mpip.expert', title: 'Finding', type: 'string', description: 'ids of findings' },
];
