import { pickPackets } from '../io/capture-reader.js';
import type { CaptureSource } from '../io/capture-source.js';
import { Dissector } from './dissector.js';
import { type PacketRecord, type RecordOptions, recordOf } from './record.js';

/** What {@link dissectCapture} yields. */
export interface DissectCaptureOptions extends RecordOptions {
  /** Ordinary packets and near-CMs too; default false. */
  readonly all?: boolean;
}

/**
 * The records of a capture: one per packet that carries a CM.
 * @param source a path, `-` for standard input, or the bytes themselves
 * @throws CaptureError when the source cannot be read or is damaged, after the records before the damage
 */
export async function* dissectCapture(
  source: CaptureSource,
  options: DissectCaptureOptions = {},
): AsyncGenerator<PacketRecord, void, undefined> {
  const all = options.all === true;
  const dissector = new Dissector({ nearCms: all });
  yield* pickPackets(source, (packet, add: (record: PacketRecord) => void) => {
    if (dissector.inspect(packet) || all) add(recordOf(dissector, packet, options));
  });
}
