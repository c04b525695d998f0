import type { CommandModule } from 'yargs';
import { CmView, disagreements, type Explanation, explain, type LayoutName } from '../../codec/index.js';
import { Exit, FaultError } from '../exit.js';
import { explanationToJson, explanationToText } from '../explanation-text.js';
import { readOctets } from '../octet-input.js';
import { asList, oneOf, restoreDash, single } from '../options.js';

interface DecodeArguments {
  readonly input: unknown;
  readonly layout: string | undefined;
  readonly format: string | undefined;
}

const command: CommandModule<object, DecodeArguments> = {
  command: 'decode <input..>',
  describe: 'explain a control message or datagram octet by octet',
  builder: (yargs) =>
    yargs
      .usage(
        'mpip decode HEX|FILE\n\nExplains a control message, an IPv4 datagram or an Ethernet frame octet by octet. When it is no\n' +
          'control message: which rule fails and where. Exits 0 for a control message, 4 for anything else.',
      )
      .positional('input', {
        describe: 'octets in hex, a file of raw octets or hex, or - for standard input',
        type: 'string',
      })
      .option('layout', single('look for this layout only: compact or full'))
      .option('format', single('text or json (default text)'))
      .example('mpip decode 199df8070305003073752efbffffc000020ac6336414003908', 'a block')
      .example('tcpdump -x … | mpip decode -', 'one datagram of a dump') as never,
  handler: ((argv: DecodeArguments) => runDecode(argv)) as never,
};

export default command;

/** Explains what was typed. @returns 0 when it holds a CM, otherwise 4. */
function runDecode(argv: DecodeArguments): number {
  const layout = argv.layout === undefined ? undefined : oneOf('--layout', argv.layout, ['compact', 'full'] as const);
  const format = oneOf('--format', argv.format ?? 'text', ['text', 'json'] as const);
  const octets = readOctets(asList(argv.input).map(restoreDash));
  const explanation = explain(octets, layout === undefined ? {} : { layout });
  checkAgreement(octets, explanation);
  process.stdout.write(format === 'json' ? explanationToJson(explanation) : explanationToText(explanation));
  return explanation.layout === undefined ? Exit.fault : Exit.ok;
}

/** The view and the general decoder must read the CM alike; when they do not, mpip itself is at fault. */
function checkAgreement(octets: Uint8Array, { layout, trailerOffset, end, length }: Explanation): void {
  if (layout === undefined) return;
  const filler = layout === 'compact' && length !== COMPACT_BLOCK ? 1 : 0;
  const view = new CmView().bind(octets, trailerOffset! + filler, end, layout satisfies LayoutName);
  const differences = disagreements(view);
  if (differences.length > 0)
    throw new FaultError(`This is a fault of mpip itself, please report it: ${differences.join(' ')}`);
}

/** Octets of a compact block without its filler. */
const COMPACT_BLOCK = 25;
