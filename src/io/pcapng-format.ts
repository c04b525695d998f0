// Numbers of the pcapng format (draft-ietf-opsawg-pcapng), shared by the reader and the writer.

export const BLOCK_SECTION_HEADER = 0x0a0d0d0a;
export const BLOCK_INTERFACE_DESCRIPTION = 1;
export const BLOCK_OBSOLETE_PACKET = 2;
export const BLOCK_SIMPLE_PACKET = 3;
export const BLOCK_ENHANCED_PACKET = 6;

/** Byte-order magic of a section header, as the section's own byte order shows it. */
export const BYTE_ORDER_MAGIC = 0x1a2b3c4d;

/** Type, total length and, at the end, total length again. */
export const BLOCK_OVERHEAD = 12;

export const OPT_END = 0;
export const OPT_COMMENT = 1;
export const SHB_HARDWARE = 2;
export const SHB_OS = 3;
export const SHB_USERAPPL = 4;
export const IF_NAME = 2;
export const IF_DESCRIPTION = 3;
export const IF_TSRESOL = 9;
export const IF_TSOFFSET = 14;

/** `length` rounded up to a multiple of four, as values and packet data are padded. */
export function padded(length: number): number {
  return (length + 3) & ~3;
}
