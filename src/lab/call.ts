import { AUDIO_PORT, type AudioReport } from './audio.js';
import { ADDRESSES } from './conditions.js';
import type { Bench } from './experiment.js';
import { Program } from './host-commands.js';
import { HOST_A, HOST_B } from './testbed.js';

/** Has `during` happen while the server answers calls. */
export async function answered<T>({ words }: Bench, during: () => Promise<T>): Promise<T> {
  const server = await Program.start(HOST_B, [...words, 'lab', 'audio-echo'], /^ready/);
  try {
    return await during();
  } finally {
    await server.end();
  }
}

/** A call from the client of so many seconds; the server has to answer. */
export async function callServer({ words }: Bench, seconds: number): Promise<AudioReport> {
  const call = [...words, 'lab', 'audio-call', ADDRESSES.b1, String(AUDIO_PORT), String(seconds)];
  const program = await Program.start(HOST_A, call);
  return JSON.parse(await program.finish()) as AudioReport;
}
