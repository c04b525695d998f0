import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where Wireshark keeps what belongs to one user. */
export interface WiresharkFolders {
  /** "Personal Lua Plugins" under Help, About, Folders. */
  readonly plugins: string;
  /** "Personal configuration"; profiles are below it. */
  readonly configuration: string;
}

/**
 * The folders as Wireshark 3.6 and later finds them: WIRESHARK_CONFIG_DIR, XDG_CONFIG_HOME and, on Windows, APPDATA count;
 * an old ~/.wireshark is used where there is nothing newer. (WIRESHARK_PLUGIN_DIR is the folder of all users.)
 * @param environment as `process.env`; @param platform as `process.platform`
 */
export function wiresharkFolders(
  environment: Readonly<Record<string, string | undefined>> = process.env,
  platform: string = process.platform,
): WiresharkFolders {
  const given = environment.WIRESHARK_CONFIG_DIR;
  const home = environment.HOME || homedir();
  if (platform === 'win32') {
    const data = environment.WIRESHARK_APPDATA || environment.APPDATA || join(home, 'AppData', 'Roaming');
    const configuration = given || join(data, 'Wireshark');
    return { configuration, plugins: join(configuration, 'plugins') };
  }
  const newer = join(environment.XDG_CONFIG_HOME || join(home, '.config'), 'wireshark');
  const older = join(home, '.wireshark');
  return {
    configuration: given || (!existsSync(newer) && existsSync(older) ? older : newer),
    plugins: join(home, '.local', 'lib', 'wireshark', 'plugins'),
  };
}
