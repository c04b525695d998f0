// The page of npm run mutation for people: what was found by what, and the reason why no case finds a mutant.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { isFound, MOST_OWN_MS, STATUSES } from './mutation-results.mjs';
import { ROOT } from './run.mjs';

export const PAGE = 'docs/mutation.md';
export const REASONS_FILE = 'scripts/lib/mutation-reasons.yaml';

/** So many of the files whose tests find most are named for a rule. */
const MOST_FILES = 3;

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

/**
 * The rules, each with `fits(mutant)`.
 * @throws Error when one gives a reason that there is not, or names a test that there is not, or that is measured.
 */
export function readRules() {
  const rules = parse(readFileSync(join(ROOT, REASONS_FILE), 'utf8'));
  return rules.map((rule) => {
    if (!Object.hasOwn(REASONS, rule.reason)) throw new Error(`${REASONS_FILE}: there is no reason ${rule.reason}.`);
    const missing = rule.elsewhere?.find((path) => !existsSync(join(ROOT, path)));
    if (missing !== undefined) throw new Error(`${REASONS_FILE}: there is no ${missing}.`);
    const measured = rule.elsewhere?.find((path) => path.startsWith('test/endpoint/'));
    if (measured !== undefined) throw new Error(`${REASONS_FILE}: what ${measured} finds is measured and not named.`);
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
 * The page, of the results and the rules alone.
 * @throws Error when there is a rule that explains nothing.
 */
export function pageOf({ tests, ownTests, files, left }) {
  const rules = readRules();
  const explained = new Map(rules.map((rule) => [rule, []]));
  const unexplained = [];
  for (const mutant of left) (explained.get(rules.find((rule) => rule.fits(mutant))) ?? unexplained).push(mutant);
  const idle = rules.find((rule) => explained.get(rule).length === 0);
  if (idle !== undefined) throw new Error(`${REASONS_FILE}: no mutant is left for the rule '${idle.why}'.`);
  const total = sum(Object.values(files));
  const found = total.killed + total.timeout;
  const count = STATUSES.reduce((all, status) => all + total[status], 0);
  const by = (reason) => rules.filter((rule) => rule.reason === reason).flatMap((rule) => explained.get(rule));
  const tried = left.filter(isTried);
  const lost = tried.filter((one) => !isOwnFound(one));
  return [
    '# Mutation testing of the endpoint',
    '',
    'StrykerJS changes `src/endpoint` in one place at a time; the cases of `mpip check` that reach the place are played on the',
    'virtual clock, with fake TCP and with the UDP wrapper, until one fails. `npm run mutation` tries every mutant in some ten',
    'minutes of one core; `npm run mutation -- --again` tries those that were left, for whoever writes cases. What no case finds,',
    "`npm run mutation -- --own` tries with the endpoint's own tests (`test/endpoint`), in some thirty minutes: with the cheapest of those",
    `that reach the place, as many as take ${MOST_OWN_MS} ms, three at least, until one fails.`,
    '',
    `${count} mutants (texts left out), ${tests} tests: **${share(found, count)} found by cases${inAll(count, { ownTests, left, tried, lost })}**.`,
    '',
    'A test that fails is played again without the mutant: what earlier mutants left behind in the process finds none.',
    'A mutant that never ends counts as found; one that makes a case inconclusive, or that no case reaches, does not. The cases are',
    'black-box tests of what the paper asks for, and the endpoint does much that it does not ask for, or that they cannot see: of',
    `${left.length} mutants that no case finds, ${left.length - unexplained.length} have a reason of that kind, below.`,
    '',
    '## Not found by cases, and why',
    '',
    'By the rules of `scripts/lib/mutation-reasons.yaml`, for parts of the code and not for single mutants: a mutant of such a part may be',
    'about something else. What finds them was measured: how many of them the own tests find, and the files whose tests did it most often,',
    'the cheapest first. Of tests elsewhere, that need processes and kernels, the file is named and nothing measured.',
    '',
    '| reason | mutants | own tests find | |',
    '| --- | --- | --- | --- |',
    ...Object.entries(REASONS).map(
      ([reason, text]) => `| ${reason} | ${by(reason).length} | ${ownFound(by(reason))} | ${text} |`,
    ),
    `| none | ${unexplained.length} | ${ownFound(unexplained)} | see below |`,
    '',
    ...Object.keys(REASONS).flatMap((reason) => section(reason, rules, explained)),
    ...withoutReason(unexplained, files),
    '## By file',
    '',
    'What became of the mutants with the cases, what the own tests find of the rest, and what is left of it, by place.',
    '',
    '| file | found | killed | timeout | inconclusive | survived | not reached | own tests find | left | where |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    ...Object.entries(files).map(([file, counts]) => {
      const all = STATUSES.reduce((so, status) => so + counts[status], 0);
      const numbers = STATUSES.map((status) => counts[status]).join(' | ');
      const ofFile = left.filter((one) => one.file === file);
      const ofLost = lost.filter((one) => one.file === file);
      const rest = ofFile.some(isTried) ? `${ofLost.length} | ${placesOf(ofLost)}` : '– | ';
      return `| ${file} | ${share(counts.killed + counts.timeout, all)} | ${numbers} | ${ownFound(ofFile)} | ${rest} |`;
    }),
    '',
  ].join('\n');
}

/** What cases and own tests find together, once these were played: of all mutants, but for those that were not tried yet. */
function inAll(count, { ownTests, left, tried, lost }) {
  if (tried.length === 0) return '';
  const all = count - left.length + tried.length;
  const rest = tried.length === left.length ? '' : ` (${left.length - tried.length} are not tried with these yet)`;
  return `, ${share(all - lost.length, all)} by them and ${ownTests} own tests${rest}`;
}

function isTried({ own }) {
  return own !== undefined;
}

function isOwnFound(mutant) {
  return isTried(mutant) && isFound(mutant.own);
}

/** How many of the mutants the own tests find, and of how many where some were not tried. */
function ownFound(mutants) {
  const tried = mutants.filter(isTried).length;
  if (tried === 0) return '–';
  const found = mutants.filter(isOwnFound).length;
  return tried === mutants.length ? found : `${found} of ${tried}`;
}

/** Places and how many of the mutants each has. */
function placesOf(mutants) {
  const counts = countBy(mutants, ({ place }) => place.split('.').at(-1));
  return counts.map(([place, count]) => `\`${place}\` ${count}`).join(', ');
}

/** How many have the same name, in the order of the first of each. */
function countBy(list, nameOf) {
  const counts = new Map();
  for (const one of list) counts.set(nameOf(one), (counts.get(nameOf(one)) ?? 0) + 1);
  return [...counts];
}

/** The mutants that no rule is about. */
function withoutReason(unexplained, files) {
  if (unexplained.length === 0)
    return [
      '## Unexplained',
      '',
      'None: every mutant that no case finds has a reason. `docs/mutation.json` has them all.',
      '',
    ];
  return [
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
      return [`| ${file} | ${share(ownFound, ownFound + own.length)} | ${placesOf(own)} |`];
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
  ];
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
    '| mutants | own tests find | files | places | why | found by |',
    '| --- | --- | --- | --- | --- | --- |',
    ...own.map((rule) => {
      const code = (list) => list?.map((one) => quoted(one).replaceAll('|', '\\|')).join(', ') ?? 'all';
      const { files, places, originals, replacements, why } = rule;
      const changes = [originals, replacements].flatMap((list) => (list === undefined ? [] : [code(list)])).join(' → ');
      const where = [
        ...(places === undefined && changes !== '' ? [] : [code(places)]),
        ...(changes === '' ? [] : [changes]),
      ].join(': ');
      const mutants = explained.get(rule);
      return `| ${mutants.length} | ${ownFound(mutants)} | ${code(files)} | ${where} | ${why} | ${findersOf(mutants, rule)} |`;
    }),
    '',
  ];
}

/** The files with the tests that find most of the mutants and how many, and those that the rule names elsewhere. */
function findersOf(mutants, { elsewhere = [] }) {
  const byTests = mutants.filter((one) => isOwnFound(one) && one.own.by !== undefined);
  const most = countBy(byTests, ({ own }) => own.by)
    .sort(([, a], [, b]) => b - a)
    .slice(0, MOST_FILES)
    .map(([file, count]) => `\`${file}\` ${count}`);
  return [...most, ...elsewhere.map((path) => `\`${path}\``)].join(', ');
}

function sum(rows) {
  const total = Object.fromEntries(STATUSES.map((status) => [status, 0]));
  for (const row of rows) for (const status of STATUSES) total[status] += row[status];
  return total;
}

function share(part, all) {
  return `${((100 * part) / Math.max(1, all)).toFixed(1)} % of ${all}`;
}
