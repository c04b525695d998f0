import pc from 'picocolors';
import { type FollowedEnd, type FollowSink, type Paint, plainPaint, SessionFollower } from '../dissector/index.js';
import { finish } from './dissect-end.js';
import { readMergedFiles, Selection } from './dissect-input.js';
import type { DissectRequest, FollowShape } from './dissect-request.js';
import type { ExitCode } from './exit.js';
import type { Output } from './output.js';

/**
 * Prints the user data of a session in both directions, put together over all its paths.
 * @returns 0, or 4 when a file could not be read to its end
 */
export async function followSession(request: DissectRequest, output: Output): Promise<ExitCode> {
  const { session, shape } = request.follow!;
  const selection = new Selection(request, false);
  const printed = new FollowedText(shape, output);
  const follower = new SessionFollower(session, printed);
  const damages = await readMergedFiles(
    request.files,
    (packet, file) => {
      selection.take(packet, file);
      follower.add(selection.view);
    },
    output,
  );
  follower.finish();
  printed.end();
  const { ends } = follower;
  if (ends.length === 0)
    output.error(`mpip: no packet of session ${session} was found in ${selection.packets} packets.\n`);
  else {
    const totals = ends.map(({ name, octets }) => `${name} sent ${octets} octets`);
    output.error(
      `mpip: session ${session}: ${totals.join(', ')}${printed.missing > 0 ? `; ${printed.missing} octets are not in the capture` : ''}.\n`,
    );
    if (ends.length > 2) {
      output.error(
        `mpip: ${ends.length} nodes use session ${session} in this capture, and their data are mixed here: cut out one pair with -Y and --write first.\n`,
      );
    }
  }
  return finish(damages, selection.dissector, output);
}

/** The data of both ends: text and hex with a line above each piece that says who speaks; raw as it is. */
class FollowedText implements FollowSink {
  /** Octets that the capture has not. */
  missing = 0;
  readonly #shape: FollowShape;
  readonly #output: Output;
  readonly #paint: Paint;
  readonly #offsets: number[] = [];
  #speaker: FollowedEnd | undefined;
  #isInLine = false;

  constructor(shape: FollowShape, output: Output) {
    this.#shape = shape;
    this.#output = output;
    this.#paint = output.colour ? pc.createColors(true) : plainPaint;
  }

  data(from: FollowedEnd, octets: Uint8Array): void {
    const { index } = from;
    const offset = this.#offsets[index] ?? 0;
    this.#offsets[index] = offset + octets.length;
    if (this.#shape === 'raw') {
      this.#output.octets(octets.slice());
      return;
    }
    this.#turn(from);
    const paint = index === 0 ? this.#paint.cyan : this.#paint.magenta;
    if (this.#shape === 'hex') this.#output.out(paint(hexDump(octets, offset)));
    else {
      const text = printable(octets);
      this.#output.out(paint(text));
      this.#isInLine = !text.endsWith('\n');
    }
  }

  gap(from: FollowedEnd, length: number): void {
    this.missing += length;
    this.#offsets[from.index] = (this.#offsets[from.index] ?? 0) + length;
    if (this.#shape === 'raw') return;
    this.#turn(from);
    this.end();
    this.#output.out(this.#paint.red(`[${length} octets are not in the capture]\n`));
  }

  /** Ends the line at hand. */
  end(): void {
    if (this.#isInLine) this.#output.out('\n');
    this.#isInLine = false;
  }

  #turn(from: FollowedEnd): void {
    if (from === this.#speaker) return;
    this.end();
    this.#speaker = from;
    this.#output.out(`${this.#paint.dim(`--- ${from.name}`)}\n`);
  }
}

/** Octets as text: what is not printable is a dot, as in tshark's follow. */
function printable(octets: Uint8Array): string {
  let text = '';
  for (const octet of octets)
    text +=
      octet === 10 || octet === 13 || octet === 9 || (octet >= 32 && octet < 127) ? String.fromCharCode(octet) : '.';
  return text.replaceAll('\r\n', '\n').replaceAll('\r', '.');
}

function hexDump(octets: Uint8Array, offset: number): string {
  let text = '';
  for (let at = 0; at < octets.length; at += 16) {
    const row = octets.subarray(at, at + 16);
    const hex = Array.from(row, (octet) => octet.toString(16).padStart(2, '0')).join(' ');
    const letters = printable(row).replaceAll(/[\n\t]/g, '.');
    text += `${(offset + at).toString(16).padStart(8, '0')}  ${hex.padEnd(47)}  ${letters}\n`;
  }
  return text;
}
