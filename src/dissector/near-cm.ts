import { Accept, CmView, COMPACT, FULL, fieldOf, MAX_FLAGS, type TrailerView } from '../codec/index.js';
import { nodeKey } from './tcp-sessions.js';

const COMPACT_MARK = fieldOf(COMPACT, 'length')!.constant!;
const FULL_MARK = fieldOf(FULL, 'version')!.constant!;
const FULL_MAX_ADDRESSES = fieldOf(FULL, 'addressCount')!.max!;

const view = new CmView();

/**
 * Why the tail of a datagram is nearly a CM, in words, or undefined when it is not: right mark and flags but a wrong sum, from a node
 * already seen; or right mark and sum but flags above 5 (docs/wire-format.md, "Field names outside the code").
 * @param trailer a datagram that parsed and carries no CM
 * @param accept the layouts to try
 * @param nodes keys ({@link nodeKey}) of the nodes that have sent a CM
 */
export function nearCm(trailer: TrailerView, accept: number, nodes: ReadonlySet<number>): string | undefined {
  const { bytes, payloadOffset, end } = trailer;
  if ((accept & Accept.compact) !== 0) {
    const start = end - COMPACT.baseSize;
    if (start - COMPACT.filler >= payloadOffset && bytes[start] === COMPACT_MARK) {
      const reason = judged(view.bind(bytes, start, end, 'compact'), nodes);
      if (reason !== undefined) return reason;
    }
  }
  if ((accept & Accept.full) !== 0 && end - FULL.baseSize >= payloadOffset && bytes[end - 4] === FULL_MARK) {
    const count = bytes[end - 5]!;
    const start = end - FULL.baseSize - 4 * count;
    if (count <= FULL_MAX_ADDRESSES && start >= payloadOffset)
      return judged(view.bind(bytes, start, end, 'full'), nodes);
  }
  return undefined;
}

function judged(cm: CmView, nodes: ReadonlySet<number>): string | undefined {
  const { flags, checksum, expectedChecksum } = cm;
  if (checksum === expectedChecksum) {
    return flags > MAX_FLAGS ? `flags are ${flags}, above ${MAX_FLAGS}` : undefined;
  }
  if (flags > MAX_FLAGS || !nodes.has(nodeKey(cm.nodeId, cm.isFull))) return undefined;
  return `checksum is ${checksum}, the octets before it add up to ${expectedChecksum}`;
}
