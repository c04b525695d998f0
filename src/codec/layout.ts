/**
 * The layouts of the control message, declared once. The view, the general decoder, the vectors, the generators of
 * test data, the Wireshark plugin and the tables of the documentation are all derived from these two declarations.
 *
 * The paper (table 1) names the fields; the authors' kernels fix the bytes of `compact`; `full` is table 1 taken
 * literally. See docs/wire-format.md.
 */

/** Name of a layout. */
export type LayoutName = 'compact' | 'full';

/** Name of a CM field in code. */
export type FieldName =
  | 'length'
  | 'nodeId'
  | 'sessionId'
  | 'pathId'
  | 'feedbackPathId'
  | 'timestamp'
  | 'pathDelay'
  | 'localAddresses'
  | 'addressCount'
  | 'version'
  | 'flags'
  | 'checksum';

/** How a field's octets are read. `id` is a byte string shown in hex with colons. */
export type FieldType = 'u8' | 'u16' | 's32' | 'u32' | 'id' | 'ipv4-list';

/** One field of a layout. */
export interface FieldDeclaration {
  readonly name: FieldName;
  /** Wireshark field name, also the NDJSON key. */
  readonly filter: string;
  /** Words for people. */
  readonly title: string;
  readonly type: FieldType;
  /** Size in octets; of one entry for a list. */
  readonly size: number;
  readonly endian: 'little' | 'big';
  /** Entries of a list: a number, or the name of the field that counts them. */
  readonly count?: number | 'addressCount';
  /** The only value that makes the block a CM. */
  readonly constant?: number;
  /** The largest value that makes the block a CM. */
  readonly max?: number;
  /** One line on meaning and unit. */
  readonly description: string;
}

/** A layout: octets in the order of the wire. */
export interface LayoutDeclaration {
  readonly name: LayoutName;
  /** Octets before the CM that belong to the trailer, are dropped unseen and not summed. */
  readonly filler: number;
  /** Size of the CM in octets with no list entry that is counted by a field. */
  readonly baseSize: number;
  readonly fields: readonly FieldDeclaration[];
  readonly description: string;
}

const description = {
  nodeId: 'who sends: a MAC address of the node, or its last two octets',
  sessionId: 'the connection; 0 = none',
  pathId: "the sender's own id of the path used; 0 = the session's own tuple, no path yet",
  feedbackPathId: "the receiver's own id of the path being fed back; 0 = no feedback",
  timestamp: "clock ticks of the sender at transmission, modulo 2^32; the profile's tick",
  pathDelay: 'receive clock minus packet timestamp of the path fed back, modulo 2^32, signed',
  flags: 'what the receiver does: 0 normal, 1 ip-change, 2 heartbeat, 3 enable, 4 enabled, 5 handshake',
  checksum: 'plain sum of the unsigned octets of the CM before it',
} as const;

/** Layout of the authors' kernels: 1 filler octet and 25 octets of CM. */
export const COMPACT: LayoutDeclaration = {
  name: 'compact',
  filler: 1,
  baseSize: 25,
  description: 'the deployed layout: two octets of node id, two address slots, read forwards from a length octet',
  fields: [
    {
      name: 'length',
      filter: 'mpip.length',
      title: 'Length',
      type: 'u8',
      size: 1,
      endian: 'little',
      constant: 25,
      description: 'constant 25: the size of the CM and the mark that one may be here',
    },
    {
      name: 'nodeId',
      filter: 'mpip.node_id',
      title: 'Node ID',
      type: 'id',
      size: 2,
      endian: 'big',
      description: description.nodeId,
    },
    {
      name: 'sessionId',
      filter: 'mpip.session_id',
      title: 'Session ID',
      type: 'u8',
      size: 1,
      endian: 'little',
      description: description.sessionId,
    },
    {
      name: 'pathId',
      filter: 'mpip.path_id',
      title: 'Path ID',
      type: 'u8',
      size: 1,
      endian: 'little',
      description: description.pathId,
    },
    {
      name: 'feedbackPathId',
      filter: 'mpip.feedback_path_id',
      title: 'Feedback Path ID',
      type: 'u8',
      size: 1,
      endian: 'little',
      description: description.feedbackPathId,
    },
    {
      name: 'timestamp',
      filter: 'mpip.timestamp',
      title: 'Packet Timestamp',
      type: 'u32',
      size: 4,
      endian: 'little',
      description: description.timestamp,
    },
    {
      name: 'pathDelay',
      filter: 'mpip.path_delay',
      title: 'Path Delay',
      type: 's32',
      size: 4,
      endian: 'little',
      description: description.pathDelay,
    },
    {
      name: 'localAddresses',
      filter: 'mpip.local_addr',
      title: 'Local Address',
      type: 'ipv4-list',
      size: 4,
      count: 2,
      endian: 'big',
      description: "two of the sender's addresses; 0.0.0.0 = empty slot",
    },
    {
      name: 'flags',
      filter: 'mpip.flags',
      title: 'CM Flags',
      type: 'u8',
      size: 1,
      endian: 'little',
      max: 5,
      description: description.flags,
    },
    {
      name: 'checksum',
      filter: 'mpip.checksum',
      title: 'Checksum',
      type: 'u16',
      size: 2,
      endian: 'little',
      description: description.checksum,
    },
  ],
};

/** Table 1 taken literally: whole MAC, all addresses, 16-bit ids; read backwards from the end of the datagram. */
export const FULL: LayoutDeclaration = {
  name: 'full',
  filler: 0,
  baseSize: 25,
  description: 'table 1 taken literally: a whole MAC, up to 16 addresses, 16-bit ids, read backwards from the end',
  fields: [
    {
      name: 'nodeId',
      filter: 'mpip.node_id',
      title: 'Node ID',
      type: 'id',
      size: 6,
      endian: 'big',
      description: description.nodeId,
    },
    {
      name: 'sessionId',
      filter: 'mpip.session_id',
      title: 'Session ID',
      type: 'u16',
      size: 2,
      endian: 'big',
      description: description.sessionId,
    },
    {
      name: 'pathId',
      filter: 'mpip.path_id',
      title: 'Path ID',
      type: 'u16',
      size: 2,
      endian: 'big',
      description: description.pathId,
    },
    {
      name: 'feedbackPathId',
      filter: 'mpip.feedback_path_id',
      title: 'Feedback Path ID',
      type: 'u16',
      size: 2,
      endian: 'big',
      description: description.feedbackPathId,
    },
    {
      name: 'timestamp',
      filter: 'mpip.timestamp',
      title: 'Packet Timestamp',
      type: 'u32',
      size: 4,
      endian: 'big',
      description: description.timestamp,
    },
    {
      name: 'pathDelay',
      filter: 'mpip.path_delay',
      title: 'Path Delay',
      type: 's32',
      size: 4,
      endian: 'big',
      description: description.pathDelay,
    },
    {
      name: 'localAddresses',
      filter: 'mpip.local_addr',
      title: 'Local Address',
      type: 'ipv4-list',
      size: 4,
      count: 'addressCount',
      endian: 'big',
      description: "all of the sender's addresses",
    },
    {
      name: 'addressCount',
      filter: 'mpip.addr_count',
      title: 'Address Count',
      type: 'u8',
      size: 1,
      endian: 'big',
      max: 16,
      description: 'number of addresses in the list, 0 to 16',
    },
    {
      name: 'version',
      filter: 'mpip.version',
      title: 'Version',
      type: 'u8',
      size: 1,
      endian: 'big',
      constant: 0xa2,
      description: 'constant 0xa2: the mark of this layout',
    },
    {
      name: 'flags',
      filter: 'mpip.flags',
      title: 'CM Flags',
      type: 'u8',
      size: 1,
      endian: 'big',
      max: 5,
      description: description.flags,
    },
    {
      name: 'checksum',
      filter: 'mpip.checksum',
      title: 'Checksum',
      type: 'u16',
      size: 2,
      endian: 'big',
      description: description.checksum,
    },
  ],
};

/** Every layout by name. */
export const LAYOUTS: Readonly<Record<LayoutName, LayoutDeclaration>> = { compact: COMPACT, full: FULL };

/** The declaration of one field of a layout, or undefined where the layout has no such field. */
export function fieldOf(layout: LayoutDeclaration, name: FieldName): FieldDeclaration | undefined {
  return layout.fields.find((field) => field.name === name);
}

/** Octets a field takes with `addressCount` list entries. */
export function fieldSize(field: FieldDeclaration, addressCount: number): number {
  if (field.count === undefined) return field.size;
  return field.size * (field.count === 'addressCount' ? addressCount : field.count);
}

/** Offset of a field from the first octet of the CM (filler not counted), with `addressCount` list entries. */
export function fieldOffset(layout: LayoutDeclaration, name: FieldName, addressCount = 0): number {
  let offset = 0;
  for (const field of layout.fields) {
    if (field.name === name) return offset;
    offset += fieldSize(field, addressCount);
  }
  throw new RangeError(`Layout ${layout.name} has no field ${name}.`);
}

/** Octets of the CM (filler not counted) with `addressCount` addresses. */
export function cmSize(layout: LayoutDeclaration, addressCount: number): number {
  return layout.fields.reduce((sum, field) => sum + fieldSize(field, addressCount), 0);
}

/** Octets a sender appends to a datagram: filler and CM. 26 in `compact`, 25 + 4n in `full` (paper, section 3.1). */
export function trailerSize(layout: LayoutDeclaration, addressCount: number): number {
  return layout.filler + cmSize(layout, addressCount);
}

/** Most addresses one CM of the layout carries. */
export function maxAddresses(layout: LayoutDeclaration): number {
  const list = fieldOf(layout, 'localAddresses');
  if (typeof list?.count === 'number') return list.count;
  return fieldOf(layout, 'addressCount')?.max ?? 0;
}
