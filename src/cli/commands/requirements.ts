import type { CommandModule } from 'yargs';
import { CASES, catalogueMarkdown, catalogueText, requirementCatalogue } from '../../conformance/index.js';
import { UsageError } from '../exit.js';
import { nearest, oneOf, repeatable, single } from '../options.js';

interface RequirementsArguments {
  readonly format: string | undefined;
  readonly area: string[];
  readonly requirement: string[];
}

const command: CommandModule<object, RequirementsArguments> = {
  command: 'requirements',
  describe: 'print every requirement of the paper and the cases that cover it',
  builder: (yargs) =>
    yargs
      .usage(
        'mpip requirements [--format text|json|markdown] [--area AREA]... [--requirement ID]...\n\nPrints every testable statement of the paper: id, level, section, whether it can be seen from outside, and the cases of mpip check that cover it or the reason why none can.',
      )
      .option('format', single('text, json or markdown (default text)'))
      .option('area', repeatable('only requirements of this area, such as AV'))
      .option('requirement', repeatable('only this requirement, such as MPIP-AV-14')) as never,
  handler: async ({ format, area, requirement }) => {
    const shape = oneOf('--format', format ?? 'text', ['text', 'json', 'markdown'] as const);
    const all = requirementCatalogue(CASES);
    const areas = area.map((name) => name.toUpperCase());
    const ids = requirement.map((id) => id.toUpperCase());
    known('area', areas, new Set(all.map((entry) => entry.area)));
    known('requirement', ids, new Set(all.map((entry) => entry.id)));
    const entries = all.filter(
      (entry) => (areas.length === 0 || areas.includes(entry.area)) && (ids.length === 0 || ids.includes(entry.id)),
    );
    if (entries.length === 0) throw new UsageError('No requirement is in these areas and has one of these ids.');
    const print = {
      text: catalogueText,
      markdown: catalogueMarkdown,
      json: (list: unknown) => `${JSON.stringify(list, null, 2)}\n`,
    };
    process.stdout.write(print[shape](entries));
  },
};

export default command;

/** @throws UsageError with a near match for a name that does not exist. */
function known(kind: string, names: readonly string[], all: ReadonlySet<string>): void {
  const wrong = names.find((name) => !all.has(name));
  if (wrong === undefined) return;
  const near = nearest(wrong, [...all]);
  throw new UsageError(
    `There is no ${kind} '${wrong}'${near === undefined ? '; mpip requirements lists all of them.' : `; did you mean '${near}'?`}`,
  );
}
