// The rules of docs/wire-format.md once more, written plainly and apart from src/codec: what the vectors expect comes
// from here. Nothing in this file is shared with the code that the vectors test.

const hex2 = (octet) => octet.toString(16).padStart(2, '0');
const sumOf = (octets) => octets.reduce((sum, octet) => sum + octet, 0);
const big = (octets) => octets.reduce((value, octet) => value * 256 + octet, 0);
const little = (octets) => big([...octets].reverse());
const signed = (value) => (value >= 2 ** 31 ? value - 2 ** 32 : value);

/** Dotted addresses of a run of octets. */
function addresses(octets) {
  const list = [];
  for (let i = 0; i < octets.length; i += 4) list.push(octets.slice(i, i + 4).join('.'));
  return list;
}

/** Judges 25 octets as compact: `{ reason }`, or `{ fields }` when all rules hold. */
export function judgeCompact(b) {
  if (b[0] !== 25) return { reason: 'length-marker' };
  if (b[22] > 5) return { reason: 'flags' };
  if (little(b.slice(23, 25)) !== sumOf(b.slice(0, 23))) return { reason: 'checksum' };
  return {
    fields: {
      length: b[0],
      nodeId: b.slice(1, 3).map(hex2).join(':'),
      sessionId: b[3],
      pathId: b[4],
      feedbackPathId: b[5],
      timestamp: little(b.slice(6, 10)),
      pathDelay: signed(little(b.slice(10, 14))),
      localAddresses: addresses(b.slice(14, 22)),
      flags: b[22],
      checksum: little(b.slice(23, 25)),
    },
  };
}

/** Judges the end of `b` as full; `size` is the CM's length in octets. Everything after the header may be handed in. */
export function judgeFull(b) {
  const end = b.length;
  if (end < 25) return { reason: 'truncated' };
  if (b[end - 4] !== 0xa2) return { reason: 'version' };
  if (b[end - 3] > 5) return { reason: 'flags' };
  const n = b[end - 5];
  if (n > 16) return { reason: 'address-count' };
  const size = 25 + 4 * n;
  if (end < size) return { reason: 'truncated' };
  const cm = b.slice(end - size);
  if (big(cm.slice(size - 2)) !== sumOf(cm.slice(0, size - 2))) return { reason: 'checksum', size };
  const node = cm.slice(0, 6);
  if (sumOf(node) === 0 || node[0] % 2 === 1) return { reason: 'node-id', size };
  return {
    size,
    fields: {
      nodeId: node.map(hex2).join(':'),
      sessionId: big(cm.slice(6, 8)),
      pathId: big(cm.slice(8, 10)),
      feedbackPathId: big(cm.slice(10, 12)),
      timestamp: big(cm.slice(12, 16)),
      pathDelay: signed(big(cm.slice(16, 20))),
      localAddresses: addresses(cm.slice(20, size - 5)),
      addressCount: n,
      version: 0xa2,
      flags: cm[size - 3],
      checksum: big(cm.slice(size - 2)),
    },
  };
}

/** Judges octets as one block of `layout` that fills them exactly (compact may have its filler in front). */
export function judgeBlock(b, layout) {
  if (layout === 'compact') {
    if (b.length < 25) return { result: 'ordinary', reason: 'truncated' };
    if (b.length > 26) return { result: 'ordinary', reason: 'too-long' };
    return verdict(judgeCompact(b.slice(b.length - 25)));
  }
  const judged = judgeFull(b);
  if (judged.size !== undefined && judged.size < b.length) return { result: 'ordinary', reason: 'too-long' };
  return verdict(judged);
}

function verdict({ reason, fields }) {
  return reason === undefined ? { result: 'valid', fields } : { result: 'ordinary', reason };
}

/** Judges octets as an IPv4 datagram read by a receiver that accepts both layouts. */
export function judgeDatagram(b) {
  const ordinary = (reason, more = {}) => ({ result: 'ordinary', reason, ...more });
  if (b.length < 1 || b[0] >> 4 !== 4) return ordinary('not-ipv4');
  if (b.length < 20) return ordinary('truncated');
  const ipLength = (b[0] % 16) * 4;
  const total = big(b.slice(2, 4));
  if (ipLength < 20 || total < ipLength) return ordinary('ip-header');
  const protocol = b[9];
  if (protocol !== 6 && protocol !== 17) return ordinary('protocol');
  if ((b[6] & 0x20) !== 0 || (b[6] & 0x1f) !== 0 || b[7] !== 0) return ordinary('fragment');
  if (b.length < total) return ordinary('truncated');
  const l4 = b.slice(ipLength, total);
  if (l4.length < (protocol === 6 ? 20 : 8)) return ordinary('l4-header');
  const headerLength = protocol === 6 ? (l4[12] >> 4) * 4 : 8;
  if (headerLength < (protocol === 6 ? 20 : 8) || headerLength > l4.length) return ordinary('l4-header');
  const data = l4.slice(headerLength);
  const compact = data.length < 26 ? { reason: 'truncated' } : judgeCompact(data.slice(data.length - 25));
  const full = judgeFull(data);
  if (compact.fields !== undefined)
    return {
      result: 'valid',
      layout: 'compact',
      ambiguous: full.fields !== undefined,
      trailerOffset: total - 26,
      filler: data[data.length - 26],
      fields: compact.fields,
    };
  if (full.fields !== undefined)
    return { result: 'valid', layout: 'full', ambiguous: false, trailerOffset: total - full.size, fields: full.fields };
  return ordinary('no-cm', { compact: compact.reason, full: full.reason });
}

/** One's complement checksum (RFC 1071) of octets. */
export function internetChecksum(octets) {
  let sum = 0;
  for (let i = 0; i < octets.length; i += 2) sum += octets[i] * 256 + (octets[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum % 0x10000) + Math.floor(sum / 0x10000);
  return 0xffff - sum;
}

/** Fills lengths and checksums of a datagram from nothing; the UDP checksum too unless `udpChecksum` is false. */
export function seal(octets, { udpChecksum = true } = {}) {
  const b = [...octets];
  const put = (at, value) => {
    b[at] = value >> 8;
    b[at + 1] = value & 255;
  };
  const ipLength = (b[0] % 16) * 4;
  const isTcp = b[9] === 6;
  put(2, b.length);
  put(10, 0);
  put(10, internetChecksum(b.slice(0, ipLength)));
  const at = ipLength + (isTcp ? 16 : 6);
  put(at, 0);
  if (!isTcp) put(ipLength + 4, b.length - ipLength);
  if (!isTcp && !udpChecksum) return b;
  const l4 = b.slice(ipLength);
  const pseudo = [...b.slice(12, 20), 0, b[9], l4.length >> 8, l4.length & 255];
  const checksum = internetChecksum([...pseudo, ...l4]);
  put(at, checksum === 0 && !isTcp ? 0xffff : checksum);
  return b;
}

/** The datagram that is left when the trailer of a sealed one is removed. */
export function stripped(octets, trailerOffset, options) {
  return seal(octets.slice(0, trailerOffset), options);
}
