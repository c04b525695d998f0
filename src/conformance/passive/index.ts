/**
 * Requirements judged by packets that somebody else sent: `PassiveRun` takes them one by one, `judgePackets` at once, and
 * `passiveResult` makes a run of the verdicts, which every report can show.
 */
export type { Finding, Judge, Place, Predicate, Sight, Watch } from './predicate.js';
export { PASSIVE_CASES, type PassiveContext, passiveResult } from './result.js';
export { judgePackets, type PassiveOptions, PassiveRun, type PassiveVerdict, PREDICATES } from './run.js';
