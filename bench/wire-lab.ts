import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { run } from '../test/support/namespaces.js';

/** A program that runs in a namespace. */
export interface Program {
  /** Ends it and waits for that. @throws Error when it ended with another code than 0. */
  end(): Promise<void>;
}

/**
 * Starts a program in a namespace and waits for a line that it prints.
 * @param core the processor that it may use; every one when undefined.
 */
export async function start(
  namespace: string,
  core: number | undefined,
  command: readonly string[],
  ready: RegExp,
): Promise<Program> {
  const child = spawn('ip', inNamespace(namespace, core, command), { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const ended = once(child, 'close');
  await new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on('line', (line) => {
        output += `${line}\n`;
        if (ready.test(line)) resolve();
      });
    void ended.then(() => reject(new Error(`${command.join(' ')} ended: ${output}`)));
  });
  return { end: () => endProgram(child, ended) };
}

async function endProgram(child: ChildProcess, ended: Promise<unknown[]>): Promise<void> {
  child.kill('SIGTERM');
  const [code, signal] = await ended;
  if (code !== 0) throw new Error(`${child.spawnargs.join(' ')} ended with ${code ?? signal}.`);
}

/** Runs a program in a namespace to its end. @returns its standard output, also when it failed. */
export async function finish(namespace: string, core: number | undefined, command: readonly string[]): Promise<string> {
  const child = spawn('ip', inNamespace(namespace, core, command), { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (data) => (output += data));
  await once(child, 'close');
  return output;
}

function inNamespace(namespace: string, core: number | undefined, command: readonly string[]): string[] {
  const pinned = core === undefined ? [] : ['taskset', '-c', String(core)];
  return ['netns', 'exec', namespace, ...pinned, ...command];
}

/**
 * Two hosts with a wire between them, and nothing else: each has one interface, `wire`, with two addresses, so that there
 * are four paths without any router.
 */
export class WireLab {
  readonly hostA = `mpip-bench-${process.pid}-a`;
  readonly hostB = `mpip-bench-${process.pid}-b`;
  /** Where a server on B listens. */
  readonly addressB = '10.78.1.3';
  readonly #onExit = () => this.close();

  constructor() {
    process.once('exit', this.#onExit);
    for (const name of [this.hostA, this.hostB]) {
      run('ip', ['netns', 'add', name]);
      run('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
    }
    const far = ['peer', 'name', 'wire', 'netns', this.hostB];
    run('ip', ['link', 'add', 'wire', 'netns', this.hostA, 'type', 'veth', ...far]);
    for (const [name, numbers] of [
      [this.hostA, [1, 2]],
      [this.hostB, [3, 4]],
    ] as const) {
      for (const number of numbers) run('ip', ['-n', name, 'addr', 'add', `10.78.1.${number}/24`, 'dev', 'wire']);
      run('ip', ['-n', name, 'link', 'set', 'wire', 'addrgenmode', 'none', 'up']);
    }
  }

  close(): void {
    process.removeListener('exit', this.#onExit);
    for (const name of [this.hostA, this.hostB]) {
      const { stdout } = spawnSync('ip', ['netns', 'pids', name], { encoding: 'utf8' });
      for (const pid of stdout.split('\n').filter((line) => line !== ''))
        try {
          process.kill(Number(pid), 'SIGKILL');
        } catch {
          // It ended meanwhile.
        }
      spawnSync('ip', ['netns', 'del', name]);
    }
  }
}
