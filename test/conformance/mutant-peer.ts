import yargs from 'yargs';
import peerCommand, { optionsOf, runPeer } from '../../src/cli/commands/peer.js';
import { ReferenceHost } from '../../src/endpoint/index.js';
import type { Mutant } from './mutant.js';

/**
 * Runs a mutant as a live peer, with the options of `mpip peer`, until SIGINT or SIGTERM.
 * @returns the exit code; what went wrong has been printed.
 */
export async function runMutant(mutant: Mutant, args: readonly string[]): Promise<number> {
  let exitCode = 0;
  try {
    await yargs([...args])
      .scriptName(`npm run mutant ${mutant.name} --`)
      .parserConfiguration({ 'camel-case-expansion': false, 'parse-numbers': false })
      .strict()
      .exitProcess(false)
      .fail((message: string | undefined, error: Error | undefined) => {
        throw error ?? new Error(message ?? 'The command line could not be read.');
      })
      .command({
        ...peerCommand,
        command: '$0',
        handler: async (argv) => {
          const options = optionsOf(argv);
          const host = new ReferenceHost(options);
          mutant.apply(host);
          process.stderr.write(`mutant ${mutant.name}: ${mutant.defect}\n`);
          exitCode = await runPeer(options, host);
        },
      })
      .parseAsync();
  } catch (error) {
    process.stderr.write(`mutant ${mutant.name}: ${(error as Error).message}\n`);
    return (error as { exitCode?: number }).exitCode ?? 2;
  }
  return exitCode;
}
