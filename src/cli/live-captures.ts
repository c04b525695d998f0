import type { CapturedPacket } from '../dissector/index.js';
import { isKnownLinkType } from '../io/link-type.js';
import { InterfaceCapture } from '../io/linux/interface-capture.js';
import { HostError, libc, type Watch } from '../io/linux/libc.js';
import { PcapCapture } from '../io/pcap/pcap-capture.js';
import { PcapError } from '../io/pcap/pcap-link.js';
import type { LiveLinkName } from './dissect-request.js';
import { FaultError, UsageError } from './exit.js';

/** The other way to the same packets, where this one is not to be had. */
const BY_TCPDUMP = 'let tcpdump read them: sudo tcpdump -i IFACE -s 0 -U -w - | mpip dissect -';
/** Milliseconds between the arrival of a packet and its time, where that is taken when the packet is read. */
const LAG_OF_READING = 1000;

/** An interface that is read. */
export interface LiveCapture {
  readonly name: string;
  /** Packets handed out so far. */
  readonly packets: number;
  /** The next packet, which stays the next until `advance`; undefined when none waits. Valid until then. */
  peek(): CapturedPacket | undefined;
  advance(): void;
  /** Calls `onReady` when packets may wait, or nothing more comes. */
  watch(onReady: () => void): Watch;
  /** True when nothing more comes because the interface is gone, or what reads it. */
  readonly isGone: boolean;
  /** That in a sentence. */
  readonly gone: string | undefined;
  /** No packets are wanted but those that came until now. */
  end(): void;
  /** True after `end` when no packet waits any more. */
  readonly isRead: boolean;
  /** How many milliseconds later than it came a packet's time may be. */
  readonly lag: number;
  /** What is known of packets that were lost. */
  losses(): string;
  close(): void;
}

/** @throws UsageError for an unknown interface, FaultError where packets cannot be read */
export async function openCaptures(names: readonly string[], link: LiveLinkName): Promise<LiveCapture[]> {
  const captures: LiveCapture[] = [];
  try {
    for (const name of names) captures.push(link === 'packet' ? openPacketCapture(name) : await openPcapCapture(name));
    return captures;
  } catch (error) {
    for (const capture of captures) capture.close();
    throw error;
  }
}

function openPacketCapture(name: string): LiveCapture {
  if (process.platform !== 'linux')
    throw new FaultError('--link packet reads interfaces on Linux only; take --link pcap, the default elsewhere.');
  let capture: InterfaceCapture;
  try {
    capture = InterfaceCapture.open(name);
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    if (error.code === 'ENODEV') throw new UsageError(error.message);
    if (error.code === 'EPERM' || error.code === 'EACCES')
      throw new FaultError(
        `--live needs privilege to read packets: run it as root or with CAP_NET_RAW, or ${BY_TCPDUMP}`,
      );
    throw new FaultError(error.message);
  }
  return {
    name,
    lag: 0,
    isRead: true,
    get packets() {
      return capture.packets;
    },
    get isGone() {
      return capture.isGone;
    },
    get gone() {
      return capture.isGone ? `Interface ${name} was removed meanwhile.` : undefined;
    },
    peek: () => capture.peek(),
    advance: () => capture.advance(),
    watch: (onReady) => libc().watcher(capture.fd, 'readable', onReady),
    end() {},
    losses: () => `dropped by the kernel: ${capture.dropped()}`,
    close: () => capture.close(),
  };
}

async function openPcapCapture(name: string): Promise<LiveCapture> {
  let capture: PcapCapture;
  try {
    capture = await PcapCapture.open(name);
  } catch (error) {
    if (!(error instanceof PcapError)) throw error;
    if (error.code === 'device') throw new UsageError(error.message);
    if (error.code === 'refused') throw new FaultError(error.message);
    throw new FaultError(`${error.message.replace(/\.$/, '')}; or ${BY_TCPDUMP}`);
  }
  const { link } = capture;
  const linkType = link.linkTypes[0]!;
  if (!isKnownLinkType(linkType)) {
    link.close();
    throw new FaultError(`Frames of ${name} are of the link type ${linkType}, in which no IPv4 packets are found.`);
  }
  let isOn = false;
  return {
    name,
    lag: LAG_OF_READING,
    get packets() {
      return capture.packets;
    },
    get isGone() {
      return link.failure !== undefined && capture.peek() === undefined;
    },
    get gone() {
      return link.failure;
    },
    get isRead() {
      return link.isOver && capture.peek() === undefined;
    },
    peek: () => capture.peek(),
    advance: () => capture.advance(),
    watch(onReady) {
      link.onReady = () => {
        if (isOn) onReady();
      };
      return {
        start() {
          isOn = true;
          // It may have happened while nobody watched.
          if (link.isReady) queueMicrotask(link.onReady);
        },
        stop() {
          isOn = false;
        },
        close() {
          isOn = false;
        },
      };
    },
    end: () => link.end(),
    losses: () => `dropped here: ${link.lost}; how many the kernel dropped is not known with --link pcap`,
    close: () => link.close(),
  };
}
