import { randomInt } from 'node:crypto';
import type { CommandModule } from 'yargs';
import { formatIpv4, formatNodeId } from '../../codec/index.js';
import { type Endpoint, type EndpointOptions, ReferenceHost, type ReferenceHostOptions } from '../../endpoint/index.js';
import { undoLeftovers } from '../../io/linux/host-changes.js';
import { formatNetwork, parseNetwork } from '../../io/linux/host-routes.js';
import { HostError } from '../../io/linux/libc.js';
import { SocketError } from '../../io/udp-sockets.js';
import { ControlServer } from '../control-server.js';
import { Exit, FaultError, UsageError } from '../exit.js';
import { InterfacePeer, type InterfacePeerOptions } from '../interface-peer.js';
import { repeatable, single, wholeNumber } from '../options.js';
import { DEFAULT_PORT, macOf, parseAddress, parseConstants, parseProfile, parseServices } from '../peer-options.js';
import { PeerProcess } from '../peer-process.js';

interface PeerArguments {
  readonly address: string[];
  readonly port: string | undefined;
  readonly service: string[];
  readonly profile: string | undefined;
  readonly 'node-id': string | undefined;
  readonly set: string[];
  readonly control: string | undefined;
  readonly interface: string[];
  readonly route: string[];
  readonly 'fake-tcp': boolean;
  readonly 'udp-wrapper': boolean;
  readonly 'max-paths': string | undefined;
  readonly cleanup: boolean;
}

/** Options that mean something with `--interface` only. */
const HOST_OPTIONS = ['route', 'fake-tcp', 'udp-wrapper', 'max-paths'] as const;

const command: CommandModule<object, PeerArguments> = {
  command: 'peer',
  describe: 'run the reference node, to talk to and to compare with',
  builder: (yargs) =>
    yargs
      .usage(
        'mpip peer --address IP [--address IP ...] [--service NAME[:PORT] ...]\nmpip peer --interface NAME [--interface NAME ...] [--route CIDR ...]\nmpip peer --cleanup\n\nRuns the reference MPIP node: with --address on UDP sockets, without privilege; with --interface (Linux, root) between the\nkernel and the interfaces, where it carries the TCP and UDP of every local application.',
      )
      .option('address', repeatable('local IPv4 address, primary first; give it once per address'))
      .option('port', single(`port of services that name none (default ${DEFAULT_PORT})`))
      .option('service', repeatable('echo, discard or chargen, each with :PORT if wanted (default echo)'))
      .option('profile', single('layout and clock of what this node sends first (default paper)'))
      .option('node-id', single('node id: two octets in hex, or a whole MAC address (default random)'))
      .option('control', single('Unix socket by which the peer can be made to act (docs/control.md)'))
      .option('set', repeatable('set a constant, such as session-expiry=3s'))
      .option(
        'interface',
        repeatable('interface whose IPv4 TCP and UDP go through the node; give it once per interface'),
      )
      .option('route', repeatable('only packets to and from this network, such as 10.0.0.0/8 (default all)'))
      .option('fake-tcp', flag('TCP on further paths after a fake handshake (default)'))
      .option('udp-wrapper', flag('TCP on further paths inside UDP'))
      .option('max-paths', single('keep only the fastest N paths of a session (default all)'))
      .option('cleanup', flag('undo what a killed peer with --interface left on this host'))
      .example('mpip peer --address 127.0.0.2 --service echo --service discard:7001', 'a peer on loopback') as never,
<<<<<<< HEAD
  handler: async (argv) => process.exit(await runPeer(optionsOf(argv), undefined, argv.control)),
=======
  handler: async (argv) => process.exit(await run(argv)),
};

function flag(describe: string) {
  return { describe, type: 'boolean' as const, default: false };
}

/** Runs the kind of peer that the options ask for. */
function run(argv: PeerArguments): Promise<number> {
  if (argv.cleanup) {
    const others = ['address', 'interface', 'service', 'route', 'set'] as const;
    if (others.some((name) => argv[name].length > 0))
      throw new UsageError('--cleanup stands alone; leave the other options out.');
    return Promise.resolve(cleanUp());
  }
  if (argv.interface.length > 0) return runInterfacePeer(interfaceOptionsOf(argv));
  for (const name of HOST_OPTIONS)
    if (
      argv[name] === true ||
      (typeof argv[name] === 'string' ? argv[name] !== '' : (argv[name] as unknown[])?.length > 0)
    )
      throw new UsageError(`--${name} needs --interface; on UDP sockets (--address) it has no meaning.`);
  return runPeer(optionsOf(argv), undefined, argv.control);
}

export default command;

/** The reference host that the command line asks for. */
export function optionsOf(argv: PeerArguments): ReferenceHostOptions {
  const port = argv.port === undefined ? DEFAULT_PORT : wholeNumber('--port', argv.port, 1, 65535);
  if (argv.address.length === 0)
    throw new UsageError('Give the peer an address to answer on, such as --address 127.0.0.2.');
  const addresses = argv.address.map((text) => parseAddress('--address', text));
  const double = addresses.find((address, i) => addresses.indexOf(address) !== i);
  if (double !== undefined)
    throw new UsageError(`--address ${formatIpv4(double)} was given twice; give each address once.`);
  return {
    addresses,
    services: parseServices(argv.service.length > 0 ? argv.service : ['echo'], port),
    ...commonOptionsOf(argv),
  };
}

/** What both kinds of peer are told. */
function commonOptionsOf(argv: PeerArguments): Pick<EndpointOptions, 'profile' | 'mac' | 'constants' | 'seed'> {
  const seed = randomInt(2 ** 32);
  return {
    profile: parseProfile(argv.profile ?? 'paper'),
    mac: macOf(argv['node-id'], seed),
    constants: parseConstants(argv.set),
    seed,
  };
}

/**
 * Runs a peer until SIGINT or SIGTERM; prints `ready` with addresses and services on standard output when it answers.
 * @returns the exit code.
 */
export async function runPeer(
  options: ReferenceHostOptions,
  host = new ReferenceHost(options),
  controlPath?: string,
): Promise<number> {
  const peer = new PeerProcess(host);
  const control = new ControlServer(peer);
  try {
    await peer.open(options.services);
    if (controlPath !== undefined) await control.open(controlPath);
  } catch (error) {
    peer.close();
    if (error instanceof SocketError) throw new FaultError(error.message);
    throw error;
  }
  const { endpoint } = host;
  const services = options.services.map(({ name, port }) => `${name}:${port}`).join(' ');
  process.stdout.write(
    `ready addresses ${options.addresses.map(formatIpv4).join(' ')} services ${services} ${identity(endpoint)}\n`,
  );
  const signal = await stopSignal();
  control.close();
  peer.close();
  sayStopped(endpoint, signal);
  return Exit.ok;
}

/** The node on the host's own traffic that the command line asks for. */
export function interfaceOptionsOf(argv: PeerArguments): InterfacePeerOptions {
  for (const name of ['address', 'service'] as const)
    if (argv[name].length > 0)
      throw new UsageError(`--${name} does not go with --interface; the applications of this host are its services.`);
  if (argv.port !== undefined) throw new UsageError('--port does not go with --interface; leave it out.');
  if (argv['fake-tcp'] && argv['udp-wrapper'])
    throw new UsageError('--fake-tcp and --udp-wrapper exclude each other; give one of them.');
  const double = argv.interface.find((name, i) => argv.interface.indexOf(name) !== i);
  if (double !== undefined) throw new UsageError(`--interface ${double} was given twice; give each interface once.`);
  const networks = argv.route.map((text) => {
    const network = parseNetwork(text);
    if (network === undefined)
      throw new UsageError(`--route '${text}' is no IPv4 network; give one such as 10.0.0.0/8.`);
    return network;
  });
  const maxPaths = argv['max-paths'];
  return {
    interfaces: argv.interface,
    networks,
    tcpMode: argv['udp-wrapper'] ? 'udp-wrapper' : 'fake-tcp',
    ...(maxPaths === undefined ? {} : { maxPaths: wholeNumber('--max-paths', maxPaths, 1, 255) }),
    ...commonOptionsOf(argv),
  };
}

/** Runs a node on the host's own traffic until SIGINT, SIGTERM or SIGHUP. @returns the exit code. */
async function runInterfacePeer(options: InterfacePeerOptions): Promise<number> {
  // From here on a signal is waited for, so that none ends the process between a change and its undoing.
  const stopped = stopSignal();
  let peer: InterfacePeer;
  try {
    cleanUpQuietly();
    peer = new InterfacePeer(options);
  } catch (error) {
    if (error instanceof HostError) throw new FaultError(error.message);
    throw error;
  }
  process.once('uncaughtException', (error) => {
    peer.close();
    process.stderr.write(`mpip peer: stopped by a fault of its own, which should be reported: ${error.stack}\n`);
    process.exit(Exit.fault);
  });
  const { endpoint } = peer;
  const routes = peer.setup.routes.flatMap(({ network, source }) =>
    source === undefined ? [] : [formatNetwork(network)],
  );
  process.stdout.write(
    `ready interfaces ${peer.interfaces.map(({ name }) => name).join(' ')} addresses ${endpoint.addresses.map(formatIpv4).join(' ')} routes ${routes.join(' ')} host-mtu ${peer.hostMtu} device ${peer.tun.name} ${identity(endpoint)}\n`,
  );
  const signal = await stopped;
  const problems = peer.close();
  for (const problem of problems) process.stderr.write(`mpip peer: ${problem}\n`);
  sayStopped(endpoint, signal);
  return problems.length === 0 ? Exit.ok : Exit.fault;
}

/** Undoes what killed peers left. @returns the exit code. */
function cleanUp(): number {
  const { undone, alive, problems } = undoLeftovers();
  for (const pid of undone) process.stdout.write(`Undone what the killed process ${pid} left.\n`);
  for (const pid of alive) process.stdout.write(`Process ${pid} is still running; its changes stay until it ends.\n`);
  if (undone.length + alive.length + problems.length === 0) process.stdout.write('Nothing was left.\n');
  for (const problem of problems) process.stderr.write(`mpip peer: ${problem}\n`);
  return problems.length === 0 ? Exit.ok : Exit.fault;
}

/** As `cleanUp` before a start: says only what was done or failed. */
function cleanUpQuietly(): void {
  const { undone, problems } = undoLeftovers();
  for (const pid of undone) process.stderr.write(`mpip peer: undone what the killed process ${pid} left.\n`);
  for (const problem of problems) process.stderr.write(`mpip peer: ${problem}\n`);
}

function identity({ settings, composer }: Endpoint): string {
  const { name, layout } = settings.profile;
  return `node-id ${formatNodeId(composer.nodeId(layout), layout === 'full' ? 6 : 2)} profile ${name}`;
}

function sayStopped({ counters }: Endpoint, signal: string): void {
  process.stderr.write(
    `mpip peer: stopped by ${signal} after ${counters.cmReceived} packets with a CM and ${counters.ordinaryReceived} ordinary ones.\n`,
  );
}

function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve(signal));
  });
}
