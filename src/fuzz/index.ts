/**
 * @module mpip/fuzz
 * Tries to break an MPIP peer: stateful exchanges over several paths, each decided by a seed, watched by oracles, and findings that
 * are small and can be played again.
 *
 * ```ts
 * import { Campaign, HostTarget, virtualSurroundings } from 'mpip/fuzz';
 * import { parseIpv4 } from 'mpip/codec';
 * import { createReferenceHost } from 'mpip/endpoint';
 *
 * const addresses = [parseIpv4('192.0.2.1')];
 * const target = new HostTarget({
 *   name: 'my peer',
 *   surroundings: virtualSurroundings(addresses[0], 7000),
 *   // Yours, or whatever else has receive, poll and drain.
 *   createPeer: (seed) => createReferenceHost({ addresses, services: [{ name: 'echo', port: 7000 }], seed }),
 * });
 * const summary = await new Campaign({
 *   target, seed: 1, runs: 1000, time: 60_000, shard: { index: 1, of: 1 },
 *   corpus: [], regressions: [], folder: 'findings', longestPause: 121_000_000,
 * }).run();
 * console.log(summary.verdict, summary.findings);
 * ```
 */
export { type Outcome, type Play, Player } from './attempt.js';
export { Campaign, type CampaignOptions, type CampaignState, type FoundFinding } from './campaign.js';
export { type CorpusPacket, readCorpus } from './corpus.js';
export { type Counts, Coverage, type CoverageReport } from './coverage.js';
export { corpusOf, type Finding, readFinding } from './finding.js';
export { MUTATORS } from './mutators.js';
export { groupOf, SEVERITIES, type Severity, type Violation } from './oracle.js';
export { ORACLES, type OracleEntry } from './oracles/catalogue.js';
export { PATH_EDGES } from './path-states.js';
export { FUZZ_REPORT_KINDS, type FuzzReportKind, renderFuzzReport } from './reports/index.js';
export { type Step, stepText } from './step.js';
export { mergedSummary, type RunSummary, type SummaryFinding } from './summary.js';
export { type Arrival, type Death, type Micros, type Surroundings, type Target, TargetError } from './target.js';
export { HostTarget, type HostTargetOptions, virtualSurroundings } from './targets/host-target.js';
export { LiveTarget, type LiveTargetOptions } from './targets/live-target.js';
export { PidWatch, SupervisedProcess, type Watch } from './targets/process-watch.js';
export { RawTarget } from './targets/raw-target.js';
export { SocketTarget } from './targets/socket-target.js';
