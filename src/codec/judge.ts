import { readU16be, readU16le } from './bytes.js';
import { octetSum } from './checksum.js';
import { CodecError, type CodecErrorCode } from './errors.js';
import { MAX_FLAGS } from './flags.js';
import { COMPACT, type FieldName, FULL, fieldOf, fieldOffset, type LayoutName } from './layout.js';

/**
 * Why octets are no CM of a layout: the rules of `isCompact` and `isFull` one by one, in the order of the layouts'
 * descriptions, for people. The view answers the same question faster and with yes or no.
 */

/**
 * The first rule that keeps the octets before `end` from being a CM that begins, filler included, at `from` or later;
 * undefined when there is such a CM. Offsets in the error count from the start of `bytes`.
 */
export function refusal(bytes: Uint8Array, from: number, end: number, layout: LayoutName): CodecError | undefined {
  return layout === 'compact' ? compactRefusal(bytes, from, end) : fullRefusal(bytes, from, end);
}

function compactRefusal(bytes: Uint8Array, from: number, end: number): CodecError | undefined {
  const size = COMPACT.filler + COMPACT.baseSize;
  if (end - from < size) return tooShort('compact', from, end, `${size} octets or more`);
  const start = end - COMPACT.baseSize;
  const markAt = start + fieldOffset(COMPACT, 'length');
  const mark = fieldOf(COMPACT, 'length')!.constant!;
  if (bytes[markAt] !== mark) return wrong('length-marker', 'compact', 'length', markAt, bytes[markAt]!, mark);
  const flagsAt = start + fieldOffset(COMPACT, 'flags');
  if (bytes[flagsAt]! > MAX_FLAGS)
    return wrong('flags', 'compact', 'flags', flagsAt, bytes[flagsAt]!, `0 to ${MAX_FLAGS}`);
  const sumAt = start + fieldOffset(COMPACT, 'checksum');
  const needed = octetSum(bytes, start, sumAt);
  const found = readU16le(bytes, sumAt);
  return found === needed ? undefined : wrong('checksum', 'compact', 'checksum', sumAt, found, needed);
}

function fullRefusal(bytes: Uint8Array, from: number, end: number): CodecError | undefined {
  if (end - from < FULL.baseSize) return tooShort('full', from, end, `${FULL.baseSize} octets or more`);
  const at = (name: FieldName) => end - FULL.baseSize + fieldOffset(FULL, name);
  const mark = fieldOf(FULL, 'version')!.constant!;
  if (bytes[at('version')] !== mark)
    return wrong('version', 'full', 'version', at('version'), bytes[at('version')]!, mark);
  const flags = bytes[at('flags')]!;
  if (flags > MAX_FLAGS) return wrong('flags', 'full', 'flags', at('flags'), flags, `0 to ${MAX_FLAGS}`);
  const count = bytes[at('addressCount')]!;
  const most = fieldOf(FULL, 'addressCount')!.max!;
  if (count > most) return wrong('address-count', 'full', 'addressCount', at('addressCount'), count, `0 to ${most}`);
  const size = FULL.baseSize + 4 * count;
  if (end - from < size) return tooShort('full', from, end, `${size} octets for ${count} addresses`);
  const start = end - size;
  const needed = octetSum(bytes, start, at('checksum'));
  const found = readU16be(bytes, at('checksum'));
  if (found !== needed) return wrong('checksum', 'full', 'checksum', at('checksum'), found, needed);
  const node = bytes.subarray(start, start + fieldOf(FULL, 'nodeId')!.size);
  const isZero = node.every((octet) => octet === 0);
  if (isZero || (node[0]! & 1) === 1)
    return wrong('node-id', 'full', 'nodeId', start, isZero ? 'zero' : 'a multicast address', 'a unicast MAC address');
  return undefined;
}

function tooShort(layer: LayoutName, from: number, end: number, needed: string): CodecError {
  const found = `${Math.max(0, end - from)} octets`;
  return new CodecError('truncated', { layer, field: 'room for the trailer', offset: from, found, needed });
}

function wrong(
  code: CodecErrorCode,
  layer: LayoutName,
  field: FieldName,
  offset: number,
  found: number | string,
  needed: number | string,
): CodecError {
  return new CodecError(code, { layer, field, offset, found, needed });
}
