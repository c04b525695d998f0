import { join } from 'node:path';
import { LINKTYPE_RAW } from '../io/link-type.js';
import { PcapngFile } from '../io/pcapng-writer.js';
import type { CaseLog } from './case-log.js';
import type { LinkKind } from './link.js';
import type { CaseResult } from './result.js';

const LINK_WORDS: Readonly<Record<LinkKind, string>> = {
  socket:
    'link socket: read through UDP sockets; the IP and UDP headers are rebuilt and say nothing about the headers on the wire',
  raw: 'link raw: datagrams as they were on the wire',
  virtual: 'link virtual: datagrams of a virtual network; its clock began at 2020-01-01 00:00:00 UTC',
};

/** Longest comment, in characters: far below what pcapng holds. */
const LONGEST = 4000;

/** What evidence files say of the run. */
export interface EvidenceContext {
  readonly folder: string;
  readonly version: string;
  readonly seed: number;
  readonly profile: string;
  readonly peer: string;
}

/** Path of a case's evidence. */
export function evidencePath(folder: string, id: string): string {
  return join(folder, `${id}.pcapng`);
}

/**
 * Writes the packets of a case as pcapng, link type raw IP. The section says case, verdict, seed and link; the packets that decided say
 * case, requirement and verdict.
 * @throws the system's error when the file cannot be written.
 */
export function writeEvidence(context: EvidenceContext, result: CaseResult, log: CaseLog): void {
  const { link } = log;
  const verdict = `verdict ${result.verdict} (${result.cause.code}): ${result.cause.text}`;
  const file = new PcapngFile(evidencePath(context.folder, result.id), {
    application: `mpip ${context.version}`,
    comments: [
      `case ${result.id}: ${result.purpose}`,
      `requirements ${result.requirements.join(' ')}`,
      verdict.slice(0, LONGEST),
      `peer ${context.peer}, profile ${context.profile}, seed ${context.seed}`,
      LINK_WORDS[link.kind],
      ...(log.dropped > 0 ? [`${log.dropped} further packets were received and not kept`] : []),
    ],
  });
  try {
    file.interface({ linkType: LINKTYPE_RAW, name: link.kind });
    const deciding = new Set(result.evidence.frames);
    for (const packet of log.packets) {
      const micros = Math.round(link.epoch + packet.time);
      const seconds = Math.floor(micros / 1_000_000);
      const comments: string[] = [];
      if (deciding.has(packet.frame)) {
        const requirement = result.cause.requirement ?? result.requirements.join(' ');
        comments.push(
          `${result.id} | ${requirement} | ${result.verdict} (${result.cause.code}): ${result.cause.text}`.slice(
            0,
            LONGEST,
          ),
        );
      }
      for (const warning of log.warnings) {
        if (warning.packet !== packet) continue;
        comments.push(
          `${result.id} | ${warning.requirement ?? ''} | warn (${warning.code}): ${warning.text}`.slice(0, LONGEST),
        );
      }
      file.packet({
        seconds,
        nanoseconds: (micros - seconds * 1_000_000) * 1000,
        data: packet.packet,
        ...(comments.length > 0 ? { comments } : {}),
      });
    }
  } finally {
    file.close();
  }
}
