/**
 * @module mpip/conformance
 * Examines an MPIP peer: cases that play one or more nodes against it, a verdict for each with its cause and the packets
 * that decided, and a status for each requirement of the paper.
 *
 * ```ts
 * import { CASES, runSuite, select, SocketLink } from 'mpip/conformance';
 * import { parseIpv4 } from 'mpip/codec';
 *
 * const address = parseIpv4('127.0.0.2');
 * const link = await SocketLink.open({ peer: { address, port: 7000 } });
 * const run = await runSuite({
 *   link, address, services: new Map([['echo', 7000]]), catalogue: CASES, cases: select(CASES, { areas: ['AV'] }),
 * });
 * console.log(run.verdict, run.counts);
 * ```
 */
export { SLOW } from './applicability.js';
export { CAPABILITIES, CAPABILITY_NAMES, type Capability, PAPER_CAPABILITIES } from './capabilities.js';
export { AREAS, type Area, SERVICE_NAMES, type ServiceName, type TestCase } from './case.js';
export { CASES } from './cases/index.js';
export { type CatalogueEntry, catalogueMarkdown, catalogueText, requirementCatalogue } from './catalogue.js';
export type { Explanation, Reason } from './diagnosis.js';
export { DEFAULT_JOBS, type Progress, runSuite, type SuiteOptions } from './engine.js';
export { JournalError, journalLine, type RunHead, readRun } from './journal.js';
export {
  formatKnownFailing,
  KnownFailingError,
  type KnownFailingOutcome,
  type KnownFailure,
  parseKnownFailing,
  updatedKnownFailing,
  withKnownFailing,
} from './known-failing.js';
export {
  type CaseLink,
  type Destination,
  type Link,
  LinkError,
  type LinkKind,
  type LinkPort,
  type Micros,
  type RawPort,
  type ReachAnswer,
} from './link.js';
export * from './observed.js';
export {
  type Finding,
  judgePackets,
  PASSIVE_CASES,
  type PassiveOptions,
  PassiveRun,
  type PassiveVerdict,
  PREDICATES,
  type Predicate,
  passiveResult,
} from './passive/index.js';
export { RawLink, type RawLinkOptions } from './raw-link.js';
export { type CaseChange, type Change, diffExitCode, diffReports, type ReportDiff } from './report-diff.js';
export { loadRenderer, REPORT_KINDS, type Renderer, type ReportKind, renderReport } from './reports/index.js';
export { jsonReport, ndjsonReport } from './reports/json.js';
export { type Colours, PLAIN, type TextOptions, textReport } from './reports/text.js';
export { type Level, type Observability, REQUIREMENTS, type Requirement, requirement } from './requirements.js';
export {
  type CaseResult,
  type EvidenceReference,
  exitCodeOf,
  type PacketExcerpt,
  REPORT_VERSION,
  type RequirementResult,
  type RequirementStatus,
  type ResultCause,
  type RunResult,
} from './result.js';
export { type Segment, segmentOf } from './segment.js';
export { globPattern, type Selection, SelectionError, select } from './select.js';
export { SocketLink, type SocketLinkOptions } from './socket-link.js';
export { type AddressBlock, isIn, OWN_BLOCKS } from './targets.js';
export type { SendOptions, TestNode, TestPort } from './test-port.js';
export type { SegmentOptions, TestStream } from './test-stream.js';
export { type Expectation, type Session, Tester } from './tester.js';
export type { CaseUpperTester, RuleRow, UpperTester, UpperTesterSource } from './upper-tester.js';
export {
  type Cause,
  type Details,
  type Pointer,
  type RunVerdict,
  StopCase,
  VERDICTS,
  type Verdict,
  worse,
} from './verdict.js';
export { type UpperTesterSurroundings, VirtualLink, type VirtualLinkOptions } from './virtual-link.js';
