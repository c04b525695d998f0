import { type ControlMessage, type DatagramView, type LayoutName, TCP, TcpFlags, type Tuple } from '../codec/index.js';
import { PATH_HEADER } from '../codec/path-sequence.js';
import { rewriteTupleAt } from '../codec/rewrite.js';
import { attach, attachParsed } from '../codec/trailer.js';
import type { Feedback } from './composer.js';
import { MAX_TRAILER } from './control-packet.js';
import { tupleKey } from './mesh.js';
import type { NodeState } from './node-state.js';
import { number } from './path-sequence.js';
import type { Path } from './paths.js';
import type { Session } from './sessions.js';
import { wrap } from './udp-wrapper.js';

/** Puts packets into the queue to the network: as they are, or with a CM. */
export class Transmitter {
  #buffer: Uint8Array | undefined;

  constructor(private readonly state: NodeState) {}

  /** Where a segment is wrapped, or gets a header of the path's own; many an endpoint never does either. */
  get #wrapped(): Uint8Array {
    this.#buffer ??= new Uint8Array(65535 + PATH_HEADER);
    return this.#buffer;
  }

  /** Sends a packet as it is. */
  sendPlain(packet: Uint8Array, length: number): void {
    this.state.transmits.filling.appendCopy(packet, length);
    this.state.counters.ordinarySent++;
  }

  /** Sends a copy of a packet of the host with a query or confirmation (section 3.2; the copy's checksum: docs/decisions.md 1). */
  sendCopy(view: DatagramView, tuple: Tuple, flags: number, layout: LayoutName, now: number): void {
    const { transmits, control, composer, pathMtus, counters } = this.state;
    const queue = transmits.filling;
    const cm = composer.compose(layout, flags, now);
    control.copy(queue, view, tuple, cm, composer.trailerLength(layout), pathMtus.linkMtu, Number.POSITIVE_INFINITY);
    if (view.protocol === TCP && (view.tcpFlags & TcpFlags.syn) === 0) control.spoilTcpChecksum(queue);
    counters.cmSent++;
  }

  /** A packet of MPIP itself in answer to a received one: its headers, no user data, the CM. */
  sendBack(view: DatagramView, tuple: Tuple, cm: ControlMessage): void {
    const { transmits, control, composer, pathMtus, counters } = this.state;
    control.copy(transmits.filling, view, tuple, cm, composer.trailerLength(cm.layout), pathMtus.linkMtu, 0);
    counters.cmSent++;
  }

  /**
   * Sends a packet of a session by a path, or by its own tuple with path id 0.
   * @param again what it feeds back as a copy of another packet.
   * @returns octets.
   */
  sendInSession(
    view: DatagramView,
    { peer, id }: Session,
    path: Path | undefined,
    flags: number,
    layout: LayoutName,
    now: number,
    length: number,
    again: Feedback | undefined = undefined,
  ): number {
    const { composer, counters } = this.state;
    const cm = composer.composeFor(peer, id, path?.id ?? 0, layout, flags, now, again);
    const octets = this.transmit(view, path, cm, length);
    path?.sent(now, octets);
    counters.cmSent++;
    return octets;
  }

  /** Section 3.7.2: addresses and ports become those of the path; a segment of another path is wrapped (section 3.8.2). @returns octets. */
  transmit(view: DatagramView, path: Path | undefined, cm: ControlMessage, length: number): number {
    const queue = this.state.transmits.filling;
    if (path?.encapsulation === 'udp-wrapper' && !this.#isAsBefore(path)) {
      const wrapped = wrap(view, path.tuple, this.#wrapped);
      const slot = queue.append(wrapped, MAX_TRAILER);
      slot.length = attach(this.#wrapped, cm, slot.bytes, wrapped);
      return slot.length;
    }
    const numbers = path?.session.numbers?.get(tupleKey(path.tuple));
    if (numbers !== undefined && view.end + PATH_HEADER + MAX_TRAILER < 65535) {
      const numbered = number(view, path!.tuple, numbers, this.#wrapped);
      const slot = queue.append(numbered, MAX_TRAILER);
      slot.length = attach(this.#wrapped, cm, slot.bytes, numbered);
      numbers.next = (numbers.next + slot.length - view.ipHeaderLength - PATH_HEADER) >>> 0;
      return slot.length;
    }
    const slot = queue.append(length, MAX_TRAILER);
    slot.length = attachParsed(view, cm, slot.bytes);
    if (path !== undefined && !path.isOriginal) rewriteTupleAt(slot.bytes, 0, view.l4Offset, view.protocol, path.tuple);
    return slot.length;
  }

  /**
   * True when a segment of a refused original path goes as TCP once more: every other one while no path is proven. In UDP
   * it may meet a NAT that only the other end can open, and some segments pass a NAT that refuses others (docs/decisions.md
   * 57).
   */
  #isAsBefore({ isOriginal, fallback, session, packetsSent }: Path): boolean {
    if (!isOriginal || fallback === undefined || fallback === 'peer' || packetsSent % 2 === 0) return false;
    return session.paths.every(({ isUnproven }) => isUnproven);
  }
}

/** A datagram's addresses and ports. */
export function tupleOf(view: DatagramView): Tuple {
  return {
    source: view.source,
    sourcePort: view.sourcePort,
    destination: view.destination,
    destinationPort: view.destinationPort,
  };
}
