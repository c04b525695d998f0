// The codec beside binary-parser's compiled parser on the same octets; encode beside decode; octets allocated per packet.
//   node --expose-gc build/bench/codec.bench.js [--rounds N]
// Contenders take turns; each figure is the median of its rounds. With MPIP_BENCH_JSON results are printed as JSON too.

import { parseArgs } from 'node:util';
import { Parser } from 'binary-parser';
import {
  Accept,
  attach,
  buildUdp,
  CmView,
  type ControlMessage,
  decode,
  detach,
  encode,
  encodeInto,
  Flags,
  TrailerView,
} from '../src/codec/index.js';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '15' } } });
const rounds = Number(values.rounds);
/** Different packets in turn, so that no value is a constant to the engine. */
const PACKETS = 64;

const messages = Array.from(
  { length: PACKETS },
  (_, i): ControlMessage => ({
    layout: 'compact',
    nodeId: 0x9d00 + i,
    sessionId: i + 1,
    pathId: (i % 4) + 1,
    feedbackPathId: i % 5,
    timestamp: (0x75733000 + i * 104729) >>> 0,
    pathDelay: i * 977 - 30_000,
    localAddresses: [0xc000020a, 0xc6336414],
    flags: Flags.normal,
  }),
);
const fullMessages = messages.map(
  (cm): ControlMessage => ({ ...cm, layout: 'full', nodeId: 0x525400000000 + cm.nodeId }),
);
const blocks = messages.map((cm) => encode(cm));
const bareBlocks = blocks.map((block) => block.subarray(1));
const fullBlocks = fullMessages.map((cm) => encode(cm));
const tuple = { source: 0xc000020a, sourcePort: 40000, destination: 0xcb007107, destinationPort: 5001 };
const datagrams = messages.map((_, i) => buildUdp(tuple, new Uint8Array(1000 + i)));

// The compiled parser: what binary-parser makes of the layout, written as its users write it.
const parser = new Parser()
  .uint8('length')
  .buffer('nodeId', { length: 2 })
  .uint8('sessionId')
  .uint8('pathId')
  .uint8('feedbackPathId')
  .uint32le('timestamp')
  .int32le('pathDelay')
  .array('localAddresses', { type: 'uint32be', length: 2 })
  .uint8('flags')
  .uint16le('checksum');
parser.compile();

const view = new CmView();
const trailer = new TrailerView();
const out = new Uint8Array(2048);

/** Reads every field of the CM that the view is bound to; whole numbers are mixed, so that the sum needs no heap. */
function readAll(cm: CmView): number {
  const ids = cm.nodeId + cm.sessionId + cm.pathId + cm.feedbackPathId + cm.flags;
  return (ids + cm.timestamp + cm.pathDelay + cm.address(0) + cm.address(1)) | 0;
}

/** One way to do a job: `run` does it `calls` times and gives back a sum of results, so that no work can be left out. */
interface Contender {
  readonly name: string;
  readonly calls: number;
  readonly run: (calls: number) => number;
}

const viewCompact: Contender = {
  name: 'view, compact: checksum and every field',
  calls: 2_000_000,
  run: (calls) => {
    let sum = 0;
    for (let i = 0; i < calls; i++) {
      const block = blocks[i % PACKETS]!;
      if (view.recognise(block, 0, block.length, Accept.compact)) sum = (sum + readAll(view)) | 0;
    }
    return sum;
  },
};
const binaryParser: Contender = {
  name: 'binary-parser, compact: every field, no checksum',
  calls: 100_000,
  run: (calls) => {
    let sum = 0;
    for (let i = 0; i < calls; i++) sum += (parser.parse(bareBlocks[i % PACKETS]!) as { timestamp: number }).timestamp;
    return sum;
  },
};
const viewFull: Contender = {
  name: 'view, full: checksum and every field',
  calls: 2_000_000,
  run: (calls) => {
    let sum = 0;
    for (let i = 0; i < calls; i++) {
      const block = fullBlocks[i % PACKETS]!;
      if (view.recognise(block, 0, block.length, Accept.full)) sum = (sum + readAll(view)) | 0;
    }
    return sum;
  },
};
const decodeCompact: Contender = {
  name: 'decode to an object, compact',
  calls: 500_000,
  run: (calls) => {
    let sum = 0;
    for (let i = 0; i < calls; i++) sum += decode(blocks[i % PACKETS]!, 'compact').timestamp;
    return sum;
  },
};
const encodeCompact: Contender = {
  name: 'encode in place, compact',
  calls: 2_000_000,
  run: (calls) => {
    let sum = 0;
    for (let i = 0; i < calls; i++) sum += encodeInto(messages[i % PACKETS]!, out, 0);
    return sum;
  },
};
const encodeFull: Contender = {
  name: 'encode in place, full',
  calls: 2_000_000,
  run: (calls) => {
    let sum = 0;
    for (let i = 0; i < calls; i++) sum += encodeInto(fullMessages[i % PACKETS]!, out, 0);
    return sum;
  },
};
const attachDetach: Contender = {
  name: 'attach to 1 kB, locate, detach',
  calls: 300_000,
  run: (calls) => {
    let sum = 0;
    for (let i = 0; i < calls; i++) {
      const length = attach(datagrams[i % PACKETS]!, messages[i % PACKETS]!, out);
      if (trailer.locate(out, 0, length, Accept.compact)) sum += detach(trailer);
    }
    return sum;
  },
};
/** Nanoseconds per call of one round. */
function timed({ calls, run }: Contender): number {
  const begin = process.hrtime.bigint();
  if (run(calls) === 0) throw new Error('Nothing was read.');
  return Number(process.hrtime.bigint() - begin) / calls;
}

const median = (list: number[]) => [...list].sort((a, b) => a - b)[list.length >> 1]!;
const medians = new Map<Contender, number>();
const nanos = (contender: Contender) => medians.get(contender)!;

/** Times contenders in turns. */
function race(contenders: readonly Contender[]): void {
  const times = contenders.map((contender) => [timed(contender)]);
  for (let round = 0; round < rounds; round++)
    for (const [i, contender] of contenders.entries()) times[i]!.push(timed(contender));
  contenders.forEach((contender, i) => {
    // The first round only warms up.
    medians.set(contender, median(times[i]!.slice(1)));
    console.log(`${nanos(contender).toFixed(1).padStart(8)} ns  ${contender.name}`);
  });
}

/**
 * Octets that the heap grows per call, over ten million calls. They are made in parts too small for a collection to run
 * within; a part in which one ran all the same (the heap shrank) is left out.
 */
function allocated({ run }: Contender): number {
  const gc = (globalThis as { gc?: () => void }).gc ?? (() => undefined);
  const part = 100_000;
  let growth = 0;
  let calls = 0;
  for (let i = 0; i < 100; i++) {
    if (i % 10 === 0) gc();
    const before = process.memoryUsage().heapUsed;
    run(part);
    const grown = process.memoryUsage().heapUsed - before;
    if (grown < 0) continue;
    growth += grown;
    calls += part;
  }
  return growth / calls;
}

/** What the two calls of memoryUsage themselves allocate. */
const own = allocated({ name: 'nothing', calls: 0, run: () => 1 });
const growth = new Map<Contender, number>();

/** Weighs what contenders leave on the heap. */
function weigh(contenders: readonly Contender[]): void {
  for (const contender of contenders) {
    const octets = Math.max(0, allocated(contender) - own);
    console.log(`${octets.toFixed(3).padStart(8)} octets of heap a call  ${contender.name}`);
    growth.set(contender, octets);
  }
}

// One layout after the other, as nearly every receiver sees them.
race([viewCompact, binaryParser, encodeCompact]);
weigh([viewCompact, encodeCompact]);
race([attachDetach, decodeCompact]);
weigh([attachDetach]);
race([viewFull, encodeFull]);
weigh([viewFull, encodeFull]);

interface Result {
  readonly name: string;
  readonly ratio: number;
  readonly goal: string;
  readonly detail: string;
}

/** A result that sets one contender's time against another's. */
function against(name: string, slow: Contender, fast: Contender, goal: string): Result {
  const detail = `${nanos(slow).toFixed(1)} ns to ${nanos(fast).toFixed(1)} ns`;
  return { name, ratio: nanos(slow) / nanos(fast), goal, detail };
}

const results: Result[] = [
  against('decode: binary-parser without checksum to the view with it', binaryParser, viewCompact, 'at least 20'),
  against('encode to decode, compact', encodeCompact, viewCompact, 'at most 1.5'),
  against('encode to decode, full', encodeFull, viewFull, 'at most 1.5'),
  {
    name: 'octets of heap a packet, compact: view and encode',
    ratio: Math.max(growth.get(viewCompact)!, growth.get(encodeCompact)!),
    goal: '0',
    detail: 'over 10 million calls each',
  },
  {
    name: 'octets of heap a packet: full, attach and detach',
    ratio: Math.max(growth.get(viewFull)!, growth.get(encodeFull)!, growth.get(attachDetach)!),
    goal: '',
    detail: 'one number of 16 octets at most, where the engine does not inline',
  },
];
for (const { name, ratio, goal, detail } of results)
  console.log(`${name}: ${ratio.toFixed(2)} (goal: ${goal || 'none'}; ${detail})`);
if (process.env.MPIP_BENCH_JSON) for (const result of results) console.log(JSON.stringify(result));
