// Generated parts of documents: between `<!-- generated: NAME -->` and `<!-- end: NAME -->`.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './run.mjs';

/**
 * The text of a document with one generated part replaced.
 * @throws Error when the document has no such part.
 */
export function withGenerated(document, name, content) {
  const begin = `<!-- generated: ${name} -->`;
  const end = `<!-- end: ${name} -->`;
  const from = document.indexOf(begin);
  const to = document.indexOf(end);
  if (from < 0 || to < from) throw new Error(`There is no generated part '${name}'.`);
  return `${document.slice(0, from + begin.length)}\n\n${content.trim()}\n\n${document.slice(to)}`;
}

/** Writes parts of a document, given as `{ NAME: content }`. With `check` only says whether it is stale. */
export function updateDocument(path, parts, { check = false } = {}) {
  const before = readFileSync(join(ROOT, path), 'utf8');
  const after = Object.entries(parts).reduce((text, [name, content]) => withGenerated(text, name, content), before);
  if (after !== before && !check) writeFileSync(join(ROOT, path), after);
  return after !== before;
}
