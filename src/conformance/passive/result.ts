import { formatIpv4, formatNodeId, type Ipv4, type Profile } from '../../codec/index.js';
import type { Tracker } from '../../dissector/tracker/tracker.js';
import { VERSION } from '../../version.js';
import type { Capability } from '../capabilities.js';
import { hexAround } from '../explain.js';
import { requirementResults } from '../requirement-status.js';
import { isBinding } from '../requirements.js';
import { type CaseResult, noCounts, REPORT_VERSION, type ResultCause, type RunResult } from '../result.js';
import { type RunVerdict, worse } from '../verdict.js';
import type { Place, Predicate } from './predicate.js';
import { nodeWords, type PassiveVerdict, PREDICATES } from './run.js';

/** The predicates as filters of cases see them. */
export const PASSIVE_CASES = PREDICATES.map((predicate) => ({ ...predicate, requirements: [predicate.requirement] }));

/** What a passive run was given. */
export interface PassiveContext {
  readonly files: readonly string[];
  readonly tracker: Tracker;
  readonly profile: Profile;
  /** What the nodes were declared to support; undefined when nothing was. */
  readonly capabilities: ReadonlySet<Capability> | undefined;
  /** The address whose node was judged; undefined for all nodes. */
  readonly address: Ipv4 | undefined;
  readonly durationMs: number;
  readonly isInterrupted: boolean;
}

/** The verdicts of a capture as a run: every report is made from it. */
export function passiveResult(verdicts: readonly PassiveVerdict[], context: PassiveContext): RunResult {
  const { files, tracker, profile, address } = context;
  const cases = verdicts.map((verdict) => caseResult(verdict, context));
  const counts = noCounts();
  let worst: RunVerdict = 'none';
  for (const { verdict } of cases) {
    counts[verdict]++;
    worst = worse(worst, verdict);
  }
  const nodes = tracker.nodes.list.slice(1).map((node) => ({
    nodeId: formatNodeId(node.nodeId, node.isFull ? 6 : 2),
    addresses: node.seen.map((one) => formatIpv4(one.address)),
    layout: node.isFull ? ('full' as const) : ('compact' as const),
  }));
  const judged = address === undefined ? undefined : nodes.find((node) => node.addresses.includes(formatIpv4(address)));
  return {
    tool: 'mpip',
    version: VERSION,
    reportVersion: REPORT_VERSION,
    seed: 0,
    profile: profile.name,
    profileFound: null,
    link: 'capture',
    iut: {
      address: formatIpv4(address ?? 0),
      udpPort: 0,
      tcpPort: null,
      nodeId: judged?.nodeId ?? null,
      layout: judged?.layout ?? null,
      services: {},
    },
    verdict: worst,
    counts,
    preliminary: null,
    explanation: null,
    isInterrupted: context.isInterrupted,
    selection: { known: PREDICATES.length, chosen: verdicts.length },
    evidenceFolder: null,
    cases,
    requirements: requirementResults(cases),
    durationMs: context.durationMs,
    captures: {
      files,
      packets: tracker.packets,
      controlMessages: tracker.cmPackets,
      nodes: nodes.map(({ nodeId, addresses }) => ({ nodeId, addresses })),
    },
  };
}

function caseResult(verdict: PassiveVerdict, context: PassiveContext): CaseResult {
  const { predicate, place } = verdict;
  const { id, area, purpose, requirement, capability } = predicate;
  const { files, capabilities } = context;
  const common = { id, area, purpose, requirements: [requirement], warnings: [], durationMs: 0 };
  const evidence = {
    file: place === undefined ? (files[0] ?? null) : (files[place.source] ?? null),
    link: 'capture' as const,
    frames: place === undefined ? [] : [place.frame],
  };
  if (capability !== undefined && capabilities !== undefined && !capabilities.has(capability)) {
    const cause = { code: 'capability', text: `The nodes were not declared to support ${capability}.` };
    return { ...common, verdict: 'not-applicable', cause, evidence: { ...evidence, frames: [] } };
  }
  if (verdict.verdict === 'none') {
    const cause = { code: 'not-seen', text: 'Nothing in the capture shows it.' };
    return { ...common, verdict: 'not-applicable', cause, evidence };
  }
  if (verdict.verdict === 'pass') {
    const cause = {
      code: 'seen',
      text: `Seen ${verdict.passes === 1 ? 'once' : `${verdict.passes} times`}, never otherwise.`,
    };
    return { ...common, verdict: 'pass', cause, evidence };
  }
  const cause = causeOf(verdict, predicate, place!, context);
  if (verdict.verdict === 'fail' && !isBinding(requirement)) {
    const text = 'A recommendation was not followed.';
    return { ...common, verdict: 'pass', cause: { code: 'seen', text }, warnings: [cause], evidence };
  }
  return { ...common, verdict: verdict.verdict, cause, evidence };
}

/** A paragraph: what is wrong, where, what was expected and seen, how often. */
function causeOf(
  { finding, breaches }: PassiveVerdict,
  { requirement }: Predicate,
  place: Place,
  { tracker, files }: PassiveContext,
): ResultCause {
  const { code, text, expected, seen, octet, octets } = finding!;
  const file = files.length > 1 ? ` of ${files[place.source]}` : '';
  const parts = [text];
  if (expected !== undefined && seen !== undefined) parts.push(`Expected ${expected}, seen ${seen}.`);
  else if (expected !== undefined) parts.push(`Expected ${expected}.`);
  else if (seen !== undefined) parts.push(`Seen ${seen}.`);
  const where = octet === undefined ? '' : `, octet ${octet} of the IP packet`;
  parts.push(`Frame ${place.frame}${file}${where}, sent by ${nodeWords(tracker, place.node)}.`);
  if (breaches > 1) parts.push(`It is the first of ${breaches}.`);
  return {
    code,
    text: parts.join(' '),
    ...(expected === undefined ? {} : { expected }),
    ...(seen === undefined ? {} : { seen }),
    requirement,
    packet: {
      frame: place.frame,
      direction: 'received',
      ...(octet === undefined ? {} : { octet, octets: octets ?? 1 }),
      ...hexAround(place.datagram, octet ?? place.datagram.length - 1),
    },
  };
}
