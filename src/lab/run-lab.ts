import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release } from 'node:os';
import { join } from 'node:path';
import { VERSION } from '../version.js';
import type { Bench, Contender, Experiment } from './experiment.js';
import { examineForeignNode } from './foreign-node.js';
import { tryRun } from './host-commands.js';
import { judge } from './judge.js';
import { Nodes, type NodeTools } from './nodes.js';
import {
  type CheckResult,
  type ContenderResult,
  type ExperimentResult,
  type LabResults,
  type Run,
  rounded,
  summarise,
} from './results.js';
import { HOST_A, HOST_B, ROUTER, setTcpTolerance, Testbed } from './testbed.js';

/** What to run and how. */
export interface LabOptions {
  readonly experiments: readonly Experiment[];
  readonly rounds: number;
  /** Path selection of the MPIP that is compared with the paper's. */
  readonly scheduler: string;
  /** Only these contenders; all when empty. */
  readonly systems: readonly string[];
  /** Other times than the experiments', in seconds. */
  readonly times: { readonly seconds?: number; readonly settle?: number };
  /** Folder for `results.json`, written anew after every measurement. */
  readonly out: string;
  /** An earlier run: its experiments stay, but for those that are measured now. */
  readonly earlier: LabResults | undefined;
  readonly tools: NodeTools;
  readonly commit: string | null;
  /** Ends the run after the measurement in progress; what is finished stays. */
  readonly signal: AbortSignal;
  readonly onProgress: (words: string) => void;
}

/** The file with everything measured. */
export const RESULTS_FILE = 'results.json';

/**
 * Plays experiments: for each, contenders take turns, round after round, so that what changes on the machine meanwhile
 * meets all alike. What fails is noted and the rest goes on.
 * @throws LabError when the testbed cannot be built.
 */
export async function runLab(options: LabOptions): Promise<LabResults> {
  const { experiments, tools, signal, out } = options;
  mkdirSync(out, { recursive: true });
  const began = new Date().toISOString();
  const load = rounded(loadavg()[0]!);
  const finished: ExperimentResult[] = [];
  let check: CheckResult | null = null;
  const testbed = Testbed.up(tools.words);
  const write = (current?: ExperimentResult): LabResults => {
    const all = merged(options.earlier, current === undefined ? finished : [...finished, current]);
    const results: LabResults = {
      tool: 'mpip lab',
      version: VERSION,
      commit: options.commit,
      began,
      machine: {
        kernel: release(),
        processor: cpus()[0]!.model,
        cores: cpus().length,
        node: process.version,
        load,
        delays: testbed.hasNetem ? 'netem' : 'own stage',
      },
      peerCommand: tools.peerCommand ?? null,
      check,
      scheduler: options.scheduler,
      rounds: options.rounds,
      isComplete: !signal.aborted && all.every(isWhole),
      experiments: all,
    };
    writeResults(results, out);
    return results;
  };
  try {
    if (tools.peerCommand !== undefined) {
      options.onProgress('mpip check of the node on the server …');
      check = await examineForeignNode(testbed, tools, out);
      options.onProgress(`mpip check: ${check.verdict}`);
      write();
    }
    for (const experiment of experiments) {
      if (signal.aborted) break;
      finished.push(await play(experiment, testbed, options, (current) => void write(current)));
    }
  } finally {
    await testbed.calm();
    Testbed.down();
  }
  return write();
}

/** Writes `results.json`, at once. */
export function writeResults(results: LabResults, folder: string): void {
  const path = join(folder, RESULTS_FILE);
  writeFileSync(`${path}.new`, `${JSON.stringify(results)}\n`);
  renameSync(`${path}.new`, path);
}

/** What was measured now in place of what an earlier run had of it, in the order of the list; new ones at the end. */
export function merged(
  earlier: LabResults | undefined,
  measured: readonly ExperimentResult[],
): readonly ExperimentResult[] {
  const before = earlier?.experiments ?? [];
  const now = new Map(measured.map((experiment) => [experiment.name, experiment]));
  const known = new Set(before.map(({ name }) => name));
  return [
    ...before.map((experiment) => now.get(experiment.name) ?? experiment),
    ...measured.filter(({ name }) => !known.has(name)),
  ];
}

/** Every contender had all of its turns. */
export function isWhole({ systems, rounds }: ExperimentResult): boolean {
  return Object.values(systems).every(({ runs, errors }) => runs.length + errors.length >= rounds);
}

async function play(
  experiment: Experiment,
  testbed: Testbed,
  options: LabOptions,
  onResult: (current: ExperimentResult) => void,
): Promise<ExperimentResult> {
  const contenders = experiment
    .contenders(options.scheduler)
    .filter(({ id }) => options.systems.length === 0 || options.systems.includes(id));
  const runs = new Map(contenders.map(({ id }) => [id, [] as Run[]]));
  const errors = new Map(contenders.map(({ id }) => [id, [] as string[]]));
  const turns = { began: new Date().toISOString(), rounds: options.rounds };
  const result = () => resultOf({ ...experiment, ...options.times }, turns, contenders, runs, errors);
  for (let round = 1; round <= options.rounds; round++) {
    for (const contender of contenders) {
      if (options.signal.aborted) return result();
      // Anew for each: no queue, route metric or rule of one contender meets the next.
      await testbed.apply(experiment.conditions);
      forgetMetrics();
      try {
        const run = await measure(experiment, contender, testbed, options);
        runs.get(contender.id)!.push(run);
        const figure = `${run.value.toFixed(1)} ${experiment.unit}`;
        options.onProgress(`${experiment.name}  round ${round} of ${options.rounds}  ${contender.label}: ${figure}`);
      } catch (error) {
        const text = (error as Error).message;
        errors.get(contender.id)!.push(text);
        options.onProgress(
          `${experiment.name}  round ${round} of ${options.rounds}  ${contender.label}: failed: ${text}`,
        );
      }
      onResult(result());
    }
  }
  return result();
}

/** The kernel remembers what TCP found out about an address; the next contender starts without. */
function forgetMetrics(): void {
  for (const host of [HOST_A, HOST_B, ROUTER]) tryRun('ip', ['-n', host, 'tcp_metrics', 'flush']);
}

async function measure(
  experiment: Experiment,
  contender: Contender,
  testbed: Testbed,
  { tools, times }: LabOptions,
): Promise<Run> {
  const { node, strictTcp = false } = contender;
  setTcpTolerance(strictTcp);
  const nodes = node === undefined ? undefined : await Nodes.start(tools, node, experiment.conditions);
  const { seconds, settle } = { ...experiment, ...times };
  const bench: Bench = { testbed, contender, nodes, seconds, settle, words: tools.words };
  try {
    return await experiment.measure(bench);
  } finally {
    await nodes?.end();
  }
}

function resultOf(
  experiment: Experiment,
  turns: Pick<ExperimentResult, 'began' | 'rounds'>,
  contenders: readonly Contender[],
  runs: ReadonlyMap<string, readonly Run[]>,
  errors: ReadonlyMap<string, readonly string[]>,
): ExperimentResult {
  const { name, title, source, about, unit, capacityMbps, seconds, settle, paper = {} } = experiment;
  const systems: Record<string, ContenderResult> = {};
  for (const { id, label } of contenders)
    systems[id] = summarise(label, unit, runs.get(id) ?? [], errors.get(id) ?? []);
  const mptcp = systems.mptcp?.runs.length ? systems.mptcp.median : undefined;
  const isRate = unit === 'Mbit/s';
  const measured = Object.entries(systems).filter(([id, { runs: all }]) => id !== 'mptcp' && all.length > 0);
  const ratios =
    mptcp === undefined || !isRate
      ? {}
      : Object.fromEntries(measured.map(([id, system]) => [id, rounded(system.median / mptcp)]));
  const own = ['mpip', 'mpip-scheduler'].flatMap((id) => (ratios[id] === undefined ? [] : [ratios[id]]));
  return {
    name,
    title,
    source,
    about,
    unit,
    capacityMbps,
    ...turns,
    seconds,
    settle,
    systems,
    ratioToMptcp: own.length === 0 ? null : Math.max(...own),
    ratios,
    paper,
    ...judge(experiment, systems),
  };
}
