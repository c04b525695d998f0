import { randomInt } from 'node:crypto';
import type { CommandModule } from 'yargs';
import { formatIpv4, formatNodeId } from '../../codec/index.js';
import { ReferenceHost, type ReferenceHostOptions } from '../../endpoint/index.js';
import { SocketError } from '../../io/udp-sockets.js';
import { ControlServer } from '../control-server.js';
import { Exit, FaultError, UsageError } from '../exit.js';
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
}

const command: CommandModule<object, PeerArguments> = {
  command: 'peer',
  describe: 'run the reference node, to talk to and to compare with',
  builder: (yargs) =>
    yargs
      .usage(
        'mpip peer --address IP [--address IP ...] [--service NAME[:PORT] ...]\n\nRuns the reference MPIP node on UDP sockets, without privilege.',
      )
      .option('address', repeatable('local IPv4 address, primary first; give it once per address'))
      .option('port', single(`port of services that name none (default ${DEFAULT_PORT})`))
      .option('service', repeatable('echo, discard or chargen, each with :PORT if wanted (default echo)'))
      .option('profile', single('layout and clock of what this node sends first (default paper)'))
      .option('node-id', single('node id: two octets in hex, or a whole MAC address (default random)'))
      .option('control', single('Unix socket by which the peer can be made to act (docs/control.md)'))
      .option('set', repeatable('set a constant, such as session-expiry=3s'))
      .example('mpip peer --address 127.0.0.2 --service echo --service discard:7001', 'a peer on loopback') as never,
  handler: async (argv) => process.exit(await runPeer(optionsOf(argv), undefined, argv.control)),
};

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
  const seed = randomInt(2 ** 32);
  return {
    addresses,
    services: parseServices(argv.service.length > 0 ? argv.service : ['echo'], port),
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
  const layout = endpoint.settings.profile.layout;
  const services = options.services.map(({ name, port }) => `${name}:${port}`).join(' ');
  const nodeId = formatNodeId(endpoint.composer.nodeId(layout), layout === 'full' ? 6 : 2);
  process.stdout.write(
    `ready addresses ${options.addresses.map(formatIpv4).join(' ')} services ${services} node-id ${nodeId} profile ${endpoint.settings.profile.name}\n`,
  );
  const signal = await stopSignal();
  control.close();
  peer.close();
  const { counters } = endpoint;
  process.stderr.write(
    `mpip peer: stopped by ${signal} after ${counters.cmReceived} packets with a CM and ${counters.ordinaryReceived} ordinary ones.\n`,
  );
  return Exit.ok;
}

function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve(signal));
  });
}
