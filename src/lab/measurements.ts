import { setTimeout } from 'node:timers/promises';
import { ADDRESSES } from './conditions.js';
import type { Bench } from './experiment.js';
import { type Transfer, type TransferResult, transfer } from './iperf.js';
import type { Sample } from './nodes.js';
import { type Run, rounded } from './results.js';

/** Often enough to see weights move, seldom enough for `results.json` to stay small. */
const SAMPLE_MILLIS = 500;
const INTERVAL = 0.25;

/** Runs a transfer to the server while the client's paths are looked at. */
export async function observed(
  { nodes, contender, seconds, settle }: Bench,
  more: Partial<Transfer> = {},
): Promise<{ result: TransferResult; samples: readonly Sample[] }> {
  const stop = await nodes?.sample(SAMPLE_MILLIS);
  const mptcp = contender.mptcp === true && more.udp === undefined;
  const wanted = { address: ADDRESSES.b1, seconds, settle, mptcp, interval: INTERVAL, ...more };
  try {
    const result = await transfer(wanted);
    return { result, samples: (await stop?.()) ?? [] };
  } catch (error) {
    await stop?.();
    throw error;
  }
}

/** Goodput of one TCP connection, in Mbit/s. */
export async function tcpGoodput(bench: Bench): Promise<Run> {
  const before = bench.nodes?.processorSeconds ?? 0;
  const { result, samples } = await observed(bench);
  const used = (bench.nodes?.processorSeconds ?? 0) - before;
  const gigabits = result.received.reduce((sum, megabits) => sum + (megabits * INTERVAL) / 1000, 0);
  return {
    value: result.megabits,
    figures: {
      retransmits: result.retransmits,
      ...sharesOf(samples, bench.settle),
      ...(used > 0 && gigabits > 0 ? { 'processor seconds per Gbit, both nodes': used / gigabits } : {}),
    },
    samples: thinned(samples),
    received: result.received.map(rounded),
    interval: INTERVAL,
  };
}

/** Share of each path in the octets sent after the settling time, in per cent. */
export function sharesOf(samples: readonly Sample[], settle: number): Record<string, number> {
  const first = samples.find(({ time, paths }) => time >= settle && paths.length > 0);
  const last = samples.at(-1);
  if (first === undefined || last === undefined) return {};
  const before = new Map(first.paths.map(({ id, octets }) => [id, octets]));
  const sent = last.paths.map((path) => ({ ...path, octets: path.octets - (before.get(path.id) ?? 0) }));
  const all = sent.reduce((sum, { octets }) => sum + octets, 0);
  if (all === 0) return {};
  return Object.fromEntries(sent.map(({ from, to, octets }) => [`share ${from} → ${to}, %`, (100 * octets) / all]));
}

/** Samples with numbers short enough to keep. */
export function thinned(samples: readonly Sample[]): Sample[] {
  return samples.map(({ time, paths }) => ({
    time: rounded(time),
    paths: paths.map((path) => ({ ...path, weight: Math.round(path.weight), queuing: Math.round(path.queuing) })),
  }));
}

/** User data of a datagram that fills a packet of the host MTU of `mpip peer` on Ethernet in layout compact, in octets. */
const DATAGRAM = 1446;

/** Goodput of datagrams sent as fast as the links carry them, in Mbit/s. */
export function udpGoodput(megabits: number) {
  return async (bench: Bench): Promise<Run> => {
    const udp = { megabits, octets: DATAGRAM };
    const { result, samples } = await observed({ ...bench, settle: 0, seconds: bench.settle + bench.seconds }, { udp });
    const counted = result.received.slice(Math.round(bench.settle / INTERVAL));
    const mean = counted.reduce((sum, value) => sum + value, 0) / Math.max(1, counted.length);
    return {
      value: mean,
      figures: sharesOf(samples, bench.settle),
      samples: thinned(samples),
      received: result.received.map(rounded),
      interval: INTERVAL,
    };
  };
}

/** What happens at a second of a transfer. */
export interface Incident {
  readonly at: number;
  happen(): void;
}

/** A transfer during which something happens to the network; the value is the longest time without data, in seconds. */
export function stallDuring(incidents: (bench: Bench) => readonly Incident[]) {
  return async (bench: Bench): Promise<Run> => {
    const interval = 0.1;
    const began = performance.now();
    const events = incidents(bench).map(async ({ at, happen }) => {
      await setTimeout(Math.max(0, at * 1000 - (performance.now() - began)));
      happen();
    });
    const length = bench.settle + bench.seconds;
    const { result, samples } = await observed({ ...bench, settle: 0, seconds: length }, { interval });
    await Promise.all(events);
    const first = incidents(bench)[0]!.at;
    const { stall, recovery } = stallIn(result.received, interval, first);
    return {
      value: stall,
      figures: { 'mean, Mbit/s': result.megabits, 'until half of the rate before, s': recovery },
      samples: thinned(samples),
      received: result.received.map(rounded),
      interval,
    };
  };
}

/**
 * The longest time in which nothing was received from second `at` on, and the time until half of the rate before it was
 * reached again.
 */
export function stallIn(
  received: readonly number[],
  interval: number,
  at: number,
): { stall: number; recovery: number } {
  const from = Math.floor(at / interval);
  const before = received.slice(Math.max(0, from - Math.round(2 / interval)), from);
  const rate = before.reduce((sum, value) => sum + value, 0) / Math.max(1, before.length);
  let stall = 0;
  let current = 0;
  let recovery = Number.NaN;
  let wasBelow = false;
  for (let i = from; i < received.length; i++) {
    current = received[i]! < rate / 100 ? current + interval : 0;
    stall = Math.max(stall, current);
    if (received[i]! < rate / 2) wasBelow = true;
    else if (wasBelow && Number.isNaN(recovery)) recovery = (i - from) * interval;
  }
  return { stall, recovery: wasBelow ? (Number.isNaN(recovery) ? (received.length - from) * interval : recovery) : 0 };
}
