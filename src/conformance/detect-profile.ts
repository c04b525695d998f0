import { Flags, PROFILES, type Profile } from '../codec/index.js';
import type { TestCase } from './case.js';
import { checksumState } from './checksum-state.js';
import type { Micros } from './link.js';
import { hasCm, type Observed } from './observed.js';
import { type CaseSettings, type FinishedCase, runCase } from './run-case.js';
import { cmOf, type Tester } from './tester.js';

/** The profile of a peer as its answers show it, and how that was found. */
export interface Detection {
  readonly profile: Profile;
  /** A sentence for the report. */
  readonly text: string;
  /** The exchange, for the evidence. */
  readonly finished: FinishedCase;
  readonly testCase: TestCase;
}

/** What the peer's control messages show. */
export interface ProfileSigns {
  readonly layout: 'compact' | 'full' | undefined;
  /** Microseconds for each tick of its clock; undefined when its messages were too few or too close. */
  readonly tickMicros: number | undefined;
  /** Whether the timestamps are the time of the UTC day. */
  readonly isUtcDay: boolean;
  /** Whether a packet with a control message had a wrong TCP or UDP checksum; undefined where the link does not show it. */
  readonly hasWrongChecksums: boolean | undefined;
}

/** Between the first and the second question: long enough for a clock's tick. */
const APART: Micros = 150_000;
/** How far a peer's clock of the day may be from ours, in microseconds. */
const DAY_TOLERANCE = 10_000_000;
const DAY = 86_400_000_000;
const WRAP = 2 ** 32;

/**
 * Asks the peer in both layouts and looks at what it sends: the layout of its own queries, the tick of its clock, its
 * checksums. Takes half a second at most.
 */
export async function detectProfile(
  settings: CaseSettings,
  nodeIds: readonly number[],
  signal?: AbortSignal,
): Promise<Detection> {
  const testCase = askingCase(settings.services.has('echo') ? 'echo' : [...settings.services.keys()][0]!);
  const finished = await runCase(testCase, settings, nodeIds, signal);
  const { log } = finished;
  // What an application returned of our own says nothing of the peer.
  const ours = new Set(log.packets.filter(({ direction }) => direction === 'sent').map(({ nodeId }) => nodeId));
  const received = log.packets.filter(
    (packet) => packet.direction === 'received' && hasCm(packet) && !ours.has(packet.nodeId),
  );
  const signs = signsOf(received, log.link.epoch, log.link.kind !== 'socket');
  return { ...judge(signs), finished, testCase };
}

/** Reads the signs in what the peer sent. @param epoch microseconds since 1970 when the link's clock was 0. */
export function signsOf(received: readonly Observed[], epoch: number, headersAreReal: boolean): ProfileSigns {
  // Its own queries are in its own layout; answers are in that of the question.
  const own = received.filter((packet) => cmOf(packet).flags === Flags.enable);
  const layout = cmOf(own[0] ?? received[0] ?? NOTHING).layout;
  const same = received.filter((packet) => cmOf(packet).layout === layout);
  const [first, last] = [same[0], same.at(-1)];
  let tickMicros: number | undefined;
  let isUtcDay = false;
  if (first !== undefined && last !== undefined && last.time - first.time > APART / 2) {
    const ticks = (cmOf(last).timestamp - cmOf(first).timestamp + WRAP) % WRAP;
    const micros = (last.time - first.time) / Math.max(1, ticks);
    tickMicros = [1, 10].find((tick) => micros > tick / 2 && micros < tick * 2) ?? micros;
  }
  if (first !== undefined) {
    const tick = tickMicros ?? 1;
    const ofDay = Math.floor(((epoch + first.time) % DAY) / tick) % WRAP;
    const apart = (((cmOf(first).timestamp - ofDay) % WRAP) + WRAP) % WRAP;
    isUtcDay = Math.min(apart, WRAP - apart) * tick < DAY_TOLERANCE;
  }
  const states = received.map((packet) => checksumState(packet, headersAreReal)).filter((one) => one !== 'unverified');
  return {
    layout: received.length === 0 ? undefined : layout,
    tickMicros,
    isUtcDay,
    hasWrongChecksums: states.length === 0 ? undefined : states.includes('bad'),
  };
}

/** Stands in where nothing was received. */
const NOTHING = { cm: { layout: undefined } } as unknown as Observed;

/** The profile that fits the signs. */
export function judge(signs: ProfileSigns): { profile: Profile; text: string } {
  const { layout, tickMicros, isUtcDay, hasWrongChecksums } = signs;
  if (layout === undefined) {
    return { profile: PROFILES.paper, text: 'assumed, because the peer sent no control message to learn from' };
  }
  const clock =
    tickMicros === undefined
      ? 'too few control messages to measure its clock'
      : `a clock of ${Math.round(tickMicros * 100) / 100} µs a tick${isUtcDay ? ' that shows the time of the UTC day' : ''}`;
  const checksums =
    hasWrongChecksums === undefined ? '' : hasWrongChecksums ? ' and wrong checksums' : ' and right checksums';
  const text = `found: it speaks layout ${layout}, with ${clock}${checksums}`;
  if (layout === 'full') return { profile: PROFILES['paper-full'], text };
  if (tickMicros === 10) return { profile: PROFILES['linux-2014'], text };
  if (!isUtcDay) return { profile: PROFILES.paper, text };
  return { profile: PROFILES[hasWrongChecksums === true ? 'linux-2015' : 'linux-2017'], text };
}

/** Questions in both layouts and ordinary datagrams, twice. Its verdict is not reported. */
function askingCase(service: 'echo' | 'discard' | 'chargen'): TestCase {
  return {
    id: 'profile',
    area: 'GEN',
    purpose: 'Before the first case: which layout, clock and checksums the peer has.',
    requirements: [],
    services: [service],
    async run(t: Tester) {
      const ask = async () => {
        const node = t.node();
        const [plain, compact, full] = [await node.port(), await node.port(), await node.port()];
        // A peer that knows the one layout only hands the other up to its application.
        const options = { mayBeOrdinary: true };
        compact.send(service, t.payload(), { flags: Flags.enable, layout: 'compact' }, options);
        full.send(service, t.payload(), { flags: Flags.enable, layout: 'full' }, options);
        plain.send(service, t.payload());
        const answered = () =>
          [plain, compact, full].some((port) =>
            port.history.some((packet) => packet.direction === 'received' && hasCm(packet)),
          );
        await t.until(answered, t.patience / 4);
        await t.sleep(t.slack / 10);
      };
      await ask();
      await t.sleep(APART);
      await ask();
      t.pass('Asked twice.');
    },
  };
}
