import type { Dissector } from '../dissector/index.js';
import { Exit, type ExitCode } from './exit.js';
import type { Output } from './output.js';

/** Says what could not be read, after everything that could. @param damages a sentence for each file that ended early */
export async function finish(
  damages: readonly string[],
  { unread }: Pick<Dissector, 'unread'>,
  output: Output,
): Promise<ExitCode> {
  await output.flush();
  const { unknownLinkType, cutShort } = unread;
  if (unknownLinkType > 0) {
    output.error(
      `mpip: ${packetsAre(unknownLinkType)} of a link type that is not read, so nothing is known about them.\n`,
    );
  }
  if (cutShort > 0) {
    output.error(
      `mpip: ${packetsAre(cutShort)} cut by the capture's snap length, so a control message at the end cannot be seen.\n`,
    );
  }
  for (const damage of damages) output.error(`mpip: ${damage}\n`);
  return damages.length > 0 ? Exit.fault : Exit.ok;
}

function packetsAre(count: number): string {
  return count === 1 ? '1 packet is' : `${count} packets are`;
}
