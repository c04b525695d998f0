import { setFlagsFromString } from 'node:v8';
import pc from 'picocolors';
import {
  type CapturedPacket,
  type ConversationFormat,
  Conversations,
  conversationsOutput,
  Pairing,
  pairReports,
  plainPaint,
  Tracker,
} from '../dissector/index.js';
import { TimeOrder } from '../io/time-order.js';
import { finish } from './dissect-end.js';
import { noneMatches, readMergedFiles, Selection } from './dissect-input.js';
import type { DissectRequest } from './dissect-request.js';
import { WrittenPackets } from './dissect-write.js';
import type { ExitCode } from './exit.js';
import type { Output } from './output.js';

/** Sessions printed between two looks at whether the reader keeps up: what a pipe has not taken yet is memory. */
const BATCH = 32;

/**
 * `mpip dissect --conversations`: of the packets that the filter selects, of all without one. With `--write`, these packets are also
 * written: those with a CM without a filter.
 * @returns 0, or 4 when a file could not be read to its end
 */
export async function printConversations(request: DissectRequest, output: Output): Promise<ExitCode> {
  // Nothing made for a packet or a session outlives it: room for more young objects would be used up, and win nothing.
  setFlagsFromString('--semi-space-growth-factor=1');
  const { files, filter, write, live } = request;
  const selection = new Selection(request, write !== undefined);
  const { dissector, view } = selection;
  const tracker = new Tracker();
  const pairing = new Pairing();
  const note = (packet: CapturedPacket, file: number) => {
    // What two captures saw is one packet.
    if (files.length > 1 && dissector.hasCm) {
      const time = packet.seconds * 1e6 + packet.nanoseconds / 1000;
      if (pairing.see(dissector.trailer, file, time)) return;
    }
    tracker.note(dissector, packet);
  };
  const written = write === undefined ? undefined : new WrittenPackets(write, files, live !== undefined);
  const take: Parameters<typeof readMergedFiles>[1] =
    filter === undefined && written === undefined
      ? (packet, file) => {
          dissector.inspect(packet);
          note(packet, file);
        }
      : (packet, file) => {
          const isTaken = selection.take(packet, file) !== undefined;
          if (isTaken || filter === undefined) note(packet, file);
          if (isTaken) written?.add(packet, file, view);
        };
  const inOrder = new TimeOrder(take);
  let damages: string[];
  try {
    damages = await readMergedFiles(files, (packet, file) => inOrder.add(packet, file), output, undefined, live);
    inOrder.end();
  } finally {
    written?.close();
  }
  const format = request.format as ConversationFormat;
  const paint = output.colour ? pc.createColors(true) : plainPaint;
  const conversations = new Conversations(tracker, pairReports(pairing, files));
  let pieces = 0;
  for (const piece of conversationsOutput(conversations, format, files, paint)) {
    output.out(piece);
    if (++pieces % BATCH === 0) await output.flush();
    if (!output.isOpen) break;
  }
  if (filter !== undefined && tracker.packets === 0) output.error(noneMatches(selection.packets));
  written?.report(output, selection.packets);
  return finish(damages, dissector, output);
}
