import pc from 'picocolors';
import {
  type CapturedPacket,
  type ConversationFormat,
  Conversations,
  conversationsOutput,
  type Dissector,
  plainPaint,
  Tracker,
} from '../dissector/index.js';
import { type Damage, readMerged } from '../io/merged-captures.js';
import type { Output } from './output.js';

/** Sessions printed between two looks at whether the reader keeps up. */
const BATCH = 256;

/** Reads captures merged by time into `onPacket`. @returns a sentence for each that could not be read to its end */
export async function readMergedFiles(
  files: readonly string[],
  onPacket: (packet: CapturedPacket, source: number) => void,
  output: Output,
): Promise<string[]> {
  const betweenChunks = async () => {
    await output.flush();
    return output.isOpen;
  };
  return (await readMerged(files, onPacket, { betweenChunks })).map((damage) => damageText(damage, files));
}

function damageText({ source, error }: Damage, files: readonly string[]): string {
  const name = files[source] === '-' ? 'standard input' : files[source]!;
  return error.code === 'capture-unreadable' ? error.message : `${name}: ${error.message}`;
}

/** `mpip dissect --conversations`. @returns a sentence for each file that could not be read to its end */
export async function printConversations(
  files: readonly string[],
  format: ConversationFormat,
  dissector: Dissector,
  output: Output,
): Promise<string[]> {
  const tracker = new Tracker();
  const onPacket = (packet: CapturedPacket) => {
    dissector.inspect(packet);
    tracker.note(dissector, packet);
  };
  const damages = await readMergedFiles(files, onPacket, output);
  const paint = output.colour ? pc.createColors(true) : plainPaint;
  let pieces = 0;
  for (const piece of conversationsOutput(new Conversations(tracker), format, files, paint)) {
    output.out(piece);
    if (++pieces % BATCH === 0) await output.flush();
    if (!output.isOpen) break;
  }
  return damages;
}
