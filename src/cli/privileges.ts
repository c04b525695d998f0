import { chownSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Identity } from '../io/identity.js';
import { makeFolder } from '../io/make-folder.js';

/** Linux's and POSIX's number for somebody without rights, where /etc/passwd has no `nobody`. */
const NOBODY = 65_534;

/** True when there is something to give up. */
export function isSuperuser(): boolean {
  return process.getuid?.() === 0;
}

/** Whom this process serves: the user who called sudo, else `nobody`. */
export function humbleIdentity(env: NodeJS.ProcessEnv = process.env, passwords = readText('/etc/passwd')): Identity {
  const uid = Number(env.SUDO_UID);
  const gid = Number(env.SUDO_GID);
  if (Number.isInteger(uid) && Number.isInteger(gid) && uid > 0 && gid > 0) return { uid, gid };
  const [, nobodyUid, nobodyGid] = /^nobody:[^:]*:(\d+):(\d+):/m.exec(passwords) ?? [];
  return { uid: Number(nobodyUid ?? NOBODY), gid: Number(nobodyGid ?? NOBODY) };
}

/**
 * Makes a folder in which `identity` may write; files in it that it writes anew become its own too.
 * @throws the system's error.
 */
export function giveFolder(folder: string, { uid, gid }: Identity): void {
  makeFolder(folder);
  if (statSync(folder).uid !== uid) chownSync(folder, uid, gid);
  for (const entry of readdirSync(folder, { withFileTypes: true }))
    if (entry.isFile() && /\.(pcapng|ndjson)$/.test(entry.name)) chownSync(join(folder, entry.name), uid, gid);
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
