import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeFolder } from '../io/make-folder.js';
import { FaultError } from './exit.js';

/** A file that is put where Wireshark looks for it. */
interface Installable {
  /** In the package, below wireshark/. */
  readonly source: string;
  /** Text of every version of it, which tells ours from somebody's own. */
  readonly mark: string;
}

const PLUGIN: Installable = { source: 'mpip.lua', mark: 'Multipath IP (MPIP) for Wireshark and tshark' };
const PROFILE_FILES: readonly Installable[] = [
  { source: 'profile/colorfilters', mark: '# Colouring rules of the profile MPIP' },
  { source: 'profile/preferences', mark: '# Columns of the profile MPIP' },
];
/** Name of the configuration profile. */
export const PROFILE = 'MPIP';

/** Folder of the package's files, seen from the bundle and from the compiled tests. */
const FOLDERS = ['../../wireshark', '../../../wireshark'].map((path) => fileURLToPath(new URL(path, import.meta.url)));

/**
 * Path of a file of the package.
 * @throws FaultError when the installation lacks it
 */
function packaged(source: string): string {
  const found = FOLDERS.map((folder) => join(folder, source)).find((path) => existsSync(path));
  if (found === undefined)
    throw new FaultError(`This installation of mpip lacks wireshark/${source}: install it again.`);
  return found;
}

/**
 * Path of the plugin in the package, for `tshark -X lua_script:PATH`.
 * @throws FaultError when the installation lacks it
 */
export function pluginPath(): string {
  return packaged(PLUGIN.source);
}

/** What became of a file: `kept` = it is there, and is not ours to overwrite. */
export type Outcome = 'installed' | 'updated' | 'unchanged' | 'kept';

/**
 * Copies the plugin into `folder`, which is made when it is missing.
 * @throws FaultError when a file of another origin has its name there, or it cannot be written
 */
export function installPlugin(folder: string): { path: string; outcome: Outcome } {
  const result = copy(PLUGIN, join(folder, 'mpip.lua'));
  if (result.outcome === 'kept') {
    throw new FaultError(
      `${result.path} is not a plugin of mpip, so it is left alone: move it away, or name another folder with --dir.`,
    );
  }
  return result;
}

/**
 * Copies the files of the profile MPIP into `configuration`/profiles. What is not ours any more (Wireshark writes a
 * profile anew when its user changes it) is kept.
 * @throws FaultError when a file cannot be written
 */
export function installProfile(configuration: string): { path: string; outcome: Outcome }[] {
  return PROFILE_FILES.map((file) =>
    copy(file, join(configuration, 'profiles', PROFILE, file.source.replace('profile/', ''))),
  );
}

function copy({ source, mark }: Installable, path: string): { path: string; outcome: Outcome } {
  const ours = readFileSync(packaged(source));
  try {
    if (existsSync(path)) {
      const present = readFileSync(path);
      if (present.equals(ours)) return { path, outcome: 'unchanged' };
      if (!present.includes(mark)) return { path, outcome: 'kept' };
      writeFileSync(path, ours);
      return { path, outcome: 'updated' };
    }
    makeFolder(dirname(path));
    writeFileSync(path, ours);
  } catch (error) {
    throw new FaultError(`${path} cannot be written: ${(error as Error).message}; name another folder with --dir.`);
  }
  return { path, outcome: 'installed' };
}
