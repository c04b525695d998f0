import type { Ipv4, Tuple } from '../../codec/index.js';
import { Columns } from './columns.js';

/** Integer fields of a flow. */
export const Flow = {
  source: 0,
  destination: 1,
  /** Source port in the upper half. */
  ports: 2,
  /** The protocol, 6 or 17, and bits of {@link FlowBit}; 0 while the record is unused. */
  state: 3,
  /** Index of the node that sends CMs on it; 0 = none has. */
  node: 4,
  /** Index of the node that it goes to; 0 = not known. */
  peer: 5,
  /** First of its paths, plus 1; 0 = none. */
  paths: 6,
  /** Its handshake record, plus 1. */
  handshake: 7,
  /** When its last packet came, in whole seconds since the first of all. */
  lastSecond: 8,
  ints: 9,
} as const;

/** What `Flow.state` says besides the protocol. */
const PROTOCOL = 0xff;
const FlowBit = {
  /** It brings a node's own CMs back to it. */
  isEcho: 0x100,
  /** A packet with a CM was seen on it, and one without. */
  hasCm: 0x200,
  hasPlain: 0x400,
} as const;

/** Double fields of a flow; times are microseconds since the first packet. */
export const FlowTime = { first: 0, doubles: 1 } as const;

/** Flows without a CM that are remembered; beyond that the idle ones are forgotten. */
const MAX_PLAIN = 65_536;
/** A flow without a CM that was idle for so long is forgotten first, seconds. */
const IDLE = 10;
/** Flows with a CM that are remembered. */
const MAX_FLOWS = 1 << 21;

/** One direction of a pair of addresses and ports, TCP and UDP apart. */
export class Flows {
  readonly columns = new Columns(Flow.ints, FlowTime.doubles);
  /** Flows without a CM that were forgotten to keep the memory bounded. */
  forgotten = 0;
  #slots = new Int32Array(1024);
  #used = 0;
  #plain = 0;
  readonly #free: number[] = [];

  /** The flow, or -1. */
  find(source: Ipv4, destination: Ipv4, sourcePort: number, destinationPort: number, protocol: number): number {
    return this.#slots[this.#slot(source | 0, destination | 0, (sourcePort << 16) | destinationPort, protocol)]! - 1;
  }

  /** The flow, made when it is new; -1 when there is no room for it. */
  at(
    source: Ipv4,
    destination: Ipv4,
    sourcePort: number,
    destinationPort: number,
    protocol: number,
    time: number,
  ): number {
    const ports = (sourcePort << 16) | destinationPort;
    const slot = this.#slot(source | 0, destination | 0, ports, protocol);
    const known = this.#slots[slot]! - 1;
    if (known >= 0) return known;
    return this.#add(source | 0, destination | 0, ports, protocol, time);
  }

  /** Says that a packet with a CM came on a flow: it is kept from now on. */
  noteCm(flow: number): void {
    if (this.hasCm(flow)) return;
    this.#plain--;
    this.#set(flow, FlowBit.hasCm);
  }

  /** Says that a packet without a CM came on a flow. */
  notePlain(flow: number): void {
    this.#set(flow, FlowBit.hasPlain);
  }

  /** Says that a flow brings a node's own CMs back to it. */
  noteEcho(flow: number): void {
    this.#set(flow, FlowBit.isEcho);
  }

  #set(flow: number, bit: number): void {
    this.columns.setInt(flow, Flow.state, this.columns.int(flow, Flow.state) | bit);
  }

  #has(flow: number, bit: number): boolean {
    return (this.columns.int(flow, Flow.state) & bit) !== 0;
  }

  #add(source: number, destination: number, ports: number, protocol: number, time: number): number {
    if (this.#plain >= MAX_PLAIN) this.#sweep(time);
    if (this.#used >= MAX_FLOWS) return -1;
    if (this.#used * 2 >= this.#slots.length) this.#rebuild(this.#slots.length * 2);
    const { columns } = this;
    const flow = this.#free.pop() ?? columns.add();
    columns.clear(flow);
    columns.setInt(flow, Flow.source, source);
    columns.setInt(flow, Flow.destination, destination);
    columns.setInt(flow, Flow.ports, ports);
    columns.setInt(flow, Flow.state, protocol);
    columns.setDouble(flow, FlowTime.first, time);
    this.#slots[this.#slot(source, destination, ports, protocol)] = flow + 1;
    this.#used++;
    this.#plain++;
    return flow;
  }

  #slot(source: number, destination: number, ports: number, protocol: number): number {
    const slots = this.#slots;
    const { columns } = this;
    const mask = slots.length - 1;
    let hash = Math.imul(source ^ Math.imul(destination, 0x9e3779b1) ^ Math.imul(ports, 0x85ebca6b), 0xc2b2ae35);
    hash = (hash ^ (hash >>> 15)) + protocol;
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const flow = slots[at]! - 1;
      if (
        flow < 0 ||
        (columns.int(flow, Flow.ports) === ports &&
          columns.int(flow, Flow.source) === source &&
          columns.int(flow, Flow.destination) === destination &&
          this.protocol(flow) === protocol)
      )
        return at;
    }
  }

  /** Forgets flows without a CM: those that were idle, or all when that is not enough. */
  #sweep(time: number): void {
    const { columns } = this;
    const forget = (isOld: (flow: number) => boolean) => {
      for (let flow = 0; flow < columns.count; flow++) {
        if (columns.int(flow, Flow.state) === 0 || this.hasCm(flow) || !isOld(flow)) continue;
        columns.setInt(flow, Flow.state, 0);
        this.#free.push(flow);
        this.forgotten++;
        this.#plain--;
        this.#used--;
      }
    };
    forget((flow) => time / 1e6 - columns.int(flow, Flow.lastSecond) > IDLE);
    if (this.#plain * 2 > MAX_PLAIN) forget(() => true);
    this.#rebuild(this.#slots.length);
  }

  #rebuild(size: number): void {
    this.#slots = new Int32Array(size);
    const { columns } = this;
    for (let flow = 0; flow < columns.count; flow++) {
      if (columns.int(flow, Flow.state) === 0) continue;
      const slot = this.#slot(
        columns.int(flow, Flow.source),
        columns.int(flow, Flow.destination),
        columns.int(flow, Flow.ports),
        this.protocol(flow),
      );
      this.#slots[slot] = flow + 1;
    }
  }

  source(flow: number): Ipv4 {
    return this.columns.int(flow, Flow.source) >>> 0;
  }

  destination(flow: number): Ipv4 {
    return this.columns.int(flow, Flow.destination) >>> 0;
  }

  sourcePort(flow: number): number {
    return this.columns.int(flow, Flow.ports) >>> 16;
  }

  destinationPort(flow: number): number {
    return this.columns.int(flow, Flow.ports) & 0xffff;
  }

  tuple(flow: number): Tuple {
    return {
      source: this.source(flow),
      sourcePort: this.sourcePort(flow),
      destination: this.destination(flow),
      destinationPort: this.destinationPort(flow),
    };
  }

  protocol(flow: number): number {
    return this.columns.int(flow, Flow.state) & PROTOCOL;
  }

  /** True when a packet with a CM was seen on it. */
  hasCm(flow: number): boolean {
    return this.#has(flow, FlowBit.hasCm);
  }

  /** True when a packet without a CM was seen on it. */
  hasPlain(flow: number): boolean {
    return this.#has(flow, FlowBit.hasPlain);
  }

  /** True when it brings a node's own CMs back to it. */
  isEcho(flow: number): boolean {
    return this.#has(flow, FlowBit.isEcho);
  }

  /** The flow of the other direction, or -1. */
  reverse(flow: number): number {
    return this.find(
      this.destination(flow),
      this.source(flow),
      this.destinationPort(flow),
      this.sourcePort(flow),
      this.protocol(flow),
    );
  }
}
