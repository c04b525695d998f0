import { fieldOf, LAYOUTS } from '../codec/index.js';
import type { PacketExcerpt, ResultCause } from './result.js';
import type { Cause } from './verdict.js';

/** Octets of a packet that an excerpt holds at most. */
const EXCERPT = 160;

/** A cause as reports hold it: a whole paragraph, and the packet as an excerpt. */
export function toResult(cause: Cause): ResultCause {
  const packet = excerptOf(cause);
  const parts = [cause.text];
  if (cause.expected !== undefined && cause.seen !== undefined) {
    parts.push(`Expected ${cause.expected}, seen ${cause.seen}.`);
  } else if (cause.expected !== undefined) parts.push(`Expected ${cause.expected}.`);
  else if (cause.seen !== undefined) parts.push(`Seen ${cause.seen}.`);
  if (packet !== undefined) parts.push(whereIs(packet));
  return {
    code: cause.code,
    text: parts.join(' '),
    ...(cause.expected === undefined ? {} : { expected: cause.expected }),
    ...(cause.seen === undefined ? {} : { seen: cause.seen }),
    ...(cause.requirement === undefined ? {} : { requirement: cause.requirement }),
    ...(packet === undefined ? {} : { packet }),
  };
}

/** Where to look: the frame, and in it the octets that decided. */
function whereIs({ frame, direction, octet, octets = 1, field }: PacketExcerpt): string {
  const which = direction === 'sent' ? `frame ${frame}, which we sent` : `frame ${frame}`;
  if (octet === undefined) return `See ${which}.`;
  const range = octets > 1 ? `octets ${octet} to ${octet + octets - 1}` : `octet ${octet}`;
  return `See ${range}${field === undefined ? '' : ` (${field})`} of ${which}.`;
}

function excerptOf(cause: Cause): PacketExcerpt | undefined {
  const { packet, field } = cause;
  if (packet === undefined) return undefined;
  const range = field === undefined ? undefined : packet.fieldRange(field);
  const octet = range?.octet ?? cause.octet;
  const octets = range?.octets ?? (octet === undefined ? undefined : (cause.octets ?? 1));
  const filter =
    field === undefined || packet.cm === undefined ? undefined : fieldOf(LAYOUTS[packet.cm.layout], field)?.filter;
  const bytes = packet.packet;
  // The place that matters, or the end where a CM is.
  const focus = octet ?? (packet.cm === undefined ? 0 : bytes.length - 1);
  return {
    frame: packet.frame,
    direction: packet.direction,
    ...(filter === undefined ? {} : { field: filter }),
    ...(octet === undefined || octets === undefined ? {} : { octet, octets }),
    ...hexAround(bytes, focus),
  };
}

/** Octets of a packet around one of them, from a whole line of 16 octets on. */
export function hexAround(bytes: Uint8Array, focus: number): Pick<PacketExcerpt, 'hex' | 'hexFrom'> {
  const hexFrom = bytes.length <= EXCERPT ? 0 : Math.max(0, Math.floor((focus - EXCERPT / 2) / 16) * 16);
  const length = Math.min(EXCERPT, bytes.length - hexFrom);
  return { hex: Buffer.from(bytes.buffer, bytes.byteOffset + hexFrom, length).toString('hex'), hexFrom };
}
