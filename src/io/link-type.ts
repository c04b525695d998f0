// Link types whose frames can hold an IPv4 datagram that MPIP may have touched, and where in the frame it starts.

/** LINKTYPE_ values (tcpdump.org/linktypes.html). */
export const LINKTYPE_NULL = 0;
export const LINKTYPE_ETHERNET = 1;
export const LINKTYPE_RAW_BSD = 12;
export const LINKTYPE_RAW_OPENBSD = 14;
export const LINKTYPE_RAW = 101;
export const LINKTYPE_LOOP = 108;
export const LINKTYPE_LINUX_SLL = 113;
export const LINKTYPE_IPV4 = 228;
export const LINKTYPE_LINUX_SLL2 = 276;

const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_VLAN = 0x8100;
const ETHERTYPE_SERVICE_VLAN = 0x88a8;
const ETHERTYPE_OLD_SERVICE_VLAN = 0x9100;
const AF_INET = 2;

/** Whether {@link ipv4Offset} can look into frames of this link type. */
export function isKnownLinkType(linkType: number): boolean {
  switch (linkType) {
    case LINKTYPE_NULL:
    case LINKTYPE_ETHERNET:
    case LINKTYPE_RAW_BSD:
    case LINKTYPE_RAW_OPENBSD:
    case LINKTYPE_RAW:
    case LINKTYPE_LOOP:
    case LINKTYPE_LINUX_SLL:
    case LINKTYPE_IPV4:
    case LINKTYPE_LINUX_SLL2:
      return true;
    default:
      return false;
  }
}

/**
 * Where the IPv4 datagram starts in a frame.
 * @param offset where the frame starts in `bytes`
 * @param length captured bytes of the frame
 * @returns an index into `bytes`, or -1 when the frame holds no IPv4, the link type is not known, or the frame is too short to tell.
 * The version nibble at that index is 4; nothing more of the datagram has been looked at.
 */
export function ipv4Offset(linkType: number, bytes: Uint8Array, offset: number, length: number): number {
  const end = offset + length;
  switch (linkType) {
    case LINKTYPE_ETHERNET:
      return afterEtherType(bytes, offset + 12, offset + 14, end);
    case LINKTYPE_RAW:
    case LINKTYPE_RAW_BSD:
    case LINKTYPE_RAW_OPENBSD:
    case LINKTYPE_IPV4:
      return versionChecked(bytes, offset, end);
    case LINKTYPE_LINUX_SLL:
      return afterEtherType(bytes, offset + 14, offset + 16, end);
    case LINKTYPE_LINUX_SLL2:
      return afterEtherType(bytes, offset, offset + 20, end);
    case LINKTYPE_NULL:
      // The address family in the byte order of the machine that captured, which is not ours to know.
      if (length < 5 || bytes[offset + 1] !== 0 || bytes[offset + 2] !== 0) return -1;
      if (bytes[offset]! + bytes[offset + 3]! !== AF_INET) return -1;
      return versionChecked(bytes, offset + 4, end);
    case LINKTYPE_LOOP:
      if (length < 5 || bytes[offset] !== 0 || bytes[offset + 1] !== 0 || bytes[offset + 2] !== 0) return -1;
      return bytes[offset + 3] === AF_INET ? versionChecked(bytes, offset + 4, end) : -1;
    default:
      return -1;
  }
}

/** @param typeAt where the EtherType stands; @param payload where what it describes starts: a VLAN tag or the datagram */
function afterEtherType(bytes: Uint8Array, typeAt: number, payload: number, end: number): number {
  let type = payload <= end ? (bytes[typeAt]! << 8) | bytes[typeAt + 1]! : 0;
  let at = payload;
  while (type !== ETHERTYPE_IPV4) {
    if (type !== ETHERTYPE_VLAN && type !== ETHERTYPE_SERVICE_VLAN && type !== ETHERTYPE_OLD_SERVICE_VLAN) return -1;
    if (end - at < 4) return -1;
    type = (bytes[at + 2]! << 8) | bytes[at + 3]!;
    at += 4;
  }
  return versionChecked(bytes, at, end);
}

function versionChecked(bytes: Uint8Array, at: number, end: number): number {
  return at < end && bytes[at]! >> 4 === 4 ? at : -1;
}
