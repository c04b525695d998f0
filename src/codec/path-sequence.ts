import { readU16be } from './bytes.js';
import { type DatagramView, TCP_HEADER_LENGTH } from './datagram.js';

/** Kind of an experimental option of TCP, and the identifier of this experiment (RFC 6994): "MP". */
const EXPERIMENT = 253;
const EXPERIMENT_ID = 0x4d50;
const OPTION_LENGTH = 4;
/** Octets of a path's own TCP header: 20 and the option. */
export const PATH_HEADER = TCP_HEADER_LENGTH + OPTION_LENGTH;
/** The option as it stands in SYN, SYN-ACK and every segment with a header of the path's own. */
export const PATH_SEQUENCE_OPTION = Uint8Array.of(EXPERIMENT, OPTION_LENGTH, EXPERIMENT_ID >>> 8, EXPERIMENT_ID & 255);

/** True when the TCP header in a datagram has the option of the experiment. */
export function hasPathSequence({ bytes, l4Offset, payloadOffset }: DatagramView): boolean {
  for (let at = l4Offset + TCP_HEADER_LENGTH; at + 1 < payloadOffset; ) {
    const kind = bytes[at]!;
    if (kind === 0) return false;
    if (kind === 1) {
      at++;
      continue;
    }
    const length = bytes[at + 1]!;
    if (length < 2) return false;
    if (kind === EXPERIMENT && length === OPTION_LENGTH && at + OPTION_LENGTH <= payloadOffset)
      if (readU16be(bytes, at + 2) === EXPERIMENT_ID) return true;
    at += length;
  }
  return false;
}

/**
 * Where the host's TCP header is behind one of the path's own; -1 when there is none, or no room for a whole one whose length
 * fits. `end` is where the user data ends.
 */
export function innerHeader(view: DatagramView, end: number): number {
  const { bytes, l4Offset, payloadOffset } = view;
  const room = end - payloadOffset;
  if (payloadOffset - l4Offset !== PATH_HEADER || room < TCP_HEADER_LENGTH || !hasPathSequence(view)) return -1;
  const headerLength = (bytes[payloadOffset + 12]! >>> 4) * 4;
  return headerLength >= TCP_HEADER_LENGTH && headerLength <= room ? payloadOffset : -1;
}
