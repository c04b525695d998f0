import { defaultConstants, type Ipv4, PROFILES } from '../codec/index.js';
import { exitCodeOf, type RunResult, SelectionError, select } from '../conformance/index.js';
import { PASSIVE_CASES, PassiveRun, passiveResult } from '../conformance/passive/index.js';
import { TimeOrder } from '../io/time-order.js';
import { type CheckArguments, knownFailingOf, reportsOf } from './check-options.js';
import { CheckOutputs } from './check-outputs.js';
import { selectionFault } from './check-selection.js';
import { readMergedFiles } from './dissect-input.js';
import { Exit, UsageError } from './exit.js';
import { Interrupt } from './interrupt.js';
import { restoreDash } from './options.js';
import { processOutput } from './output.js';
import { parseAddress, parseConstants, parseProfile } from './peer-options.js';
import { readPics } from './pics.js';

/** Options that make no sense where nothing is sent. */
const ACTIVE_ONLY = [
  'self',
  'udp-port',
  'tcp-port',
  'service',
  'source',
  'slow',
  'unprivileged',
  'link',
  'seed',
  'explain',
  'jobs',
  'timeout',
  'evidence',
  'upper-tester',
  'shell',
  'control',
  'allow-target',
  'rate',
] as const;

/** `mpip check --capture FILE...`: judges captures by the same requirements. @returns the exit code */
export async function checkCapture(argv: CheckArguments): Promise<number> {
  for (const name of ACTIVE_ONLY) {
    const value: unknown = argv[name];
    if (value !== undefined && !(Array.isArray(value) && value.length === 0))
      throw new UsageError(`--${name} is for a peer that packets are sent to; --capture only reads: leave it out.`);
  }
  const files = argv.capture.map(restoreDash);
  if (files.filter((file) => file === '-').length > 1)
    throw new UsageError('Standard input (-) can be read only once: name it once.');
  // Nothing has to be found out: what is said of profiles holds for all of them.
  const given = argv.profile === 'auto' ? undefined : argv.profile;
  const pics = argv.pics === undefined ? undefined : readPics(argv.pics);
  const profile = PROFILES[parseProfile(given ?? pics?.profile ?? 'paper')];
  const constants = { ...defaultConstants(), ...pics?.constants, ...parseConstants(argv.pixit) };
  const address: Ipv4 | undefined = argv.peer === undefined ? undefined : parseAddress('PEER', argv.peer);
  const predicates = chosenPredicates(argv);
  const outputs = await CheckOutputs.open(
    reportsOf(argv.report),
    knownFailingOf(argv['known-failing'], argv['update-known-failing'] === true),
    false,
  );
  const began = performance.now();
  const passive = new PassiveRun({ constants, predicates, ...(address === undefined ? {} : { address }) });
  const interrupt = new Interrupt(processOutput(), 'mpip check: interrupted; what was read is judged.');
  const inOrder = new TimeOrder((packet, file) => passive.see(packet, file));
  const damages = await readMergedFiles(files, (packet, file) => inOrder.add(packet, file), interrupt.output);
  inOrder.end();
  interrupt.end();
  let run: RunResult = passiveResult(passive.end(), {
    files,
    tracker: passive.tracker,
    profile,
    capabilities: pics?.capabilities,
    address,
    durationMs: Math.round(performance.now() - began),
    isInterrupted: interrupt.isAsked,
  });
  run = outputs.compared(run, PASSIVE_CASES);
  outputs.write(run);
  for (const damage of damages) process.stderr.write(`mpip check: ${damage}\n`);
  const executed = run.counts.pass + run.counts.fail + run.counts.inconc;
  if (executed === 0) {
    const why = passive.tracker.cmPackets === 0 ? 'no packet carries a control message' : 'no predicate applies';
    process.stderr.write(`mpip check: ${why}, which proves nothing; the exit code is 4.\n`);
  }
  return damages.length > 0 ? Exit.fault : exitCodeOf(run);
}

/** The predicates that the filters choose. @throws UsageError for a filter that is unknown or matches nothing */
export function chosenPredicates(argv: CheckArguments): typeof PASSIVE_CASES {
  try {
    return select(PASSIVE_CASES, {
      cases: argv.case,
      skip: argv.skip,
      areas: argv.area.map((area) => area.toUpperCase()),
      requirements: argv.requirement.map((id) => id.toUpperCase()),
    });
  } catch (error) {
    throw error instanceof SelectionError ? selectionFault(error, '--list --capture FILE') : error;
  }
}
