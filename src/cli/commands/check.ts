import type { CommandModule } from 'yargs';
import { formatIpv4, parseIpv4 } from '../../codec/index.js';
import {
  CASES,
  exitCodeOf,
  type Link,
  type RunResult,
  runSuite,
  type TestCase,
  VirtualLink,
} from '../../conformance/index.js';
import { createReferenceHost, type ReferenceHost } from '../../endpoint/index.js';
import { liveLink } from '../check-link.js';
import { type CheckArguments, type CheckPlan, chosenCases, planOf } from '../check-options.js';
import { CheckOutputs } from '../check-outputs.js';
import { ProgressLine } from '../check-progress.js';
import { Exit, FaultError, UsageError } from '../exit.js';
import { oneOf, repeatable, single } from '../options.js';
import { DEFAULT_PORT } from '../peer-options.js';
import { becomeHumble, giveFolder, humbleIdentity, type Identity, isSuperuser } from '../privileges.js';
import { referenceUpperTester } from '../reference-upper-tester.js';

/** Addresses of the reference in the virtual network. */
const SELF = [parseIpv4('192.0.2.1'), parseIpv4('192.0.2.2')];

const command: CommandModule<object, CheckArguments> = {
  command: 'check [peer]',
  describe: 'examine a peer: a verdict for each requirement',
  builder: (yargs) =>
    yargs
      .usage(
        'mpip check PEER [option ...]\nmpip check --self [option ...]\nmpip check [PEER] --capture FILE... [option ...]\nmpip check --list [filter ...]\n\nExamines whether a peer speaks MPIP as the paper says. Exit code: 0 all passed, 1 something failed, 2 wrong command line, 3 something inconclusive, 4 a fault on this side.',
      )
      .positional('peer', { describe: "the peer's IPv4 address, or localhost", type: 'string' })
      .option(
        'capture',
        repeatable('judge a capture instead: of all its nodes, or of the one at PEER; files are merged by time'),
      )
      .option('self', { describe: 'test the built-in reference in a virtual network', type: 'boolean' })
      .option('list', { describe: 'list the cases instead of playing them', type: 'boolean' })
      .option('format', single('with --list: text or json (default text)'))
      .option('udp-port', single(`port of services that name none (default ${DEFAULT_PORT})`))
      .option('tcp-port', single('port of a TCP echo service; cases about TCP need one (with --self: that of echo)'))
      .option('service', repeatable('what the peer offers: echo, discard or chargen, each with :PORT (default echo)'))
      .option('source', repeatable('local IPv4 address to test from; several are used as several hosts'))
      .option('profile', single('how the peer speaks (default auto: found out; with --self paper)'))
      .option(
        'pics',
        single('what the peer supports: a YAML file, or paper, paper-wrapper, linux-2014, linux-2015, linux-2017'),
      )
      .option('pixit', repeatable("one of the peer's constants, such as session-expiry=3s"))
      .option('case', repeatable('play only cases whose id matches this glob'))
      .option('skip', repeatable('leave out cases whose id matches this glob'))
      .option('requirement', repeatable('play only cases that cover this requirement'))
      .option('area', repeatable('play only cases of this area'))
      .option('slow', { describe: 'play cases that wait longer than 10 s too', type: 'boolean' })
      .option('unprivileged', { describe: 'use ordinary sockets', type: 'boolean' })
      .option('explain', { describe: 'say at the end why the peer does not use several paths', type: 'boolean' })
      .option('upper-tester', single('program that makes the peer act: JSON lines of docs/control.md on its input'))
      .option('shell', { describe: 'run that program through /bin/sh', type: 'boolean' })
      .option('control', single('control socket of an mpip peer, to make it act'))
      .option('allow-target', repeatable('CIDR that raw packets may go to beside loopback and private addresses'))
      .option('rate', single('most packets a second (default 4000)'))
      .option('seed', single('seed of random choices (default random; printed)'))
      .option('jobs', single('cases played side by side'))
      .option('timeout', single('longest time for one case in seconds'))
      .option(
        'report',
        repeatable('KIND=PATH with text, json, ndjson, junit, tap, markdown or html; - is standard output'),
      )
      .option('evidence', single('folder for a pcapng file per case'))
      .option(
        'known-failing',
        single('file of cases that are known to fail, with their causes; they do not fail the run'),
      )
      .option('update-known-failing', { describe: 'write that file anew from this run', type: 'boolean' })
      .example('mpip check 127.0.0.2 --unprivileged --service echo --service discard:7001', 'a peer on loopback')
      .example("mpip check --self --case 'AV-*' --report json=-", 'some cases against the reference') as never,
  handler: async (argv) => {
    if (argv.list === true) return (await list(argv)) as never;
    if (argv.capture.length > 0) return (await (await import('../check-capture.js')).checkCapture(argv)) as never;
    return (await check(planOf(argv))) as never;
  },
};

export default command;

async function list(argv: CheckArguments): Promise<number> {
  const format = oneOf('--format', argv.format ?? 'text', ['text', 'json']);
  const cases = argv.capture.length > 0 ? await passiveCases(argv) : chosenCases(argv);
  if (format === 'json') {
    const rows = cases.map(({ id, area, purpose, requirements, services }) => ({
      id,
      area,
      purpose,
      requirements,
      services,
    }));
    process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
    return Exit.ok;
  }
  const column = Math.max(0, ...cases.map((testCase) => testCase.id.length));
  const lines = cases.map((testCase) => listLine(testCase, column));
  process.stdout.write(`${lines.join('\n')}\n`);
  return Exit.ok;
}

/** The predicates that captures are judged by, as cases that need no service. */
async function passiveCases(argv: CheckArguments): Promise<ListedCase[]> {
  const { chosenPredicates } = await import('../check-capture.js');
  return chosenPredicates(argv).map((predicate) => ({ ...predicate, services: [] }));
}

type ListedCase = Pick<TestCase, 'id' | 'area' | 'purpose' | 'requirements' | 'services'>;

function listLine({ id, purpose, requirements, services }: ListedCase, column: number): string {
  return `${id.padEnd(column)}  ${purpose} [${requirements.join(' ')}; ${services.join(' ') || 'no service'}]`;
}

async function check(plan: CheckPlan): Promise<number> {
  const link = plan.peer === undefined ? selfLink(plan) : await liveLink(plan, plan.peer);
  const humble = link.kind === 'raw' && isSuperuser() ? humbleIdentity() : undefined;
  const outputs = await CheckOutputs.open(plan.reports, plan.knownFailing, humble !== undefined);
  if (humble !== undefined) giveUpPrivileges(plan, humble);
  const interrupt = new AbortController();
  const onSignal = () => {
    if (interrupt.signal.aborted) process.exit(130);
    process.stderr.write('mpip check: interrupted; what is finished is reported. Once more ends at once.\n');
    interrupt.abort();
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  const progress = new ProgressLine();
  let run: RunResult;
  try {
    run = await runSuite({
      link,
      address: plan.peer ?? SELF[0]!,
      services: plan.services,
      cases: plan.cases,
      catalogue: CASES,
      profile: plan.profile,
      capabilities: plan.capabilities,
      constants: plan.constants,
      seed: plan.seed,
      slow: plan.slow,
      unprivileged: plan.unprivileged,
      explain: plan.explain,
      ...(plan.tcpPort === undefined ? {} : { tcpPort: plan.tcpPort }),
      ...(plan.jobs === undefined ? {} : { jobs: plan.jobs }),
      ...(plan.timeout === undefined ? {} : { timeout: plan.timeout }),
      ...(plan.evidence === undefined ? {} : { evidence: plan.evidence }),
      ...(humble === undefined ? {} : { evidenceAt: '.' }),
      keepExchanges: plan.reports.some(({ kind }) => kind === 'html'),
      signal: interrupt.signal,
      onBegin: (head) => outputs.begin(head, plan.evidence === undefined || humble === undefined ? plan.evidence : '.'),
      onResult: (result) => outputs.note(result),
      onProgress: (state) => progress.update(state),
    });
  } catch (error) {
    throw evidenceFault(error);
  } finally {
    progress.stop();
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
    link.close();
  }
  run = outputs.compared(run);
  outputs.write(run);
  const exitCode = exitCodeOf(run);
  if (run.counts.pass + run.counts.fail + run.counts.inconc + run.counts.error === 0) {
    process.stderr.write('mpip check: no case was executed, which proves nothing; the exit code is 4.\n');
  }
  return exitCode;
}

/**
 * Everything privileged is open: what a peer sends is read by somebody without rights. The folder of the evidence becomes
 * the current one, so that it can be written even where the folders above it cannot be entered.
 */
function giveUpPrivileges({ evidence }: CheckPlan, identity: Identity): void {
  try {
    if (evidence !== undefined) {
      giveFolder(evidence, identity);
      process.chdir(evidence);
    }
  } catch (error) {
    throw evidenceFault(error);
  }
  becomeHumble(identity);
}

/** The evidence could not be written, in words; anything else as it is. */
function evidenceFault(error: unknown): unknown {
  const { code, path, message } = error as NodeJS.ErrnoException;
  if (code === undefined || path === undefined) return error;
  return new FaultError(`The evidence ${path} cannot be written: ${message}.`);
}

function selfLink(plan: CheckPlan): Link {
  const clash = plan.sources.find((source) => SELF.includes(source));
  if (clash !== undefined) {
    throw new UsageError(`--source ${formatIpv4(clash)} is an address of the reference itself; choose another.`);
  }
  const services = [...plan.services].map(([name, port]) => ({ name, port }));
  return new VirtualLink({
    upperTester: (host, surroundings) => referenceUpperTester(host as ReferenceHost, surroundings),
    createPeer: (seed) =>
      createReferenceHost({
        addresses: SELF,
        services,
        profile: plan.profile === 'auto' ? 'paper' : plan.profile.name,
        constants: plan.constants,
        seed,
        tcpMode: plan.capabilities.has('udp-wrapper') ? 'udp-wrapper' : 'fake-tcp',
        reordering: plan.capabilities.has('reordering'),
      }),
    ...(plan.sources.length > 0 ? { sources: plan.sources } : {}),
  });
}
