import { formatIpv4, formatNodeId } from './address.js';
import { decodeGeneral, type GeneralValues } from './general.js';
import type { CmView } from './view.js';

/**
 * Compares the view with the general decoder, which shares nothing with it but the layout's declaration.
 * @returns the fields on which they differ, as sentences; empty when they agree, as they must.
 */
export function disagreements(view: CmView): string[] {
  const octets = view.isFull ? 6 : 2;
  const seen: GeneralValues = {
    nodeId: formatNodeId(view.nodeId, octets),
    sessionId: view.sessionId,
    pathId: view.pathId,
    feedbackPathId: view.feedbackPathId,
    timestamp: view.timestamp,
    pathDelay: view.pathDelay,
    localAddresses: Array.from({ length: view.addressSlots }, (_, i) => formatIpv4(view.address(i))),
    flags: view.flags,
    checksum: view.checksum,
  };
  const general = decodeGeneral(view.bytes.slice(view.start, view.end), view.layout);
  return (Object.keys(seen) as (keyof GeneralValues)[])
    .filter((name) => String(seen[name]) !== String(general[name]))
    .map((name) => `The view reads ${name} as ${seen[name]}, the general decoder as ${general[name]}.`);
}
