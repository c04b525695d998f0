import { formatNodeId } from '../codec/index.js';
import type { PairedPath, Pairing } from './tracker/pairing.js';

/** A path between two places where captures were taken. */
export interface PairReport {
  readonly 'mpip.node_id': string;
  readonly 'mpip.session_id': number;
  readonly 'mpip.path_id': number;
  /** The capture nearer to the sender, and the other. */
  readonly near: string;
  readonly far: string;
  /** Packets that the near one saw between the first and the last that both saw, and those of them that the far one did not see. */
  readonly packets: number;
  readonly lost: number;
  /** From the near clock to the far one, microseconds. */
  readonly delay: { readonly min: number; readonly mean: number; readonly max: number };
}

/** What was found, by node, session and path. */
export function pairReports(pairing: Pairing, files: readonly string[]): PairReport[] {
  return pairing.paths().map((path) => report(path, files));
}

function report(path: PairedPath, files: readonly string[]): PairReport {
  // Whoever saw it first is nearer; clocks that differ by more than the way takes turn this round.
  const isLowNear = path.sum >= 0;
  const near = isLowNear ? 0 : 1;
  const packets = Math.max(path.matched, path.last[near]! - path.first[near]! + 1);
  const sign = isLowNear ? 1 : -1;
  return {
    'mpip.node_id': formatNodeId(path.nodeId, path.isFull ? 6 : 2),
    'mpip.session_id': path.sessionId,
    'mpip.path_id': path.pathId,
    near: files[isLowNear ? path.low : path.high]!,
    far: files[isLowNear ? path.high : path.low]!,
    packets,
    lost: packets - path.matched,
    delay: {
      min: Math.round(isLowNear ? path.min : -path.max),
      mean: Math.round((sign * path.sum) / path.matched),
      max: Math.round(isLowNear ? path.max : -path.min),
    },
  };
}
