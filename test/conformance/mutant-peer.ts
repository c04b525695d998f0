import yargs from 'yargs';
import peerCommand, { run } from '../../src/cli/commands/peer.js';
import { UsageError } from '../../src/cli/exit.js';
import type { Mutant } from './mutant.js';

/**
 * Runs a mutant as a live peer, with the options of `mpip peer`, until SIGINT or SIGTERM; TCP as it is played on the virtual
 * clock.
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
          if (argv.interface.length > 0)
            throw new UsageError(
              'A mutant is a host of its own with services; give it --address instead of --interface.',
            );
          const asPlayed = {
            'udp-wrapper': argv['udp-wrapper'] || (argv.tcp && mutant.tcpMode === 'udp-wrapper'),
            'no-reordering': argv['no-reordering'] || mutant.reordering === false,
          };
          exitCode = await run({ ...argv, ...asPlayed }, (host) => {
            mutant.apply(host);
            process.stderr.write(`mutant ${mutant.name}: ${mutant.defect}\n`);
          });
        },
      })
      .parseAsync();
  } catch (error) {
    process.stderr.write(`mutant ${mutant.name}: ${(error as Error).message}\n`);
    return (error as { exitCode?: number }).exitCode ?? 2;
  }
  return exitCode;
}
