import pc from 'picocolors';
import { ByteWriter, packetWriter, plainPaint } from '../dissector/index.js';
import { finish } from './dissect-end.js';
import { noneMatches, printsAnalysis, readMergedFiles, Selection } from './dissect-input.js';
import type { DissectRequest } from './dissect-request.js';
import type { ExitCode } from './exit.js';
import type { Output } from './output.js';

/** Octets gathered before they are handed to the output. */
const GATHERED = 256 << 10;

/** Prints the packets selected. @returns 0, or 4 when a file could not be read to its end */
export async function listPackets(request: DissectRequest, output: Output): Promise<ExitCode> {
  const { format, fields, checksums, filter } = request;
  const paint = output.colour ? pc.createColors(true) : plainPaint;
  const writer = packetWriter(format, { fields, checksums, paint });
  const selection = new Selection(request, printsAnalysis(fields));
  const bytes = new ByteWriter();
  const flush = () => {
    if (bytes.length > 0) output.octets(bytes.take());
  };
  let printed = 0;
  writer.start(bytes);
  const onPacket: Parameters<typeof readMergedFiles>[1] = (packet, file) => {
    const view = selection.take(packet, file);
    if (view === undefined) return;
    printed++;
    writer.packet(view, bytes);
    if (bytes.length >= GATHERED) flush();
  };
  const damages = await readMergedFiles(request.files, onPacket, output, flush, request.live);
  writer.end(bytes);
  flush();
  if (printed === 0 && selection.packets > 0) {
    output.error(
      filter === undefined
        ? `mpip: packets read: ${selection.packets}; none carries a control message.\n`
        : noneMatches(selection.packets),
    );
  }
  return finish(damages, selection.dissector, output);
}
