import { existsSync } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import {
  conflictOf,
  type PartRequest,
  type PartResult,
  partsInOrder,
  type Summary,
  summarisePart,
} from '../dissector/index.js';
import { captureHead } from '../io/resynchronise.js';
import type { Output } from './output.js';
import { ReadingProgress } from './reading-progress.js';
import type { WorkerMessage } from './summary-worker.js';

/**
 * A part is not worth a thread when it is smaller, in octets. Without checksums one thread is as fast as the octets come from the
 * kernel: another takes as long to start as a gigabyte takes to be counted (docs/large-captures.md).
 */
const LEAST_PART = { counted: 2 ** 30, summed: 16 << 20 } as const;
/** Octets in which the next record or block is looked for. */
const WINDOW = 2 << 20;
const HEAD = 1 << 20;

/** The thread's script beside the bundle, its pieces, or the compiled tests. */
const WORKER = ['./summary-worker.js', '../summary-worker.js']
  .map((path) => fileURLToPath(new URL(path, import.meta.url)))
  .find((path) => existsSync(path));

/** What a divided summary found besides its counts. */
interface Divided {
  readonly damages: string[];
  readonly unread: { unknownLinkType: number; cutShort: number };
}

/**
 * Sums up files in parts, each in a thread of its own, and adds them to `summary`.
 * @returns undefined, with nothing counted, when a file cannot be divided or the parts do not give what the whole does: then all is to
 * be read in one piece
 */
export async function summariseDivided(
  files: readonly string[],
  jobs: number,
  checksums: boolean,
  summary: Summary,
  output: Output,
): Promise<Divided | undefined> {
  const requests = await partsOfAll(files, jobs, checksums);
  if (WORKER === undefined || requests === undefined) return undefined;
  const progress = new ReadingProgress(files, output);
  let results: PartResult[];
  try {
    results = await runParts(WORKER, requests, jobs, (bytes) => {
      progress.add(bytes);
      progress.show();
    });
  } finally {
    progress.clear();
  }
  const parts = partsInOrder(results);
  if (conflictOf(parts) !== undefined) return undefined;
  const unread = { unknownLinkType: 0, cutShort: 0 };
  for (const part of parts) {
    summary.merge(part.summary);
    unread.unknownLinkType += part.unread.unknownLinkType;
    unread.cutShort += part.unread.cutShort;
  }
  const damaged = parts.filter(({ damage }) => damage !== undefined).sort((a, b) => a.file - b.file);
  return { damages: damaged.map(({ file, damage }) => `${files[file]}: ${damage!.message}`), unread };
}

/** So many at a time: one in this thread, the others each in their own. */
async function runParts(
  script: string,
  requests: readonly PartRequest[],
  jobs: number,
  onRead: (bytes: number) => void,
): Promise<PartResult[]> {
  const results: PartResult[] = [];
  let next = 0;
  const workOff = async (run: (request: PartRequest) => Promise<PartResult>) => {
    while (next < requests.length) {
      const index = next++;
      results[index] = await run(requests[index]!);
    }
  };
  const here = (request: PartRequest) =>
    summarisePart(request, async (bytes) => {
      onRead(bytes);
      return true;
    });
  // The threads first: this one's first part keeps it busy until the end of its first chunk.
  const others = Array.from({ length: Math.min(jobs, requests.length) - 1 }, () =>
    workOff((request) => runWorker(script, request, onRead)),
  );
  await Promise.all([...others, workOff(here)]);
  return results;
}

function runWorker(script: string, request: PartRequest, onRead: (bytes: number) => void): Promise<PartResult> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(script, { workerData: request });
    worker.on('message', (message: WorkerMessage) => {
      if ('result' in message) resolve(message.result);
      else onRead(message.bytes);
    });
    worker.on('error', reject);
    worker.on('exit', () => reject(new Error('A thread ended before it had counted its part.')));
  });
}

/** Every file cut into parts, by its share of all octets; undefined when there is nothing to divide, or one cannot be. */
async function partsOfAll(
  files: readonly string[],
  jobs: number,
  checksums: boolean,
): Promise<PartRequest[] | undefined> {
  if (files.includes('-')) return undefined;
  const least = checksums ? LEAST_PART.summed : LEAST_PART.counted;
  try {
    const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size));
    const sum = sizes.reduce((a, b) => a + b, 0);
    const parts: PartRequest[] = [];
    for (const [file, path] of files.entries()) {
      const wanted = Math.min(Math.ceil((jobs * sizes[file]!) / sum), Math.floor(sizes[file]! / least));
      const ofFile = await partsOf(path, Math.max(1, wanted), sizes[file]!);
      if (ofFile === undefined) return undefined;
      parts.push(...ofFile.map((part) => ({ ...part, path, file, checksums })));
    }
    return parts.length < 2 || sum < 2 * least ? undefined : parts;
  } catch {
    // Reading in one piece says what is wrong.
    return undefined;
  }
}

/** A file cut into so many parts, or fewer; undefined when it cannot be. */
async function partsOf(
  path: string,
  count: number,
  size: number,
): Promise<Pick<PartRequest, 'head' | 'start' | 'end'>[] | undefined> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r');
    const begin = await readAt(file, 0, HEAD);
    const head = captureHead(begin);
    if (head === undefined) return undefined;
    const starts = [head.length];
    for (let index = 1; index < count; index++) {
      const at = Math.floor((size * index) / count / 4) * 4;
      const found = head.resynchronise(await readAt(file, at, WINDOW));
      if (found < 0) return undefined;
      if (at + found > starts.at(-1)!) starts.push(at + found);
    }
    return starts.map((start, index) => ({ head: begin.slice(0, head.length), start, end: starts[index + 1] ?? size }));
  } finally {
    await file?.close();
  }
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Uint8Array> {
  const { bytesRead, buffer } = await file.read(new Uint8Array(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}
