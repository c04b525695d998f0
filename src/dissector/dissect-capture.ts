import { CaptureParser } from '../io/capture-reader.js';
import { type CaptureSource, captureChunks } from '../io/capture-source.js';
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
  let batch: PacketRecord[] = [];
  const parser = new CaptureParser((packet) => {
    if (dissector.inspect(packet) || all) batch.push(recordOf(dissector, packet, options));
  });
  for await (const chunk of captureChunks(source)) {
    let damage: unknown;
    try {
      parser.push(chunk);
    } catch (error) {
      damage = error;
    }
    const ready = batch;
    batch = [];
    yield* ready;
    if (damage !== undefined) throw damage;
  }
  parser.end();
}
