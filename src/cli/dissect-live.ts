import { performance } from 'node:perf_hooks';
import type { CapturedPacket } from '../dissector/index.js';
import type { LiveRequest } from './dissect-request.js';
import { type LiveCapture, openCaptures } from './live-captures.js';
import type { Output } from './output.js';

/** Packets handed out between two looks at the output, the signals and the clock. */
const ROUND = 1024;
/** Milliseconds after which an interface that is silent is looked at: it may have been removed. */
const LOOK = 1000;

/**
 * Reads interfaces until SIGINT, SIGTERM, the end of the time or the count asked for, or until standard output's reader goes away.
 * Packets come in the order of their times, as far as they wait together. While the reader of the output is slow, packets wait in the
 * kernel, which counts those that it has no room for.
 * @param onPacket gets each packet and the position of its interface among `names`
 * @param flush hands over what has been gathered
 * @returns a sentence for each interface that went away
 * @throws UsageError for an unknown interface, FaultError where packets cannot be read
 */
export async function readInterfaces(
  names: readonly string[],
  { duration, count = Number.POSITIVE_INFINITY, link }: LiveRequest,
  onPacket: (packet: CapturedPacket, source: number) => void,
  output: Output,
  flush: () => void,
): Promise<string[]> {
  const captures = await openCaptures(names, link);
  let wake = () => {};
  /** When it was told to end, in ms since 1970: what came before is still read. */
  let ended: number | undefined;
  const end = () => {
    if (ended === undefined) for (const capture of captures) capture.end();
    ended ??= Date.now();
    wake();
  };
  process.once('SIGINT', end).once('SIGTERM', end);
  const stop = duration === undefined ? undefined : performance.now() + 1000 * duration;
  const watches = captures.map((capture) => capture.watch(() => wake()));
  let number = 0;
  try {
    output.error(`mpip: reading packets of ${names.join(', ')}; Ctrl-C ends it.\n`);
    for (;;) {
      if (stop !== undefined && performance.now() >= stop) end();
      const isLast = ended !== undefined;
      let taken = 0;
      for (; number < count && (isLast || taken < ROUND); taken++) {
        const source = earliest(captures);
        const packet = source < 0 ? undefined : captures[source]!.peek()!;
        if (packet === undefined || isLater(packet, ended, captures[source]!)) break;
        packet.number = ++number;
        onPacket(packet, source);
        captures[source]!.advance();
      }
      flush();
      await output.flush();
      if (number >= count || !output.isOpen || captures.every(({ isGone }) => isGone)) break;
      if (isLast && captures.every((capture) => capture.isRead || isLater(capture.peek(), ended, capture))) break;
      if (taken > 0) continue;
      await new Promise<void>((resolve) => {
        const left = stop === undefined || isLast ? LOOK : Math.max(0, Math.min(LOOK, stop - performance.now()));
        const timer = setTimeout(() => wake(), left);
        wake = () => {
          clearTimeout(timer);
          for (const watch of watches) watch.stop();
          wake = () => {};
          resolve();
        };
        captures.forEach(({ isGone }, index) => {
          if (!isGone) watches[index]!.start();
        });
        // A signal may have come while the output was waited for.
        if (ended !== undefined && !isLast) wake();
      });
    }
    return captures.flatMap(({ gone }) => gone ?? []);
  } finally {
    process.off('SIGINT', end).off('SIGTERM', end);
    for (const watch of watches) watch.close();
    for (const capture of captures) {
      output.error(`mpip: ${capture.name}: packets read: ${capture.packets}; ${capture.losses()}.\n`);
      capture.close();
    }
  }
}

/** Whether a packet came after the end. */
function isLater(packet: CapturedPacket | undefined, ended: number | undefined, { lag }: LiveCapture): boolean {
  if (packet === undefined || ended === undefined) return false;
  return packet.seconds * 1000 + packet.nanoseconds / 1e6 > ended + lag;
}

/** Position of the capture whose next packet is the earliest; -1 when none waits. */
function earliest(captures: readonly LiveCapture[]): number {
  let best = -1;
  let first: CapturedPacket | undefined;
  for (let index = 0; index < captures.length; index++) {
    const packet = captures[index]!.peek();
    if (packet === undefined) continue;
    if (first !== undefined && timeOrder(packet, first) >= 0) continue;
    best = index;
    first = packet;
  }
  return best;
}

function timeOrder(a: CapturedPacket, b: CapturedPacket): number {
  return a.seconds - b.seconds || a.nanoseconds - b.nanoseconds;
}
