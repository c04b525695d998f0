import {
  buildUdp,
  type ControlMessage,
  emptyControlMessage,
  FLAG_NAMES,
  fieldOf,
  flagValue,
  LAYOUTS,
  type LayoutName,
  parseIpv4,
  parseNodeId,
} from '../codec/index.js';
import { UsageError } from './exit.js';
import { parseHex } from './octet-input.js';
import { nearest, oneOf } from './options.js';

/** Reads the FIELD=VALUE words of `mpip encode`. */

/** Fields of a CM that can be given; `mpip.*` names and kebab-case are taken too. */
const MESSAGE_FIELDS = [
  'layout',
  'filler',
  'nodeId',
  'sessionId',
  'pathId',
  'feedbackPathId',
  'timestamp',
  'pathDelay',
  'localAddresses',
  'flags',
] as const;
const DATAGRAM_FIELDS = ['src', 'dst', 'payload', 'payloadHex', 'identification'] as const;
const COMPUTED = ['length', 'checksum', 'version', 'addressCount'];

type MessageField = (typeof MESSAGE_FIELDS)[number];
type DatagramField = (typeof DATAGRAM_FIELDS)[number];

/** The values given, by field; repeated fields keep every value. */
export type FieldValues = Map<MessageField | DatagramField, string[]>;

/**
 * Reads the words.
 * @throws UsageError for a word that is no FIELD=VALUE, an unknown or computed field, one given twice, or a field of the
 * datagram when none was asked for.
 */
export function parseFieldValues(words: readonly string[], isDatagram: boolean): FieldValues {
  const values: FieldValues = new Map();
  for (const word of words) {
    const split = word.indexOf('=');
    if (split < 1) throw new UsageError(`'${word}' is not FIELD=VALUE; write for example sessionId=7.`);
    const field = fieldNamed(word.slice(0, split), isDatagram);
    const earlier = values.get(field) ?? [];
    if (earlier.length > 0 && field !== 'localAddresses')
      throw new UsageError(`${field} was given twice (${earlier[0]}, ${word.slice(split + 1)}); give it once.`);
    values.set(field, [...earlier, word.slice(split + 1)]);
  }
  return values;
}

function fieldNamed(name: string, isDatagram: boolean): MessageField | DatagramField {
  const known: readonly string[] = isDatagram ? [...MESSAGE_FIELDS, ...DATAGRAM_FIELDS] : MESSAGE_FIELDS;
  const field =
    Object.values(LAYOUTS)
      .flatMap((layout) => layout.fields)
      .find((declaration) => declaration.filter === name)?.name ??
    name.replace(/^mpip\./, '').replaceAll(/[-_](\w)/g, (_, letter: string) => letter.toUpperCase());
  if (known.includes(field)) return field as MessageField | DatagramField;
  if (COMPUTED.includes(field)) throw new UsageError(`${name} is computed and cannot be given; leave it out.`);
  if ((DATAGRAM_FIELDS as readonly string[]).includes(field))
    throw new UsageError(`${name} belongs to a datagram; give --datagram too.`);
  const near = nearest(field, known);
  throw new UsageError(
    `There is no field '${name}'; ${near ? `did you mean ${near}?` : `known are ${known.join(', ')}.`}`,
  );
}

/**
 * The control message that the values describe; fields not given are 0. Ranges are not looked at.
 * @throws UsageError for a value that cannot be read.
 */
export function messageFrom(values: FieldValues): ControlMessage {
  const text = (field: MessageField) => values.get(field)?.[0];
  const layout = oneOf('layout', text('layout') ?? 'compact', ['compact', 'full'] as const);
  if (layout === 'full' && values.has('filler')) throw new UsageError('Layout full has no filler; leave filler out.');
  const message = emptyControlMessage(layout);
  const numbers = ['filler', 'sessionId', 'pathId', 'feedbackPathId', 'timestamp', 'pathDelay'] as const;
  for (const field of numbers) {
    const given = text(field);
    if (given !== undefined) message[field] = numberFrom(field, given);
  }
  const nodeId = text('nodeId');
  if (nodeId !== undefined) message.nodeId = nodeIdFrom(nodeId, layout);
  const flags = text('flags');
  if (flags !== undefined) message.flags = flagValue(flags) ?? flagsFrom(flags);
  const addresses = (values.get('localAddresses') ?? []).flatMap((list) => (list === '' ? [] : list.split(',')));
  message.localAddresses = addresses.map((address) => ipv4From('localAddresses', address));
  return message;
}

/** The UDP datagram around the CM that the values describe, without the CM. */
export function datagramFrom(values: FieldValues): Uint8Array {
  const [source, sourcePort] = endpointFrom('src', values.get('src')?.[0]);
  const [destination, destinationPort] = endpointFrom('dst', values.get('dst')?.[0]);
  if (values.has('payload') && values.has('payloadHex'))
    throw new UsageError('payload and payloadHex were both given; give one of them.');
  const text = values.get('payloadHex')?.[0];
  const octets = text === undefined || text === '' ? new Uint8Array(0) : parseHex(text);
  if (octets === undefined)
    throw new UsageError(`payloadHex cannot be '${text}'; write two hex digits for each octet.`);
  const payload = text === undefined ? new TextEncoder().encode(values.get('payload')?.[0] ?? '') : octets;
  const given = values.get('identification')?.[0];
  const identification = given === undefined ? 0 : numberFrom('identification', given);
  if (identification < 0 || identification > 0xffff)
    throw new UsageError(`identification must be from 0 to 65535, not ${given}.`);
  return buildUdp({ source, sourcePort, destination, destinationPort }, payload, { identification });
}

function numberFrom(field: string, text: string): number {
  if (!/^(-?\d+|0x[0-9a-f]+)$/i.test(text))
    throw new UsageError(`${field} cannot be '${text}'; write a whole number, decimal or with 0x.`);
  return Number(text);
}

function flagsFrom(text: string): number {
  if (/^(\d+|0x[0-9a-f]+)$/i.test(text)) return Number(text);
  const near = nearest(text, FLAG_NAMES);
  throw new UsageError(
    `flags cannot be '${text}'; choose ${FLAG_NAMES.join(', ')} or 0 to 5${near ? ` (did you mean ${near}?)` : ''}.`,
  );
}

function nodeIdFrom(text: string, layout: LayoutName): number {
  const octets = fieldOf(LAYOUTS[layout], 'nodeId')!.size;
  const example = octets === 2 ? '9d:f8' : '52:54:00:00:9d:f8';
  try {
    const parsed = parseNodeId(text.replace(/^0x/i, ''));
    if (parsed.octets === octets) return parsed.nodeId;
  } catch {
    throw new UsageError(`nodeId cannot be '${text}'; write it in hex, such as ${example}.`);
  }
  const hint = octets === 2 ? ', or give layout=full' : '';
  throw new UsageError(`nodeId has ${octets} octets in layout ${layout}; write it such as ${example}${hint}.`);
}

function ipv4From(field: string, text: string): number {
  try {
    return parseIpv4(text);
  } catch {
    throw new UsageError(`${field} cannot be '${text}'; write an IPv4 address such as 192.0.2.10.`);
  }
}

function endpointFrom(field: 'src' | 'dst', text: string | undefined): [number, number] {
  if (text === undefined)
    throw new UsageError(`A datagram needs ${field}; write for example ${field}=192.0.2.10:40000.`);
  const [address, port, ...rest] = text.split(':');
  if (port === undefined || rest.length > 0 || !/^\d{1,5}$/.test(port) || Number(port) > 65535)
    throw new UsageError(`${field} cannot be '${text}'; write ADDRESS:PORT such as 192.0.2.10:40000.`);
  return [ipv4From(field, address!), Number(port)];
}
