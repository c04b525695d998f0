import { setTimeout } from 'node:timers/promises';
import { formatIpv4 } from '../codec/index.js';
import type { Session } from '../endpoint/index.js';
import { needCapabilities } from '../io/linux/capabilities.js';
import { liftShields, undoLeftovers } from '../io/linux/host-changes.js';
import { eventInWords, type HostEvent } from '../io/linux/host-network.js';
import { formatNetwork, parseNetwork } from '../io/linux/host-routes.js';
import { HostError, libc } from '../io/linux/libc.js';
import type { Network } from '../io/linux/packet-filter.js';
import { type HostChange, withHostLock } from '../io/linux/state-files.js';
import { ControlServer } from './control-server.js';
import { Exit, FaultError, UsageError } from './exit.js';
import { Guardian } from './guardian.js';
import { InterfacePeer, type InterfacePeerOptions } from './interface-peer.js';
import { nodeIdentity, RulesReloader, report, sayStopped, stopSignal } from './peer-words.js';
import { readRules } from './rules-file.js';

const DEATH_CHECK_MS = 20;
const LONGEST_DEATH_MS = 10_000;

/**
 * Reads the networks of `--route`.
 * @throws UsageError
 */
export function networksOf(texts: readonly string[]): Network[] {
  return texts.map((text) => {
    const network = parseNetwork(text);
    if (network === undefined)
      throw new UsageError(`--route '${text}' is no IPv4 network; give one such as 10.0.0.0/8.`);
    return network;
  });
}

/** Files of a peer. */
export interface PeerFiles {
  /** The control socket; an interface peer has one of its own when none is named. */
  readonly control?: string;
  /** Table 6, read again on SIGHUP. */
  readonly rules?: string;
}

/** How a peer ends, in seconds. */
export interface PeerEnd {
  /** How long it goes on taking CMs off, at most, until its peers have noticed. */
  readonly drain: number;
  /** How long packets with a CM are kept from the kernel after it was killed. */
  readonly shield: number;
}

/**
 * Runs a node on the host's own traffic until SIGINT, SIGTERM or, without a rules file, SIGHUP; prints `ready` with
 * interfaces, routes and host MTU on standard output when traffic flows through it.
 * @returns the exit code.
 */
export async function runInterfacePeer(
  options: InterfacePeerOptions,
  files: PeerFiles,
  { drain, shield }: PeerEnd,
): Promise<number> {
  const { rules } = files;
  // Wrong rules are told before anything is changed.
  if (rules !== undefined) readRules(rules);
  // From here on a signal waits, so that none ends the process between a change of the host and its undoing.
  const stopped = stopSignal(rules === undefined);
  const peer = open({ ...options, onHostChange: (events, problems) => sayChange(peer, events, problems) });
  const guardian = new Guardian(report, shield);
  const close = () => {
    const problems = peer.close();
    guardian.dismiss();
    return problems;
  };
  process.once('uncaughtException', (error) => {
    close();
    const isHost = error instanceof HostError;
    report(isHost ? error.message : `stopped by a fault of its own, which should be reported: ${error.stack}`);
    process.exit(Exit.fault);
  });
  const reloader = rules === undefined ? undefined : new RulesReloader(rules, peer.endpoint);
  const control = new ControlServer(peer, reloader);
  try {
    reloader?.reload();
    reloader?.onHangUp();
    const path = files.control ?? peer.setup.changes.defaultControl;
    await control.open(path);
    peer.setup.changes.noteControl(path);
  } catch (error) {
    close();
    throw error;
  }
  process.stdout.write(`ready ${readyWords(peer)}\n`);
  const signal = await stopped;
  // A second signal ends the waiting.
  const speaking = await peer.drain(drain, stopSignal());
  control.close();
  const problems = close();
  if (speaking.length > 0) report(speakingInWords(speaking));
  for (const problem of problems) report(problem);
  sayStopped(peer.endpoint, signal);
  return problems.length === 0 ? Exit.ok : Exit.fault;
}

/** Undoes what killed peers left, then opens the peer. */
function open(options: InterfacePeerOptions): InterfacePeer {
  try {
    // Loaded first: elsewhere than on Linux nothing of what follows exists.
    libc();
    needCapabilities();
    return withHostLock(() => {
      const { undone, problems, shields } = undoLeftovers({ isShielding: true });
      for (const pid of undone) report(`undone what the killed process ${pid} left.`);
      for (const problem of problems) report(problem);
      const isNeeded = (change: HostChange) =>
        (change.kind === 'qdisc' || change.kind === 'offload') && options.interfaces.includes(change.device);
      const inherited = shields.flatMap(({ changes }) => changes.filter(isNeeded));
      let isOpen = false;
      try {
        const peer = new InterfacePeer({ ...options, inherited });
        isOpen = true;
        return peer;
      } finally {
        // Only now: between, packets with a CM would reach the kernel.
        for (const problem of liftShields(shields, (change) => isOpen && isNeeded(change))) report(problem);
      }
    });
  } catch (error) {
    if (error instanceof HostError) throw new FaultError(error.message);
    throw error;
  }
}

/** Tells people of a change of the host's network. */
function sayChange({ endpoint }: InterfacePeer, events: readonly HostEvent[], problems: readonly string[]): void {
  if (events.length > 0)
    report(`${events.map(eventInWords).join(', ')}; addresses now ${endpoint.addresses.map(formatIpv4).join(' ')}.`);
  for (const problem of problems) report(problem);
}

/** The connections in which peers did not notice that this node ends. */
function speakingInWords(sessions: readonly Session[]): string {
  const [first] = sessions;
  const { destination, destinationPort } = first!.tuple;
  const others = sessions.length > 1 ? ` and ${sessions.length - 1} more` : '';
  return `ended before ${formatIpv4(destination)}:${destinationPort}${others} noticed; what still comes from there with a control message damages open connections, so end them.`;
}

function readyWords({ endpoint, setup, hostMtu, tun, interfaceNames }: InterfacePeer): string {
  const routes = setup.routes.filter(({ source }) => source !== undefined);
  return [
    `interfaces ${interfaceNames.join(' ')}`,
    `addresses ${endpoint.addresses.map(formatIpv4).join(' ')}`,
    `routes ${routes.map(({ network }) => formatNetwork(network)).join(' ')}`,
    `host-mtu ${hostMtu}`,
    `device ${tun.name}`,
    nodeIdentity(endpoint),
  ].join(' ');
}

/**
 * Undoes what killed peers left on this host (`mpip peer --cleanup`).
 * @param after a process whose end is waited for first.
 * @param shield seconds that packets with a CM are kept from the kernel.
 * @returns the exit code.
 */
export async function cleanUpHost(after?: number, shield = 0): Promise<number> {
  const undo = () => withHostLock(() => undoLeftovers({ isShielding: shield > 0 }));
  try {
    let { undone, alive, vanished, problems, shields } = undo();
    for (let waited = 0; after !== undefined && alive.includes(after) && waited < LONGEST_DEATH_MS; ) {
      await setTimeout(DEATH_CHECK_MS);
      waited += DEATH_CHECK_MS;
      ({ undone, alive, vanished, problems, shields } = undo());
    }
    for (const pid of undone) process.stdout.write(`Undone what the killed process ${pid} left.\n`);
    for (const pid of alive) process.stdout.write(`Process ${pid} is still running; its changes stay until it ends.\n`);
    if (vanished > 0)
      process.stdout.write(
        `Removed ${vanished} ${vanished === 1 ? 'file' : 'files'} of processes whose network namespace is gone.\n`,
      );
    if (undone.length + alive.length + vanished + problems.length === 0) process.stdout.write('Nothing was left.\n');
    for (const problem of problems) report(problem);
    if (shields.length > 0) {
      process.stdout.write(`Packets with a control message reach no application for ${shield} s more.\n`);
      await setTimeout(shield * 1000);
      for (const { pid } of shields)
        for (const problem of withHostLock(() => undoLeftovers({ pid })).problems) report(problem);
    }
    return problems.length === 0 ? Exit.ok : Exit.fault;
  } catch (error) {
    if (error instanceof HostError) throw new FaultError(error.message);
    throw error;
  }
}
