import { createSocket } from 'node:dgram';
import { formatIpv4, type Ipv4, parseIpv4 } from '../codec/index.js';
import { createReferenceHost } from '../endpoint/index.js';
import { mixSeed } from '../fuzz/generator.js';
import { isLoopback } from '../fuzz/safety.js';
import type { Surroundings, Target } from '../fuzz/target.js';
import { HostTarget, virtualSurroundings } from '../fuzz/targets/host-target.js';
import type { LiveTargetOptions } from '../fuzz/targets/live-target.js';
import { PidWatch, SupervisedProcess, type Watch } from '../fuzz/targets/process-watch.js';
import { RawTarget } from '../fuzz/targets/raw-target.js';
import { SocketTarget } from '../fuzz/targets/socket-target.js';
import { HostError } from '../io/linux/libc.js';
import { FaultError, UsageError } from './exit.js';
import { type FuzzPeer, peerName } from './fuzz-options.js';

/** The bystander and two fuzzed nodes. */
const NODES = 3;
/** Addresses of the reference in virtual time. */
const SELF = [parseIpv4('192.0.2.1'), parseIpv4('192.0.2.2')];

/** Makes the target of a campaign or replay; `seed` decides the addresses on loopback. */
export async function openTarget(peer: FuzzPeer, seed: number): Promise<Target> {
  return peer.kind === 'self' ? selfTarget(peer) : await liveTarget(peer, seed);
}

function selfTarget(peer: FuzzPeer & { kind: 'self' }): Target {
  const { echoPort, isWrapper } = peer;
  const services = [
    { name: 'echo' as const, port: echoPort },
    { name: 'discard' as const, port: echoPort + 1 },
  ];
  return new HostTarget({
    name: peerName(peer),
    surroundings: virtualSurroundings(SELF[0]!, echoPort, echoPort + 1),
    createPeer: (peerSeed) =>
      createReferenceHost({
        addresses: SELF,
        services,
        seed: peerSeed,
        tcpMode: isWrapper ? 'udp-wrapper' : 'fake-tcp',
      }),
  });
}

async function liveTarget(peer: FuzzPeer & { kind: 'live' }, seed: number): Promise<Target> {
  const options = {
    name: peerName(peer),
    surroundingsOf: await surroundingsOf(peer, seed),
    watch: watchOf(peer),
    rate: peer.rate,
  };
  const target = peer.isRaw ? rawTarget(options) : new SocketTarget(options);
  if (peer.exec !== undefined) await target.reset(seed);
  return target;
}

function rawTarget(options: LiveTargetOptions): RawTarget {
  try {
    return RawTarget.open(options);
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    throw new FaultError(`${error.message} Without --raw ordinary UDP sockets are used, which need no privilege.`);
  }
}

function watchOf({ exec, pid, restart }: FuzzPeer & { kind: 'live' }): Watch | undefined {
  if (exec !== undefined) return new SupervisedProcess(exec);
  if (pid !== undefined || restart !== undefined) return new PidWatch(() => pid, restart);
  return undefined;
}

/** Which addresses an exchange has, by its seed. */
async function surroundingsOf(
  peer: FuzzPeer & { kind: 'live' },
  seed: number,
): Promise<(exchange: number) => Surroundings> {
  if (peer.sources.length > 0) {
    const isOwn = await Promise.all(peer.sources.map(canBind));
    const own = peer.sources.filter((_, i) => isOwn[i]);
    const forged = peer.sources.filter((_, i) => !isOwn[i]);
    if (own.length === 0 || (forged.length > 0 && !peer.isRaw))
      throw new UsageError(
        `--source ${formatIpv4(forged[0]!)} is no address of this machine; ${own.length === 0 ? 'give one that is' : 'to forge it takes --raw'}.`,
      );
    return () => shared(peer, own, forged);
  }
  const leading = await leadingAddress(peer.address, peer.echoPort);
  const isOwnHost = isLoopback(peer.address) && (await canBindAll(ownAddresses(peer.address, seed)));
  return isOwnHost
    ? (exchange) => shared(peer, ownAddresses(peer.address, mixSeed(seed, exchange)), [])
    : () => shared(peer, [leading], []);
}

/** Two addresses for each of the three nodes where there are six, one where there are three, all together otherwise. */
function shared(peer: FuzzPeer & { kind: 'live' }, sources: readonly Ipv4[], forged: readonly Ipv4[]): Surroundings {
  const isSeparate = sources.length >= NODES;
  const share = Math.floor(sources.length / NODES);
  const of = (index: number) =>
    isSeparate ? sources.slice(index * share, index * share + Math.min(2, share)) : sources.slice(0, 2);
  return {
    peer: peer.address,
    echoPort: peer.echoPort,
    discardPort: peer.discardPort,
    tcpPort: peer.tcpPort,
    bystander: of(0),
    actors: [of(1), of(2)],
    // Addresses of loopback that nobody has: elsewhere nobody's address is known.
    strangers: isSeparate && isLoopback(peer.address) ? [(sources[0]! ^ 0x0101) >>> 0] : forged,
    forged,
    isSeparate,
  };
}

/** Six addresses of loopback that the seed decides. */
function ownAddresses(peer: Ipv4, seed: number): readonly Ipv4[] {
  const addresses: Ipv4[] = [];
  for (let i = 0; addresses.length < 2 * NODES; i++) {
    const candidate = 0x7f00_0000 + 0x01_0000 + (mixSeed(seed, 31, i) % 0xfe_0000);
    const last = candidate & 0xff;
    if (candidate !== peer && last !== 0 && last !== 0xff && !addresses.includes(candidate)) addresses.push(candidate);
  }
  return addresses;
}

async function canBindAll(addresses: readonly Ipv4[]): Promise<boolean> {
  for (const address of addresses) if (!(await canBind(address))) return false;
  return true;
}

function leadingAddress(peer: Ipv4, port: number): Promise<Ipv4> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    const end = (error?: Error) => {
      const address = error === undefined ? parseIpv4(socket.address().address) : 0;
      socket.close();
      if (error === undefined) resolve(address);
      else reject(new UsageError(`There is no way to ${formatIpv4(peer)} (${error.message}); look at the address.`));
    };
    socket.once('error', end);
    socket.connect(port, formatIpv4(peer), end);
  });
}

function canBind(address: Ipv4): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    const end = (isBound: boolean) => {
      socket.close();
      resolve(isBound);
    };
    socket.once('error', () => end(false));
    socket.bind(0, formatIpv4(address), () => end(true));
  });
}
