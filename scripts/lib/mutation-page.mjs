// The results of npm run mutation: docs/mutation.json, and the page for people with the reason why a mutant is not found.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { ROOT } from './run.mjs';

export const RESULTS = 'docs/mutation.json';
export const PAGE = 'docs/mutation.md';
export const REASONS_FILE = 'scripts/lib/mutation-reasons.yaml';

/** In the order of the columns. */
const STATUSES = ['killed', 'timeout', 'inconclusive', 'survived', 'uncovered'];

/** What a rule may give as the reason. */
const REASONS = {
  limits: 'floods, hostile peers and long lives: no case may load a peer that it does not know that much',
  host: 'what only a real host shows: ICMP, MTUs, fragments, full interfaces, status, counters',
  nat: 'what NATs and firewalls do, and what the endpoint does about them',
  extension: 'what the paper does not ask for, so that no case may expect it',
  setting: 'a setting that the suite does not switch on',
  service: "the reference's own TCP and UDP services: where they fail, a case has nothing to judge",
  unobservable: 'MPIP, but nothing outside tells, or an implementation may do either',
  performance: 'saves work and changes nothing else',
};

/** Whether a case has found a mutant. */
export function isFound({ status }) {
  return status === 'killed' || status === 'timeout';
}

/** What the last run found, each mutant that is left as it was tried. */
export function readResults() {
  const { left, ...rest } = JSON.parse(readFileSync(join(ROOT, RESULTS), 'utf8'));
  const mutants = Object.entries(left).flatMap(([at, rows]) => {
    const [file, place] = at.split(' ');
    return rows.map(([id, status, mutator, original, replacement]) => {
      return { file, place, id, status, mutator, original, replacement };
    });
  });
  return { ...rest, left: mutants };
}

/**
 * The rules, each with `fits(mutant)`.
 * @throws Error when one gives a reason that there is not, or names a test that there is not.
 */
export function readRules() {
  const rules = parse(readFileSync(join(ROOT, REASONS_FILE), 'utf8'));
  return rules.map((rule) => {
    if (!Object.hasOwn(REASONS, rule.reason)) throw new Error(`${REASONS_FILE}: there is no reason ${rule.reason}.`);
    const missing = rule.tested?.find((path) => !existsSync(join(ROOT, path)));
    if (missing !== undefined) throw new Error(`${REASONS_FILE}: there is no ${missing}.`);
    const files = globs(rule.files);
    const places = globs(rule.places);
    const originals = globs(rule.originals);
    const replacements = globs(rule.replacements);
    const fits = ({ file, place, status, original, replacement }) =>
      files(file.slice(0, -'.ts'.length)) &&
      places(place) &&
      originals(original) &&
      replacements(replacement) &&
      (rule.status ?? status) === status;
    return { ...rule, fits };
  });
}

/** What tells whether a text is one of those that patterns with `*` stand for; no patterns stand for all. */
function globs(patterns) {
  if (patterns === undefined) return () => true;
  const escaped = patterns.map((pattern) =>
    pattern
      .split('*')
      .map((part) => part.replace(/[.+?^${}()|[\]\\#]/g, '\\$&'))
      .join('.*'),
  );
  const expression = new RegExp(`^(?:${escaped.join('|')})$`);
  return (text) => expression.test(text);
}

/**
 * Counts by file, and a line for each mutant that was not found, by file and place. `before`: what was found then stays
 * found.
 */
export function jsonOf(results, { source, tests, before }) {
  const files = new Map();
  const note = (file, status, count) => {
    const counts = files.get(file) ?? Object.fromEntries(STATUSES.map((one) => [one, 0]));
    counts[status] += count;
    files.set(file, counts);
  };
  for (const { file, status } of results) note(file, status, 1);
  for (const [file, { killed, timeout }] of Object.entries(before?.files ?? {})) {
    note(file, 'killed', killed);
    note(file, 'timeout', timeout);
  }
  const rows = [...files]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map((row) => `    ${row.map((part) => JSON.stringify(part)).join(': ')}`);
  const places = new Map();
  for (const one of results) {
    if (isFound(one)) continue;
    const { file, place, id, status, mutator, original, replacement } = one;
    const row = `      ${JSON.stringify([id, status, mutator, original, replacement])}`;
    const at = `${file} ${place}`;
    places.set(at, [...(places.get(at) ?? []), row]);
  }
  const left = [...places].map(([at, own]) => `    ${JSON.stringify(at)}: [\n${own.join(',\n')}\n    ]`);
  return [
    `{\n  "source": "${source}",\n  "tests": ${tests},`,
    `  "files": {\n${rows.join(',\n')}\n  },`,
    `  "left": {\n${left.join(',\n')}\n  }\n}\n`,
  ].join('\n');
}

/**
 * The page, of the results and the rules alone.
 * @throws Error when there is a rule that explains nothing.
 */
export function pageOf({ tests, files, left }) {
  const rules = readRules();
  const explained = new Map(rules.map((rule) => [rule, []]));
  const unexplained = [];
  for (const mutant of left) (explained.get(rules.find((rule) => rule.fits(mutant))) ?? unexplained).push(mutant);
  const idle = rules.find((rule) => explained.get(rule).length === 0);
  if (idle !== undefined) throw new Error(`${REASONS_FILE}: no mutant is left for the rule '${idle.why}'.`);
  const total = sum(Object.values(files));
  const found = total.killed + total.timeout;
  const count = STATUSES.reduce((all, status) => all + total[status], 0);
  const by = (reason) =>
    rules.filter((rule) => rule.reason === reason).reduce((all, rule) => all + explained.get(rule).length, 0);
  const about = count - left.length + unexplained.length;
  return [
    '# Mutation testing of the endpoint',
    '',
    'StrykerJS changes `src/endpoint` in one place at a time; the cases of `mpip check` that reach the place are played on the',
    'virtual clock, with fake TCP and with the UDP wrapper, until one fails. `npm run mutation` tries every mutant in some ten',
    'minutes of one core; `npm run mutation -- --again` tries those that were left, for whoever writes cases.',
    '',
    `${count} mutants (texts left out), ${tests} tests: **${share(found, count)} found**. A mutant that never ends counts as found; one that makes a`,
    'case inconclusive, or that no case reaches, does not. The cases are black-box tests of what the paper asks for, and the endpoint does',
    `much that it does not ask for: of the mutants for which there is no such reason, ${share(found, about)} are found.`,
    '',
    '## Not found, and why',
    '',
    'By the rules of `scripts/lib/mutation-reasons.yaml`, for parts of the code and not for single mutants: a mutant of such a part may be',
    'about something else. The files named test the code otherwise.',
    '',
    '| reason | mutants | |',
    '| --- | --- | --- |',
    ...Object.entries(REASONS).map(([reason, text]) => `| ${reason} | ${by(reason)} | ${text} |`),
    `| none | ${unexplained.length} | see below |`,
    '',
    ...Object.keys(REASONS).flatMap((reason) => section(reason, rules, explained)),
    '## Unexplained',
    '',
    'No rule is about these: cases to be written or sharpened, and mutants that are the same as the original.',
    '',
    '| file | score | place and mutants left |',
    '| --- | --- | --- |',
    ...Object.entries(files).flatMap(([file, counts]) => {
      const own = unexplained.filter((one) => one.file === file);
      if (own.length === 0) return [];
      const ownFound = counts.killed + counts.timeout;
      const places = [...new Set(own.map(({ place }) => place))].map((place) => {
        return `\`${place.split('.').at(-1)}\` ${own.filter((one) => one.place === place).length}`;
      });
      return [`| ${file} | ${share(ownFound, ownFound + own.length)} | ${places.join(', ')} |`];
    }),
    '',
    'What they change, and what that becomes:',
    '',
    ...unexplained.map(
      ({ file, place, status, original, replacement }) =>
        `- \`${file}\` ${place}${status === 'uncovered' ? ' (not reached)' : ''}: ${quoted(original)} → ${quoted(replacement)}`,
    ),
    '',
    '`docs/mutation.json` has the others, too.',
    '',
    '## By file',
    '',
    '| file | found | killed | timeout | inconclusive | survived | not reached |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    ...Object.entries(files).map(([file, counts]) => {
      const all = STATUSES.reduce((so, status) => so + counts[status], 0);
      const numbers = STATUSES.map((status) => counts[status]).join(' | ');
      return `| ${file} | ${share(counts.killed + counts.timeout, all)} | ${numbers} |`;
    }),
    '',
  ].join('\n');
}

/** A piece of code in Markdown. */
function quoted(code) {
  return code.includes('`') ? `\`\` ${code} \`\`` : `\`${code}\``;
}

function section(reason, rules, explained) {
  const own = rules.filter((rule) => rule.reason === reason);
  if (own.length === 0) return [];
  return [
    `### ${reason}`,
    '',
    '| mutants | files | places | why | tested by |',
    '| --- | --- | --- | --- | --- |',
    ...own.map((rule) => {
      const code = (list) => list?.map((one) => quoted(one).replaceAll('|', '\\|')).join(', ') ?? 'all';
      const { files, places, originals, replacements, why, tested } = rule;
      const changes = [originals, replacements].flatMap((list) => (list === undefined ? [] : [code(list)])).join(' → ');
      const where = [
        ...(places === undefined && changes !== '' ? [] : [code(places)]),
        ...(changes === '' ? [] : [changes]),
      ].join(': ');
      return `| ${explained.get(rule).length} | ${code(files)} | ${where} | ${why} | ${code(tested)} |`;
    }),
    '',
  ];
}

function sum(rows) {
  const total = Object.fromEntries(STATUSES.map((status) => [status, 0]));
  for (const row of rows) for (const status of STATUSES) total[status] += row[status];
  return total;
}

function share(part, all) {
  return `${((100 * part) / Math.max(1, all)).toFixed(1)} % of ${all}`;
}
