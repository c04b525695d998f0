/** Where a command's words go: standard output and standard error, or a test's arrays. */
export interface Output {
  /** Standard output; gathers small pieces. */
  out(text: string): void;
  /** Octets to standard output, behind what was said before; they must not change afterwards. */
  octets(bytes: Uint8Array): void;
  /** Standard error, at once, after what was said before on standard output. */
  error(text: string): void;
  /** Writes what is gathered and waits while the reader is slow. */
  flush(): Promise<void>;
  /** False once the reader has gone away. */
  readonly isOpen: boolean;
  /** Colours are wanted: a terminal, and no NO_COLOR. */
  readonly colour: boolean;
  /** Progress is wanted on standard error: it is a terminal. */
  readonly progress?: boolean;
}

const GATHERED_LENGTH = 64 << 10;

/** The process's own output. A reader that goes away (`| head`) is no error: `isOpen` becomes false. */
export function processOutput(): Output {
  const { stdout, stderr } = process;
  let pieces = '';
  let open = true;
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    open = false;
  });
  const write = () => {
    if (pieces !== '' && open) stdout.write(pieces);
    pieces = '';
  };
  return {
    out(text) {
      pieces += text;
      if (pieces.length >= GATHERED_LENGTH) write();
    },
    octets(bytes) {
      write();
      if (bytes.length > 0 && open) stdout.write(bytes);
    },
    error(text) {
      write();
      stderr.write(text);
    },
    async flush() {
      write();
      if (stdout.writableNeedDrain && open) await drained(stdout);
      // Gives an EPIPE the chance to be noticed.
      await new Promise((resolve) => setImmediate(resolve));
    },
    get isOpen() {
      return open;
    },
    colour: stdout.isTTY === true && !process.env.NO_COLOR,
    progress: stderr.isTTY === true,
  };
}

/** Resolves when the stream can take more, or is gone. */
function drained(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stream.off('drain', done).off('error', done).off('close', done);
      resolve();
    };
    stream.on('drain', done).on('error', done).on('close', done);
  });
}
