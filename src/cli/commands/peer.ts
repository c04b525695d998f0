import { randomInt } from 'node:crypto';
import type { CommandModule } from 'yargs';
import { formatIpv4 } from '../../codec/index.js';
import {
  type EndpointOptions,
  ReferenceHost,
  type ReferenceHostOptions,
  SCHEDULER_NAMES,
  type SchedulerName,
} from '../../endpoint/index.js';
import { SocketError } from '../../io/udp-sockets.js';
import { ControlServer } from '../control-server.js';
import { DEFAULT_PORT } from '../default-port.js';
import { Exit, FaultError, UsageError } from '../exit.js';
import type { InterfacePeerOptions } from '../interface-peer.js';
import { oneOf, repeatable, single, wholeNumber } from '../options.js';
import {
  LIMIT_NAMES,
  macOf,
  parseAddress,
  parseClockDrift,
  parseClockOffset,
  parseConstants,
  parseLimits,
  parseProfile,
  parseServices,
} from '../peer-options.js';
import { PeerProcess } from '../peer-process.js';
import { nodeIdentity, RulesReloader, sayStopped, stopSignal } from '../peer-words.js';
import { cleanUpHost, networksOf, type PeerFiles, runInterfacePeer } from '../run-interface-peer.js';

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
  readonly 'path-sequence': boolean;
  readonly tcp: boolean;
  readonly 'max-paths': string | undefined;
  readonly scheduler: string | undefined;
  readonly 'no-offload': boolean;
  readonly rules: string | undefined;
  readonly limit: string[];
  readonly 'no-return-proof': boolean;
  readonly 'no-reordering': boolean;
  readonly 'clock-offset': string | undefined;
  readonly 'clock-drift': string | undefined;
  readonly cleanup: boolean;
  readonly after: string | undefined;
  readonly drain: string | undefined;
  readonly shield: string | undefined;
}

/** Seconds: longest wait at the end, and time after a kill for which packets with a CM are kept from the kernel. */
const DRAIN = 5;
const SHIELD = 60;
const MOST_SECONDS = 86_400;
/** What may stand beside --cleanup. */
const CLEANUP: readonly (keyof PeerArguments)[] = ['cleanup', 'after', 'shield'];

const command: CommandModule<object, PeerArguments> = {
  command: 'peer',
  describe: 'run the reference node, to talk to and to compare with',
  builder: (yargs) =>
    yargs
      .usage(
        [
          'mpip peer --address IP [--address IP ...] [--service NAME[:PORT] ...]',
          'mpip peer --interface NAME [--interface NAME ...] [--route CIDR ...]',
          'mpip peer --cleanup',
          '',
          'Runs the reference MPIP node: with --address on UDP sockets, without privilege; with',
          '--interface (Linux, as root) between the kernel and its interfaces, where it carries the TCP',
          'and UDP of every local application.',
        ].join('\n'),
      )
      .option('address', repeatable('local IPv4 address, primary first; give it once per address'))
      .option('port', single(`port of services that name none (default ${DEFAULT_PORT})`))
      .option('service', repeatable('echo, discard or chargen, each with :PORT if wanted (default echo)'))
      .option('profile', single('layout and clock of what this node sends first (default paper)'))
      .option('node-id', single('node id: two octets in hex, or a whole MAC address (default random)'))
      .option('control', single('Unix socket by which the peer can be made to act (docs/control.md)'))
      .option('set', repeatable('set a constant, such as session-expiry=3s'))
      .option('interface', repeatable('interface whose IPv4 TCP and UDP go through the node, primary first'))
      .option('route', repeatable('only packets to and from this network, such as 10.0.0.0/8 (default all)'))
      .option('fake-tcp', flag('TCP on further paths after a fake handshake (default)'))
      .option('udp-wrapper', flag('TCP on further paths inside UDP'))
      .option('path-sequence', flag("fake TCP with each path's own sequence numbers, if the peer has it (extension)"))
      .option('tcp', flag('with --address: TCP on the ports of the services too (Linux, CAP_NET_RAW)'))
      .option('max-paths', single('keep only the fastest N paths of a session (default all)'))
      .option(
        'scheduler',
        single(`how paths are chosen: ${SCHEDULER_NAMES.join(' or ')} (default paper; docs/schedulers.md)`),
      )
      .option('no-offload', flag('single packets instead of super-packets and trains of datagrams'))
      .option('rules', single('JSON file of routing priorities (Table 6), read again on SIGHUP'))
      .option('drain', single(`seconds that it waits at its end, at most, for its peers to notice (default ${DRAIN})`))
      .option(
        'shield',
        single(`seconds for which packets with a CM are kept from the kernel after it was killed (default ${SHIELD})`),
      )
      .option('after', { ...single('with --cleanup: wait for the end of this process first'), hidden: true })
      .option(
        'limit',
        repeatable(`bound on what strangers can cause, such as sessions=1000; off lifts it: ${LIMIT_NAMES.join(', ')}`),
      )
      .option('no-return-proof', flag('addresses of a peer carry user data before they answered a query'))
      .option('no-reordering', flag('TCP segments go up as they come'))
      .option('clock-offset', single("time by which this node's clock is ahead, such as 1s or -300ms (default 0)"))
      .option('clock-drift', single('parts per million by which it is fast; negative: slow (default 0)'))
      .option('cleanup', flag('undo what a killed peer with --interface left on this host'))
      .group(['address', 'port', 'service', 'tcp'], 'On UDP sockets, or raw ones with TCP:')
      .group(
        ['interface', 'route', 'fake-tcp', 'udp-wrapper', 'path-sequence', 'no-offload', 'drain', 'shield', 'cleanup'],
        "On this host's interfaces (Linux, root):",
      )
      .group(
        [
          'profile',
          'node-id',
          'set',
          'rules',
          'scheduler',
          'max-paths',
          'no-reordering',
          'clock-offset',
          'clock-drift',
        ],
        'The node:',
      )
      .group(['limit', 'no-return-proof'], 'What strangers can cause (docs/security.md):')
      .group(['control'], 'While it runs:')
      .example('mpip peer --address 127.0.0.2 --service echo', 'a peer on loopback')
      .example('mpip peer --interface eth0 --interface wlan0', "this host's traffic on two ways") as never,
  handler: async (argv) => process.exit(await run(argv)),
};

export default command;

function flag(describe: string) {
  return { describe, type: 'boolean' as const, default: false };
}

/** True for names of options of this command among what yargs gives. */
function isOwnOption(name: string): name is keyof PeerArguments & string {
  return /^[a-z]/.test(name) && !['help', 'h', 'version'].includes(name);
}

function secondsOf(option: string, text: string | undefined, otherwise: number): number {
  return text === undefined ? otherwise : wholeNumber(`--${option}`, text, 0, MOST_SECONDS);
}

/**
 * Runs the kind of peer that the options ask for. `prepare` is given the reference host before it has run, where that is asked for.
 * @throws UsageError when the options do not go together.
 */
export function run(argv: PeerArguments, prepare: (host: ReferenceHost) => void = () => {}): Promise<number> {
  const given = (names: readonly (keyof PeerArguments)[]) =>
    names.find((name) => {
      const value = argv[name];
      return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== false;
    });
  if (argv.cleanup) {
    const other = given(
      Object.keys(argv)
        .filter(isOwnOption)
        .filter((name) => !CLEANUP.includes(name)),
    );
    if (other !== undefined) throw new UsageError(`--cleanup stands alone; leave --${other} out.`);
    const after = argv.after === undefined ? undefined : wholeNumber('--after', argv.after, 1, 2 ** 31);
    return cleanUpHost(after, secondsOf('shield', argv.shield, 0));
  }
  if (argv.interface.length > 0) {
    const other = given(['address', 'port', 'service', 'tcp']);
    if (other !== undefined)
      throw new UsageError(`--${other} does not go with --interface; the host's own applications are its services.`);
    const end = { drain: secondsOf('drain', argv.drain, DRAIN), shield: secondsOf('shield', argv.shield, SHIELD) };
    return runInterfacePeer(interfaceOptionsOf(argv), filesOf(argv), end);
  }
  const host = ['route', 'no-offload', 'drain', 'shield'] as const;
  const other = given(argv.tcp ? host : [...host, 'fake-tcp', 'udp-wrapper', 'path-sequence']);
  if (other !== undefined) throw new UsageError(`--${other} needs --interface; on UDP sockets it has no meaning.`);
  const options = optionsOf(argv);
  const reference = new ReferenceHost(options);
  prepare(reference);
  return runPeer(options, reference, filesOf(argv), argv.tcp);
}

/** The reference host that the command line asks for. */
function optionsOf(argv: PeerArguments): ReferenceHostOptions {
  const port = argv.port === undefined ? DEFAULT_PORT : wholeNumber('--port', argv.port, 1, 65535);
  if (argv.address.length === 0)
    throw new UsageError(
      'Give the peer an address to answer on, such as --address 127.0.0.2, or an interface, such as --interface eth0.',
    );
  const addresses = argv.address.map((text) => parseAddress('--address', text));
  const double = addresses.find((address, i) => addresses.indexOf(address) !== i);
  if (double !== undefined)
    throw new UsageError(`--address ${formatIpv4(double)} was given twice; give each address once.`);
  return {
    addresses,
    services: parseServices(argv.service.length > 0 ? argv.service : ['echo'], port),
    fragmentsBelow: !argv.tcp,
    ...commonOptionsOf(argv),
  };
}

/** The node on the host's own traffic that the command line asks for. */
export function interfaceOptionsOf(argv: PeerArguments): InterfacePeerOptions {
  const double = argv.interface.find((name, i) => argv.interface.indexOf(name) !== i);
  if (double !== undefined) throw new UsageError(`--interface ${double} was given twice; give each interface once.`);
  return {
    interfaces: argv.interface,
    networks: networksOf(argv.route),
    offload: !argv['no-offload'],
    ...commonOptionsOf(argv),
  };
}

function filesOf({ control, rules }: PeerArguments): PeerFiles {
  if (control === '') throw new UsageError('--control needs a path, such as --control /tmp/peer.sock.');
  return { ...(control === undefined ? {} : { control }), ...(rules === undefined ? {} : { rules }) };
}

/** What both kinds of peer are told. */
function commonOptionsOf(argv: PeerArguments): Omit<EndpointOptions, 'addresses'> {
  if (argv['path-sequence'] && argv['udp-wrapper'])
    throw new UsageError('--path-sequence is an extension of --fake-tcp; leave --udp-wrapper out.');
  if (argv['fake-tcp'] && argv['udp-wrapper'])
    throw new UsageError('--fake-tcp and --udp-wrapper exclude each other; give one of them.');
  const maxPaths = argv['max-paths'];
  const seed = randomInt(2 ** 32);
  return {
    profile: parseProfile(argv.profile ?? 'paper'),
    mac: macOf(argv['node-id'], seed),
    constants: parseConstants(argv.set),
    tcpMode: argv['udp-wrapper'] ? 'udp-wrapper' : 'fake-tcp',
    pathSequence: argv['path-sequence'],
    reordering: !argv['no-reordering'],
    returnProof: !argv['no-return-proof'],
    clockOffsetMicros: argv['clock-offset'] === undefined ? 0 : parseClockOffset(argv['clock-offset']),
    clockDriftPpm: argv['clock-drift'] === undefined ? 0 : parseClockDrift(argv['clock-drift']),
    ...parseLimits(argv.limit),
    scheduler: oneOf('--scheduler', argv.scheduler ?? 'paper', SCHEDULER_NAMES) as SchedulerName,
    ...(maxPaths === undefined ? {} : { maxPaths: wholeNumber('--max-paths', maxPaths, 1, 255) }),
    seed,
  };
}

/**
 * Runs a peer until SIGINT, SIGTERM or, without a rules file, SIGHUP; prints `ready` with addresses and services on standard output when it answers.
 * @returns the exit code.
 */
async function runPeer(
  options: ReferenceHostOptions,
  host: ReferenceHost,
  files: PeerFiles,
  withTcp: boolean,
): Promise<number> {
  const peer = new PeerProcess(host, withTcp);
  const reloader = files.rules === undefined ? undefined : new RulesReloader(files.rules, host.endpoint);
  const control = new ControlServer(peer, reloader);
  reloader?.reload();
  const stopped = stopSignal(reloader === undefined);
  reloader?.onHangUp();
  try {
    await peer.open(options.services);
    if (files.control !== undefined) await control.open(files.control);
  } catch (error) {
    peer.close();
    if (error instanceof SocketError) throw new FaultError(error.message);
    throw error;
  }
  const { endpoint } = host;
  const services = options.services.map(({ name, port }) => `${name}:${port}`).join(' ');
  process.stdout.write(
    `ready addresses ${options.addresses.map(formatIpv4).join(' ')} services ${services} ${nodeIdentity(endpoint)}\n`,
  );
  const signal = await stopped;
  control.close();
  peer.close();
  sayStopped(endpoint, signal);
  return Exit.ok;
}
