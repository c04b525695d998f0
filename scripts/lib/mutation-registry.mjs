// What the endpoint's own tests get for node:test in npm run mutation: it keeps the tests, so that each can be played alone.

/** What a test does, by the name of its file and its own. */
export const REGISTRY = new Map();

/** `node:test` for one file: as much of it as tests on the virtual clock use. */
export function registryOf(file) {
  const suites = [];
  const test = (name, play) => {
    const id = [file, ...suites, name].join(' > ');
    if (REGISTRY.has(id)) throw new Error(`${file} has two tests with the name ${name}.`);
    REGISTRY.set(id, play);
  };
  const describe = (name, declare) => {
    suites.push(name);
    declare();
    suites.pop();
  };
  return { test, describe };
}

/** The file of a test, without what all of them end with. */
export function fileOf(id) {
  return id.slice(0, id.indexOf('.test.ts > '));
}

/** The verdict of a test: `pass` or `fail`. */
export async function verdictOf(id) {
  try {
    await REGISTRY.get(id)();
    return 'pass';
  } catch {
    return 'fail';
  }
}
