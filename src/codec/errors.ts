/** What a codec error is about. Stable: programs may switch on it. */
export type CodecErrorCode =
  | 'truncated'
  | 'length-marker'
  | 'version'
  | 'flags'
  | 'node-id'
  | 'address-count'
  | 'checksum'
  | 'range'
  | 'not-ipv4'
  | 'ip-header'
  | 'protocol'
  | 'l4-header'
  | 'fragment'
  | 'udp-length'
  | 'too-long'
  | 'no-trailer'
  | 'syntax';

/** Where and why a codec operation failed. */
export interface CodecErrorDetails {
  /** Name of the layer or layout: `compact`, `full`, `ipv4`, `udp`, `tcp`. */
  readonly layer: string;
  /** The field that decided, by its code name (`sessionId`) or a header's name (`total length`). */
  readonly field: string;
  /** Offset in octets of that field in the bytes handed in. */
  readonly offset: number;
  /** What was found there: a value or a number of octets. */
  readonly found: number | string;
  /** What was needed. */
  readonly needed: number | string;
}

/**
 * The only error that `src/codec` throws: it says which field at which offset did not fit, what was found and what
 * was needed. `message` is one sentence made of these parts.
 */
export class CodecError extends Error {
  override readonly name = 'CodecError';

  constructor(
    readonly code: CodecErrorCode,
    readonly details: CodecErrorDetails,
    hint = '',
  ) {
    super(
      `${details.layer}: ${details.field} at offset ${details.offset} is ${details.found}, needed ${details.needed}` +
        `${hint === '' ? '' : `; ${hint}`}.`,
    );
  }
}
