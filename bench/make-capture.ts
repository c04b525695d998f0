import { closeSync, openSync, writeSync } from 'node:fs';
import {
  attach,
  buildUdp,
  COMPACT,
  type ControlMessage,
  parseIpv4,
  trailerSize,
  userDataRoom,
} from '../src/codec/index.js';

/** What was written. */
export interface MadeCapture {
  readonly packets: number;
  /** Packets that carry a CM. */
  readonly controlMessages: number;
  /** Size of the file. */
  readonly bytes: number;
}

const ETHERNET_HEADER = 14;
const BUFFER_LENGTH = 4 << 20;
const NODES = 8;

/** A small generator of 32-bit numbers (xorshift), so that a seed gives the same file everywhere. */
function generator(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
}

/**
 * Writes a classic pcap of UDP datagrams with 100 to 1400 octets of random data (802 octets a record on average), every second one with a
 * valid compact CM of one of eight nodes.
 * @param hasCms false = none has a CM
 */
export function makeCapture(path: string, packets: number, seed = 1, hasCms = true): MadeCapture {
  const next = generator(seed);
  const pool = new Uint8Array(1 << 16);
  for (let i = 0; i < pool.length; i++) pool[i] = next() >>> 11;
  const buffer = new Uint8Array(BUFFER_LENGTH);
  const view = new DataView(buffer.buffer);
  const file = openSync(path, 'w');
  let used = 0;
  let bytes = 0;
  let controlMessages = 0;
  const flush = () => {
    for (let at = 0; at < used; ) at += writeSync(file, buffer, at, used - at);
    bytes += used;
    used = 0;
  };
  try {
    view.setUint32(0, 0xa1b2c3d4, true);
    view.setUint16(4, 2, true);
    view.setUint16(6, 4, true);
    view.setUint32(16, 262144, true);
    view.setUint32(20, 1, true);
    used = 24;
    const packet = new Uint8Array(2048);
    const room = userDataRoom(1500, 17, trailerSize(COMPACT, 2));
    for (let index = 0; index < packets; index++) {
      const dataLength = Math.min(room, 100 + (next() % 1300));
      const from = next() % (pool.length - dataLength);
      const node = next() % NODES;
      const tuple = {
        source: parseIpv4(`10.${node & 1}.0.${node + 1}`),
        sourcePort: 40000 + node,
        destination: parseIpv4(`10.2.0.${(node ^ 1) + 1}`),
        destinationPort: 7000,
      };
      const plain = buildUdp(tuple, pool.subarray(from, from + dataLength), { identification: index & 0xffff });
      packet.set(plain);
      let length = plain.length;
      if (hasCms && (index & 1) === 0) {
        const cm: ControlMessage = {
          layout: 'compact',
          nodeId: 0x0a00 + node,
          sessionId: 1 + (next() % 4),
          pathId: 1 + (next() % 4),
          feedbackPathId: 1 + (next() % 4),
          timestamp: next(),
          pathDelay: (next() % 20000) - 10000,
          localAddresses: [tuple.source, tuple.destination],
          flags: next() % 16 === 0 ? 2 : 0,
        };
        length = attach(packet, cm, packet, length);
        controlMessages++;
      }
      const frameLength = ETHERNET_HEADER + length;
      if (used + 16 + frameLength > BUFFER_LENGTH) flush();
      view.setUint32(used, 1_700_000_000 + Math.floor(index / 10_000), true);
      view.setUint32(used + 4, (index % 10_000) * 100, true);
      view.setUint32(used + 8, frameLength, true);
      view.setUint32(used + 12, frameLength, true);
      buffer.fill(2, used + 16, used + 28);
      view.setUint16(used + 28, 0x0800, false);
      buffer.set(packet.subarray(0, length), used + 30);
      used += 16 + frameLength;
    }
    flush();
  } finally {
    closeSync(file);
  }
  return { packets, controlMessages, bytes };
}
