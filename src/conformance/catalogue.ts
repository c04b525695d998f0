import type { TestCase } from './case.js';
import { REQUIREMENTS, type Requirement } from './requirements.js';

/** A requirement with what tests it. */
export interface CatalogueEntry extends Requirement {
  /** Ids of the cases that cover it. */
  readonly cases: readonly string[];
  /** Why no case can cover it; null where cases do, or where one is still to be written. */
  readonly withoutCase: string | null;
}

/** Why nothing outside the peer can see a requirement. */
const UNSEEN: Readonly<Record<string, string>> = {
  'MPIP-GEN-05':
    'it is about how the peer was started, which no packet shows; the runs of the reference use its defaults',
  'MPIP-NID-01': "it needs the MAC addresses of the peer's host, which no IP packet carries",
  'MPIP-PA-04':
    'a cap is an option of the peer: without one every path is used, with one fewer are, and both agree with the paper',
  'MPIP-SE-11': 'fixed weights are an option of the peer: nothing that the tester sends can ask for it',
  'MPIP-PA-07': 'a mapping that is left behind changes no packet: only the tables of the peer show it',
  'MPIP-SE-09':
    'Qmax stands in Table 3 and enters no equation that decides about packets: only the tables of the peer show it',
};

/** Every requirement with the cases that cover it, or the reason why none can. */
export function requirementCatalogue(cases: readonly TestCase[]): CatalogueEntry[] {
  return REQUIREMENTS.map((requirement) => {
    const covering = cases.filter((testCase) => testCase.requirements.includes(requirement.id)).map(({ id }) => id);
    return { ...requirement, cases: covering, withoutCase: covering.length > 0 ? null : reasonOf(requirement) };
  });
}

function reasonOf({ id, observable }: Requirement): string | null {
  if (observable === 'lab') return 'a measurement of the paper, to be repeated by an experiment, not by a case';
  return UNSEEN[id] ?? null;
}

/** The catalogue for people, an entry a paragraph. */
export function catalogueText(entries: readonly CatalogueEntry[]): string {
  const lines = entries.flatMap((entry) => [
    `${entry.id}  ${entry.level}, section ${entry.section}${entry.isJudgement ? ' (judgement)' : ''}, seen from outside: ${entry.observable}`,
    `  ${entry.text}.`,
    `  ${coverageWords(entry)}`,
    '',
  ]);
  return `${[...lines, `${sumWords(entries)}`].join('\n')}\n`;
}

/** The catalogue as Markdown: a table for each area. */
export function catalogueMarkdown(entries: readonly CatalogueEntry[]): string {
  const areas = [...new Set(entries.map(({ area }) => area))];
  const parts = areas.flatMap((area) => [
    `## ${area}`,
    [
      '| id | section | level | seen from outside | requirement | cases |',
      '| --- | --- | --- | --- | --- | --- |',
      ...entries
        .filter((entry) => entry.area === area)
        .map((entry) => {
          const level = `${entry.level}${entry.isJudgement ? ' (judgement)' : ''}`;
          const covered =
            entry.cases.length > 0 ? entry.cases.map((id) => `\`${id}\``).join(' ') : coverageWords(entry);
          return `| ${entry.id} | ${entry.section} | ${level} | ${entry.observable} | ${cell(entry.text)} | ${cell(covered)} |`;
        }),
    ].join('\n'),
  ]);
  return `${[sumWords(entries), ...parts].join('\n\n')}\n`;
}

function coverageWords({ cases, withoutCase }: CatalogueEntry): string {
  if (cases.length > 0) return `Cases: ${cases.join(' ')}`;
  return withoutCase === null ? 'No case yet.' : `No case: ${withoutCase}.`;
}

function sumWords(entries: readonly CatalogueEntry[]): string {
  const covered = entries.filter(({ cases }) => cases.length > 0).length;
  const reasoned = entries.filter(({ withoutCase }) => withoutCase !== null).length;
  const open = entries.length - covered - reasoned;
  return `${entries.length} requirements: ${covered} covered by cases, ${reasoned} that no case can cover, ${open} without a case yet.`;
}

/** Text in a Markdown table: the paper's `*` are no emphasis. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('*', '\\*');
}
