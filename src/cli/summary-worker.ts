// A thread that sums up a part of a capture (summary-jobs.ts).
import { parentPort, workerData } from 'node:worker_threads';
import { type PartRequest, summarisePart } from '../dissector/summary-part.js';

/** What the thread says: octets read, and at the end what it found. */
export type WorkerMessage = { readonly bytes: number } | { readonly result: Awaited<ReturnType<typeof summarisePart>> };

const say = (message: WorkerMessage) => parentPort?.postMessage(message);
const result = await summarisePart(workerData as PartRequest, async (bytes) => {
  say({ bytes });
  return true;
});
say({ result });
