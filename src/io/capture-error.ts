/**
 * Why a capture file could not be read to its end. The codes are stable; messages may change.
 *
 * - `capture-unreadable`: the file cannot be opened or read (missing, a directory, no permission);
 * - `capture-unknown-format`: the first bytes are neither classic pcap nor pcapng;
 * - `capture-unsupported`: a version of one of the formats that is not read;
 * - `capture-truncated`: the data end in the middle of a header, record or block;
 * - `capture-damaged`: a length or a reference that cannot be right;
 * - `capture-gzip-damaged`: the compressed data cannot be inflated.
 */
export type CaptureErrorCode =
  | 'capture-unreadable'
  | 'capture-unknown-format'
  | 'capture-unsupported'
  | 'capture-truncated'
  | 'capture-damaged'
  | 'capture-gzip-damaged';

/** What is known about the place of the damage. */
export interface CaptureErrorDetails {
  /** Byte offset in the (inflated) file of the header, record or block that cannot be read. */
  readonly offset: number;
  /** What stood there, a number of bytes where the trouble is one of length. */
  readonly found?: number | string;
  /** What would have been right, in the same unit as `found`. */
  readonly needed?: number | string;
  readonly cause?: unknown;
}

/** A capture that cannot be read further. Every packet before `offset` has been delivered when it is thrown. */
export class CaptureError extends Error {
  override readonly name = 'CaptureError';
  readonly code: CaptureErrorCode;
  /** Byte offset in the (inflated) file. */
  readonly offset: number;
  readonly found: number | string | undefined;
  readonly needed: number | string | undefined;

  constructor(code: CaptureErrorCode, message: string, details: CaptureErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.offset = details.offset;
    this.found = details.found;
    this.needed = details.needed;
  }
}
