import pc from 'picocolors';
import type { ArgumentsCamelCase, CommandModule } from 'yargs';
import {
  type CapturedPacket,
  CaptureError,
  CONVERSATION_FORMATS,
  Dissector,
  FORMATS,
  type Format,
  plainPaint,
  RECORD_FIELDS,
  type RecordField,
  readCapture,
  recordOf,
  recordWriter,
  Summary,
  textSummary,
} from '../../dissector/index.js';
import { printConversations } from '../dissect-conversations.js';
import { Exit, type ExitCode, UsageError } from '../exit.js';
import { asList, nearest, oneOf, repeatable, restoreDash, single } from '../options.js';
import { type Output, processOutput } from '../output.js';

/** What `mpip dissect` was asked for. */
export interface DissectRequest {
  /** Paths; `-` = standard input. At least one. */
  readonly files: readonly string[];
  readonly format: Format;
  /** Fields to print, in this order; none = all. */
  readonly fields: readonly RecordField[];
  /** Ordinary packets and near-CMs too. */
  readonly all: boolean;
  readonly summary: boolean;
  /** Nodes, sessions and paths instead of packets. */
  readonly conversations: boolean;
  /** Verify IP, UDP and TCP checksums. */
  readonly checksums: boolean;
}

/** Options of the contract that later versions will have: refused, not ignored. */
const NOT_YET = {
  filter: 'Y',
  findings: undefined,
  reassemble: undefined,
  follow: undefined,
  write: undefined,
  html: undefined,
  parquet: undefined,
  jobs: undefined,
  live: 'i',
} as const;

/** As yargs' own, but the handler gives the exit code. */
type Command = Omit<CommandModule, 'handler'> & { handler: (argv: ArgumentsCamelCase) => Promise<ExitCode> };

const command: Command = {
  command: 'dissect [files..]',
  describe: 'read captures (pcap, pcapng, gzip) and say what their MPIP packets mean',
  builder: (yargs) => {
    let parser = yargs
      .positional('files', { describe: 'capture files, - = standard input', type: 'string', array: true })
      .option('format', single(`${FORMATS.join(', ')} (default text)`))
      .option('e', repeatable('print this field only; may be repeated, the order is kept', { alias: 'field' }))
      .option('all', { describe: 'every packet, also those without a CM, and near-CMs', type: 'boolean' })
      .option('summary', { describe: 'counts per flag, node, session and path instead of packets', type: 'boolean' })
      .option('conversations', {
        describe: 'nodes, sessions, paths, delays and handshakes instead of packets',
        type: 'boolean',
      })
      .option('checksums', { describe: 'verify IP, UDP and TCP checksums', type: 'boolean' })
      .example('$0 dissect capture.pcapng', 'one line per packet that carries a control message')
      .example('$0 dissect --format ndjson -e frame.number -e mpip.flags a.pcap', 'two fields as JSON lines')
      .example('$0 dissect --conversations a.pcap b.pcap', 'who spoke, over which paths; files merged by time')
      .example('zcat a.pcap.gz | $0 dissect --summary -', 'counts, from standard input')
      .epilogue(`Fields: ${RECORD_FIELDS.join(' ')}`);
    for (const [name, alias] of Object.entries(NOT_YET)) {
      parser = parser.option(name, { hidden: true, ...(alias === undefined ? {} : { alias }) });
    }
    return parser;
  },
  handler: async (argv) => runDissect(requestOf(argv), processOutput()),
};

export default command;

/**
 * Turns yargs' words into a request.
 * @throws UsageError for whatever cannot be done
 */
export function requestOf(argv: ArgumentsCamelCase): DissectRequest {
  for (const [name, alias] of Object.entries(NOT_YET)) {
    if (argv[name] !== undefined || (alias !== undefined && argv[alias] !== undefined)) {
      throw new UsageError(`--${name} is not available yet in this version of mpip dissect: leave it out.`);
    }
  }
  const files = asList(argv.files).map(restoreDash);
  if (files.length === 0)
    throw new UsageError('mpip dissect needs a capture: give one or more files, or - for standard input.');
  if (files.filter((file) => file === '-').length > 1)
    throw new UsageError('Standard input (-) can be read only once: name it once.');
  const format = oneOf('--format', typeof argv.format === 'string' ? argv.format : 'text', FORMATS);
  const fields = asList(argv.e).map(fieldOf);
  const summary = argv.summary === true;
  if (summary && fields.length > 0)
    throw new UsageError('-e selects fields of packets, of which --summary prints none: leave one out.');
  if (summary && format === 'csv') throw new UsageError('--summary has no csv: choose text, json or ndjson.');
  const conversations = argv.conversations === true;
  if (conversations && (summary || fields.length > 0 || argv.all === true))
    throw new UsageError('--conversations prints no packets and no summary: leave out --summary, --all and -e.');
  if (conversations) oneOf('--format', format, CONVERSATION_FORMATS);
  return { files, format, fields, all: argv.all === true, summary, conversations, checksums: argv.checksums === true };
}

function fieldOf(name: string): RecordField {
  const fields: readonly string[] = RECORD_FIELDS;
  if (fields.includes(name)) return name as RecordField;
  const near = nearest(name, fields);
  const advice = near === undefined ? 'mpip dissect --help lists them all.' : `did you mean ${near}?`;
  throw new UsageError(`There is no field '${name}'; ${advice}`);
}

/** Carries out a request. @returns 0, or 4 when a file could not be read to its end */
export async function runDissect(request: DissectRequest, output: Output): Promise<ExitCode> {
  const dissector = new Dissector({ nearCms: request.all });
  const { files, format } = request;
  if (request.conversations && format !== 'csv') {
    return finish(await printConversations(files, format, dissector, output), dissector, output);
  }
  return request.summary ? summarise(request, dissector, output) : list(request, dissector, output);
}

async function summarise(request: DissectRequest, dissector: Dissector, output: Output): Promise<ExitCode> {
  const summary = new Summary({ checksums: request.checksums });
  const damages = await readAll(request.files, () => (packet) => summary.add(dissector, packet), output);
  const report = summary.report(dissector);
  if (request.format === 'text') output.out(textSummary(report, output.colour ? pc.createColors(true) : plainPaint));
  else output.out(`${JSON.stringify({ files: request.files, ...report }, null, request.format === 'json' ? 2 : 0)}\n`);
  return finish(damages, dissector, output);
}

async function list(request: DissectRequest, dissector: Dissector, output: Output): Promise<ExitCode> {
  const { all, checksums } = request;
  const writer = recordWriter(request.format, request.fields, output.colour ? pc.createColors(true) : plainPaint);
  let packets = 0;
  let printed = 0;
  let firstSeconds = 0;
  let firstNanoseconds = 0;
  output.out(writer.start());
  const reader = (file: string) => {
    const options = { checksums, ...(request.files.length > 1 ? { file } : {}) };
    return (packet: CapturedPacket) => {
      if (packets++ === 0) {
        firstSeconds = packet.seconds;
        firstNanoseconds = packet.nanoseconds;
      }
      if (!dissector.inspect(packet) && !all) return;
      printed++;
      const sinceFirst = packet.seconds - firstSeconds + (packet.nanoseconds - firstNanoseconds) / 1e9;
      output.out(writer.record(recordOf(dissector, packet, options), sinceFirst));
    };
  };
  const damages = await readAll(request.files, reader, output);
  output.out(writer.end());
  if (printed === 0 && packets > 0) output.error(`mpip: packets read: ${packets}; none carries a control message.\n`);
  return finish(damages, dissector, output);
}

/** Reads the files one after the other. @returns a sentence for each that could not be read to its end */
async function readAll(
  files: readonly string[],
  reader: (file: string) => (packet: CapturedPacket) => void,
  output: Output,
): Promise<string[]> {
  const damages: string[] = [];
  const betweenChunks = async () => {
    await output.flush();
    return output.isOpen;
  };
  for (const file of files) {
    if (!output.isOpen) break;
    try {
      await readCapture(file, reader(file), { betweenChunks });
    } catch (error) {
      if (!(error instanceof CaptureError)) throw error;
      const name = file === '-' ? 'standard input' : file;
      damages.push(error.code === 'capture-unreadable' ? error.message : `${name}: ${error.message}`);
    }
  }
  return damages;
}

/** Says what could not be read, after everything that could. */
async function finish(damages: readonly string[], dissector: Dissector, output: Output): Promise<ExitCode> {
  await output.flush();
  const { unknownLinkType, cutShort } = dissector.unread;
  if (unknownLinkType > 0) {
    output.error(
      `mpip: ${packetsAre(unknownLinkType)} of a link type that is not read, so nothing is known about them.\n`,
    );
  }
  if (cutShort > 0) {
    output.error(
      `mpip: ${packetsAre(cutShort)} cut by the capture's snap length, so a control message at the end cannot be seen.\n`,
    );
  }
  for (const damage of damages) output.error(`mpip: ${damage}\n`);
  return damages.length > 0 ? Exit.fault : Exit.ok;
}

function packetsAre(count: number): string {
  return count === 1 ? '1 packet is' : `${count} packets are`;
}
