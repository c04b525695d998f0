import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { labPage } from './report-page.js';
import type { LabResults } from './results.js';
import { RESULTS_FILE } from './run-lab.js';

/** The page with everything that a run found. */
export const REPORT_FILE = 'report.html';

/** Writes what people read of a run. @returns the paths of everything written. */
export function writeLabReport(results: LabResults, folder: string): string[] {
  const page = join(folder, REPORT_FILE);
  writeFileSync(page, labPage(results));
  return [join(folder, RESULTS_FILE), page];
}
