import { formatIpv4, type Ipv4 } from '../codec/index.js';
import {
  isIn,
  type Link,
  LinkError,
  OWN_BLOCKS,
  RawLink,
  type RawLinkOptions,
  SocketLink,
} from '../conformance/index.js';
import { missingCapabilities } from '../io/linux/capabilities.js';
import { HostError } from '../io/linux/libc.js';
import { PcapError } from '../io/pcap/pcap-link.js';
import { PcapSockets } from '../io/pcap/pcap-sockets.js';
import type { OpenRawNetwork } from '../io/raw-network.js';
import type { CheckPlan } from './check-options.js';
import { FaultError, UsageError } from './exit.js';
import { LiveUpperTester } from './live-upper-tester.js';
import { humbleIdentity, isSuperuser } from './privileges.js';

/**
 * The link of a live run: what was asked for, else packet sockets where this process may open them, else UDP sockets, and then
 * says so on standard error.
 * @param onFailure is called once when nothing reaches the peer any more, with a sentence.
 * @throws UsageError for a peer that raw packets must not go to and for a local address that cannot be used, FaultError
 * for an upper tester that does not answer, and where the link that was asked for is not to be had.
 */
export async function liveLink(
  plan: CheckPlan,
  address: Ipv4,
  onFailure: (sentence: string) => void = () => {},
): Promise<Link> {
  const name = plan.link ?? (mayOpenPacketSockets() ? 'packet' : 'socket');
  if (name !== 'socket' && !isIn([...OWN_BLOCKS, ...plan.allowedTargets], address)) {
    const peer = formatIpv4(address);
    throw new UsageError(
      `PEER ${peer} is neither a loopback nor a private address, and this run would send raw packets there. If you may, say --allow-target ${peer}/32; or give --unprivileged.`,
    );
  }
  const upper = await upperTesterOf(plan);
  const echo = plan.services.get('echo');
  const port = echo ?? [...plan.services.values()][0]!;
  const options: RawLinkOptions = {
    peer: { address, port },
    ...(echo === undefined ? {} : { echo: { address, port: echo } }),
    sources: plan.sources,
    allowedTargets: plan.allowedTargets,
    ...(plan.rate === undefined ? {} : { rate: plan.rate }),
    ...(upper === undefined ? {} : { upper }),
  };
  try {
    const link =
      name === 'packet'
        ? await rawLink(options)
        : name === 'pcap'
          ? await rawLink({ ...options, network: byLibpcap(onFailure) })
          : await SocketLink.open(options);
    if (plan.link === undefined && name === 'socket')
      process.stderr.write(
        'mpip check: without CAP_NET_RAW ordinary UDP sockets are used; cases about TCP and whole packets cannot be played (--unprivileged leaves them out and silences this).\n',
      );
    return link;
  } catch (error) {
    upper?.close();
    if (error instanceof LinkError) throw new UsageError(error.message);
    throw error;
  }
}

/** Whole packets; ordinary sockets where there is no way to the peer, which the run then finds out and says. */
async function rawLink(options: RawLinkOptions): Promise<Link> {
  try {
    return await RawLink.open(options);
  } catch (error) {
    if (!(error instanceof HostError || error instanceof PcapError)) throw error;
    if (error.code === 'ENETUNREACH') return await SocketLink.open(options);
    throw new FaultError(`${error.message} With --unprivileged ordinary sockets are used.`);
  }
}

/** The processes that use libpcap are nobody special, as this one will be. */
function byLibpcap(onFailure: (sentence: string) => void): OpenRawNetwork {
  const identity = isSuperuser() ? humbleIdentity() : undefined;
  return (addresses, onPacket, onLate) => PcapSockets.open(addresses, onPacket, { identity, onFailure, onLate });
}

async function upperTesterOf({ upperTester }: CheckPlan): Promise<LiveUpperTester | undefined> {
  if (upperTester === undefined) return undefined;
  try {
    return 'control' in upperTester
      ? await LiveUpperTester.connect(upperTester.control)
      : await LiveUpperTester.start(upperTester.command, upperTester.shell);
  } catch (error) {
    if (error instanceof LinkError) throw new FaultError(error.message);
    throw error;
  }
}

function mayOpenPacketSockets(): boolean {
  return process.platform === 'linux' && !missingCapabilities().includes('CAP_NET_RAW');
}
