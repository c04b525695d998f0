import { closeSync, openSync, writeSync } from 'node:fs';
import { attach, buildUdp, emptyControlMessage } from '../src/codec/index.js';

/** Pairs of nodes that the sessions are spread over. */
const PAIRS = 200;
/** Paths that each end of a session uses. */
const PATHS = 2;

/**
 * Writes a classic pcap of many sessions: UDP, layout full, both ends of each sending over two paths in turn and feeding back the
 * path of the packet before, some packets of every session beside those of all others.
 * @returns how many packets were written
 */
export function makeSessionsCapture(path: string, sessions: number, packetsEach: number): number {
  const file = openSync(path, 'w');
  const head = Buffer.alloc(24);
  head.writeUInt32LE(0xa1b2c3d4, 0);
  head.writeUInt16LE(2, 4);
  head.writeUInt16LE(4, 6);
  head.writeUInt32LE(262144, 16);
  head.writeUInt32LE(101, 20);
  writeSync(file, head);
  const out = new Uint8Array(256);
  const data = new Uint8Array(40);
  let gathered: Buffer[] = [];
  let written = 0;
  for (let round = 0; round < packetsEach; round++) {
    for (let session = 0; session < sessions; session++) {
      const pair = session % PAIRS;
      const fromA = (round & 1) === 0;
      const path = 1 + ((round >> 1) % PATHS);
      const a = 0x0a000000 + (path << 16) + pair;
      const b = 0x0b000000 + pair;
      const port = 10_000 + Math.floor(session / PAIRS);
      const tuple = fromA
        ? { source: a, sourcePort: port, destination: b, destinationPort: 7000 }
        : { source: b, sourcePort: 7000, destination: a, destinationPort: port };
      const micros = written;
      const idOf = (way: number) => 1 + ((Math.floor(session / PAIRS) * PATHS + way) % 65_535);
      const length = attach(
        buildUdp(tuple, data),
        {
          ...emptyControlMessage('full'),
          nodeId: 0x020000000000 + pair * 2 + (fromA ? 0 : 1),
          sessionId: 1 + Math.floor(session / PAIRS),
          pathId: idOf(1 + ((round >> 1) % PATHS)),
          feedbackPathId: round === 0 ? 0 : idOf(1 + (((round - 1) >> 1) % PATHS)),
          pathDelay: 1000 + (session % 100) + 10 * round,
          timestamp: micros,
        },
        out,
      );
      const record = Buffer.alloc(16 + length);
      record.writeUInt32LE(1_700_000_000 + Math.floor(micros / 1e6), 0);
      record.writeUInt32LE(micros % 1e6, 4);
      record.writeUInt32LE(length, 8);
      record.writeUInt32LE(length, 12);
      record.set(out.subarray(0, length), 16);
      gathered.push(record);
      written++;
      if (gathered.length === 8192) {
        writeSync(file, Buffer.concat(gathered));
        gathered = [];
      }
    }
  }
  writeSync(file, Buffer.concat(gathered));
  closeSync(file);
  return written;
}
