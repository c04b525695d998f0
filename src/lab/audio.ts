import { createSocket } from 'node:dgram';

/** Where the far end of a call listens. */
export const AUDIO_PORT = 5300;

/** Octets of user data: with headers and CM still a small packet (paper, 4.3). */
const OCTETS = 140;
const PERIOD_MILLIS = 20;

/** What a call was like. Round trips in milliseconds. */
export interface AudioReport {
  readonly sent: number;
  readonly meanMillis: number;
  readonly medianMillis: number;
  readonly p95Millis: number;
  readonly lossPercent: number;
}

/** Answers every datagram with itself, until the process ends. */
export function answerCalls(port: number, onReady: () => void): void {
  const socket = createSocket('udp4');
  socket.on('message', (data, { address, port: from }) => socket.send(data, from, address));
  socket.bind(port, onReady);
}

/** Sends small datagrams at a steady rate and measures how long their answers take. */
export async function call(address: string, port: number, seconds: number): Promise<AudioReport> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, resolve));
  const trips: number[] = [];
  socket.on('message', (data) => trips.push(performance.now() - data.readDoubleLE(0)));
  const count = Math.round((seconds * 1000) / PERIOD_MILLIS);
  const began = performance.now();
  for (let i = 0; i < count; i++) {
    const wait = began + i * PERIOD_MILLIS - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    const data = Buffer.alloc(OCTETS);
    data.writeDoubleLE(performance.now(), 0);
    socket.send(data, port, address);
  }
  await new Promise((resolve) => setTimeout(resolve, 1000));
  socket.close();
  trips.sort((a, b) => a - b);
  const at = (part: number) => trips[Math.min(trips.length - 1, Math.floor(part * trips.length))] ?? Number.NaN;
  return {
    sent: count,
    meanMillis: trips.reduce((sum, trip) => sum + trip, 0) / trips.length,
    medianMillis: at(0.5),
    p95Millis: at(0.95),
    lossPercent: (100 * (count - trips.length)) / count,
  };
}
