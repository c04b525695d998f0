import { existsSync, lstatSync, unlinkSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { ControlCommands, type Controlled, type Request } from './control-commands.js';
import { FaultError } from './exit.js';
import type { RulesReloader } from './peer-words.js';

const LONGEST_LINE = 1 << 20;
/** What `sun_path` holds on Linux, without its end. */
const LONGEST_PATH = 107;
const MOST_WAITING = 100_000;

/**
 * Makes a running peer act: JSON lines over a Unix socket (docs/control.md). A request is an object with `command`, its
 * fields and, if wanted, an `id` that the answer repeats; the answer is `{"id","ok":true,"result"}` or
 * `{"id","ok":false,"error"}` with one sentence.
 */
export class ControlServer {
  #server: Server | undefined;
  readonly #clients = new Set<Socket>();

  readonly #commands: ControlCommands;

  constructor(controlled: Controlled, reloader?: RulesReloader) {
    this.#commands = new ControlCommands(controlled, reloader);
  }

  /**
   * Opens the socket; one that a dead peer left is replaced.
   * @throws FaultError when the path cannot be used, something else is there, or a live peer has it.
   */
  async open(path: string): Promise<void> {
    const there = lstatSync(path, { throwIfNoEntry: false });
    if (there !== undefined) {
      if (!there.isSocket()) throw new FaultError(`${path} is there and no socket; give --control another path.`);
      if (await isAnswered(path)) throw new FaultError(`Another peer listens on ${path}; give --control another path.`);
      unlinkSync(path);
    }
    const folder = dirname(path);
    if (!existsSync(folder)) throw new FaultError(`The folder ${folder} of --control does not exist; make it first.`);
    if (Buffer.byteLength(path) > LONGEST_PATH)
      throw new FaultError(`The path of --control may have ${LONGEST_PATH} octets at most; give a shorter one.`);
    const server = createServer((client) => this.#serve(client));
    // Who may connect can make the peer act.
    const mask = process.umask(0o177);
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) =>
        reject(new FaultError(`The control socket ${path} cannot be opened: ${error.message}.`)),
      );
      server.listen(path, resolve);
    }).finally(() => process.umask(mask));
    this.#server = server;
  }

  /** Ends every connection and removes the socket's file. */
  close(): void {
    for (const client of this.#clients) client.destroy();
    this.#commands.close();
    this.#server?.close();
  }

  /** Carries out one request; the answer to send. Never fails. */
  async answer(line: string): Promise<object> {
    let request: unknown;
    try {
      request = JSON.parse(line);
    } catch {
      return { ok: false, error: 'The line is no JSON.' };
    }
    if (typeof request !== 'object' || request === null || Array.isArray(request))
      return { ok: false, error: 'A request is a JSON object.' };
    const { id } = request as Request;
    const head = id === undefined ? {} : { id };
    try {
      return { ...head, ok: true, result: await this.#commands.act(request as Request) };
    } catch (error) {
      return { ...head, ok: false, error: error instanceof Error ? error.message : String(error) };
    }
  }

  #serve(client: Socket): void {
    this.#clients.add(client);
    let text = '';
    let answered: Promise<unknown> = Promise.resolve();
    let waiting = 0;
    client.setEncoding('utf8');
    client.on('data', (chunk: string) => {
      text += chunk;
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
        const line = text.slice(0, end).trim();
        text = text.slice(end + 1);
        if (line === '') continue;
        waiting++;
        // One after the other, so that answers come in the order of the requests.
        answered = answered.then(async () => {
          const answer = await this.answer(line);
          waiting--;
          if (!client.destroyed) client.write(`${JSON.stringify(answer)}\n`);
        });
      }
      if (text.length > LONGEST_LINE || waiting > MOST_WAITING) client.destroy();
    });
    client.on('error', () => client.destroy());
    client.on('close', () => this.#clients.delete(client));
  }
}

/** True when something accepts connections on the path. */
async function isAnswered(path: string): Promise<boolean> {
  const { connect } = await import('node:net');
  return await new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
