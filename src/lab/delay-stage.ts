import { Random } from '../codec/index.js';
import { type Libc, libc } from '../io/linux/libc.js';
import { MessageBatch } from '../io/linux/message-batch.js';
import { bindQueue, configureQueue, readPackets, Verdict, verdictOn, verdictUpTo } from '../io/linux/nfqueue.js';
import { DelayLine, type Impairment } from './impairment.js';

/** One packet queue of the kernel, and what happens to the packets that come by it. */
export interface QueueImpairment extends Impairment {
  /** Number of the queue, as iptables' target NFQUEUE has it. */
  readonly queue: number;
}

const AF_NETLINK = 16;
const SOCK_RAW_NONBLOCK_CLOEXEC = 3 | 0o4000 | 0o2000000;
const NETLINK_NETFILTER = 12;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
const SOL_NETLINK = 270;
const NO_ENOBUFS = 5;
const MSG_DONTWAIT = 0x40;
const PR_SET_TIMERSLACK = 29;
const POLLIN = 1;
const LONGEST_QUEUE = 20_000;
const READ_SIZE = 4096;
const READS = 32;
const LONGEST_WAIT = 100_000;

/**
 * Delays, jitters and loses packets on Linux without netem: the kernel holds them in packet queues, this process says
 * when each may go on. One message lets go everything that is due, so that a packet costs little. Blocks for ever: run
 * it as a process of its own, in the network namespace of the queues, and end it with a signal; where the rule has
 * `--queue-bypass`, packets then pass undelayed.
 * @throws HostError without privilege, or when another process has the queue.
 */
export function runDelayStage(impairments: readonly QueueImpairment[], seed: number, onReady: () => void): never {
  const c = libc();
  c.prctl(PR_SET_TIMERSLACK, 1000);
  const queues = impairments.map((impairment, i) => new Queue(c, impairment, new Random(seed + i)));
  const polled = new Uint8Array(8 * queues.length);
  const polledView = new DataView(polled.buffer);
  for (const [i, queue] of queues.entries()) {
    polledView.setInt32(8 * i, queue.fd, true);
    polledView.setInt16(8 * i + 4, POLLIN, true);
  }
  const timeout = new Uint8Array(16);
  const timeoutView = new DataView(timeout.buffer);
  onReady();
  for (;;) {
    const now = micros();
    let next = now + LONGEST_WAIT;
    for (const queue of queues) next = Math.min(next, queue.release(now));
    const wait = Math.max(0, next - micros());
    timeoutView.setBigInt64(8, BigInt(Math.round(wait * 1000)), true);
    if (c.ppoll(polled, queues.length, timeout, null) <= 0) continue;
    for (const queue of queues) queue.read(micros());
  }
}

/** Microseconds of a clock that never steps. */
function micros(): number {
  return performance.now() * 1000;
}

class Queue {
  readonly fd: number;
  readonly #c: Libc;
  readonly #line: DelayLine;
  readonly #number: number;
  readonly #batch: MessageBatch;

  constructor(c: Libc, impairment: QueueImpairment, random: Random) {
    this.#c = c;
    this.#number = impairment.queue;
    this.#line = new DelayLine(impairment, random);
    const advice = 'the kernel needs netfilter packet queues (NFQUEUE)';
    this.fd = c.check(
      c.socket(AF_NETLINK, SOCK_RAW_NONBLOCK_CLOEXEC, NETLINK_NETFILTER),
      'Opening a packet queue',
      advice,
    );
    const number = (value: number) => new Uint8Array(Int32Array.of(value).buffer);
    c.setsockopt(this.fd, SOL_SOCKET, SO_RCVBUFFORCE, number(8 << 20), 4);
    c.setsockopt(this.fd, SOL_NETLINK, NO_ENOBUFS, number(1), 4);
    const address = new Uint8Array(12);
    new DataView(address.buffer).setUint16(0, AF_NETLINK, true);
    c.check(c.bind(this.fd, address, address.length), 'Binding to a packet queue', advice);
    this.#batch = new MessageBatch(c, READ_SIZE, 12, 0);
    this.#send(bindQueue(this.#number));
    this.#send(configureQueue(this.#number, LONGEST_QUEUE));
  }

  /** Takes what the kernel has queued. */
  read(now: number): void {
    const batch = this.#batch;
    batch.renew(READS);
    const count = this.#c.recvmmsg(this.fd, batch.from(0), READS, MSG_DONTWAIT, null);
    for (let i = 0; i < count; i++) {
      readPackets(batch.buffers[i]!, batch.received(i), (packet) => {
        if (!this.#line.take(packet, now)) this.#send(verdictOn(this.#number, packet, Verdict.drop));
      });
    }
  }

  /** Lets go what is due. @returns when to come again. */
  release(now: number): number {
    const last = this.#line.release(now);
    if (last !== undefined) this.#send(verdictUpTo(this.#number, last, Verdict.accept));
    return this.#line.nextRelease;
  }

  #send(message: Uint8Array): void {
    this.#c.check(
      this.#c.write(this.fd, message, message.length),
      'Writing to a packet queue',
      'another program has it',
    );
  }
}
