/**
 * Sums: the CM's own (paper, section 3.1) and the Internet checksum with its incremental update (RFC 1071, RFC 1624).
 * All functions work on a range of a byte array and allocate nothing.
 */

/** Plain sum of the unsigned octets from `start` to `end` (exclusive): the CM checksum over its own octets. */
export function octetSum(bytes: Uint8Array, start: number, end: number): number {
  let sum = 0;
  let i = start;
  // Eight at a time: the loop itself would cost more than the additions.
  for (; i + 8 <= end; i += 8) {
    sum +=
      bytes[i]! +
      bytes[i + 1]! +
      bytes[i + 2]! +
      bytes[i + 3]! +
      bytes[i + 4]! +
      bytes[i + 5]! +
      bytes[i + 6]! +
      bytes[i + 7]!;
  }
  for (; i < end; i++) sum += bytes[i]!;
  return sum;
}

/**
 * `octetSum` of the 23 octets before the checksum of a `compact` CM, written out: this runs for every packet with the
 * right mark, and takes half the time of the loop.
 */
export function compactOctetSum(b: Uint8Array, at: number): number {
  // biome-ignore format: octets in the order of the wire, field by field
  return (
    b[at]! + b[at + 1]! + b[at + 2]! + b[at + 3]! + b[at + 4]! + b[at + 5]! +
    b[at + 6]! + b[at + 7]! + b[at + 8]! + b[at + 9]! +
    b[at + 10]! + b[at + 11]! + b[at + 12]! + b[at + 13]! +
    b[at + 14]! + b[at + 15]! + b[at + 16]! + b[at + 17]! +
    b[at + 18]! + b[at + 19]! + b[at + 20]! + b[at + 21]! + b[at + 22]!
  );
}

/** Sum of the 16-bit big-endian words from `start` to `end`, an odd last octet padded with zero; not folded. */
export function wordSum(bytes: Uint8Array, start: number, end: number): number {
  let sum = 0;
  const even = start + ((end - start) & ~1);
  for (let i = start; i < even; i += 2) sum += (bytes[i]! << 8) | bytes[i + 1]!;
  if (even < end) sum += bytes[even]! << 8;
  return sum;
}

/** Folds a sum below 2^32 (a datagram's words stay below it) to 16 bits with end-around carry. */
export function fold(sum: number): number {
  const once = (sum & 0xffff) + (sum >>> 16);
  return (once & 0xffff) + (once >>> 16);
}

/** Sum of the IPv4 pseudo-header (RFC 793, RFC 768) with the two addresses read at `ipOffset`. */
export function pseudoHeaderSum(bytes: Uint8Array, ipOffset: number, protocol: number, l4Length: number): number {
  return wordSum(bytes, ipOffset + 12, ipOffset + 20) + protocol + l4Length;
}

/** The IPv4 header checksum of the header at `offset`, with its checksum field counted as zero. */
export function ipv4HeaderChecksum(bytes: Uint8Array, offset: number, headerLength: number): number {
  const field = (bytes[offset + 10]! << 8) | bytes[offset + 11]!;
  return ~fold(wordSum(bytes, offset, offset + headerLength) - field) & 0xffff;
}

/**
 * The TCP or UDP checksum over the L4 octets `l4Offset` to `end` of the datagram at `ipOffset`, with the checksum field
 * counted as zero. The range must hold a whole TCP or UDP header. A UDP result of zero is given as 0xffff (RFC 768).
 */
export function l4Checksum(
  bytes: Uint8Array,
  ipOffset: number,
  protocol: number,
  l4Offset: number,
  end: number,
): number {
  const fieldOffset = l4Offset + (protocol === 6 ? 16 : 6);
  const field = (bytes[fieldOffset]! << 8) | bytes[fieldOffset + 1]!;
  const sum = wordSum(bytes, l4Offset, end) - field + pseudoHeaderSum(bytes, ipOffset, protocol, end - l4Offset);
  const checksum = ~fold(sum) & 0xffff;
  return protocol === 17 && checksum === 0 ? 0xffff : checksum;
}

/**
 * RFC 1624, equation 3: the checksum after a part of what it covers, with the word sum `removed`, became one with the
 * word sum `added`. An error in the old checksum stays visible in the new one. The result is never 0xffff, which no
 * correct sender of a non-zero header produces.
 */
export function updateChecksum(checksum: number, removed: number, added: number): number {
  const updated = ~fold((~checksum & 0xffff) + (~fold(removed) & 0xffff) + fold(added)) & 0xffff;
  return updated === 0xffff ? 0 : updated;
}

/** As `wordSum`, for octets that begin at an odd position of what the checksum covers. */
export function shiftedWordSum(bytes: Uint8Array, start: number, end: number, odd: boolean): number {
  const sum = fold(wordSum(bytes, start, end));
  return odd ? ((sum & 0xff) << 8) | (sum >>> 8) : sum;
}
