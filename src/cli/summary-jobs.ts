import { existsSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { conflictOf, type PartRequest, type PartResult, type Summary, summarisePart } from '../dissector/index.js';
import { captureHead } from '../io/resynchronise.js';
import type { Output } from './output.js';
import { ReadingProgress } from './reading-progress.js';
import type { WorkerMessage } from './summary-worker.js';

/** A part is not worth a thread when it is smaller, in octets. */
const LEAST_PART = 16 << 20;
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
 * Sums up a file in parts, each in a thread of its own, and adds them to `summary`.
 * @returns undefined, with nothing counted, when the file cannot be divided or the parts do not give what the whole does: then it is to
 * be read in one piece
 */
export async function summariseDivided(
  file: string,
  jobs: number,
  checksums: boolean,
  summary: Summary,
  output: Output,
): Promise<Divided | undefined> {
  const requests = await partsOf(file, jobs, checksums);
  if (WORKER === undefined || requests === undefined) return undefined;
  const progress = new ReadingProgress([file], output);
  let results: PartResult[];
  try {
    results = await runParts(WORKER, requests, (bytes) => {
      progress.add(bytes);
      progress.show();
    });
  } finally {
    progress.clear();
  }
  if (conflictOf(results) !== undefined) return undefined;
  const unread = { unknownLinkType: 0, cutShort: 0 };
  for (const result of results) {
    summary.merge(result.summary);
    unread.unknownLinkType += result.unread.unknownLinkType;
    unread.cutShort += result.unread.cutShort;
    if (result.damage !== undefined) return { damages: [`${file}: ${result.damage.message}`], unread };
  }
  return { damages: [], unread };
}

/** The first part in this thread, the others each in their own. */
async function runParts(
  script: string,
  [first, ...others]: readonly PartRequest[],
  onRead: (bytes: number) => void,
): Promise<PartResult[]> {
  const started = others.map((request) => runWorker(script, request, onRead));
  const own = summarisePart(first!, async (bytes) => {
    onRead(bytes);
    return true;
  });
  return Promise.all([own, ...started]);
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

/** A file cut into parts; undefined when it cannot be. */
async function partsOf(path: string, count: number, checksums: boolean): Promise<PartRequest[] | undefined> {
  if (path === '-') return undefined;
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r');
    const { size } = await file.stat();
    const wanted = Math.min(count, Math.floor(size / LEAST_PART));
    const begin = await readAt(file, 0, HEAD);
    const head = captureHead(begin);
    if (head === undefined || wanted < 2) return undefined;
    const starts = [head.length];
    for (let index = 1; index < wanted; index++) {
      const at = Math.floor((size * index) / wanted / 4) * 4;
      const found = head.resynchronise(await readAt(file, at, WINDOW));
      if (found < 0) return undefined;
      if (at + found > starts.at(-1)!) starts.push(at + found);
    }
    if (starts.length < 2) return undefined;
    return starts.map((start, index) => ({
      path,
      head: begin.slice(0, head.length),
      start,
      end: starts[index + 1] ?? size,
      checksums,
    }));
  } catch {
    // Reading it in one piece says what is wrong with it.
    return undefined;
  } finally {
    await file?.close();
  }
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Uint8Array> {
  const { bytesRead, buffer } = await file.read(new Uint8Array(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}
