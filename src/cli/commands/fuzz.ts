import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CommandModule } from 'yargs';
import { Campaign, type CampaignState } from '../../fuzz/campaign.js';
import { readCorpus } from '../../fuzz/corpus.js';
import { type Finding, readFinding } from '../../fuzz/finding.js';
import { mixSeed } from '../../fuzz/generator.js';
import { FUZZ_REPORT_KINDS, renderFuzzReport } from '../../fuzz/reports/index.js';
import { textReport } from '../../fuzz/reports/text.js';
import type { RunSummary } from '../../fuzz/summary.js';
import { TargetError } from '../../fuzz/target.js';
import { LiveTarget } from '../../fuzz/targets/live-target.js';
import { CaptureError } from '../../io/capture-error.js';
import { makeFolder } from '../../io/make-folder.js';
import { DEFAULT_PORT } from '../default-port.js';
import { Exit, FaultError, UsageError } from '../exit.js';
import { mergeFolders } from '../fuzz-merge.js';
import { type FuzzArguments, type FuzzPlan, type FuzzReportTarget, fuzzPlanOf, peerName } from '../fuzz-options.js';
import { replay } from '../fuzz-replay.js';
import { openTarget } from '../fuzz-targets.js';
import { repeatable, single } from '../options.js';
import { StatusLine } from '../status-line.js';

const command: CommandModule<object, FuzzArguments> = {
  command: 'fuzz [peer] [folders..]',
  describe: 'try to break a peer: stateful exchanges over several paths, minimised findings',
  builder: (yargs) =>
    yargs
      .usage(
        'mpip fuzz PEER [option ...]\nmpip fuzz --self [option ...]\nmpip fuzz --replay FOLDER [PEER] [option ...]\nmpip fuzz merge FOLDER... --out FOLDER\n\nFuzzes an MPIP peer. Exit code: 0 no finding, 1 a finding, 2 wrong command line, 3 the peer is silent, 4 a fault on this side.',
      )
      .positional('peer', { describe: "the peer's IPv4 address, or localhost", type: 'string' })
      .positional('folders', { describe: 'with merge: folders of shards', type: 'string', array: true, default: [] })
      .option('self', { describe: 'fuzz the built-in reference in virtual time', type: 'boolean' })
      .option('udp-wrapper', { describe: 'with --self: the reference wraps TCP in UDP', type: 'boolean' })
      .option('replay', single('play a finding again: its folder'))
      .option('udp-port', single(`port of services that name none (default ${DEFAULT_PORT})`))
      .option('service', repeatable('what the peer offers: echo (needed) and discard, each with :PORT'))
      .option(
        'source',
        repeatable('IPv4 address to send from, no other is ever used; with --raw also one of nobody, to be forged'),
      )
      .option('raw', {
        describe: 'whole packets over packet sockets (Linux, CAP_NET_RAW): headers, fragments, TCP',
        type: 'boolean',
      })
      .option('tcp-port', single("with --raw: port of the peer's TCP echo service"))
      .option('pid', single("the peer's process on this machine: its end and its memory are watched"))
      .option('exec', single('command that runs the peer: started, watched, and started again for each try'))
      .option('restart', single('command that starts the peer again and ends by itself'))
      .option('runs', single('most exchanges (default 1000; with --time as many as fit)'))
      .option('time', single('most seconds'))
      .option('seed', single('seed of every choice (default random; printed)'))
      .option('shard', single('I/N: only the Ith of N parts of the exchanges'))
      .option('corpus', single('folder of captures and vectors to start from'))
      .option('regressions', single('folder of earlier findings, played first'))
      .option('out', single('folder of summary.json and the findings (default mpip-fuzz)'))
      .option('report', repeatable(`KIND=PATH with ${FUZZ_REPORT_KINDS.join(', ')}; - is standard output`))
      .option('allow-target', repeatable('block of addresses that may be fuzzed beside loopback and private ones'))
      .option('rate', single('most packets a second (default 1000, on loopback no limit)'))
      .option('longest-pause', single('longest pause in seconds (default 0.002; with --self 121, which cost nothing)'))
      .example('mpip fuzz 127.0.0.2 --time 60', 'a peer on loopback for a minute')
      .example("mpip fuzz 127.0.0.2 --exec './my-peer --address 127.0.0.2'", 'a peer that is started anew when it ends')
      .example('mpip fuzz --replay mpip-fuzz/findings/process-died-1a2b3c4d', 'a finding once more') as never,
  handler: async (argv) => {
    if (argv.replay !== undefined) return (await replay(argv.replay, argv)) as never;
    if (argv.peer === 'merge') return (await merge(argv)) as never;
    if (argv.folders.length > 0)
      throw new UsageError(`Unknown argument: ${argv.folders.join(', ')}; mpip fuzz --help lists what can be given.`);
    return (await fuzz(fuzzPlanOf(argv))) as never;
  },
};

export default command;

async function fuzz(plan: FuzzPlan): Promise<number> {
  const corpus = plan.corpus === undefined ? [] : await readCorpus(plan.corpus).catch(damagedCorpus);
  if (plan.corpus !== undefined && corpus.length === 0)
    throw new FaultError(
      `--corpus ${plan.corpus} holds no packet with a control message; give a folder of captures or vectors.`,
    );
  const regressions = plan.regressions === undefined ? [] : readFindings(plan.regressions);
  try {
    makeFolder(join(plan.out, 'findings'));
  } catch (error) {
    throw new FaultError(`The folder ${plan.out} cannot be made: ${(error as Error).message}.`);
  }
  const target = await openTarget(plan.peer, plan.seed).catch(notStarted);
  const interrupt = new AbortController();
  const onSignal = () => {
    if (interrupt.signal.aborted) process.exit(130);
    process.stderr.write('mpip fuzz: interrupted; what was found is written. Once more ends at once.\n');
    interrupt.abort();
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  const line = new StatusLine();
  try {
    if (target instanceof LiveTarget && !(await isThere(target, plan.seed))) {
      process.stderr.write(
        `mpip fuzz: ${peerName(plan.peer)} does not return an ordinary datagram; start the peer with an echo service there, or give --udp-port.\n`,
      );
      return Exit.inconclusive;
    }
    process.stderr.write(`mpip fuzz: ${peerName(plan.peer)}, seed ${plan.seed}.\n`);
    const campaign = new Campaign({
      ...plan,
      target,
      corpus,
      regressions,
      folder: join(plan.out, 'findings'),
      signal: interrupt.signal,
      onProgress: (state) => line.show(() => progressText(state)),
    });
    const summary = await campaign.run().catch((error: unknown) => {
      if (!(error instanceof TargetError)) throw error;
      line.clear();
      process.stderr.write(`mpip fuzz: ${error.message}\n`);
      return { ...campaign.summary(), verdict: campaign.findings.size > 0 ? ('fail' as const) : ('inconc' as const) };
    });
    line.clear();
    return await finish(summary, plan.out, plan.reports);
  } finally {
    line.clear();
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
    await target.close();
  }
}

async function isThere(target: LiveTarget, seed: number): Promise<boolean> {
  for (let i = 0; i < 3; i++) if (await target.answers(mixSeed(seed, 41, i), target.patience)) return true;
  return false;
}

function progressText({ runs, messages, findings, elapsed, doing }: CampaignState): string {
  const rate = Math.round(messages / Math.max(0.001, elapsed / 1000));
  return `${runs} exchanges, ${messages} packets, ${rate}/s, ${findings} finding${findings === 1 ? '' : 's'}${doing === 'fuzzing' ? '' : `; ${doing}`}`;
}

async function merge(argv: FuzzArguments): Promise<number> {
  if (argv.folders.length === 0)
    throw new UsageError('Name the folders of the shards: mpip fuzz merge FOLDER... --out FOLDER.');
  if (argv.out === undefined) throw new UsageError('Say where the merged result goes: --out FOLDER.');
  const plan = fuzzReports(argv);
  return await finish(mergeFolders(argv.folders, argv.out), argv.out, plan);
}

function fuzzReports(argv: FuzzArguments): readonly FuzzReportTarget[] {
  return fuzzPlanOf({ ...argv, peer: undefined, self: true }).reports;
}

/** Writes summary.json and the reports; the text goes to standard output unless another report does. */
async function finish(summary: RunSummary, out: string, reports: readonly FuzzReportTarget[]): Promise<number> {
  const toStdout = reports.find(({ path }) => path === '-');
  try {
    writeFileSync(join(out, 'summary.json'), `${JSON.stringify(summary, null, 2)}\n`);
    for (const { kind, path } of reports) if (path !== '-') writeFileSync(path, await renderFuzzReport(summary, kind));
  } catch (error) {
    throw new FaultError(`A result cannot be written: ${(error as Error).message}.`);
  }
  if (toStdout !== undefined) process.stdout.write(await renderFuzzReport(summary, toStdout.kind));
  else process.stdout.write(textReport(summary));
  if (summary.findings.length > 0) return Exit.fail;
  if (summary.verdict === 'inconc') return Exit.inconclusive;
  if (summary.verdict === 'none') {
    process.stderr.write('mpip fuzz: nothing was played, which proves nothing; the exit code is 4.\n');
    return Exit.fault;
  }
  return Exit.ok;
}

function readFindings(folder: string): Finding[] {
  const findings: Finding[] = [];
  for (const name of readdirSync(folder).sort()) {
    const path = join(folder, name);
    if (!name.endsWith('.json') && !existsSync(join(path, 'finding.json'))) continue;
    try {
      findings.push(readFinding(path));
    } catch (error) {
      throw new FaultError(`${path} is no finding: ${(error as Error).message}.`);
    }
  }
  return findings;
}

function damagedCorpus(error: unknown): never {
  if (error instanceof CaptureError || error instanceof SyntaxError)
    throw new FaultError(`The corpus cannot be read: ${error.message}`);
  throw error;
}

function notStarted(error: unknown): never {
  if (error instanceof TargetError) throw new FaultError(error.message);
  throw error;
}
