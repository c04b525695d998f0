import { formatIpv4, parseIpv4 } from '../codec/index.js';
import { CASES, exitCodeOf, type Link, type RunResult, runSuite, VirtualLink } from '../conformance/index.js';
import { createReferenceHost, type ReferenceHost } from '../endpoint/index.js';
import { becomeHumble, type Identity } from '../io/identity.js';
import { liveLink } from './check-link.js';
import { type CheckArguments, type CheckPlan, planOf } from './check-options.js';
import { CheckOutputs } from './check-outputs.js';
import { ProgressLine } from './check-progress.js';
import { Exit, FaultError, UsageError } from './exit.js';
import { giveFolder, humbleIdentity, isSuperuser } from './privileges.js';
import { referenceUpperTester } from './reference-upper-tester.js';

/** Addresses of the reference in the virtual network. */
const SELF = [parseIpv4('192.0.2.1'), parseIpv4('192.0.2.2')];

/** Runs the suite as the command line says, and writes its reports. @returns the exit code. */
export async function runCheck(argv: CheckArguments): Promise<number> {
  const plan = await planOf(argv);
  const interrupt = new AbortController();
  let isCut = false;
  const onFailure = (sentence: string) => {
    isCut = true;
    process.stderr.write(`mpip check: ${sentence} What is finished is reported.\n`);
    interrupt.abort();
  };
  const link = plan.peer === undefined ? selfLink(plan) : await liveLink(plan, plan.peer, onFailure);
  const humble = link.kind === 'raw' && isSuperuser() ? humbleIdentity() : undefined;
  const outputs = await CheckOutputs.open(plan.reports, plan.knownFailing, humble !== undefined);
  if (humble !== undefined) giveUpPrivileges(plan, humble);
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
  return isCut ? Exit.fault : exitCode;
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
        verifiesChecksums: true,
      }),
    ...(plan.sources.length > 0 ? { sources: plan.sources } : {}),
  });
}
