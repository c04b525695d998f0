import { Flags, formatIpv4 } from '../codec/index.js';
import type { ServiceName, TestCase } from './case.js';
import { caseSeed } from './case-seed.js';
import type { ReachAnswer } from './link.js';
import { isConfirm } from './observed.js';
import type { ResultCause } from './result.js';
import { type CaseSettings, type FinishedCase, runCase } from './run-case.js';
import type { Tester } from './tester.js';

/** What holds for the peer as a whole, found out before the first case. */
export interface PeerFacts {
  /** Services that cannot be tested, and why. */
  readonly unreachable: ReadonlyMap<ServiceName, ResultCause>;
  /** Set when the peer returned our control message undigested: it does not speak MPIP. */
  readonly ownCmEchoed: { readonly code: string; readonly text: string } | undefined;
  /** The one that concerns every case, for the report. */
  readonly summary?: ResultCause;
}

/** How long each attempt to get an ordinary answer waits, as a part of the link's patience. */
const ATTEMPTS = [0.25, 0.5, 0.5];

/**
 * Asks whether anything listens, with ordinary datagrams, and whether it speaks MPIP, with one query.
 * `finished` is the exchange with the query, for the evidence.
 */
export async function examinePeer(
  settings: CaseSettings,
  nodeIds: readonly number[],
  signal?: AbortSignal,
): Promise<{ facts: PeerFacts; testCase: TestCase; finished?: FinishedCase }> {
  const unreachable = new Map<ServiceName, ResultCause>();
  const host = formatIpv4(settings.address);
  const ask = async ([service, port]: [ServiceName, number]) => {
    const answer = await reach(settings, service, port, signal);
    if (answer === 'refused') {
      unreachable.set(service, {
        code: 'unreachable',
        text: `Nothing listens on UDP port ${port} of ${host}, where the service ${service} should be: the host answers ICMP port unreachable. Start the peer, or give its port with --udp-port or --service ${service}:PORT.`,
      });
    } else if (answer === 'no-route') {
      unreachable.set(service, {
        code: 'unreachable',
        text: `This machine, or a router on the way, knows no way to ${host}. Look at the address, the routes and the local addresses (--source).`,
      });
    } else if (answer === 'silent' && service !== 'discard') {
      unreachable.set(service, {
        code: 'no-answer',
        text: `The service ${service} on UDP port ${port} of ${host} answers no ordinary datagram: the peer is not there, is filtered, is very slow, or offers no such service on this port. Nothing can be said about its MPIP.`,
      });
    }
  };
  await Promise.all([...settings.services].map(ask));
  const service = [...settings.services.keys()].find((name) => !unreachable.has(name));
  const testCase = queryCase(service ?? 'echo');
  if (service === undefined) {
    const [summary] = unreachable.values();
    return { facts: { unreachable, ownCmEchoed: undefined, ...(summary ? { summary } : {}) }, testCase };
  }
  const finished = await runCase(testCase, settings, nodeIds, signal);
  const { cause } = finished.log;
  if (cause?.code !== 'own-cm-echoed') return { facts: { unreachable, ownCmEchoed: undefined }, testCase, finished };
  const ownCmEchoed = {
    code: 'own-cm-echoed',
    text: `${cause.text} This was seen before the first case: ${host} does not speak MPIP on UDP port ${settings.services.get(service)}, so that nothing else it does counts.`,
  };
  return { facts: { unreachable, ownCmEchoed, summary: ownCmEchoed }, testCase, finished };
}

async function reach(
  settings: CaseSettings,
  service: ServiceName,
  port: number,
  signal: AbortSignal | undefined,
): Promise<ReachAnswer> {
  const link = settings.link.openCase(caseSeed(settings.seed, `reach-${service}`));
  try {
    // discard never answers: a single attempt shows an ICMP error.
    for (const share of service === 'discard' ? ATTEMPTS.slice(0, 1) : ATTEMPTS) {
      if (signal?.aborted === true) return 'silent';
      const answer = await link.reach({ address: settings.address, port }, settings.link.patience * share);
      if (answer !== 'silent') return answer;
    }
    return 'silent';
  } finally {
    link.close();
  }
}

/** One query, to see whether it comes back undigested. Its verdict is not reported. */
function queryCase(service: ServiceName): TestCase {
  return {
    id: 'preliminary',
    area: 'GEN',
    purpose: 'Before the first case: one availability query, to see whether the peer speaks MPIP at all.',
    requirements: [],
    services: [service],
    async run(t: Tester) {
      const port = await t.node().port();
      port.send(service, t.payload(), { flags: Flags.enable });
      const confirm = await port.receive(isConfirm, { within: t.patience / 2 });
      if (confirm === undefined) t.inconc('no-confirm', 'The query was neither confirmed nor returned.');
      t.pass('The peer confirmed the query.', confirm);
    },
  };
}
