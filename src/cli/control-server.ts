import { chmodSync, existsSync, unlinkSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { ControlCommands, type Controlled, type Request } from './control-commands.js';
import { FaultError } from './exit.js';
import type { RulesReloader } from './peer-words.js';

const LONGEST_LINE = 1 << 20;
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
   * Opens the socket; a file that a dead peer left is replaced.
   * @throws FaultError when the path cannot be used, or a live peer has it.
   */
  async open(path: string): Promise<void> {
    if (existsSync(path)) {
      if (await isAnswered(path)) throw new FaultError(`Another peer listens on ${path}; give --control another path.`);
      unlinkSync(path);
    }
    const server = createServer((client) => this.#serve(client));
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) =>
        reject(new FaultError(`The control socket ${path} cannot be opened: ${error.message}.`)),
      );
      server.listen(path, resolve);
    });
    // Who may connect can make the peer act.
    chmodSync(path, 0o600);
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
