// Which test files run beside each other. Most of the time of a test with real processes, kernels and clocks is waiting;
// those on a virtual clock only compute. One lane of each uses a machine of two cores, and the computing one, at a lower
// priority, does not disturb the other.
import { filesBelow } from './run.mjs';

const LIVE = /^build\/test\/(cli|e2e|io|lab|conformance\/mutant-live)\b/;

/** Every compiled test file, as paths from the root. */
export const testFiles = () => filesBelow('build/test', (name) => name.endsWith('.test.js'));

/** The lanes of `npm run verify`: a name, its files, and the niceness it runs with. */
export function lanes() {
  const files = testFiles();
  return [
    { name: 'live', niceness: 0, files: files.filter((path) => LIVE.test(path)) },
    { name: 'virtual', niceness: 10, files: files.filter((path) => !LIVE.test(path)) },
  ];
}
