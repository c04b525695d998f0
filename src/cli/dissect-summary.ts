import pc from 'picocolors';
import { plainPaint, Summary, textSummary } from '../dissector/index.js';
import { finish } from './dissect-end.js';
import { readMergedFiles, Selection } from './dissect-input.js';
import type { DissectRequest } from './dissect-request.js';
import type { ExitCode } from './exit.js';
import type { Output } from './output.js';
import { summariseDivided } from './summary-jobs.js';

/** Prints counts of the packets selected, of all without a filter. @returns 0, or 4 when a file could not be read to its end */
export async function summarise(request: DissectRequest, output: Output): Promise<ExitCode> {
  const { filter, files, format, checksums, jobs, live } = request;
  const summary = new Summary({ checksums });
  const selection = new Selection(request, false);
  const { dissector } = selection;
  const isPlain = filter === undefined && request.reassemble !== true;
  const onPacket: Parameters<typeof readMergedFiles>[1] = isPlain
    ? (packet) => summary.add(dissector, packet)
    : (packet, file) => {
        const taken = selection.take(packet, file);
        if (taken !== undefined || filter === undefined) summary.count(dissector, packet);
      };
  const isDivided = jobs !== undefined && jobs > 1 && isPlain && !request.all;
  const divided = isDivided ? await summariseDivided(files, jobs, checksums, summary, output) : undefined;
  const damages = divided?.damages ?? (await readMergedFiles(files, onPacket, output, undefined, live));
  const end = divided ?? dissector;
  const report = summary.report(end);
  if (format === 'text') output.out(textSummary(report, output.colour ? pc.createColors(true) : plainPaint));
  else output.out(`${JSON.stringify({ files, ...report }, null, format === 'json' ? 2 : 0)}\n`);
  return finish(damages, end, output);
}
