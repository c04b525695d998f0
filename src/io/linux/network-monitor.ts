import { HostNetwork } from './host-network.js';
import { type Libc, libc, type NativeMemory } from './libc.js';
import {
  dumpRequest,
  Get,
  type NetlinkBatch,
  type NetlinkMessage,
  parseNetlink,
  type WayQuestion,
  wayRequest,
} from './netlink.js';

const AF_NETLINK = 16;
const SOCK_RAW_NONBLOCK_CLOEXEC = 3 | 0o4000 | 0o2000000;
const NETLINK_ROUTE = 0;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
const RECEIVE_BUFFER = 4 * 1024 * 1024;
/** RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV4_ROUTE, RTMGRP_IPV4_RULE. */
const GROUPS = 0x1 | 0x10 | 0x40 | 0x80;
const BUFFER = 1 << 16;
const MOST_TRIES = 10;

/** Tells when the host's network changes, and what it is like. Nothing blocks: the kernel answers at once. */
export class NetworkMonitor {
  /** Readable when something changed. */
  readonly fd: number;
  readonly #libc: Libc;
  readonly #questions: number;
  readonly #memory: NativeMemory;

  /** @throws HostError when the kernel has no routing netlink. */
  constructor() {
    const c = libc();
    this.#libc = c;
    this.#memory = c.allocate(BUFFER);
    this.fd = this.#open(GROUPS);
    this.#questions = this.#open(0);
  }

  /**
   * Takes in what the kernel has told since the last call.
   * @param isOwn true for messages that the caller's own changes cause.
   * @returns whether anything else changed; true also when messages were lost.
   */
  hasChanged(isOwn: (message: NetlinkMessage) => boolean): boolean {
    let changed = false;
    for (;;) {
      const batch = this.#read(this.fd);
      if (batch === 'empty') return changed;
      changed ||= batch === 'lost' || batch.isDamaged || batch.messages.some((message) => !isOwn(message));
    }
  }

  /** The host's network now. @throws HostError when the kernel does not tell. */
  read(): HostNetwork {
    for (let tries = 1; ; tries++) {
      const dumps = [Get.link, Get.address, Get.route].map((type) => this.#dump(type));
      if (tries === MOST_TRIES || !dumps.some(({ isInterrupted }) => isInterrupted))
        return new HostNetwork(dumps.flatMap(({ messages }) => messages));
    }
  }

  /** True when a packet can be routed. */
  hasWay(question: WayQuestion): boolean {
    this.#ask(wayRequest(question));
    const answer = this.#read(this.#questions);
    return typeof answer === 'object' && answer.messages.some(({ kind }) => kind === 'route');
  }

  close(): void {
    this.#libc.close(this.fd);
    this.#libc.close(this.#questions);
    this.#libc.free(this.#memory);
  }

  #open(groups: number): number {
    const c = this.#libc;
    const doing = 'Watching the interfaces';
    const fd = c.check(
      c.socket(AF_NETLINK, SOCK_RAW_NONBLOCK_CLOEXEC, NETLINK_ROUTE),
      doing,
      'the kernel lacks netlink',
    );
    const number = (value: number) => new Uint8Array(Int32Array.of(value).buffer);
    c.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, number(RECEIVE_BUFFER), 4);
    const address = new Uint8Array(12);
    new DataView(address.buffer).setUint16(0, AF_NETLINK, true);
    new DataView(address.buffer).setUint32(8, groups, true);
    c.check(c.bind(fd, address, address.length), doing, 'the kernel refuses to tell of changes');
    return fd;
  }

  #ask(request: Uint8Array): void {
    this.#libc.check(
      this.#libc.write(this.#questions, request, request.length),
      'Asking the kernel for its interfaces',
      'try again',
    );
  }

  #dump(type: number): NetlinkBatch {
    this.#ask(dumpRequest(type));
    const messages: NetlinkMessage[] = [];
    let isInterrupted = false;
    for (;;) {
      const batch = this.#read(this.#questions);
      if (typeof batch !== 'object') return { messages, isInterrupted: true, isDamaged: false };
      isInterrupted ||= batch.isInterrupted || batch.isDamaged;
      for (const message of batch.messages) {
        if (message.kind === 'done') return { messages, isInterrupted, isDamaged: false };
        if (message.kind === 'error') return { messages, isInterrupted: true, isDamaged: false };
        messages.push(message);
      }
    }
  }

  /** One read; `lost` when the kernel had more to tell than it could keep. */
  #read(fd: number): NetlinkBatch | 'empty' | 'lost' {
    const { pointer, bytes } = this.#memory;
    const length = this.#libc.read(fd, pointer, bytes.length);
    if (length > 0) return parseNetlink(bytes.slice(0, length));
    return this.#libc.errorName() === 'ENOBUFS' ? 'lost' : 'empty';
  }
}
