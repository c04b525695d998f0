import { CAPABILITIES } from './capabilities.js';
import type { TestCase } from './case.js';
import type { SuiteOptions } from './engine.js';
import type { Micros } from './link.js';
import type { ResultCause } from './result.js';
import type { CaseSettings } from './run-case.js';

/** Longest waiting of a case that a live run plays without `slow`, in microseconds. */
export const SLOW: Micros = 10_000_000;

/** What is said of a case that is not played. */
export interface LeftOut {
  readonly verdict: 'not-applicable' | 'not-run' | 'inconc';
  readonly cause: ResultCause;
}

/** Why a case cannot or must not be played. */
export function leftOut(
  testCase: TestCase,
  { link, services, slow, tcpPort, unprivileged }: SuiteOptions,
  { capabilities, constants }: CaseSettings,
): LeftOut | undefined {
  const notApplicable = (code: string, text: string) => ({
    verdict: 'not-applicable' as const,
    cause: { code, text },
  });
  const missing = testCase.services.filter((service) => !services.has(service));
  if (missing.length > 0) {
    return notApplicable(
      'service',
      `It needs the service ${missing.join(' and ')}, which was not given with --service.`,
    );
  }
  const lacking = testCase.capabilities?.find((capability) => !capabilities.has(capability));
  if (lacking !== undefined) {
    return notApplicable('pics', `The peer was not declared to support ${lacking}: that it ${CAPABILITIES[lacking]}.`);
  }
  if (testCase.tcp === true && tcpPort === undefined) {
    return notApplicable('tcp-service', 'It needs a TCP echo service, which was not given with --tcp-port.');
  }
  if (testCase.upperTester === true && !link.hasUpperTester) {
    return notApplicable(
      'upper-tester',
      'It needs a way to make the peer act, which was not given with --upper-tester.',
    );
  }
  if (testCase.raw === true && link.kind === 'socket') {
    const text = 'It sends or sees whole IP packets, which ordinary sockets cannot.';
    return unprivileged === true
      ? { verdict: 'not-run', cause: { code: 'privilege', text } }
      : {
          verdict: 'inconc',
          cause: {
            code: 'privilege',
            text: `${text} Run as root or with CAP_NET_RAW, or give --unprivileged to leave it out.`,
          },
        };
  }
  const sources = link.sources.length;
  if ((testCase.sources ?? 1) > sources) {
    return notApplicable(
      'sources',
      `It needs ${testCase.sources} local addresses (--source) and there are ${sources}.`,
    );
  }
  if (testCase.realHeaders === true && link.kind === 'socket') {
    return notApplicable('rebuilt-headers', 'It judges header fields, which ordinary sockets do not show.');
  }
  const duration = testCase.duration?.(constants) ?? 0;
  if (!link.isVirtual && duration > SLOW && slow !== true) {
    const seconds = Math.round(duration / 100_000) / 10;
    const text = `It waits ${seconds} s with the constants in force; give --slow to play it, or shorten them with --pixit.`;
    return { verdict: 'not-run', cause: { code: 'slow', text } };
  }
  return undefined;
}
