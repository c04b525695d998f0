import { setFlagsFromString } from 'node:v8';
import pc from 'picocolors';
import {
  type CapturedPacket,
  type ConversationFormat,
  Conversations,
  conversationsOutput,
  type Dissector,
  Pairing,
  pairReports,
  plainPaint,
  Tracker,
} from '../dissector/index.js';
import { readMergedFiles } from './dissect-input.js';
import type { LiveRequest } from './dissect-request.js';
import type { Output } from './output.js';

/** Sessions printed between two looks at whether the reader keeps up. */
const BATCH = 256;

/** `mpip dissect --conversations`. @returns a sentence for each file that could not be read to its end */
export async function printConversations(
  files: readonly string[],
  format: ConversationFormat,
  dissector: Dissector,
  output: Output,
  live?: LiveRequest,
): Promise<string[]> {
  // Nothing made for a packet or a session outlives it: room for more young objects would be used up, and win nothing.
  setFlagsFromString('--semi-space-growth-factor=1');
  const tracker = new Tracker();
  const pairing = new Pairing();
  const onPacket = (packet: CapturedPacket, file: number) => {
    // What two captures saw is one packet.
    const hasCm = dissector.inspect(packet);
    if (files.length > 1 && hasCm) {
      const time = packet.seconds * 1e6 + packet.nanoseconds / 1000;
      if (pairing.see(dissector.trailer, file, time)) return;
    }
    tracker.note(dissector, packet);
  };
  const damages = await readMergedFiles(files, onPacket, output, undefined, live);
  const paint = output.colour ? pc.createColors(true) : plainPaint;
  let pieces = 0;
  for (const piece of conversationsOutput(
    new Conversations(tracker, pairReports(pairing, files)),
    format,
    files,
    paint,
  )) {
    output.out(piece);
    if (++pieces % BATCH === 0) await output.flush();
    if (!output.isOpen) break;
  }
  return damages;
}
