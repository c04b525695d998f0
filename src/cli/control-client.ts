import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { isAlive, networkNamespace, stateFiles } from '../io/linux/state-files.js';
import { FaultError, UsageError } from './exit.js';

const ANSWER_MILLIS = 5_000;

interface Waiting {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/** One connection to a peer's control socket (docs/control.md). Requests are answered in order. */
export class ControlClient {
  readonly #waiting: Waiting[] = [];

  private constructor(
    private readonly path: string,
    private readonly socket: Socket,
  ) {
    socket.setTimeout(ANSWER_MILLIS, () => {
      if (this.#waiting.length > 0) this.#fail('no answer in time');
    });
    socket.on('error', (error: NodeJS.ErrnoException) => this.#fail(error.code ?? error.message));
    socket.on('close', () => this.#fail('it ended'));
    createInterface({ input: socket })
      .on('error', () => {})
      .on('line', (line) => {
        const answer = JSON.parse(line) as { ok: boolean; result: unknown; error?: string };
        const { resolve, reject } = this.#waiting.shift()!;
        if (answer.ok) resolve(answer.result);
        else reject(new FaultError(`The peer says: ${answer.error}`));
      });
  }

  /**
   * Opens a connection.
   * @throws FaultError when nothing answers on the path.
   */
  static async open(path: string): Promise<ControlClient> {
    const socket = connect(path);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', (error: NodeJS.ErrnoException) => reject(unanswered(path, error.code ?? error.message)));
    });
    socket.removeAllListeners('error');
    return new ControlClient(path, socket);
  }

  /** Sends a request. @returns its result. @throws FaultError when the peer refuses it or is gone. */
  request(request: object): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.socket.destroyed) return reject(unanswered(this.path, 'it ended'));
      this.#waiting.push({ resolve, reject });
      this.socket.write(`${JSON.stringify(request)}\n`);
    });
  }

  close(): void {
    this.socket.destroy();
  }

  #fail(reason: string): void {
    this.socket.destroy();
    for (const { reject } of this.#waiting.splice(0)) reject(unanswered(this.path, reason));
  }
}

function unanswered(path: string, reason: string): FaultError {
  return new FaultError(`No peer answers on ${path} (${reason}); start one with mpip peer --control ${path}.`);
}

/** A peer on this host whose control socket is known. */
export interface KnownPeer {
  readonly pid: number;
  readonly interfaces: readonly string[];
  readonly control: string;
}

/** The interface peers that run in this network namespace. */
export function knownPeers(): KnownPeer[] {
  if (process.platform !== 'linux') return [];
  return stateFiles(networkNamespace()).flatMap(({ state }) => {
    if (state?.control === undefined || !isAlive(state)) return [];
    return [{ pid: state.pid, interfaces: state.interfaces, control: state.control }];
  });
}

/**
 * The control socket that is meant when none is named: that of the only interface peer here.
 * @throws UsageError when there is none, or a choice.
 */
export function onlyPeer(peers: readonly KnownPeer[]): KnownPeer {
  const [first, ...others] = peers;
  if (first === undefined)
    throw new UsageError(
      'No peer with --interface runs here, or this user may not see it; give the path that the peer was started with, such as --control /tmp/peer.sock.',
    );
  if (others.length === 0) return first;
  const list = peers.map(
    ({ pid, interfaces, control }) => `--control ${control} (process ${pid} on ${interfaces.join(' ')})`,
  );
  throw new UsageError(`${peers.length} peers run here; choose one: ${list.join(', ')}.`);
}
