/**
 * Messages of the kernel's packet queue (linux/netfilter/nfnetlink_queue.h; iptables' target NFQUEUE). The kernel holds
 * the packets; what reads the queue learns only their numbers, and says later what becomes of them. Message headers are
 * little endian (`libc()` makes sure), attributes of the queue are in network order.
 */

/** What becomes of a packet. */
export const Verdict = { drop: 0, accept: 1 } as const;

const SUBSYSTEM = 3 << 8;
const MESSAGE = { packet: 0, verdict: 1, config: 2, batch: 3 } as const;
const HEADER = 16;
const GENERIC = 4;
const REQUEST = 1;
const ATTRIBUTE = {
  packetHeader: 1,
  verdictHeader: 2,
  command: 1,
  parameters: 2,
  longest: 3,
  mask: 4,
  flags: 5,
} as const;
const BIND = 1;
const COPY_META = 1;
/** A super-packet counts as one: it is not cut for the queue. */
const FLAG_GSO = 1 << 2;
const AF_INET = 2;

const align = (length: number) => (length + 3) & ~3;

/** Builds a message of one or more attributes for a queue. */
function message(type: number, queue: number, attributes: readonly (readonly [type: number, value: Uint8Array])[]) {
  const length = HEADER + GENERIC + attributes.reduce((sum, [, value]) => sum + align(4 + value.length), 0);
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, length, true);
  view.setUint16(4, SUBSYSTEM | type, true);
  view.setUint16(6, REQUEST, true);
  view.setUint16(HEADER + 2, queue);
  let at = HEADER + GENERIC;
  for (const [attribute, value] of attributes) {
    view.setUint16(at, 4 + value.length, true);
    view.setUint16(at + 2, attribute, true);
    bytes.set(value, at + 4);
    at += align(4 + value.length);
  }
  return bytes;
}

function numbers(...values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(4 * values.length);
  const view = new DataView(bytes.buffer);
  for (const [i, value] of values.entries()) view.setUint32(4 * i, value);
  return bytes;
}

/** Takes a queue for the sender of the message. @param queue 0 to 65535. */
export function bindQueue(queue: number): Uint8Array {
  return message(MESSAGE.config, queue, [[ATTRIBUTE.command, Uint8Array.of(BIND, 0, 0, AF_INET)]]);
}

/** Asks for packets' numbers without their octets. @param longest most packets that wait; later ones are dropped. */
export function configureQueue(queue: number, longest: number): Uint8Array {
  return message(MESSAGE.config, queue, [
    [ATTRIBUTE.parameters, Uint8Array.of(0, 0, 0, 0, COPY_META)],
    [ATTRIBUTE.longest, numbers(longest)],
    [ATTRIBUTE.flags, numbers(FLAG_GSO)],
    [ATTRIBUTE.mask, numbers(FLAG_GSO)],
  ]);
}

/** Says what becomes of one packet. */
export function verdictOn(queue: number, packet: number, verdict: number): Uint8Array {
  return message(MESSAGE.verdict, queue, [[ATTRIBUTE.verdictHeader, numbers(verdict, packet)]]);
}

/** Says what becomes of every packet that waits, up to and with `last`. */
export function verdictUpTo(queue: number, last: number, verdict: number): Uint8Array {
  return message(MESSAGE.batch, queue, [[ATTRIBUTE.verdictHeader, numbers(verdict, last)]]);
}

/** Calls `onPacket` with the number of each packet that a read of the socket told of. What contradicts itself is left out. */
export function readPackets(bytes: Uint8Array, length: number, onPacket: (packet: number) => void): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, length);
  for (let at = 0; at + HEADER <= length; ) {
    const size = view.getUint32(at, true);
    if (size < HEADER || at + size > length) return;
    if (view.getUint16(at + 4, true) === (SUBSYSTEM | MESSAGE.packet)) {
      const number = packetNumber(view, at + HEADER + GENERIC, at + size);
      if (number !== undefined) onPacket(number);
    }
    at += align(size);
  }
}

function packetNumber(view: DataView, from: number, end: number): number | undefined {
  for (let at = from; at + 4 <= end; ) {
    const size = view.getUint16(at, true);
    if (size < 4 || at + size > end) return undefined;
    if ((view.getUint16(at + 2, true) & 0x3fff) === ATTRIBUTE.packetHeader && size >= 8) return view.getUint32(at + 4);
    at += align(size);
  }
  return undefined;
}
