import { formatIpv4 } from '../codec/index.js';
import { undoLeftovers } from '../io/linux/host-changes.js';
import { formatNetwork, parseNetwork } from '../io/linux/host-routes.js';
import { HostError } from '../io/linux/libc.js';
import type { Network } from '../io/linux/packet-filter.js';
import { ControlServer } from './control-server.js';
import { Exit, FaultError, UsageError } from './exit.js';
import { InterfacePeer, type InterfacePeerOptions } from './interface-peer.js';
import { nodeIdentity, sayStopped, stopSignal } from './peer-words.js';

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

/**
 * Runs a node on the host's own traffic until SIGINT, SIGTERM or SIGHUP; prints `ready` with interfaces, routes and host
 * MTU on standard output when traffic flows through it.
 * @returns the exit code.
 */
export async function runInterfacePeer(options: InterfacePeerOptions, controlPath?: string): Promise<number> {
  // From here on a signal waits, so that none ends the process between a change of the host and its undoing.
  const stopped = stopSignal();
  const peer = open(options);
  process.once('uncaughtException', (error) => {
    peer.close();
    process.stderr.write(`mpip peer: stopped by a fault of its own, which should be reported: ${error.stack}\n`);
    process.exit(Exit.fault);
  });
  const control = new ControlServer(peer);
  try {
    if (controlPath !== undefined) await control.open(controlPath);
  } catch (error) {
    peer.close();
    throw error;
  }
  process.stdout.write(`ready ${readyWords(peer)}\n`);
  const signal = await stopped;
  control.close();
  const problems = peer.close();
  for (const problem of problems) process.stderr.write(`mpip peer: ${problem}\n`);
  sayStopped(peer.endpoint, signal);
  return problems.length === 0 ? Exit.ok : Exit.fault;
}

/** Undoes what killed peers left, then opens the peer. */
function open(options: InterfacePeerOptions): InterfacePeer {
  try {
    const { undone, problems } = undoLeftovers();
    for (const pid of undone) process.stderr.write(`mpip peer: undone what the killed process ${pid} left.\n`);
    for (const problem of problems) process.stderr.write(`mpip peer: ${problem}\n`);
    return new InterfacePeer(options);
  } catch (error) {
    if (error instanceof HostError) throw new FaultError(error.message);
    throw error;
  }
}

function readyWords({ interfaces, endpoint, setup, hostMtu, tun }: InterfacePeer): string {
  const routes = setup.routes.filter(({ source }) => source !== undefined);
  return [
    `interfaces ${interfaces.map(({ name }) => name).join(' ')}`,
    `addresses ${endpoint.addresses.map(formatIpv4).join(' ')}`,
    `routes ${routes.map(({ network }) => formatNetwork(network)).join(' ')}`,
    `host-mtu ${hostMtu}`,
    `device ${tun.name}`,
    nodeIdentity(endpoint),
  ].join(' ');
}

/**
 * Undoes what killed peers left on this host (`mpip peer --cleanup`).
 * @returns the exit code.
 */
export function cleanUpHost(): number {
  try {
    const { undone, alive, problems } = undoLeftovers();
    for (const pid of undone) process.stdout.write(`Undone what the killed process ${pid} left.\n`);
    for (const pid of alive) process.stdout.write(`Process ${pid} is still running; its changes stay until it ends.\n`);
    if (undone.length + alive.length + problems.length === 0) process.stdout.write('Nothing was left.\n');
    for (const problem of problems) process.stderr.write(`mpip peer: ${problem}\n`);
    return problems.length === 0 ? Exit.ok : Exit.fault;
  } catch (error) {
    if (error instanceof HostError) throw new FaultError(error.message);
    throw error;
  }
}
