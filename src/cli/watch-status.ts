import { setTimeout } from 'node:timers/promises';
import type { ControlClient } from './control-client.js';
import { type StatusSample, statusLine, statusView } from './status-view.js';

const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[?25h\u001b[?1049l';
const HOME = '\u001b[H';
const REST_OF_LINE = '\u001b[K';
const REST_OF_SCREEN = '\u001b[J';
const DEFAULT_WIDTH = 80;
const DEFAULT_HEIGHT = 24;
/** What Ctrl-C is where the terminal hands over each key. */
const INTERRUPT = '\u0003';

/**
 * Shows a peer's status again and again: on a terminal in place, until `q` or Ctrl-C; elsewhere as one line each time,
 * until SIGINT or SIGTERM, or until the reader goes away.
 * @throws FaultError when the peer ends.
 */
export async function watchStatus(client: ControlClient, everyMs: number): Promise<void> {
  const { stdout, stdin } = process;
  const isTerminal = stdout.isTTY === true;
  const abort = new AbortController();
  const stop = () => abort.abort();
  const onKey = (key: Buffer) => {
    if (key.toString() === 'q' || key.toString() === INTERRUPT) stop();
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
  stdout.on('error', stop);
  const readsKeys = isTerminal && stdin.isTTY === true;
  if (readsKeys) stdin.setRawMode(true).on('data', onKey);
  if (isTerminal) stdout.write(ENTER);
  let before: StatusSample | undefined;
  let shown: { before: StatusSample | undefined; now: StatusSample } | undefined;
  const draw = () => {
    if (shown === undefined) return;
    const options = {
      width: stdout.columns ?? DEFAULT_WIDTH,
      height: stdout.rows ?? DEFAULT_HEIGHT,
      colour: !process.env.NO_COLOR,
    };
    const lines = statusView(shown.before, shown.now, options);
    stdout.write(`${HOME}${lines.map((line) => line + REST_OF_LINE).join('\r\n')}${REST_OF_SCREEN}`);
  };
  stdout.on('resize', draw);
  try {
    while (!abort.signal.aborted) {
      const status = (await client.request({ command: 'status' })) as StatusSample['status'];
      const now = { status, atMs: performance.now() };
      shown = { before, now };
      before = now;
      if (isTerminal) draw();
      else stdout.write(`${statusLine(shown.before, now, new Date().toISOString())}\n`);
      await pause(everyMs, abort.signal);
    }
  } finally {
    stdout.off('resize', draw);
    if (readsKeys) stdin.setRawMode(false).off('data', onKey).pause();
    if (isTerminal) stdout.write(LEAVE);
    client.close();
  }
}

/** Waits, or not that long once the signal is given. */
async function pause(millis: number, signal: AbortSignal): Promise<void> {
  await setTimeout(millis, undefined, { signal }).catch(() => {});
}
