import { type ChildProcess, spawn } from 'node:child_process';

/** Waits for the end of its standard input, which comes with the peer's death however that happens, and cleans up. */
const SCRIPT = 'trap "" HUP INT; read -r word; [ "$word" = done ] && exit 0; exec "$@"';
const MOST_STARTS = 5;

/**
 * A small process beside a peer that changed the host's network. When the peer is killed, it undoes what the peer's state
 * file lists, as `mpip peer --cleanup` does. It is in a session of its own and ignores SIGHUP and SIGINT, so that what a
 * terminal sends to everybody in it does not end it.
 */
export class Guardian {
  #child: ChildProcess | undefined;
  #starts = 0;
  #isDone = false;

  /** @param shieldSeconds how long packets with a CM are kept from the kernel after the peer was killed. */
  constructor(
    private readonly report: (sentence: string) => void,
    private readonly shieldSeconds: number,
  ) {
    this.#start();
  }

  /** The peer has undone everything itself: the guardian ends. */
  dismiss(): void {
    this.#isDone = true;
    this.#child?.stdin?.end('done\n');
  }

  #start(): void {
    this.#starts++;
    const words = ['--cleanup', '--after', String(process.pid), '--shield', String(this.shieldSeconds)];
    const cleanUp = [...process.execArgv, process.argv[1]!, 'peer', ...words];
    const child = spawn('/bin/sh', ['-c', SCRIPT, 'mpip-guardian', process.execPath, ...cleanUp], {
      cwd: '/',
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    this.#child = child;
    child.unref();
    child.stdin!.on('error', () => {});
    child.once('error', (error) =>
      this.report(`The guardian cannot be started (${error.message}); nothing cleans up after SIGKILL.`),
    );
    child.once('exit', () => {
      if (this.#isDone) return;
      if (this.#starts < MOST_STARTS) this.#start();
      else this.report('The guardian ended too often; nothing cleans up after SIGKILL but mpip peer --cleanup.');
    });
  }
}
