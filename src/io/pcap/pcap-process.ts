// The process that opens interfaces through libpcap, by the package cap: pcap-link.ts starts it and says why. Frames go to its
// standard output, frames to be sent come from its standard input, and it ends when that ends, as it does with its parent. cap hands over
// one frame after the other for as long as there are any, so that the event loop may not be reached for long: what it handed over is
// written by a thread, while the kernel's buffer, which has places for few frames, is emptied.
import { writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { becomeHumble } from '../identity.js';
import { wallMicros } from '../wall-clock.js';
import { OctetRing } from './octet-ring.js';
import {
  HEADER_SIZE,
  Kind,
  MessageReader,
  messageOf,
  type OpenRequest,
  type Refusal,
  writeHeader,
} from './pcap-messages.js';

type Cap = typeof import('cap').Cap;

/** Octets that the kernel keeps while this process is not served; Linux has a place of 128 KiB for each frame. */
const KERNEL_BUFFER = process.platform === 'linux' ? 128 << 20 : 4 << 20;
/** What cap has libpcap cut a frame to. */
const LONGEST = 65_535;
/** Octets written at once. */
const PIECE = 256 << 10;
const NOTHING = new Uint8Array(0);
const PAUSE = new Int32Array(new SharedArrayBuffer(4));

if (isMainThread) run(JSON.parse(process.argv[2]!) as OpenRequest);
else writeRing(new OctetRing(workerData as SharedArrayBuffer));

/** The thread that writes, waiting while the parent is slow. */
function writeRing(ring: OctetRing): void {
  const buffer = new Uint8Array(PIECE);
  try {
    for (;;) ring.take(buffer, write);
  } catch {
    // The parent is gone, and the other thread may not look up from its frames.
    process.kill(process.pid, 'SIGKILL');
  }
}

/** Waits a millisecond at a time while the pipe is full: Node has made it one that does not wait by itself. */
function write(octets: Uint8Array): void {
  for (let at = 0; at < octets.length; )
    try {
      at += writeSync(1, octets, at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(PAUSE, 0, 0, 1);
    }
}

function run({ devices, filter, module = 'cap', identity }: OpenRequest): void {
  const Cap = loadCap(module, devices[0]!);
  const ring = new OctetRing();
  const header = new Uint8Array(HEADER_SIZE);
  let lost = 0;
  const caps = devices.map((device, index) => {
    const cap = new Cap();
    /** cap writes there without a reference to it, so that the listener has to keep one. */
    const buffer = Buffer.alloc(LONGEST);
    cap.on('packet', (length) => {
      if (lost > 0 && ring.put(messageOf(Kind.lost, NOTHING, lost))) lost = 0;
      writeHeader(header, Kind.frame, index, length, wallMicros());
      if (lost > 0 || !ring.put(header, buffer.subarray(0, length))) lost++;
    });
    try {
      write(messageOf(Kind.opened, Buffer.from(cap.open(device, filter, KERNEL_BUFFER, buffer))));
    } catch (error) {
      const known = Cap.deviceList().map(({ name }) => name);
      const words = (error as Error).message;
      refuse({ device, code: known.includes(device) ? 'open' : 'device', words, devices: known });
    }
    return cap;
  });
  if (identity !== undefined) becomeHumble(identity);
  new Worker(new URL(import.meta.url), { workerData: ring.memory });
  // Ctrl-C in a terminal is for the parent, which ends this process once it has what came until then.
  process.on('SIGINT', () => {});
  const reader = new MessageReader();
  process.stdin.on('data', (piece: Buffer) => {
    reader.push(piece);
    for (let message = reader.next(); message !== undefined; message = reader.next()) {
      const { kind, device, octets, micros } = message;
      if (kind === Kind.frame)
        try {
          caps[device]!.send(Buffer.from(octets.buffer, octets.byteOffset, octets.length), octets.length);
        } catch (error) {
          ring.put(messageOf(Kind.refused, Buffer.from((error as Error).message), 0, device));
        }
      ring.put(messageOf(Kind.ping, NOTHING, micros));
    }
  });
  process.stdin.on('end', () =>
    setImmediate(() =>
      // What waited in the kernel was read between the two.
      setImmediate(() => {
        ring.waitUntilEmpty();
        if (lost > 0) ring.put(messageOf(Kind.lost, NOTHING, lost));
        ring.waitUntilEmpty();
        process.exit(0);
      }),
    ),
  );
}

function loadCap(module: string, device: string): Cap {
  const wordsOf = (error: unknown) => (error as Error).message.split('\n')[0]!;
  const require = createRequire(import.meta.url);
  try {
    require.resolve(module);
  } catch (error) {
    refuse({ device, code: 'install', words: wordsOf(error) });
  }
  try {
    return (require(module) as { Cap: Cap }).Cap;
  } catch (error) {
    refuse({ device, code: 'load', words: wordsOf(error) });
  }
}

function refuse(refusal: Refusal): never {
  write(messageOf(Kind.failed, Buffer.from(JSON.stringify(refusal))));
  process.exit(1);
}
