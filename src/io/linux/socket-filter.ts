import type { Libc } from './libc.js';
import type { FilterInstruction } from './packet-filter.js';

const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;

/**
 * Lets the kernel discard what the filter does not match, before it is copied.
 * @throws HostError
 */
export function attachFilter(c: Libc, fd: number, filter: readonly FilterInstruction[], doing: string): void {
  const code = c.allocate(filter.length * 8);
  for (const [i, [operation, jumpTrue, jumpFalse, value]] of filter.entries()) {
    code.view.setUint16(i * 8, operation, true);
    code.view.setUint8(i * 8 + 2, jumpTrue);
    code.view.setUint8(i * 8 + 3, jumpFalse);
    code.view.setUint32(i * 8 + 4, value, true);
  }
  const program = new Uint8Array(16);
  const view = new DataView(program.buffer);
  view.setUint16(0, filter.length, true);
  view.setBigUint64(8, code.address, true);
  try {
    const result = c.setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, program, 16);
    c.check(result, doing, 'the kernel refuses the filter');
  } finally {
    c.free(code);
  }
}
