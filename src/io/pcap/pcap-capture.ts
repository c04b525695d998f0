import { readU16be } from '../../codec/bytes.js';
import { blankPacket, type CapturedPacket } from '../captured-packet.js';
import { ipv4Offset } from '../link-type.js';
import { PcapLink, type PcapOptions } from './pcap-link.js';

/** What cap has libpcap cut frames to. */
const LONGEST = 65_535;

/** The packets of an interface through libpcap, as a capture has them. */
export class PcapCapture {
  /** Packets handed out so far. */
  packets = 0;
  readonly #packet: CapturedPacket = blankPacket();
  #hasPacket = false;

  private constructor(readonly link: PcapLink) {
    this.#packet.linkType = link.linkTypes[0]!;
  }

  /** @throws PcapError */
  static async open(name: string, options?: PcapOptions): Promise<PcapCapture> {
    return new PcapCapture(await PcapLink.open([name], options));
  }

  /** The next packet, which stays the next until {@link advance}; undefined when none waits. Valid until then. */
  peek(): CapturedPacket | undefined {
    if (this.#hasPacket) return this.#packet;
    const frame = this.link.read();
    if (frame === undefined) return undefined;
    const { micros, octets } = frame;
    const packet = this.#packet;
    packet.seconds = Math.floor(micros / 1_000_000);
    packet.nanoseconds = (micros % 1_000_000) * 1000;
    packet.buffer = octets;
    packet.capturedLength = octets.length;
    packet.originalLength = originalLength(packet.linkType, octets);
    this.#hasPacket = true;
    return packet;
  }

  advance(): void {
    this.#hasPacket = false;
    this.packets++;
  }
}

/** cap does not tell it; only what was cut can be longer than what is there, and its IP header says by how much. */
function originalLength(linkType: number, frame: Uint8Array): number {
  if (frame.length < LONGEST) return frame.length;
  const offset = ipv4Offset(linkType, frame, 0, frame.length);
  return offset < 0 ? frame.length : Math.max(frame.length, offset + readU16be(frame, offset + 2));
}
