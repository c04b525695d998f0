import { existsSync, readFileSync, statSync } from 'node:fs';
import { FaultError, UsageError } from './exit.js';

/** Reading octets from what a person typed: hex digits, a file or standard input. */

/** More octets than any datagram with its link header has. */
const MOST_OCTETS = 70_000;

const CAPTURE_MAGICS = ['d4c3b2a1', 'a1b2c3d4', '4d3cb2a1', 'a1b23c4d', '0a0d0d0a'];

/**
 * The octets that hex text stands for: spaces, colons, commas, line ends, `0x` and the offsets of a dump (`0x0010:`) are
 * free.
 * @returns undefined when the text is no whole number of octets in hex.
 */
export function parseHex(text: string): Uint8Array | undefined {
  const digits = text
    .replaceAll(/^\s*(?:0x)?[0-9a-f]{4,8}:\s+/gim, ' ')
    .replaceAll(/0x/gi, ' ')
    .replaceAll(/[\s:,]/g, '');
  if (digits.length % 2 === 1 || !/^[0-9a-f]+$/i.test(digits)) return undefined;
  return Uint8Array.from(Buffer.from(digits, 'hex'));
}

/**
 * The octets of `HEX|FILE|-`: a file of that name when there is one, otherwise hex. Files and standard input hold hex
 * text or raw octets. Hex may be typed as several arguments.
 * @throws UsageError when the words are no hex and no file, FaultError when a file cannot be read.
 */
export function readOctets(words: readonly string[]): Uint8Array {
  const [first] = words;
  if (words.length === 1 && first === '-') return octetsOf(readFile(0), 'standard input');
  if (words.length === 1 && existsSync(first!)) return octetsOf(readFile(first!), first!);
  const text = words.join(' ');
  const octets = parseHex(text);
  if (octets !== undefined) return octets;
  const shown = text.length > 60 ? `${text.slice(0, 60)}…` : text;
  const digits = text.replaceAll(/0x|[\s:,]/gi, '');
  if (/^[0-9a-f]+$/i.test(digits))
    throw new UsageError(`'${shown}' has ${digits.length} hex digits, an odd number; give two for each octet.`);
  throw new UsageError(
    `'${shown}' is neither hex nor a file that exists; give octets such as 199df8… or a file's name.`,
  );
}

function readFile(path: string | 0): Buffer {
  try {
    if (path !== 0 && statSync(path).size > 4 * MOST_OCTETS)
      throw new FaultError(`${path} is too long for one datagram; use mpip dissect for captures.`);
    return readFileSync(path);
  } catch (error) {
    if (error instanceof FaultError) throw error;
    throw new FaultError(`${path === 0 ? 'Standard input' : path} cannot be read: ${(error as Error).message}.`);
  }
}

function octetsOf(content: Buffer, name: string): Uint8Array {
  if (CAPTURE_MAGICS.includes(content.subarray(0, 4).toString('hex')))
    throw new FaultError(`${name} is a capture file; use mpip dissect for it.`);
  const octets = parseHex(content.toString('latin1')) ?? new Uint8Array(content);
  if (octets.length === 0) throw new FaultError(`${name} is empty.`);
  if (octets.length > MOST_OCTETS) throw new FaultError(`${name} is too long for one datagram.`);
  return octets;
}
