import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Conversations, type PacketRecord, Pairing, pairReports, recordOf, Tracker } from '../dissector/index.js';
import { finish } from './dissect-end.js';
import type { DissectRequest } from './dissect-request.js';
import { Study } from './dissect-study.js';
import { Exit, type ExitCode, FaultError } from './exit.js';
import { Interrupt } from './interrupt.js';
import type { Output } from './output.js';
import { type PieceSizes, TableWriter } from './parquet/table-writer.js';
import { columnOf, findingRows, PACKET_FIELDS, pathRows, type Row, TABLES } from './parquet/tables.js';

/** Largest time that a Date holds, seconds from 1970. */
const LAST_TIME = 8.64e12;

/**
 * `mpip dissect --parquet DIR`: packets, CMs, paths and findings as tables.
 * @param sizes smaller pieces, for tests
 * @throws FaultError when the folder is not empty or cannot be written
 */
export async function writeParquet(request: DissectRequest, output: Output, sizes: PieceSizes = {}): Promise<ExitCode> {
  const interrupt = new Interrupt(output, 'mpip: interrupted; the tables of what was read are completed.');
  try {
    const code = await writeTables(request, interrupt.output, sizes);
    return interrupt.isAsked ? Exit.fault : code;
  } finally {
    interrupt.end();
  }
}

async function writeTables(request: DissectRequest, output: Output, sizes: PieceSizes): Promise<ExitCode> {
  const { files, checksums } = request;
  const folder = request.parquet!;
  const writing = <T>(write: () => T): T => {
    try {
      return write();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === undefined) throw error;
      throw new FaultError(`The folder ${folder} cannot be written: ${(error as Error).message}.`);
    }
  };
  writing(() => mkdirSync(folder, { recursive: true }));
  if (writing(() => readdirSync(folder)).length > 0)
    throw new FaultError(`The folder ${folder} is not empty, and nothing in it is overwritten: name another one.`);
  const tableOf = (name: keyof typeof TABLES) =>
    writing(() => new TableWriter(join(folder, name), TABLES[name], sizes));
  const [packets, cms, paths, findings] = [tableOf('packets'), tableOf('cms'), tableOf('paths'), tableOf('findings')];
  const study = new Study(files);
  const { dissector } = study.passive;
  // What two captures saw is one packet of a path, but a row for each.
  const pairing = new Pairing();
  const tracker = files.length > 1 ? new Tracker() : study.passive.tracker;
  let count = 0;
  let cmCount = 0;
  let damages: string[];
  try {
    damages = await study.read(output, (packet, source) => {
      if (files.length > 1) {
        const time = packet.seconds * 1e6 + packet.nanoseconds / 1000;
        if (!dissector.hasCm || !pairing.see(dissector.trailer, source, time)) tracker.note(dissector, packet);
      }
      const record = recordOf(dissector, packet, { checksums, file: files[source]! });
      const known = Math.abs(packet.seconds) < LAST_TIME;
      const date = known ? new Date(packet.seconds * 1000).toISOString().split('T')[0]! : '__HIVE_DEFAULT_PARTITION__';
      const time = known ? BigInt(packet.seconds) * 1_000_000n + BigInt(Math.floor(packet.nanoseconds / 1000)) : null;
      count++;
      writing(() => packets.add(rowOf(record, PACKET_FIELDS, time), `date=${date}`));
      if (!dissector.hasCm) return;
      cmCount++;
      writing(() => cms.add(rowOf(record, Object.keys(record) as (keyof PacketRecord)[], time), `date=${date}`));
    });
  } finally {
    writing(() => {
      packets.close();
      cms.close();
    });
  }
  writing(() => {
    for (const row of pathRows(new Conversations(tracker, pairReports(pairing, files)))) paths.add(row);
    paths.close();
    for (const row of findingRows(study.findings())) findings.add(row);
    findings.close();
  });
  output.error(`mpip: ${count} packets, ${cmCount} of them with a control message, written to ${folder}.\n`);
  return finish(damages, dissector, output);
}

function rowOf(record: PacketRecord, fields: readonly (keyof PacketRecord)[], time: bigint | null): Row {
  const row: Record<string, unknown> = { frame_time: time };
  for (const field of fields) row[columnOf(field)] = record[field];
  return row;
}
