/**
 * The constants of the protocol: declared once, options of the endpoint (`--set NAME=VALUE`) and expectations of the
 * tester (`--pixit NAME=VALUE`).
 */

/** Unit of a constant; times are kept in microseconds. */
export type ConstantUnit = 'µs' | 'count' | 'ratio' | 'octets';

/** One constant: default, bounds and where it comes from. */
export interface ConstantDeclaration {
  readonly default: number;
  readonly unit: ConstantUnit;
  readonly min: number;
  readonly max: number;
  readonly description: string;
  readonly source: string;
}

const ms = 1_000;
const s = 1_000_000;
const forever = 365 * 86_400 * s;

/** Every constant by the name that the command line uses. */
export const CONSTANTS = {
  'query-limit': {
    default: 5,
    unit: 'count',
    min: 1,
    max: 1000,
    description: 'availability queries per address and port, the first included',
    source: 'paper 3.2',
  },
  'weight-step': {
    default: 10,
    unit: 'count',
    min: 0,
    max: 1000,
    description: 'granularity S of a path weight',
    source: 'paper 3.6.1',
  },
  'weight-period': {
    default: 100 * ms,
    unit: 'µs',
    min: 1 * ms,
    max: 3600 * s,
    description: 'period T of the weight adjustment',
    source: 'paper 3.6.1',
  },
  'weight-min': {
    default: 1,
    unit: 'count',
    min: 0,
    max: 1000,
    description: 'smallest path weight',
    source: 'paper 3.6.1',
  },
  'weight-max': {
    default: 1000,
    unit: 'count',
    min: 1,
    max: 1_000_000,
    description: 'largest path weight; a new path gets this over the number of paths',
    source: 'paper 3.6.1',
  },
  'weight-dead-band': {
    default: 0,
    unit: 'µs',
    min: 0,
    max: 10 * s,
    description: 'a queuing delay counts as above the average when it is by more than this',
    source: 'ours; 0 is Algorithm 1 of the paper to the letter',
  },
  'session-expiry': {
    default: 120 * s,
    unit: 'µs',
    min: 10 * ms,
    max: forever,
    description: 'a session ends after this long without a packet that is not a heartbeat',
    source: 'paper 3.7.1',
  },
  'reordering-slots': {
    default: 10,
    unit: 'count',
    min: 1,
    max: 10_000,
    description: 'segments the reordering buffer of a session holds',
    source: 'paper 3.8.3',
  },
  'reordering-hold': {
    default: 50 * ms,
    unit: 'µs',
    min: 0,
    max: 60 * s,
    description: 'longest hold of a segment in the reordering buffer',
    source: 'decision 24',
  },
  'reordering-margin': {
    default: 0,
    unit: 'µs',
    min: 0,
    max: 60 * s,
    description:
      'a missing segment is waited for as long as the slowest path takes, and this much longer; 0: for reordering-hold',
    source: 'ours, decision 62; 0 is decision 24',
  },
  'heartbeat-age': {
    default: 1 * s,
    unit: 'µs',
    min: 1 * ms,
    max: 3600 * s,
    description: "a heartbeat is due when a path's feedback is this old",
    source: "paper 3.5 (close to the obsolete value); value of the authors' kernels",
  },
  'path-expiry': {
    default: 5 * s,
    unit: 'µs',
    min: 10 * ms,
    max: forever,
    description: 'a path is obsolete after sending on it for this long without feedback',
    source: 'paper 3.4; value ours',
  },
  'path-refresh': {
    default: 1 * s,
    unit: 'µs',
    min: 1 * ms,
    max: forever,
    description: 'a usable path unused for this long gets the next data packet',
    source: 'ours: keeps a path of weight 1 measured',
  },
  'stale-delay': {
    default: 10 * s,
    unit: 'µs',
    min: 1 * ms,
    max: forever,
    description: 'a path unused for this long gets one packet even where a rule asks for the lowest delay',
    source: 'ours: a delay that nobody measures stays for ever (paper 3.6.2)',
  },
  'delay-smoothing': {
    default: 1 / 8,
    unit: 'ratio',
    min: 0.001,
    max: 1,
    description: 'weight of a new sample in the moving average of the delay',
    source: 'paper 3.4; value as for the SRTT of TCP (RFC 6298)',
  },
  'ip-change-packets': {
    default: 6,
    unit: 'count',
    min: 1,
    max: 255,
    description: 'most packets that carry ip-change after an address change',
    source: "paper 3.4; value of the authors' kernels",
  },
  'small-packet': {
    default: 200,
    unit: 'octets',
    min: 0,
    max: 65535,
    description: 'IP length below which the example rules call a packet small',
    source: 'paper 3.6.2, 4.3',
  },
  'syn-interval': {
    default: 1 * s,
    unit: 'µs',
    min: 1 * ms,
    max: 3600 * s,
    description: 'first retransmission of a fake SYN; doubled twice',
    source: 'decision; paper 3.8.1 is silent',
  },
  'refusal-time': {
    default: 1 * s,
    unit: 'µs',
    min: 1 * ms,
    max: 3600 * s,
    description:
      'a path by fake TCP is refused after sending on it for this long without feedback, while others get some',
    source: 'decision 57; paper 3.8.1 is silent',
  },
  'confirm-expiry': {
    default: 120 * s,
    unit: 'µs',
    min: 10 * ms,
    max: forever,
    description: 'how long a waiting TCP confirmation is kept',
    source: 'decision 9',
  },
  'id-reuse': {
    default: 120 * s,
    unit: 'µs',
    min: 0,
    max: forever,
    description: 'a freed session or path id is not given out before',
    source: 'wire format, ids',
  },
  'clock-step': {
    default: 60 * s,
    unit: 'µs',
    min: 1 * ms,
    max: 2147 * s,
    description: "a jump of a path's delay by more restarts its measurement",
    source: 'decision 20',
  },
} as const satisfies Record<string, ConstantDeclaration>;

/** Name of a constant. */
export type ConstantName = keyof typeof CONSTANTS;

/** A value for every constant; times in microseconds. */
export type Constants = Record<ConstantName, number>;

/** Names of all constants. */
export const CONSTANT_NAMES = Object.keys(CONSTANTS) as ConstantName[];

const DEFAULTS = Object.fromEntries(CONSTANT_NAMES.map((name) => [name, CONSTANTS[name].default])) as Constants;

/** The paper's values. */
export function defaultConstants(): Constants {
  return { ...DEFAULTS };
}

/** A constant that could not be read; `message` is a sentence for the person who typed it. */
export class ConstantError extends Error {
  override readonly name = 'ConstantError';
  readonly code = 'constant';
}

const unitMicros: Record<string, number> = { us: 1, µs: 1, μs: 1, ms, s, min: 60 * s, h: 3600 * s };

/**
 * Reads `NAME=VALUE` as typed for `--set` and `--pixit`. Times take a unit (`us`, `ms`, `s`, `min`, `h`); a bare number
 * is seconds. Ratios may be written `1/8`.
 * @throws ConstantError for an unknown name, a value that is no number of the right unit, or one out of bounds.
 */
export function parseConstant(text: string): { name: ConstantName; value: number } {
  const [name, raw, ...rest] = text.split('=');
  if (raw === undefined || rest.length > 0)
    throw new ConstantError(`'${text}' is not NAME=VALUE; write for example session-expiry=3s.`);
  if (!Object.hasOwn(CONSTANTS, name!))
    throw new ConstantError(`There is no constant '${name}'; known are ${CONSTANT_NAMES.join(', ')}.`);
  const key = name as ConstantName;
  const declaration: ConstantDeclaration = CONSTANTS[key];
  const value = declaration.unit === 'µs' ? parseTime(raw) : parseNumber(raw, declaration.unit === 'ratio');
  if (value === undefined || (declaration.unit !== 'ratio' && !Number.isInteger(value))) {
    const example =
      declaration.unit === 'µs' ? '3s or 100ms' : declaration.unit === 'ratio' ? '1/8' : String(declaration.default);
    throw new ConstantError(`'${raw}' is no value for ${name}; write for example ${example}.`);
  }
  if (value < declaration.min || value > declaration.max) {
    throw new ConstantError(
      `${name} must be from ${formatConstant(key, declaration.min)} to ${formatConstant(key, declaration.max)}, not ${raw}.`,
    );
  }
  return { name: key, value };
}

function parseTime(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(us|µs|μs|ms|s|min|h)?$/.exec(text);
  return match ? Math.round(Number(match[1]) * unitMicros[match[2] ?? 's']!) : undefined;
}

/** A decimal number; with `ratio` also a quotient such as 1/8. Undefined for anything else, a divisor of 0 included. */
function parseNumber(text: string, ratio: boolean): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(?:\/(\d+(?:\.\d+)?))?$/.exec(text);
  if (match === null || (match[2] !== undefined && (!ratio || Number(match[2]) === 0))) return undefined;
  return Number(match[1]) / Number(match[2] ?? 1);
}

/** A constant's value for people, with its unit. */
export function formatConstant(name: ConstantName, value: number): string {
  if (CONSTANTS[name].unit !== 'µs') return String(value);
  if (value >= s || value === 0) return `${value / s}s`;
  return value >= ms ? `${value / ms}ms` : `${value}us`;
}
