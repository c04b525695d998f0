import { cpSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { mergedSummary, type RunSummary } from '../fuzz/summary.js';
import { makeFolder } from '../io/make-folder.js';
import { FaultError } from './exit.js';

/**
 * Joins the results of shards: one summary, and of findings of one group the one that shows most surely with fewest packets.
 * @throws FaultError for a folder without a summary, or one that cannot be written.
 */
export function mergeFolders(folders: readonly string[], out: string): RunSummary {
  const merged = mergedSummary(folders.map(readSummary));
  try {
    makeFolder(join(out, 'findings'));
    const findings = merged.findings.map((finding) => {
      const from = folders
        .map((folder) => join(folder, 'findings', finding.id))
        .find((path) => path === finding.folder);
      const source =
        from ?? folders.map((folder) => join(folder, 'findings', finding.id)).find((path) => existsSync(path));
      if (source === undefined) return { ...finding, folder: null };
      const folder = join(out, 'findings', finding.id);
      cpSync(source, folder, { recursive: true });
      return { ...finding, folder };
    });
    return { ...merged, findings };
  } catch (error) {
    throw new FaultError(`The merged result cannot be written to ${out}: ${(error as Error).message}.`);
  }
}

function readSummary(folder: string): RunSummary {
  const path = join(folder, 'summary.json');
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as RunSummary;
  } catch (error) {
    throw new FaultError(
      `${path} cannot be read: ${(error as Error).message}; give the folder that a shard wrote with --out.`,
    );
  }
}
