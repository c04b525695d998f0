import { readU32be } from '../../src/codec/bytes.js';
import type { Ipv4 } from '../../src/codec/index.js';
import { Dissector } from '../../src/dissector/dissector.js';
import { Tracker } from '../../src/dissector/tracker/tracker.js';
import type { CapturedPacket } from '../../src/io/captured-packet.js';
import { PcapngEncoder } from '../../src/io/pcapng-writer.js';
import type { VirtualNetwork } from '../../src/sim/network.js';

/** Seconds since 1970 at which virtual time is 0. */
const EPOCH = 1_790_000_000;
const LINKTYPE_RAW = 101;

/** Records what a host of a virtual network sends and gets, as a capture on that host would. */
export class VirtualCapture {
  readonly packets: CapturedPacket[] = [];

  /**
   * @param addresses those of the host; none = everything once, where it is sent
   * @param clockOffset microseconds by which the capture's clock is ahead
   */
  constructor(network: VirtualNetwork, addresses: readonly Ipv4[] = [], clockOffset = 0) {
    const { observer } = network;
    network.observer = (event) => {
      observer?.(event);
      const { kind, packet, time } = event;
      const at = kind === 'sent' ? 12 : 16;
      if (kind !== 'sent' && (kind !== 'delivered' || addresses.length === 0)) return;
      if (addresses.length > 0 && !addresses.includes(readU32be(packet, at))) return;
      this.add(packet.slice(), time + clockOffset);
    };
  }

  add(datagram: Uint8Array, micros: number): void {
    const whole = Math.floor(micros / 1e6);
    this.packets.push({
      number: this.packets.length + 1,
      seconds: EPOCH + whole,
      nanoseconds: Math.round((micros - whole * 1e6) * 1000),
      linkType: LINKTYPE_RAW,
      interfaceId: 0,
      buffer: datagram,
      offset: 0,
      capturedLength: datagram.length,
      originalLength: datagram.length,
      comments: undefined,
    });
  }

  /** As a pcapng file. */
  file(): Uint8Array {
    const encoder = new PcapngEncoder();
    const blocks = [encoder.section(), encoder.interface({ linkType: LINKTYPE_RAW }).bytes];
    for (const { seconds, nanoseconds, buffer } of this.packets) {
      blocks.push(encoder.packet({ seconds, nanoseconds, data: buffer }));
    }
    return Buffer.concat(blocks);
  }
}

/** A tracker that has seen these packets. */
export function tracked(packets: Iterable<CapturedPacket>): Tracker {
  const dissector = new Dissector();
  const tracker = new Tracker();
  for (const packet of packets) {
    dissector.inspect(packet);
    tracker.note(dissector, packet);
  }
  return tracker;
}
