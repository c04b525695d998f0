import { join } from 'node:path';
import type { CommandModule } from 'yargs';
import { UsageError } from '../exit.js';
import { single } from '../options.js';
import { installPlugin, installProfile, type Outcome, PROFILE, pluginPath } from '../wireshark-files.js';
import { wiresharkFolders } from '../wireshark-folders.js';

interface WiresharkArguments {
  readonly action: string | undefined;
  readonly dir: string | undefined;
}

const command: CommandModule<object, WiresharkArguments> = {
  command: 'wireshark [action]',
  describe: 'install the Wireshark plugin, or say where it is',
  builder: (yargs) =>
    yargs
      .usage(
        `mpip wireshark install|path [--dir DIR]\n\ninstall: puts the plugin where Wireshark and tshark load it from, and a profile ${PROFILE} with columns and colouring rules.\npath: prints where the plugin is in this installation, for tshark -X lua_script:PATH.`,
      )
      .positional('action', { describe: 'install or path', type: 'string' })
      .option('dir', single('install: put the plugin there instead, and no profile')) as never,
  handler: ({ action, dir }) => {
    if (action !== 'install' && action !== 'path') {
      throw new UsageError('Say what to do with the plugin: mpip wireshark install, or mpip wireshark path.');
    }
    if (action === 'path') {
      if (dir !== undefined) throw new UsageError('--dir says where to install; mpip wireshark path takes none.');
      process.stdout.write(`${pluginPath()}\n`);
      return;
    }
    const folders = wiresharkFolders();
    const plugin = installPlugin(dir ?? folders.plugins);
    const lines = [`${sentence(plugin.outcome)}: ${plugin.path}`];
    if (dir === undefined) {
      for (const { path, outcome } of installProfile(folders.configuration))
        lines.push(`${sentence(outcome)}: ${path}`);
      lines.push(
        'Wireshark and tshark load the plugin at their next start.',
        `Columns and colours for MPIP: wireshark -C ${PROFILE}, or Edit > Configuration Profiles > ${PROFILE}.`,
      );
    } else lines.push(`tshark -X lua_script:${join(dir, 'mpip.lua')} loads it, when this is no folder of Wireshark's.`);
    process.stdout.write(`${lines.join('\n')}\n`);
  },
};

export default command;

function sentence(outcome: Outcome): string {
  return {
    installed: 'Installed',
    updated: 'Updated',
    unchanged: 'Up to date already',
    kept: 'Kept as it is, because it has been changed',
  }[outcome];
}
