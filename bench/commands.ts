// Commands as processes: how long they take, and how much memory.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** What a run of a command was like. */
export interface Run {
  /** Wall clock. */
  readonly seconds: number;
  /** Largest resident set, octets; 0 where it cannot be read. */
  readonly memory: number;
  readonly output: string;
}

/** Runs a command once; the parent waits for it only, and looks at its memory 50 times a second. */
export async function run(command: readonly string[]): Promise<Run> {
  const before = process.hrtime.bigint();
  const child = spawn(command[0]!, command.slice(1), { stdio: ['ignore', 'pipe', 'ignore'] });
  let output = '';
  let memory = 0;
  child.stdout.on('data', (data: Buffer) => {
    output += data.toString();
  });
  const watch = setInterval(() => {
    memory = Math.max(memory, peakMemory(child.pid!));
  }, 20);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  clearInterval(watch);
  const seconds = Number(process.hrtime.bigint() - before) / 1e9;
  if (code !== 0) throw new Error(`${command.join(' ')} ended with code ${code}.`);
  return { seconds, memory, output };
}

/** Largest resident set so far, octets; Linux only, elsewhere 0. */
function peakMemory(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** The least time: what other work on the machine adds is not the command's. */
export function best(runs: readonly Run[]): number {
  return Math.min(...runs.map((one) => one.seconds));
}

/** A line for the table of scripts/bench.mjs. */
export function row(name: string, ratio: number, goal: string, detail: string): void {
  if (process.env.MPIP_BENCH_JSON === '1') console.log(JSON.stringify({ name, ratio, goal, detail }));
}
