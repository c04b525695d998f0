import type { TestCase } from './case.js';
import { inWords } from './describe.js';
import type { FinishedCase } from './run-case.js';
import type { TestPort } from './test-port.js';
import type { Tester } from './tester.js';

/**
 * Networks that lose, double or reorder datagrams: what happens once may be the network's doing. There a case that does
 * not pass is played again, and fails only when it fails again and again.
 */

/** Failures, and no pass beside them, that count as the peer's. */
const FAILURES = 17;
/** Passes that outweigh fewer failures. */
const PASSES = 3;
/** Plays of one case at most. */
const MOST_PLAYS = 24;

/** Datagrams sent to find out about the network. */
const PROBES = 200;
const BATCH = 20;

/** Whether a verdict may be the network's doing: it is not a pass, or one with a warning. */
export function isDoubtful({ log }: FinishedCase): boolean {
  return log.verdict === 'fail' || log.verdict === 'inconc' || log.warnings.length > 0;
}

/**
 * Plays a case until its verdict is sure. `first` was doubtful; `again(n)` plays the case for the n-th time.
 * @returns the play whose verdict counts: a failure that came again, a pass that outweighs failures, or the first one, as
 * `inconc` when failures and passes came by turns.
 */
export async function playUntilSure(
  first: FinishedCase,
  again: (attempt: number) => Promise<FinishedCase>,
  signal?: AbortSignal,
): Promise<FinishedCase> {
  const failed: FinishedCase[] = [];
  const passed: FinishedCase[] = [];
  const note = (finished: FinishedCase): void => {
    if (finished.log.verdict === 'fail') failed.push(finished);
    else if (finished.log.verdict === 'pass' && finished.log.warnings.length === 0) passed.push(finished);
  };
  note(first);
  const isSure = () => failed.length >= FAILURES || passed.length >= (failed.length > 0 ? PASSES : 1);
  for (let attempt = 1; attempt < MOST_PLAYS && !isSure() && signal?.aborted !== true; attempt++) {
    const finished = await again(attempt);
    if (finished.log.verdict === 'error') return finished;
    note(finished);
  }
  if (passed.length >= (failed.length > 0 ? PASSES : 1)) return passed[0]!;
  if (failed.length >= FAILURES && passed.length === 0) return failed[0]!;
  const { log } = first;
  if (log.verdict === 'fail') {
    log.doubt({
      code: NOT_REPEATED,
      text: `The network loses or doubles datagrams, and of several plays of this case ${failed.length} failed and ${passed.length} passed: nothing can be said.`,
    });
  }
  return first;
}

/** Cause of a case of which nothing can be said because everything comes later than it can bear. */
export const SLOW_NETWORK = 'slow-network';
/** Cause of a case that failed, but not as often as it takes to be the peer's doing. */
const NOT_REPEATED = 'not-repeated';
/** Plays, at most, of a case whose first one was disturbed by lateness. */
export const LATE_PLAYS = 4;
/** Failures in a row of a case of few milliseconds (`timed`) that count as the peer's. */
const TIMED_FAILURES = 3;

/** How often a case was played of which nothing can be said. */
function playedInVain(plays: number): string {
  return plays === 1
    ? ', and it was played once only, as nothing could be said of the cases before it either'
    : ` in the ${plays} plays that it may have`;
}

/** True when further plays told nothing either. */
export function wasInVain({ log }: FinishedCase): boolean {
  const code = log.cause?.code;
  return log.verdict === 'inconc' && (code === SLOW_NETWORK || code === NOT_REPEATED);
}

/** What makes a verdict doubtful where things come late. */
export interface LateDoubts {
  /** Whether it is a failure that counts only when it comes again, see `TestCase.timed`. */
  readonly mustRepeat: (finished: FinishedCase) => boolean;
  /** Whether it may come from lateness that the case did not allow for. */
  readonly wasLate: (finished: FinishedCase) => Promise<boolean>;
}

/**
 * Plays a case again as long as its verdict may come from lateness.
 * @returns a play in time, or the last one, as `inconc`.
 */
export async function playUntilInTime(
  first: FinishedCase,
  again: (attempt: number) => Promise<FinishedCase>,
  { mustRepeat, wasLate }: LateDoubts,
  plays: number,
): Promise<FinishedCase> {
  let finished = first;
  let failures = mustRepeat(first) ? 1 : 0;
  for (let attempt = 1; attempt < plays; attempt++) {
    finished = await again(attempt);
    const isLone = mustRepeat(finished) && ++failures < TIMED_FAILURES;
    if (!isLone && !(await wasLate(finished))) return finished;
  }
  const { log, slack } = finished;
  const inTheEnd = `in the end: ${log.cause?.text ?? ''}`;
  if (mustRepeat(finished) && !(await wasLate(finished))) {
    const times = failures === 1 ? 'once' : `${failures} times`;
    log.doubt({
      code: NOT_REPEATED,
      text: `The case rests on waits of few milliseconds, which a peer that was not served for a moment misses, and fails only when it failed ${TIMED_FAILURES} times and never passed; it failed ${times}${playedInVain(plays)}; ${inTheEnd}`,
    });
  } else {
    log.doubt({
      code: SLOW_NETWORK,
      text: `Answers, or this machine, were later than the ${inWords(slack)} that the case allowed for${playedInVain(plays)}; ${inTheEnd}`,
    });
  }
  return finished;
}

/** Asks by ordinary datagrams whether the network loses or doubles any: passes when it does neither. */
export const LOSS_PROBE: TestCase = {
  id: 'GEN-network',
  area: 'GEN',
  purpose: 'Preliminary: whether the network loses, doubles or reorders datagrams.',
  requirements: [],
  services: ['echo'],
  async run(t: Tester) {
    const port = await t.node().port();
    for (let sent = 0; sent < PROBES; sent += BATCH) {
      for (let i = 0; i < BATCH; i++) port.send('echo', numbered(sent + i));
      const isComplete = () => answersOf(port).length >= sent + BATCH;
      if (!(await t.until(isComplete, t.patience / 4)) && answersOf(port).length === 0) break;
    }
    await t.sleep(2 * t.slack);
    const answers = answersOf(port);
    if (answers.length === 0) t.inconc('no-answer', 'No ordinary datagram was answered.');
    const different = new Set(answers).size;
    t.require(
      different === PROBES && answers.length === PROBES,
      'loss',
      `Of ${PROBES} ordinary datagrams ${different} were answered, in ${answers.length} datagrams.`,
      { expected: `${PROBES} answers`, seen: answers.length, packet: port.lastSent },
    );
    t.pass('No datagram was lost or doubled.');
  },
};

function numbered(number: number): Uint8Array {
  return Uint8Array.from([0x6e, 0x65, 0x74, number >>> 8, number & 255]);
}

/** The numbers of the ordinary answers that arrived: queries are copies and do not count. */
function answersOf({ history }: TestPort): number[] {
  return history
    .filter(({ direction, cm, payload }) => direction === 'received' && cm === undefined && payload.length === 5)
    .map(({ payload }) => payload[3]! * 256 + payload[4]!);
}
