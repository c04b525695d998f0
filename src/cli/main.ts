import type { Argv, CommandModule } from 'yargs';
import yargs from 'yargs';
import { VERSION } from '../version.js';
import { Exit, UsageError } from './exit.js';
import { nearest, protectDash, restoreDash } from './options.js';

/** A command as the table below holds it: only the one that runs is loaded. */
interface CommandEntry {
  readonly name: string;
  readonly describe: string;
  readonly load: () => Promise<{ default: CommandModule<object, never> }>;
}

const entry = (name: string, describe: string, load: () => Promise<{ default: unknown }>): CommandEntry => ({
  name,
  describe,
  load: load as CommandEntry['load'],
});

/** Every command. */
const COMMANDS: readonly CommandEntry[] = [
  entry('check', 'examine a peer: a verdict for each requirement', () => import('./commands/check.js')),
  entry(
    'requirements',
    'print every requirement and the cases that cover it',
    () => import('./commands/requirements.js'),
  ),
  entry('report', 'compare reports of mpip check, or make other kinds of them', () => import('./commands/report.js')),
  entry('fuzz', 'try to break a peer, and show how in few packets', () => import('./commands/fuzz.js')),
  entry('peer', 'run the reference node, to talk to and to compare with', () => import('./commands/peer.js')),
  entry('status', 'show the tables of a running peer', () => import('./commands/status.js')),
  entry('dissect', 'read captures and say what happened in them', () => import('./commands/dissect.js')),
  entry('wireshark', 'install the Wireshark plugin, or say where it is', () => import('./commands/wireshark.js')),
  entry('lab', "repeat the paper's measurements on this machine", () => import('./commands/lab.js')),
  entry('decode', 'explain a control message or datagram octet by octet', () => import('./commands/decode.js')),
  entry('encode', 'build a control message from field values', () => import('./commands/encode.js')),
];

/**
 * Runs `mpip` with the given arguments (without node and script).
 * @returns the exit code; everything has been printed.
 */
export async function main(args: readonly string[]): Promise<number> {
  try {
    return await dispatch(args);
  } catch (error) {
    return report(error);
  }
}

async function dispatch(args: readonly string[]): Promise<number> {
  const wanted = args[0];
  const chosen = COMMANDS.find((command) => command.name === wanted);
  if (chosen === undefined && wanted !== undefined && !wanted.startsWith('-')) {
    const near = nearest(
      wanted,
      COMMANDS.map((command) => command.name),
    );
    throw new UsageError(
      `There is no command '${wanted}'${near ? `; did you mean '${near}'?` : `; known are ${COMMANDS.map((c) => c.name).join(', ')}.`}`,
    );
  }
  const module = chosen === undefined ? undefined : (await chosen.load()).default;
  let exitCode: number = Exit.ok;
  let parser: Argv = yargs(protectDash(args))
    .scriptName('mpip')
    .usage('$0 COMMAND [option ...]\n\nToolkit for Multipath IP: check a peer, read captures, run a reference node.')
    .parserConfiguration({
      'camel-case-expansion': false,
      'parse-positional-numbers': false,
      'parse-numbers': false,
      'boolean-negation': false,
      'dot-notation': false,
    })
    .version(VERSION)
    .help()
    .alias('help', 'h')
    .wrap(Math.min(120, process.stdout.columns ?? 100))
    .strict()
    .exitProcess(false)
    .fail((message: string | undefined, error: Error | undefined) => {
      if (error !== undefined && error.name !== 'YError') throw error;
      throw new UsageError(sentence(error?.message ?? message ?? 'The command line could not be read', chosen?.name));
    });
  for (const command of COMMANDS) {
    if (command === chosen && module !== undefined) {
      parser = parser.command({
        ...module,
        handler: async (argv) => {
          const surplus = argv._.slice(1).map(String);
          if (surplus.length > 0)
            throw new UsageError(sentence(`Unknown argument: ${surplus.join(', ')}`, chosen.name));
          refuseWordsForSwitches(args, argv);
          const result = (await module.handler(argv as never)) as unknown;
          if (typeof result === 'number') exitCode = result;
        },
      } as CommandModule);
    } else parser = parser.command(command.name, command.describe);
  }
  if (chosen === undefined) parser = parser.demandCommand(1, 'Give a command; mpip --help lists them');
  forgoCachedHelp(parser);
  await parser.parseAsync();
  return exitCode;
}

/** A switch takes no word: yargs reads `--switch=yes` as false. */
function refuseWordsForSwitches(args: readonly string[], argv: Readonly<Record<string, unknown>>): void {
  for (const arg of args) {
    if (arg === '--') return;
    const [, name, word] = /^--([\w-]+)=(.*)$/s.exec(arg) ?? [];
    if (name !== undefined && typeof argv[name] === 'boolean' && word !== 'true' && word !== 'false')
      throw new UsageError(`--${name} takes no value; leave '=${word}' out.`);
  }
}

/**
 * yargs lays out the whole help before it runs a command, in case that should fail and print it, which takes longer than all the
 * rest of a start; here a failure prints one sentence (`fail`). Asked for, help is laid out as ever.
 */
function forgoCachedHelp(parser: Argv): void {
  const internal = (parser as unknown as YargsInternals).getInternalMethods?.().getUsageInstance?.();
  if (internal !== undefined) internal.cacheHelpMessage = () => {};
}

/** As far as it is used here; of yargs 18. */
interface YargsInternals {
  getInternalMethods?(): { getUsageInstance?(): { cacheHelpMessage: () => void } };
}

/** yargs' message as a sentence that says how to go on. */
function sentence(message: string, command: string | undefined): string {
  const line = restoreDash(message).split('\n')[0]!.replace(/[.]?$/, '');
  return `${line}; mpip ${command === undefined ? '' : `${command} `}--help lists what can be given.`;
}

/** Prints an error for a person and gives its exit code. */
function report(error: unknown): number {
  if (error instanceof Error && typeof (error as { exitCode?: unknown }).exitCode === 'number') {
    process.stderr.write(`mpip: ${error.message}\n`);
    return (error as unknown as { exitCode: number }).exitCode;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`mpip: this is a fault of mpip itself, please report it: ${text}\n`);
  return Exit.fault;
}
