import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { formatIpv4 } from '../codec/index.js';
import { type CaseUpperTester, type Destination, LinkError, type UpperTesterSource } from '../conformance/index.js';
import { UsageError } from './exit.js';

const ANSWER_MILLIS = 10_000;

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** Requests and answers as JSON lines, answered in order (docs/control.md). */
class JsonLines {
  readonly #waiting: Waiting[] = [];
  #failure: LinkError | undefined;

  constructor(
    private readonly name: string,
    private readonly input: Writable,
    output: Readable,
  ) {
    input.on('error', ({ code, message }: NodeJS.ErrnoException) => this.fail(code === 'EPIPE' ? 'it ended' : message));
    createInterface({ input: output })
      .on('error', () => {})
      .on('line', (line) => this.#answer(line))
      .on('close', () => this.fail('it ended'));
  }

  request(request: object): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure);
      const timer = setTimeout(() => this.fail(`no answer within ${ANSWER_MILLIS / 1000} s`), ANSWER_MILLIS);
      this.#waiting.push({ resolve, reject, timer });
      this.input.write(`${JSON.stringify(request)}\n`);
    });
  }

  fail(reason: string): void {
    this.#failure ??= new LinkError(`The upper tester ${this.name} cannot be used: ${reason}.`);
    for (const { reject, timer } of this.#waiting.splice(0)) {
      clearTimeout(timer);
      reject(this.#failure);
    }
  }

  #answer(line: string): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) return;
    clearTimeout(waiting.timer);
    try {
      const { ok, result, error } = JSON.parse(line) as { ok?: boolean; result?: unknown; error?: string };
      if (ok === true) waiting.resolve(result);
      else waiting.reject(new LinkError(`The upper tester ${this.name} says: ${error ?? line.slice(0, 200)}`));
    } catch {
      waiting.reject(new LinkError(`The upper tester ${this.name} answered no JSON: ${line.slice(0, 80)}`));
    }
  }
}

/**
 * Makes a live peer act by the requests of docs/control.md, sent to the control socket of `mpip peer` or to a program that
 * reads them on its standard input and answers on its standard output.
 */
export class LiveUpperTester implements UpperTesterSource {
  private constructor(
    private readonly lines: JsonLines,
    private readonly end: () => void,
    /** The peer's addresses before the first case; undefined when it cannot tell. */
    private readonly addresses: readonly string[] | undefined,
  ) {}

  /**
   * Connects to a control socket.
   * @throws LinkError when nothing answers there.
   */
  static async connect(path: string): Promise<LiveUpperTester> {
    const socket = connect(path);
    try {
      await once(socket, 'connect');
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? String(error);
      throw new LinkError(`No peer answers on ${path} (${code}); start one with mpip peer --control ${path}.`);
    }
    return await LiveUpperTester.#begin(new JsonLines(path, socket, socket), () => socket.destroy());
  }

  /**
   * Starts a program: its words, or with `shell` the whole line for /bin/sh.
   * @throws UsageError for a line without words or with an open quotation mark, LinkError when it does not answer.
   */
  static async start(command: string, shell: boolean): Promise<LiveUpperTester> {
    const [file, ...args] = shell ? ['/bin/sh', '-c', command] : wordsOf(command);
    if (file === undefined) throw new UsageError('--upper-tester needs a command, such as "nc -U /tmp/peer.sock".');
    const child: ChildProcess = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = new JsonLines(`'${command}'`, child.stdin!, child.stdout!);
    child.on('error', (error) => lines.fail(error.message));
    return await LiveUpperTester.#begin(lines, () => {
      child.stdin!.end();
      child.kill();
    });
  }

  static async #begin(lines: JsonLines, end: () => void): Promise<LiveUpperTester> {
    try {
      const status = (await lines.request({ command: 'status' })) as { addresses?: readonly string[] } | null;
      return new LiveUpperTester(lines, end, status?.addresses);
    } catch (error) {
      end();
      throw error;
    }
  }

  open(): CaseUpperTester {
    const connections = new Set<number>();
    const { lines, addresses } = this;
    let isMoved = false;
    let isRuled = false;
    const act = async (request: object) => void (await lines.request(request));
    const hex = (payload: Uint8Array) => Buffer.from(payload).toString('hex');
    return {
      send: (port, to, payload) => act({ command: 'send', port, to: words(to), hex: hex(payload) }),
      connect: async (to) => {
        const result = await lines.request({ command: 'open', protocol: 'tcp', to: words(to) });
        const connection = Number((result as { connection?: number }).connection);
        connections.add(connection);
        return connection;
      },
      write: (connection, payload) => act({ command: 'send', connection, hex: hex(payload) }),
      close: (connection) => {
        connections.delete(connection);
        return act({ command: 'close', connection });
      },
      setAddresses: (list) => {
        isMoved = true;
        return act({ command: 'addresses', addresses: list.map(formatIpv4) });
      },
      setRules: (rules) => {
        isRuled = true;
        return act({
          command: 'rules',
          rules: rules.map(({ destination, ...rule }) =>
            destination === undefined ? rule : { ...rule, destination: formatIpv4(destination) },
          ),
        });
      },
      // Answered in order, hence done before anything that a later case asks for.
      release: () => {
        const ignore = () => {};
        for (const connection of connections) act({ command: 'close', connection, abort: true }).catch(ignore);
        if (isMoved && addresses !== undefined) act({ command: 'addresses', addresses }).catch(ignore);
        if (isRuled) act({ command: 'rules', rules: [] }).catch(ignore);
      },
    };
  }

  /** Ends the program or the connection. */
  close(): void {
    this.end();
  }
}

/**
 * The words of a command line, without a shell: separated by blanks, `'…'` and `"…"` keep theirs, nothing is expanded.
 * @throws UsageError for an open quotation mark.
 */
export function wordsOf(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (const letter of line) {
    if (quote !== '') {
      if (letter === quote) quote = '';
      else word += letter;
    } else if (letter === '"' || letter === "'") {
      quote = letter;
      word ??= '';
    } else if (/\s/.test(letter)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? '') + letter;
  }
  if (quote !== '') throw new UsageError(`The command ${line} has an open ${quote}; close it.`);
  if (word !== undefined) words.push(word);
  return words;
}

function words({ address, port }: Destination): string {
  return `${formatIpv4(address)}:${port}`;
}
