import type { ArgumentsCamelCase, CommandModule } from 'yargs';
import { FORMATS, RECORD_FIELDS } from '../../dissector/index.js';
import { printConversations } from '../dissect-conversations.js';
import { followSession } from '../dissect-follow.js';
import { listPackets } from '../dissect-list.js';
import { type DissectRequest, requestOf } from '../dissect-request.js';
import { summarise } from '../dissect-summary.js';
import { writePackets } from '../dissect-write.js';
import type { ExitCode } from '../exit.js';
import { repeatable, single } from '../options.js';
import { type Output, processOutput } from '../output.js';

/** As yargs' own, but the handler gives the exit code. */
type Command = Omit<CommandModule, 'handler'> & { handler: (argv: ArgumentsCamelCase) => Promise<ExitCode> };

const command: Command = {
  command: 'dissect [files..]',
  describe: 'read captures (pcap, pcapng, gzip) or interfaces and say what their MPIP packets mean',
  builder: (yargs) =>
    yargs
      .positional('files', { describe: 'capture files, - = standard input', type: 'string', array: true })
      .option('format', single(`${FORMATS.join(', ')} (default text)`))
      .option('e', repeatable('print this field only; may be repeated, the order is kept', { alias: 'field' }))
      .option('Y', single("only packets that this display filter selects (Wireshark's syntax)", { alias: 'filter' }))
      .option('all', { describe: 'every packet, also those without a CM, and near-CMs', type: 'boolean' })
      .option('summary', { describe: 'counts per flag, node, session and path instead of packets', type: 'boolean' })
      .option('conversations', {
        describe: 'nodes, sessions, paths, delays and handshakes instead of packets',
        type: 'boolean',
      })
      .option('findings', { describe: 'what deviates, with severity and requirement; exit code 1', type: 'boolean' })
      .option('html', single('write a page about the captures: paths over time, sequence diagrams, findings'))
      .option('parquet', single('write packets, CMs, paths and findings to this folder as Parquet'))
      .option('checksums', { describe: 'verify IP, UDP and TCP checksums', type: 'boolean' })
      .option('reassemble', { describe: 'put IPv4 fragments together before a CM is looked for', type: 'boolean' })
      .option('follow', single('session=N[,text|hex|raw]: the data of a session, put together over all its paths'))
      .option('jobs', single('--summary on so many processors (large files)'))
      .option('write', single('write the packets to this pcapng file, with findings as comments'))
      .option('live', { describe: 'read interfaces (-i) instead of files, until Ctrl-C', type: 'boolean' })
      .option('i', repeatable('an interface that --live reads; may be repeated', { alias: 'interface' }))
      .option('link', single('how --live reads: packet (packet sockets, Linux), pcap (libpcap, by the package cap)'))
      .option('duration', single('--live ends after so many seconds'))
      .option('count', single('--live ends after so many packets, whether printed or not'))
      .example('$0 dissect capture.pcapng', 'one line per packet that carries a control message')
      .example("$0 dissect -Y 'mpip.flags in {3, 4}' a.pcap", 'queries and confirmations')
      .example('$0 dissect --format ndjson -e frame.number -e mpip.flags a.pcap', 'two fields as JSON lines')
      .example('$0 dissect --conversations a.pcap b.pcap', 'who spoke, over which paths; files merged by time')
      .example('zcat a.pcap.gz | $0 dissect --summary -', 'counts, from standard input')
      .example('sudo $0 dissect --live -i eth0 -i wlan0', 'what comes and goes now')
      .epilogue(`Fields: ${RECORD_FIELDS.join(' ')}`),
  handler: async (argv) => runDissect(requestOf(argv), processOutput()),
};

export default command;

/** Carries out a request. @returns 0, or 4 when a file could not be read to its end */
export async function runDissect(request: DissectRequest, output: Output): Promise<ExitCode> {
  if (request.follow !== undefined) return followSession(request, output);
  const { files, format } = request;
  if (request.conversations && format !== 'csv') return printConversations(request, output);
  if (request.write !== undefined) return writePackets(request, output);
  if (request.findings === true && format !== 'csv') {
    return (await import('../dissect-study.js')).printFindings(files, format, output);
  }
  if (request.html !== undefined) return (await import('../dissect-study.js')).writePage(files, request.html, output);
  if (request.parquet !== undefined) return (await import('../dissect-parquet.js')).writeParquet(request, output);
  return request.summary ? summarise(request, output) : listPackets(request, output);
}
