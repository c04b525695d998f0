/** Octets of the header (struct virtio_net_hdr) before each packet of a device or socket with offloads. */
export const OFFLOAD_HEADER = 10;

const NEEDS_CHECKSUM = 1;
const CHECKSUM_VALID = 2;
/** The bit of `gso_type` that says that the first segment has CWR. */
const WITH_CWR = 0x80;

/** How a super-packet is to be cut: into TCP segments, into UDP datagrams, or not at all. */
export const Cut = { none: 0, tcp: 1, udp: 5 } as const;

/** What the kernel leaves to the other side, or is to do itself (struct virtio_net_hdr, host byte order). */
export class OffloadHeader {
  /** The TCP or UDP checksum field holds the sum of the pseudo-header only. */
  needsChecksum = false;
  /** The checksum was found right. */
  isChecksumValid = false;
  /** One of `Cut`; other values are kinds that were not asked for. */
  cut: number = Cut.none;
  /** User data of each but the last part, in octets. */
  size = 0;
  /** Where the checksum begins to count, and its field from there, in octets from the first of the frame. */
  checksumStart = 0;
  checksumOffset = 0;

  read(view: DataView, at: number): void {
    const flags = view.getUint8(at);
    this.needsChecksum = (flags & NEEDS_CHECKSUM) !== 0;
    this.isChecksumValid = (flags & CHECKSUM_VALID) !== 0;
    this.cut = view.getUint8(at + 1) & ~WITH_CWR;
    this.size = view.getUint16(at + 4, true);
    this.checksumStart = view.getUint16(at + 6, true);
    this.checksumOffset = view.getUint16(at + 8, true);
  }

  /** Writes the header for a packet that is complete in itself. */
  static writePlain(view: DataView, at: number, isChecksumValid: boolean): void {
    view.setUint32(at, isChecksumValid ? CHECKSUM_VALID : 0, true);
    view.setUint32(at + 4, 0, true);
    view.setUint16(at + 8, 0, true);
  }

  /**
   * Writes the header for a super-packet whose checksum field holds the sum of its pseudo-header.
   * @param headers octets before the user data, from the first of the frame.
   * @param l4 where the TCP or UDP header begins, from the first of the frame.
   */
  static writeCut(view: DataView, at: number, cut: number, size: number, headers: number, l4: number): void {
    view.setUint8(at, NEEDS_CHECKSUM);
    view.setUint8(at + 1, cut);
    view.setUint16(at + 2, headers, true);
    view.setUint16(at + 4, size, true);
    view.setUint16(at + 6, l4, true);
    view.setUint16(at + 8, cut === Cut.udp ? 6 : 16, true);
  }
}
