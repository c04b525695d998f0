import { readFileSync } from 'node:fs';
import { CodecError, type Ipv4, parseIpv4 } from '../codec/index.js';
import type { RoutingRule } from '../endpoint/index.js';
import { FaultError } from './exit.js';

/** A field of a JSON record is wrong. `field` is undefined when the whole is. */
export class RecordError extends Error {
  override readonly name = 'RecordError';
  readonly code = 'RECORD';

  constructor(
    message: string,
    readonly field?: string,
  ) {
    super(message);
  }
}

const FIELDS = ['destination', 'port', 'protocol', 'startSize', 'endSize', 'priority'];
const LARGEST_SIZE = 65535;
const MOST_RULES = 1000;

/**
 * A row of Table 6 (paper, section 3.6.2) from JSON; absent fields are wildcards.
 * @throws RecordError with a sentence.
 */
export function ruleOf(value: unknown): RoutingRule {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new RecordError('A rule is an object such as {"port": 22, "priority": "responsiveness"}.');
  const rule = value as Readonly<Record<string, unknown>>;
  const unknown = Object.keys(rule).find((key) => !FIELDS.includes(key));
  if (unknown !== undefined)
    throw new RecordError(`A rule has no field '${unknown}'; known are ${FIELDS.join(', ')}.`, unknown);
  const { priority, protocol } = rule;
  if (priority !== 'throughput' && priority !== 'responsiveness')
    throw new RecordError(
      priority === undefined
        ? "A rule needs a priority; give it 'throughput' or 'responsiveness'."
        : `priority must be 'throughput' or 'responsiveness', not ${JSON.stringify(priority)}.`,
      'priority',
    );
  if (protocol !== undefined && protocol !== 'tcp' && protocol !== 'udp')
    throw new RecordError(`protocol must be 'tcp' or 'udp', not ${JSON.stringify(protocol)}.`, 'protocol');
  const [startSize, endSize] = [sizeOf(rule.startSize, 'startSize'), sizeOf(rule.endSize, 'endSize')];
  if (startSize !== undefined && endSize !== undefined && startSize >= endSize)
    throw new RecordError(
      `startSize ${startSize} is not below endSize ${endSize}, so that the rule matches nothing; the end is exclusive.`,
      'endSize',
    );
  return {
    ...(rule.destination === undefined ? {} : { destination: addressOf(rule.destination, 'destination') }),
    ...(rule.port === undefined ? {} : { port: portOf(rule.port, 'port') }),
    ...(protocol === undefined ? {} : { protocol: protocol === 'tcp' ? 6 : 17 }),
    ...(startSize === undefined ? {} : { startSize }),
    ...(endSize === undefined ? {} : { endSize }),
    priority,
  };
}

/** An IPv4 address from JSON. @throws RecordError */
export function addressOf(value: unknown, field: string): Ipv4 {
  try {
    return parseIpv4(String(value));
  } catch (error) {
    if (error instanceof CodecError)
      throw new RecordError(`${field} must be an IPv4 address such as 10.0.0.2, not ${JSON.stringify(value)}.`, field);
    throw error;
  }
}

/** A port from JSON. @throws RecordError */
export function portOf(value: unknown, field: string): number {
  const port = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
  if (typeof port !== 'number' || !(Number.isInteger(port) && port >= 1 && port <= 65535))
    throw new RecordError(`${field} must be a port from 1 to 65535, not ${JSON.stringify(value)}.`, field);
  return port;
}

function sizeOf(value: unknown, field: string): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !(Number.isInteger(value) && value >= 0 && value <= LARGEST_SIZE))
    throw new RecordError(`${field} must be from 0 to ${LARGEST_SIZE} octets, not ${JSON.stringify(value)}.`, field);
  return value;
}

/**
 * Reads the text of a rules file: a JSON list of rules, first match wins (docs/schema/rules.schema.json).
 * @throws FaultError with file, line, what is wrong and what to do.
 */
export function parseRules(text: string, file: string): RoutingRule[] {
  const fail = (line: number | undefined, sentence: string) =>
    new FaultError(`${file}${line === undefined ? '' : `, line ${line}`}: ${sentence}`);
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch (error) {
    const { message } = error as SyntaxError;
    const position = /at position (\d+)/.exec(message)?.[1];
    const at = position === undefined ? text.trimEnd().length : Number(position);
    throw fail(
      lineAt(text, at),
      'this is no JSON; write a list of rules such as [{"port": 22, "priority": "responsiveness"}].',
    );
  }
  if (!Array.isArray(list)) throw fail(1, 'the file must hold a list of rules; put [ and ] around them.');
  if (list.length > MOST_RULES)
    throw fail(undefined, `there are ${list.length} rules; at most ${MOST_RULES} can be used.`);
  return list.map((one, i) => {
    try {
      return ruleOf(one);
    } catch (error) {
      if (!(error instanceof RecordError)) throw error;
      throw fail(lineAt(text, placeOf(text, i, error.field)), error.message);
    }
  });
}

/**
 * Reads a rules file.
 * @throws FaultError when it cannot be read or is wrong.
 */
export function readRules(path: string): RoutingRule[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new FaultError(`The rules file ${path} cannot be read (${code}); check its name and rights.`);
  }
  return parseRules(text, path);
}

function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}

/** Where the list's element `index` begins in valid JSON, or where the name of its field `field` does. */
function placeOf(text: string, index: number, field: string | undefined): number {
  let depth = 0;
  let element = -1;
  let start = 0;
  // Strings are skipped whole, so that brackets in them do not count.
  for (const { 0: token, index: at } of text.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}]|[^\s,:[\]{}"]+/g)) {
    const isClosing = token === ']' || token === '}';
    if (depth === 1 && !isClosing) {
      element++;
      if (element > index) break;
      if (element === index) start = at;
    }
    if (element === index && depth === 2 && token === JSON.stringify(field)) return at;
    if (token === '[' || token === '{') depth++;
    if (isClosing) depth--;
  }
  return start;
}
