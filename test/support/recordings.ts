import { readdirSync, readFileSync } from 'node:fs';

/** One frame of a recording and what an independent program read in it. */
export interface RecordedFrame {
  readonly file: string;
  /** From 1, as in the expected files. */
  readonly number: number;
  /** The datagram: the frame without its Ethernet header. Link padding is still there. */
  readonly packet: Uint8Array;
  /** The line of the expected file; undefined when the frame carries no CM. */
  readonly expected: Record<string, number | string | string[]> | undefined;
}

const FOLDER = 'fixtures/pcaps';
const ETHERNET_HEADER = 14;

/** Names of the recordings of the authors' kernels, without extension. */
export const RECORDINGS = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.pcap'))
  .map((name) => name.replace(/\.pcap$/, ''))
  .sort();

/** The IPv4 frames of one recording. Reads classic little-endian pcap over Ethernet and no more: what the files are. */
export function* recordedFrames(name: string): Generator<RecordedFrame> {
  const expected = new Map<number, RecordedFrame['expected']>();
  for (const line of readFileSync(`${FOLDER}/${name}.expected.ndjson`, 'utf8').split('\n')) {
    if (line === '') continue;
    const values = JSON.parse(line) as Record<string, number | string | string[]>;
    expected.set(values['frame.number'] as number, values);
  }
  const file = readFileSync(`${FOLDER}/${name}.pcap`);
  for (let at = 24, number = 1; at < file.length; number++) {
    const length = file.readUInt32LE(at + 8);
    const frame = file.subarray(at + 16, at + 16 + length);
    if (frame.readUInt16BE(12) === 0x0800)
      yield {
        file: name,
        number,
        packet: Uint8Array.from(frame.subarray(ETHERNET_HEADER)),
        expected: expected.get(number),
      };
    at += 16 + length;
  }
}
