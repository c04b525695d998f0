import { existsSync, unlinkSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { buildUdp, formatIpv4, type Ipv4 } from '../codec/index.js';
import { type Endpoint, statusOf } from '../endpoint/index.js';
import { FaultError } from './exit.js';
import type { RulesReloader } from './peer-words.js';
import { addressOf, portOf, ruleOf } from './rules-file.js';

/** What a control socket acts on. */
export interface Controlled {
  readonly endpoint: Endpoint;
  /** Addresses and ports that the host can send from. */
  canSendFrom(address: Ipv4, port: number): boolean;
  /** Microseconds of the endpoint's clock. */
  now(): number;
  /** Sends what the endpoint has to send. */
  flush(): void;
  /** More for the status: `host`, of a peer on a real host. */
  hostStatus?(): { readonly host: object };
}

type Request = Readonly<Record<string, unknown>>;

const LONGEST_LINE = 1 << 20;
const MOST_DATAGRAMS = 10_000;

/**
 * Makes a running peer act: JSON lines over a Unix socket (docs/control.md). A request is an object with `command`, its
 * fields and, if wanted, an `id` that the answer repeats; the answer is `{"id","ok":true,"result"}` or
 * `{"id","ok":false,"error"}` with one sentence.
 */
export class ControlServer {
  #server: Server | undefined;
  readonly #clients = new Set<Socket>();

  constructor(
    private readonly controlled: Controlled,
    private readonly reloader?: RulesReloader,
  ) {}

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
    this.#server = server;
  }

  /** Ends every connection and removes the socket's file. */
  close(): void {
    for (const client of this.#clients) client.destroy();
    this.#server?.close();
  }

  /** Carries out one request; the answer to send. Never throws. */
  answer(line: string): object {
    let request: unknown;
    try {
      request = JSON.parse(line);
    } catch {
      return { ok: false, error: 'The line is no JSON.' };
    }
    if (typeof request !== 'object' || request === null) return { ok: false, error: 'A request is a JSON object.' };
    const { id } = request as Request;
    const head = id === undefined ? {} : { id };
    try {
      return { ...head, ok: true, result: this.#act(request as Request) };
    } catch (error) {
      return { ...head, ok: false, error: error instanceof Error ? error.message : String(error) };
    }
  }

  #act(request: Request): unknown {
    const { endpoint } = this.controlled;
    switch (request.command) {
      case 'status':
        return { ...statusOf(endpoint), ...this.controlled.hostStatus?.() };
      case 'send':
        return this.#send(request);
      case 'addresses':
        endpoint.setAddresses(
          listOf(request, 'addresses').map((one) => addressOf(one, 'addresses')),
          this.controlled.now(),
        );
        return { addresses: endpoint.addresses.map(formatIpv4) };
      case 'rules':
        endpoint.setRules(listOf(request, 'rules').map(ruleOf));
        return { rules: endpoint.state.routing.rules.length };
      case 'reload':
        if (this.reloader === undefined)
          throw new RangeError('The peer was started without --rules; send rules instead.');
        return { rules: this.reloader.reload() };
      default:
        throw new RangeError(
          `There is no command '${String(request.command)}'; known are status, send, addresses, rules, reload.`,
        );
    }
  }

  #send(request: Request): { datagrams: number } {
    const { endpoint } = this.controlled;
    const [host, port] = String(request.to).split(':');
    const destination = addressOf(host, 'to');
    const destinationPort = portOf(port, 'to');
    const source = request.from === undefined ? endpoint.addresses[0]! : addressOf(request.from, 'from');
    const sourcePort = portOf(request.port, 'port');
    if (!this.controlled.canSendFrom(source, sourcePort)) {
      throw new RangeError(`The peer has no socket at ${formatIpv4(source)}:${sourcePort}; use the port of a service.`);
    }
    const count = request.count === undefined ? 1 : Number(request.count);
    if (!(Number.isInteger(count) && count >= 1 && count <= MOST_DATAGRAMS))
      throw new RangeError(`count must be from 1 to ${MOST_DATAGRAMS}.`);
    const payload = payloadOf(request);
    const packet = buildUdp({ source, sourcePort, destination, destinationPort }, payload);
    for (let i = 0; i < count; i++) endpoint.fromHost(packet, this.controlled.now());
    this.controlled.flush();
    return { datagrams: count };
  }

  #serve(client: Socket): void {
    this.#clients.add(client);
    let text = '';
    client.setEncoding('utf8');
    client.on('data', (chunk: string) => {
      text += chunk;
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
        const line = text.slice(0, end).trim();
        text = text.slice(end + 1);
        if (line !== '') client.write(`${JSON.stringify(this.answer(line))}\n`);
      }
      if (text.length > LONGEST_LINE) client.destroy();
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

function listOf(request: Request, field: string): unknown[] {
  const list = request[field];
  if (!Array.isArray(list)) throw new RangeError(`${field} must be a list.`);
  return list;
}

function payloadOf(request: Request): Uint8Array {
  const { text, hex } = request;
  if (hex !== undefined) {
    if (typeof hex !== 'string' || !/^([0-9a-f]{2})*$/i.test(hex))
      throw new RangeError('hex must be pairs of hex digits.');
    return Uint8Array.from(Buffer.from(hex, 'hex'));
  }
  return new TextEncoder().encode(text === undefined ? '' : String(text));
}
