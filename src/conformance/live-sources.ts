import { randomInt } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { formatIpv4, type Ipv4, parseIpv4 } from '../codec/index.js';
import { type Destination, LinkError, type Micros, type ReachAnswer } from './link.js';

/** 0.0.0.0: stands for a local address where there is no way to the peer. */
const ANY: Ipv4 = 0;
/** Ports that the tester draws its own from: the whole range above those of common services. */
const FIRST_PORT = 10_240;
const LAST_PORT = 65_535;
/** Ports that are tried before an address counts as full. */
const MOST_ATTEMPTS = 100;

/**
 * The local addresses of a live run: those that were given, each found usable, else what suits the peer: two random ones of
 * 127.0.0.0/8 for a peer on loopback where the system lets us, so that no run meets what the peer remembers of an earlier
 * one; otherwise the one that the system chooses.
 * @throws LinkError when one of the given addresses cannot be used.
 */
export async function liveSources(peer: Destination, given: readonly Ipv4[] = []): Promise<readonly Ipv4[]> {
  const sources = given.length > 0 ? given : await defaultSources(peer);
  for (const source of sources) await probeSource(source);
  return sources;
}

/** Ports that cases of a run had: chosen at random, and never given to another case, so that late answers reach nobody. */
export class FreshPorts {
  readonly #used = new Set<number>();

  /**
   * Draws ports until `attempt` has one.
   * @param attempt resolves to undefined for a port that is taken.
   * @throws LinkError when none of many is free.
   */
  async take<T>(address: Ipv4, attempt: (port: number) => T | undefined | Promise<T | undefined>): Promise<T> {
    for (let attempts = 0; attempts <= MOST_ATTEMPTS; ) {
      const port = randomInt(FIRST_PORT, LAST_PORT + 1);
      if (this.#used.has(port)) {
        // A very long run has had them all: those of its first cases come again.
        if (this.#used.size > (LAST_PORT - FIRST_PORT) / 2) this.#used.clear();
        continue;
      }
      this.#used.add(port);
      attempts++;
      const got = await attempt(port);
      if (got !== undefined) return got;
    }
    throw new LinkError(`No port of ${formatIpv4(address)} is free.`);
  }
}

/** Binds a UDP socket. */
export function bindUdp(address: Ipv4, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
    socket.once('error', reject);
    socket.bind({ address: formatIpv4(address), port, exclusive: true }, () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });
}

/** A local address cannot be used, in words. */
export function sourceError(address: Ipv4, error: unknown): LinkError {
  const reason = (error as NodeJS.ErrnoException).code ?? String(error);
  return new LinkError(
    `The local address ${formatIpv4(address)} cannot be used (${reason}): give one of this machine's own with --source.`,
  );
}

/** Sends an ordinary datagram from a connected socket, which shows ICMP errors, and waits at most `within`. */
export function reachBySocket(source: Ipv4, to: Destination, within: Micros): Promise<ReachAnswer> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    let timer: NodeJS.Timeout | undefined;
    const end = (answer: ReachAnswer) => {
      clearTimeout(timer);
      socket.removeAllListeners();
      socket.on('error', ignoreError);
      socket.close();
      resolve(answer);
    };
    timer = setTimeout(() => end('silent'), within / 1000);
    const sent = (error: Error | null) => {
      if (error) end(answerOf(error));
    };
    socket.on('error', (error: NodeJS.ErrnoException) => end(answerOf(error)));
    socket.on('message', () => end('answered'));
    socket.bind({ port: 0, address: formatIpv4(source) }, () => {
      socket.connect(to.port, formatIpv4(to.address), (error?: Error) => {
        if (error) end(answerOf(error));
        else socket.send(REACH_PAYLOAD, sent);
      });
    });
  });
}

/** For sockets whose errors show elsewhere. */
export const ignoreError = () => {};

const REACH_PAYLOAD = new TextEncoder().encode('anybody there?');

/** What an error of a connected socket says about the way to the peer. */
function answerOf(error: Error): ReachAnswer {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ECONNREFUSED':
      return 'refused';
    case 'ENETUNREACH':
    case 'EHOSTUNREACH':
    case 'EADDRNOTAVAIL':
    case 'EACCES':
    case 'EPERM':
      return 'no-route';
    default:
      return 'silent';
  }
}

async function probeSource(address: Ipv4): Promise<void> {
  try {
    (await bindUdp(address, 0)).close();
  } catch (error) {
    throw sourceError(address, error);
  }
}

async function defaultSources(peer: Destination): Promise<readonly Ipv4[]> {
  const chosen = await chosenByTheSystem(peer);
  if (chosen === undefined) return [ANY];
  if (chosen >>> 24 !== 127) return [chosen];
  const sources: Ipv4[] = [];
  while (sources.length < 2) {
    const candidate = 0x7f000000 + randomInt(0x010000, 0xfffffe);
    if (candidate === peer.address || sources.includes(candidate)) continue;
    try {
      (await bindUdp(candidate, 0)).close();
      sources.push(candidate);
    } catch {
      return [chosen];
    }
  }
  return sources;
}

/** Undefined when the system has no way to the peer. */
function chosenByTheSystem(peer: Destination): Promise<Ipv4 | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    const end = (address?: Ipv4) => {
      socket.removeAllListeners();
      socket.on('error', ignoreError);
      socket.close();
      resolve(address);
    };
    socket.once('error', () => end());
    socket.connect(peer.port, formatIpv4(peer.address), (error?: Error) => {
      end(error ? undefined : parseIpv4(socket.address().address));
    });
  });
}
