import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CommandModule } from 'yargs';
import { AUDIO_PORT, answerCalls, call } from '../../lab/audio.js';
import { type QueueImpairment, runDelayStage } from '../../lab/delay-stage.js';
import type { Experiment } from '../../lab/experiment.js';
import { EXPERIMENTS } from '../../lab/experiments.js';
import { whyNoLab } from '../../lab/host-commands.js';
import { judgedAnew } from '../../lab/judge.js';
import { labText, listText } from '../../lab/lab-text.js';
import { writeLabReport } from '../../lab/report.js';
import type { LabResults } from '../../lab/results.js';
import { RESULTS_FILE, runLab, writeResults } from '../../lab/run-lab.js';
import { HOST_A, HOST_B, ROUTER, Testbed } from '../../lab/testbed.js';
import { ControlClient } from '../control-client.js';
import { Exit, FaultError, UsageError } from '../exit.js';
import { nearest, oneOf, repeatable, single, wholeNumber } from '../options.js';

interface LabArguments {
  readonly action: string | undefined;
  readonly names: string[] | undefined;
  readonly out: string | undefined;
  readonly into: string | undefined;
  readonly rounds: string | undefined;
  readonly seconds: string | undefined;
  readonly settle: string | undefined;
  readonly system: string[];
  readonly scheduler: string | undefined;
  readonly 'peer-command': string | undefined;
  readonly format: string | undefined;
}

const ACTIONS = ['list', 'up', 'down', 'status', 'run', 'all', 'report'] as const;
/** What the lab starts itself. */
const PARTS = ['delay-stage', 'audio-echo', 'audio-call'] as const;
const DEFAULT_SCHEDULER = 'earliest';

const command: CommandModule<object, LabArguments> = {
  command: 'lab [action] [names..]',
  describe: "repeat the paper's measurements on this machine",
  builder: (yargs) =>
    yargs
      .usage(
        [
          'mpip lab list                         the experiments',
          'mpip lab run NAME... | all            play some, or all',
          'mpip lab up | status | down           the testbed alone: two hosts and a router in network namespaces',
          'mpip lab report DIR                   judge an earlier run and write its report anew',
          '',
          "Repeats the measurements of the paper's section 4 with real TCP stacks, next to the kernel's MPTCP. Linux, as root.",
          'What it makes lives in network namespaces of its own and goes with them, also after kill -9: mpip lab down.',
        ].join('\n'),
      )
      .positional('action', { describe: ACTIONS.join(', '), type: 'string' })
      .positional('names', { describe: 'experiments (mpip lab list), or a folder', type: 'string', array: true })
      .option('out', single('folder for results.json and report.html (default mpip-lab)'))
      .option('into', single('folder of an earlier run: its other experiments stay'))
      .option('rounds', single('how often each contender takes its turn (default 3)'))
      .option('seconds', single("how long each measurement takes (default: the experiment's)"))
      .option('settle', single("seconds before it that do not count (default: the experiment's)"))
      .option('system', repeatable('only this contender, such as mpip or mptcp'))
      .option('scheduler', single(`path selection that is compared with the paper's (default ${DEFAULT_SCHEDULER})`))
      .option('peer-command', single("shell command that starts somebody else's MPIP node (docs/lab.md)"))
      .option('format', single('of list: text or json (default text)')) as never,
  handler: async (argv) => process.exit(await handle(argv)),
};

export default command;

/** How this program is started. */
const WORDS = [process.execPath, process.argv[1]!];

async function handle(argv: LabArguments): Promise<number> {
  const { action, names = [] } = argv;
  if (action === undefined) throw new UsageError(`Say what to do: mpip lab ${ACTIONS.join(' | ')}.`);
  if ((PARTS as readonly string[]).includes(action)) return await part(action as (typeof PARTS)[number], names);
  const wanted = oneOf('The action', action, ACTIONS);
  if (wanted === 'all') return await run(argv, EXPERIMENTS);
  if (wanted === 'run') return await run(argv, names.includes('all') ? EXPERIMENTS : names.map(experimentOf));
  if (wanted === 'report') return await report(names);
  if (names.length > 0) throw new UsageError(`mpip lab ${wanted} takes no further word, and was given ${names[0]}.`);
  if (wanted === 'list') {
    const shape = oneOf('--format', argv.format ?? 'text', ['text', 'json'] as const);
    process.stdout.write(listText(EXPERIMENTS, argv.scheduler ?? DEFAULT_SCHEDULER, shape));
    return Exit.ok;
  }
  if (wanted === 'down') {
    if (process.getuid?.() !== 0) throw new FaultError('The lab was made by root; run mpip lab down as root.');
    const removed = Testbed.down();
    say(removed.length === 0 ? 'There was no lab.' : `Removed ${removed.join(', ')}.`);
    return Exit.ok;
  }
  if (wanted === 'status') {
    say(Testbed.isUp() ? `The lab is up: ${HOST_A}, ${ROUTER}, ${HOST_B}.` : 'The lab is not up.');
    return Exit.ok;
  }
  Testbed.up(WORDS);
  say(
    [
      `The lab is up: the client ${HOST_A} (a1 10.79.1.2, a2 10.79.2.2), the router ${ROUTER}, the server ${HOST_B} (b1 10.79.3.2, b2 10.79.4.2).`,
      `Try: ip netns exec ${HOST_A} ip route get 10.79.3.2`,
      'Remove it with: mpip lab down',
    ].join('\n'),
  );
  return Exit.ok;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function experimentOf(name: string): Experiment {
  const found = EXPERIMENTS.find((experiment) => experiment.name === name);
  if (found !== undefined) return found;
  const known = EXPERIMENTS.map((experiment) => experiment.name);
  const near = nearest(name, known);
  throw new UsageError(
    `There is no experiment '${name}'${near === undefined ? '' : `; did you mean ${near}?`}; mpip lab list names them.`,
  );
}

async function run(argv: LabArguments, experiments: readonly Experiment[]): Promise<number> {
  if (experiments.length === 0) throw new UsageError('Name an experiment, or all; mpip lab list names them.');
  const reason = whyNoLab();
  if (reason !== undefined) throw new FaultError(reason);
  const rounds = argv.rounds === undefined ? 3 : wholeNumber('--rounds', argv.rounds, 1, 1000);
  const scheduler = argv.scheduler ?? DEFAULT_SCHEDULER;
  const ids = new Set(experiments.flatMap((experiment) => experiment.contenders(scheduler).map(({ id }) => id)));
  for (const id of argv.system) oneOf('--system', id, [...ids]);
  const interrupt = new AbortController();
  const onSignal = () => {
    process.stderr.write('mpip lab: ends after this measurement; what is finished is written.\n');
    interrupt.abort();
  };
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  if (argv.out !== undefined && argv.into !== undefined)
    throw new UsageError('--out and --into name the same folder, with and without what is in it; give one of them.');
  const out = argv.into ?? argv.out ?? 'mpip-lab';
  const earlier = argv.into === undefined ? undefined : readResults(argv.into);
  const results = await runLab({
    experiments,
    rounds,
    scheduler,
    systems: argv.system,
    times: {
      ...(argv.seconds === undefined ? {} : { seconds: wholeNumber('--seconds', argv.seconds, 1, 86_400) }),
      ...(argv.settle === undefined ? {} : { settle: wholeNumber('--settle', argv.settle, 0, 3600) }),
    },
    out,
    earlier,
    commit: commitOf(),
    tools: {
      words: WORDS,
      peerCommand: argv['peer-command'],
      openStatus: async (path) => {
        const client = await ControlClient.open(path);
        return { status: () => client.request({ command: 'status' }), close: () => client.close() };
      },
    },
    signal: interrupt.signal,
    onProgress: (words) => process.stderr.write(`${words}\n`),
  });
  process.stdout.write(labText(results));
  say(`\nWritten: ${writeLabReport(results, out).join(', ')}`);
  const failed = results.experiments.some(({ systems }) =>
    Object.values(systems).some(({ runs }) => runs.length === 0),
  );
  if (!results.isComplete || failed) return Exit.fault;
  return results.experiments.some(({ verdict }) => verdict === 'missed') ? Exit.fail : Exit.ok;
}

async function report(names: readonly string[]): Promise<number> {
  if (names.length !== 1) throw new UsageError('Name the folder of one run: mpip lab report DIR.');
  const results = judgedAnew(readResults(names[0]!), EXPERIMENTS);
  writeResults(results, names[0]!);
  process.stdout.write(labText(results));
  say(`\nWritten: ${writeLabReport(results, names[0]!).join(', ')}`);
  return Exit.ok;
}

/** What an earlier run wrote. @throws FaultError when there is none. */
function readResults(folder: string): LabResults {
  const path = join(folder, RESULTS_FILE);
  if (!existsSync(path))
    throw new FaultError(`There is no ${path}; name the folder that a run was written to (--out).`);
  try {
    const results = JSON.parse(readFileSync(path, 'utf8')) as LabResults;
    if (results.tool !== 'mpip lab') throw new Error('it is of another tool');
    return results;
  } catch (error) {
    throw new FaultError(`${path} is no result of mpip lab: ${(error as Error).message}.`);
  }
}

/** The commit that was run, where mpip runs from its repository and git can tell. */
function commitOf(): string | null {
  return process.env.MPIP_COMMIT ?? null;
}

/** One of the processes that the lab starts in its namespaces. */
async function part(action: (typeof PARTS)[number], words: readonly string[]): Promise<number> {
  if (action === 'delay-stage') return runDelayStage(words.map(impairmentOf), 1, () => process.stdout.write('ready\n'));
  if (action === 'audio-echo') {
    answerCalls(AUDIO_PORT, () => process.stdout.write('ready\n'));
    return await new Promise<number>((resolve) => process.once('SIGTERM', () => resolve(Exit.ok)));
  }
  const [address, port, seconds] = words;
  say(JSON.stringify(await call(address!, Number(port), Number(seconds))));
  return Exit.ok;
}

/** Reads QUEUE:DELAY:JITTER:LOSS, times in microseconds. */
function impairmentOf(text: string): QueueImpairment {
  const [queue, delay, jitter, loss] = text.split(':').map(Number);
  if (![queue, delay, jitter, loss].every((number) => number !== undefined && number >= 0))
    throw new UsageError(`'${text}' is not QUEUE:DELAY:JITTER:LOSS; write for example 1:5000:0:0.`);
  return { queue: queue!, delay: delay!, jitter: jitter!, loss: loss! };
}
