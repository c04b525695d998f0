import { DatagramView, HeaderStatus } from '../codec/index.js';
import { Reassembly } from '../endpoint/reassembly.js';
import type { CapturedPacket } from '../io/captured-packet.js';
import { ipv4Offset, LINKTYPE_RAW } from '../io/link-type.js';

/** Octets of fragments that wait for others, in all and from one address. */
const LIMITS = { fragmentOctets: 64 << 20, fragmentOctetsPerAddress: 16 << 20 };

/**
 * Puts IPv4 fragments together, as the host that they are for does before it looks for a CM. The fragment that makes a datagram whole is
 * replaced by it; the others stay what they are.
 */
export class FragmentJoiner {
  readonly #reassembly = new Reassembly(LIMITS);
  readonly #view = new DatagramView();

  /** @returns the packet, or in its place the whole datagram, with the packet's number, time, length on the link and comments */
  join(packet: CapturedPacket): CapturedPacket {
    const { buffer, offset, capturedLength } = packet;
    const at = ipv4Offset(packet.linkType, buffer, offset, capturedLength);
    if (at < 0) return packet;
    const available = offset + capturedLength - at;
    const view = this.#view;
    if (view.parse(buffer, at, available) !== HeaderStatus.fragment) return packet;
    const whole = this.#reassembly.add(view, available, packet.seconds * 1e6 + packet.nanoseconds / 1000);
    if (whole === undefined) return packet;
    return { ...packet, linkType: LINKTYPE_RAW, buffer: whole, offset: 0, capturedLength: whole.length };
  }
}
