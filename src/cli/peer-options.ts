import type { Constants, Ipv4, NodeId, ProfileName } from '../codec/index.js';
import {
  CodecError,
  ConstantError,
  PROFILE_NAMES,
  parseConstant,
  parseIpv4,
  parseNodeId,
  Random,
} from '../codec/index.js';
import {
  DEFAULT_LIMITS,
  type EndpointOptions,
  type Limits,
  randomMac,
  SERVICE_NAMES,
  type ServiceAddress,
  type ServiceName,
} from '../endpoint/index.js';
import { UsageError } from './exit.js';
import { oneOf, wholeNumber } from './options.js';

/**
 * Reads `NAME` or `NAME:PORT`.
 * @throws UsageError for an unknown service or port.
 */
export function parseService(text: string, defaultPort: number): ServiceAddress {
  const [name, port, ...rest] = text.split(':');
  if (rest.length > 0)
    throw new UsageError(`--service '${text}' is not NAME or NAME:PORT; write for example echo:7000.`);
  return {
    name: oneOf('--service', name!, SERVICE_NAMES) as ServiceName,
    port: port === undefined ? defaultPort : wholeNumber(`The port of --service ${name}`, port, 1, 65535),
  };
}

/**
 * Reads the services of a command; two on one port are an error.
 * @throws UsageError
 */
export function parseServices(texts: readonly string[], defaultPort: number): ServiceAddress[] {
  const services = texts.map((text) => parseService(text, defaultPort));
  for (const [i, service] of services.entries()) {
    const clash = services.slice(0, i).find((other) => other.port === service.port);
    if (clash)
      throw new UsageError(
        `Services ${clash.name} and ${service.name} both use port ${service.port}; give one another port, such as ${service.name}:${service.port + 1}.`,
      );
  }
  return services;
}

/**
 * Reads a dotted IPv4 address; an IPv6 address or a name is refused with a sentence.
 * @throws UsageError
 */
export function parseAddress(option: string, text: string): Ipv4 {
  if (text === 'localhost') return parseIpv4('127.0.0.1');
  if (text.includes(':'))
    throw new UsageError(
      `${option} '${text}' looks like IPv6; MPIP is defined for IPv4 only, give an address such as 127.0.0.2.`,
    );
  try {
    return parseIpv4(text);
  } catch (error) {
    if (error instanceof CodecError)
      throw new UsageError(`${option} '${text}' is no IPv4 address; give one such as 127.0.0.2.`);
    throw error;
  }
}

/**
 * Reads the `NAME=VALUE` settings of `--set` or `--pixit`.
 * @throws UsageError
 */
export function parseConstants(texts: readonly string[]): Partial<Constants> {
  const constants: Partial<Constants> = {};
  for (const text of texts) {
    try {
      const { name, value } = parseConstant(text);
      constants[name] = value;
    } catch (error) {
      if (error instanceof ConstantError) throw new UsageError(error.message);
      throw error;
    }
  }
  return constants;
}

/** Names of the limits on the command line, with the option of the endpoint and what each counts. */
const LIMITS: Readonly<Record<string, keyof Limits | 'tableLimit'>> = {
  table: 'tableLimit',
  ...Object.fromEntries(
    (Object.keys(DEFAULT_LIMITS) as (keyof Limits)[]).map((name) => [
      name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
      name,
    ]),
  ),
};
const MOST = 2 ** 31;

/** The limits as the help lists them. */
export const LIMIT_NAMES: readonly string[] = Object.keys(LIMITS);

/**
 * Reads the `NAME=VALUE` settings of `--limit`: whole numbers, or `off`.
 * @throws UsageError
 */
export function parseLimits(texts: readonly string[]): Pick<EndpointOptions, 'limits' | 'tableLimit'> {
  const limits: Partial<Record<keyof Limits, number>> = {};
  let tableLimit: number | undefined;
  for (const text of texts) {
    const [name, value, ...rest] = text.split('=');
    if (value === undefined || rest.length > 0)
      throw new UsageError(`--limit '${text}' is not NAME=VALUE; write for example sessions=1000.`);
    const limit = LIMITS[oneOf('--limit', name!, LIMIT_NAMES)]!;
    const most = value === 'off' ? Number.POSITIVE_INFINITY : wholeNumber(`--limit ${name}`, value, 1, MOST);
    if (limit === 'tableLimit') tableLimit = most;
    else limits[limit] = most;
  }
  return { limits, ...(tableLimit === undefined ? {} : { tableLimit }) };
}

/** Reads a profile's name. */
export function parseProfile(text: string): ProfileName {
  return oneOf('--profile', text, PROFILE_NAMES);
}

/**
 * The MAC address behind a node id: two octets (of `compact`) are put behind a locally administered prefix, six are the
 * MAC itself; without one, a random one.
 * @throws UsageError
 */
export function macOf(nodeId: string | undefined, seed: number): NodeId {
  if (nodeId === undefined) return randomMac(new Random(seed));
  try {
    const { nodeId: value, octets } = parseNodeId(nodeId);
    const mac = octets === 6 ? value : 0x02 * 2 ** 40 + value;
    if (octets === 6 && (mac === 0 || Math.floor(mac / 2 ** 40) % 2 === 1))
      throw new UsageError(
        `--node-id ${nodeId} is no unicast MAC address; its first octet must be even and it must not be zero.`,
      );
    return mac;
  } catch (error) {
    if (error instanceof CodecError)
      throw new UsageError(`--node-id '${nodeId}' is not two or six octets in hex; write for example 9d:f8.`);
    throw error;
  }
}

const MICROS: Readonly<Record<string, number>> = { us: 1, ms: 1e3, s: 1e6, min: 60e6, h: 3600e6 };

/**
 * Reads a time that may be negative, with its unit; a bare number is seconds.
 * @returns microseconds.
 * @throws UsageError
 */
export function parseClockOffset(text: string): number {
  const [, number, unit = 's'] = /^(-?\d+(?:\.\d+)?)(us|ms|s|min|h)?$/.exec(text) ?? [];
  if (number === undefined)
    throw new UsageError(`--clock-offset '${text}' is no time; write for example 1s or -300ms.`);
  return Math.round(Number(number) * MICROS[unit]!);
}

/** Reads parts per million. @throws UsageError */
export function parseClockDrift(text: string): number {
  const ppm = /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (!(Math.abs(ppm) <= 100_000))
    throw new UsageError(`--clock-drift must be parts per million from -100000 to 100000, not '${text}'.`);
  return ppm;
}
