import type { Constants, ControlMessage, Profile } from '../codec/index.js';
import type { Capability } from './capabilities.js';
import type { ServiceName, TestCase } from './case.js';
import { CaseLog } from './case-log.js';
import { caseSeed } from './case-seed.js';
import type { Link, Micros } from './link.js';
import { Tester } from './tester.js';
import { StopCase } from './verdict.js';

/** What cases of a run have in common. */
export interface CaseSettings {
  readonly link: Link;
  readonly profile: Profile;
  readonly constants: Constants;
  /** The peer's address. */
  readonly address: number;
  /** UDP ports of the peer's services. */
  readonly services: ReadonlyMap<ServiceName, number>;
  /** Port of the TCP echo service, if there is one. */
  readonly tcpPort?: number;
  /** What the peer was declared to support. */
  readonly capabilities: ReadonlySet<Capability>;
  /** Seed of the run. */
  readonly seed: number;
  /** Longest time a case may take on the link's clock, in microseconds; default: what it waits for and 10 s. */
  readonly timeout?: Micros;
  /** Called for every CM that the peer sent. */
  readonly onPeerCm?: (cm: ControlMessage) => void;
}

/** What a finished case leaves: its log, and when it began and ended on the link's clock. */
export interface FinishedCase {
  readonly log: CaseLog;
  readonly began: Micros;
  readonly ended: Micros;
  /** The link's slack at the beginning. */
  readonly slack: Micros;
}

/** Time beyond its own waiting that a case gets by default, in microseconds. */
const GRACE = 10_000_000;

/**
 * Plays one case. Never throws because of the peer or the case: what goes wrong is its verdict.
 * @param nodeIds node ids that only this case uses
 * @param signal ends the case early: `inconc`, cause `interrupted`
 */
export async function runCase(
  testCase: TestCase,
  settings: CaseSettings,
  nodeIds: readonly number[] = [],
  signal?: AbortSignal,
): Promise<FinishedCase> {
  const { link, profile, constants } = settings;
  const seed = caseSeed(settings.seed, testCase.id);
  const caseLink = link.openCase(seed);
  const log = new CaseLog(caseLink, testCase.requirements);
  log.onForeignCm = settings.onPeerCm;
  const { slack } = link;
  const began = caseLink.now();
  const tester = new Tester({
    log,
    seed,
    profile,
    constants,
    address: settings.address,
    services: settings.services,
    tcpPort: settings.tcpPort,
    capabilities: settings.capabilities,
    link,
    nodeIds,
  });
  const limit = settings.timeout ?? (testCase.duration?.(constants) ?? 0) + GRACE;
  const guard = watch(log, limit, link.isVirtual, signal);
  try {
    await Promise.race([play(testCase, tester), guard.ended]);
    finish(log);
  } catch (error) {
    if (!(error instanceof StopCase)) log.fault(error);
    else if (log.isStopped) finish(log);
  } finally {
    guard.release();
    log.stop();
    caseLink.close();
  }
  return { log, began, ended: caseLink.now(), slack };
}

async function play(testCase: TestCase, tester: Tester): Promise<void> {
  await tester.begin();
  await testCase.run(tester);
}

/** What holds for every case that came to its end. */
function finish(log: CaseLog): void {
  if (log.verdict === 'none') {
    log.record('error', { code: 'no-verdict', text: 'The case ended without a verdict: a fault of the case.' });
  }
  if (log.isFlooded && log.verdict === 'pass') {
    log.record('inconc', {
      code: 'flood',
      text: `The peer sent more packets than are kept; ${log.dropped} were not looked at.`,
    });
  }
}

/** Ends a case at its time limit or when the run is interrupted. */
function watch(log: CaseLog, limit: Micros, isVirtual: boolean, signal: AbortSignal | undefined) {
  let end: () => void = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const onAbort = () => {
    log.record('inconc', {
      code: 'interrupted',
      text: 'The run was interrupted while the case was being played.',
    });
    log.stop();
    end();
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted === true) onAbort();
  log.limitAt = log.link.now() + limit;
  // For a case that waits on something other than the link, which looks at limitAt itself.
  const late = () => {
    log.timeOut();
    end();
  };
  const timer = isVirtual ? undefined : setTimeout(late, limit / 1000 + 500);
  return {
    ended,
    release: () => {
      signal?.removeEventListener('abort', onAbort);
      if (timer !== undefined) clearTimeout(timer);
    },
  };
}
