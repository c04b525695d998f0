import type { CommandModule } from 'yargs';
import { attach, CodecError, checkRanges, encode, encodedSize } from '../../codec/index.js';
import { Exit, UsageError } from '../exit.js';
import { datagramFrom, messageFrom, parseFieldValues } from '../field-values.js';
import { asList, oneOf, restoreDash, single } from '../options.js';

interface EncodeArguments {
  readonly fields: unknown;
  readonly datagram: boolean | undefined;
  readonly format: string | undefined;
}

const command: CommandModule<object, EncodeArguments> = {
  command: 'encode [fields..]',
  describe: 'build a control message from field values',
  builder: (yargs) =>
    yargs
      .usage(
        'mpip encode FIELD=VALUE ...\n\nBuilds the trailer (filler and control message) from field values; what is not given is 0, the checksum is computed.\n' +
          'Fields: layout, nodeId, sessionId, pathId, feedbackPathId, timestamp, pathDelay, localAddresses (comma-separated), flags, filler;\n' +
          'with --datagram also src, dst (ADDRESS:PORT), payload or payloadHex, identification.',
      )
      .positional('fields', { describe: 'FIELD=VALUE, names as in code or as mpip.*', type: 'string' })
      .option('datagram', { describe: 'put the trailer behind a UDP datagram', type: 'boolean' })
      .option('format', single('hex or raw (default hex)'))
      .example('mpip encode nodeId=9d:f8 flags=enable localAddresses=192.0.2.10', 'a query')
      .example(
        'mpip encode --datagram src=192.0.2.10:40000 dst=203.0.113.7:5001 payload=hello nodeId=9d:f8',
        '',
      ) as never,
  handler: ((argv: EncodeArguments) => runEncode(argv)) as never,
};

export default command;

/** Writes what the field values describe to standard output. */
function runEncode(argv: EncodeArguments): number {
  const format = oneOf('--format', argv.format ?? 'hex', ['hex', 'raw'] as const);
  const isDatagram = argv.datagram === true;
  const values = parseFieldValues(asList(argv.fields).map(restoreDash), isDatagram);
  let octets: Uint8Array;
  try {
    const message = messageFrom(values);
    checkRanges(message);
    if (isDatagram) {
      const datagram = datagramFrom(values);
      octets = new Uint8Array(Math.min(65535, datagram.length + encodedSize(message)));
      attach(datagram, message, octets);
    } else octets = encode(message);
  } catch (error) {
    if (error instanceof CodecError) throw new UsageError(sentence(error));
    throw error;
  }
  process.stdout.write(format === 'raw' ? octets : `${Buffer.from(octets).toString('hex')}\n`);
  return Exit.ok;
}

/** A codec error about a value that was typed: offsets mean nothing to who typed it. */
function sentence({ details: { field, found, needed, layer } }: CodecError): string {
  return `${field} is ${found}; layout ${layer} needs ${needed}.`.replace('layout ipv4', 'a datagram');
}
