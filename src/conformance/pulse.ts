import type { Socket } from 'node:dgram';
import { performance } from 'node:perf_hooks';
import { formatIpv4, type Ipv4 } from '../codec/index.js';
import type { Lateness } from './lateness.js';
import type { Destination, Micros } from './link.js';
import { bindUdp, ignoreError } from './live-sources.js';
import type { Pacer } from './pacer.js';

/** Time between two looks at the clock, in milliseconds. */
const TICK = 10;
/** Time between two questions; longer where they would be more than a part of the packets that the rate allows. */
const PERIOD: Micros = 50_000;
const SHARE = 0.05;
/** An answer that has not come after so long is lost. */
const LONGEST: Micros = 4_000_000;
/** Questions that may be without an answer. */
const MOST_OPEN = 128;

/**
 * Finds out all the time how late this process and the peer are: by a timer, and by ordinary datagrams to the peer's echo
 * service. It keeps no process running.
 */
export class Pulse {
  #timer: NodeJS.Timeout | undefined;
  #socket: Socket | undefined;
  #isClosed = false;
  #count = 0;
  readonly #asked = new Map<number, Micros>();

  constructor(
    private readonly lateness: Lateness,
    private readonly pacer: Pacer,
  ) {}

  /** Begins; asks nobody where there is no `echo`, or where `source` cannot be used. */
  async begin(source: Ipv4, echo: Destination | undefined): Promise<void> {
    const period = Math.max(PERIOD, 1_000_000 / (SHARE * this.pacer.rate));
    let due = performance.now() + TICK;
    let askAt = 0;
    this.#timer = setInterval(() => {
      const now = performance.now();
      this.lateness.note(Math.max(0, Math.round((now - due) * 1000)));
      due = now + TICK;
      if (echo === undefined || this.#socket === undefined || now * 1000 < askAt) return;
      askAt = now * 1000 + period;
      this.#ask(this.#socket, echo);
    }, TICK);
    this.#timer.unref();
    if (echo === undefined) return;
    const socket = await bindUdp(source, 0).catch(() => undefined);
    if (socket === undefined) return;
    socket.on('error', ignoreError);
    socket.unref();
    if (this.#isClosed) {
      socket.close();
      return;
    }
    this.#socket = socket;
    socket.on('message', (data) => this.#answered(data));
  }

  /** Waits until every question that was asked is answered, or lost: only then it is known how late the answers were. */
  async settled(): Promise<void> {
    const asked = this.#count;
    while (!this.#isClosed && this.#isWaiting(asked)) await new Promise((resolve) => setTimeout(resolve, TICK));
  }

  #isWaiting(last: number): boolean {
    const now = performance.now() * 1000;
    for (const [number, time] of this.#asked) if (number <= last && now - time < LONGEST) return true;
    return false;
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#timer);
    this.#socket?.close();
    this.#socket = undefined;
  }

  #ask(socket: Socket, echo: Destination): void {
    const number = ++this.#count;
    const question = new Uint8Array(8);
    new DataView(question.buffer).setUint32(0, MARK);
    new DataView(question.buffer).setUint32(4, number);
    this.pacer.pass(() => {
      if (this.#isClosed) return;
      this.#asked.set(number, performance.now() * 1000);
      this.#asked.delete(number - MOST_OPEN);
      socket.send(question, echo.port, formatIpv4(echo.address), ignoreError);
    });
  }

  /** A peer with MPIP answers twice: a query, which is a copy, comes beside the answer. */
  #answered(data: Buffer): void {
    if (data.length < 8 || data.readUInt32BE(0) !== MARK) return;
    const number = data.readUInt32BE(4);
    const asked = this.#asked.get(number);
    if (asked === undefined) return;
    this.#asked.delete(number);
    this.lateness.noteAnswer(Math.round(performance.now() * 1000 - asked));
  }
}

/** 'time' */
const MARK = 0x74696d65;
