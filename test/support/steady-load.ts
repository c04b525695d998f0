import { buildUdp, formatIpv4 } from '../../src/codec/index.js';
import { dataOf, WidePair, type WidePairOptions } from './wide-pair.js';

/** Octets of a datagram, headers included. */
const SIZE = 1028;
const HEADERS = 28;
/** Octets of a CM in `compact`. */
const TRAILER = 25;

/** What became of a load. */
export interface LoadResult {
  /** Part of the datagrams that arrived, 0..1. */
  readonly arrived: number;
  /** Octets of user data a second that arrived, in Mbit/s. */
  readonly mbits: number;
  /** Part of the data that each way carried, by the last digit but one of the addresses: `A1-B1`. */
  readonly shares: Readonly<Record<string, number>>;
  /** How long the datagrams took, microseconds, at a resolution of a step: mean and longest. */
  readonly meanDelay: number;
  readonly longestDelay: number;
  /** How much later a datagram came than one that was sent after it, microseconds: the longest. */
  readonly latest: number;
  /** Part of the datagrams that came after one that was sent later. */
  readonly late: number;
}

/** How A sends. */
export interface Load {
  /** Mbit/s of IP packets with their CM. */
  readonly mbits: number;
  readonly seconds: number;
  /** Seconds at the beginning that do not count. */
  readonly settling?: number;
  /** B answers each so-many-th datagram; 0 = none. Default 2, as a receiver of TCP does. */
  readonly answers?: number;
  /** Called once in each second, with its number. */
  readonly each?: (pair: WidePair, second: number) => void;
}

/** Sends datagrams at a steady rate from A's host to B's and looks at what arrives. */
export function steadyLoad(options: WidePairOptions, load: Load): LoadResult {
  const pair = new WidePair(options);
  const { settling = 1, answers = 2 } = load;
  const gap = ((SIZE + TRAILER) * 8) / load.mbits;
  const sentAt: number[] = [];
  const arrivals: { index: number; at: number }[] = [];
  const begun = pair.network.now;
  const end = begun + load.seconds * 1e6;
  const from = begun + settling * 1e6;
  let second = -1;
  let counted: number | undefined;
  const collect = () => {
    for (const { payload } of pair.b.delivered.splice(0)) {
      const index = Number(payload.slice(0, 8));
      arrivals.push({ index, at: pair.network.now });
      if (answers > 0 && index % answers === 0) pair.udp('b', 'answer');
    }
    pair.a.delivered.length = 0;
    pair.b.sent.length = 0;
  };
  for (let at = begun; at < end; at += gap) {
    while (pair.network.now < at) {
      pair.network.runUntil(Math.min(at, pair.network.now + 200));
      collect();
    }
    const elapsed = Math.floor((at - begun) / 1e6);
    if (elapsed !== second) {
      second = elapsed;
      load.each?.(pair, second);
    }
    if (at >= from && counted === undefined) {
      counted = sentAt.length;
      pair.a.sent.length = 0;
    } else if (counted === undefined) pair.a.sent.length = 0;
    const octets = new Uint8Array(SIZE - HEADERS);
    octets.set(new TextEncoder().encode(String(sentAt.length).padStart(8, '0')));
    sentAt.push(pair.network.now);
    pair.a.host(buildUdp(pair.toB, octets));
  }
  const data = dataOf(pair.a.sent);
  for (let i = 0; i < 5000; i++) {
    pair.network.runUntil(pair.network.now + 200);
    collect();
  }
  return resultOf(
    sentAt,
    arrivals.filter(({ index }) => index >= counted!),
    counted!,
    gap,
    data,
  );
}

function resultOf(
  sentAt: readonly number[],
  arrivals: readonly { index: number; at: number }[],
  from: number,
  gap: number,
  data: ReturnType<typeof dataOf>,
): LoadResult {
  const shares: Record<string, number> = {};
  for (const { tuple } of data) {
    const way = `${formatIpv4(tuple.source).split('.')[1]}-${formatIpv4(tuple.destination).split('.')[1]}`;
    shares[way] = (shares[way] ?? 0) + 1 / data.length;
  }
  let longestDelay = 0;
  let sum = 0;
  let highest = -1;
  let highestAt = 0;
  let latest = 0;
  let late = 0;
  const seen = new Set<number>();
  for (const { index, at } of arrivals) {
    if (seen.has(index)) continue;
    seen.add(index);
    const delay = at - sentAt[index]!;
    sum += delay;
    longestDelay = Math.max(longestDelay, delay);
    if (index > highest) {
      highest = index;
      highestAt = at;
    } else {
      late++;
      latest = Math.max(latest, at - highestAt);
    }
  }
  const count = sentAt.length - from;
  return {
    arrived: seen.size / count,
    mbits: (seen.size * (SIZE - HEADERS) * 8) / (count * gap),
    shares,
    meanDelay: sum / seen.size,
    longestDelay,
    latest,
    late: late / seen.size,
  };
}
