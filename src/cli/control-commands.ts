import { buildTcp, buildUdp, formatIpv4, type Ipv4, TCP, TcpFlags, type Tuple, UDP } from '../codec/index.js';
import { type Endpoint, type EndpointStatus, ruleInWords, statusOf } from '../endpoint/index.js';
import type { ConnectionRequest, OpenConnection } from './kernel-connections.js';
import type { RulesReloader } from './peer-words.js';
import { addressOf, portOf, ruleOf } from './rules-file.js';

/** What a control socket acts on. */
export interface Controlled {
  readonly endpoint: Endpoint;
  /** True for addresses and ports that the host can send from. */
  canSendFrom(address: Ipv4, port: number): boolean;
  /** Microseconds of the endpoint's clock. */
  now(): number;
  /** Sends what the endpoint has to send. */
  flush(): void;
  /** More for the status: `host`, of a peer on a real host. */
  hostStatus?(): { readonly host: object };
  /** Opens a connection through the host's kernel; absent where the node does not carry its traffic. */
  readonly connect?: ((request: ConnectionRequest) => Promise<OpenConnection>) | undefined;
}

/** A request: `command` and its fields. */
export type Request = Readonly<Record<string, unknown>>;

const MOST_PACKETS = 10_000;
const MOST_CONNECTIONS = 1000;
const TABLES = ['availability', 'paths', 'nodes', 'feedback', 'rules', 'sessions', 'counters'] as const;
const FLAG_NAMES = Object.keys(TcpFlags) as (keyof typeof TcpFlags)[];

type Action = (request: Request) => object | Promise<object>;

/** The commands of the control socket (docs/control.md). Wrong fields throw errors whose message is one sentence. */
export class ControlCommands {
  readonly #connections = new Map<number, OpenConnection>();
  #lastConnection = 0;
  readonly #actions: Readonly<Record<string, { readonly fields: readonly string[]; readonly act: Action }>> = {
    status: { fields: [], act: () => this.#status() },
    dump: { fields: ['tables'], act: (request) => this.#dump(request) },
    send: {
      fields: ['connection', 'protocol', 'to', 'port', 'from', 'flags', 'sequence', 'acknowledgement', 'window'].concat(
        ['text', 'hex', 'count'],
      ),
      act: (request) => this.#send(request),
    },
    open: { fields: ['protocol', 'to', 'from', 'port'], act: (request) => this.#open(request) },
    close: { fields: ['connection', 'abort', 'session', 'nodeId'], act: (request) => this.#close(request) },
    addresses: { fields: ['addresses'], act: (request) => this.#addresses(request) },
    'add-address': { fields: ['address', 'primary'], act: (request) => this.#addAddress(request) },
    'remove-address': { fields: ['address'], act: (request) => this.#removeAddress(request) },
    rules: { fields: ['rules'], act: (request) => this.#setRules(listOf(request, 'rules').map(ruleOf)) },
    'add-rule': { fields: ['rule', 'at'], act: (request) => this.#addRule(request) },
    'remove-rule': { fields: ['at'], act: (request) => this.#removeRule(request) },
    reload: { fields: [], act: () => this.#reload() },
    reset: { fields: ['what'], act: (request) => this.#reset(request) },
  };

  constructor(
    private readonly controlled: Controlled,
    private readonly reloader?: RulesReloader,
  ) {}

  /** Carries out a request. @throws Error whose message is one sentence. */
  async act(request: Request): Promise<object> {
    const name = String(request.command);
    if (!Object.hasOwn(this.#actions, name))
      throw new RangeError(`There is no command '${name}'; known are ${Object.keys(this.#actions).join(', ')}.`);
    const { fields, act } = this.#actions[name]!;
    const unknown = Object.keys(request).find((key) => !['command', 'id', ...fields].includes(key));
    if (unknown !== undefined)
      throw new RangeError(
        `The command ${name} has no field '${unknown}'; ${fields.length === 0 ? 'it has none' : `known are ${fields.join(', ')}`}.`,
      );
    return await act(request);
  }

  /** Closes every connection that was opened. */
  close(): void {
    for (const connection of this.#connections.values()) connection.close(false);
    this.#connections.clear();
  }

  #status(): EndpointStatus {
    return { ...statusOf(this.controlled.endpoint), ...this.controlled.hostStatus?.() };
  }

  #dump(request: Request): object {
    const wanted = request.tables === undefined ? TABLES : listOf(request, 'tables');
    const status = this.#status();
    return Object.fromEntries(
      wanted.map((name) => {
        const table = TABLES.find((known) => known === name);
        if (table === undefined)
          throw new RangeError(`There is no table ${JSON.stringify(name)}; known are ${TABLES.join(', ')}.`);
        return [table, status[table]];
      }),
    );
  }

  #send(request: Request): object {
    const count = numberOf(request, 'count', 1, MOST_PACKETS) ?? 1;
    const payload = payloadOf(request);
    if (request.connection !== undefined) {
      const connection = this.#connection(request);
      if (!connection.isOpen)
        throw new RangeError(`Connection ${String(request.connection)} was closed; open another.`);
      for (let i = 0; i < count; i++) connection.send(payload);
      return { octets: count * payload.length };
    }
    const { endpoint } = this.controlled;
    const protocol = protocolOf(request);
    const tuple = this.#tupleOf(request);
    if (protocol === TCP && this.controlled.connect === undefined)
      throw new RangeError('The peer runs on UDP sockets and cannot send TCP segments; start it with --interface.');
    const packet = protocol === UDP ? buildUdp(tuple, payload) : buildTcp(tuple, tcpFieldsOf(request), payload);
    for (let i = 0; i < count; i++) endpoint.fromHost(packet, this.controlled.now());
    this.controlled.flush();
    return protocol === UDP ? { datagrams: count } : { segments: count };
  }

  #tupleOf(request: Request): Tuple {
    const { address: destination, port: destinationPort } = farEndOf(request);
    const source = this.#sourceOf(request) ?? this.controlled.endpoint.addresses[0]!;
    const sourcePort = portOf(request.port, 'port');
    if (!this.controlled.canSendFrom(source, sourcePort))
      throw new RangeError(
        `The peer cannot send from ${formatIpv4(source)}:${sourcePort}; use one of its addresses and the port of a service.`,
      );
    return { source, sourcePort, destination, destinationPort };
  }

  #sourceOf(request: Request): Ipv4 | undefined {
    return request.from === undefined ? undefined : addressOf(request.from, 'from');
  }

  async #open(request: Request): Promise<object> {
    const { connect } = this.controlled;
    if (connect === undefined)
      throw new RangeError(
        'The peer runs on UDP sockets and does not carry connections of this host; a datagram sent with send begins a session.',
      );
    if (this.#connections.size >= MOST_CONNECTIONS)
      throw new RangeError(`There are ${MOST_CONNECTIONS} connections; close one first.`);
    const to = farEndOf(request);
    const source = this.#sourceOf(request);
    const connection = await connect({
      protocol: protocolOf(request) === TCP ? 'tcp' : 'udp',
      from: {
        ...(source === undefined ? {} : { address: formatIpv4(source) }),
        port: request.port === undefined ? 0 : portOf(request.port, 'port'),
      },
      to: { address: formatIpv4(to.address), port: to.port },
    });
    const id = ++this.#lastConnection;
    this.#connections.set(id, connection);
    const words = ({ address, port: number }: OpenConnection['from']) => `${address}:${number}`;
    return { connection: id, from: words(connection.from), to: words(connection.to) };
  }

  #connection(request: Request): OpenConnection {
    const connection = this.#connections.get(Number(request.connection));
    if (connection === undefined)
      throw new RangeError(`There is no connection ${JSON.stringify(request.connection)}; open gives its number.`);
    return connection;
  }

  #close(request: Request): object {
    if (request.connection !== undefined) {
      this.#connection(request).close(flagOf(request, 'abort'));
      this.#connections.delete(Number(request.connection));
      return { connections: 1 };
    }
    const { endpoint } = this.controlled;
    const id = numberOf(request, 'session', 1, 65535);
    if (id === undefined) throw new RangeError('close needs a connection or a session; give one of the two.');
    const nodes = new Map(statusOf(endpoint).sessions.map((row, i) => [i, row.nodeId] as const));
    const rows = [...endpoint.sessions.rows()].filter(
      (session, i) => session.id === id && (request.nodeId === undefined || nodes.get(i) === request.nodeId),
    );
    if (rows.length === 0) throw new RangeError(`Table 7 has no session ${id}; look at dump.`);
    for (const session of rows) endpoint.endSession(session, this.controlled.now());
    this.controlled.flush();
    return { sessions: rows.length };
  }

  #setAddresses(addresses: readonly Ipv4[]): object {
    const { endpoint, now } = { endpoint: this.controlled.endpoint, now: this.controlled.now() };
    if (this.controlled.connect !== undefined) {
      const absent = addresses.find((address) => !this.controlled.canSendFrom(address, 0));
      if (absent !== undefined)
        throw new RangeError(`${formatIpv4(absent)} is on none of the peer's interfaces; add it there first.`);
    }
    endpoint.setAddresses(addresses, now);
    this.controlled.flush();
    return { addresses: endpoint.addresses.map(formatIpv4) };
  }

  #addresses(request: Request): object {
    return this.#setAddresses([...new Set(listOf(request, 'addresses').map((one) => addressOf(one, 'addresses')))]);
  }

  #addAddress(request: Request): object {
    const address = addressOf(request.address, 'address');
    const others = this.controlled.endpoint.addresses.filter((other) => other !== address);
    return this.#setAddresses(flagOf(request, 'primary') ? [address, ...others] : [...others, address]);
  }

  #removeAddress(request: Request): object {
    const address = addressOf(request.address, 'address');
    const { addresses } = this.controlled.endpoint;
    if (!addresses.includes(address))
      throw new RangeError(`The peer does not use ${formatIpv4(address)}; look at status.`);
    if (addresses.length === 1)
      throw new RangeError(`${formatIpv4(address)} is the peer's only address; add another one first.`);
    return this.#setAddresses(addresses.filter((other) => other !== address));
  }

  #setRules(rules: Parameters<Endpoint['setRules']>[0]): object {
    this.controlled.endpoint.setRules(rules);
    return { rules: rules.length };
  }

  #addRule(request: Request): object {
    const { rules } = this.controlled.endpoint.state.routing;
    const at = numberOf(request, 'at', 0, rules.length) ?? rules.length;
    return this.#setRules([...rules.slice(0, at), ruleOf(request.rule), ...rules.slice(at)]);
  }

  #removeRule(request: Request): object {
    const { rules } = this.controlled.endpoint.state.routing;
    if (rules.length === 0) throw new RangeError('There is no rule; add one with add-rule.');
    const at = numberOf(request, 'at', 0, rules.length - 1);
    if (at === undefined) throw new RangeError(`remove-rule needs at, from 0 to ${rules.length - 1}.`);
    const removed = rules[at]!;
    return { ...this.#setRules(rules.filter((_, i) => i !== at)), removed: ruleInWords(removed) };
  }

  #reload(): object {
    if (this.reloader === undefined)
      throw new RangeError('The peer was started without --rules; use the command rules instead.');
    return { rules: this.reloader.reload() };
  }

  #reset(request: Request): object {
    const { endpoint } = this.controlled;
    const what = request.what ?? 'all';
    if (what !== 'all' && what !== 'sessions')
      throw new RangeError(`what must be 'all' or 'sessions', not ${JSON.stringify(what)}.`);
    const sessions = endpoint.sessions.size;
    if (what === 'all') endpoint.reset(this.controlled.now());
    else for (const session of [...endpoint.sessions.rows()]) endpoint.endSession(session, this.controlled.now());
    this.controlled.flush();
    return { sessions };
  }
}

/** The far end of a request: IP:PORT. */
function farEndOf({ to }: Request): { address: Ipv4; port: number } {
  const [host, port, ...rest] = typeof to === 'string' ? to.split(':') : [];
  if (port === undefined || rest.length > 0)
    throw new RangeError(
      `to must be an address and a port such as "10.0.0.2:7000"${to === undefined ? '' : `, not ${JSON.stringify(to)}`}.`,
    );
  return { address: addressOf(host, 'to'), port: portOf(port, 'to') };
}

function flagOf(request: Request, field: string): boolean {
  const value = request[field] ?? false;
  if (typeof value !== 'boolean') throw new RangeError(`${field} must be true or false, not ${JSON.stringify(value)}.`);
  return value;
}

function listOf(request: Request, field: string): unknown[] {
  const list = request[field];
  if (!Array.isArray(list)) throw new RangeError(`${field} must be a list.`);
  return list;
}

function numberOf(request: Request, field: string, least: number, most: number): number | undefined {
  const value = request[field];
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !(Number.isInteger(value) && value >= least && value <= most))
    throw new RangeError(`${field} must be a whole number from ${least} to ${most}, not ${JSON.stringify(value)}.`);
  return value;
}

function protocolOf({ protocol = 'udp' }: Request): number {
  if (protocol !== 'tcp' && protocol !== 'udp')
    throw new RangeError(`protocol must be 'tcp' or 'udp', not ${JSON.stringify(protocol)}.`);
  return protocol === 'tcp' ? TCP : UDP;
}

function tcpFieldsOf(request: Request): Parameters<typeof buildTcp>[1] {
  const names = request.flags === undefined ? ['ack'] : listOf(request, 'flags');
  let flags = 0;
  for (const name of names) {
    const known = FLAG_NAMES.find((flag) => flag === name);
    if (known === undefined)
      throw new RangeError(`flags cannot hold ${JSON.stringify(name)}; known are ${FLAG_NAMES.join(', ')}.`);
    flags |= TcpFlags[known];
  }
  return {
    flags,
    sequence: numberOf(request, 'sequence', 0, 2 ** 32 - 1) ?? 0,
    acknowledgement: numberOf(request, 'acknowledgement', 0, 2 ** 32 - 1) ?? 0,
    window: numberOf(request, 'window', 0, 65535) ?? 65535,
  };
}

function payloadOf({ text, hex }: Request): Uint8Array {
  if (text !== undefined && hex !== undefined)
    throw new RangeError('text and hex exclude each other; give one of them.');
  if (hex !== undefined) {
    if (typeof hex !== 'string' || !/^([0-9a-f]{2})*$/i.test(hex))
      throw new RangeError('hex must be pairs of hex digits.');
    return Uint8Array.from(Buffer.from(hex, 'hex'));
  }
  if (text !== undefined && typeof text !== 'string')
    throw new RangeError(`text must be a text in quotation marks, not ${JSON.stringify(text)}.`);
  return new TextEncoder().encode(text);
}
