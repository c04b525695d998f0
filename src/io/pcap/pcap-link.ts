import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Identity } from '../identity.js';
import { LINKTYPE_ETHERNET, LINKTYPE_LINUX_SLL, LINKTYPE_NULL, LINKTYPE_RAW } from '../link-type.js';
import { wallMicros } from '../wall-clock.js';
import { Kind, type Message, MessageReader, messageOf, type OpenRequest, type Refusal } from './pcap-messages.js';

/** What to open. */
export interface PcapOptions {
  /** In the language of libpcap; default: everything. */
  readonly filter?: string;
  /** The folder of the package cap. Default: `MPIP_CAP` of the environment, else where packages of mpip are looked for. */
  readonly module?: string;
  /** Who its process is to be once the interface is open; default: who this one is. */
  readonly identity?: Identity | undefined;
}

/** A frame as libpcap gave it. `octets` are valid until the next one is read. */
export interface PcapFrame {
  /** Position of its interface among those that were opened. */
  readonly device: number;
  /** When it was read, microseconds since 1970. */
  readonly micros: number;
  readonly octets: Uint8Array;
}

/** An interface could not be opened through libpcap. The message is one sentence that says what to do. */
export class PcapError extends Error {
  override readonly name = 'PcapError';

  constructor(
    /**
     * `install`: the package cap is not there or cannot be loaded; `device`: there is no such interface; `privilege`; `refused`: all
     * else that libpcap does not do, a wrong filter for instance.
     */
    readonly code: 'install' | 'device' | 'privilege' | 'refused',
    message: string,
  ) {
    super(message);
  }
}

/** The process's script beside this one, beside the bundle or its pieces. */
const SCRIPT = ['./pcap-process.js', '../pcap-process.js']
  .map((path) => fileURLToPath(new URL(path, import.meta.url)))
  .find((path) => existsSync(path));

/** Names that cap has for link types. */
const LINK_TYPES: ReadonlyMap<string, number> = new Map([
  ['ETHERNET', LINKTYPE_ETHERNET],
  ['NULL', LINKTYPE_NULL],
  ['RAW', LINKTYPE_RAW],
  ['LINKTYPE_LINUX_SLL', LINKTYPE_LINUX_SLL],
  ['IEEE802_11_RADIO', 127],
]);
/** Octets of a dying process's words that are told. */
const LAST_WORDS = 300;

/**
 * Interfaces through libpcap, for capture and injection of frames, by the optional package cap, on whatever system has it. The
 * package is used by a process of its own, which ends with the first of its interfaces that is lost: it aborts when one goes down, crashes when it is used before
 * it was opened or after it was closed, and never lets the process end once it was. It gives neither times nor counts of losses: times are taken when a frame is read. Interfaces are promiscuous meanwhile.
 */
export class PcapLink {
  /** Called when `read` may have something, or `isOver` has become true. */
  onReady: () => void = () => {};
  /** Called with the microseconds after which the process had dealt with a frame to be sent, or a `ping`, and that was known here. */
  onServed: (after: number) => void = () => {};
  /** Frames that libpcap did not send. */
  refused = 0;
  /** Frames that the process had no room for because they were not read in time. How many the kernel had none for is not known. */
  lost = 0;
  readonly #linkTypes: number[] = [];
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #reader = new MessageReader();
  #words = '';
  #isEnding = false;
  #isOver = false;
  #isReady = false;
  #failure: string | undefined;

  private constructor(
    readonly devices: readonly string[],
    request: OpenRequest,
  ) {
    this.#child = spawn(process.execPath, [SCRIPT!, JSON.stringify(request)], { stdio: ['pipe', 'pipe', 'pipe'] });
    const notify = () => {
      this.#isReady = true;
      this.onReady();
    };
    this.#child.stdin.on('error', () => {});
    this.#child.stdout.on('readable', notify).on('end', notify);
    this.#child.stderr.on('data', (data: Buffer) => (this.#words = `${this.#words}${data}`.slice(-10 * LAST_WORDS)));
    this.#child.on('error', (error) => (this.#words += error.message));
    this.#child.on('close', (code, signal) => {
      this.#isOver = true;
      if (!this.#isEnding) this.#failure = this.#causeOfDeath(signal ?? `exit code ${code}`);
      notify();
    });
  }

  /** @throws PcapError */
  static async open(devices: readonly string[], options: PcapOptions = {}): Promise<PcapLink> {
    const module = options.module ?? process.env.MPIP_CAP;
    const filter = options.filter ?? '';
    const { identity } = options;
    const request: OpenRequest = {
      ...{ devices, filter },
      ...(module ? { module: resolve(module) } : {}),
      ...(identity === undefined ? {} : { identity }),
    };
    const link = new PcapLink(devices, request);
    try {
      while (link.#linkTypes.length < devices.length) {
        const { kind, octets } = await link.#opening();
        const text = Buffer.from(octets).toString();
        if (kind === Kind.failed) throw errorOf(request, JSON.parse(text));
        link.#linkTypes.push(LINK_TYPES.get(text) ?? Number(/^Unknown linktype (\d+)$/.exec(text)?.[1] ?? -1));
      }
      return link;
    } catch (error) {
      link.close();
      throw error;
    }
  }

  /** Of the process that uses libpcap. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** LINKTYPE_ values of the interfaces' frames. */
  get linkTypes(): readonly number[] {
    return this.#linkTypes;
  }

  /** True when the process has ended and everything that it read was given by `read`. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Why it is over, in a sentence; undefined while it is not, and when it was told to end. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** Whether something happened since `read` had nothing more. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** The next frame, valid until the next call; undefined while none waits. What is not read waits in pipes and the kernel. */
  read(): PcapFrame | undefined {
    for (let message = this.#next(); message !== undefined; message = this.#next()) {
      if (message.kind === Kind.frame) return message;
      if (message.kind === Kind.refused) this.refused++;
      else if (message.kind === Kind.lost) this.lost += message.micros;
      else if (message.kind === Kind.ping) this.onServed(Math.max(0, wallMicros() - message.micros));
    }
    return undefined;
  }

  /** Sends a frame by an interface, link layer header included; lost when it is over. */
  send(frame: Uint8Array, device = 0): void {
    this.#tell(messageOf(Kind.frame, frame, wallMicros(), device));
  }

  /** Asks the process for a sign of life, for `onServed`. */
  ping(): void {
    this.#tell(messageOf(Kind.ping, new Uint8Array(0), wallMicros()));
  }

  /** What came until now can be read, then it is over. Where frames come faster than they are read that takes as long as they do. */
  end(): void {
    this.#isEnding = true;
    this.#child.stdin.end();
  }

  /** Ends it at once. */
  close(): void {
    this.#isEnding = true;
    this.onReady = () => {};
    this.#child.kill('SIGKILL');
    this.#child.stdin.destroy();
    this.#child.stdout.destroy();
    this.#child.stderr.destroy();
  }

  #tell(message: Uint8Array): void {
    if (!this.#isEnding && !this.#isOver) this.#child.stdin.write(message);
  }

  #next(): Message | undefined {
    for (;;) {
      const message = this.#reader.next();
      if (message !== undefined) return message;
      this.#isReady = false;
      const piece = this.#child.stdout.read() as Buffer | null;
      if (piece === null) return undefined;
      this.#reader.push(piece);
    }
  }

  /** The process's next message, before it has any frame. */
  async #opening(): Promise<Message> {
    for (;;) {
      const message = this.#next();
      if (message !== undefined) return message;
      if (this.#isOver) throw new PcapError('refused', this.#failure!);
      await new Promise<void>((resolve) => {
        this.onReady = resolve;
      });
    }
  }

  #causeOfDeath(how: string): string {
    // cap asserts that its descriptor has no error: it has one when the interface goes away.
    if (/assert/i.test(this.#words) && /status == 0/.test(this.#words))
      return `Interface ${this.devices.join(' or ')} went down or was removed meanwhile.`;
    const lines = this.#words.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('Warning: '));
    const words = lines.join(' ').slice(-LAST_WORDS);
    return `The process that uses libpcap for ${this.devices.join(' and ')} ended (${how})${words === '' ? '' : `: ${words}`}.`;
  }
}

function errorOf({ filter, module }: OpenRequest, { device, code, words, devices = [] }: Refusal): PcapError {
  if (code === 'install')
    return new PcapError(
      'install',
      `libpcap is used through the optional package cap, which is not ${module === undefined ? 'installed' : `in ${module}`}: npm install --prefix DIR cap@0.2.1, then MPIP_CAP=DIR/node_modules/cap in the environment (it is compiled, which takes a C++ compiler, Python and libpcap-dev, on Windows the SDK of Npcap).`,
    );
  if (code === 'load')
    return new PcapError(
      'install',
      `The package cap is installed but cannot be loaded (${words}); install libpcap and build it again: npm rebuild cap.`,
    );
  if (code === 'device')
    return new PcapError('device', `There is no interface '${device}'; choose from ${devices.join(', ')}.`);
  if (/permission|permitted/i.test(words))
    return new PcapError('privilege', `Reading packets of ${device} through libpcap needs privilege (${words}).`);
  const choice = filter === '' ? '' : ` with the filter '${filter}'`;
  return new PcapError(
    'refused',
    `libpcap does not open ${device}${choice}: ${words === '' ? 'it gives no reason' : words}.`,
  );
}
